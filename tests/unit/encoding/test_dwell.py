import numpy as np
import pytest
from symbol_sequences import chain, encoding

from dysyr.encoding.dwell import dwell_times


def test_runs_at_the_ends_of_stretches_are_censored():
    first, second = dwell_times([np.array([0, 0, 1, 1, 1, 0, 1]), np.array([1, 1])], 2, 0.5)
    assert first.complete.tolist() == [0.5]
    assert first.censored.tolist() == [1.0]
    assert second.complete.tolist() == [1.5]
    assert second.censored.tolist() == [0.5, 1.0]


def test_all_time_is_accounted_for(rng):
    stretches = [rng.integers(0, 3, n) for n in (50, 1, 200)]
    times = dwell_times(stretches, 3, 0.1)
    assert sum(d.complete.sum() + d.censored.sum() for d in times) == pytest.approx(25.1)


def test_a_markov_chain_stays_geometrically_long(rng):
    code = encoding(chain(np.array([[0.9, 0.1], [0.3, 0.7]]), 100_000, rng), dt=0.2)
    for dwell, stay in zip(code.dwell_times, (0.9, 0.7), strict=True):
        steps = dwell.complete / 0.2
        assert steps.mean() == pytest.approx(1 / (1 - stay), rel=0.03)
        assert (steps > 4.5).mean() == pytest.approx(stay**4, abs=0.02)


def test_summary_without_complete_runs_says_none():
    (dwell,) = dwell_times([np.zeros(4, dtype=int)], 1, 1.0)
    assert dwell.summary() == {
        "n_complete": 0, "n_censored": 1, "mean": None, "median": None, "q10": None, "q90": None, "longest": None
    }  # fmt: skip
