"""Checks of the arguments of HiddenTerms."""

import numpy as np

from dysyr.core.arguments import check_arguments, number, one_of, whole_from

WHOLE = (
    ("degree", 0), ("n_members", 1), ("width", 1), ("hidden_width", 1), ("n_collocation", 2), ("n_adam", 0),
    ("n_iterations", 1), ("n_rounds", 1), ("n_sets", 1), ("segment", 3), ("n_segments", 1), ("seed", 0),
)  # fmt: skip


def check(method):
    """Refuse arguments that are out of range.

    Raises:
        InputError: the first argument that is.
    """
    check_arguments(
        method,
        *((name, *whole_from(least)) for name, least in WHOLE),
        ("mode", *one_of(("collocation", "solver"))),
        ("form", *one_of(("formula", "network"))),
        ("initial", *one_of(("auto", "fitted", "data", "system"))),
        ("conditions", *one_of(("hard", "soft"))),
        ("noise", "a positive number, one for each variable, or None", _noise),
        *((name, "a list of texts, or None", _texts) for name in ("functions", "free")),
        ("degree", "at least 1 where there are no functions", lambda v: v > 0 or bool(method.functions)),
    )


def _noise(value):
    if value is None or number(value):
        return value is None or value > 0
    return isinstance(value, (list, tuple, np.ndarray)) and len(value) > 0 and all(number(v) and v > 0 for v in value)


def _texts(value):
    return value is None or isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value)
