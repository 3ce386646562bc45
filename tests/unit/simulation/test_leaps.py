"""Leaps against laws that are known exactly: within the tolerance where they leap, exact where they do not."""

import json

import numpy as np
import pytest
from scipy import stats

from dysyr.core.errors import DivergedError, InputError
from dysyr.core.system import System
from dysyr.simulation.leaps import _Orders
from dysyr.simulation.simulate import simulate


def immigration_death(rate, n=0):
    return System.jump(
        reactions=[{"change": {"n": 1}, "rate": "a"}, {"change": {"n": -1}, "rate": "n"}],
        parameters={"a": rate}, initial_state={"n": n}, dt=0.5,
    )  # fmt: skip


def decay(rate="n", n=100_000, change=-1):
    return System.jump(reactions=[{"change": {"n": change}, "rate": rate}], initial_state={"n": n}, dt=1.0)


def leap(system, times, n_trajectories=1, **arguments):
    return simulate(system, times=times, n_trajectories=n_trajectories, method="tau", **arguments)


def test_the_error_of_the_mean_is_below_the_tolerance_and_shrinks_with_it():
    errors = []
    for tolerance in (0.1, 0.03, 0.01):
        data = leap(decay(), [1.0], 400, rtol=tolerance, seed=3)
        x = data["x"].values[:, 0, 0]
        errors.append(abs(x.mean() * np.e / 100_000 - 1))
        assert errors[-1] < tolerance
        assert json.loads(data.attrs["solver"])["n_steps"] < 400 * 100_000 * 0.63 / 100
    noise = 3 / np.sqrt(400 * 100_000 / np.e)
    assert errors[1] < 0.5 * errors[0] and errors[2] < 0.5 * errors[1] + noise


def test_stationary_counts_keep_mean_and_variance():
    x = leap(immigration_death(40_000.0, 40_000), [4.0], 2_000, rtol=0.01, seed=5)["x"].values[:, 0, 0]
    assert x.mean() == pytest.approx(40_000, abs=4 * 200 / np.sqrt(2_000))
    assert x.var() == pytest.approx(40_000, rel=4 * np.sqrt(2 / 2_000))


@pytest.mark.parametrize(("rate", "right"), [(6.0, True), (6.5, False)])
def test_few_copies_are_simulated_exactly(rate, right):
    x = leap(immigration_death(rate), [0.0, 0.4, 3.0], 6_000, seed=7)["x"].values[:, :, 0]
    assert (x[:, 0] == 0).all()
    law = stats.poisson(6.0 * (1 - np.exp(-3.0))).pmf(np.arange(16))
    law = np.append(law, 1 - law.sum())
    seen = np.bincount(np.minimum(x[:, 2], 16), minlength=17)
    cells = [np.append(part[1:14], part[0] + part[14:].sum()) for part in (seen, 6_000 * law)]
    assert (stats.chisquare(*cells).pvalue > 1e-3) == right


def test_a_constant_rate_is_leapt_over_in_one_step():
    arrivals = System.jump(reactions=[{"change": {"n": 1}, "rate": 1e6}], initial_state={"n": 0}, dt=1.0)
    data = leap(arrivals, [1.0, 2.0], 500, seed=1)
    x = data["x"].values[:, :, 0]
    assert json.loads(data.attrs["solver"])["n_steps"] == 1_000
    assert stats.kstest((np.diff(x, axis=1).ravel() - 1e6) / 1e3, "norm").pvalue > 1e-3


def test_counts_run_dry_and_never_go_below_zero():
    data = leap(decay(n=3_000), np.linspace(0, 15, 40), 100, rtol=0.5, seed=2)["x"].values
    assert data.min() == 0 and (np.diff(data, axis=1) <= 0).all() and (data[:, 0] == 3_000).all()
    both = System.jump(
        reactions=[{"change": {"A": -2, "B": 1}, "rate": "A*(A - 1)/100"}, {"change": {"A": 2, "B": -1}, "rate": "B"}],
        initial_state={"A": 1_001, "B": 0}, dt=1.0,
    )  # fmt: skip
    x = leap(both, np.linspace(0, 3, 20), 50, transient=1.0, seed=2)["x"].values
    assert x.min() >= 0 and (x @ [1, 2] == 1_001).all()


def test_leaps_that_empty_a_species_are_drawn_again():
    """Removal in lots of 40: a leap of 255 lots on average often holds more than the 260 there are."""
    system = System.jump(
        reactions=[{"change": {"n": -40}, "rate": "where(n >= 40, 300, 0)"}], initial_state={"n": 40 * 260}, dt=1.0
    )
    x = leap(system, [0.85, 5.0], 400, rtol=0.99, seed=4)["x"].values[:, :, 0]
    assert x.min() == 0 and (x % 40 == 0).all() and (x[:, 1] == 0).all()


def test_orders_of_the_rates_are_those_of_mass_action():
    system = System.jump(
        reactions=[
            {"change": {"a": -1}, "rate": "3*a"},
            {"change": {"b": -2}, "rate": "b*(b - 1)/2"},
            {"change": {"c": -1, "d": -1}, "rate": "0.1*c*d"},
        ],
        initial_state={"a": 9, "b": 11, "c": 5, "d": 6}, dt=1.0,
    )  # fmt: skip
    x = system.initial_state[None]
    np.testing.assert_allclose(_Orders(system)(x, system.jumps.propensities(x)), [[1, 2 + 1 / 10, 2, 2]])


def test_same_seed_same_paths():
    first, again = (leap(decay(), [0.5, 1.0], 5, seed=8)["x"].values for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, leap(decay(), [0.5, 1.0], 5, seed=9)["x"].values)


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda: leap(decay("n", 5, -2), [50.0]), InputError, "makes a count negative"),
        (lambda: leap(decay("n - 1.5", 5), [50.0]), InputError, "rate of R1 is negative or not finite.*-0.5 at counts"),
        (lambda: leap(decay("n*n", 10, 1), [5.0], max_events=500), DivergedError, "runs away.*more than 500 steps"),
        (lambda: leap(decay("1e17", 10, 1), [5.0]), DivergedError, r"counts beyond 2\^53"),
        (lambda: leap(decay(), [[0.0], [1.0]]), InputError, "one grid for all paths"),
        (lambda: leap(decay(), [1.0], rtol=2.0), InputError, "rtol"),
        (lambda: leap(decay(), [1.0], atol=0.1), InputError, "atol means nothing"),
        (lambda: simulate(decay(), times=[1.0], rtol=0.1), InputError, "rtol means nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_leapt_is_refused(run, error, message):
    with pytest.raises(error, match=message):
        run()
