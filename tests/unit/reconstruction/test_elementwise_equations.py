"""PLRNN and DendPLRNN against their equations, written out once more unit by unit: training loss, map, fixed points."""

import itertools

import numpy as np
import pytest
import torch
from shplrnn_cases import DT, circle, recipe
from sklearn.base import clone

import dysyr
from dysyr.core.scaler import Scaler
from dysyr.kernels import forced_windows as forced
from dysyr.reconstruction.plrnn.draws import Draw
from dysyr.reconstruction.plrnn.training import forcing_pattern
from dysyr.reconstruction.plrnn.windows import Windows

METHODS = [dysyr.PLRNN(), dysyr.DendPLRNN(n_bases=3, clipped=False), dysyr.DendPLRNN(n_bases=3, clipped=True)]
NAMES = ["plain", "dendritic", "clipped"]
SMALL = {"sequence_length": 15, "forcing_interval": 5, "n_updates": 150, "n_checks": 3, "max_restarts": 0, "seed": 2}


def bend(parts, s, m, clipped):
    """phi(s)_m, torch."""
    if parts["alpha"].numel() == 0:
        return torch.relu(s[m])
    terms = [a * torch.relu(s[m] - at) for a, at in zip(parts["alpha"], parts["H"][m], strict=True)]
    if clipped:
        terms += [-a * torch.relu(s[m]) for a in parts["alpha"]]
    return sum(terms)


def mapped(parts, s, u, clipped):
    """One state (M,) one step on, torch."""
    m, out = len(s), []
    for i in range(m):
        total = parts["A"][i] * s[i] + parts["h"][i]
        total = total + sum(parts["W"][i, j] * bend(parts, s, j, clipped) for j in range(m) if j != i)
        out.append(total + sum(parts["C"][i, k] * u[k] for k in range(len(u))))
    return torch.stack(out)


def loss_of_windows(parts, data, drive, strength, clipped):
    """Mean over windows, steps and variables of the squared error before forcing; data (window, time, N)."""
    n, total, affine = data.shape[2], 0.0, parts["B"].numel() > 0
    for x, u in zip(data, drive, strict=True):
        z = torch.linalg.pinv(parts["B"]) @ x[0] if affine else torch.cat([x[0], parts["L"] @ x[0]])
        for t, a in enumerate(strength):
            if affine:
                z = (1 - a) * z + a * (torch.linalg.pinv(parts["B"].detach()) @ x[t])
            else:
                z = torch.cat([(1 - a) * z[:n] + a * x[t], z[n:]])
            z = mapped(parts, z, u[t + 1], clipped)
            seen = parts["B"] @ z if affine else z[:n]
            total = total + ((seen - x[t + 1]) ** 2).sum()
    return total / (data.shape[0] * (data.shape[1] - 1) * n)


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
@pytest.mark.parametrize(
    ("latent_dim", "n_inputs", "affine", "interval", "alpha"),
    [(4, 0, False, 4, 1.0), (5, 1, False, 1, 0.3), (2, 0, True, 3, 1.0), (3, 2, True, 1, 0.2), (2, 0, False, 1, 0.0)],
)
def test_loss_and_gradient_are_those_of_the_equations(method, latent_dim, n_inputs, affine, interval, alpha):
    rng, n_steps = np.random.default_rng(latent_dim), 9
    (network,) = clone(method).set_params(latent_dim=latent_dim)._networks(2)
    made = recipe(network=network, n_inputs=n_inputs, affine=affine, n_steps=n_steps, interval=interval)
    cut = Windows.from_trajectories([circle()], [rng.normal(size=(300, n_inputs))], n_steps + 1)
    draw = Draw(made, cut, [rng], 16, np.float64, 0.0, cut=False)
    draw.fresh()
    shapes = made.shapes()
    theta = rng.normal(scale=0.4, size=forced.n_parameters(shapes))
    np.fill_diagonal(forced.views(theta, shapes).W, 0.0)
    strength = alpha * forcing_pattern(n_steps, interval).astype(np.float64)
    ws, grad, losses = network.workspace(shapes, n_steps, np.float64), np.zeros((1, theta.size)), np.zeros(1)
    if affine:
        ws.pseudo[0] = np.linalg.pinv(forced.views(theta, shapes).B)
    network.add_loss_and_gradient(
        theta[None], grad, forced.offsets(shapes), draw.owner, draw.batch, draw.count, strength[None], network.form,
        affine, ws, losses,
    )  # fmt: skip

    parts = forced.views(theta, shapes)._asdict()
    parts = {name: torch.tensor(part, requires_grad=True) for name, part in parts.items()}
    data, drive = (torch.tensor(part[0].transpose(2, 0, 1)) for part in (draw.batch.x, draw.batch.u))
    expected = loss_of_windows(parts, data, drive, strength, method.get_params().get("clipped", False))
    expected.backward()
    assert losses[0] == pytest.approx(expected.item(), rel=1e-10)
    for name, ours in forced.views(grad[0], shapes)._asdict().items():
        if ours.size:
            wanted = parts[name].grad.numpy()
            np.testing.assert_allclose(ours, wanted, rtol=1e-8, atol=1e-9 * np.abs(grad).max(), err_msg=name)
            assert np.abs(wanted).max() > 0, name


