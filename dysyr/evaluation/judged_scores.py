"""Discriminative and predictive score: what networks trained after the fact say of generated windows."""

import numpy as np

from dysyr.core.measure import Measure
from dysyr.evaluation.summary import mean_and_stderr, range_95
from dysyr.evaluation.window_set import WindowSet

TEST_SHARE = 0.2
N_ITERATIONS = 400
N_PUBLISHED, PUBLISHED_RATE = 2000, 1e-3
"""Steps of the published judge and their rate."""
NAMES = {
    "changes": "discriminative_score",
    "values": "discriminative_score_of_values",
    "published": "published_discriminative_score",
}
"""Names of the score by what the judge sees."""


class DiscriminativeMeasure:
    """How well a judge tells generated windows from true ones: 0 not at all, 0.5 always.

        score = max(accuracy - 1/2, 0)

    The judge is a small GRU that is trained on four fifths of the series and tested on the others, so that no sample of
    the test was seen; generated windows are split at random. It sees values and their changes from sample to sample,
    each standardised. Floor: one half of the series against the other, by judges of the same kind. Ceiling: 1/2.

    Where series differ, as blocks of a record that drifts do, any generator is hard to tell: windows of the test are
    unlike those of the training, and the judge takes them for generated. The settings have the ``accuracy``, and
    ``accuracy_of_truth``, that of judges who got true windows of all series in the place of generated ones.

    The published judge (yoon2019) has | accuracy - 1/2 |, sees values in the range of the truth alone, with half as
    many units as variables, and its windows are split at random, though windows of a record overlap. Where a window
    changes little against the spread of all windows, as prices do, it hardly tells its samples in random order.

    Args:
        judge: "changes", as described; "values", the same without changes, a milder judge; or "published". The names of
            the latter two scores are ``discriminative_score_of_values`` and ``published_discriminative_score``.

    Reference: yoon2019
    """

    def __init__(self, *, judge="changes"):
        self.judge, self.published, self.name = judge, judge == "published", NAMES[judge]

    def compute(self, context):
        """The Measure of a WindowContext."""
        from dysyr.evaluation.post_hoc import accuracies

        trials, kinds = [], []
        for k in range(context.n_judges):
            trials += [self._trial(context, context.generated, k), self._trial(context, context.truth.x, k)]
            trials.append(self._floor(context, k))
            kinds += ["model", "truth", "floor"]
        for name, windows in context.controls.items():
            trials.append(self._trial(context, windows, 0))
            kinds.append(name)
        recipe, settings = self._recipe(context)
        if self.published:
            shown = within_truth(trials, context.truth.x)
        else:
            shown = [standardised(t, changes=self.judge == "changes") for t in trials]
        right, kinds = accuracies(shown, recipe, seed=context.seed), np.array(kinds)
        scores = np.abs(right - 0.5) if self.published else np.maximum(right - 0.5, 0.0)
        own, floors = ([float(s) for s in scores[kinds == wanted]] for wanted in ("model", "floor"))
        value, stderr = mean_and_stderr(own)
        return Measure(
            name=self.name, kind="distance", value=value, stderr=stderr, floor=mean_and_stderr(floors)[0],
            floor_range=range_95(floors), ceiling=0.5,
            controls={name: float(scores[kinds == name][0]) for name in context.controls},
            n=len(context.truth.x), dt=context.dt, runs=tuple(own),
            settings={
                **settings, "judges": context.n_judges, "iterations": recipe.n_iterations,
                "accuracy": float(right[kinds == "model"].mean()),
                "accuracy_of_truth": float(right[kinds == "truth"].mean()),
                "window": context.truth.x.shape[1], "seed": context.seed,
            },
        )  # fmt: skip

    def _recipe(self, context):
        """(Recipe, what a reader should know of it)."""
        from dysyr.evaluation.post_hoc import Recipe

        if self.published:
            n_hidden = max(1, context.truth.x.shape[2] // 2)
            recipe = Recipe(n_hidden, N_PUBLISHED, learning_rate=PUBLISHED_RATE, falling=False)
            seen, test, floor = "values in the range of the truth", "a fifth of the windows", "halves of the windows"
        else:
            recipe = Recipe(context.n_hidden, N_ITERATIONS)
            seen = "values and changes, standardised" if self.judge == "changes" else "values, standardised"
            test, floor = "a fifth of the series", "halves of the series"
        return recipe, {"judge": f"GRU of {recipe.n_hidden} units, {seen}", "test": test, "floor": floor}

    def _trial(self, context, windows, k):
        rng = context.rng(1, k)
        true, true_test = self._truth(context).parted(TEST_SHARE, rng)
        windows = windows[rng.permutation(len(windows))]
        n = round((1 - TEST_SHARE) * len(windows))
        return true.x, windows[:n], true_test.x, windows[n:]

    def _floor(self, context, k):
        rng = context.rng(2, k)
        halves = [half.parted(TEST_SHARE, rng) for half in self._truth(context).parted(0.5, rng)]
        return halves[0][0].x, halves[1][0].x, halves[0][1].x, halves[1][1].x

    def _truth(self, context):
        x = context.truth.x
        return WindowSet(x, np.arange(len(x))) if self.published else context.truth


def standardised(trial, *, changes=True):
    """What a judge sees: values and changes from sample to sample, each with mean 0 and variance 1 in the training.

        s_t = ( (x_t - m) / sd, (d_t - m') / sd' ),   d_t = x_t - x_(t-1),  d_0 = d_1

    Args:
        trial: (first, second, first for the test, second for the test), (window, time, variable) arrays; means and
            standard deviations are those of the first two together.
        changes: whether the second half is there.

    Returns:
        tuple of (window, time, 2 variable) arrays, or (window, time, variable).
    """
    if changes:
        steps = [np.diff(x, axis=1) for x in trial]
        trial = [np.concatenate([x, np.concatenate([d[:, :1], d], axis=1)], axis=2)
                 for x, d in zip(trial, steps, strict=True)]  # fmt: skip
    rows = np.concatenate([x.reshape(-1, x.shape[2]) for x in trial[:2]])
    mean, sd = rows.mean(axis=0), rows.std(axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    return tuple((x - mean) / sd for x in trial)


def within_truth(trials, truth):
    """Trials, tuples of (window, time, variable) arrays, with each variable scaled so that the truth has 0 to 1."""
    rows = truth.reshape(-1, truth.shape[2])
    low, high = rows.min(axis=0), rows.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    return [tuple((x - low) / span for x in trial) for trial in trials]


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

        trials, kinds = [], []
        for k in range(context.n_judges):
            true, test = context.truth.parted(TEST_SHARE, context.rng(3, k))
            trials += [(context.generated, test.x), (true.x, test.x)]
            kinds += ["model", "floor"]
            if k == 0:
                trials += [(windows, test.x) for windows in context.controls.values()]
                kinds += list(context.controls)
        scaled = within_truth(trials, context.truth.x)
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
