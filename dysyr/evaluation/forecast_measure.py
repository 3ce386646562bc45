"""The common form of all scores of forecasts from contexts of the truth."""

import abc

import numpy as np

from dysyr.core.measure import Measure
from dysyr.evaluation.summary import mean_and_stderr


class ForecastMeasure(abc.ABC):
    """A score of forecasts, beside the true system's own forecast and those of models that know little.

    Value: mean over contexts. Floor: the true system, started at the last sample of the same noisy context.
    Ceiling: the better of climatology (the mean) and persistence (the last sample). Both are among the controls,
    and so is a linear autoregression, which was fitted to the truth itself and so has an advantage over the model.
    """

    name = None
    unit = ""
    better = "lower"

    @abc.abstractmethod
    def scores(self, forecasts, predicted, settings):
        """One number or ``{name: number}`` per context; ``predicted`` (context, time, state) may hold NaN."""

    @abc.abstractmethod
    def settings(self, forecasts, settings):
        """dict of every setting the score depends on."""

    def unit_of(self, forecasts):
        """Unit of the value."""
        return self.unit

    def compute(self, context):
        """The measure of a context.

        Args:
            context: EvaluationContext.

        Returns:
            Measure, or None where there are no forecasts.
        """
        forecasts = context.forecasts
        if forecasts is None:
            return None
        scores = self.scores(forecasts, forecasts.predicted, context.settings)
        if not scores or scores[0] == {}:
            return None
        value, stderr = mean_and_stderr(scores)
        others = {
            name: mean_and_stderr(self.scores(forecasts, predicted, context.settings))[0]
            for name, predicted in forecasts.references().items()
        }
        best = others.pop("best", None)
        lost = int((~np.isfinite(forecasts.predicted)).any(axis=(1, 2)).sum())
        return Measure(
            name=self.name,
            kind="forecast",
            value=value,
            stderr=stderr,
            floor=best,
            ceiling=_better_of(others["climatology"], others["persistence"], self.better),
            controls=others,
            unit=self.unit_of(forecasts),
            better=self.better,
            status=f"{lost} of {forecasts.n_contexts} forecasts diverged" if lost else "ok",
            n=forecasts.n_contexts,
            dt=context.dt,
            settings={
                "summary": "mean over contexts",
                "contexts": forecasts.n_contexts,
                "context_length": forecasts.contexts.shape[1],
                "horizon": forecasts.horizon,
                "ceiling": "better of climatology and persistence",
                **self.settings(forecasts, context.settings),
            },
            runs=tuple(scores),
        )


def _better_of(first, second, better):
    choose = max if better == "higher" else min
    if isinstance(first, dict):
        return {key: choose(first[key], second[key]) for key in first}
    return choose(first, second)
