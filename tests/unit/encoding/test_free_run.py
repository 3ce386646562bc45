"""Where searches start from: visited regions, boxes, near returns."""

import numpy as np
from small_maps import skew_tent

from dysyr.encoding.free_run import FreeRun


def test_regions_and_graph_of_a_free_run():
    run = FreeRun(skew_tent(1.6, -1.6, initial_states=[[0.3], [0.5]]), 4000)
    assert [len(states) for states in run.runs] == [2001, 2001]
    np.testing.assert_array_equal(run.regions, [[False], [True]])
    np.testing.assert_array_equal(run.adjacency(), [[False, True], [True, True]])
    for states, path in zip(run.runs, run.paths, strict=True):
        np.testing.assert_array_equal(run.regions[path], states > 0)
    low, high = run.box(3.0)
    assert low[0] < -0.6 - 1.5
    assert high[0] > 1.0 + 1.5


def test_divergence_cuts_the_run():
    run = FreeRun(skew_tent(3.0, 2.0, initial_states=[[0.5]]), 3000)
    assert 10 < len(run.runs[0]) < 30
    assert np.isfinite(run.box(3.0)).all()


def test_box_around_a_point_has_a_width():
    low, high = FreeRun(skew_tent(0.5, -0.5, initial_states=[[2.0 / 3.0]]), 100).box(2.0)
    np.testing.assert_allclose([low[0], high[0]], [2.0 / 3.0 - 8.0 / 3.0, 2.0 / 3.0 + 8.0 / 3.0])


def test_nearest_returns_come_first():
    """A run that starts on the 2-cycle {-0.2790..., 0.5813...} of slopes 1.5 and -2.2 returns at once."""
    high = 0.5 / 0.86
    run = FreeRun(skew_tent(1.5, -2.2, initial_states=[[(high - 1.0) / 1.5]]), 500)
    words = run.closest_returns(2, 5)
    assert words.shape == (5, 2, 1)
    assert words[0, 0, 0] != words[0, 1, 0]
    assert run.closest_returns(1000, 5).shape == (0, 1000, 1)
