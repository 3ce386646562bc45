"""Distances of generated windows from true ones that need no judge: marginal laws, autocorrelation."""

import numpy as np

from dysyr.core.measure import Measure
from dysyr.evaluation.summary import mean_and_stderr, range_95

N_QUANTILES = 500
N_FLOORS = 20


def marginal_distance(truth, generated, sd):
    """Wasserstein-1 distance of the values of each variable, mean over variables, in standard deviations.

        W = 1/D sum_d integral | F_d^-1(q) - G_d^-1(q) | dq / sd_d

    Args:
        truth, generated: (window, time, variable), any numbers of windows.
        sd: (variable,) standard deviations of the truth.
    """
    q = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    own, theirs = (np.quantile(x.reshape(-1, x.shape[2]), q, axis=0) for x in (truth, generated))
    return float((np.abs(own - theirs).mean(axis=0) / sd).mean())


def autocorrelation_distance(truth, generated):
    """Root mean square difference of autocorrelations over half a window, means and variances over all windows.

        rho_d(k) = < (x_t - m)(x_(t+k) - m) > / < (x_t - m)^2 >,   k = 1 .. window / 2

    Args:
        truth, generated: (window, time, variable), any numbers of windows.
    """
    difference = _autocorrelation(truth) - _autocorrelation(generated)
    return float(np.sqrt((difference**2).mean()))


def _autocorrelation(x):
    centred = x - x.mean(axis=(0, 1))
    n_lags = x.shape[1] // 2
    variance = np.maximum((centred**2).mean(axis=(0, 1)), np.finfo(np.float64).tiny)
    lagged = [(centred[:, :-k] * centred[:, k:]).mean(axis=(0, 1)) for k in range(1, n_lags + 1)]
    return np.stack(lagged) / variance


class WindowDistance:
    """A distance of sets of windows. Floor: one half of the series of the truth against the other, 20 times.

    Args:
        name: of the measure.
        unit: of its value.
        distance: function (truth, generated, sd) -> float.
    """

    def __init__(self, name, unit, distance):
        self.name, self.unit, self._distance = name, unit, distance

    def compute(self, context):
        """The Measure of a WindowContext; its standard error is over ten groups of generated windows."""
        truth = context.truth.x
        sd = np.maximum(truth.std(axis=(0, 1)), np.finfo(np.float64).tiny)
        halves = [context.truth.parted(0.5, context.rng(4, k)) for k in range(N_FLOORS)]
        floors = [self._distance(one.x, other.x, sd) for one, other in halves]
        groups = np.array_split(context.generated, 10)
        spread = [self._distance(truth, group, sd) for group in groups if len(group)]
        return Measure(
            name=self.name, kind="distance", value=self._distance(truth, context.generated, sd),
            stderr=mean_and_stderr(spread)[1], floor=mean_and_stderr(floors)[0], floor_range=range_95(floors),
            controls={name: self._distance(truth, x, sd) for name, x in context.controls.items()}, unit=self.unit,
            n=len(truth), dt=context.dt, settings={"floor": "halves of the series", "window": truth.shape[1]},
        )  # fmt: skip


WINDOW_DISTANCES = (
    WindowDistance("window_marginal", "sd of truth", marginal_distance),
    WindowDistance("window_autocorrelation", "", lambda truth, x, sd: autocorrelation_distance(truth, x)),
)
