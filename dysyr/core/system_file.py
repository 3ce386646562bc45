"""System files: TOML tables to and from definitions. Nothing in a file is ever executed."""

import io
import re
import tomllib
from pathlib import Path

import numpy as np

from dysyr.core.atomic import write_text
from dysyr.core.errors import DysyrError, FormatError, InputError
from dysyr.core.system_definition import read_definition

MAX_BYTES = 1_000_000

_INLINE = {"initial_state", "boundary_values", "boundary"}
_LISTED = {"invariants", "reactions", "hamiltonian", "jumps", "observables"}
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TABLE = re.compile(r"\s*\[\[?\s*[A-Za-z][A-Za-z0-9_.\s-]*\]\]?\s*(#.*)?$")
_INVARIANTS = re.compile(r"\s*\[\[\s*invariants\s*\]\]")


def read_system_file(path):
    """Read the definition in a system file.

    Args:
        path: a TOML file; its stem names the system.

    Returns:
        Definition, a dict; not yet checked.

    Raises:
        FormatError: the file is missing, too large, no text or no TOML.
    """
    path = Path(path)
    definition = parse_system_text(_text(path), str(path))
    if "name" in definition:
        raise InputError(f"unknown key 'name' in '{path}'", expected="the name of the file names the system")
    return {"name": path.stem} | definition


def parse_system_text(text, source):
    """The tables of a TOML text.

    Args:
        text: the text; a byte-order mark, as editors on Windows put first, is skipped.
        source: where it is from, for messages.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise FormatError(f"'{source}' is no TOML file", got=str(error) or "nested too deeply") from None


def write_system_file(path, definition):
    """Write a definition as a system file, atomically.

    Args:
        path: where to; the stem of the file will name the system.
        definition: as ``System.to_dict`` gives it.
    """
    write_text(path, system_text(definition))


def system_text(definition):
    """A definition as TOML text, without its name."""
    plain, tables = [], []
    for key, entry in definition.items():
        if key == "name":
            continue
        if isinstance(entry, dict) and key not in _INLINE:
            tables += ["", f"[{key}]", *(f"{_key(name)} = {_value(value)}" for name, value in entry.items())]
        elif key in _LISTED:
            tables += ["", *_tables_text(key, entry).removesuffix("\n").split("\n")]
        else:
            plain.append(f"{key} = {_value(entry)}")
    return "\n".join(plain + tables) + "\n"


def invariants_text(invariants):
    """Invariants as [[invariants]] tables."""
    return _tables_text("invariants", invariants)


def _tables_text(name, entries):
    tables = []
    for entry in entries:
        lines = [f"{key} = {_value(value)}" for key, value in entry.items()]
        tables.append("\n".join([f"[[{name}]]", *lines]) + "\n")
    return "\n".join(tables)


def write_invariants(path, invariants):
    """Replace the [[invariants]] tables of a system file, and keep every other byte.

    The new tables stand where the first old one stood, or at the end of the file. The result is checked
    before it is written.

    Args:
        path: a system file.
        invariants: list of dicts with name, value, source and optionally stderr, n_zero, method.

    Raises:
        FormatError: the file is missing or no TOML.
        InputError: an invariant that a system file cannot have.
    """
    path = Path(path)
    text = _text(path)
    before = parse_system_text(text, str(path))
    kept, at = _without_invariants(text)
    tables = invariants_text([_plain(invariant) for invariant in invariants])
    head, tail = kept[:at], kept[at:]
    if tables and head and not head.endswith("\n"):
        head += "\n"
    if tables and head and not head.endswith("\n\n"):
        head += "\n"
    new = head + tables + ("\n" if tables and tail else "") + tail
    after = parse_system_text(new, str(path))
    if {k: v for k, v in before.items() if k != "invariants"} != {
        k: v for k, v in after.items() if k != "invariants"
    }:
        raise DysyrError(
            f"the invariants in '{path}' cannot be replaced", do="move the [[invariants]] tables to the end"
        )
    read_definition({"name": path.stem} | after)
    write_text(path, new)


def _without_invariants(text):
    """The text without its [[invariants]] tables, and where the first one stood."""
    kept, length, at, inside = [], 0, None, False
    for line in io.StringIO(text, newline="\n"):
        if _INVARIANTS.match(line):
            inside = True
            at = length if at is None else at
        elif inside and _TABLE.match(line):
            inside = False
        if not inside:
            kept.append(line)
            length += len(line)
    return "".join(kept), length if at is None else at


def _text(path):
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FormatError(f"'{path}' is too large", got=f"{size} bytes", expected=f"at most {MAX_BYTES}")
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except OSError as error:
        raise FormatError(f"cannot read '{path}'", got=error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise FormatError(f"'{path}' is no text file", expected="a TOML file in UTF-8") from None


def _plain(invariant):
    """The invariant with lists and numbers of Python's own types."""
    return {key: _plain_value(value) for key, value in invariant.items()}


def _plain_value(value):
    if isinstance(value, (list, tuple)):
        return [_plain_value(entry) for entry in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _key(name):
    return name if _BARE.fullmatch(name) else _value(name)


def _value(entry):
    if isinstance(entry, bool):
        return "true" if entry else "false"
    if isinstance(entry, (int, float)):
        return repr(entry)
    if isinstance(entry, str):
        return '"' + "".join(_escaped(character) for character in entry) + '"'
    if isinstance(entry, (list, tuple)):
        return "[" + ", ".join(_value(value) for value in entry) + "]"
    if isinstance(entry, dict):
        inside = ", ".join(f"{_key(key)} = {_value(value)}" for key, value in entry.items())
        return "{ " + inside + " }" if inside else "{}"
    raise InputError("a system file cannot hold this value", got=repr(entry)[:80])


def _escaped(character):
    if character in '"\\':
        return "\\" + character
    if ord(character) < 32 or ord(character) == 127:
        return f"\\u{ord(character):04x}"
    return character
