"""A run folder: everything about one fitted model, in files that cannot carry code.

    config.json        format, method, its parameters, and what the model needs beside its arrays
    model.safetensors  the arrays
    history.nc         what happened during training
    provenance.json    versions, seed, command, data hash

``metrics.json`` and ``report.html`` are added by evaluation and reporting.
"""

import json
from pathlib import Path

import numpy as np
import safetensors.numpy
import xarray as xr
from safetensors import SafetensorError

from dysyr.core.atomic import write_bytes, write_text
from dysyr.core.errors import DysyrError, FormatError
from dysyr.core.folder_lock import locked
from dysyr.core.measure import plain
from dysyr.core.netcdf import load_netcdf, write_netcdf

FORMAT = 1
KIND = "dysyr run"


def check_target(path, *, allow_run=True):
    """Refuse a folder that holds something else than a run.

    Args:
        path: folder to be written.
        allow_run: whether an earlier run may be written over.

    Raises:
        DysyrError: the folder holds other files, or a run that may not be written over.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise DysyrError(f"'{path}' is a file", expected="a run is a folder", do="choose another name")
    if not folder.exists() or not any(folder.iterdir()):
        return
    own = (folder / "config.json").exists() or (folder / "checkpoint.safetensors").exists()
    if not own or not allow_run:
        what = "a run" if own else "other files"
        raise DysyrError(f"the folder '{path}' is not empty", got=f"it holds {what}", do="choose a new folder")


def write_run(path, *, method, parameters, model, history, provenance):
    """Write a run folder; each file is replaced as a whole, and processes at work in one folder wait for each other.

    Args:
        path: folder.
        method: class name of the reconstructor.
        parameters: its constructor arguments.
        model: the fitted Model.
        history: dict of one-dimensional arrays; those of equal length share a dimension.
        provenance: dict.
    """
    check_target(path)
    folder = Path(path)
    arrays = {name: np.ascontiguousarray(value) for name, value in model.arrays().items()}
    config = {"format": FORMAT, "kind": KIND, "method": method, "parameters": parameters, "model": model.config()}
    with locked(folder):
        write_bytes(folder / "model.safetensors", safetensors.numpy.save(arrays))
        write_netcdf(_history_dataset(history), folder / "history.nc")
        write_text(folder / "provenance.json", _json(provenance))
        write_text(folder / "config.json", _json(config))


def read_run(path):
    """Read a run folder; nothing in it is ever executed.

    Args:
        path: folder.

    Returns:
        dict: ``method``, ``parameters``, ``model`` (config), ``arrays``, ``history``, ``provenance``.

    Raises:
        FormatError: no such folder, not a run, damaged, or of another format.
    """
    folder = Path(path)
    if not (folder / "config.json").is_file():
        reason = "it has no config.json" if folder.is_dir() else "there is no such folder"
        raise FormatError(f"'{path}' is not a run", got=reason, expected="a folder written by dysyr fit or save")
    with locked(folder, shared=True):
        return _read(folder)


def _read(folder):
    config = read_json(folder / "config.json")
    if not isinstance(config, dict) or config.get("kind") != KIND:
        raise FormatError(f"'{folder}' is not a run", got="a config.json of something else")
    if config.get("format") != FORMAT:
        raise FormatError(
            f"'{folder}' is of another format", got=repr(config.get("format")), expected=f"this dysyr reads {FORMAT}"
        )
    for key, kind in (("method", str), ("parameters", dict), ("model", dict)):
        if not isinstance(config.get(key), kind):
            raise FormatError(f"'{folder / 'config.json'}' is damaged", got=f"no valid '{key}'")
    try:
        arrays = safetensors.numpy.load_file(folder / "model.safetensors")
        history = {name: values.values for name, values in load_netcdf(folder / "history.nc").data_vars.items()}
    except (OSError, SafetensorError, ValueError, KeyError, FormatError) as error:
        raise FormatError(f"the run '{folder}' is damaged", got=str(error), do="fit the model again") from error
    return {
        "method": config["method"],
        "parameters": config["parameters"],
        "model": config["model"],
        "arrays": arrays,
        "history": history,
        "provenance": read_json(folder / "provenance.json"),
    }


def read_json(path):
    """The content of a JSON file.

    Raises:
        FormatError: unreadable, or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"cannot read '{path}'", got=str(error)) from error


def _history_dataset(history):
    variables = {}
    for name, values in history.items():
        values = np.asarray(values)
        variables[name] = ((f"n{len(values)}",), values)
    return xr.Dataset(variables)


def _json(value):
    return json.dumps(plain(value), indent=1, ensure_ascii=False) + "\n"
