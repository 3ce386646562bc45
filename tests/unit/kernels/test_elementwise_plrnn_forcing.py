"""Forcing strengths of elementwise PLRNNs by the definitions of the estimators."""

import numpy as np
import pytest
import torch

from dysyr.kernels import elementwise_plrnn as fused
from dysyr.kernels import elementwise_plrnn_reference as twin
from dysyr.kernels import forced_windows as forced
from dysyr.kernels.elementwise_plrnn import Form
from dysyr.kernels.elementwise_plrnn_forcing import growth
from dysyr.kernels.forcing import ESTIMATORS
from dysyr.kernels.vector_code import LANES


def jacobians_by_autograd(p, form, zbar):
    """(time, lane, M, M) Jacobians of the plain step."""
    tensors = fused.Parameters(*(torch.tensor(part) for part in p))

    def step(s):
        return twin.step(tensors, s[None], form=form)[0]

    points = torch.tensor(np.ascontiguousarray(zbar.transpose(0, 2, 1)))
    return np.array([[torch.autograd.functional.jacobian(step, s).numpy() for s in row] for row in points])


@pytest.mark.parametrize(
    ("form", "n_bases", "greatest"),
    [
        (Form(0, False, True), 0, 1.0),
        (Form(3, False, False), 0, 1.0),
        (Form(0, False, False), 3, None),
        (Form(0, True, False), 3, None),
    ],
)
def test_estimators_by_their_definition(form, n_bases, greatest):
    rng, n_steps = np.random.default_rng(6), 9
    shapes = fused.shapes(5, n_bases, 5, 0, False)
    p = forced.views(rng.normal(size=forced.n_parameters(shapes)), shapes)
    if form.hollow:
        np.fill_diagonal(p.W, 0)
    zbar = rng.normal(size=(n_steps, 5, LANES))
    jacobians = jacobians_by_autograd(p, form, zbar)
    norms = np.linalg.norm(jacobians, 2, axis=(2, 3))
    signed = np.exp(np.log(np.maximum(np.abs(jacobians), 1e-30)).mean(0)) * np.copysign(
        1, np.copysign(1, jacobians).sum(0)
    )
    if greatest is None:
        grid = np.sort(np.concatenate([p.H.ravel(), [0.0]]))[:, None, None] + 1e-9
        slopes = (grid > p.H) @ p.alpha - form.clipped * p.alpha.sum() * (grid[..., 0] > 0)
        greatest = np.abs(slopes).max()
    sigma = {
        "arithmetic_mean": np.linalg.norm(jacobians.mean(0), 2, axis=(1, 2)).max(),
        "product_upper_bound": np.exp(np.log(norms).mean(0)).max(),
        "explog": np.linalg.norm(signed, 2, axis=(1, 2)).max(),
        "batch_maximum": norms.max(),
        "jacobian_upper_bound": np.abs(p.A).max() + np.linalg.norm(p.W, 2) * greatest,
    }
    for index, name in enumerate(ESTIMATORS):
        assert growth(p, zbar, n_steps, LANES, form, index, 1) == pytest.approx(sigma[name], rel=1e-9), name
    assert sigma["batch_maximum"] <= sigma["jacobian_upper_bound"]
    every_fifth = np.exp(np.log(norms[::5]).mean(0)).max()
    at = ESTIMATORS.index("product_upper_bound")
    assert growth(p, zbar, n_steps, LANES, form, at, 5) == pytest.approx(every_fifth)
    some_lanes = np.linalg.norm(jacobians[:7, :3].mean(0), 2, axis=(1, 2)).max()
    assert growth(p, zbar, 7, 3, form, 0, 1) == pytest.approx(some_lanes, rel=1e-9)
    partly = zbar * np.array([1, 1, 0, 0, 0])[:, None]
    observed = np.ascontiguousarray(zbar[:, :2])
    for index, name in enumerate(ESTIMATORS):
        of_all = growth(p, partly, n_steps, LANES, form, index, 1)
        assert growth(p, observed, n_steps, LANES, form, index, 1) == pytest.approx(of_all, rel=1e-12), name


def test_parameters_in_single_precision_give_the_same_strength():
    rng, form = np.random.default_rng(7), Form(2, False, False)
    shapes = fused.shapes(5, 0, 4, 0, False)
    flat = rng.normal(size=forced.n_parameters(shapes)).astype(np.float32)
    zbar = rng.normal(size=(30, 4, LANES)).astype(np.float32)
    single = growth(forced.views(flat, shapes), zbar, 30, LANES, form, 0, 1)
    double = growth(forced.views(flat.astype(np.float64), shapes), zbar.astype(np.float64), 30, LANES, form, 0, 1)
    assert single == pytest.approx(double, rel=1e-12)
