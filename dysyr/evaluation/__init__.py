"""Measures of a model against the truth, each with the context that makes it readable, and the verdict."""

from dysyr.core.errors import InputError
from dysyr.evaluation.autocorrelation_distance import AutocorrelationMeasure
from dysyr.evaluation.correlation_dimension import CorrelationDimensionMeasure
from dysyr.evaluation.frequencies import MeanFrequencyMeasure, PeakFrequencyMeasure
from dysyr.evaluation.kaplan_yorke import KaplanYorkeMeasure
from dysyr.evaluation.lyapunov_measure import DivergenceRateMeasure, LyapunovSpectrumMeasure
from dysyr.evaluation.permutation_entropy import PermutationEntropyMeasure
from dysyr.evaluation.prediction_error import PredictionErrorMeasure
from dysyr.evaluation.recurrence import RecurrenceMeasure
from dysyr.evaluation.smape import SmapeMeasure
from dysyr.evaluation.spectra import SpectrumMeasure
from dysyr.evaluation.state_space import MixtureMeasure, StateSpaceMeasure
from dysyr.evaluation.valid_prediction_time import ValidPredictionTimeMeasure
from dysyr.evaluation.wasserstein import WassersteinMeasure

MEASURES = (
    StateSpaceMeasure(),
    MixtureMeasure(),
    SpectrumMeasure(),
    WassersteinMeasure(),
    AutocorrelationMeasure(),
    ValidPredictionTimeMeasure(),
    PredictionErrorMeasure(),
    SmapeMeasure(),
    LyapunovSpectrumMeasure(),
    KaplanYorkeMeasure(),
    DivergenceRateMeasure(),
    CorrelationDimensionMeasure(),
    PermutationEntropyMeasure(),
    RecurrenceMeasure(),
    PeakFrequencyMeasure(),
    MeanFrequencyMeasure(),
)


def select_measures(names):
    """The measures of the given names; all for None.

    Args:
        names: sequence of names, or None.

    Returns:
        tuple of measures in the order of MEASURES.

    Raises:
        InputError: an unknown name.
    """
    if names is None:
        return MEASURES
    names = [names] if isinstance(names, str) else list(names)
    known = [measure.name for measure in MEASURES]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError("unknown measure", got=", ".join(unknown), expected=f"some of {', '.join(known)}")
    return tuple(measure for measure in MEASURES if measure.name in names)
