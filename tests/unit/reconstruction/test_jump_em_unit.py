"""The unit of time in which JumpEM has its prior."""

import numpy as np
import pytest
from jump_cases import DT, SWITCH, paths

from dysyr.reconstruction.jump_em import JumpEM


def off_diagonal(q):
    return q[~np.eye(len(q), dtype=bool)]


def fit(x, **arguments):
    return JumpEM(**arguments).fit(list(x), dt=DT, progress=False)


def test_one_long_path_is_not_shrunk_to_the_prior():
    """With the unit of a tenth of its length the prior would hold a third of all time in each state."""
    x = paths(SWITCH, n_paths=1, n=20_000)
    q = fit(x).model_.rate_matrix
    np.testing.assert_allclose(off_diagonal(q), off_diagonal(SWITCH), rtol=0.1)
    shrunk = fit(x, time_unit=0.1 * 20_000 * DT).model_.rate_matrix
    assert (off_diagonal(shrunk) < 0.7 * off_diagonal(SWITCH)).all()


def test_the_unit_is_shortened_where_a_state_is_left_often():
    few, many = paths(SWITCH, n_paths=3, n=40), paths(SWITCH, n_paths=1, n=20_000)
    assert fit(few).history_["unit"][0] == pytest.approx(39 * DT / 10)
    made = fit(many)
    jumps = [((many[0][:-1] == i) & (many[0][1:] != i)).sum() for i in (0, 1)]
    naive = max((n - np.sqrt(n)) / ((many[0][:-1] == i).sum() * DT) for i, n in enumerate(jumps))
    whole = 19_999 * DT / 10
    assert made.history_["unit"][0] == pytest.approx(whole / (1 + (naive * whole - 1) / 0.25))
    assert made.history_["unit"][0] == pytest.approx(0.25 / naive, rel=0.01)


def test_wrong_labels_do_not_shorten_the_unit():
    """A tenth of wrong labels makes several times as many jumps."""
    x = paths(SWITCH, n_paths=1, n=20_000)[0]
    wrong = np.where(np.random.default_rng(77).uniform(size=len(x)) < 0.1, 1 - x, x)
    fastest = -SWITCH.diagonal().min()
    for known in (fit([wrong], label_noise="learn"), fit([wrong], label_noise=0.1)):
        assert known.history_["unit"][0] == pytest.approx(0.25 / fastest, rel=0.15)
        np.testing.assert_allclose(off_diagonal(known.model_.rate_matrix), off_diagonal(SWITCH), rtol=0.15)
    assert fit([wrong]).history_["unit"][0] < 0.7 * 0.25 / fastest
