"""Surrogates and hidden networks: derivatives by Taylor series, conditions met exactly, values without torch."""

import math

import numpy as np
import pytest
import torch

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.system import System
from dysyr.reconstruction.hidden_terms.collocation import Collocation
from dysyr.reconstruction.hidden_terms.hidden_functions import HiddenFunctions
from dysyr.reconstruction.hidden_terms.networks import Layers
from dysyr.reconstruction.hidden_terms.problem import HalfKnown
from dysyr.reconstruction.hidden_terms.segments import segments_of
from dysyr.reconstruction.hidden_terms.taylor import Directions

HIDDEN = {"u": ["u", "dx(u)"]}


def field(boundary, **tables):
    """u_t = nu u_xx + F(u, u_x) on [-1, 1]."""
    domain = {"x": {"start": -1.0, "length": 2.0, "n": 15, "boundary": boundary}}
    return System.pde(
        {"u": "nu*dxx(u)"},
        domain=domain,
        parameters={"nu": 0.1},
        initial_state={"u": "1 - x**2"},
        hidden=HIDDEN,
        **tables,
    )


def collocation(system, *, start=None, hard=True, n_points=20, names=None, values=None):
    names = system.variables if names is None else names
    values = np.random.default_rng(0).normal(size=(6, len(names))) if values is None else values
    segments = segments_of(make_dataset(values, dt=0.2, names=names), system)
    return Collocation(
        HalfKnown(system), segments, start=start, hard=hard, n_points=n_points, width=8, hidden_width=5,
        rng=np.random.default_rng(0),
    )  # fmt: skip


def test_series_of_tanh_are_its_derivatives():
    """Derivatives of tanh(sin 2x + t) at a point, by automatic differentiation."""
    d, x, t = (
        Directions((1, 4)),
        torch.tensor([[[0.3]]], dtype=torch.float64),
        torch.tensor([[[0.2]]], dtype=torch.float64),
    )
    inner = [a + b for a, b in zip(d.wave(x, 1, 2.0, 0.0), d.coordinate(t, 0), strict=True)]
    terms = d.tanh(inner)
    at, value = x.clone().requires_grad_(), None
    value = torch.tanh(torch.sin(2 * at) + t)
    for order in range(5):
        assert d.derivative(terms, 1, order).item() == pytest.approx(value.item(), rel=1e-12)
        (value,) = torch.autograd.grad(value, at, create_graph=True)
    assert d.derivative(terms, 0, 1).item() == pytest.approx(1 - terms[0].item() ** 2, rel=1e-12)


def test_series_of_products():
    """sin(x) cos(x) = sin(2x) / 2."""
    d, x = Directions((0, 3)), torch.tensor([[[0.7]]], dtype=torch.float64)
    product = d.product(d.wave(x, 1, 1.0, 0.0), d.wave(x, 1, 1.0, 0.5 * math.pi))
    half = d.wave(x, 1, 2.0, 0.0)
    for order in range(4):
        assert d.derivative(product, 1, order).item() == pytest.approx(0.5 * d.derivative(half, 1, order).item())


def test_networks_of_segments_are_independent():
    layers = Layers((1, 4, 2), n_networks=3)
    theta = torch.tensor(layers.initial(np.random.default_rng(0)))
    x = torch.tensor(np.random.default_rng(1).random((3, 5, 1)))
    whole = layers.values(theta, x)
    changed = x.clone()
    changed[1] += 1.0
    same = (layers.values(theta, changed) == whole).all(dim=2).all(dim=1)
    assert same.tolist() == [True, False, True]
    assert layers.n_parameters == 3 * (4 + 4 + 8 + 2)
    series = layers.series(theta, Directions((1,)).coordinate(x, 0), Directions((1,)))
    torch.testing.assert_close(series[0], whole, rtol=1e-13, atol=1e-13)
    h = 1e-6
    slope = (layers.values(theta, x + h) - layers.values(theta, x - h)) / (2 * h)
    torch.testing.assert_close(series[1], slope, rtol=1e-7, atol=1e-8)


def test_a_given_start_is_met_exactly_and_a_free_one_is_not():
    system = System.ode({"x": "-x", "y": "x"}, hidden={"x": ["x", "y"]})
    start = np.array([[3.0, -2.0]])
    made = collocation(system, start=start)
    theta = torch.tensor(made.initial(np.random.default_rng(1)))
    value = made.surrogate.series(made.split(theta)[0], torch.zeros(1, 1, 1, dtype=torch.float64))[0]
    np.testing.assert_allclose(value[0], start, rtol=0, atol=1e-15)
    free = collocation(system)
    value = free.surrogate.series(free.split(theta)[0], torch.zeros(1, 1, 1, dtype=torch.float64))[0]
    assert np.abs(value[0].numpy() - start).min() > 1e-3


