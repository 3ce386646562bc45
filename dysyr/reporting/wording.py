"""The words of the report: what each measure is called, what it says, and what a verdict means."""

TITLES = {
    "d_stsp": "D_stsp",
    "d_stsp_mixture": "D_stsp (mixture)",
    "d_h": "D_H",
    "wasserstein": "Wasserstein distance",
    "autocorrelation": "Autocorrelation distance",
    "valid_prediction_time": "Valid prediction time",
    "prediction_error": "Prediction error",
    "smape": "sMAPE",
    "lyapunov_spectrum": "Lyapunov spectrum",
    "kaplan_yorke_dimension": "Kaplan-Yorke dimension",
    "correlation_dimension": "Correlation dimension",
    "permutation_entropy": "Permutation entropy",
    "recurrence": "Recurrence",
    "peak_frequency": "Peak frequency",
    "mean_frequency": "Mean frequency",
    "divergence_rate": "Divergence rate",
}

MEANINGS = {
    "d_stsp": "Do they spend the same time in the same places? Relative entropy of the visited cells.",
    "d_stsp_mixture": "The same question asked with Gaussian mixtures, for many variables.",
    "d_h": "Do they oscillate alike? Hellinger distance of the smoothed power spectra.",
    "wasserstein": "How far must probability be carried to turn one distribution into the other?",
    "autocorrelation": "Do they forget their past alike?",
    "valid_prediction_time": "How long does a forecast hold?",
    "prediction_error": "How wrong is a forecast n steps ahead, in units of the data's variance?",
    "smape": "How wrong is a forecast on average, in per cent?",
    "lyapunov_spectrum": "How fast do neighbouring states part or close up?",
    "kaplan_yorke_dimension": "How many dimensions does the attractor fill, judged by its exponents?",
    "correlation_dimension": "How many dimensions does the attractor fill, judged by its points?",
    "permutation_entropy": "How irregular is the order of successive values, from 0 to 1?",
    "recurrence": "How does the orbit return to itself?",
    "peak_frequency": "At which frequency is the highest peak of the power spectrum?",
    "mean_frequency": "Where is the centre of mass of the power spectrum?",
    "divergence_rate": "How fast do neighbouring points of a series part, without any model?",
}

KINDS = {
    "distance": "distances between truth and free run (lower is better)",
    "forecast": "forecasts from a context",
    "invariant": "invariants (should match the truth)",
}

_SUMMARIES = {
    "diverged": "The model does not stay bounded when it runs free: it is not a model of these dynamics.",
    "fixed point": "Left alone, the model comes to rest, which the truth does not.",
    "cycle": "Left alone, the model repeats itself, which the truth does not.",
    "wrong attractor": (
        "The model runs on, but not on the attractor of the truth: at least one rule below fails clearly."
    ),
    "plausible attractor": (
        "Left alone, the model stays on an attractor that resembles the truth's in shape, in rhythm and "
        "in the signs of its leading exponents; at this length it can still be told from the truth."
    ),
    "indistinguishable at this length": (
        "At this length the model's free runs differ from the truth no more than independent recordings "
        "of the truth differ from each other."
    ),
    "undecidable at this length": (
        "There are too few data to tell: independent truth of this length scores hardly better than a "
        "model that knows nothing. No statement about the attractor is made."
    ),
    "too few runs": "What was seen is plausible, but there are too few free runs for a verdict.",
}

_GOOD = ("plausible attractor", "indistinguishable at this length")
_OPEN = ("undecidable at this length", "too few runs")


def title_of(name):
    """Name of a measure as a reader sees it."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


_PARTS = {
    "lyapunov_spectrum": "Lyapunov exponent {}",
    "prediction_error": "Prediction error at step {}",
    "smape": "sMAPE over {} {over}",
    "valid_prediction_time": "Valid prediction time by {}",
}


def part_title(measure, part):
    """Name of one number of a Measure: ``Prediction error at step 20``."""
    if not part:
        return title_of(measure.name)
    pattern = _PARTS.get(measure.name, f"{title_of(measure.name)}: {{}}")
    return pattern.format(str(part).replace("_", " "), over=measure.settings.get("over", "")).strip()


def summary_of(verdict):
    """What a verdict means, in one or two sentences."""
    return _SUMMARIES.get(verdict, "")


def tone_of(verdict):
    """``good``, ``bad`` or ``open``: how the verdict is marked on the page."""
    if verdict in _GOOD:
        return "good"
    return "open" if verdict in _OPEN else "bad"


def join_words(words):
    """``a, b and c``."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
