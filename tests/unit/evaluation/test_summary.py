import math

import pytest

from dysyr.evaluation.summary import mean_and_stderr, range_95


def test_numbers_lists_and_dicts_keep_their_form():
    assert mean_and_stderr([1.0, 3.0]) == (2.0, 1.0)
    assert mean_and_stderr([[1.0, 0.0], [3.0, 0.0]]) == ([2.0, 0.0], [1.0, 0.0])
    assert mean_and_stderr([{"a": 1.0}, {"a": 3.0}]) == ({"a": 2.0}, {"a": 1.0})


def test_one_value_has_no_standard_error():
    value, stderr = mean_and_stderr([4.0])
    assert value == 4.0 and math.isnan(stderr)


def test_an_infinite_value_is_not_hidden():
    assert mean_and_stderr([1.0, math.inf])[0] == math.inf


def test_range_holds_95_percent():
    low, high = range_95([float(k) for k in range(1001)])
    assert (low, high) == pytest.approx((25.0, 975.0))
    assert range_95([{"a": 1.0}, {"a": 1.0}]) == ({"a": 1.0}, {"a": 1.0})
