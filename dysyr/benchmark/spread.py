"""Numbers and their spread over seeds, as the pages of results write them."""

import math

import numpy as np

from dysyr.reporting.numbers import ABSENT, format_number


def number(value):
    """Three digits; an en dash for None, ∞ for what is infinite."""
    return "∞" if value is not None and math.isinf(value) else format_number(value)


def spread(values):
    """``**median** [lowest, highest]``, and how many are missing.

    Args:
        values: numbers; None where there is none. A failure that has to count is math.inf, not None.

    Returns:
        text; an en dash where there is no number at all.
    """
    known = [value for value in values if value is not None]
    if not known:
        return ABSENT
    missing = f", {len(values) - len(known)} missing" if len(known) < len(values) else ""
    return f"**{number(float(np.median(known)))}** [{number(min(known))}, {number(max(known))}]{missing}"
