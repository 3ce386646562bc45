"""Numbers as a reader wants them: as many digits as the standard error supports, and the unit."""

import math

MINUS = "\N{MINUS SIGN}"
ABSENT = "\N{EN DASH}"
_PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"


def format_number(value, *, digits=3):
    """A number with ``digits`` significant digits, a true minus sign and no needless exponent.

    Args:
        value: float, int or None.
        digits: significant digits.

    Returns:
        str; an en dash for None and for what is not finite.
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    if value == 0:
        return "0"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace("-", MINUS).replace(",", "\N{NARROW NO-BREAK SPACE}")
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if -4 <= exponent < 6:
        text = f"{value:.{max(digits - 1 - exponent, 0)}f}"
    else:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        text = f"{mantissa}e{int(power)}"
    return text.replace("-", MINUS)


def format_exact(value):
    """A number that somebody chose, such as a setting: no digits that were not typed.

    Args:
        value: float, int or None.

    Returns:
        str; an en dash for None and for what is not finite.
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    return format_number(value) if isinstance(value, int) else f"{value:.6g}".replace("-", MINUS)


def format_uncertain(value, stderr=None):
    """A number and its standard error, both cut at the second digit of the error: ``0.9056 ± 0.0012``.

    The spaces are no-break spaces, so that a table never separates the two.

    Args:
        value: float or None.
        stderr: float or None.

    Returns:
        str.
    """
    if value is None or stderr is None or not (math.isfinite(value) and math.isfinite(stderr)):
        return format_number(value)
    if stderr <= 1e-12 * abs(value):
        return format_number(value)
    decimals = 1 - math.floor(math.log10(stderr))
    if not 0 <= decimals <= 8 or abs(value) >= 1e6:
        return f"{format_number(value)}{_PLUS_MINUS}{format_number(stderr, digits=2)}"
    return f"{value:.{decimals}f}{_PLUS_MINUS}{stderr:.{decimals}f}".replace("-", MINUS)


def format_value(value, stderr=None):
    """A measure's value of any form: a number, a list, or a mapping of names to numbers.

    Args:
        value: number, sequence, mapping or None.
        stderr: the same form, or None.

    Returns:
        str.
    """
    if isinstance(value, dict):
        errors = stderr if isinstance(stderr, dict) else {}
        return "; ".join(f"{name} {format_value(item, errors.get(name))}" for name, item in value.items())
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist") and getattr(value, "ndim", 0):
        items = list(value)
        errors = list(stderr) if isinstance(stderr, (list, tuple)) or hasattr(stderr, "tolist") else []
        errors += [None] * (len(items) - len(errors))
        return ", ".join(format_value(item, error) for item, error in zip(items, errors, strict=False)) or ABSENT
    if isinstance(value, (str, bool)):
        return str(value)
    return format_uncertain(value, stderr)


def parts(value):
    """The numbers of a value with the names they have inside it.

    Args:
        value: number, sequence or mapping.

    Returns:
        list of (name, number or None); a single number has an empty name, those of a sequence are 1, 2, ...
    """
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, (list, tuple)) or getattr(value, "ndim", 0):
        return [(str(i), item) for i, item in enumerate(value, start=1)]
    return [("", value)]


def part(value, name):
    """The number of that name inside a value, None where there is none; see ``parts``."""
    return dict(parts(value)).get(name)


def headline(value):
    """The one number that stands for a value: itself, the first of a list, or the first named.

    Args:
        value: number, sequence, mapping or None.

    Returns:
        float; nan where there is none.
    """
    if isinstance(value, dict):
        value = next(iter(value.values()), None)
    while isinstance(value, (list, tuple)) or getattr(value, "ndim", 0):
        value = value[0] if len(value) else None
    return math.nan if value is None or isinstance(value, str) else float(value)
