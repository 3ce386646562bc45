"""How well each label is foreseen from the labels before it."""

import math

import numpy as np

from dysyr.core.measure import Measure
from dysyr.core.rate_matrix import transition_matrices
from dysyr.evaluation.label_paths import noise_matrix

N_BLOCKS = 20
MAX_TABLES = 50_000


def log_gains(panel, chain):
    """Log-probability of each label given those before it in its path.

        ln p(o_k | o_0, ..., o_{k-1}),   p(s_k | before) = sum_i p(s_{k-1} = i | before) exp(Q D)_ij

    With label noise the state is hidden and is filtered; without, only the last label counts.

    Args:
        panel: LabelPanel.
        chain: ``Chain``.

    Returns:
        (path, time - 1), in nats; -inf for what the chain holds impossible, NaN after the end of a path.

    Reference: rabiner1989
    """
    lags, index = panel.lags, panel.lag_index
    there = index >= 0
    gains = np.full(index.shape, np.nan)
    with np.errstate(divide="ignore"):
        if chain.label_noise == 0:
            before, after = panel.labels[:, :-1][there], panel.labels[:, 1:][there]
            which, found = index[there], np.empty(int(there.sum()))
            for low in range(0, len(lags), MAX_TABLES):
                here = (which >= low) & (which < low + MAX_TABLES)
                tables = transition_matrices(chain.rates, lags[low : low + MAX_TABLES])
                found[here] = np.log(tables[which[here] - low, before[here], after[here]])
            gains[there] = found
            return gains
        emission = noise_matrix(panel.n_states, chain.label_noise).T
        tables = transition_matrices(chain.rates, lags)
        now = _normalised(chain.initial * emission[panel.labels[:, 0]], emission[panel.labels[:, 0]])
        for k in np.flatnonzero(there.any(axis=0)):
            ahead = np.einsum("pi,pij->pj", now, tables[np.maximum(index[:, k], 0)])
            seen = emission[np.maximum(panel.labels[:, k + 1], 0)]
            weight = ahead * seen
            gains[:, k] = np.where(there[:, k], np.log(weight.sum(axis=1)), np.nan)
            now = np.where(there[:, k, None], _normalised(weight, seen), now)
    return gains


def _normalised(weight, otherwise):
    total = weight.sum(axis=1, keepdims=True)
    fallback = otherwise / otherwise.sum(axis=1, keepdims=True)
    return np.where(total > 0, weight / np.where(total > 0, total, 1.0), fallback)


def independent_gains(panel):
    """(path, time - 1) log-frequencies of the labels in the panel itself: a model that knows no time."""
    shares = panel.shares().sum(axis=0) / panel.n_labels
    with np.errstate(divide="ignore"):
        return np.where(panel.lag_index >= 0, np.log(shares)[np.maximum(panel.labels[:, 1:], 0)], np.nan)


def persistence_gains(panel):
    """(path, time - 1) log-probabilities where a label stays as often as in the panel, or else any other follows."""
    there = panel.lag_index >= 0
    same = panel.labels[:, 1:] == panel.labels[:, :-1]
    stay = same[there].mean()
    with np.errstate(divide="ignore"):
        stays, moves = np.log(stay), np.log((1 - stay) / max(panel.n_states - 1, 1))
    return np.where(there, np.where(same, stays, moves), np.nan)


def mean_over_labels(gains):
    """Mean of gains over labels, and its standard error over paths, or over 20 blocks where there are fewer paths.

    Args:
        gains: (path, time) numbers, NaN after the end of a path.

    Returns:
        (mean, stderr).
    """
    pieces = [row[np.isfinite(row) | np.isinf(row)] for row in gains]
    if len(pieces) < N_BLOCKS:
        each = -(-N_BLOCKS // len(pieces))
        pieces = [block for row in pieces for block in np.array_split(row, min(each, max(len(row), 1)))]
    pieces = [piece for piece in pieces if len(piece)]
    sizes, sums = np.array([len(p) for p in pieces]), np.array([p.sum() for p in pieces])
    mean = sums.sum() / sizes.sum()
    if not math.isfinite(mean) or len(pieces) < 2:
        return float(mean), math.nan
    spread = ((sums - mean * sizes) ** 2).sum() * len(pieces) / (len(pieces) - 1)
    return float(mean), math.sqrt(spread) / int(sizes.sum())


class PairLogLikelihoodMeasure:
    """Mean log-probability of each held-out label given those before it, in nats per label; higher is better.

    The best is the true chain, where it is known. The worst is the better of two controls that are fitted to the
    held-out labels themselves: independent labels with the right frequencies, and labels that stay as often as they do.
    """

    name = "pair_log_likelihood"
    unit = "nats per label"

    def lacking(self, context):
        """What the measure needs and the context does not have; None if nothing."""
        return None if context.model is not None else "a rate model; free runs were given"

    def compute(self, context):
        """The Measure of a RateContext."""
        panel = context.panel
        gains = log_gains(panel, context.chain)
        value, stderr = mean_over_labels(gains)
        controls = {"independent": independent_gains(panel), "persistence": persistence_gains(panel)}
        means = {name: mean_over_labels(rival)[0] for name, rival in controls.items()}
        worst = max(means, key=means.get)
        impossible = int(np.isneginf(gains).sum())
        settings = {"summary": "mean over labels that have one before them", "ceiling": worst}
        for name, rival in controls.items():
            settings[f"above_{name}"] = list(mean_over_labels(gains - rival))
        best = None
        if context.truth is not None:
            true_gains = log_gains(panel, context.truth)
            best = mean_over_labels(true_gains)[0]
            settings["floor"] = "the true chain"
            settings["below_floor"] = list(mean_over_labels(true_gains - gains))
        return Measure(
            name=self.name, kind="forecast", better="higher", value=value, stderr=stderr, floor=best,
            ceiling=means[worst], controls=means, unit=self.unit, n=int(np.isfinite(gains).sum()) + impossible,
            dt=math.nan if panel.dt is None else panel.dt, settings=settings,
            status="ok" if not impossible else f"{impossible} labels are impossible for the model",
        )  # fmt: skip
