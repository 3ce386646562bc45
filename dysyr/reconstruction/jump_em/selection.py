"""How many states are behind a signal: information criterion, and likelihood of data that were held out."""

import dataclasses
import warnings

import numpy as np
import scipy.stats

from dysyr.core.dataset import as_dataset, trajectories
from dysyr.core.errors import InputError
from dysyr.core.levels import signal_of
from dysyr.core.segments import cut, split
from dysyr.reconstruction.jump_em.diagnosis import RateWarning
from dysyr.reconstruction.jump_em.estimator import JumpEM

SMALL_DIFFERENCE = 6.0
"""Difference of the criterion below which evidence is not strong (Kass and Raftery)."""
N_BLOCKS = 20
LIMITS = {"tolerance": 1e-4, "max_iterations": 400}
"""Of each fit: with too many states the likelihood is flat, and where on it the climb ends does not matter."""


@dataclasses.dataclass(frozen=True, eq=False)
class StateSelection:
    """What data say about the number of states.

    Attributes:
        n_states: the number with the lowest criterion.
        candidates: numbers that were compared, ascending.
        log_likelihood: (candidate,) of all data, at its maximum.
        bic: (candidate,) -2 log_likelihood + k ln n, lower is better.
        held_out: (candidate,) mean log-density of held-out samples given those before them, higher is better.
        held_out_stderr: (candidate,) standard error of its difference from that of the chosen number, by blocks.
        undecided: tuple of str, what the data leave open; empty if all signs agree.
        models: dict number -> JumpModel fitted to all data; none for a single state.
    """

    n_states: int
    candidates: tuple
    log_likelihood: np.ndarray
    bic: np.ndarray
    held_out: np.ndarray
    held_out_stderr: np.ndarray
    undecided: tuple
    models: dict

    def __str__(self):
        best = self.bic.min()
        chosen = self.held_out[self.candidates.index(self.n_states)]
        lines = ["states  log-likelihood  BIC above lowest  held out, per sample, above chosen"]
        for k, n in enumerate(self.candidates):
            gain = f"{self.held_out[k] - chosen:+.5f} +- {self.held_out_stderr[k]:.5f}"
            lines.append(f"{n:>6}  {self.log_likelihood[k]:>14.1f}  {self.bic[k] - best:>16.1f}  {gain}")
        return "\n".join([*lines, f"chosen: {self.n_states}", *(f"undecided: {text}" for text in self.undecided)])


def select_n_states(data, candidates=(1, 2, 3, 4), *, dt=None, held_out=0.3, seed=0, n_starts=6, max_gap=0):
    """Compare numbers of states behind a signal, each by maximum likelihood.

        BIC = -2 log L + k ln n,    k = n_states (n_states - 1) + 2 n_states + n_states - 1

    The lowest is chosen. The end of each trajectory, or whole trajectories where there are enough, is held out in a
    second fit; how much better or worse it is foreseen by the other numbers, with a standard error over blocks, is the
    second opinion, and what the two do not settle is said.

    Args:
        data: one signal, whatever ``as_dataset`` takes.
        candidates: numbers of states; 1 is a single normal law without jumps.
        dt: sampling interval in time units, where the data do not carry it.
        held_out: share of the samples to hold out, above 0 and below 1.
        seed: chooses starts, see ``JumpEM``.
        n_starts: number of starts of each fit.
        max_gap: see ``JumpEM``.

    Returns:
        StateSelection.

    Raises:
        InputError: candidates that are none, or data that do not suit.

    Reference: schwarz1978, celeux2008
    """
    numbers = tuple(sorted(set(candidates)))
    if len(numbers) < 2 or not all(isinstance(n, (int, np.integer)) and n >= 1 for n in numbers):
        raise InputError("numbers of states to compare", got=repr(candidates), expected="at least two, each >= 1")
    if not 0 < held_out < 1:
        raise InputError("share of samples to hold out", got=repr(held_out), expected="above 0 and below 1")
    data = as_dataset(data, dt=dt)
    values = np.concatenate(signal_of(data))
    n_samples = int(np.isfinite(values).sum())
    train, test = split(data, (1 - held_out, held_out))
    blocks = _blocks(test)
    settings = {"seed": seed, "n_starts": n_starts, "max_gap": max_gap}
    whole = [_fitted(data, n, settings) for n in numbers]
    log_likelihood = np.array([value for value, _, _ in whole])
    n_parameters = np.array([n * (n - 1) + 2 * n + n - 1 for n in numbers])
    bic = -2 * log_likelihood + n_parameters * np.log(n_samples)
    gains = np.stack([_foreseen(*_fitted(train, n, settings)[1:], blocks) for n in numbers])
    chosen = int(bic.argmin())
    difference = gains - gains[chosen]
    stderr = difference.std(axis=1, ddof=1) / np.sqrt(len(blocks))
    held = gains.mean(axis=1)
    undecided = _open_questions(numbers, chosen, bic, held, stderr)
    models = {n: model for n, (_, model, _) in zip(numbers, whole, strict=True) if model is not None}
    return StateSelection(numbers[chosen], numbers, log_likelihood, bic, held, stderr, undecided, models)


def _fitted(data, n_states, settings):
    """Log-likelihood at the maximum, the model (None for one state), and the (mean, sd) of the data."""
    y = np.concatenate(signal_of(data))
    y = y[np.isfinite(y)]
    law = (y.mean(), y.std())
    if n_states == 1:
        return float(scipy.stats.norm.logpdf(y, *law).sum()), None, law
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RateWarning)
        made = JumpEM("em", emission="gaussian", n_states=int(n_states), **LIMITS, **settings)
        made.fit(data, progress=False)
    return float(made.history_["log_likelihood"].max()), made.model_, law


def _foreseen(model, law, blocks):
    """(block,) mean log-density of samples given those before them in the block."""
    if model is not None:
        return np.array([model.pair_log_likelihood(block) for block in blocks])
    seen = [np.concatenate([y[np.isfinite(y)][1:] for y in signal_of(block)]) for block in blocks]
    return np.array([scipy.stats.norm.logpdf(y, *law).mean() for y in seen])


def _blocks(test):
    """About 20 stretches of equal length, each with at least two samples."""
    lengths = [len(x) for x in trajectories(test)]
    size = max(2, sum(lengths) // N_BLOCKS)
    pieces = [
        (i, start, min(start + size, n)) for i, n in enumerate(lengths) for start in range(0, n - size // 2, size)
    ]
    blocks = [cut(test, [piece]) for piece in pieces if piece[2] - piece[1] >= 2]
    blocks = [block for block in blocks if np.isfinite(np.concatenate(signal_of(block))).sum() >= 2]
    if len(blocks) < 2:
        raise InputError("too few samples are held out", got=f"{sum(lengths)} samples", do="raise held_out")
    return blocks


def _open_questions(numbers, chosen, bic, held, stderr):
    said = []
    for k, n in enumerate(numbers):
        if k != chosen and bic[k] - bic[chosen] < SMALL_DIFFERENCE:
            said.append(f"{n} states are nearly as good: BIC differs by {bic[k] - bic[chosen]:.1f}")
    best = int(held.argmax())
    if best != chosen and held[best] - held[chosen] > 2 * stderr[best]:
        said.append(f"{numbers[best]} states foresee held-out samples better than the chosen {numbers[chosen]}")
    if chosen == len(numbers) - 1:
        said.append(f"{numbers[-1]} is the largest number that was compared: try more")
    return tuple(said)
