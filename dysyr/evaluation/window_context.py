"""What every measure of window generators is computed from: windows of the truth, generated ones, and controls."""

import dataclasses
import functools

import numpy as np

from dysyr.core.errors import InputError
from dysyr.evaluation.window_set import WindowSet, window_controls


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class WindowContext:
    """Everything that is compared.

    Attributes:
        truth: WindowSet of data that the model was not fitted to, as a rule.
        generated: (window, time, variable) windows of the model, in data units.
        dt: sampling interval in system time units.
        names: names of the variables.
        statuses: what became of each generated window, ``orbit_status`` dicts.
        model: the evaluated WindowGenerator, or None.
        seed: drives splits, judges and controls.
        n_judges: repetitions of a judged score, each with its own split, weights and batches.
    """

    truth: WindowSet
    generated: np.ndarray
    dt: float
    names: tuple
    statuses: tuple = ()
    model: object = None
    seed: int = 0
    n_judges: int = 5

    def __post_init__(self):
        if self.generated.shape[1:] != self.truth.x.shape[1:]:
            raise InputError(
                "generated windows do not fit the truth", got=f"shape {self.generated.shape}",
                expected=f"(window, {self.truth.x.shape[1]}, {self.truth.x.shape[2]})",
            )  # fmt: skip
        if not np.isfinite(self.generated).all():
            raise InputError("generated windows hold values that are not finite", got="NaN or infinite")

    @functools.cached_property
    def controls(self):
        """dict name -> (window, time, variable): negative controls made from the truth."""
        return window_controls(self.truth.x, self.seed)

    @property
    def n_hidden(self):
        """Units of a judge: half as many as variables, as published, and at least 4.

        Two units, which five variables would give, do not tell a linear autoregression from sines.
        """
        return max(4, self.truth.x.shape[2] // 2)

    def rng(self, *stream):
        """A generator for one purpose."""
        return np.random.default_rng([self.seed, 0x776378, *stream])
