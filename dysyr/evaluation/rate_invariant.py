"""The common form of all quantities that follow from a rate matrix: the model's beside the truth's."""

import abc
import math

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.measure import Measure
from dysyr.evaluation.rate_draws import half_width

NO_ERRORS = "no standard error: a rate has none"
DATA = "held-out labels, matrix logarithm"


class RateInvariant(abc.ABC):
    """A quantity of a rate matrix.

    Value: of the model's rates; its standard error is half of the central 68.3 % range over rate matrices drawn from
    the rates' standard errors. Of free runs: the estimate from their labels. Truth: of the true rates where the chain
    is known; else the estimate from the held-out labels alone, by the matrix logarithm of their transitions, with the
    spread over resampled paths. Noisy or irregular labels allow no such estimate.
    """

    name = None
    unit = ""

    @abc.abstractmethod
    def quantity(self, context, rates):
        """The quantity of a rate matrix as an array of one dimension."""

    def form(self, context, numbers):
        """The numbers as a measure's value."""
        return [float(number) for number in numbers]

    def more(self, context):
        """dict of further settings."""
        return {}

    def lacking(self, context):
        """What the measure needs and the context does not have; None if nothing."""
        if context.model is None and context.run_rates is None:
            return "free runs, regularly sampled, that enter and leave every state"
        return None

    def compute(self, context):
        """The Measure of a RateContext."""
        own = context.run_rates if context.model is None else None
        rates = context.chain.rates if own is None else own.rates
        common = {
            "name": self.name, "kind": "invariant", "better": "match", "unit": self.unit, "n": context.panel.n_labels,
            "dt": math.nan if context.panel.dt is None else context.panel.dt,
        }  # fmt: skip
        try:
            value = self.quantity(context, rates)
        except InputError as error:
            return Measure(**common, value=math.nan, status=f"not defined: {error}", settings=self.more(context))
        draws = context.draws if own is None else own.draws
        truth, truth_stderr, source = self._truth(context)
        return Measure(
            **common, value=self.form(context, value), stderr=self._spread(context, draws, len(value)), truth=truth,
            truth_stderr=truth_stderr, status=_status(value, draws),
            settings={
                "value": "the model's rates" if own is None else "labels of the free runs, matrix logarithm",
                "stderr": "half of the central 68.3 % range over draws", "draws": 0 if draws is None else len(draws),
                "truth": source, **self.more(context),
            },
        )  # fmt: skip

    def _truth(self, context):
        """(value, stderr, where it comes from) of the truth."""
        data = context.data_rates
        rates = context.truth.rates if context.truth is not None else None if data is None else data.rates
        if rates is None:
            return None, None, "none: the labels are noisy, irregular or too few"
        try:
            value = self.quantity(context, rates)
        except InputError as error:
            return None, None, f"not defined: {error}"
        if context.truth is not None:
            endless = ", infinite" if np.isinf(value).any() else ""
            return self.form(context, value), None, f"the true rates{endless}"
        return self.form(context, value), self._spread(context, data.draws, len(value)), DATA

    def _spread(self, context, draws, n):
        """Standard errors of n numbers; None without draws."""
        if draws is None:
            return None
        values = np.full((len(draws), n), np.nan)
        for row, rates in zip(values, draws, strict=True):
            row[:] = self.quantity(context, rates)
        return self.form(context, half_width(values))


def _status(value, draws):
    endless = int(np.isinf(value).sum())
    if endless:
        return "infinite" if len(value) == 1 else f"{endless} of {len(value)} are infinite"
    return "ok" if draws is not None else NO_ERRORS
