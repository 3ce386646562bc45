"""D_H: does the model move at the same rates as the truth?"""

from dysyr.core.attractor_distance import spectrum_distance
from dysyr.evaluation.distance_measure import DistanceMeasure


class SpectrumMeasure(DistanceMeasure):
    """D_H, see ``dysyr.core.attractor_distance.spectrum_distance``; always at the same bandwidth in Hz."""

    name = "d_h"

    def score(self, context, truth, series):
        return spectrum_distance(truth, series, dt=context.dt, sigma_hz=_sigma_hz(context)).value

    def ceiling(self, context):
        return 1.0

    def settings(self, context):
        sigma_hz = _sigma_hz(context)
        dt = context.dt
        runs = [spectrum_distance(context.truth, run, dt=dt, sigma_hz=sigma_hz) for run in context.runs]
        flagged = sorted({context.names[d] for run in runs for d in run.flagged})
        per_variable = sum(run.per_variable for run in runs) / len(runs)
        return {
            "sigma_hz": sigma_hz,
            "sigma_bins": sigma_hz * context.n * context.dt,
            "per_variable": dict(zip(context.names, per_variable.tolist(), strict=True)),
            **({"not_finite_or_constant": flagged} if flagged else {}),
        }


def _sigma_hz(context):
    settings = context.settings
    if settings.sigma_hz is not None:
        return settings.sigma_hz
    return min(settings.sigma_bins, context.n / 50) / (context.n * context.dt)
