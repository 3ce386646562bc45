"""How a table was read: the columns that were named, kept with what was read so that another table is read alike."""

import json
import zipfile
from pathlib import Path

import pandas as pd

from dysyr.core.errors import FormatError
from dysyr.core.readers import read_parquet
from dysyr.core.text_table import TEXT_SUFFIXES, read_text

ATTRIBUTE = "reading"
KEYS = ("time", "columns", "trajectory")


def reading_of(obj, time, columns, trajectory):
    """The attribute that keeps the names of columns that were given, and that a column named like a time is none.

    Args:
        obj: what is read.
        time, columns, trajectory: the arguments of ``as_dataset``.

    Returns:
        dict of the attribute; empty where no names were given, or for what is no table.
    """
    given = {
        "time": time if isinstance(time, str) or time is False else None,
        "columns": None if columns is None else [str(name) for name in _as_list(columns)],
        "trajectory": None if trajectory is None else str(trajectory),
    }
    named = {key: value for key, value in given.items() if value is not None}
    return {ATTRIBUTE: json.dumps(named)} if named and _is_table(obj) else {}


def read_alike(text, path):
    """Arguments of ``as_dataset`` with which a file is read as another one was, as far as it has the columns.

    Args:
        text: the attribute of ``reading_of``, or None where there is none.
        path: of the file.

    Returns:
        dict of ``time``, ``columns`` and ``trajectory``, those that apply.

    Raises:
        FormatError: a damaged attribute, or a file that cannot be read.
    """
    named, path = _parsed(text), Path(path)
    if not named or not _is_table(path) or not path.is_file() or zipfile.is_zipfile(path):
        return {}
    own = (read_parquet(path) if path.suffix.lower() == ".parquet" else read_text(path)).columns
    there = set(map(str, own))
    applies = {key: names is False or there.issuperset(_as_list(names)) for key, names in named.items()}
    return {key: named[key] for key in KEYS if applies.get(key)}


def _parsed(text):
    """The names by key."""
    if text is None:
        return {}
    try:
        named = json.loads(text)
    except (TypeError, ValueError):
        named = None
    values = named.values() if isinstance(named, dict) else [None]
    if not all(value is False or _are_names(value) for value in values):
        raise FormatError(
            "the run does not say how its training data were read", got=repr(text)[:60], expected="JSON of names by key"
        )
    return named


def _are_names(value):
    return isinstance(value, (str, list)) and all(isinstance(name, str) for name in value)


def _as_list(names):
    return [names] if isinstance(names, str) else list(names)


def _is_table(obj):
    """Whether something is a frame, a file of columns, or a list of such things."""
    if isinstance(obj, (list, tuple)):
        return len(obj) > 0 and all(map(_is_table, obj))
    if isinstance(obj, (str, Path)):
        return Path(obj).suffix.lower() in (*TEXT_SUFFIXES, ".parquet")
    return isinstance(obj, pd.DataFrame)
