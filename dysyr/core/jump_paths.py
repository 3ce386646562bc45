"""Whole paths of jump processes: when they jumped, and where to. In a data set they are ragged lists of events.

The data set has the dimensions ``event`` (all paths one after the other) and ``species`` and the variables
``event_time(event)``, ``event_state(event, species)``, ``event_jump(event)``, ``n_events(trajectory)`` and
``event_end(trajectory)``; the attribute ``jumps`` holds the names of the jumps. The first event of each path is its
start, with the jump -1; the path is known from there to ``event_end``, and keeps a state from one event to the next.
"""

import dataclasses
import json

import numpy as np

from dysyr.core.errors import InputError

START = -1
"""Number of the jump of the first event, which is the start."""

VARIABLES = ("event_time", "event_state", "event_jump", "n_events", "event_end")


@dataclasses.dataclass(frozen=True)
class JumpPath:
    """One path that is known at all times.

    Attributes:
        times: (event,) ascending; the first is the start, the others are the jumps. In system time units.
        states: (event, species) counts from each event on (of a chain the number of the state), whole numbers.
        end: time up to which the path is known.
        jumps: (event,) numbers of the reactions, -1 at the start; None where only the states are known.
    """

    times: np.ndarray
    states: np.ndarray
    end: float
    jumps: np.ndarray | None = None

    def __post_init__(self):
        times, states = np.asarray(self.times, dtype=float), np.asarray(self.states)
        if times.ndim != 1 or times.size == 0 or states.ndim != 2 or len(states) != times.size:
            raise InputError(
                "a jump path", got=f"times of shape {times.shape}, states of shape {states.shape}",
                expected="(event,) and (event, species), the start being the first event",
            )  # fmt: skip
        if states.dtype.kind not in "iu" and not (states == np.rint(states)).all():
            raise InputError("states of a jump path", got=f"dtype {states.dtype}", expected="whole numbers")
        if not (np.isfinite(times).all() and (np.diff(times) >= 0).all() and times[-1] <= self.end < np.inf):
            raise InputError(
                "times of a jump path", got=f"{times[0]:g} to {times[-1]:g}, end {self.end:g}",
                expected="finite ascending times up to the end",
            )  # fmt: skip
        if self.jumps is not None and np.shape(self.jumps) != times.shape:
            raise InputError("jumps of a path", got=f"shape {np.shape(self.jumps)}", expected=f"shape {times.shape}")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "states", states.astype(np.int64))

    def at(self, times):
        """States at given times within the path: array (time, species)."""
        times = np.asarray(times, dtype=float)
        if times.size and not (times.min() >= self.times[0] and times.max() <= self.end):
            raise InputError(
                "times outside a jump path", got=f"{times.min():g} to {times.max():g}",
                expected=f"times from {self.times[0]:g} to {self.end:g}",
            )  # fmt: skip
        return self.states[np.searchsorted(self.times, times, side="right") - 1]


def jump_paths(data):
    """The whole paths in a data set.

    Args:
        data: Dataset that ``dysyr.simulate(system, ..., events=True)`` made, or that was read from such a file.

    Returns:
        list of JumpPath, one for each trajectory.

    Raises:
        InputError: the data set has samples only, or its trajectories are no longer those of its events.
    """
    missing = [name for name in VARIABLES if name not in data]
    if missing:
        raise InputError(
            "the data set holds no whole paths", got=f"no {missing[0]}",
            do="simulate with events=True, or make JumpPath objects of measured jumps",
        )  # fmt: skip
    ends = np.cumsum(data["n_events"].values)
    columns = [data[name].values for name in VARIABLES[:3]]
    if len(ends) == 0 or ends[-1] != data.sizes["event"]:
        raise InputError(
            "the events are not those of the trajectories",
            got=f"{data.sizes['event']} events, {int(data['n_events'].sum())} in the trajectories",
            do="take paths out of the list that jump_paths returns, not out of the data set",
        )  # fmt: skip
    parts = [np.split(column, ends[:-1]) for column in columns]
    return [
        JumpPath(times, states, float(end), jumps)
        for times, states, jumps, end in zip(*parts, data["event_end"].values, strict=True)
    ]


def with_jump_paths(data, paths, *, species, names):
    """A data set with whole paths beside its samples.

    Args:
        data: Dataset.
        paths: dict of the five variables, see above.
        species: names of the counts.
        names: names of the jumps.

    Returns:
        Dataset.
    """
    dims = (("event",), ("event", "species"), ("event",), ("trajectory",), ("trajectory",))
    added = {name: (dim, paths[name]) for name, dim in zip(VARIABLES, dims, strict=True)}
    return data.assign(added).assign_coords(species=np.array(species)).assign_attrs(jumps=json.dumps(list(names)))
