"""Experiment files: one TOML file says which data, which methods, which seeds, and how to judge them."""

import dataclasses
import inspect
import tomllib
from pathlib import Path
from typing import Any

from dysyr.core.arguments import TRUE_OR_FALSE, number, whole_from
from dysyr.core.errors import FormatError, InputError
from dysyr.core.settings_text import check_keys
from dysyr.evaluation import MEASURE_NAMES
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.simulation.simulate import simulate

TABLES = ("title", "seeds", "system", "data", "simulate", "split", "reconstructor", "evaluate", "report")
SYSTEM_KEYS = ("name", "parameters", "size")
SIMULATE_KEYS = tuple(
    name for name in inspect.signature(simulate).parameters if name not in ("system", "device", "times")
)
DATA_KEYS = ("name", "path", "test", "dt", "time", "columns", "trajectory", "mask", "resample", "embed")
EMBED_KEYS = ("dim", "delay", "variable")
SPLIT_KEYS = ("validation", "test")
EVALUATE_KEYS = ("measures", "seed", *(field.name for field in dataclasses.fields(EvaluationSettings)))
REPORT_KEYS = ("title", "notes")
SHORTHANDS = {"data": "path", "system": "name"}
TEXT = ("a text", lambda value: isinstance(value, str))
TABLE = ("a table", lambda value: isinstance(value, dict))
QUOTIENT = ("a number, or a text such as \"1/360\"", lambda value: number(value) or isinstance(value, str))
NAMES = ("a list of names", lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value))
KINDS = {
    "system": {"name": TEXT, "parameters": TABLE, "size": TABLE},
    "data": {
        "name": TEXT, "path": TEXT, "test": TEXT, "dt": QUOTIENT, "resample": QUOTIENT, "mask": TRUE_OR_FALSE,
        "time": ("the name of a column, or false", lambda value: isinstance(value, str) or value is False),
        "columns": NAMES, "trajectory": TEXT,
    },
    "simulate": {"seed": whole_from(0)},
    "evaluate": {"seed": whole_from(0)},
    "report": {"title": TEXT, "notes": TEXT},
}
"""What the values of these tables have to be: (in words, function value -> bool)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """What an experiment file says, checked.

    Attributes:
        name: name of the file without ending.
        folder: where relative paths of the file begin.
        title: heading of the report.
        seeds: tuple of int, one fit each.
        system: table, or None when data are given.
        data: table, or None when a system is given.
        simulate: table; ``test`` in it holds what is different for the test data.
        split: shares of validation and test data.
        reconstructors: tuple of tables with ``method``, ``label`` and the method's arguments.
        evaluate: table.
        report: table.
    """

    name: str
    folder: Path
    title: str
    seeds: tuple
    system: dict | None
    data: dict | None
    simulate: dict
    split: dict
    reconstructors: tuple
    evaluate: dict
    report: dict


def read_experiment(path, overrides=None):
    """Read and check an experiment file.

    Args:
        path: the .toml file.
        overrides: ``{"table.key": value}`` that replace entries; ``data`` and ``system`` alone stand for
            ``data.path`` and ``system.name``, and ``reconstructor.KEY`` for that key of all methods. Test data of
            their own (``data.test``) take the place of a share in ``split``.

    Returns:
        Experiment.

    Raises:
        FormatError: the file cannot be read or is not TOML.
        InputError: unknown or missing keys, or values of the wrong kind.
    """
    path = Path(path)
    content = read_tables(path, "experiment file")
    for key, value in (overrides or {}).items():
        _override(content, key, value)
    if "data.test" in (overrides or {}) and isinstance(content.get("split"), dict):
        content["split"].pop("test", None)
    return check_experiment(content, path)


def read_tables(path, what):
    """The tables of a TOML file, not checked.

    Args:
        path: the file.
        what: what the file is, for messages.

    Raises:
        FormatError: the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"cannot read the {what} '{path}'", got=reason, expected="a TOML file") from error


def _override(content, key, value):
    head, _, rest = key.partition(".")
    check_keys([head], TABLES, what="entry", where="an experiment file")
    if head in SHORTHANDS and not rest:
        table = content.get(head, {})
        _need(isinstance(table, dict), f"[{head}] of the experiment file", repr(table), "a table")
        dropped = ("path", "test") if _is_copy(table, value) else ("name", "path", "test")
        content[head] = {k: v for k, v in table.items() if k not in dropped}
        content[head][SHORTHANDS[head]] = _absolute(value) if head == "data" else value
        return
    if not rest:
        content[head] = value
        return
    tables = content.setdefault(head, [] if head == "reconstructor" else {})
    for table in tables if isinstance(tables, list) else [tables]:
        *parents, last = rest.split(".")
        for parent in parents:
            table = table.setdefault(parent, {}) if isinstance(table, dict) else None
        _need(isinstance(table, dict), f"cannot set '{key}' in the experiment file", "another value there", "tables")
        table[last] = _absolute(value) if key in ("data.path", "data.test") else value


def _is_copy(table, path):
    """Whether a path is a local copy of the electrocardiogram, which then keeps its name and its units."""
    return table.get("name") == "ecg" and str(path).endswith(".npz")


def _absolute(value):
    """A path typed on the command line begins where the command was given, not where the file lies."""
    return str(Path(value).absolute()) if isinstance(value, str) else value


