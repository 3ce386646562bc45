"""Settings typed on a command line: ``key=value`` pairs with values written as in TOML."""

import difflib
import tomllib

from dysyr.core.errors import InputError


def parse_settings(pairs, read=None):
    """Read ``key=value`` texts.

    A value is read as TOML (3, 0.1, true, [1, 2], "text"); what is not TOML is taken as text.

    Args:
        pairs: sequence of str.
        read: function of the text of a value, by default ``parse_value``.

    Returns:
        dict of key to value, in the order given.

    Raises:
        InputError: a pair without ``=`` or without a key, or a key given twice.
    """
    settings = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        key = key.strip()
        if not sign or not key:
            raise InputError(
                "cannot read a setting", got=f"'{pair}'", expected="key=value", do="for example --set latent_dim=3"
            )
        if key in settings:
            raise InputError("a setting is given twice", got=f"'{key}'", expected="each key once")
        settings[key] = (read or parse_value)(text.strip())
    return settings


def parse_value(text):
    """A value written as in TOML; text where it is none.

    Args:
        text: str.

    Returns:
        bool, int, float, str, list or dict.
    """
    try:
        return tomllib.loads(f"value = {text}")["value"] if "\n" not in text else text
    except (ValueError, RecursionError):
        return text


def parse_values(text):
    """Values separated by commas, or a list written as in TOML.

    Args:
        text: str, such as ``3,5,10``, ``adaptive,annealed`` or ``[[1, 2], [3]]``.

    Returns:
        list of bool, int, float, str, list or dict.
    """
    found = parse_value(f"[{text}]")
    if isinstance(found, str):
        return [parse_value(part.strip()) for part in text.split(",")]
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found


def check_keys(given, known, *, what, where):
    """Refuse unknown keys and say which known one was probably meant.

    Args:
        given: the keys to be checked.
        known: the keys that are allowed.
        what: what a key is called, for example "argument".
        where: what it belongs to, for example "SHPLRNN".

    Raises:
        InputError: an unknown key.
    """
    known = list(known)
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            raise InputError(
                f"{where} has no {what} '{key}'",
                expected=f"one of {', '.join(known)}" if known else f"it has no {what}s",
                do=f"did you mean '{near[0]}'?" if near else None,
            )
