"""Names of variables, parameters, indices and intermediates: which may be used, and which was meant."""

import difflib
import keyword
import re

from dysyr.core.errors import ExpressionError
from dysyr.core.functions import FUNCTIONS

MAX_NAME = 64
RESERVED = frozenset({*FUNCTIONS, "where", "pi", "t", "laplacian"})

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def check_name(name, *, what="name", taken=()):
    """Refuse a name that is no ASCII identifier, is reserved or is taken.

    Raises:
        ExpressionError: always with the reason.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ExpressionError(
            f"{what} cannot be used",
            got=repr(name)[:80],
            expected=f"a letter followed by letters, digits and _, in ASCII, at most {MAX_NAME} characters",
        )
    if name in RESERVED:
        raise ExpressionError(
            f"{what} '{name}' is reserved",
            expected="it is a function or symbol of the language",
            do="rename it",
        )
    if keyword.iskeyword(name):
        raise ExpressionError(
            f"{what} '{name}' is a word of Python", do=f"rename it, for example to '{name}_'"
        )
    if name in taken:
        raise ExpressionError(f"{what} '{name}' is used twice", expected="each name stands for one thing")
    return name


def did_you_mean(name, known):
    """A hint for a misspelt name, or None."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f"did you mean '{close[0]}'?" if close else None
