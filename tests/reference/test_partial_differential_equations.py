"""The catalogue's partial differential equations against what is known of their solutions."""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from dysyr.core.catalogue import catalogue_system


def solution(system, times, rtol=1e-7):
    """States of a discretised system at times, (time, dim), by an implicit method."""
    solved = solve_ivp(
        lambda t, u: system.vector_field(u, t),
        (0.0, times[-1]),
        system.initial_state,
        method="Radau",
        t_eval=times,
        jac=lambda t, u: system.jacobian(u, t),
        rtol=rtol,
        atol=1e-10,
    )
    return solved.y.T


def cole_hopf(x, t, nu):
    """Solution of Burgers' equation that starts as sin(x), at one point: a ratio of two integrals."""
    width = 12 * np.sqrt(2 * nu * t)

    def weight(y):
        return np.exp((np.cos(y) - 1) / (2 * nu) - (x - y) ** 2 / (4 * nu * t))

    def integral(f):
        return quad(f, x - width, x + width, limit=500, epsabs=1e-14)[0]

    return integral(lambda y: (x - y) / t * weight(y)) / integral(weight)


def test_burgers_converges_to_the_solution_of_cole_and_hopf():
    burgers, t, errors = catalogue_system("burgers"), 2.0, []
    for n in (64, 128):
        system = burgers.with_size(x=n)
        exact = [1.0 + cole_hopf(x - t, t, burgers.parameters["nu"]) for x in system.space["x"]]
        errors.append(np.max(np.abs(solution(system, [t])[-1] - exact)))
    assert errors[1] < 5e-4
    assert np.log2(errors[0] / errors[1]) > 3.5


def test_the_fisher_front_travels_as_bramson_found():
    """Its speed is 2 sqrt(D r) - 3/(2 r t) for a compact start."""
    system = catalogue_system("fisher_kpp").with_size(x=201)
    early, late = solution(system, [12.0, 16.0], rtol=1e-6)
    front = [np.interp(-0.5, -u, system.space["x"]) for u in (early, late)]
    assert (front[1] - front[0]) / 4.0 == pytest.approx(2.0 - 1.5 / 14.0, abs=0.03)


def test_kuramoto_sivashinsky_is_resolved_and_keeps_its_mean():
    coarse = catalogue_system("kuramoto_sivashinsky")
    fine = coarse.with_size(x=128)
    u, v = (solution(system, [10.0], rtol=1e-5)[-1] for system in (coarse, fine))
    assert np.max(np.abs(u - v[::2])) < 2e-3
    assert np.mean(u) == pytest.approx(np.mean(coarse.initial_state), abs=1e-9)