@pytest.mark.parametrize("boundary", ["fixed", "periodic", "reflecting"])
def test_conditions_in_space_are_met_exactly(boundary):
    system = field(boundary, **({"boundary_values": {"u": 0.0}} if boundary == "fixed" else {}))
    made = collocation(system, start=system.initial_state[None])
    theta, d = torch.tensor(made.initial(np.random.default_rng(1))), made.surrogate.directions
    moments = torch.linspace(0, 1, 5, dtype=torch.float64)

    def at(t, x):
        points = torch.stack(torch.broadcast_tensors(t, torch.as_tensor(x, dtype=torch.float64)), dim=-1)[None]
        return made.surrogate.series(made.split(theta)[0], points)

    sites = torch.linspace(-1, 1, 7, dtype=torch.float64)
    first = at(torch.zeros(()), sites)
    np.testing.assert_allclose(first[0][0, :, 0], 1 - sites**2, atol=1e-14)
    np.testing.assert_allclose(d.derivative(first, 1, 1)[0, :, 0], -2 * sites, atol=1e-13)
    np.testing.assert_allclose(d.derivative(first, 1, 2)[0, :, 0], -2.0, atol=1e-12)
    low, high = at(moments, -1.0), at(moments, 1.0)
    departure = [terms[0][0, :, 0].detach().numpy() for terms in (low, high)]
    slopes = [d.derivative(terms, 1, 1)[0, :, 0].detach().numpy() - s for terms, s in ((low, 2.0), (high, -2.0))]
    if boundary == "fixed":
        np.testing.assert_allclose(departure, 0.0, atol=1e-13)
    if boundary == "periodic":
        np.testing.assert_allclose(departure[0], departure[1], atol=1e-13)
        np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-12)
    if boundary == "reflecting":
        np.testing.assert_allclose(slopes, 0.0, atol=1e-12)
    assert np.ptp(at(moments, 0.3)[0].numpy()) > 1e-3


def test_derivatives_of_a_surrogate_in_space_are_those_of_its_values():
    system = field("fixed", boundary_values={"u": 0.0})
    made = collocation(system, start=system.initial_state[None])
    theta, d, h = torch.tensor(made.initial(np.random.default_rng(2))), made.surrogate.directions, 1e-4
    point = torch.tensor([[[0.4, 0.2]]], dtype=torch.float64)

    def value(t, x):
        return made.surrogate.series(made.split(theta)[0], point + torch.tensor([t, x]))[0].item()

    terms = made.surrogate.series(made.split(theta)[0], point)
    assert d.derivative(terms, 0, 1).item() == pytest.approx((value(h, 0) - value(-h, 0)) / (2 * h), rel=1e-6)
    assert d.derivative(terms, 1, 1).item() == pytest.approx((value(0, h) - value(0, -h)) / (2 * h), rel=1e-6)
    second = (value(0, h) - 2 * value(0, 0) + value(0, -h)) / h**2
    assert d.derivative(terms, 1, 2).item() == pytest.approx(second, rel=1e-5)


def test_an_initial_state_off_its_boundary_values_is_refused():
    system = field("fixed", boundary_values={"u": 0.5})
    with pytest.raises(dysyr.InputError, match="does not meet its boundary values.*conditions='soft'"):
        collocation(system, start=system.initial_state[None])
    collocation(system, start=system.initial_state[None], hard=False)


@pytest.mark.parametrize("boundary", ["fixed", "periodic", "reflecting"])
def test_soft_conditions_vanish_for_what_meets_them_and_not_else(boundary, monkeypatch):
    """cos(pi x) is periodic and flat at both ends, and -1 there; 1 - x^2 is the initial state."""
    values = {"fixed": {"boundary_values": {"u": -1.0}}}.get(boundary, {})
    system = field(boundary, **values)
    made = collocation(system, start=np.cos(np.pi * system.space["x"])[None], hard=False)
    theta = torch.tensor(made.initial(np.random.default_rng(1)))
    assert made.condition_loss(theta).item() > 1e-3
    assert collocation(system).condition_loss(theta).item() == 0.0
    d = made.surrogate.directions

    def known(theta, points, shift=0.0):
        return d.wave(points[..., 1:], 1, math.pi, 0.5 * math.pi + shift)

    monkeypatch.setattr(made.surrogate, "series", known)
    assert made.condition_loss(theta).item() < 1e-20
    monkeypatch.setattr(made.surrogate, "series", lambda theta, points: known(theta, points, 0.3))
    assert made.condition_loss(theta).item() > 1e-3


def test_hidden_networks_in_numpy_are_those_in_torch():
    system = System.ode({"x": "-x", "y": "x"}, parameters={"a": 2.0}, hidden={"y": ["x*y", "a*y"], "x": ["x"]})
    made = collocation(system)
    problem, rng = made.problem, np.random.default_rng(3)
    thetas = [torch.tensor(made.initial(rng)) for _ in range(2)]
    scales = [dysyr_scales(problem, rng) for _ in thetas]
    arrays = {f"theta_{n}": np.stack([made.split(t)[1][n].numpy() for t in thetas]) for n in problem.arguments}
    arrays |= {name: np.stack([s.arrays()[name] for s in scales]) for name in scales[0].arrays()}
    functions = HiddenFunctions(system.fields, made._arguments, system.parameters, 5, arrays)
    x = rng.normal(size=(4, 2))
    found = functions.values(x)
    for k, (theta, scale) in enumerate(zip(thetas, scales, strict=True)):
        args = {"y": np.stack([x[:, 0] * x[:, 1], 2.0 * x[:, 1]], axis=1), "x": x[:, :1]}
        values = made.hidden_values(theta, {n: torch.tensor(a) for n, a in args.items()}, scale)
        np.testing.assert_allclose(found[k, :, 0], values["x"], rtol=1e-12)
        np.testing.assert_allclose(found[k, :, 1], values["y"], rtol=1e-12)
    h, jacobian = 1e-6, functions.jacobian(x)
    for i in range(2):
        shift = h * np.eye(2)[i]
        numeric = (functions.values(x + shift) - functions.values(x - shift)).mean(axis=0) / (2 * h)
        np.testing.assert_allclose(jacobian[:, :, i], numeric, rtol=1e-5, atol=1e-7)


def dysyr_scales(problem, rng):
    """Scales of arbitrary sizes."""
    from dysyr.reconstruction.hidden_terms.training import Scales

    sizes = {name: len(args) for name, args in problem.arguments.items()}
    centre, spread = ({n: torch.tensor(rng.uniform(1, 2, k)) for n, k in sizes.items()} for _ in range(2))
    return Scales(rng.uniform(1, 2, len(problem.system.fields)), centre, spread)
