import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

import dysyr.simulation.master_equation as module
from dysyr.core.catalogue import catalogue_system
from dysyr.core.errors import InputError
from dysyr.core.system import System
from dysyr.simulation.master_equation import master_equation
from dysyr.simulation.simulate import simulate


def immigration_death(n=0):
    return System.jump(
        reactions=[{"change": {"n": 1}, "rate": 6.0}, {"change": {"n": -1}, "rate": "n"}],
        initial_state={"n": n}, dt=0.5,
    )  # fmt: skip


def test_immigration_and_death_is_poisson_and_the_leak_is_the_whole_error():
    times = np.array([0.0, 0.3, 1.0, 8.0])
    for largest in (8, 15, 40):
        found = master_equation(immigration_death(), times, largest={"n": largest})
        p = found.marginal("n")
        law = stats.poisson(6 * (1 - np.exp(-times[:, None]))).pmf(np.arange(largest + 1))
        law[0] = np.eye(largest + 1)[0]
        assert (p <= law + 1e-12).all()
        assert (law.sum(axis=1) - p.sum(axis=1) <= found.leaked + 1e-12).all()
        np.testing.assert_allclose(p.sum(axis=1) + found.leaked, 1.0, atol=1e-12)
        assert (np.diff(found.leaked) >= 0).all()
        np.testing.assert_allclose(p, law, atol=found.leaked.max() + 1e-12)


def test_a_projection_that_is_left_is_the_matrix_exponential():
    """Cut at 3: the outflow stays on the diagonal."""
    q = np.diag([6.0] * 3, 1) + np.diag([1.0, 2.0, 3.0], -1)
    q -= np.diag(6.0 + np.arange(4))
    found = master_equation(immigration_death(), [0.7, 2.0], largest={"n": 3})
    order = np.argsort(found.counts[:, 0])
    expected = [expm(q * t)[0] for t in (0.7, 2.0)]
    np.testing.assert_allclose(found.probabilities[:, order], expected, atol=1e-12)


def test_largest_counts_are_found():
    found = master_equation(immigration_death(n=1), [5.0], tolerance=1e-9)
    assert found.leaked[-1] <= 1e-9 and found.counts.max() < 200
    assert found.mean()[0, 0] == pytest.approx(6 + (1 - 6) * np.exp(-5), abs=1e-6)


def test_conserved_counts_keep_the_states_few_and_agree_with_simulation():
    """Michaelis-Menten: 4 species, 2 constants; an enzyme and its partner of 20 copies."""
    system = catalogue_system("michaelis_menten").with_parameters(bind=0.05, unbind=0.5, turn=0.4)
    start = [20, 8, 0, 0]
    found = master_equation(system, [2.0, 6.0], initial_state=start)
    assert found.leaked.max() < 1e-12 and len(found.counts) <= 21 * 9
    data = simulate(system, times=[2.0, 6.0], initial_state=start, n_trajectories=20_000, seed=3)["x"].values
    for k in range(2):
        law = found.marginal("P")[k] * 20_000
        own = law >= 10
        seen = np.bincount(data[:, k, 3], minlength=law.size)
        cells = [np.append(part[own], part[~own].sum()) for part in (seen, law)]
        assert stats.chisquare(*cells, sum_check=False).pvalue > 1e-3
        assert stats.chisquare(np.roll(cells[0], 1), cells[1], sum_check=False).pvalue < 1e-3


def test_the_start_and_rest_are_exact():
    found = master_equation(immigration_death(n=4), [0.0])
    assert found.probabilities.max() == 1.0 and found.counts[found.probabilities[0].argmax()].tolist() == [4]
    frozen = System.jump(reactions=[{"change": {"n": -1}, "rate": "n"}], initial_state={"n": 0}, dt=1.0)
    np.testing.assert_array_equal(master_equation(frozen, [1.0, 9.0]).probabilities, 1.0)


def growing(rate="n", change=1):
    return System.jump(reactions=[{"change": {"n": change}, "rate": rate}], initial_state={"n": 3}, dt=1.0)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: master_equation(catalogue_system("two_state_channel"), [1.0]), "transition_matrices"),
        (lambda: master_equation(catalogue_system("lorenz63"), [1.0]), "reactions over counts"),
        (lambda: master_equation(growing(), [2.0, 1.0]), "times"),
        (lambda: master_equation(growing(), []), "times"),
        (lambda: master_equation(growing(), [1.0], largest={"m": 3}), "unknown species 'm'"),
        (lambda: master_equation(growing(), [1.0], largest={"n": 2}), "largest count of n.*>= 3"),
        (lambda: master_equation(growing(), [1.0], largest={"n": 2.5}), "largest count of n"),
        (lambda: master_equation(growing("1e9"), [1.0], largest={"n": 5}), "too many events"),
        (lambda: master_equation(growing("n - 1.5", -1), [1.0]), "negative or not finite.*-0.5 at counts"),
        (lambda: master_equation(growing("n", -2), [1.0]), "makes a count negative"),
        (lambda: master_equation(growing(), [1.0]).marginal("m"), "unknown species"),
    ],
)
def test_what_cannot_be_projected_is_refused(run, message):
    with pytest.raises(InputError, match=message):
        run()


def test_what_needs_too_many_states_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_STATES", 500)
    with pytest.raises(InputError, match="too many states.*500"):
        master_equation(growing("n"), [4.0], tolerance=1e-12)
    five = [{"change": {name: 1}, "rate": 1e3} for name in "abcdefg"]
    wide = System.jump(reactions=five, initial_state=dict.fromkeys("abcdefg", 2**20), dt=1.0)
    with pytest.raises(InputError, match="too many states"):
        master_equation(wide, [1.0])


def test_a_given_bound_that_leaks_is_told():
    pair = System.jump(
        reactions=[{"change": {"a": 1}, "rate": 5.0}, {"change": {"b": 1}, "rate": 1.0}],
        initial_state={"a": 0, "b": 0}, dt=1.0,
    )  # fmt: skip
    with pytest.raises(InputError, match="largest leak more than the tolerance.*raise them"):
        master_equation(pair, [1.0], largest={"a": 3})
