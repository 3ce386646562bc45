import numpy as np
import pytest

from dysyr.core.discretisation import WEIGHTS
from dysyr.core.errors import InputError
from dysyr.core.system import System


def heat(n, boundary, order=2, equation="dxx(u)", length="2*pi", **tables):
    domain = {"x": {"length": length, "n": n, "boundary": boundary, "order": order}}
    return System.pde({"u": equation}, domain=domain, initial_state={"u": "sin(x)"}, **tables)


@pytest.mark.parametrize("order", WEIGHTS)
@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_weights_are_exact_on_polynomials(order, m):
    weights = np.array(WEIGHTS[order][m])
    k = np.arange(len(weights)) - len(weights) // 2
    for degree in range(m + order):
        assert weights @ k.astype(float) ** degree == pytest.approx(
            float(np.prod(range(1, m + 1))) * (degree == m)
        )


@pytest.mark.parametrize("order", WEIGHTS)
@pytest.mark.parametrize(
    ("operator", "exact"),
    [
        ("dx", np.cos),
        ("dxx", lambda x: -np.sin(x)),
        ("dxxx", lambda x: -np.cos(x)),
        ("dxxxx", np.sin),
        ("laplacian", lambda x: -np.sin(x)),
    ],
)
def test_order_of_accuracy(operator, exact, order):
    errors = []
    for n in (32, 64):
        system = heat(n, "periodic", order, f"{operator}(u)")
        errors.append(np.max(np.abs(system.vector_field(system.initial_state) - exact(system.space["x"]))))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


def test_a_derivative_of_a_product_is_that_of_the_product():
    system = heat(128, "periodic", 4, "dx(u**2*cos(x))")
    x = system.space["x"]
    exact = 2 * np.sin(x) * np.cos(x) ** 2 - np.sin(x) ** 3
    assert np.allclose(system.vector_field(system.initial_state), exact, atol=1e-4)


@pytest.mark.parametrize("order", WEIGHTS)
def test_a_reflecting_edge_keeps_the_order_of_accuracy(order):
    errors = []
    for n in (33, 65):
        system = heat(n, "reflecting", order, length="pi")
        u = np.cos(3 * system.space["x"])
        errors.append(np.max(np.abs(system.vector_field(u) + 9 * u)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.2)


def test_fixed_values_lie_at_the_ends():
    system = heat(9, "fixed", length=1.0, boundary_values={"u": [1.0, 3.0]})
    x = system.space["x"]
    assert np.allclose(x, np.arange(1, 10) / 10)
    assert np.allclose(system.vector_field(1.0 + 2.0 * x), 0.0, atol=1e-10)


def test_the_grid_is_a_runtime_argument():
    system = heat(16, "periodic")
    assert system.with_size(x=64).dim == 64
    assert system.with_size(x=64).initial_state.shape == (64,)


def test_the_length_may_be_a_parameter():
    system = heat(16, "periodic", length="L", parameters={"L": 10.0})
    assert system.with_parameters(L=20.0).space["x"][1] == pytest.approx(20.0 / 16)


def test_two_coordinates():
    axis = {"length": "2*pi", "n": 24, "boundary": "periodic", "order": 4}
    system = System.pde(
        {"u": "laplacian(u) + dx(dy(u))"}, domain={"x": axis, "y": axis}, initial_state={"u": "sin(x)*cos(y)"}
    )
    u = system.initial_state
    x, y = np.meshgrid(system.space["x"], system.space["y"], indexing="ij")
    exact = -2 * np.sin(x) * np.cos(y) - np.cos(x) * np.sin(y)
    assert system.variables[1] == "u_0_1"
    assert np.allclose(system.vector_field(u), exact.ravel(), atol=5e-3)


@pytest.mark.parametrize(
    ("domain", "equation", "reason"),
    [
        ({"n": 9, "boundary": "fixed", "order": 4}, "dxx(u)", "fixed boundary along x cannot carry"),
        ({"n": 9, "boundary": "fixed"}, "dxxxx(u)", "fixed boundary along x cannot carry"),
        ({"n": 9, "boundary": "periodic", "order": 3}, "u", "order: 3; 2 or 4"),
        ({"n": 9, "boundary": "periodic", "order": [2]}, "u", "order"),
        ({"n": 2, "boundary": "periodic"}, "dxxxx(u)", "too small along x"),
        ({"n": 9, "boundary": "periodic", "width": 1.0}, "u", "unknown key"),
        ({"n": 9}, "u", "lacks boundary"),
        ({"n": 9, "boundary": "periodic"}, "dy(u)", "unknown function.*known functions are .*dxx"),
        ({"n": 9, "boundary": "periodic"}, "u[x+1]", "only lattice variables"),
    ],
)
def test_a_domain_with_a_fault_is_refused(domain, equation, reason):
    with pytest.raises(InputError, match=reason):
        System.pde({"u": equation}, domain={"x": {"length": 1.0} | domain}, boundary_values={"u": 0.0})
