"""Measures of a model against the truth, each with the context that makes it readable, and the verdict."""

from dysyr.core.errors import InputError
from dysyr.evaluation.autocorrelation_distance import AutocorrelationMeasure
from dysyr.evaluation.chapman_kolmogorov import ChapmanKolmogorovMeasure
from dysyr.evaluation.correlation_dimension import CorrelationDimensionMeasure
from dysyr.evaluation.entropy_production_measure import EntropyProductionMeasure
from dysyr.evaluation.first_passage import FirstPassageMeasure
from dysyr.evaluation.frequencies import MeanFrequencyMeasure, PeakFrequencyMeasure
from dysyr.evaluation.hellinger import HellingerMeasure
from dysyr.evaluation.judged_scores import DiscriminativeMeasure, PredictiveMeasure
from dysyr.evaluation.kaplan_yorke import KaplanYorkeMeasure
from dysyr.evaluation.lyapunov_measure import DivergenceRateMeasure, LyapunovSpectrumMeasure
from dysyr.evaluation.pair_log_likelihood import PairLogLikelihoodMeasure
from dysyr.evaluation.permutation_entropy import PermutationEntropyMeasure
from dysyr.evaluation.prediction_error import PredictionErrorMeasure
from dysyr.evaluation.rate_calibration import RateCalibrationMeasure
from dysyr.evaluation.rate_error import RateErrorMeasure, RateLogErrorMeasure
from dysyr.evaluation.recurrence import RecurrenceMeasure
from dysyr.evaluation.relaxation import TimeScalesMeasure
from dysyr.evaluation.smape import SmapeMeasure
from dysyr.evaluation.spectra import SpectrumMeasure
from dysyr.evaluation.state_space import MixtureMeasure, StateSpaceMeasure
from dysyr.evaluation.stationary import StationaryMeasure
from dysyr.evaluation.valid_prediction_time import ValidPredictionTimeMeasure
from dysyr.evaluation.wasserstein import WassersteinMeasure
from dysyr.evaluation.window_distances import WINDOW_DISTANCES

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

RATE_MEASURES = (
    RateErrorMeasure(),
    RateLogErrorMeasure(),
    HellingerMeasure(),
    ChapmanKolmogorovMeasure(),
    PairLogLikelihoodMeasure(),
    StationaryMeasure(),
    TimeScalesMeasure(),
    FirstPassageMeasure(),
    EntropyProductionMeasure(),
    RateCalibrationMeasure(),
)
"""Measures of rate models and of labels of discrete states; those above are for values."""

WINDOW_MEASURES = (DiscriminativeMeasure(), PredictiveMeasure(), *WINDOW_DISTANCES)
"""Measures of models that draw windows."""


def select_measures(names, *, kind="values"):
    """The measures of the given names; all for None.

    Args:
        names: sequence of names, or None.
        kind: "values", "labels" (of discrete states) or "windows": what is compared; each has measures of its own.

    Returns:
        tuple of measures in the order of MEASURES, RATE_MEASURES or WINDOW_MEASURES.

    Raises:
        InputError: an unknown name, or a measure of another kind.
    """
    measures = _OF_KIND[kind][1]
    if names is None:
        return measures
    names = [names] if isinstance(names, str) else list(names)
    known = [measure.name for measure in measures]
    unknown = [name for name in names if name not in known]
    expected = f"some of {', '.join(known)}"
    for words, others in _OF_KIND.values():
        if unknown and set(unknown) <= {measure.name for measure in others}:
            got = f"{', '.join(unknown)}, but the data are {_OF_KIND[kind][0]}"
            raise InputError(f"measure of {words}", got=got, expected=expected)
    if unknown:
        raise InputError("unknown measure", got=", ".join(unknown), expected=expected)
    return tuple(measure for measure in measures if measure.name in names)


_OF_KIND = {
    "values": ("values", MEASURES),
    "labels": ("labels of states", RATE_MEASURES),
    "windows": ("windows", WINDOW_MEASURES),
}
MEASURE_NAMES = tuple(dict.fromkeys(measure.name for _, measures in _OF_KIND.values() for measure in measures))
"""Names of the measures of all kinds."""
