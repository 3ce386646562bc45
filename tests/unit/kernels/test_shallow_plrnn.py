"""The fused kernels of the shallow PLRNN against plain torch, which is their specification."""

import numpy as np
import pytest
import torch
from forced_cases import random_batch, to_torch

from dysyr.core.errors import InputError
from dysyr.kernels import forced_windows as forced
from dysyr.kernels import shallow_plrnn as fused
from dysyr.kernels import shallow_plrnn_reference as reference
from dysyr.kernels.forcing import ESTIMATORS, growth
from dysyr.kernels.optimiser import radam_step
from dysyr.kernels.shallow_plrnn_growth import tangent_growth
from dysyr.kernels.shallow_plrnn_run import run
from dysyr.kernels.shallow_plrnn_sensitivity import n_refined, sensitivities
from dysyr.kernels.vector_code import LANES

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}


def random_parts(latent_dim, hidden_dim, n_observed, n_inputs, affine, dtype=np.float64, seed=0):
    shapes = fused.shapes(latent_dim, hidden_dim, n_observed, n_inputs, affine)
    flat = np.random.default_rng(seed).normal(scale=0.3, size=forced.n_parameters(shapes)).astype(dtype)
    parts = forced.views(flat, shapes)
    parts.A[:] = 0.7
    return shapes, flat, parts


def loss_and_gradient(p_flat, shapes, batch, count, strength, *, clipped=False, affine=False, owner=None):
    """Losses (model,), gradients (model, n) and the workspace."""
    theta = np.atleast_2d(p_flat)
    owner = np.zeros(len(batch.x), np.int64) if owner is None else owner
    ws = fused.workspace(shapes, strength.shape[-1], theta.dtype, n_models=len(theta), clipped=clipped)
    if affine:
        for m, row in enumerate(theta):
            ws.pseudo[m] = np.linalg.pinv(forced.views(row, shapes).B)
    grad, losses = np.zeros_like(theta), np.zeros(len(theta))
    fused.add_loss_and_gradient(
        theta, grad, forced.offsets(shapes), owner, batch, np.atleast_1d(count).astype(float),
        np.atleast_2d(strength), clipped, affine, ws, losses,
    )  # fmt: skip
    return losses, grad, ws


def dense_batch(shapes, x, u=None):
    """One group of complete windows x (n, N, 16) that all count."""
    batch = forced.empty_batch(shapes, 1, len(x), x.dtype)
    batch.x[0], batch.seen[0], batch.observed[0], batch.counts[0, 1:] = x, x, 1, 1
    if u is not None:
        batch.u[0] = u
    return batch


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("latent_dim", "hidden_dim", "n_observed", "n_inputs", "affine", "clipped", "n_steps", "n_groups"),
    [
        (3, 50, 3, 0, False, False, 30, 1),
        (5, 7, 3, 2, False, True, 13, 2),
        (5, 23, 5, 0, True, True, 21, 1),
        (4, 23, 7, 1, True, False, 21, 2),
        (7, 5, 4, 1, True, False, 1, 1),
        (11, 14, 11, 0, False, False, 1, 1),
    ],
)
def test_gradient_equals_autograd(
    dtype, latent_dim, hidden_dim, n_observed, n_inputs, affine, clipped, n_steps, n_groups
):  # fmt: skip
    shapes, flat, p = random_parts(latent_dim, hidden_dim, n_observed, n_inputs, affine, dtype)
    batch, count = random_batch(shapes, n_groups, n_steps + 1, dtype)
    assert (batch.seen == batch.x)[batch.observed == 0].all()
    assert np.abs(batch.seen - batch.x).max() == pytest.approx(0.25, abs=0.1)
    strength = np.full(n_steps, 0.3, dtype=dtype)
    strength[0] = 0
    total = count.sum()
    losses, grad, _ = loss_and_gradient(flat, shapes, batch, total, strength, clipped=clipped, affine=affine)

    tensors = fused.Parameters(*(torch.tensor(part.astype(np.float64), requires_grad=True) for part in p))
    expected = sum(
        reference.loss(
            tensors, *(to_torch(part[g]) for part in (batch.x, batch.seen, batch.observed, batch.counts)),
            to_torch(batch.u[g]) if n_inputs else None, torch.tensor(strength, dtype=torch.float64), clipped=clipped,
            affine=affine,
        ) * (count[g] / total)
        for g in range(n_groups)
    )  # fmt: skip
    expected.backward()
    np.testing.assert_array_equal(count, batch.counts[:, 1:].sum(axis=(1, 2, 3)))
    assert losses[0] == pytest.approx(expected.item(), rel=TOLERANCE[dtype])
    scale = max(float(part.grad.abs().max()) for part in tensors if part.grad is not None and part.numel())
    for name, part, tensor in zip(p._fields, forced.views(grad[0], shapes), tensors, strict=True):
        if part.size:
            wanted = np.zeros(part.shape) if tensor.grad is None else tensor.grad.numpy()
            np.testing.assert_allclose(part, wanted, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=name)


