"""PLRNN, almost-linear RNN and dendritic PLRNN: the fused kernels against plain torch, which is their specification."""

import functools

import numpy as np
import pytest
import torch
from forced_cases import random_batch, to_torch

from dysyr.core.errors import InputError
from dysyr.kernels import elementwise_plrnn as fused
from dysyr.kernels import elementwise_plrnn_reference as twin
from dysyr.kernels import forced_windows as forced
from dysyr.kernels import forced_windows_reference as reference
from dysyr.kernels import shallow_plrnn
from dysyr.kernels.vector_code import LANES

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}
PLRNN, DENDRITIC = fused.Form(0, False, True), fused.Form(0, False, False)


def random_model(latent_dim, n_bases, n_observed, n_inputs, affine, dtype=np.float64, seed=0):
    shapes = fused.shapes(latent_dim, n_bases, n_observed, n_inputs, affine)
    flat = np.random.default_rng(seed).normal(scale=0.3, size=forced.n_parameters(shapes)).astype(dtype)
    p = forced.views(flat, shapes)
    p.A[:] = 0.6
    np.fill_diagonal(p.W, 0)
    return shapes, flat


def gradient(theta, shapes, batch, count, strength, form, affine, owner):
    ws = fused.workspace(shapes, strength.shape[1], theta.dtype, n_models=len(theta))
    if affine:
        for m, row in enumerate(theta):
            ws.pseudo[m] = np.linalg.pinv(forced.views(row, shapes).B)
    grad, losses = np.zeros_like(theta), np.zeros(len(theta))
    fused.add_loss_and_gradient(
        theta, grad, forced.offsets(shapes), owner, batch, count, strength, form, affine, ws, losses
    )  # fmt: skip
    return losses, grad


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("form", "latent_dim", "n_bases", "n_observed", "n_inputs", "affine", "n_steps"),
    [
        (PLRNN, 7, 0, 3, 2, False, 13),
        (PLRNN, 3, 0, 3, 0, False, 1),
        (fused.Form(5, False, False), 7, 0, 7, 0, False, 21),
        (fused.Form(11, False, False), 12, 0, 5, 1, True, 9),
        (DENDRITIC, 6, 5, 2, 1, False, 17),
        (fused.Form(0, True, False), 5, 3, 5, 0, True, 12),
    ],
)
def test_gradient_equals_autograd(dtype, form, latent_dim, n_bases, n_observed, n_inputs, affine, n_steps):
    shapes, flat = random_model(latent_dim, n_bases, n_observed, n_inputs, affine, dtype)
    batch, count = random_batch(shapes, 2, n_steps + 1, dtype)
    strength = np.full((1, n_steps), 0.3, dtype)
    total = np.array([count.sum()])
    losses, grad = gradient(flat[None], shapes, batch, total, strength, form, affine, np.zeros(2, np.int64))

    tensors = fused.Parameters(
        *(torch.tensor(part.astype(np.float64), requires_grad=True) for part in forced.views(flat, shapes))
    )
    expected = sum(
        reference.loss(
            functools.partial(twin.step, form=form), tensors,
            *(to_torch(part[g]) for part in (batch.x, batch.seen, batch.observed, batch.counts)),
            to_torch(batch.u[g]) if n_inputs else None, torch.tensor(strength[0], dtype=torch.float64), affine=affine,
        ) * (count[g] / total[0])
        for g in range(2)
    )  # fmt: skip
    expected.backward()
    assert losses[0] == pytest.approx(expected.item(), rel=TOLERANCE[dtype])
    scale = max(float(part.grad.abs().max()) for part in tensors if part.grad is not None and part.numel())
    for name, part, tensor in zip(shapes._fields, forced.views(grad[0], shapes), tensors, strict=True):
        if part.size:
            wanted = np.zeros(part.shape) if tensor.grad is None else tensor.grad.numpy()
            np.testing.assert_allclose(part, wanted, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=name)


def test_models_in_one_call_have_the_bits_of_models_alone():
    form, owner = fused.Form(2, False, False), np.array([0, 1, 1])
    shapes, first = random_model(5, 0, 3, 0, False, np.float32)
    theta = np.stack([first, random_model(5, 0, 3, 0, False, np.float32, seed=4)[1]])
    batch, count = random_batch(shapes, 3, 10, np.float32)
    counts = np.array([count[0], count[1] + count[2]])
    strength = np.full((2, 9), 0.1, np.float32)
    losses, grad = gradient(theta, shapes, batch, counts, strength, form, False, owner)
    for m in range(2):
        own = forced.Batch(*(part[owner == m] for part in batch))
        alone, slope = gradient(
            theta[[m]], shapes, own, counts[[m]], strength[[m]], form, False, np.zeros((owner == m).sum(), np.int64)
        )  # fmt: skip
        assert losses[m] == alone[0]
        np.testing.assert_array_equal(grad[m], slope[0])


@pytest.mark.parametrize("family", [fused, shallow_plrnn])
def test_more_variables_than_units_need_a_readout(family):
    with pytest.raises(InputError, match="a unit for each variable: 3 variables, 2 units: add units or a readout"):
        family.shapes(2, 5, 3, 0, False)
    assert forced.n_observed(family.shapes(2, 5, 3, 0, True)) == 3


def test_a_plrnn_is_a_shallow_plrnn_whose_hidden_layer_is_the_identity():
    latent_dim, n_steps = 4, 15
    shapes, flat = random_model(latent_dim, 0, 2, 1, False)
    p = forced.views(flat, shapes)
    wide = shallow_plrnn.shapes(latent_dim, latent_dim, 2, 1, False)
    other = np.zeros(forced.n_parameters(wide))
    q = forced.views(other, wide)
    q.A[:], q.W1[:], q.W2[:], q.h1[:], q.C[:], q.L[:] = p.A, p.W, np.eye(latent_dim), p.h, p.C, p.L
    batch, count = random_batch(shapes, 1, n_steps + 1)
    strength, owner, losses = np.full((1, n_steps), 0.2), np.zeros(1, np.int64), np.zeros(1)
    grad, ws = np.zeros((1, other.size)), shallow_plrnn.workspace(wide, n_steps, np.float64)
    shallow_plrnn.add_loss_and_gradient(
        other[None], grad, forced.offsets(wide), owner, batch, count, strength, False, False, ws, losses
    )  # fmt: skip
    mine, own = gradient(flat[None], shapes, batch, count, strength, fused.Form(0, False, False), False, owner)
    assert mine[0] == pytest.approx(losses[0], rel=1e-12)
    np.testing.assert_allclose(forced.views(own[0], shapes).W, forced.views(grad[0], wide).W1, rtol=1e-9, atol=1e-15)


def test_an_almost_linear_network_without_rectified_units_is_a_linear_map():
    """Without forcing the states are the powers of A + W."""
    shapes, flat = random_model(3, 0, 3, 0, False)
    p = forced.views(flat, shapes)
    p.h[:] = 0
    batch = forced.empty_batch(shapes, 1, 7, np.float64)
    batch.x[:] = batch.seen[:] = np.random.default_rng(0).normal(size=batch.x.shape)
    ws = fused.workspace(shapes, 6, np.float64)
    common = flat[None], forced.offsets(shapes), np.zeros(1, np.int64), batch, 0
    forced.prepare(*common, False, ws)
    fused.forward(*common, np.zeros((1, 6)), fused.Form(3, False, False), False, ws)
    expected = np.linalg.matrix_power(np.diag(p.A) + p.W, 6) @ batch.x[0, 0]
    np.testing.assert_allclose(ws.z[0, 6], expected, rtol=1e-12)
    assert ws.z.shape[-1] == LANES
