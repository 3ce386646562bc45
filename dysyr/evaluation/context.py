"""What every measure is computed from: truth, free runs, independent truth, forecasts, model."""

import dataclasses
import functools
import math

import numpy as np

from dysyr.core.correlation_time import correlation_time
from dysyr.core.errors import InputError
from dysyr.core.measure import Measure
from dysyr.core.model import StateSpace
from dysyr.evaluation.controls import negative_controls
from dysyr.evaluation.forecasts import Forecasts
from dysyr.evaluation.model_exponents import model_exponents
from dysyr.evaluation.settings import EvaluationSettings


def varies(x):
    """Which variables of x (time, state) vary by more than rounding: (state,) bool."""
    return np.ptp(x, axis=0) > 1e-12 * np.abs(x).max(axis=0)


def truth_scale(truth):
    """Standard deviation per variable; where the truth is constant its size, and 1 where it is zero."""
    size = np.abs(truth).max(axis=0)
    return np.where(varies(truth), truth.std(axis=0, ddof=1), np.where(size > 0, size, 1.0))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationContext:
    """Everything that is compared.

    Attributes:
        truth: (time, state) the longest gap-free stretch of the truth, data units.
        runs: (run, time, state) free runs of the same length; NaN after a run diverged.
        references: (pair, time, state) independent truth of the same length in the same state (clean or
            noisy); empty where there is none, and floors then come from the two halves of the truth.
        reference_kind: where they come from: ``"simulated"`` | ``"given"`` | ``"other trajectories"`` |
            ``"halves"``.
        dt: sampling interval in system time units.
        names: names of the variables.
        statuses: what became of each run, ``orbit_status`` dicts.
        forecasts: ``Forecasts``, or None.
        model: the evaluated Model, or None.
        system: the System behind the truth, or None.
        truth_exponents: Measure with the Lyapunov spectrum of the truth's system, or None.
        seed: drives controls, directions and Monte Carlo points.
        settings: ``EvaluationSettings``.
    """

    truth: np.ndarray
    runs: np.ndarray
    dt: float
    names: tuple
    statuses: tuple
    references: np.ndarray = dataclasses.field(default_factory=lambda: np.empty((0, 0, 0)))
    reference_kind: str = "halves"
    forecasts: Forecasts | None = None
    model: object = None
    system: object = None
    truth_exponents: Measure | None = None
    seed: int = 0
    settings: EvaluationSettings = dataclasses.field(default_factory=EvaluationSettings)

    def __post_init__(self):
        n, n_variables = self.truth.shape
        if self.runs.ndim != 3 or self.runs.shape[1:] != (n, n_variables):
            raise InputError(
                "free runs do not fit the truth", got=f"shape {self.runs.shape}",
                expected=f"(run, {n}, {n_variables})",
            )  # fmt: skip
        if len(self.references) and self.references.shape[1:] != (n, n_variables):
            raise InputError(
                "reference truth does not fit the truth", got=f"shape {self.references.shape}",
                expected=f"(pair, {n}, {n_variables})",
            )  # fmt: skip

    @property
    def n(self):
        """Samples of the truth and of every run."""
        return len(self.truth)

    @functools.cached_property
    def mean(self):
        """(state,) mean of the truth."""
        return self.truth.mean(axis=0)

    @functools.cached_property
    def sd(self):
        """(state,) scale of the truth, see ``truth_scale``."""
        return truth_scale(self.truth)

    @functools.cached_property
    def constant(self):
        """Whether the truth is constant in some variable, so that distances are not defined."""
        return not varies(self.truth).all()

    @functools.cached_property
    def correlation_steps(self):
        """Correlation time of the truth in samples."""
        return correlation_time(self.truth)

    @functools.cached_property
    def finite_runs(self):
        """(k, time, state) the runs without any value that is not finite."""
        return self.runs[np.isfinite(self.runs).all(axis=(1, 2))]

    @functools.cached_property
    def controls(self):
        """dict name -> (time, state): negative controls made from the truth."""
        return negative_controls(self.truth, seed=self.seed)

    @functools.cached_property
    def model_exponents(self):
        """(orbit, latent) exponents of the model per time unit; None where it has no autonomous Jacobian."""
        if not isinstance(self.model, StateSpace) or self.model.n_inputs:
            return None
        settings = self.settings
        return model_exponents(
            self.model, n_orbits=settings.exponent_orbits, n_steps=settings.exponent_steps, seed=self.seed
        )

    @property
    def largest_exponent(self):
        """Largest Lyapunov exponent of the truth per time unit; NaN where it is not known."""
        return math.nan if self.truth_exponents is None else float(np.max(self.truth_exponents.value))

    def standardise(self, x):
        """Units of the truth: (x - mean) / sd, for the truth, runs and references alike."""
        return (x - self.mean) / self.sd
