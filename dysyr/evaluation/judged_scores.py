"""Discriminative and predictive score: what networks trained after the fact say of generated windows."""

import numpy as np

from dysyr.core.measure import Measure
from dysyr.evaluation.summary import mean_and_stderr, range_95

TEST_SHARE = 0.2
N_ITERATIONS = 400


class DiscriminativeMeasure:
    """How well a judge tells generated windows from true ones: 0 not at all, 0.5 always.

        score = | accuracy - 1/2 |

    The judge is a small GRU that is trained on four fifths of the series and tested on the others, so that no sample of
    the test was seen; generated windows are split at random. The published protocol (yoon2019) splits windows, which
    overlap. Floor: one half of the series against the other, by judges of the same kind. Ceiling: 1/2.

    Reference: yoon2019
    """

    name = "discriminative_score"

    def compute(self, context):
        """The Measure of a WindowContext."""
        from dysyr.evaluation.post_hoc import Recipe, accuracies

        trials, kinds = [], []
        for k in range(context.n_judges):
            trials += [self._trial(context, context.generated, k), self._floor(context, k)]
            kinds += ["model", "floor"]
        for name, windows in context.controls.items():
            trials.append(self._trial(context, windows, 0))
            kinds.append(name)
        recipe = Recipe(context.n_hidden, N_ITERATIONS)
        scores = np.abs(accuracies(trials, recipe, seed=context.seed) - 0.5)
        own, floors = ([float(s) for s, kind in zip(scores, kinds, strict=True) if kind == wanted]
                       for wanted in ("model", "floor"))  # fmt: skip
        value, stderr = mean_and_stderr(own)
        return Measure(
            name=self.name, kind="distance", value=value, stderr=stderr, floor=mean_and_stderr(floors)[0],
            floor_range=range_95(floors), ceiling=0.5,
            controls={kind: float(s) for s, kind in zip(scores, kinds, strict=True) if kind in context.controls},
            n=len(context.truth.x), dt=context.dt, runs=tuple(own),
            settings={
                "judge": f"GRU of {context.n_hidden} units, windows standardised", "judges": context.n_judges,
                "iterations": N_ITERATIONS, "test": "a fifth of the series", "floor": "halves of the series",
                "window": context.truth.x.shape[1], "seed": context.seed,
            },
        )  # fmt: skip

    def _trial(self, context, windows, k):
        rng = context.rng(1, k)
        true, true_test = context.truth.parted(TEST_SHARE, rng)
        windows = windows[rng.permutation(len(windows))]
        n = round((1 - TEST_SHARE) * len(windows))
        return true.x, windows[:n], true_test.x, windows[n:]

    def _floor(self, context, k):
        rng = context.rng(2, k)
        halves = [half.parted(TEST_SHARE, rng) for half in context.truth.parted(0.5, rng)]
        return halves[0][0].x, halves[1][0].x, halves[0][1].x, halves[1][1].x


class PredictiveMeasure:
    """How well the truth is foretold by a judge that learned on generated windows alone.

        score = mean | x_last(t + 1) - judge(other variables up to t) |

    Variables are scaled to the range of the truth, 0 to 1. Floor: the judge learned on other series of the truth. Train
    on synthetic, test on real.

    Reference: yoon2019
    """

    name = "predictive_score"

    def compute(self, context):
        """The Measure of a WindowContext."""
        from dysyr.evaluation.post_hoc import Recipe, prediction_errors

        rows = context.truth.x.reshape(-1, context.truth.x.shape[2])
        low, high = rows.min(axis=0), rows.max(axis=0)
        span = np.where(high > low, high - low, 1.0)
        trials, kinds = [], []
        for k in range(context.n_judges):
            true, test = context.truth.parted(TEST_SHARE, context.rng(3, k))
            trials += [(context.generated, test.x), (true.x, test.x)]
            kinds += ["model", "floor"]
            if k == 0:
                trials += [(windows, test.x) for windows in context.controls.values()]
                kinds += list(context.controls)
        scaled = [tuple((x - low) / span for x in trial) for trial in trials]
        errors = prediction_errors(scaled, Recipe(context.n_hidden, N_ITERATIONS), seed=context.seed)
        own, floors = ([float(s) for s, kind in zip(errors, kinds, strict=True) if kind == wanted]
                       for wanted in ("model", "floor"))  # fmt: skip
        value, stderr = mean_and_stderr(own)
        return Measure(
            name=self.name, kind="distance", value=value, stderr=stderr, floor=mean_and_stderr(floors)[0],
            floor_range=range_95(floors),
            controls={kind: float(s) for s, kind in zip(errors, kinds, strict=True) if kind in context.controls},
            n=len(context.truth.x), dt=context.dt, runs=tuple(own), unit="range of truth",
            settings={
                "judge": f"GRU of {context.n_hidden} units", "judges": context.n_judges, "iterations": N_ITERATIONS,
                "test": "a fifth of the series", "floor": "learned on other series of the truth",
                "value_over_floor": value / mean_and_stderr(floors)[0], "seed": context.seed,
            },
        )  # fmt: skip
