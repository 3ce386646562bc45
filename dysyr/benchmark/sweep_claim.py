"""What the folder of a sweep belongs to: finished tasks of another sweep, or of other data, are none of this one."""

import hashlib
import json
from pathlib import Path

from dysyr.benchmark.sweep_file import Sweep
from dysyr.core.atomic import write_text
from dysyr.core.errors import DysyrError, FormatError, InputError
from dysyr.core.measure import plain
from dysyr.core.run_folder import check_target

NOTE = "sweep.json"
OF_DATA = ("system", "data", "simulate", "split", "evaluate")


def read_sweep_folder(folder):
    """The Sweep that a folder of results is of.

    Raises:
        FormatError: the folder holds none.
    """
    return _read(folder)[0]


def claim(out, sweep, to_do=()):
    """Refuse a folder that holds another sweep, and write down which one this is.

    Conditions and methods that were left out in between are remembered, and so is what the files of data and systems
    held: a task that is finished is finished for these only.

    Args:
        out: folder.
        sweep: Sweep.
        to_do: names of the conditions of which a task is left to do.

    Raises:
        InputError: a file of data or a system that is not there, of one of those.
        DysyrError: the folder holds another sweep, one of other data, or something else.
    """
    note, now = Path(out) / NOTE, plain(sweep.to_dict())
    known, files = {}, {}
    if note.exists():
        _, known, files = _read(out)
    else:
        check_target(out, allow_run=False)
    for name, one in now["conditions"].items():
        different = _differences(known.get(name, one), one)
        if different:
            raise DysyrError(
                f"'{out}' holds another sweep", got=f"other {', '.join(different)} of {name}", do="choose another -o"
            )
    places = {name: path for one in sweep.conditions.values() for name, path in _files(one).items()}
    needed = {name for condition in to_do for name in _files(sweep.conditions[condition])}
    absent = [name for name, path in places.items() if name in needed and not path.is_file()]
    if absent:
        raise InputError("no such file", got=", ".join(absent), expected="what the sweep takes its data from")
    found = {name: _digest(path) for name, path in places.items() if path.is_file()}
    changed = [name for name, digest in found.items() if files.get(name, digest) != digest]
    if changed:
        raise DysyrError(
            f"'{out}' holds a sweep of other data", got=f"changed since: {', '.join(changed)}", do="choose another -o"
        )
    known = known | {name: _joined(known.get(name, one), one) for name, one in now["conditions"].items()}
    write_text(note, json.dumps({**now, "known": known, "files": files | found}, indent=1) + "\n")


def _read(folder):
    """(Sweep, all conditions that there were, digests of their files) of a folder."""
    try:
        content = json.loads((Path(folder) / NOTE).read_text(encoding="utf-8"))
        known, files = dict(content.get("known", content["conditions"])), dict(content.get("files", {}))
        return Sweep.from_dict(content), known, files
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"'{folder}' holds no sweep", got=str(error), expected=f"a folder with {NOTE}") from error


def _differences(before, one):
    """Names of what a condition has otherwise than before: tables of its data, labels of methods."""
    tables = {table["label"]: table for table in before["reconstructors"]}
    return [key for key in OF_DATA if before[key] != one[key]] + [
        table["label"] for table in one["reconstructors"] if tables.get(table["label"], table) != table
    ]


def _joined(before, one):
    """A condition with the methods that it has and those that it had."""
    labels = [table["label"] for table in one["reconstructors"]]
    gone = [table for table in before["reconstructors"] if table["label"] not in labels]
    return {**one, "reconstructors": [*one["reconstructors"], *gone]}


def _files(experiment):
    """``{name as written: path}`` of the files that a condition takes its data or its system from."""
    data, name = experiment.data or {}, str((experiment.system or {}).get("name", ""))
    names = [data[key] for key in ("path", "test") if key in data] + [name] * name.endswith(".toml")
    return {one: experiment.folder / one for one in map(str, names)}


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
