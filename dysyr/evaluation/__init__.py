"""Measures of a model against the truth, each with the context that makes it readable, and the verdict."""

from dysyr.core.errors import InputError
from dysyr.evaluation.autocorrelation_distance import AutocorrelationMeasure
from dysyr.evaluation.chapman_kolmogorov import ChapmanKolmogorovMeasure
from dysyr.evaluation.correlation_dimension import CorrelationDimensionMeasure
from dysyr.evaluation.entropy_production_measure import EntropyProductionMeasure
from dysyr.evaluation.first_passage import FirstPassageMeasure
from dysyr.evaluation.frequencies import MeanFrequencyMeasure, PeakFrequencyMeasure
from dysyr.evaluation.hellinger import HellingerMeasure
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


def select_measures(names, *, labels=False):
    """The measures of the given names; all for None.

    Args:
        names: sequence of names, or None.
        labels: whether the data are labels of discrete states, for which other measures exist than for values.

    Returns:
        tuple of measures in the order of MEASURES, or of RATE_MEASURES for labels.

    Raises:
        InputError: an unknown name, or a measure of values for labels and the reverse.
    """
    measures, others = (RATE_MEASURES, MEASURES) if labels else (MEASURES, RATE_MEASURES)
    if names is None:
        return measures
    names = [names] if isinstance(names, str) else list(names)
    known = [measure.name for measure in measures]
    unknown = [name for name in names if name not in known]
    expected = f"some of {', '.join(known)}"
    if unknown and set(unknown) <= {measure.name for measure in others}:
        kinds = ("values", "labels of states") if labels else ("labels of states", "values")
        raise InputError(
            f"measure of {kinds[0]}", got=f"{', '.join(unknown)}, but the data are {kinds[1]}", expected=expected
        )
    if unknown:
        raise InputError("unknown measure", got=", ".join(unknown), expected=expected)
    return tuple(measure for measure in measures if measure.name in names)
