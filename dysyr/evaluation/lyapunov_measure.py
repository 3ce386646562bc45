"""Lyapunov exponents: of the model by its Jacobian, and of truth and runs from the data alone."""

import math

import numpy as np

from dysyr.core.divergence_rate import divergence_rate
from dysyr.core.errors import InputError
from dysyr.core.measure import Measure
from dysyr.evaluation.model_exponents import exponent_effort
from dysyr.evaluation.state_vectors import state_vectors
from dysyr.evaluation.summary import mean_and_stderr


class LyapunovSpectrumMeasure:
    """Lyapunov spectrum of a StateSpace model beside that of the truth's system.

    Strongly contracting exponents are hardly visible in noisy data; the leading ones are what a model is
    judged by.
    """

    name = "lyapunov_spectrum"
    unit = "1/time"

    def compute(self, context):
        """The measure of a context.

        Args:
            context: EvaluationContext.

        Returns:
            Measure, or None where the model has no Jacobian.
        """
        exponents = context.model_exponents
        if exponents is None:
            return None
        truth = context.truth_exponents
        steps = exponent_effort(context.model.latent_dim, len(exponents), context.settings.exponent_steps)[2]
        common = {
            "name": self.name,
            "kind": "invariant",
            "truth": None if truth is None else list(truth.value),
            "truth_stderr": None if truth is None else truth.stderr,
            "unit": self.unit,
            "better": "match",
            "n": len(exponents) * steps,
            "dt": context.dt,
            "settings": {
                "summary": "mean over orbits, QR of the model's Jacobian at every step",
                "orbits": len(exponents),
                "steps": steps,
                "time": len(exponents) * steps * context.dt,
            },
        }
        if truth is not None and "n_zero" in truth.settings:
            common["settings"]["truth_n_zero"] = truth.settings["n_zero"]
        alive = exponents[np.isfinite(exponents).all(axis=1)]
        if len(alive) == 0:
            return Measure(**common, value=[math.nan] * exponents.shape[1], status="every orbit diverged")
        value, stderr = mean_and_stderr(alive.tolist())
        lost = len(exponents) - len(alive)
        status = f"{lost} of {len(exponents)} orbits left out, they diverged" if lost else "ok"
        return Measure(**common, value=value, stderr=stderr, runs=tuple(alive.tolist()), status=status)


class DivergenceRateMeasure:
    """Largest exponent by the same estimate from data for the truth and for the free runs.

    It is a rough number, biased by noise and short data, but biased alike on both sides. ``settings`` says
    whether each side passed the checks against linear noise.
    """

    name = "divergence_rate"
    unit = "1/time"

    def compute(self, context):
        """The measure of a context.

        Args:
            context: EvaluationContext.

        Returns:
            Measure, or None where both spectra are known, or the truth is too short or constant.
        """
        known = context.model_exponents is not None and context.truth_exponents is not None
        if known or context.constant:
            return None
        try:
            truth = self._rate(context, context.truth, n_surrogates=39)
        except InputError:
            return None
        common = {
            "name": self.name,
            "kind": "invariant",
            "truth": truth.value,
            "truth_stderr": truth.stderr,
            "unit": self.unit,
            "better": "match",
            "n": min(context.n, 10_000),
            "dt": context.dt,
        }
        settings = {
            "estimator": "Rosenstein, last 10,000 samples",
            "truth_chaotic": truth.chaotic,
            "truth_checks": truth.reason,
        }
        if len(context.finite_runs) == 0:
            return Measure(**common, value=math.nan, settings=settings, status="no free run stayed finite")
        try:
            first = self._rate(context, context.finite_runs[0], n_surrogates=39)
            rest = [self._rate(context, run, n_surrogates=0).value for run in context.finite_runs[1:]]
        except InputError as error:
            return Measure(**common, value=math.nan, settings=settings, status=str(error))
        settings |= {"model_chaotic": first.chaotic, "model_checks": first.reason}
        runs = [first.value, *rest]
        found = [value for value in runs if math.isfinite(value)]
        if not found:
            status = "no scaling region in the runs"
            return Measure(**common, value=math.nan, settings=settings, status=status)
        value, stderr = mean_and_stderr(found)
        status = "ok" if math.isfinite(truth.value) else "no scaling region in the truth"
        common |= {"settings": settings, "runs": tuple(runs), "status": status}
        return Measure(**common, value=value, stderr=stderr)

    def _rate(self, context, series, n_surrogates):
        states = state_vectors(context.standardise(series), delay=max(context.correlation_steps // 2, 1))
        return divergence_rate(states, dt=context.dt, n_surrogates=n_surrogates, seed=context.seed)
