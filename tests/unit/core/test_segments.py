import numpy as np
import pytest

from dysyr.core.dataset import make_dataset, times, trajectories
from dysyr.core.errors import InputError
from dysyr.core.segments import complete_starts, cut, evenly_over, segments, split, windows
from dysyr.core.splitter import SegmentSplit


@pytest.fixture
def gappy():
    x = np.arange(40.0).reshape(2, 20, 1).repeat(2, axis=2)
    x[0, 7:9] = np.nan
    x[1, 4, 0] = np.nan
    return make_dataset(x, dt=0.1, mask=True, lengths=[20, 15])


def test_segments_end_at_gaps_and_trajectory_ends(gappy):
    assert segments(gappy) == [(0, 0, 7), (0, 9, 20), (1, 0, 15)]
    assert segments(gappy, max_gap=2) == [(0, 0, 20), (1, 0, 15)]


@pytest.mark.parametrize("length", [1, 2, 7, 11, 15])
def test_windows_are_exactly_those_that_fit(gappy, length):
    allowed = [(i, s) for i, a, b in segments(gappy) for s in range(40) if a <= s and s + length <= b]
    assert windows(gappy, length).tolist() == [list(pair) for pair in allowed]


def test_window_longer_than_the_data_is_refused(gappy):
    with pytest.raises(
        InputError, match="the longest gap-free segment has 15 samples; windows of 16 samples"
    ):
        windows(gappy, 16)


@pytest.mark.parametrize("length", [1, 2, 5, 20, 21])
def test_complete_windows_begin_where_no_value_is_missing(rng, length):
    x = rng.normal(size=(20, 2))
    x[[3, 11, 12], [0, 1, 0]] = np.nan
    expected = [at for at in range(21 - length) if np.isfinite(x[at : at + length]).all()]
    assert complete_starts(x, length).tolist() == expected


@pytest.mark.parametrize("count", [1, 3, 7, 100])
def test_places_are_chosen_evenly_over_all_trajectories(count):
    """Beside the plain form: a list of all pairs, of which some are taken."""
    places = [np.array([4, 5, 9]), np.array([], dtype=int), np.array([0, 7]), np.arange(30, 60)]
    pairs = [(i, int(at)) for i, of in enumerate(places) for at in of]
    chosen = [pairs[k] for k in sorted({int(k) for k in np.linspace(0, len(pairs) - 1, count)})]
    assert evenly_over(places, count) == chosen


def test_no_place_is_chosen_where_there_is_none():
    assert evenly_over([np.array([], dtype=int)], 5) == []


@pytest.mark.parametrize("fractions", [(0.7, 0.15, 0.15), (0.5, 0.5), (0.9, 0.1)])
def test_stretches_are_contiguous_disjoint_and_complete(rng, fractions):
    ds = make_dataset(rng.normal(size=(1, 103, 2)), dt=0.5, u=rng.normal(size=(1, 103, 1)))
    parts = split(ds, fractions)
    joined = np.concatenate([trajectories(part)[0] for part in parts])
    np.testing.assert_array_equal(joined, ds["x"].values[0])
    np.testing.assert_array_equal(np.concatenate([times(part)[0] for part in parts]), ds["time"])
    assert [part.sizes["time"] / 103 for part in parts] == pytest.approx(fractions, abs=0.01)
    assert all(part.attrs["dt"] == 0.5 for part in parts)


def test_many_trajectories_are_dealt_out_whole(rng):
    ds = make_dataset(rng.normal(size=(10, 5, 1)), dt=1)
    train, test = split(ds, (0.8, 0.2))
    np.testing.assert_array_equal(np.concatenate([train["x"], test["x"]]), ds["x"])
    assert train.sizes["trajectory"] == 8


def test_impossible_splits_are_refused():
    ds = make_dataset(np.arange(10), dt=1)
    with pytest.raises(InputError, match="positive numbers with sum 1"):
        split(ds, (0.5, 0.6))
    with pytest.raises(InputError, match="too short to be split"):
        split(ds, (0.9, 0.1))


def test_cut_keeps_every_part(gappy):
    piece = cut(gappy, [(0, 9, 14), (1, 2, None)])
    assert [len(x) for x in trajectories(piece)] == [5, 13]
    np.testing.assert_allclose(times(piece)[0], 0.1 * np.arange(9, 14))
    assert np.isnan(trajectories(piece)[1][2, 0])


@pytest.mark.parametrize("n_splits", [2, 5])
@pytest.mark.parametrize("gap", [0, 3])
def test_array_folds_train_on_one_unbroken_past(n_splits, gap):
    folds = list(SegmentSplit(n_splits, gap=gap).split(np.ones((60, 2))))
    assert len(folds) == n_splits == SegmentSplit(n_splits).get_n_splits()
    for train, test in folds:
        np.testing.assert_array_equal(train, np.arange(len(train)))
        assert test[0] - train[-1] == gap + 1
        assert (np.diff(test) == 1).all()
    assert len({i for _, test in folds for i in test}) == sum(len(test) for _, test in folds)


def test_list_folds_hold_out_every_trajectory_once():
    folds = list(SegmentSplit(3).split([np.ones((5, 1))] * 7))
    assert sorted(i for _, test in folds for i in test) == list(range(7))
    assert all(sorted([*train, *test]) == list(range(7)) for train, test in folds)


def test_too_few_for_the_folds():
    with pytest.raises(InputError, match="too few trajectories to split: 2; at least 3"):
        list(SegmentSplit(3).split([np.ones(4)] * 2))
    with pytest.raises(InputError, match="too few samples to split"):
        list(SegmentSplit(4, gap=5).split(np.ones(20)))


def test_grid_search_over_arrays_and_lists(rng):
    from sklearn.base import BaseEstimator
    from sklearn.model_selection import GridSearchCV

    class Persistence(BaseEstimator):
        def __init__(self, lag=1):
            self.lag = lag

        def fit(self, X, y=None):
            return self

        def score(self, X, y=None):
            series = X if isinstance(X, list) else [X]
            return -np.mean([np.mean((x[self.lag :] - x[: -self.lag]) ** 2) for x in series])

    walk = np.cumsum(rng.normal(size=(300, 1)), axis=0)
    for X in (walk, [walk[:100], walk[100:180], walk[180:]]):
        search = GridSearchCV(Persistence(), {"lag": [1, 5]}, cv=SegmentSplit(3), refit=False).fit(X)
        assert search.best_params_ == {"lag": 1}
