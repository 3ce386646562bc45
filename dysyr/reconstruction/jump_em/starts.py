"""Where the climb of a signal's likelihood begins: labels by nearest levels, of the signal and of its running means.

Clusters of single samples are right where levels lie far apart. Where they overlap, a running mean over some samples
tells them apart as long as stays are longer than that. Clusters by k-means split a state that is visited most of the
time and miss one that is hardly visited; levels at equal distances do not. The likelihood has several maxima, so that
several starts climb some steps, and the highest goes on.
"""

import dataclasses

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.levels import NormalLevels
from dysyr.reconstruction.jump_em.likelihood import Parameters
from dysyr.reconstruction.jump_em.maximisation import SMALLEST_RATE, maximise

WIDTHS = (1, 5, 15, 3)
"""Samples in the running mean of the first two starts, the next two and so on, over and over."""
RANGE = (0.002, 0.998)
"""Quantiles between which levels lie at equal distances."""
MAX_SWEEPS = 50
SCREENING = {"tolerance": 1e-3, "max_iterations": 60}


def labellings(panel, n_starts, seed):
    """Labels of the samples of a signal, by ascending level, one array per start.

    Of each width the first start is k-means from quantiles, the second the nearest of levels at equal distances. Later
    ones are k-means from samples drawn far apart (k-means++), and the only ones that depend on the seed.

    Args:
        panel: SignalPanel.
        n_starts: number of starts.
        seed: whole number.

    Returns:
        list of (n_samples,) int64.

    Reference: arthur2007
    """
    rng = np.random.default_rng([int(seed), 0x6C6576])
    found = []
    for k in range(n_starts):
        smooth = running_mean(panel, WIDTHS[k // 2 % len(WIDTHS)])
        if k >= 2 * len(WIDTHS):
            found.append(_clusters(smooth, np.sort(_far_apart(smooth, panel.n_states, rng))))
        elif k % 2:
            found.append(_nearest(smooth, np.linspace(*np.quantile(smooth, RANGE), panel.n_states)))
        else:
            centres = np.quantile(smooth, (np.arange(panel.n_states) + 0.5) / panel.n_states)
            found.append(_clusters(smooth, centres))
    return found


def running_mean(panel, width):
    """(n_samples,) means over ``width`` neighbours within the path; fewer at its ends."""
    total = np.concatenate([[0.0], np.cumsum(panel.values)])
    at, half = np.arange(len(panel.values)), width // 2
    path = np.searchsorted(panel.offsets, at, side="right") - 1
    low = np.maximum(at - half, panel.offsets[path])
    high = np.minimum(at + half + 1, panel.offsets[path + 1])
    return (total[high] - total[low]) / (high - low)


def screened(goal, labels, first_rates):
    """Where a start ends after some steps.

    Args:
        goal: Goal of a SignalPanel.
        labels: (n_samples,) of the start.
        first_rates: function from a Panel to a rate matrix.

    Returns:
        Parameters, whose rates are positive on every permitted edge, and the objective there.
    """
    panel = goal.panel.labelled(labels)
    levels = _levels_of(goal.panel, labels)
    initial = (panel.first + 1) / (panel.first + 1).sum()
    start = Parameters(first_rates(panel), 0.0, initial, levels)
    at = maximise(goal, start, **SCREENING).at
    rates = np.where(goal.permitted, np.maximum(at.q, SMALLEST_RATE * at.q.max()), 0.0)
    at = dataclasses.replace(at, q=rates - np.diag(rates.sum(axis=1)))
    return at, goal.step(at)[0]


def best(candidates, panel, *, keeps_order):
    """The highest start that is no degenerate one.

    Args:
        candidates: list of (Parameters, objective).
        panel: SignalPanel.
        keeps_order: whether levels must ascend with the number of the state, since edges name states by number.

    Returns:
        Parameters.

    Raises:
        InputError: no start keeps the order of the levels.
    """
    if keeps_order:
        candidates = [pair for pair in candidates if (np.diff(pair[0].levels.means) > 0).all()]
        if not candidates:
            raise InputError(
                "no fit has its levels in the order of the states that edges name",
                expected="states numbered by ascending level", do="renumber the edges, or raise n_starts",
            )  # fmt: skip
    sound = [pair for pair in candidates if (pair[0].levels.sds > panel.smallest_sd).all()]
    return max(sound or candidates, key=lambda pair: pair[1])[0]


def in_order(at):
    """The same point with states by ascending level."""
    order = np.argsort(at.levels.means, kind="stable")
    levels = NormalLevels(at.levels.means[order], at.levels.sds[order])
    return Parameters(at.q[np.ix_(order, order)], at.noise, at.initial[order], levels)


def _levels_of(panel, labels):
    values, n = panel.values, panel.n_states
    weight = np.bincount(labels, minlength=n)
    there = weight > 1
    quantiles = np.quantile(values, (np.arange(n) + 0.5) / n)
    means = np.where(there, np.bincount(labels, values, n) / np.maximum(weight, 1), quantiles)
    variance = np.bincount(labels, (values - means[labels]) ** 2, n) / np.maximum(weight, 1)
    sds = np.where(there, np.sqrt(variance), panel.scale)
    return NormalLevels(means, np.maximum(sds, panel.smallest_sd))


def _clusters(values, centres):
    """Labels by k-means of one variable from ascending centres; an empty cluster keeps its centre."""
    labels = None
    for _ in range(MAX_SWEEPS):
        before = labels
        labels = _nearest(values, centres)
        weight = np.bincount(labels, minlength=len(centres))
        sums = np.bincount(labels, values, len(centres))
        centres = np.where(weight > 0, sums / np.maximum(weight, 1), centres)
        if before is not None and np.array_equal(before, labels):
            break
    return labels


def _nearest(values, centres):
    """Number of the nearest of ascending centres."""
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, values)


def _far_apart(values, n, rng):
    """n samples, each drawn with probability proportional to the squared distance from those before."""
    centres = [values[rng.integers(len(values))]]
    for _ in range(n - 1):
        away = np.min([(values - c) ** 2 for c in centres], axis=0)
        total = away.sum()
        centres.append(values[rng.choice(len(values), p=away / total)] if total > 0 else centres[0])
    return np.array(centres)
