"""Small measured data sets by name."""

import importlib.resources
import json

from dysyr.core.dataset import as_dataset, make_dataset, trajectories
from dysyr.core.errors import DysyrError, InputError

DATASETS = ("sunspots", "lynx_hare", "ecg")
ECG_RATE = 360.0
ECG_ZERO = 1024.0
ECG_COUNTS_PER_MILLIVOLT = 200.0


def load_dataset(name, *, path=None):
    """A measured data set by its name.

    * ``sunspots``: yearly sunspot numbers, 1700 to 2008 (309 x 1, dt = 1 year);
    * ``lynx_hare``: thousands of hare and lynx pelts, 1845 to 1935 (91 x 2, dt = 1 year);
    * ``ecg``: electrocardiogram of MIT-BIH record 208 (108,000 x 1 in millivolt, dt = 1/360 s), fetched by
    SciPy on first
      use and then taken from its cache.

    Args:
        name: one of these names.
        path: for ``ecg``, a local copy of the file (.npz with the raw samples under ``ecg``).

    Returns:
        Dataset with ``time_unit``, ``units`` and ``title`` among its attributes.

    Raises:
        InputError: there is no such data set.
        DysyrError: the electrocardiogram is neither given, cached nor within reach.
    """
    if name not in DATASETS:
        raise InputError("unknown data set", got=f"'{name}'", expected=f"one of {', '.join(DATASETS)}")
    if name == "ecg":
        return _electrocardiogram(path)
    if path is not None:
        raise InputError(
            f"'{name}' is shipped with dysyr", got=f"path='{path}'", do="read the file with as_dataset"
        )
    title, units = {
        "sunspots": ("Yearly sunspot numbers, 1700-2008", {"sunspots": "number"}),
        "lynx_hare": ("Hudson's Bay pelts, 1845-1935", {"hare": "thousand pelts", "lynx": "thousand pelts"}),
    }[name]
    with importlib.resources.as_file(importlib.resources.files("dysyr.data") / f"{name}.csv") as file:
        ds = as_dataset(file)
    return ds.assign_attrs(title=title, units=json.dumps(units), time_unit="year")


def _electrocardiogram(path):
    if path is None:
        millivolt, source = _fetched(), "scipy.datasets.electrocardiogram"
    else:
        raw = trajectories(as_dataset(path, dt=1 / ECG_RATE))[0]
        millivolt, source = (raw - ECG_ZERO) / ECG_COUNTS_PER_MILLIVOLT, str(path)
    attrs = {
        "title": "Electrocardiogram, MIT-BIH record 208",
        "units": json.dumps({"ecg": "mV"}),
        "time_unit": "s",
        "source": source,
    }
    return make_dataset(millivolt, dt=1 / ECG_RATE, names="ecg", attrs=attrs)


def _fetched():
    from scipy.datasets import electrocardiogram

    try:
        return electrocardiogram()
    except (OSError, ValueError, ImportError) as error:
        raise DysyrError(
            "the electrocardiogram is not in SciPy's cache and cannot be fetched",
            got=str(error).splitlines()[0],
            do="go online once, or point to a copy with load_dataset('ecg', path=...) (--set data=PATH)",
        ) from error  # fmt: skip
