"""Logged events of a simulation as whole paths."""

import dataclasses

import numpy as np

from dysyr.core.jump_paths import START


@dataclasses.dataclass(frozen=True)
class EventLog:
    """Events after the first sample of each path, path by path.

    Attributes:
        times: (event,) in system time units.
        jumps: (event,) numbers of the reactions; of a chain those of the states after the events.
        n_events: (trajectory,) how many of them.
    """

    times: np.ndarray
    jumps: np.ndarray
    n_events: np.ndarray


def whole_paths(system, log, begins, first, ends):
    """The variables of a data set that hold whole paths.

    .. math:: x_k = x_0 + \\sum_{l \\le k} \\nu_{r_l}

    Args:
        system: System of kind jump.
        log: EventLog.
        begins, ends: (trajectory,) times of the first and the last sample.
        first: (trajectory, species) states at the first sample.

    Returns:
        dict as :func:`dysyr.core.jump_paths.with_jump_paths` takes it.
    """
    n = log.n_events + 1
    starts = np.cumsum(n) - n
    is_start = np.zeros(n.sum(), bool)
    is_start[starts] = True
    times, jumps = np.empty(is_start.size), np.full(is_start.size, START)
    times[is_start], times[~is_start] = begins, log.times
    if system.jumps.states:
        states = np.empty((is_start.size, 1), np.int64)
        states[is_start], states[~is_start, 0] = first, log.jumps
        number = np.full((len(system.jumps.states),) * 2, START)
        number[tuple(np.transpose(system.jumps.trees.pairs))] = np.arange(len(system.jumps.trees.pairs))
        jumps[1:] = number[states[:-1, 0], states[1:, 0]]
        jumps[is_start] = START
    else:
        jumps[~is_start] = log.jumps
        steps = np.zeros((is_start.size, first.shape[1]), np.int64)
        steps[~is_start] = system.jumps.stoichiometry[log.jumps]
        sums = np.cumsum(steps, axis=0)
        states = sums + np.repeat(first - sums[starts], n, axis=0)
    return {"event_time": times, "event_state": states, "event_jump": jumps, "n_events": n, "event_end": ends}
