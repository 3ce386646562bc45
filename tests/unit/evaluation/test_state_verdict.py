"""States beside exact ones and outcomes: what distances are held against, and the rules of the verdict."""

import numpy as np
import pytest

import dysyr
from dysyr.core.povm import along_sites
from dysyr.core.state_distance import total_variation
from dysyr.evaluation.state_rows import histogram, measured_rows, state_rows
from dysyr.evaluation.state_verdict import decide_states

FRAME = dysyr.Frame("tetra_pos")
RING = dysyr.load_system("tfim_decay", n_sites=3)
ENDS = RING.spins.lattice.bonds


class Known:
    """A model that has given probabilities."""

    frame, n_sites, times = FRAME, 3, np.zeros(0)

    def __init__(self, r):
        self.p = along_sites(FRAME.to_outcomes, r)

    def probabilities(self, state):
        return self.p

    def sample(self, n_shots, *, state, seed):
        return FRAME.sample(self.p, n_shots, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def exact():
    return dysyr.steady_state(RING)


def product(r):
    spin = np.array([1.0, *(r[(k, 0, 0)] for k in (1, 2, 3))])
    return np.einsum("a,b,c->abc", spin, spin, spin)


def test_what_distances_are_held_against(exact):
    """The mean absolute deviation of a binomial share is nearly sqrt(2 q (1 - q) / (pi n))."""
    n, q = 10_000, along_sites(FRAME.to_outcomes, exact)
    (row,) = state_rows(Known(product(exact)), exact[None], ENDS, floor_shots=n)
    scale = row["scale"]
    assert row["total_variation"] == pytest.approx(scale["single_spins"][0], rel=1e-9)
    assert row["trace_distance"] == pytest.approx(scale["single_spins"][1], rel=1e-9)
    assert scale["mixed"][0] == pytest.approx(total_variation(q, np.full((4, 4, 4), 1 / 64)))
    expected = np.sqrt(2 * q * (1 - q) / (np.pi * n)).sum() / 2
    assert scale["histogram"]["mean"][0] == pytest.approx(expected, rel=0.05)
    assert (scale["histogram"]["low"] < scale["histogram"]["mean"]).all()
    (row,) = state_rows(Known(exact), exact[None], ENDS)
    assert row["total_variation"] < 1e-9 and row["max_correlator_error"] < 1e-9 and "histogram" not in row["scale"]
    (row,) = state_rows(Known(exact), None, ENDS)
    assert "exact" not in row and "total_variation" not in row and row["smallest_eigenvalue"] > 0


def test_outcomes_beside_model_and_truth(exact):
    outcomes = Known(exact).sample(4_000, state=0, seed=5)
    found = measured_rows(Known(exact), outcomes, ENDS, exact)
    assert found["names"] == ["X", "Y", "Z", "XX", "YY", "ZZ"] and found["n_shots"] == 4_000
    assert np.abs(found["model_off"]).max() < 1e-6 < np.abs(found["measured_off"]).max() < 4
    assert np.array(found["from_measured"]) == pytest.approx(-np.array(found["measured_off"]), rel=0.1)
    assert found["measured"][5] == pytest.approx(
        np.mean([FRAME.table("ZZ")[tuple(outcomes[:, list(bond)].T)].mean() for bond in ENDS])
    )
    q = along_sites(FRAME.to_outcomes, exact)
    assert found["histogram"] == pytest.approx(total_variation(histogram(outcomes), q))
    assert measured_rows(Known(exact), outcomes, [])["names"] == ["X", "Y", "Z"]
    sampled = measured_rows(Known(exact), outcomes, ENDS, exact, n_shots=4_000)
    assert np.array(sampled["model_off"]) == pytest.approx(
        (np.array(sampled["model"]) - exact_of(found)) / np.array(found["exact_stderr"]) / np.sqrt(2), rel=0.1
    )


def exact_of(found):
    return np.array(found["exact"])


def test_histogram_counts_strings():
    shares = histogram(np.array([[0, 3], [0, 3], [1, 2], [3, 0]]))
    assert shares[0, 3] == 0.5 and shares[1, 2] == shares[3, 0] == 0.25 and shares.sum() == 1


ROW = {
    "time": None, "exact": {}, "max_error": 1e-4, "max_correlator_error": 1e-4, "total_variation": 1e-3,
    "trace_distance": 1e-3, "smallest_eigenvalue": 0.0, "scale": {"single_spins": [0.1, 0.2]},
}  # fmt: skip
MEASURED = {
    "names": ["X", "Y", "Z"], "from_measured": [0.1, -0.2, 2.9], "exact": [0, 0, 0], "model_off": [1, 1, 1],
    "measured_off": [1, 1, 1], "histogram": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdict", "failed"),
    [
        ({}, "close states", None),
        ({"max_error": 0.051}, "wrong states", "error of a magnetisation: 0.051; more than 0.05"),
        ({"max_correlator_error": 0.06}, "wrong states", "correlator of neighbours: 0.06"),
        ({"total_variation": 0.11}, "wrong states", "total variation 0.11, that of the product of the true single"),
        ({"max_error": 0.02}, "good for local averages", "magnetisation at most 0.01: 0.02"),
        ({"max_correlator_error": 0.02}, "good for local averages", "neighbours at most 0.01: 0.02"),
        ({"trace_distance": 0.06}, "good for local averages", "trace distance at most 0.05 from the exact state: 0.06"),
        ({"smallest_eigenvalue": -0.02}, "good for local averages", "eigenvalue -0.02, negative"),
        ({"smallest_eigenvalue": -0.005}, "close states", None),
        ({"total_variation": 5e-4, "scale": {"single_spins": [1e-4, 1e-4]}}, "close states", None),
    ],
)
def test_verdict_on_solutions(changes, verdict, failed):
    found = decide_states([ROW, {**ROW, **changes}])
    assert found.verdict == verdict
    broken = [line.text for line in found.lines if line.passed is False]
    assert (failed is None and not broken) or failed in broken[0]


def test_verdict_without_exact_states():
    found = decide_states([{"time": None}])
    assert found.verdict == "not compared" and [line.passed for line in found.lines] == [None, None]
    assert decide_states([{"time": None}], residual=0.3).verdict == "not compared"
    found = decide_states([{"time": None}], residual=0.31)
    assert found.verdict == "not solved" and found.lines[1].text.startswith("residual of the equation 0.31")


@pytest.mark.parametrize(
    ("changes", "verdict", "failed"),
    [
        ({}, "as good as the outcomes", None),
        ({"from_measured": [0, -3.1, 0]}, "at odds with the outcomes", "largest 3.1"),
        ({"histogram": 1e-3}, "worse than the outcomes", "that of the histogram of the outcomes 0.001"),
        ({"model_off": [1, 3.2, 1]}, "worse than the outcomes", "2 of 3 averages of the model within 3"),
        ({"model_off": [1, 3.2, 1], "measured_off": [1, -3.2, 1]}, "as good as the outcomes", None),
    ],
)
def test_verdict_on_fits(changes, verdict, failed):
    found = decide_states([ROW], {**MEASURED, **changes})
    assert found.verdict == verdict
    broken = [line.text for line in found.lines if line.passed is False]
    assert (failed is None and not broken) or failed in broken[0]
    without = {name: value for name, value in MEASURED.items() if name in ("names", "from_measured")}
    found = decide_states([ROW], without)
    assert found.verdict == "consistent with the outcomes" and found.lines[1].passed is None
