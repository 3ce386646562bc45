"""Expectation-maximisation of the likelihood or the posterior, accelerated and never downhill.

    q_ij <- (E[N_ij] + a - 1) / (E[T_i] + b),  noise <- E[mistakes] / n,  initial <- E[first states]

with a = 1, b = 0 for maximum likelihood, and weighted moments for the levels of a signal. Three such steps are made
into one by squared extrapolation of the logarithms (SQUAREM); an extrapolation that lowers the objective is thrown
away.
"""

import dataclasses
import time

import numpy as np

from dysyr.core.levels import NormalLevels
from dysyr.reconstruction.jump_em import level_steps
from dysyr.reconstruction.jump_em.detailed_balance import balanced_rates
from dysyr.reconstruction.jump_em.likelihood import Parameters, expect

FIRST_NOISE = 0.02
"""Label noise from which the climb begins."""
SECONDS_BETWEEN_WRITES = 2.0
SMALLEST_RATE = 1e-12
"""Smallest rate on a permitted edge during the iteration, relative to the largest."""
ZERO_RATE = 1e-9
"""Rates below this, relative to the largest, have run into the boundary and are zero."""
LARGEST_NOISE = 0.9
"""Largest probability of a mistaken label, relative to that of labels without information."""
SMALLEST_NOISE = 1e-9
FARTHEST = 3.0
"""Longest extrapolation of a logarithm beyond two plain steps; all are shortened together."""


@dataclasses.dataclass(frozen=True, eq=False)
class Goal:
    """What is to be maximised.

    Attributes:
        panel: Panel, or SignalPanel.
        permitted: (state, state) bool, rates that may differ from zero.
        shape: a of the Gamma prior of each rate; 1 without a prior.
        time: b of that prior, in time units; 0 without a prior.
        learns_noise: whether the label noise is learned.
        reversible: whether the rates are in detailed balance.
    """

    panel: object
    permitted: np.ndarray
    shape: float
    time: float
    learns_noise: bool
    reversible: bool = False

    def log_prior(self, q):
        """Logarithm of the prior density of the rates, up to a constant."""
        rates = q[self.permitted]
        scale = self.time or 1.0
        return float(((self.shape - 1) * np.log(rates * scale) - self.time * rates).sum())

    def step(self, at):
        """Objective and log-likelihood at a point, and the point after one plain step."""
        found = expect(self.panel, at)
        if not np.isfinite(found.log_likelihood):
            return -np.inf, -np.inf, at
        rates = self._rates(at.q, found.s)
        rates = np.where(self.permitted, np.maximum(rates, SMALLEST_RATE * rates.max()), 0.0)
        noise = self._noise(found.mistakes / len(self.panel.labels)) if self.learns_noise else at.noise
        levels = None if at.levels is None else level_steps.after(at.levels, found.moments, self.panel.smallest_sd)
        after = Parameters(rates - np.diag(rates.sum(axis=1)), noise, found.first / found.first.sum(), levels)
        return found.log_likelihood + self.log_prior(at.q), found.log_likelihood, after

    def _rates(self, q, s):
        """Rates after one plain step, off the diagonal."""
        jumps = np.maximum(q * s, 0.0) + self.shape - 1
        times = np.diag(s) + self.time
        if self.reversible:
            return balanced_rates(jumps, times, self.permitted, start=q)
        return np.where(self.permitted, jumps / np.where(times > 0, times, np.inf)[:, None], 0.0)

    def pack(self, at):
        """Logarithms of the free rates, and of the noise if that is learned; levels in units of the signal's spread."""
        logs = np.log(at.q[self.permitted])
        if at.levels is not None:
            return np.concatenate([logs, level_steps.packed(at.levels, self.panel.scale)])
        return np.append(logs, np.log(at.noise)) if self.learns_noise else logs

    def unpack(self, logs, like):
        """The point of given logarithms, all else as in ``like``."""
        n_rates = int(self.permitted.sum())
        q = np.zeros_like(like.q)
        q[self.permitted] = np.exp(logs[:n_rates])
        q = np.where(self.permitted, np.maximum(q, SMALLEST_RATE * q.max()), 0.0)
        noise = self._noise(float(np.exp(logs[n_rates]))) if self.learns_noise else like.noise
        levels = None
        if like.levels is not None:
            levels = level_steps.unpacked(logs[n_rates:], self.panel.scale, self.panel.smallest_sd)
        return Parameters(q - np.diag(q.sum(axis=1)), noise, like.initial, levels)

    def _noise(self, value):
        return float(np.clip(value, SMALLEST_NOISE, LARGEST_NOISE * (1 - 1 / self.panel.n_states)))


@dataclasses.dataclass(frozen=True, eq=False)
class Maximum:
    """Where an iteration ended.

    Attributes:
        at: Parameters; rates at the boundary are zero.
        history: dict with ``log_likelihood`` and ``objective`` after each accepted step.
        converged: whether the last step changed no rate by more than the tolerance, relatively.
    """

    at: Parameters
    history: dict
    converged: bool