@pytest.fixture(scope="module", params=range(len(METHODS)), ids=NAMES)
def fitted(request):
    """A model of each form with all stages of its training behind it."""
    arguments = {**SMALL, "latent_dim": 3, "n_refinements": 3, "n_generations": 10}
    return clone(METHODS[request.param]).set_params(**arguments).fit(circle(), dt=DT, progress=False)


def numpy_step(p, z, clipped):
    """One state (M,) one step on, plain loops."""
    bends = []
    for m, s in enumerate(z):
        bend_here = max(s, 0.0) if not p.alpha.size else 0.0
        for a, at in zip(p.alpha, p.H[m], strict=True):
            bend_here += a * (max(s - at, 0.0) - (max(s, 0.0) if clipped else 0.0))
        bends.append(bend_here)
    return np.array([
        p.A[i] * z[i] + sum(p.W[i, j] * bends[j] for j in range(len(z)) if j != i) + p.h[i] for i in range(len(z))
    ])  # fmt: skip


def test_a_free_run_is_the_equation_step_by_step(fitted):
    model = fitted.model_
    p, free = model.parameters, fitted.generate(40, context=circle(50))["x"].values[0]
    z = model.initial(circle(50)[None])[0]
    for t in range(40):
        z = numpy_step(p, z, model.clipped)
        seen = p.B @ z if len(p.B) else z[:2]
        np.testing.assert_allclose(free[t], seen * model.scaler.sd + model.scaler.mean, rtol=1e-8, atol=1e-10)


def test_the_jacobian_is_that_of_central_differences_of_the_equation(fitted):
    model = fitted.model_
    p = {name: torch.tensor(part) for name, part in model.parameters._asdict().items()}
    z = model.trajectory(model.initial_states[:3], 20).reshape(-1, 3)
    z = z[np.abs(model.switches(z)).min(axis=1) > 1e-4]
    assert len(z) > 20
    for point, jacobian in zip(z, model.jacobian(z), strict=True):
        for d in range(3):
            shift = 1e-5 * torch.eye(3, dtype=torch.float64)[d]
            ahead, behind = (mapped(p, torch.tensor(point) + sign * shift, (), model.clipped) for sign in (1, -1))
            np.testing.assert_allclose(jacobian[:, d], ((ahead - behind) / 2e-5).numpy(), atol=1e-8)


def test_all_stages_keep_the_diagonal_of_w_at_zero(fitted):
    w = fitted.model_.parameters.W
    np.testing.assert_array_equal(np.diag(w), np.zeros(3))
    assert (w[~np.eye(3, dtype=bool)] != 0).all()


