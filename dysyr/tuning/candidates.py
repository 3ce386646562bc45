"""The candidates of a search: every combination of the values that arguments may have."""

import hashlib
import itertools
import json

from sklearn.base import clone

from dysyr.core.errors import InputError
from dysyr.core.measure import plain
from dysyr.core.settings_text import check_keys

LONGEST_NAME = 80


def candidates_of(reconstructor, settings):
    """All combinations of some settings.

    Args:
        reconstructor: Reconstructor, which has the other arguments.
        settings: ``{argument: list of values}``.

    Returns:
        list of dict, the first argument varies slowest.

    Raises:
        InputError: an unknown argument, values that are no list, none or twice the same, or a single combination.
    """
    name = type(reconstructor).__name__
    check_keys(settings, reconstructor.get_params(), what="argument", where=name)
    for key, values in settings.items():
        if not isinstance(values, (list, tuple)) or len(values) == 0:
            raise InputError(f"the values of '{key}'", got=repr(values), expected="a list that is not empty")
        told = [_text(value) for value in values]
        twice = next((text for text in told if told.count(text) > 1), None)
        if twice is not None:
            raise InputError(f"a value of '{key}' is given twice", got=twice, expected="each value once")
    found = [dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())]
    if len(found) < 2:
        raise InputError(
            "there is nothing to choose among", got="a single candidate", expected=f"several values of an argument of "
            f"{name}", do="for example --set seed=0,1,2, or fit it with dysyr fit",
        )  # fmt: skip
    return found


def name_of(reconstructor, candidate):
    """A name for files: what is particular to a candidate, and a hash of all arguments.

    Args:
        reconstructor: Reconstructor with the arguments that are not varied.
        candidate: dict.

    Returns:
        str of letters, digits and ``._+-``, another one for other arguments.
    """
    said = "-".join(f"{key}_{_text(value)}" for key, value in candidate.items())
    said = "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else "_" for c in said)
    everything = _text(reconstructor.get_params() | candidate)
    return f"{said[:LONGEST_NAME]}-{hashlib.sha256(everything.encode()).hexdigest()[:8]}"


def with_arguments(reconstructor, arguments):
    """A reconstructor of the same kind, not fitted, with some arguments replaced."""
    return clone(reconstructor).set_params(**arguments)


def _text(value):
    return value if isinstance(value, str) else json.dumps(plain(value), sort_keys=True)
