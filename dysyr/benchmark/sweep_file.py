"""Sweep files: an experiment file in which entries may be lists, expanded into conditions and tasks."""

import dataclasses
import itertools
import math
from pathlib import Path

from dysyr.core.errors import InputError
from dysyr.experiment import build_reconstructor
from dysyr.experiment_file import Experiment, check_experiment, read_tables

ALWAYS_LISTS = ("initial_state", "observe", "columns", "edges", "measures")
"""Keys whose value is a list in any experiment: one in them is no sweep."""
MOST_CONDITIONS = 10_000
SWEPT_TABLES = ("system", "data", "simulate", "split")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One fit of one method, and its evaluation.

    Attributes:
        condition: name of the data.
        label: name of the method with its settings.
        seed: of the method.
    """

    condition: str
    label: str
    seed: int

    @property
    def folder(self):
        """Where its run lies, below the folder of the sweep."""
        return Path("runs") / self.condition / self.label / f"seed-{self.seed}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a sweep file says, expanded.

    Attributes:
        title: heading of the page.
        conditions: ``{name: Experiment}``, one for each combination of the listed entries of the data.
        settings: ``{name: {"table.key": value}}``, what is particular to each condition.
    """

    title: str
    conditions: dict
    settings: dict

    def tasks(self):
        """All tasks, the first seed of everything first."""
        some = next(iter(self.conditions.values()))
        return [
            Task(condition=name, label=table["label"], seed=seed)
            for seed in some.seeds
            for name, experiment in self.conditions.items()
            for table in experiment.reconstructors
        ]

    def reconstructor(self, task):
        """The reconstructor of a task, not fitted."""
        tables = self.conditions[task.condition].reconstructors
        table = next(table for table in tables if table["label"] == task.label)
        arguments = {key: value for key, value in table.items() if key not in ("method", "label")}
        return build_reconstructor(table["method"], {**arguments, "seed": task.seed})

    def to_dict(self):
        """JSON-ready values that ``from_dict`` reads."""
        conditions = {
            name: dataclasses.asdict(one) | {"folder": str(one.folder)} for name, one in self.conditions.items()
        }
        return {"format": 1, "title": self.title, "conditions": conditions, "settings": self.settings}

    @classmethod
    def from_dict(cls, content):
        """The Sweep that ``to_dict`` described."""
        conditions = {}
        for name, one in content["conditions"].items():
            lists = {key: tuple(one[key]) for key in ("seeds", "reconstructors")}
            conditions[name] = Experiment(**{**one, **lists, "folder": Path(one["folder"])})
        return cls(title=content["title"], conditions=conditions, settings=content["settings"])


def read_sweep(path):
    """Read, expand and check a sweep file.

    Args:
        path: the .toml file.

    Returns:
        Sweep.

    Raises:
        FormatError: the file cannot be read or is not TOML.
        InputError: unknown or missing keys, values of the wrong kind, or unknown methods and arguments.
    """
    path = Path(path)
    content = read_tables(path, "sweep file")
    methods = content.get("reconstructor", [])
    if isinstance(methods, list) and all(isinstance(table, dict) for table in methods):
        content["reconstructor"] = [one for table in methods for one in _settings_of(table)]
    conditions, settings = {}, {}
    for choice in _combinations({name: content[name] for name in SWEPT_TABLES if name in content}):
        name = _name(choice) or path.stem
        if name in conditions:
            raise InputError("two conditions of the sweep have one name", got=name, expected="different values")
        tables = {table: _chosen(content[table], table, choice) for table in SWEPT_TABLES if table in content}
        conditions[name], settings[name] = check_experiment({**content, **tables}, path), choice
    sweep = Sweep(title=str(content.get("title", path.stem)), conditions=conditions, settings=settings)
    for task in sweep.tasks():
        sweep.reconstructor(task)
    return sweep


def _settings_of(table):
    """The tables that a table of a method with lists stands for, each with a label of its own."""
    swept = [key for key, value in table.items() if _is_swept(key, value)]
    for key in swept:
        _check_values(f"reconstructor.{key}", table[key])
    _check_count(math.prod(len(table[key]) for key in swept), "settings of a method")
    for values in itertools.product(*(table[key] for key in swept)):
        one = {**table, **dict(zip(swept, values, strict=True))}
        base = str(table.get("label", table.get("method")))
        label = "-".join([base, *(f"{key}_{_text(value)}" for key, value in zip(swept, values, strict=True))])
        yield {**one, "label": label}


def _combinations(tables):
    """All choices ``{"table.key": value}`` of the entries that are lists."""
    swept = {}
    for name, table in tables.items():
        for key, value in _leaves(table):
            if _is_swept(key.rpartition(".")[2], value):
                _check_values(f"{name}.{key}", value)
                swept[f"{name}.{key}"] = value
    _check_count(math.prod(map(len, swept.values())), "conditions of the sweep")
    return [dict(zip(swept, values, strict=True)) for values in itertools.product(*swept.values())]


def _check_values(name, values):
    if not values:
        raise InputError(f"nothing to sweep over in {name}", got="an empty list", expected="values")


def _check_count(count, what):
    if count > MOST_CONDITIONS:
        raise InputError(f"too many {what}", got=str(count), expected=f"at most {MOST_CONDITIONS}")


def _leaves(table, before=""):
    for key, value in table.items() if isinstance(table, dict) else ():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield before + key, value


def _chosen(table, before, choice):
    """A table with its lists replaced by what was chosen."""
    out = {}
    for key, value in table.items():
        name = f"{before}.{key}"
        out[key] = _chosen(value, name, choice) if isinstance(value, dict) else choice.get(name, value)
    return out


def _is_swept(key, value):
    return key not in ALWAYS_LISTS and isinstance(value, list)


def _name(choice):
    parts = []
    for key, value in choice.items():
        last = key.rpartition(".")[2]
        parts.append(_text(value) if last in ("name", "path") else f"{last}_{_text(value)}")
    return "-".join(parts)


def _text(value):
    """A value as a part of a file name."""
    text = Path(value).stem if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    return "".join(c if c.isalnum() or c in "._+" else "_" for c in text)
