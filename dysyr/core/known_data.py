"""Data as a model takes them: of its variables in their order, and of its sampling interval."""

import xarray as xr

from dysyr.core.dataset import as_dataset, in_order, sampling_interval, trajectories
from dysyr.core.errors import InputError, NoSamplingInterval


def known_data(model, data, **why):
    """Data as a Dataset with the variables and the sampling interval of a model.

    Args:
        model: Model.
        data: whatever ``as_dataset`` takes; arrays have the interval of the model.
        why: ``needed_by`` of ``sampling_interval``, for the message about irregular times.

    Raises:
        InputError: the data have others, or irregular times.
    """
    data = in_order(data_at(data, model.dt, "the model", min_samples=1), model.names)
    if data.sizes["state"] != len(model.names):
        raise InputError(
            "the data have other variables than the model",
            got=", ".join(map(str, data["state"].values)), expected=f"the model knows {', '.join(model.names)}",
        )  # fmt: skip
    sampling_interval(data, **why)
    return data


def apart(a, b):
    """Whether two sampling intervals differ."""
    return abs(a - b) > 0.02 * b


def data_at(obj, dt, whose, *, min_samples=2):
    """Data as a Dataset, values that are not finite missing; of a sampling interval where they carry no times.

    Dates take the unit in which that is their interval, if there is one: data that were fitted with ``dt`` have it.

    Args:
        obj: whatever ``as_dataset`` takes.
        dt: the interval.
        whose: of what, for the message.
        min_samples: fewest samples of a trajectory.

    Raises:
        InputError: they have another interval.
    """
    try:
        data = as_dataset(obj, mask=True, min_samples=min_samples)
    except NoSamplingInterval:
        data = as_dataset(obj, dt=dt, mask=True, min_samples=min_samples)
    if "dt" not in data.attrs and max(map(len, trajectories(data))) == 1:
        data = as_dataset(data, dt=dt, mask=True, min_samples=min_samples)
    if "time_unit" in data.attrs and apart(data.attrs.get("dt", dt), dt) and not isinstance(obj, xr.Dataset):
        data = as_dataset(obj, dt=dt, mask=True, min_samples=min_samples)
    own = data.attrs.get("dt", dt)
    if apart(own, dt):
        raise InputError(
            f"the data are sampled at another interval than {whose}",
            got=f"dt = {own:g}", expected=f"{whose} has {dt:g}", do="use dysyr.resample",
        )  # fmt: skip
    return data
