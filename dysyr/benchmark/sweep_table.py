"""The scores of a sweep as one table."""

import math

import numpy as np
import xarray as xr

from dysyr.core.netcdf import write_netcdf
from dysyr.reporting.numbers import headline

KEYS = ("condition", "method", "seed")
TEXTS = ("verdict", "why")


def records_of(scores):
    """One flat dict per task: condition, method, seed, verdict, seconds, and value and floor of each measure.

    Of spectra and other lists the first number.

    Args:
        scores: list of (Task, ``metrics.json`` content).

    Returns:
        list of dict.
    """
    records = []
    for task, one in scores:
        failed = not one["measures"]
        record = {
            "condition": task.condition, "method": task.label, "seed": task.seed, "verdict": one["verdict"],
            "why": one["why"][0]["text"] if failed and one["why"] else "",
            "fit_seconds": one["provenance"].get("fit_seconds"),
        }  # fmt: skip
        for name, measure in one["measures"].items():
            record[name] = headline(measure["value"])
            if measure["floor"] is not None:
                record[f"{name}_floor"] = headline(measure["floor"])
        records.append(record)
    return records


def as_table(records):
    """The records as a Dataset over (condition, method, seed); NaN where a task is missing or has no such number.

    Args:
        records: list of dict, see ``records_of``.

    Returns:
        xarray.Dataset.
    """
    axes = {key: list(dict.fromkeys(record[key] for record in records)) for key in KEYS}
    shape = tuple(len(axis) for axis in axes.values())
    variables = {}
    for name in dict.fromkeys(key for record in records for key in record if key not in KEYS):
        text = name in TEXTS
        column = np.full(shape, "" if text else math.nan, dtype=object if text else np.float64)
        for record in records:
            if record.get(name) is not None:
                column[tuple(axes[key].index(record[key]) for key in KEYS)] = record[name]
        variables[name] = (KEYS, column.astype(str) if text else column)
    return xr.Dataset(variables, coords={key: np.array(axis) for key, axis in axes.items()})


def save_table(table, path):
    """Write a table as NetCDF, whole or not at all."""
    write_netcdf(table, path)
