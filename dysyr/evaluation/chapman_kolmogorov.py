"""Chapman-Kolmogorov test: are labels at this sampling interval a Markov chain?"""

import numpy as np

from dysyr.core.measure import Measure
from dysyr.core.rate_matrix import transition_matrices
from dysyr.evaluation.label_panel import MISSING, pair_counts
from dysyr.evaluation.label_paths import draw, flipped

MAX_LABELS = 50_000
LEVEL = 0.01


def transition_estimate(counts):
    """(..., from, to) rows of pair counts as probabilities; a state that was not seen to be left stays."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), np.eye(counts.shape[-1]))


def chapman_kolmogorov_residuals(grid, n_states, steps):
    """How far the transitions over k steps are from the k-th power of those over one step.

        r_k^2 = sum_i w_i sum_j ( P_ij(k D) - (P(D)^k)_ij )^2,   w_i the share of pairs that begin in i

    Args:
        grid: (..., path, time) labels on a regular grid, -1 where missing.
        n_states: number of states.
        steps: list of k >= 2.

    Returns:
        (..., k).

    Reference: prinz2011
    """
    one = transition_estimate(pair_counts(grid, n_states, 1).sum(axis=-3))
    found = []
    for k in steps:
        counts = pair_counts(grid, n_states, k).sum(axis=-3)
        weights = counts.sum(axis=-1) / np.maximum(counts.sum(axis=(-2, -1)), 1)[..., None]
        difference = transition_estimate(counts) - np.linalg.matrix_power(one, k)
        found.append(np.sqrt((weights * (difference**2).sum(axis=-1)).sum(axis=-1)))
    return np.stack(found, axis=-1)


class ChapmanKolmogorovMeasure:
    """Residuals of the held-out labels over 2, 3, ... sampling intervals, beside those of Markov chains.

    Floor and its range: the same residuals of simulated labels with the same paths and gaps. They come from the chain
    P(D) that the held-out labels suggest; where the model has label noise, from the model seen through that noise,
    since noisy labels of a Markov chain are not Markov themselves. ``p_value`` is the share of simulations whose
    largest standardised residual is at least that of the labels. Uses at most 50,000 labels.
    """

    name = "chapman_kolmogorov"
    unit = ""

    def lacking(self, context):
        """What the measure needs and the context does not have; None if nothing."""
        if context.panel.dt is None:
            return "labels on a regular grid"
        if context.panel.grid.shape[1] < 4:
            return "paths of at least four samples"
        return None

    def compute(self, context):
        """The Measure of a RateContext."""
        panel, n = context.panel, context.panel.n_states
        grid = _shortened(panel.grid)
        steps = chapman_kolmogorov_steps(grid, context.settings)
        found = chapman_kolmogorov_residuals(grid, n, steps)
        noise = 0.0 if context.chain is None else context.chain.label_noise
        if noise:
            table, start = transition_matrices(context.chain.rates, [panel.dt])[0], context.chain.initial
        else:
            table = transition_estimate(pair_counts(grid, n, 1).sum(axis=0))
            start = np.bincount(panel.labels[:, 0], minlength=n) / panel.n_paths
        n_copies = context.settings.markov_simulations
        rng = np.random.default_rng([context.seed, 0x636B])
        copies = _chain_labels(grid, table, start, noise, n_copies, rng)
        null = chapman_kolmogorov_residuals(copies, n, steps)
        centre, spread = null.mean(axis=0), np.maximum(null.std(axis=0), 1e-300)
        extreme, found_extreme = ((null - centre) / spread).max(axis=1), ((found - centre) / spread).max()
        p_value = (1 + int((extreme >= found_extreme).sum())) / (n_copies + 1)
        keys = [f"{k}_steps" for k in steps]
        low, high = np.quantile(null, [0.025, 0.975], axis=0)
        return Measure(
            name=self.name, kind="distance", value=_named(keys, found), floor=_named(keys, centre),
            floor_range=(_named(keys, low), _named(keys, high)), unit=self.unit,
            n=int((grid != MISSING).sum()), dt=panel.dt, status="ok" if p_value > LEVEL else "not Markov at this lag",
            settings={
                "summary": "root mean square over rows, weighted by visits", "p_value": p_value,
                "floor": "simulated model with its label noise" if noise else "simulated chain of observed transitions",
                "floor_pairs": n_copies,
            },
        )  # fmt: skip


def chapman_kolmogorov_steps(grid, settings):
    """Numbers of sampling intervals that are compared: 2, 3, ... as far as half of the longest path."""
    return list(range(2, max(min(settings.markov_steps, grid.shape[1] // 2), 2) + 1))


def _named(keys, values):
    return dict(zip(keys, values.tolist(), strict=True))


def _shortened(grid):
    """At most 50,000 samples: the first paths, or the beginning of the first."""
    n_paths = max(min(len(grid), MAX_LABELS // grid.shape[1]), 1)
    return grid[:n_paths, :MAX_LABELS]


def _chain_labels(grid, table, start, noise, n_copies, rng):
    """(copy, path, time) labels of a chain with transition matrix ``table`` where the grid has labels."""
    edges = np.cumsum(table, axis=1)
    edges[:, -1] = 1.0
    n_paths, length = grid.shape
    states = np.empty((length, n_copies, n_paths), dtype=np.int64)
    states[0] = draw(np.broadcast_to(start, (n_copies, n_paths, len(table))), rng)
    for k in range(1, length):
        states[k] = (rng.random((n_copies, n_paths, 1)) >= edges[states[k - 1]]).sum(axis=-1)
    states = flipped(np.moveaxis(states, 0, -1), len(table), noise, rng)
    return np.where(grid >= 0, states, MISSING)
