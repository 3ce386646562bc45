"""The common form of all distances between the truth and a free run."""

import abc
import math

from dysyr.core.measure import Measure
from dysyr.evaluation.summary import mean_and_stderr, range_95


class DistanceMeasure(abc.ABC):
    """A distance d(truth, series), with its floor, its ceiling and its negative controls.

    Value: mean over the free runs. Floor: mean over independent truth, scored against the same truth. Without
    independent truth the floor is taken between the two halves of the truth, and ``settings`` then also
    holds the model's own score at that length, since distances of different length must not be compared.
    """

    name = None
    unit = ""

    @abc.abstractmethod
    def score(self, context, truth, series):
        """d(truth, series): two (time, state) arrays, of which ``series`` may hold NaN."""

    @abc.abstractmethod
    def ceiling(self, context):
        """Score of a model that knows nothing."""

    @abc.abstractmethod
    def settings(self, context):
        """dict of every setting the score depends on."""

    def applies(self, context):
        """Whether the measure has something to say here."""
        return True

    def status(self, context):
        """``"ok"``, or what is wrong with the value."""
        return "ok"

    def compute(self, context):
        """The measure of a context.

        Args:
            context: EvaluationContext.

        Returns:
            Measure, or None where it does not apply.
        """
        if not self.applies(context):
            return None
        if context.constant:
            return Measure(
                name=self.name, kind="distance", value=math.nan, unit=self.unit, n=context.n, dt=context.dt,
                status="not defined: the truth is constant in a variable",
            )  # fmt: skip
        runs = [self.score(context, context.truth, run) for run in context.runs]
        value, stderr = mean_and_stderr(runs)
        floors, floor_settings = self._floors(context)
        return Measure(
            name=self.name,
            kind="distance",
            value=value,
            stderr=stderr,
            floor=mean_and_stderr(floors)[0],
            floor_range=range_95(floors),
            ceiling=self.ceiling(context),
            controls={name: self.score(context, context.truth, x) for name, x in context.controls.items()},
            unit=self.unit,
            better="lower",
            status=self.status(context),
            n=context.n,
            dt=context.dt,
            settings={"summary": "mean over free runs", **self.settings(context), **floor_settings},
            runs=tuple(runs),
        )

    def _floors(self, context):
        if len(context.references):
            floors = [self.score(context, context.truth, reference) for reference in context.references]
            return floors, {"floor": context.reference_kind, "floor_pairs": len(floors), "floor_n": context.n}
        half = context.n // 2
        first, second = context.truth[:half], context.truth[half : 2 * half]
        floors = [self.score(context, first, second), self.score(context, second, first)]

        def at_half_length(series):
            return 0.5 * sum(self.score(context, part, series[:half]) for part in (first, second))

        return floors, {
            "floor": "halves",
            "floor_pairs": 2,
            "floor_n": half,
            "value_at_floor_n": mean_and_stderr([at_half_length(run) for run in context.runs])[0],
            "controls_at_floor_n": {name: at_half_length(x) for name, x in context.controls.items()},
        }
