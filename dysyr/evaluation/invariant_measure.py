"""The common form of all quantities that a good model shares with the truth."""

import abc

from dysyr.core.measure import Measure
from dysyr.evaluation.summary import mean_and_stderr, range_95


class InvariantMeasure(abc.ABC):
    """A quantity of one series: the model's value and spread beside the truth's value and spread.

    Value: mean over the free runs that stayed finite. Truth: mean over the truth and its independent
        references
    of the same length. Controls: the same quantity of the negative controls.
    """

    name = None
    unit = ""

    @abc.abstractmethod
    def quantity(self, context, series):
        """The quantity of a finite (time, state) series: a number or ``{name: number}``."""

    @abc.abstractmethod
    def settings(self, context):
        """dict of every setting the quantity depends on."""

    def compute(self, context):
        """The measure of a context.

        Args:
            context: EvaluationContext.

        Returns:
            Measure.
        """
        references = context.references[: len(context.runs)]
        truths = [self.quantity(context, x) for x in (context.truth, *references)]
        truth, truth_stderr = mean_and_stderr(truths)
        common = {
            "name": self.name,
            "kind": "invariant",
            "truth": truth,
            "truth_stderr": truth_stderr,
            "floor_range": range_95(truths) if len(truths) > 1 else None,
            "controls": {name: self.quantity(context, x) for name, x in context.controls.items()},
            "unit": self.unit,
            "better": "match",
            "n": context.n,
            "dt": context.dt,
            "settings": {
                "summary": "mean over free runs", "truth_series": len(truths), **self.settings(context),
            },  # fmt: skip
        }
        lost = len(context.runs) - len(context.finite_runs)
        if lost == len(context.runs):
            return Measure(**common, value=float("nan"), status="no free run stayed finite")
        runs = [self.quantity(context, run) for run in context.finite_runs]
        value, stderr = mean_and_stderr(runs)
        status = f"{lost} of {len(context.runs)} free runs left out, not finite" if lost else "ok"
        return Measure(**common, value=value, stderr=stderr, runs=tuple(runs), status=status)