@pytest.mark.parametrize(("affine", "clipped"), [(False, False), (True, True)])
def test_models_in_one_call_have_the_bits_of_models_alone(affine, clipped):
    shapes, first, _ = random_parts(4, 9, 3, 1, affine, np.float32, seed=0)
    second = random_parts(4, 9, 3, 1, affine, np.float32, seed=5)[1]
    batch, count = random_batch(shapes, 3, 12, np.float32)
    owner = np.array([0, 1, 1])
    counts = np.array([count[0], count[1] + count[2]])
    strength = np.stack([np.full(11, 0.2), np.full(11, 0.05)]).astype(np.float32)
    both = np.stack([first, second])
    losses, grad, _ = loss_and_gradient(
        both, shapes, batch, counts, strength, clipped=clipped, affine=affine, owner=owner
    )  # fmt: skip
    for m, flat in enumerate(both):
        own = forced.Batch(*(part[owner == m] for part in batch))
        alone, slope, _ = loss_and_gradient(
            flat, shapes, own, counts[m], strength[m], clipped=clipped, affine=affine
        )  # fmt: skip
        assert losses[m] == alone[0]
        np.testing.assert_array_equal(grad[m], slope[0])


def test_a_model_that_is_not_finite_leaves_the_others_alone():
    shapes, flat, _ = random_parts(3, 5, 3, 0, False)
    broken = flat.copy()
    broken[0] = np.nan
    batch, count = random_batch(shapes, 2, 8)
    strength = np.full((2, 7), 0.1)
    losses, grad, _ = loss_and_gradient(
        np.stack([broken, flat]), shapes, batch, count, strength, owner=np.array([0, 1])
    )  # fmt: skip
    assert np.isnan(losses[0]) and np.isfinite(losses[1])
    assert np.isfinite(grad[1]).all()