def first_rates(panel, permitted, reversible=False):
    """Naive rates with half a jump more on each permitted edge, so that none begins at zero.

    Args:
        panel: Panel.
        permitted: (state, state) bool, rates that may differ from zero.
        reversible: whether they are to be in detailed balance.

    Returns:
        (state, state) rates, rows sum to zero.
    """
    time = panel.times_before + panel.times_before.mean() / panel.n_states
    if reversible:
        q = balanced_rates(panel.jumps + 0.5, time, permitted)
    else:
        q = np.where(permitted, (panel.jumps + 0.5) / time[:, None], 0.0)
    return q - np.diag(q.sum(axis=1))


def maximise(goal, start, *, tolerance, max_iterations, checkpoint=None, bar=None):
    """Climb to the maximum of a goal.

    Args:
        goal: Goal.
        start: Parameters, with a positive rate on every permitted edge.
        tolerance: largest relative change of a rate in a plain step at the end.
        max_iterations: most evaluations of the likelihood.
        checkpoint: Checkpoint from which to go on and to which to write, or None.
        bar: tqdm bar, updated with each evaluation, or None.

    Returns:
        Maximum.

    Reference: bladt2005, varadhan2008
    """
    at, columns, done, converged = _resumed(checkpoint, start)
    written = time.monotonic()
    while done < max_iterations and not converged:
        at, accepted, spent, converged = _cycle(goal, at, tolerance)
        columns = [column + [pair[k] for pair in accepted] for k, column in enumerate(columns)]
        done += spent
        if bar is not None:
            bar.update(spent)
        last = done >= max_iterations or converged
        if checkpoint is not None and (last or time.monotonic() - written >= SECONDS_BETWEEN_WRITES):
            _write(checkpoint, at, columns, done, converged)
            written = time.monotonic()
    rates = np.where(at.q < ZERO_RATE * at.q.max(), 0.0, at.q)
    q = rates - np.diag(rates.sum(axis=1))
    history = {"objective": np.array(columns[0]), "log_likelihood": np.array(columns[1])}
    return Maximum(dataclasses.replace(at, q=q), history, converged)


def _cycle(goal, at, tolerance):
    """Two plain steps and an extrapolation: where it ends, accepted values, evaluations, whether it stands still."""
    value, likelihood, once = goal.step(at)
    accepted = [(value, likelihood)]
    if _change(goal, at, once) <= tolerance:
        return at, accepted, 1, True
    value, likelihood, twice = goal.step(once)
    accepted.append((value, likelihood))
    logs = [goal.pack(point) for point in (at, once, twice)]
    first, second = logs[1] - logs[0], logs[2] - 2 * logs[1] + logs[0]
    size = np.linalg.norm(second)
    stride = max(1.0, np.linalg.norm(first) / size) if size > 0 else 1.0
    jump = logs[0] + 2 * stride * first + stride**2 * second
    beyond = jump - logs[2]
    beyond *= min(1.0, FARTHEST / max(np.abs(beyond).max(), FARTHEST))
    candidate = goal.unpack(logs[2] + beyond, twice)
    reached, likelihood, after = goal.step(candidate)
    if not reached >= value:
        return twice, accepted, 3, False
    accepted.append((reached, likelihood))
    return after, accepted, 3, False


def _change(goal, before, after):
    """Largest relative change of a rate, of those that are not about to vanish, of the noise, or of a level."""
    small = 1e-6 * before.q.max()
    rates = np.abs(after.q - before.q)[goal.permitted] / (before.q[goal.permitted] + small)
    noise = abs(after.noise - before.noise) / (before.noise + 1e-6) if goal.learns_noise else 0.0
    levels = 0.0 if before.levels is None else level_steps.change(before.levels, after.levels)
    return max(float(rates.max(initial=0.0)), noise, levels)


def _resumed(checkpoint, start):
    """(point, [objectives, log-likelihoods], evaluations, converged) of a checkpoint, or of the start."""
    state = checkpoint.read() if checkpoint is not None else None
    if state is None:
        return start, [[], []], 0, False
    arrays, numbers = state
    columns = [arrays["objective"].tolist(), arrays["log_likelihood"].tolist()]
    levels = NormalLevels(arrays["means"], arrays["sds"]) if "means" in arrays else None
    at = Parameters(arrays["q"], float(arrays["noise"][0]), arrays["initial"], levels)
    return at, columns, numbers["done"], numbers["converged"]


def _write(checkpoint, at, columns, done, converged):
    arrays = {
        "q": at.q, "noise": np.array([at.noise]), "initial": at.initial, "objective": np.array(columns[0]),
        "log_likelihood": np.array(columns[1]),
    }  # fmt: skip
    if at.levels is not None:
        arrays |= {"means": at.levels.means, "sds": at.levels.sds}
    checkpoint.write(arrays, {"done": done, "converged": bool(converged)})
