"""The words of the report: what each measure is called, what it says, and what a verdict means."""

TITLES = {
    "d_stsp": "D_stsp",
    "d_stsp_mixture": "D_stsp (mixture)",
    "d_h": "D_H",
    "wasserstein": "Wasserstein distance",
    "total_variation": "Total variation",
    "trace_distance": "Trace distance",
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
    "rate_error": "Rate error",
    "rate_log_error": "Rate error of logarithms",
    "hellinger": "Hellinger distance",
    "chapman_kolmogorov": "Chapman-Kolmogorov residual",
    "pair_log_likelihood": "Log-likelihood per label",
    "stationary_distribution": "Stationary probability",
    "time_scales": "Relaxation time",
    "first_passage_times": "First-passage time",
    "entropy_production": "Entropy production",
    "rate_calibration": "Coverage of intervals",
    "discriminative_score": "Discriminative score",
    "predictive_score": "Predictive score",
    "window_marginal": "Marginal distance",
    "window_autocorrelation": "Autocorrelation distance of windows",
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
    "rate_error": "How far are the rates from the true ones? Root mean square over all pairs of states.",
    "rate_log_error": "By which factor are the rates off that the truth has?",
    "hellinger": "Do paths spread over the states as they should, at each time?",
    "chapman_kolmogorov": "Are the labels Markov? Transitions over k samples against those over one, k times.",
    "pair_log_likelihood": "How well is each held-out label foreseen from those before it?",
    "stationary_distribution": "How much time does a long path spend in each state?",
    "time_scales": "How fast does the chain forget where it began?",
    "first_passage_times": "How long does it take on average until a state is first reached?",
    "entropy_production": "How far is the chain from detailed balance?",
    "rate_calibration": "Do the intervals of the rates hold the true rates as often as they say?",
    "discriminative_score": "Can a network that was trained for it tell generated windows from true ones?",
    "predictive_score": "Does a network that learned on generated windows foretell true ones?",
    "window_marginal": "Do the values of each variable have the same law?",
    "window_autocorrelation": "Do samples of a window depend on each other alike?",
}

KINDS = {
    "distance": "distances between truth and model (lower is better)",
    "forecast": "forecasts from a context",
    "invariant": "invariants (should match the truth)",
}

LABEL_KINDS = {
    "distance": "distances between truth and model (lower is better)",
    "forecast": "how well labels are foreseen (higher is better)",
    "invariant": "what follows from the rates (should match the truth)",
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
        "The data do not decide, and no statement about the dynamics is made; the rules below say why. Most often "
        "there are too few: independent truth of this length then scores hardly better than a model that knows "
        "nothing."
    ),
    "not Markov at this lag": (
        "The labels remember more than their present state: no rate matrix describes them at this sampling interval, "
        "however well it was fitted."
    ),
    "wrong rates": (
        "The rates do not describe labels that the model has not seen: at least one rule below fails clearly."
    ),
    "plausible rates": (
        "The rates foresee unseen labels, spread paths over the states and relax as the truth does, within their "
        "errors; at this length the model can still be told from the truth."
    ),
    "wrong windows": (
        "Generated windows can be told from true ones, or teach less about them: at least one rule below fails clearly."
    ),
    "plausible windows": (
        "Judges hardly tell generated windows from true ones and learn from them nearly as much as from the truth; "
        "other scores still tell them apart."
    ),
    "wrong states": (
        "The states are not those of the equation: at least one rule below fails clearly. Look at the residuals of the "
        "steps; shorter steps, more iterations or a larger network may help."
    ),
    "good for local averages": (
        "Averages over one and two neighbouring sites can be used within their errors; the whole state is not close "
        "enough to the exact one for more than that."
    ),
    "close states": (
        "Averages over one and two sites and the whole states are close to the exact ones. Where an exact state can be "
        "made, the exact solver is the better tool: here it says that the method works."
    ),
    "at odds with the outcomes": (
        "The model does not have the averages of the outcomes that it was compared with: the fit stopped too early, or "
        "the outcomes are of another state."
    ),
    "worse than the outcomes": (
        "The model follows the outcomes, but plain counting comes closer to the true state: use the outcomes."
    ),
    "consistent with the outcomes": (
        "Averages over one and two sites do not tell the model from the outcomes. The true state is not known."
    ),
    "as good as the outcomes": (
        "Nothing tells the model from the outcomes, and it is closer to the true state than their histogram. No "
        "average is known better than the outcomes know it."
    ),
    "not solved": (
        "The residuals say that the equation is not solved: more steps, shorter ones, more samples or a larger network "
        "are needed before averages mean anything."
    ),
    "not compared": (
        "Neither an exact state nor outcomes are known: the numbers below are what the method says of itself, and no "
        "proof that the states are right."
    ),
    "too few runs": "What was seen is plausible, but there are too few free runs for a verdict.",
}

_GOOD = (
    "plausible attractor", "plausible rates", "plausible windows", "indistinguishable at this length", "close states",
    "as good as the outcomes", "consistent with the outcomes",
)  # fmt: skip
_OPEN = ("undecidable at this length", "too few runs", "good for local averages", "not compared")


def title_of(name):
    """Name of a measure as a reader sees it."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


_PARTS = {
    "lyapunov_spectrum": "Lyapunov exponent {}",
    "prediction_error": "Prediction error at step {}",
    "smape": "sMAPE over {} {over}",
    "valid_prediction_time": "Valid prediction time by {}",
    "chapman_kolmogorov": "Chapman-Kolmogorov residual over {}",
    "stationary_distribution": "Stationary probability of {}",
    "time_scales": "Relaxation time {}",
    "first_passage_times": "First-passage time {}",
    "rate_calibration": "Coverage of {} % intervals",
}

_OF_STATES = ("stationary_distribution", "first_passage_times")


def part_title(measure, part):
    """Name of one number of a Measure: ``Prediction error at step 20``."""
    if not part:
        return title_of(measure.name)
    pattern = _PARTS.get(measure.name, f"{title_of(measure.name)}: {{}}")
    shown = str(part) if measure.name in _OF_STATES else str(part).replace("_", " ")
    return pattern.format(shown, over=measure.settings.get("over", "")).strip()


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
