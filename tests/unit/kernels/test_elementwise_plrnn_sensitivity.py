"""Derivatives of the predictions of elementwise PLRNNs against autograd through the plain recurrence."""

import functools

import numpy as np
import pytest
import torch
from forced_cases import random_batch, to_torch

from dysyr.kernels import elementwise_plrnn as fused
from dysyr.kernels import elementwise_plrnn_reference as twin
from dysyr.kernels import forced_windows as forced
from dysyr.kernels import forced_windows_reference as reference
from dysyr.kernels.elementwise_plrnn import Form
from dysyr.kernels.elementwise_plrnn_sensitivity import STEPS_PER_BLOCK, n_refined, sensitivities

GROUP, LANE = 1, 5


def forward(shapes, flat, batch, strength, form, affine):
    """The workspace after a forward pass of two groups of windows."""
    ws = fused.workspace(shapes, len(strength), np.float64, n_groups=2)
    if affine:
        ws.pseudo[0] = np.linalg.pinv(forced.views(flat, shapes).B)
    common = flat[None], forced.offsets(shapes), np.zeros(2, np.int64), batch, 0
    forced.prepare(*common, affine, ws)
    fused.forward(*common, strength[None], form, affine, ws)
    return ws


@pytest.mark.parametrize(
    ("form", "latent_dim", "n_bases", "n_observed", "n_inputs", "affine", "n_steps"),
    [
        (Form(0, False, True), 5, 0, 3, 2, False, 9),
        (Form(0, False, True), 2, 0, 2, 0, False, 1),
        (Form(8, False, False), 11, 0, 2, 0, False, 2 * STEPS_PER_BLOCK + 3),
        (Form(4, False, False), 4, 0, 6, 1, True, 7),
        (Form(0, False, False), 4, 5, 2, 1, False, 8),
        (Form(0, True, False), 3, 4, 3, 0, True, 11),
    ],
)
def test_sensitivities_equal_autograd(form, latent_dim, n_bases, n_observed, n_inputs, affine, n_steps):
    shapes = fused.shapes(latent_dim, n_bases, n_observed, n_inputs, affine)
    flat = np.random.default_rng(0).normal(scale=0.4, size=forced.n_parameters(shapes))
    p = forced.views(flat, shapes)
    p.A[:] = 0.7
    if form.hollow:
        np.fill_diagonal(p.W, 0)
    batch, _ = random_batch(shapes, 2, n_steps + 1, seed=3)
    strength = np.linspace(0, 0.5, n_steps)
    ws = forward(shapes, flat, batch, strength, form, affine)
    size = n_refined(shapes)
    rows = np.full((n_steps, n_observed, size), np.nan)
    sensitivities(p, batch, GROUP, LANE, strength, 1, form, affine, ws, rows)
    readout = torch.tensor(flat[size:])

    def ahead(theta):
        whole = forced.views(torch.cat([theta, readout]), shapes)
        seen, observed, drive = (to_torch(part[GROUP])[[LANE]] for part in (batch.seen, batch.observed, batch.u))
        return reference.predictions(
            functools.partial(twin.step, form=form), whole, seen, observed, drive if n_inputs else None,
            torch.tensor(strength), affine=affine,
        )[0]  # fmt: skip

    weight = batch.counts[GROUP, 1:, :, LANE]
    assert 0 < weight.sum() < weight.size or n_steps == 1
    expected = torch.autograd.functional.jacobian(ahead, torch.tensor(flat[:size])).numpy() * weight[:, :, None]
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    assert np.abs(rows).sum() > 0


def test_every_third_row_is_a_third_of_all_rows():
    shapes, n_steps = fused.shapes(7, 0, 3, 0, False), 22
    flat = np.random.default_rng(1).normal(scale=0.3, size=forced.n_parameters(shapes))
    batch, _ = random_batch(shapes, 2, n_steps + 1, seed=3)
    strength, form = np.full(n_steps, 0.1), Form(4, False, False)
    ws = forward(shapes, flat, batch, strength, form, False)
    whole, third = np.empty((n_steps, 3, n_refined(shapes))), np.full((n_steps // 3, 3, n_refined(shapes)), np.nan)
    for every, rows in ((1, whole), (3, third)):
        sensitivities(forced.views(flat, shapes), batch, GROUP, LANE, strength, every, form, False, ws, rows)
    np.testing.assert_allclose(third, whole[2::3], rtol=1e-12, atol=1e-14)


def test_rows_give_the_gradient_of_the_loss():
    """sum of errors times rows is half the gradient that the backward pass finds."""
    shapes, n_steps, form = fused.shapes(6, 0, 2, 1, False), 14, Form(3, False, False)
    flat = np.random.default_rng(2).normal(scale=0.3, size=forced.n_parameters(shapes))
    batch, count = random_batch(shapes, 2, n_steps + 1, seed=8)
    batch.counts[:GROUP] = 0
    batch.counts[GROUP, :, :, np.arange(16) != LANE] = 0
    count, strength = np.array([batch.counts[:, 1:].sum()]), np.full((1, n_steps), 0.2)
    ws, grad = fused.workspace(shapes, n_steps, np.float64, n_groups=2), np.zeros((1, flat.size))
    fused.add_loss_and_gradient(
        flat[None], grad, forced.offsets(shapes), np.zeros(2, np.int64), batch, count, strength, form, False, ws,
        np.zeros(1),
    )  # fmt: skip
    rows = np.empty((n_steps, 2, n_refined(shapes)))
    sensitivities(forced.views(flat, shapes), batch, GROUP, LANE, strength[0], 1, form, False, ws, rows)
    errors = ws.z[GROUP, 1:, :2, LANE] - batch.x[GROUP, 1:, :, LANE]
    np.testing.assert_allclose(2 * np.tensordot(errors, rows) / count[0], grad[0], rtol=1e-9, atol=1e-13)