def check_experiment(content, path):
    """The Experiment that the content of a file describes.

    Args:
        content: dict, as TOML gives it.
        path: of the file, for messages and for relative paths.

    Raises:
        InputError: unknown or missing keys, or values of the wrong kind.
    """
    where = f"the experiment file '{path}'"
    check_keys(content, TABLES, what="entry", where=where)
    for name, keys in (
        ("system", SYSTEM_KEYS), ("simulate", (*SIMULATE_KEYS, "test")), ("data", DATA_KEYS),
        ("split", SPLIT_KEYS), ("evaluate", EVALUATE_KEYS), ("report", REPORT_KEYS),
    ):  # fmt: skip
        table = content.get(name, {})
        _need(isinstance(table, dict), f"[{name}] in {where}", repr(table), "a table")
        check_keys(table, keys, what="key", where=f"[{name}] in {where}")
        for key, (expected, allowed) in KINDS.get(name, {}).items():
            fits = key not in table or allowed(table[key])
            _need(fits, f"{key} of [{name}] in {where}", repr(table.get(key)), expected)
    if ("system" in content) == ("data" in content):
        got = "both" if "system" in content else "neither"
        raise InputError(f"{where} needs [system] or [data]", got=got, expected="exactly one of them")
    if "data" in content:
        _check_data(content["data"], where)
        _need("simulate" not in content, f"[simulate] in {where}", "a table", "nothing, since data are given")
    else:
        _need("name" in content["system"], f"[system] in {where}", "no name", 'name = "lorenz63" or a file')
        test = content.get("simulate", {}).get("test", {})
        _need(isinstance(test, dict), f"[simulate.test] in {where}", repr(test), "a table")
        check_keys(test, SIMULATE_KEYS, what="key", where=f"[simulate.test] in {where}")
        _need("test" not in content.get("split", {}), f"[split] in {where}", "test", "test data are simulated")
    shares = content.get("split", {}).values()
    valid = all(isinstance(share, float) and 0 < share < 1 for share in shares) and sum(shares) < 1
    _need(valid, f"[split] in {where}", str(list(shares)), "shares between 0 and 1 that leave some for training")
    measures = content.get("evaluate", {}).get("measures", [])
    measures = [measures] if isinstance(measures, str) else measures
    named = isinstance(measures, list) and all(isinstance(name, str) for name in measures)
    _need(named, f"measures of [evaluate] in {where}", repr(measures), "a list of names")
    check_keys(measures, MEASURE_NAMES, what="measure", where=f"[evaluate] in {where}")
    evaluation_settings(content.get("evaluate", {}))
    seeds = content.get("seeds", [0])
    _need(
        isinstance(seeds, list) and seeds and all(type(s) is int and s >= 0 for s in seeds)
        and len(set(seeds)) == len(seeds),
        f"seeds in {where}", repr(seeds), "a list of different whole numbers, for example [0, 1, 2]",
    )  # fmt: skip
    title = content.get("title", path.stem)
    return Experiment(
        name=path.stem,
        folder=path.absolute().parent,
        title=str(title),
        seeds=tuple(seeds),
        system=content.get("system"),
        data=content.get("data"),
        simulate=content.get("simulate", {}),
        split=content.get("split", {}),
        reconstructors=_reconstructors(content.get("reconstructor", []), where),
        evaluate=content.get("evaluate", {}),
        report=content.get("report", {}),
    )


def evaluation_settings(table):
    """The EvaluationSettings that [evaluate] holds beside measures and seed.

    Args:
        table: [evaluate], its keys checked.

    Raises:
        InputError: a value that a setting cannot have.
    """
    given = {key: value for key, value in table.items() if key not in ("measures", "seed")}
    numbers: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return EvaluationSettings(**numbers)


def _check_data(table, where):
    where = f"[data] in {where}"
    _need(("name" in table) or ("path" in table), where, "neither name nor path", "a data set or a file")
    embed = table.get("embed", False)
    _need(isinstance(embed, (bool, dict)), f"embed in {where}", repr(embed), "true, false or a table")
    if isinstance(embed, dict):
        check_keys(embed, EMBED_KEYS, what="key", where=f"embed in {where}")


def _reconstructors(tables, where):
    _need(
        isinstance(tables, list) and tables and all(isinstance(t, dict) and "method" in t for t in tables),
        f"[[reconstructor]] in {where}", "none" if not tables else "one without method",
        "at least one table with method = \"shplrnn\"",
    )  # fmt: skip
    named = all(isinstance(table["method"], str) and isinstance(table.get("label", ""), str) for table in tables)
    _need(named, f"methods and labels of [[reconstructor]] in {where}", "one that is no text", "names")
    labelled = tuple({"label": table["method"], **table} for table in tables)
    labels = [table["label"] for table in labelled]
    _need(
        len(set(labels)) == len(labels) and all(map(_is_label, labels)),
        f"labels of [[reconstructor]] in {where}", ", ".join(labels),
        "different names of letters, digits, -, _ and . (not in front)",
    )  # fmt: skip
    return labelled


def _is_label(text):
    return all(c.isalnum() or c in "-_." for c in text) and text[:1].isalnum()


def _need(condition, what, got, expected):
    if not condition:
        raise InputError(what, got=got, expected=expected)
