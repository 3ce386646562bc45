"""The fused kernels of the shallow PLRNN against plain torch, which is their specification."""

import numpy as np
import pytest
import torch

from dysyr.kernels import shallow_plrnn as fused
from dysyr.kernels import shallow_plrnn_reference as reference
from dysyr.kernels.forcing import ESTIMATORS, forcing_strength
from dysyr.kernels.optimiser import radam_step
from dysyr.kernels.shallow_plrnn_run import lyapunov_sums, run
from dysyr.kernels.shallow_plrnn_sensitivity import n_refined, sensitivities

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}


def random_parts(latent_dim, hidden_dim, n_observed, n_inputs, affine, dtype=np.float64, seed=0):
    shapes = fused.shapes(latent_dim, hidden_dim, n_observed, n_inputs, affine)
    size = sum(int(np.prod(shape)) for shape in shapes)
    flat = np.random.default_rng(seed).normal(scale=0.3, size=size).astype(dtype)
    parts = fused.views(flat, shapes)
    parts.A[:] = 0.7
    return shapes, flat, parts


def to_torch(lanes):
    return torch.tensor(np.ascontiguousarray(lanes.transpose(2, 0, 1), dtype=np.float64))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("latent_dim", "hidden_dim", "n_observed", "n_inputs", "affine", "clipped", "n_steps", "batch"),
    [
        (3, 50, 3, 0, False, False, 30, 16),
        (5, 7, 3, 2, False, True, 13, 11),
        (5, 23, 5, 0, True, True, 21, 16),
        (4, 23, 7, 1, True, False, 21, 5),
        (7, 5, 4, 1, True, False, 1, 1),
    ],
)
def test_gradient_equals_autograd(dtype, latent_dim, hidden_dim, n_observed, n_inputs, affine, clipped, n_steps, batch):
    rng = np.random.default_rng(1)
    shapes, _, p = random_parts(latent_dim, hidden_dim, n_observed, n_inputs, affine, dtype)
    flat_grad = np.zeros(sum(int(np.prod(shape)) for shape in shapes), dtype=dtype)
    grad = fused.views(flat_grad, shapes)
    ws = fused.workspace(shapes, n_steps, dtype, clipped=clipped)
    observed = (rng.random((300, n_observed)) > 0.1).astype(dtype)
    observed[100:130] = 0
    data = rng.normal(size=observed.shape).astype(dtype) * observed
    x = np.zeros((n_steps + 1, n_observed, fused.LANES), dtype=dtype)
    w = np.zeros((2, *x.shape), dtype=dtype)
    starts = rng.integers(0, len(data) - n_steps, fused.LANES)
    starts[-1] = 101
    noise, seen = rng.normal(size=64).astype(dtype), np.zeros_like(x)
    offsets = rng.integers(0, 64, fused.LANES)
    count = fused.gather(data, observed, starts, batch, n_steps // 10, dtype(0.1), noise, offsets, x, seen, w)
    np.testing.assert_allclose(np.abs(seen - x).max(), 0.1 * np.abs(noise).max(), rtol=0.5)
    assert (seen == x)[w[0] == 0].all()
    u = rng.normal(size=(n_steps + 1, n_inputs, fused.LANES)).astype(dtype)
    strength = np.full(n_steps, 0.3, dtype=dtype)
    strength[0] = 0
    if affine:
        ws.pseudo[:] = np.linalg.pinv(p.B)
    loss = fused.add_loss_and_gradient(p, grad, x, seen, w, count, u, strength, clipped, affine, ws)

    tensors = fused.Parameters(*(torch.tensor(part.astype(np.float64), requires_grad=True) for part in p))
    expected = reference.loss(
        tensors, to_torch(x), to_torch(seen), to_torch(w[0]), to_torch(w[1]), to_torch(u) if n_inputs else None,
        torch.tensor(strength, dtype=torch.float64), clipped=clipped, affine=affine,
    )  # fmt: skip
    expected.backward()
    assert count == w[1][1:].sum()
    assert loss == pytest.approx(expected.item(), rel=TOLERANCE[dtype])
    scale = max(float(part.grad.abs().max()) for part in tensors if part.grad is not None and part.numel())
    for name, part, tensor in zip(p._fields, grad, tensors, strict=True):
        if part.size:
            wanted = np.zeros(part.shape) if tensor.grad is None else tensor.grad.numpy()
            np.testing.assert_allclose(part, wanted, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=name)


@pytest.mark.parametrize(
    ("latent_dim", "hidden_dim", "n_observed", "n_inputs", "affine", "clipped", "n_steps"),
    [(3, 8, 3, 0, False, False, 9), (5, 7, 3, 2, False, True, 6), (3, 6, 4, 1, True, True, 7)],
)
def test_sensitivities_equal_autograd(latent_dim, hidden_dim, n_observed, n_inputs, affine, clipped, n_steps):
    rng = np.random.default_rng(3)
    shapes, flat, p = random_parts(latent_dim, hidden_dim, n_observed, n_inputs, affine)
    ws = fused.workspace(shapes, n_steps, np.float64, clipped=clipped)
    w = (rng.random((2, n_steps + 1, n_observed, fused.LANES)) > 0.2).astype(float)
    seen = rng.normal(size=(n_steps + 1, n_observed, fused.LANES)) * w[0]
    u = rng.normal(size=(n_steps + 1, n_inputs, fused.LANES))
    strength = np.linspace(0, 0.5, n_steps)
    if affine:
        ws.pseudo[:] = np.linalg.pinv(p.B)
    fused.prepare(p, seen, w, strength, affine, ws)
    fused.forward(p, u, clipped, ws)
    size, lane = n_refined(shapes), 5
    rows = np.empty((n_steps, n_observed, size))
    sensitivities(p, seen, w, u, lane, clipped, affine, ws, rows)

    readout = torch.tensor(flat[size:])

    def ahead(theta):
        whole = fused.views(torch.cat([theta, readout]), shapes)
        drive = to_torch(u)[[lane]] if n_inputs else None
        return reference.predictions(
            whole, to_torch(seen)[[lane]], to_torch(w[0])[[lane]], drive, torch.tensor(strength), clipped=clipped,
            affine=affine,
        )[0]  # fmt: skip

    theta = torch.tensor(flat[:size])
    weight = w[1, 1:, :, lane]
    expected = torch.autograd.functional.jacobian(ahead, theta).numpy() * weight[:, :, None]
    np.testing.assert_allclose(rows, expected, atol=1e-10 * np.abs(expected).max())
    assert np.abs(rows).sum() > 0


def test_missing_everything_gives_no_gradient():
    shapes, flat, p = random_parts(3, 5, 3, 0, False)
    grad = fused.views(np.zeros_like(flat), shapes)
    ws = fused.workspace(shapes, 4, np.float64)
    x, w = np.zeros((5, 3, fused.LANES)), np.zeros((2, 5, 3, fused.LANES))
    loss = fused.add_loss_and_gradient(
        p, grad, x, x, w, 1.0, np.zeros((5, 0, fused.LANES)), np.zeros(4), False, False, ws
    )
    assert loss == 0
    assert all((part == 0).all() for part in grad)


def test_gradient_does_not_grow_with_length_when_forcing_bounds_it():
    """With (1 - alpha) ||J|| <= 1 the gradient on the first state cannot exceed the sum of the loss gradients."""
    norms = []
    for n_steps in (10, 100, 1000):
        shapes, flat, p = random_parts(3, 20, 3, 0, False)
        sigma = np.abs(p.A).max() + np.linalg.norm(p.W1, 2) * np.linalg.norm(p.W2, 2)
        grad = fused.views(np.zeros_like(flat), shapes)
        ws = fused.workspace(shapes, n_steps, np.float64)
        x = np.random.default_rng(0).normal(size=(n_steps + 1, 3, fused.LANES))
        w = np.ones((2, *x.shape))
        strength = np.full(n_steps, 1 - 1 / sigma)
        fused.add_loss_and_gradient(
            p, grad, x, x, w, 48.0 * n_steps, np.zeros((n_steps + 1, 0, 16)), strength, False, False, ws
        )
        norms.append(np.abs(ws.c).max() / np.abs(ws.g).sum())
    assert max(norms) <= 1


def test_forcing_of_one_is_one_step_prediction():
    shapes, flat, p = random_parts(3, 9, 3, 0, False)
    x = np.random.default_rng(0).normal(size=(8, 3, fused.LANES))
    ws = fused.workspace(shapes, 7, np.float64)
    grad = fused.views(np.zeros_like(flat), shapes)
    w = np.ones((2, *x.shape))
    fused.add_loss_and_gradient(p, grad, x, x, w, 1.0, np.zeros((8, 0, fused.LANES)), np.ones(7), False, False, ws)
    one_step = run(p, x[4].T, 1)[:, 0]
    np.testing.assert_allclose(ws.z[5].T, one_step, rtol=1e-12)


def test_without_forcing_the_window_is_a_free_run():
    shapes, flat, p = random_parts(3, 9, 3, 1, False)
    rng = np.random.default_rng(0)
    x, u = rng.normal(size=(8, 3, fused.LANES)), rng.normal(size=(8, 1, fused.LANES))
    ws = fused.workspace(shapes, 7, np.float64)
    grad = fused.views(np.zeros_like(flat), shapes)
    w = np.ones((2, *x.shape))
    fused.add_loss_and_gradient(p, grad, x, x, w, 1.0, u, np.zeros(7), False, False, ws)
    free = run(p, x[0].T, 7, u[1:].transpose(2, 0, 1))
    np.testing.assert_allclose(ws.z[1:].transpose(2, 0, 1), free, rtol=1e-10)


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
    zbar = np.random.default_rng(6).normal(size=(12, 4, fused.LANES))
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
    for name in ESTIMATORS:
        alpha = forcing_strength(p, zbar, fused.LANES, clipped=clipped, estimator=name)
        assert alpha == pytest.approx(max(0, 1 - 1 / sigma[name]), abs=1e-9), name


def test_lyapunov_exponents_of_a_linear_map_are_the_logarithms_of_its_factors():
    shapes = fused.shapes(3, 1, 3, 0, False)
    p = fused.views(np.zeros(sum(int(np.prod(shape)) for shape in shapes)), shapes)
    p.A[:] = [0.5, 1.1, -0.9]
    sums = lyapunov_sums(p, np.ones(3), 400, every=4)
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
        compiled = lyapunov_sums(p, z[0], 2000, clipped=clipped)[500:].mean(axis=0)
        np.testing.assert_allclose(compiled, expected, atol=2e-3)
