"""States that are windows: what the training data fix of them."""

import numpy as np
import pytest

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.delay_state import delay_form
from dysyr.core.scaler import Scaler


def form(pieces, window, **others):
    train = make_dataset(np.concatenate(pieces), dt=0.5, names=["a"])
    return delay_form(train, pieces, Scaler(np.zeros(1), np.ones(1)), window, **others)


def test_initial_states_lie_evenly_over_all_windows_and_cross_no_end():
    pieces = [np.arange(5.0)[:, None], 100 + np.arange(2.0)[:, None], 200 + np.arange(400.0)[:, None]]
    found = form(pieces, 3)
    assert found["initial_states"].shape == (64, 3)
    np.testing.assert_array_equal(np.diff(found["initial_states"], axis=1), 1.0)
    np.testing.assert_array_equal(found["initial_states"][[0, -1], 0], [0.0, 597.0])
    assert found["dt"] == 0.5
    assert found["names"] == ("a",)


def test_too_short_stretches_are_refused():
    pieces = [np.arange(5.0)[:, None], np.arange(4.0)[:, None]]
    assert len(form(pieces, 4)["initial_states"]) == 3
    assert len(form(pieces, 3, n_ahead=2)["initial_states"]) == 5
    for window, n_ahead in ((5, 1), (3, 3)):
        with pytest.raises(dysyr.InputError, match=f"has 5 samples; window and samples ahead take {window + n_ahead}"):
            form(pieces, window, n_ahead=n_ahead)
    with pytest.raises(dysyr.InputError, match="has 0 samples"):
        delay_form(make_dataset(np.zeros((3, 1)), dt=1.0), [], None, 2)
