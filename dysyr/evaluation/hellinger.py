"""Hellinger distance of occupation histograms over time: do paths spread over the states as they should?"""

import math

import numpy as np

from dysyr.core.measure import Measure
from dysyr.evaluation.label_paths import draw_labels
from dysyr.evaluation.summary import range_95

N_GROUPS = 10
MAX_DRAWN = 5_000_000


def hellinger(p, q):
    """Hellinger distance of two distributions.

        H = 1 / sqrt(2) || sqrt(p) - sqrt(q) ||_2

    Args:
        p: (..., state) probabilities.
        q: (..., state) probabilities.

    Returns:
        (...), between 0 and 1.

    Reference: hellinger1909
    """
    return np.sqrt(0.5 * ((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=-1))


def self_distance(n_states, n_paths, n_other=None):
    """Root mean square distance of histograms that come from the same law.

        sqrt( (n - 1) / 8 (1 / N + 1 / M) ),   which is sqrt( (n - 1) / (4 N) ) for two samples of N = M paths

    It holds where every state is expected a few times in each sample.

    Args:
        n_states: n.
        n_paths: N, paths of one sample.
        n_other: M, paths of the other; None where the law is known exactly, 1 / M = 0.

    Returns:
        float.
    """
    return math.sqrt((n_states - 1) / 8 * (1 / n_paths + (0 if n_other is None else 1 / n_other)))


class HellingerMeasure:
    """Distance of the histogram of held-out labels from the model's distribution, averaged over instants.

    The model's distribution is exact, p(0) exp(Q t) seen through its label noise; free runs give a histogram. Floor:
    paths of the true chain against its own distribution, where the chain is known; else two random halves of the paths
    against each other, at half their distance, since a histogram of N paths is that much closer to an exact law.
    Ceiling: 1, no state in common. Stationary paths in random order score as before: the distance does not see how
    states follow each other.
    """

    name = "hellinger"
    unit = ""

    def lacking(self, context):
        """What the measure needs and the context does not have; None if nothing."""
        return None

    def compute(self, context):
        """The Measure of a RateContext."""
        panel = context.panel
        n = panel.n_paths
        against, n_other = self._law(context)
        seen = panel.histograms()
        floors, how = self._floors(context)
        widen = math.sqrt(1 + (0 if n_other is None else n / n_other))
        floors = widen * floors
        uniform = np.full(panel.n_states, 1 / panel.n_states)
        shuffled = self._shuffled(panel, context.seed)
        by_instant = hellinger(seen, against)
        return Measure(
            name=self.name, kind="distance", value=float(by_instant.mean()), stderr=_jackknife(panel, against),
            floor=float(floors.mean()) if len(floors) else None, floor_range=range_95(floors) if len(floors) else None,
            ceiling=1.0, controls={
                "uniform": float(hellinger(seen, uniform).mean()),
                "time_shuffled": float(hellinger(shuffled, against).mean()),
            },
            n=panel.n_labels, dt=math.nan if panel.dt is None else panel.dt,
            status="ok" if len(floors) else "no floor: one path",
            settings={
                "summary": "mean over instants", "instants": len(panel.instants), "paths": n,
                "model": "exact distribution" if n_other is None else f"histogram of {n_other} free runs",
                "floor": how, "floor_pairs": len(floors), "floor_n": panel.n_labels,
                "analytic_floor": self_distance(panel.n_states, n, n_other),
                "at_start": float(by_instant[0]),
            },
        )  # fmt: skip

    def _law(self, context):
        """(instant, state) distribution of the model, and the number of free runs it comes from or None."""
        if context.chain is not None:
            return context.chain.reports(context.panel), None
        return context.runs.histograms_at(context.panel.instant_times), context.runs.n_paths

    def _floors(self, context):
        """Scores of independent truth against its own law, at the panel's size; and where they come from."""
        panel, n_pairs = context.panel, context.settings.n_truth_pairs
        if context.truth is not None:
            law = context.truth.reports(panel)
            thin = panel.thinned()
            n_copies = int(np.clip(MAX_DRAWN // max(thin.labels.size, 1), 2, n_pairs))
            copies = draw_labels(thin, context.truth, n_copies=n_copies, seed=context.seed)
            return hellinger(thin.histograms(copies), law).mean(axis=-1), "paths of the true chain"
        if panel.n_paths < 2:
            return np.empty(0), "none"
        rng = np.random.default_rng([context.seed, 0x68656C])
        floors = []
        for _ in range(n_pairs):
            first = np.zeros(panel.n_paths)
            first[rng.permutation(panel.n_paths)[: panel.n_paths // 2]] = 1
            reached = [k for k, (paths, _) in enumerate(panel.instants) if 0 < first[paths].sum() < len(paths)]
            if reached:
                halves = (_weighted(panel, weights)[reached] for weights in (first, 1 - first))
                floors.append(0.5 * hellinger(*halves).mean())
        return np.array(floors), "random halves of the paths, at half their distance"

    def _shuffled(self, panel, seed):
        """Histograms of the paths with the labels of each in random order."""
        rng = np.random.default_rng([seed, 0x736866])
        order = np.argsort(np.where(panel.labels >= 0, rng.random(panel.labels.shape), 2.0), axis=1)
        return panel.histograms(np.take_along_axis(panel.labels, order, axis=1))


def _weighted(panel, weights):
    with np.errstate(invalid="ignore", divide="ignore"):
        return panel.histograms(weights=weights)


def _jackknife(panel, against):
    """Standard error of the mean distance by leaving out one of ten groups of paths; None for fewer paths."""
    if panel.n_paths < N_GROUPS:
        return None
    scores = []
    for group in range(N_GROUPS):
        weights = (np.arange(panel.n_paths) % N_GROUPS != group).astype(float)
        h = hellinger(_weighted(panel, weights), against)
        scores.append(h[np.isfinite(h)].mean())
    return float(math.sqrt((N_GROUPS - 1) / N_GROUPS * ((scores - np.mean(scores)) ** 2).sum()))