@pytest.mark.parametrize(
    ("latent_dim", "hidden_dim", "n_observed", "n_inputs", "affine", "clipped", "n_steps"),
    [(3, 8, 3, 0, False, False, 9), (5, 7, 3, 2, False, True, 6), (3, 6, 4, 1, True, True, 7)],
)
def test_sensitivities_equal_autograd(latent_dim, hidden_dim, n_observed, n_inputs, affine, clipped, n_steps):
    shapes, flat, p = random_parts(latent_dim, hidden_dim, n_observed, n_inputs, affine)
    batch, _ = random_batch(shapes, 2, n_steps + 1, seed=3)
    ws = fused.workspace(shapes, n_steps, np.float64, n_groups=2, clipped=clipped)
    strength = np.linspace(0, 0.5, n_steps)
    if affine:
        ws.pseudo[0] = np.linalg.pinv(p.B)
    common = flat[None], forced.offsets(shapes), np.zeros(2, np.int64), batch, 0
    forced.prepare(*common, affine, ws)
    fused.forward(*common, strength[None], clipped, affine, ws)
    size, group, lane = n_refined(shapes), 1, 5
    rows = np.empty((n_steps, n_observed, size))
    sensitivities(p, batch, group, lane, strength, 1, clipped, affine, ws, rows)
    third = np.empty((n_steps // 3, n_observed, size))
    sensitivities(p, batch, group, lane, strength, 3, clipped, affine, ws, third)
    np.testing.assert_array_equal(third, rows[2::3])
    readout = torch.tensor(flat[size:])

    def ahead(theta):
        whole = forced.views(torch.cat([theta, readout]), shapes)
        seen, observed, drive = (to_torch(part[group])[[lane]] for part in (batch.seen, batch.observed, batch.u))
        return reference.predictions(
            whole, seen, observed, drive if n_inputs else None, torch.tensor(strength), clipped=clipped, affine=affine
        )[0]  # fmt: skip

    theta = torch.tensor(flat[:size])
    weight = batch.counts[group, 1:, :, lane]
    expected = torch.autograd.functional.jacobian(ahead, theta).numpy() * weight[:, :, None]
    np.testing.assert_allclose(rows, expected, atol=1e-10 * np.abs(expected).max())
    assert np.abs(rows).sum() > 0


def test_missing_everything_gives_no_gradient():
    shapes, flat, _ = random_parts(3, 5, 3, 0, False)
    losses, grad, _ = loss_and_gradient(flat, shapes, forced.empty_batch(shapes, 1, 5, np.float64), 0.0, np.zeros(4))
    assert losses[0] == 0
    assert (grad == 0).all()


def test_gradient_does_not_grow_with_length_when_forcing_bounds_it():
    """With (1 - alpha) ||J|| <= 1 the gradient on the first state cannot exceed the sum of the loss gradients."""
    norms = []
    for n_steps in (10, 100, 1000):
        shapes, flat, p = random_parts(3, 20, 3, 0, False)
        sigma = np.abs(p.A).max() + np.linalg.norm(p.W1, 2) * np.linalg.norm(p.W2, 2)
        x = np.random.default_rng(0).normal(size=(n_steps + 1, 3, LANES))
        strength = np.full(n_steps, 1 - 1 / sigma)
        _, _, ws = loss_and_gradient(flat, shapes, dense_batch(shapes, x), 48.0 * n_steps, strength)
        norms.append(np.abs(ws.c).max() / np.abs(ws.g).sum())
    assert max(norms) <= 1


def test_forcing_of_one_is_one_step_prediction():
    shapes, flat, p = random_parts(3, 9, 3, 0, False)
    x = np.random.default_rng(0).normal(size=(8, 3, LANES))
    _, _, ws = loss_and_gradient(flat, shapes, dense_batch(shapes, x), 1.0, np.ones(7))
    one_step = run(p, x[4].T, 1)[:, 0]
    np.testing.assert_allclose(ws.z[0, 5].T, one_step, rtol=1e-12)


def test_without_forcing_the_window_is_a_free_run():
    shapes, flat, p = random_parts(3, 9, 3, 1, False)
    rng = np.random.default_rng(0)
    x, u = rng.normal(size=(8, 3, LANES)), rng.normal(size=(8, 1, LANES))
    _, _, ws = loss_and_gradient(flat, shapes, dense_batch(shapes, x, u), 1.0, np.zeros(7))
    free = run(p, x[0].T, 7, u[1:].transpose(2, 0, 1))
    np.testing.assert_allclose(ws.z[0, 1:].transpose(2, 0, 1), free, rtol=1e-10)


@pytest.mark.parametrize("clipped", [False, True])
def test_free_run_repeats_the_reference_step(clipped):
    _, _, p = random_parts(4, 13, 4, 0, False)
    z = np.random.default_rng(2).normal(size=(19, 4))
    orbit = run(p, z, 25, clipped=clipped)
    tensors = fused.Parameters(*(torch.tensor(part.copy()) for part in p))
    state = torch.tensor(z)
    for t in range(25):
        state = reference.step(tensors, state, clipped=clipped)
        np.testing.assert_allclose(orbit[:, t], state.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("count", [1, 5, 6, 400])
def test_radam_equals_torch(count):
    rng = np.random.default_rng(3)
    theta = rng.normal(size=31)
    tensor = torch.tensor(theta.copy(), requires_grad=True)
    optimiser = torch.optim.RAdam([tensor], lr=0.01)
    first, second = np.zeros(31), np.zeros(31)
    decay, centre = np.zeros(31), np.zeros(31)
    for step in range(count):
        gradient = rng.normal(size=31)
        tensor.grad = torch.tensor(gradient.copy())
        optimiser.step()
        radam_step(theta, gradient.copy(), first, second, step + 1, 0.01, decay, centre, 0.0)
    np.testing.assert_allclose(theta, tensor.detach().numpy(), rtol=1e-12)


def test_penalty_pulls_to_its_centre_and_clipping_bounds_the_gradient():
    theta, gradient = np.array([2.0, 0.0]), np.array([0.0, 30.0])
    radam_step(theta, gradient, np.zeros(2), np.zeros(2), 1, 0.1, np.array([1.0, 0.0]), np.array([1.0, 0.0]), 0.0)
    np.testing.assert_allclose(gradient, [2.0, 30.0])
    gradient = np.array([30.0, 40.0])
    radam_step(theta, gradient, np.zeros(2), np.zeros(2), 1, 0.1, np.zeros(2), np.zeros(2), 5.0)
    np.testing.assert_allclose(gradient, [3.0, 4.0])


@pytest.mark.parametrize("clipped", [False, True])
def test_forcing_estimators_by_their_definition(clipped):
    _, _, p = random_parts(4, 15, 4, 0, False, seed=5)
    zbar = np.random.default_rng(6).normal(size=(12, 4, LANES))
    active = np.einsum("hm,tmi->tih", p.W2, zbar)
    gates = (active + p.h2 > 0).astype(float) - (clipped & (active > 0))
    jacobians = np.diag(p.A) + np.einsum("ah,tih,hb->tiab", p.W1, gates, p.W2)
    norms = np.linalg.norm(jacobians, 2, axis=(2, 3))
    signed = np.exp(np.log(np.maximum(np.abs(jacobians), 1e-30)).mean(0)) * np.copysign(
        1, np.copysign(1, jacobians).sum(0)
    )
    sigma = {
        "arithmetic_mean": np.linalg.norm(jacobians.mean(0), 2, axis=(1, 2)).max(),
        "product_upper_bound": np.exp(np.log(norms).mean(0)).max(),
        "explog": np.linalg.norm(signed, 2, axis=(1, 2)).max(),
        "batch_maximum": norms.max(),
        "jacobian_upper_bound": np.abs(p.A).max() + np.linalg.norm(p.W1, 2) * np.linalg.norm(p.W2, 2),
    }
    for index, name in enumerate(ESTIMATORS):
        assert growth(p, zbar, 12, LANES, clipped, index, 1) == pytest.approx(sigma[name], rel=1e-9), name
    every_fifth = np.exp(np.log(norms[::5]).mean(0)).max()
    assert growth(p, zbar, 12, LANES, clipped, ESTIMATORS.index("product_upper_bound"), 5) == pytest.approx(every_fifth)
    some_lanes = np.linalg.norm(jacobians[:7, :3].mean(0), 2, axis=(1, 2)).max()
    assert growth(p, zbar, 7, 3, clipped, 0, 1) == pytest.approx(some_lanes, rel=1e-9)
    partly = zbar * np.array([1, 1, 0, 0])[:, None]
    for index, name in enumerate(ESTIMATORS):
        observed = np.ascontiguousarray(zbar[:, :2])
        of_all = growth(p, partly, 12, LANES, clipped, index, 1)
        assert growth(p, observed, 12, LANES, clipped, index, 1) == pytest.approx(of_all, rel=1e-12), name


def test_lyapunov_exponents_of_a_linear_map_are_the_logarithms_of_its_factors():
    shapes = fused.shapes(3, 1, 3, 0, False)
    p = forced.views(np.zeros(sum(int(np.prod(shape)) for shape in shapes)), shapes)
    p.A[:] = [0.5, 1.1, -0.9]
    sums = tangent_growth(p, np.ones((1, 3)), 400, every=4)[0]
    np.testing.assert_allclose(np.sort(sums.sum(0) / 400), np.sort(np.log([0.5, 1.1, 0.9])), rtol=1e-10)


def test_compiled_growth_equals_the_numpy_twin():
    from dysyr.kernels.lyapunov import growth_of_map

    for clipped in (False, True):
        _, _, p = random_parts(3, 20, 3, 0, False, seed=11)
        p.A[:] = 0.5

        def region_jacobian(z, p=p, clipped=clipped):
            active = z @ p.W2.T
            gates = (active + p.h2 > 0).astype(float) - (clipped & (active > 0))
            return np.diag(p.A) + (p.W1 * gates[:, None, :]) @ p.W2

        def advance(z, p=p, clipped=clipped):
            return run(p, z, 1, clipped=clipped)[:, 0]

        z = np.random.default_rng(0).normal(size=(1, 3))
        expected = growth_of_map(advance, region_jacobian, z, 2000)[0][0, 500:].mean(axis=0)
        compiled = tangent_growth(p, z, 2000, clipped=clipped)[0, 500:].mean(axis=0)
        np.testing.assert_allclose(compiled, expected, atol=2e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"theta": np.zeros((2, 5))}, r"theta does not fit the other arrays: \(2, 5\); \(2, \d+\) in order C"),
        ({"owner": np.array([0, 2, 1])}, r"owner names models that are not there: \[0 2 1\]; 0 to 1, int64"),
        ({"strength": np.zeros((2, 6))}, r"strength does not fit the other arrays: \(2, 6\); \(2, 7\)"),
        ({"strength": np.zeros((2, 7), np.float32)}, "strength has another dtype: float32; float64"),
        ({"seen": np.zeros((3, 8, 4, LANES))}, r"seen does not fit the other arrays: \(3, 8, 4, 16\); \(3, 8, 3, 16\)"),
        ({"x": np.zeros((LANES, 3, 8, 3)).T.swapaxes(1, 2)}, "x does not fit the other arrays"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    shapes, flat, _ = random_parts(4, 6, 3, 1, False)
    batch, _ = random_batch(shapes, 3, 8)
    parts = {"theta": np.stack([flat, flat]), "owner": np.array([0, 1, 1]), "strength": np.zeros((2, 7))}
    ws = fused.workspace(shapes, 7, np.float64, n_models=2)
    parts |= {name: value for name, value in change.items() if name in parts}
    batch = batch._replace(**{name: value for name, value in change.items() if name not in parts})
    call = shapes, parts["theta"], parts["owner"], batch, parts["strength"], ws
    if message is None:
        forced.check(*call)
        return
    with pytest.raises(InputError, match=message):
        forced.check(*call)
