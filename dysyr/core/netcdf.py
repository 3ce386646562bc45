"""Data sets as NetCDF files."""

from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from dysyr.core.atomic import write_bytes
from dysyr.core.errors import FormatError, InputError
from dysyr.core.hdf5_heaps import damaged_heap

FORMAT = 1
DIMS = ("trajectory", "time", "state")
MOST_COMPRESSION = 1032
"""Bytes that one byte of zlib can stand for at most."""


def save_dataset(ds, path):
    """Write a data set as NetCDF, whole or not at all.

    Args:
        ds: Dataset of the contract.
        path: file name, ending in ``.nc``.

    Raises:
        InputError: another ending, by which nobody could read the file.
        DysyrError: the folder cannot be written, or the disk is full.
    """
    check_ending(path)
    stored = ds.copy()
    stored.attrs = {key: _storable(key, value) for key, value in ds.attrs.items() if value is not None}
    encoding = {name: {"_FillValue": None} for name in ds.variables if ds[name].dtype.kind == "f"}
    write_netcdf(stored, path, encoding=encoding)


def check_ending(path):
    """Refuse a name for a data set that does not end in ``.nc``.

    Raises:
        InputError: it does not.
    """
    if Path(path).suffix.lower() != ".nc":
        raise InputError(
            f"cannot write '{path}'", got="a data set", expected="a name that ends in .nc, it is written as NetCDF",
            do="for a table take for example ds['x'][0].to_pandas().to_csv(...)",
        )  # fmt: skip


def write_netcdf(ds, path, *, encoding=None):
    """Write an xarray Dataset of any content as NetCDF, whole or not at all.

    Args:
        ds: Dataset.
        path: file name.
        encoding: of variables, as in ``Dataset.to_netcdf``.

    Raises:
        DysyrError: the folder cannot be written, or the disk is full.
    """
    write_bytes(path, ds.to_netcdf(engine="h5netcdf", format="NETCDF4", encoding=encoding))


def read_dataset(path):
    """Read a data set that ``save_dataset`` wrote.

    Args:
        path: NetCDF file.

    Returns:
        Dataset, equal to the saved one bit for bit.

    Raises:
        InputError: there is no such file.
        FormatError: the file is not NetCDF, is damaged, or holds something else than a dysyr data set.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("no such file", got=f"'{path}'")
    ds = load_netcdf(path)
    if "x" not in ds or ds["x"].dims != DIMS:
        found = ", ".join(f"{name}{ds[name].dims}" for name in ds.data_vars) or "no variables"
        raise FormatError(
            f"'{path}' is not a dysyr data set", got=found, expected=f"a variable x with dimensions {DIMS}"
        )
    if ds.attrs.get("format") != FORMAT:
        raise FormatError(
            f"'{path}' has another format than this version of dysyr reads",
            got=f"format {ds.attrs.get('format')}",
            expected=f"format {FORMAT}",
        )  # fmt: skip
    ds.attrs = {
        key: value.item() if isinstance(value, np.generic) else value for key, value in ds.attrs.items()
    }
    for name in ds.variables:
        ds[name].encoding = {}
        if ds[name].dtype.kind == "O":
            ds[name] = ds[name].astype(str)
    ds.encoding = {}
    return ds


def load_netcdf(path):
    """The whole content of a NetCDF file.

    A damaged header can claim any size; no more is read than the file could hold at the best compression of zlib.

    Args:
        path: NetCDF file.

    Returns:
        Dataset.

    Raises:
        FormatError: the file is not NetCDF, or is damaged.
    """
    try:
        damaged = damaged_heap(path)
        if damaged is not None:
            raise OSError(f"the heap at byte {damaged} is damaged")
        with h5py.File(path) as opened:  # h5netcdf leaves a half-open object behind when the file is not HDF5
            sizes = []
            opened.visititems(lambda name, one: sizes.append(one.nbytes) if isinstance(one, h5py.Dataset) else None)
            elsewhere = _elsewhere(opened)
        if elsewhere is not None:
            raise OSError(f"'{elsewhere}' lies in another file")
        if sum(sizes) > MOST_COMPRESSION * Path(path).stat().st_size:
            raise OSError(f"it claims to hold {sum(sizes) / 1e9:.3g} GB")
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as opened:
            return opened.load()
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise FormatError(
            f"cannot read '{path}' as NetCDF",
            got=str(error).splitlines()[0] if str(error) else type(error).__name__,
            expected="a file written by dysyr (simulate, generate, forecast, save)",
        ) from error  # fmt: skip


def _elsewhere(group):
    """Name of something in an HDF5 group that lies in another file, which reading would open; None without any."""
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            return name
        one = group[name] if isinstance(link, h5py.HardLink) else None
        if isinstance(one, h5py.Dataset) and (one.external or one.is_virtual):
            return name
        found = _elsewhere(one) if isinstance(one, h5py.Group) else None
        if found is not None:
            return found
    return None


def _storable(key, value):
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, str) and "\0" in value:
        raise InputError(f"attribute '{key}' cannot be stored", got=repr(value)[:60], expected="no zero bytes")
    if isinstance(value, (str, int, float, np.integer, np.floating)):
        return value
    raise InputError(
        f"attribute '{key}' cannot be stored", got=type(value).__name__, do="store json.dumps(value) instead"
    )
