"""From data and a window generator to the context that the measures of windows are computed from."""

import json

import numpy as np

from dysyr.core.dataset import sampling_interval, trajectories
from dysyr.core.errors import InputError
from dysyr.evaluation.window_context import WindowContext
from dysyr.evaluation.window_set import WindowSet


def assemble_windows(data, model, *, seed=0):
    """The context of an evaluation of windows: as many are drawn as the truth has, at most 4,000.

    Args:
        data: Dataset of the truth, complete where windows are to be compared.
        model: WindowGenerator.
        seed: of windows, splits and judges.

    Returns:
        WindowContext.

    Raises:
        InputError: other variables or another sampling interval than the model has, or too few series.
    """
    names = tuple(str(name) for name in data["state"].values)
    if len(names) != len(model.names):
        raise InputError(
            "model and truth have different variables", got=f"the model has {', '.join(model.names)}",
            expected=f"the truth has {', '.join(names)}",
        )  # fmt: skip
    dt = sampling_interval(data, needed_by="evaluation")
    if abs(model.dt - dt) > 0.02 * dt:
        raise InputError(
            "model and truth are sampled at different intervals", got=f"the model has {model.dt:g}",
            expected=f"the truth has dt = {dt:g}", do="use dysyr.resample",
        )  # fmt: skip
    truth = WindowSet.from_data(data, model.window, seed=seed)
    drawn = model.generate(model.window, n_trajectories=len(truth.x), seed=seed)
    return WindowContext(
        truth=truth, generated=np.stack(trajectories(drawn)), dt=dt, names=names,
        statuses=tuple(json.loads(drawn.attrs["status"])), model=model, seed=seed,
    )  # fmt: skip
