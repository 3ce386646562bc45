"""What the network starts from: the posterior mode of the rates with label noise learned, nearly converged.

    q_ij = (E[N_ij] + a) / (E[T_i] + b),  a = 1.85,  b = 3.5 units

E[N_ij] and E[T_i] are the expected jumps and times of ``JumpEM`` where its climb was stopped; the estimate is the mode
of ln q rather than that of q, and never zero.
"""

import dataclasses

import numpy as np

from dysyr.reconstruction.jump_em.likelihood import Parameters, expect
from dysyr.reconstruction.jump_em.maximisation import FIRST_NOISE, Goal, first_rates, maximise

SHAPE, RATE = 1.85, 3.5
"""Gamma prior of a rate, in units of a tenth of the duration."""
UNITS_PER_DURATION, LARGEST_MEAN_RATE = 10.0, 1.0
TOLERANCE, MOST_EVALUATIONS = 2e-3, 30


@dataclasses.dataclass(frozen=True, eq=False)
class Base:
    """The estimate before the network.

    Attributes:
        q: (state, state) rates in 1/time, rows sum to zero.
        jumps: (state, state) expected jumps, 0 on the diagonal.
        times: (state,) expected times in units.
        first: (state,) expected number of paths that begin in each state.
        noise: probability of a mistaken label.
        unit: unit of time, in time units of the data.
        history: dict with ``objective`` and ``log_likelihood`` of the accepted steps.
    """

    q: np.ndarray
    jumps: np.ndarray
    times: np.ndarray
    first: np.ndarray
    noise: float
    unit: float
    history: dict


def base_estimate(panel, *, checkpoint=None):
    """The Base of a panel.

    The unit is a tenth of the longest trajectory. Where the mean rate between two states exceeds 1 in it, as in a long
    record, the unit is one over that rate, and the estimate is made again. Label noise is learned where a path has at
    least three samples, and is zero elsewhere.

    Args:
        panel: Panel.
        checkpoint: Checkpoint of the climb, or None.

    Returns:
        Base.
    """
    unit = panel.duration / UNITS_PER_DURATION
    found = base_in_unit(panel, unit, checkpoint=checkpoint)
    total = found.times.sum() * (panel.n_states - 1)
    mean = float(found.jumps.sum() / total) if total > 0 else 0.0
    return base_in_unit(panel, unit / mean) if mean > LARGEST_MEAN_RATE else found


def base_in_unit(panel, unit, *, checkpoint=None):
    """The Base of a panel in a given unit, in time units of the data; see ``base_estimate``."""
    goal, start = climb_of(panel, unit)
    found = maximise(goal, start, tolerance=TOLERANCE, max_iterations=MOST_EVALUATIONS, checkpoint=checkpoint)
    last = expect(panel, found.at)
    jumps = np.where(goal.permitted, np.maximum(found.at.q * last.s, 0.0), 0.0)
    times = np.maximum(np.diag(last.s), 0.0) / unit
    q = np.where(goal.permitted, (jumps + SHAPE) / (times + RATE)[:, None], 0.0) / unit
    return Base(q - np.diag(q.sum(axis=1)), jumps, times, last.first, found.at.noise, unit, found.history)


def climb_of(panel, unit, *, has_prior=True, learns=True):
    """What is climbed, and from where: the Goal and the first Parameters.

    Args:
        panel: Panel.
        unit: unit of time, in time units of the data.
        has_prior: the posterior rather than the likelihood.
        learns: whether label noise is learned, where a path has at least three samples.
    """
    n = panel.n_states
    permitted, learns = ~np.eye(n, dtype=bool), learns and panel.longest >= 3
    initial = (panel.first + 1 / n) / (panel.first.sum() + 1)
    start = Parameters(first_rates(panel, permitted), FIRST_NOISE if learns else 0.0, initial)
    shape, time = (SHAPE, RATE * unit) if has_prior else (1.0, 0.0)
    return Goal(panel, permitted, shape, time, learns), start
