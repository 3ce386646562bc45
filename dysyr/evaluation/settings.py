"""Every number an evaluation depends on, in one place."""

import dataclasses

from dysyr.core.arguments import number, whole
from dysyr.core.errors import InputError

MOST_ORDER = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """Settings of an evaluation; the defaults are those of the literature where it has any.

    Attributes:
        n_truth: samples of the truth, where it is given as a System.
        n_runs: independent free runs of the model, each as long as the truth.
        n_truth_pairs: independent truths that give the floors.
        n_bins: cells per variable of D_stsp.
        smoothing: pseudo-count of every cell of D_stsp.
        sigma_bins: smoothing of the spectra of D_H in frequency bins, used when ``sigma_hz`` is None; at most
            n / 50, since 20 bins leave little of the spectrum of a short series.
        sigma_hz: the same in cycles per system time unit.
        mixture_variance: variance of the Gaussians of D_stsp by mixtures, truth standardised.
        n_contexts: forecasts, from evenly spaced contexts of the truth.
        context_length: samples of the truth given to the model before each forecast.
        horizon: samples predicted; None for 12 Lyapunov times, or 10 correlation times where the largest
            exponent is not known, at most a quarter of the truth and 5,000.
        prediction_steps: steps ahead at which the prediction error is taken.
        valid_error: normalised error that ends the valid prediction time.
        valid_smape: symmetric percentage error that ends it in the second definition.
        smape_lyapunov_times: Lyapunov times over which sMAPE is averaged.
        n_directions: random directions of the sliced Wasserstein distance.
        wasserstein_points: evenly spaced samples it uses.
        dimension_points: evenly spaced samples of the correlation dimension.
        permutation_order: length of the ordinal patterns.
        recurrence_points: evenly spaced samples of the recurrence plot.
        recurrence_rate: rate in the truth that fixes the threshold.
        exponent_orbits: orbits run side by side for the spectrum of a model.
        exponent_steps: steps of each, after ``exponent_steps // 4`` steps of alignment.
        n_truth_paths: paths into which ``n_truth`` samples are divided where the truth is a chain of states.
        n_rate_draws: rate matrices drawn from the standard errors of a rate model.
        markov_steps: longest lag of the Chapman-Kolmogorov test, in sampling intervals.
        markov_simulations: simulated data sets that give its range.
    """

    n_truth: int = 100_000
    n_runs: int = 10
    n_truth_pairs: int = 20
    n_bins: int = 30
    smoothing: float = 1e-5
    sigma_bins: float = 20.0
    sigma_hz: float | None = None
    mixture_variance: float = 1.0
    n_contexts: int = 200
    context_length: int = 100
    horizon: int | None = None
    prediction_steps: tuple = (1, 20, 100)
    valid_error: float = 0.4
    valid_smape: float = 30.0
    smape_lyapunov_times: tuple = (1, 4, 10)
    n_directions: int = 50
    wasserstein_points: int = 10_000
    dimension_points: int = 3_000
    permutation_order: int = 5
    recurrence_points: int = 1_000
    recurrence_rate: float = 0.05
    exponent_orbits: int = 50
    exponent_steps: int = 10_000
    n_truth_paths: int = 500
    n_rate_draws: int = 200
    markov_steps: int = 5
    markov_simulations: int = 199

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            several = isinstance(field.default, tuple)
            is_whole = field.type in (int, int | None) or field.name == "prediction_steps"
            values = value if several and isinstance(value, tuple) and value else (value,)
            if not all((whole(one) if is_whole else number(one)) and one > 0 for one in values):
                kind = "positive whole number" if is_whole else "positive number"
                raise InputError(
                    f"setting {field.name} is not positive", got=repr(value),
                    expected=f"a tuple of {kind}s" if several else f"a {kind}",
                )  # fmt: skip
            if several and not isinstance(value, tuple):
                object.__setattr__(self, field.name, (value,))
        if not 2 <= self.permutation_order <= MOST_ORDER:
            raise InputError(
                "setting permutation_order is not a length of patterns", got=repr(self.permutation_order),
                expected=f"2 to {MOST_ORDER}: there are as many patterns as its factorial",
            )  # fmt: skip
