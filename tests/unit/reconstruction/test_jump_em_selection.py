"""The number of states behind simulated channel currents is found, and what is not settled is said."""

import numpy as np
import pytest
import scipy.stats
from jump_cases import DT, SWITCH, THREE, paths

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.reconstruction.jump_em import select_n_states
from dysyr.reconstruction.jump_em.selection import _open_questions

CHAINS = {1: np.zeros((1, 1)), 2: SWITCH, 3: THREE}


def current(n_states, seed, sd=0.3, n=3000):
    q = CHAINS[n_states]
    x = paths(q, n_paths=1, n=n, seed=seed)[0]
    return make_dataset(x + sd * np.random.default_rng([seed, 1]).standard_normal(n), dt=DT)


@pytest.mark.parametrize("n_states", [1, 2, 3])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
def test_the_number_of_states_is_found(n_states, seed):
    found = select_n_states(current(n_states, seed, n=2000), range(1, n_states + 2), n_starts=2)
    assert found.n_states == n_states, str(found)
    k = n_states - 1
    assert (found.held_out - found.held_out[k] < 3 * found.held_out_stderr + 1e-12).all()
    if n_states > 1:
        assert found.held_out[k] - found.held_out[k - 1] > 3 * found.held_out_stderr[k - 1]
        assert len(found.models[n_states].state_names) == n_states
    assert f"chosen: {n_states}" in str(found)


def test_one_state_is_a_normal_law_and_the_criterion_counts_parameters():
    data = current(2, 5, n=400)
    found = select_n_states(data, (2, 1), n_starts=1)
    y = data["x"].values.ravel()
    assert found.candidates == (1, 2) and 1 not in found.models
    assert found.log_likelihood[0] == pytest.approx(scipy.stats.norm.logpdf(y, y.mean(), y.std()).sum(), rel=1e-12)
    np.testing.assert_allclose(found.bic + 2 * found.log_likelihood, np.array([2, 7]) * np.log(400))
    assert found.undecided == ("2 is the largest number that was compared: try more",)
    assert found.held_out_stderr[1] == 0


def test_open_questions_are_said():
    numbers, stderr = (1, 2, 3), np.array([0.01, 0.0, 0.01])
    said = _open_questions(numbers, 1, np.array([90.0, 10.0, 13.0]), np.array([-2.0, -1.0, -0.9]), stderr)
    assert said == (
        "3 states are nearly as good: BIC differs by 3.0",
        "3 states foresee held-out samples better than the chosen 2",
    )
    assert _open_questions(numbers, 1, np.array([90.0, 10.0, 30.0]), np.array([-2.0, -1.0, -0.99]), stderr) == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"candidates": (2,)}, r"numbers of states to compare: \(2,\); at least two"),
        ({"candidates": (0, 2)}, "numbers of states to compare"),
        ({"candidates": (1.5, 2)}, "numbers of states to compare"),
        ({"held_out": 1.0}, "share of samples to hold out: 1.0"),
    ],
)
def test_comparisons_that_are_none(arguments, message):
    with pytest.raises(InputError, match=message):
        select_n_states(current(2, 0, n=50), **arguments)


def test_too_few_held_out_samples():
    with pytest.raises(InputError, match="too few samples are held out: 3 samples: raise held_out"):
        select_n_states(current(2, 0, n=30), held_out=0.1)
