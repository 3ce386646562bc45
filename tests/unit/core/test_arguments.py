"""Checks of arguments: what passes, what does not, and what is said."""

from types import SimpleNamespace

import numpy as np
import pytest

import dysyr
from dysyr.core.arguments import (
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    TRUE_OR_FALSE,
    check_arguments,
    none_or_whole_from,
    one_of,
    whole_from,
)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (whole_from(2), [2, np.int64(7)], [1, 2.0, True, "2", None, np.float64(3)]),
        (whole_from(0), [0], [-1, False]),
        (none_or_whole_from(1), [None, 1], [0, 1.5]),
        (POSITIVE, [1e-9, 3, np.float32(2)], [0, -1.0, np.inf, np.nan, True, "1", 1j]),
        (NOT_NEGATIVE, [0, 0.0, 2], [-1e-9, np.nan, False]),
        (FRACTION, [0.5], [0, 1, -0.1, None]),
        (TRUE_OR_FALSE, [True, False, np.True_], [0, 1, "yes", None]),
        (one_of(("a", "b")), ["a"], ["c", None, np.zeros(2)]),
    ],
)
def test_rules(rule, good, bad):
    for value in good:
        check_arguments(SimpleNamespace(given=value), ("given", *rule))
    for value in bad:
        with pytest.raises(dysyr.InputError, match="cannot use this given"):
            check_arguments(SimpleNamespace(given=value), ("given", *rule))


def test_the_first_bad_argument_is_named():
    method = SimpleNamespace(a=1, b=0, c=-1)
    with pytest.raises(dysyr.InputError, match="SimpleNamespace cannot use this b: 0; a whole number of at least 1"):
        check_arguments(method, *((name, *whole_from(1)) for name in "abc"))
