"""D_stsp: does the model visit the same states as the truth?"""

import warnings

from dysyr.core.attractor_distance import MAX_SMOOTHING_MASS, SmoothingWarning, state_space_divergence
from dysyr.core.mixture_distance import mixture_divergence
from dysyr.evaluation.distance_measure import DistanceMeasure
from dysyr.kernels.measures.cell_counts import count_cells


class StateSpaceMeasure(DistanceMeasure):
    """D_stsp by bins, see ``dysyr.core.attractor_distance.state_space_divergence``."""

    name = "d_stsp"
    unit = "nats"

    def score(self, context, truth, series):
        return _divergence(context, truth, series).value

    def ceiling(self, context):
        return _divergence(context, context.truth, context.truth).ceiling

    def status(self, context):
        if _divergence(context, context.truth, context.truth).smoothing_mass < MAX_SMOOTHING_MASS:
            return "ok"
        n_cells = float(context.settings.n_bins) ** context.truth.shape[1]
        return f"not reliable: {n_cells:.1g} cells for {context.n:,} points; read d_stsp_mixture"

    def settings(self, context):
        runs = [_divergence(context, context.truth, run) for run in context.runs]
        return {
            "definition": "bins",
            "n_bins": context.settings.n_bins,
            "smoothing": context.settings.smoothing,
            "range": "truth, min - 0.1 sd to max + 0.1 sd",
            "out_of_range": sum(run.out_of_range for run in runs) / len(runs),
            "nonfinite": sum(run.nonfinite for run in runs) / len(runs),
            "cells_truth": runs[0].cells_truth,
            "cells_generated": round(sum(run.cells_generated for run in runs) / len(runs)),
        }


class MixtureMeasure(DistanceMeasure):
    """D_stsp by Gaussian mixtures, for data with too many variables to bin.

    It has no finite ceiling; the score of a collapse to the truth's mean is given instead.
    """

    name = "d_stsp_mixture"
    unit = "nats"

    def applies(self, context):
        n_cells = float(context.settings.n_bins) ** context.truth.shape[1]
        return context.settings.smoothing * n_cells / context.n >= MAX_SMOOTHING_MASS

    def score(self, context, truth, series):
        return _mixture(context, truth, series).value

    def ceiling(self, context):
        return _mixture(context, context.truth, context.truth).collapse

    def settings(self, context):
        result = _mixture(context, context.truth, context.runs[0])
        return {
            "definition": "Gaussian mixtures, truth standardised",
            "variance": context.settings.mixture_variance,
            "n_centres": result.n_centres,
            "points": result.n_truth,
            "monte_carlo_stderr": result.stderr,
            "ceiling": "collapse to the mean of the truth",
            "seed": context.seed,
        }


def _divergence(context, truth, series):
    settings = context.settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SmoothingWarning)
        return state_space_divergence(
            truth, series, n_bins=settings.n_bins, smoothing=settings.smoothing, count=count_cells
        )


def _mixture(context, truth, series):
    return mixture_divergence(
        context.standardise(truth), context.standardise(series), variance=context.settings.mixture_variance,
        seed=context.seed,
    )  # fmt: skip
