"""Windows that cross no end of a stretch."""

import numpy as np
import pytest

import dysyr
from dysyr.training.windows import Windows

PIECES = [np.arange(5.0)[:, None], np.arange(10.0, 12.0)[:, None], np.arange(20.0, 23.0)[:, None]]


def test_every_window_lies_in_one_stretch():
    windows = Windows(PIECES, 3)
    found = windows.draw(100, np.random.default_rng(0))[:, :, 0]
    expected = [[0, 1, 2], [1, 2, 3], [2, 3, 4], [20, 21, 22]]
    np.testing.assert_array_equal(found[np.argsort(found[:, 0])], expected)
    drawn = windows.draw_any(200, np.random.default_rng(0))[:, :, 0]
    assert drawn.shape == (200, 3)
    np.testing.assert_array_equal(np.unique(drawn, axis=0), expected)
    np.testing.assert_array_equal(windows.evenly(2)[:, :, 0], [expected[0], expected[-1]])


def test_too_short_stretches_are_refused():
    with pytest.raises(dysyr.InputError, match="stretch has 5 samples; a sequence takes 6: choose a shorter one"):
        Windows(PIECES, 6, "a sequence")
    with pytest.raises(dysyr.InputError, match="has 0 samples"):
        Windows([], 2)