def affine_cells(model):
    """(low, high, slope, shift) of phi on each interval between the kinks of each unit, by values on the line."""
    p, cells = model.parameters, []
    parts = {name: torch.tensor(part) for name, part in p._asdict().items()}
    for m in range(model.latent_dim):
        kinks = [0.0] if not p.alpha.size else [*p.H[m], *([0.0] if model.clipped else [])]
        edges, pieces = [-np.inf, *sorted(kinks), np.inf], []
        for low, high in itertools.pairwise(edges):
            a = high - 2.0 if low == -np.inf else low + (1.0 if high == np.inf else (high - low) / 3)
            b = a + (1.0 if np.inf in (-low, high) else (high - low) / 3)
            s = torch.zeros(model.latent_dim, dtype=torch.float64)
            values = []
            for at in (a, b):
                s[m] = at
                values.append(float(bend(parts, s, m, model.clipped)))
            slope = (values[1] - values[0]) / (b - a)
            pieces.append((low, high, slope, values[0] - slope * a))
        cells.append(pieces)
    return list(itertools.product(*cells))


def orbits_by_cells(model, period):
    """Rows of sorted points with least period ``period``, one solve for each sequence of cells between the kinks."""
    p, identity, maps = model.parameters, np.eye(model.latent_dim), []
    for cell in affine_cells(model):
        low, high, slope, shift = np.array(cell).T
        maps.append((low, high, np.diag(p.A) + p.W * slope, p.W @ shift + p.h))
    found = []
    for word in itertools.product(maps, repeat=period):
        matrix, offset = identity, np.zeros(model.latent_dim)
        for _, _, jacobian, constant in word:
            matrix, offset = jacobian @ matrix, jacobian @ offset + constant
        z = np.linalg.solve(identity - matrix, offset)
        orbit = [z]
        for low, high, jacobian, constant in word:
            if not ((low < z) & (z < high)).all():
                break
            z = jacobian @ z + constant
            orbit.append(z)
        if len(orbit) == period + 1 and all(np.abs(orbit[k] - orbit[0]).max() > 1e-7 for k in range(1, period)):
            found.append(orbit[0])
    return np.array(found).reshape(-1, model.latent_dim)


def wild(method, latent_dim, seed):
    """A model of the method's form with random parameters, whose orbits are not only one fixed point."""
    rng = np.random.default_rng([latent_dim, seed])
    (network,) = clone(method).set_params(latent_dim=latent_dim)._networks(latent_dim)
    shapes = network.shapes(latent_dim, 0, False)
    parts = forced.views(1.5 * rng.normal(size=forced.n_parameters(shapes)), shapes)
    np.fill_diagonal(parts.W, 0.0)
    parts.A[:] = rng.uniform(-1.5, 0.9, latent_dim)
    return network.MODEL(
        parts, scaler=Scaler(np.zeros(latent_dim), np.ones(latent_dim)), dt=1.0,
        names=[f"x{i}" for i in range(latent_dim)], initial_states=np.zeros((1, latent_dim)), **network.model_form(),
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_fixed_points_and_cycles_are_those_of_all_cells_between_kinks(method):
    counts = np.zeros(3, dtype=int)
    for latent_dim, max_period in ((2, 2), (3, 1)):
        for seed in range(25):
            model = wild(method, latent_dim, seed)
            orbits = dysyr.cycles(model, max_period=max_period)
            assert orbits.exhaustive
            for period in range(1, max_period + 1):
                found = [orbit.points for orbit in orbits.of_period(period)]
                found = np.concatenate([np.zeros((0, latent_dim)), *found])
                wanted = orbits_by_cells(model, period)
                order = [np.lexsort(points.T.round(6)) for points in (found, wanted)]
                np.testing.assert_allclose(found[order[0]], wanted[order[1]], rtol=1e-7, atol=1e-9)
                counts[period] += len(found)
    assert counts[1] > 20 and counts[2] > 4


def test_codes_name_the_side_of_every_kink(fitted):
    model = fitted.model_
    code = dysyr.encode(fitted, n_steps=300, seed=1)
    p = model.parameters
    assert code.bits.shape[1] == model.n_bits == (3 if not p.alpha.size else 3 * (3 + model.clipped))
    along = dysyr.encode(fitted, data=circle(120), filter_steps=5)
    states = model.initial(np.stack([circle(120)[t - 4 : t + 1] for t in range(4, 120)]))
    sides = [states > 0] if not p.alpha.size else [(states[:, :, None] > p.H).reshape(len(states), -1)]
    sides += [states > 0] if model.clipped else []
    np.testing.assert_array_equal(along.bits[along.symbols[0][4:]], np.concatenate(sides, axis=1))


