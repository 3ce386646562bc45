"""The verdict on a rate model: what the measures of labels say in words, by rule.

The rules, in the order in which they are tried; the first that applies gives the verdict.

* ``not Markov at this lag``: the Chapman-Kolmogorov test rejects the held-out labels, p <= 0.01: no rate matrix
  describes them.
* ``wrong rates``: held-out labels are foreseen less well than if they were independent, by more than two standard
  errors; or less well than by persistence, by as much and by more than a twentieth of what persistence gains over
  independent labels; or the Hellinger distance exceeds 3 floors and 0.1; or the slowest relaxation, or the stationary
  probability of a state, is more than 4 standard errors and more than a quarter (a probability: 0.05) away from the
  truth.
* ``undecidable at this length``: none of these could be tried but for the Markov test, or the labels are foreseen no
  better than independent ones, within two standard errors.
* ``indistinguishable at this length``: the Hellinger distance does not exceed the 95 % range of its floor, the labels
  are foreseen as well as by the true chain where it is known, and the slowest relaxation and the stationary
  probabilities agree with the truth within 3 standard errors.
* ``plausible rates``: all of the above passed, but the model can be told from the truth, or the Hellinger distance, as
  of a single path, cannot decide.
"""

import math

import numpy as np

from dysyr.core.rate_matrix import closed_classes
from dysyr.core.rate_properties import time_scales
from dysyr.evaluation.rule_line import RuleLine
from dysyr.evaluation.verdict import INDISTINGUISHABLE, UNDECIDABLE, Verdict

NOT_MARKOV = "not Markov at this lag"
WRONG_RATES = "wrong rates"
PLAUSIBLE_RATES = "plausible rates"

MAX_FLOORS, MAX_HELLINGER = 3.0, 0.1
FAR, NEAR = 4.0, 3.0
RELATIVE, ABSOLUTE = 0.25, 0.05
LOST = 0.05
LEVEL = 0.01
UNDECIDABLE_FRACTION = 0.5


def decide_rates(context, measures):
    """Apply the rules.

    Args:
        context: RateContext.
        measures: dict name -> Measure; what is missing is not judged.

    Returns:
        Verdict; after its rules come what else a reader of the rates should know, marked "?" or as failed.
    """
    markov = _markov_line(measures.get("chapman_kolmogorov"))
    likelihood = _likelihood_line(measures.get("pair_log_likelihood"))
    near = [
        _hellinger_line(measures.get("hellinger")),
        _invariant_line(measures.get("time_scales"), "the slowest relaxation", relative=True),
        _invariant_line(measures.get("stationary_distribution"), "a stationary probability", relative=False),
    ]
    judged = [line for line in (likelihood, *near) if line is not None]
    lines = [line for line in (markov, *judged) if line is not None]
    word = _word(markov, likelihood, judged)
    if word is None:
        closer = _closer_lines(measures)
        lines += closer
        tried = near[0] is not None and near[0].passed is not None
        word = INDISTINGUISHABLE if tried and all(line.passed for line in closer) else PLAUSIBLE_RATES
    return Verdict(word, (*lines, *rate_cautions(context)))


def _word(markov, likelihood, judged):
    if markov is not None and markov.passed is False:
        return NOT_MARKOV
    if any(line.passed is False for line in judged):
        return WRONG_RATES
    if all(line.passed is None for line in judged) or (likelihood is not None and likelihood.passed is None):
        return UNDECIDABLE
    return None


def rate_cautions(context):
    """What to know before quoting the rates: lines for what is doubtful, none if all is well.

    Args:
        context: RateContext.

    Returns:
        tuple of RuleLine.
    """
    panel, names = context.panel, context.names
    lines = []
    unseen = [name for name, n in zip(names, panel.shares().sum(axis=0), strict=True) if n == 0]
    if unseen:
        lines.append(RuleLine(f"state {', '.join(unseen)} does not occur in the held-out labels: untested", None))
    if context.chain is None:
        return tuple(lines)
    q, stderr = context.chain.rates, np.asarray(context.model.rate_stderr)
    endless = context.off_diagonal & ~np.isfinite(stderr)
    if endless.any():
        lines.append(RuleLine(f"{int(endless.sum())} rates have no standard error: the data say nothing of them", None))
    wide = context.off_diagonal & np.isfinite(stderr) & (stderr > q) & (q > 0)
    if wide.any():
        text = f"{int(wide.sum())} of {int(context.off_diagonal.sum())} rates are smaller than their standard error"
        lines.append(RuleLine(f"{text}: they may as well be zero", None))
    classes = closed_classes(q)
    if len(classes) > 1:
        text = "; ".join("{" + ", ".join(names[i] for i in group) + "}" for group in classes)
        lines.append(RuleLine(f"{len(classes)} closed classes, {text}: no unique stationary distribution", False))
    scales = time_scales(q)[0]
    if len(scales) and scales[0] < panel.lags[0]:
        text = f"the slowest decay, {scales[0]:.3g}, is shorter than the shortest lag, {panel.lags[0]:.3g}"
        lines.append(RuleLine(f"{text}: the rates are not identified, sample faster", False))
    return tuple(lines)


def _markov_line(measure):
    if measure is None:
        return None
    p = measure.settings["p_value"]
    text = f"Chapman-Kolmogorov test of the held-out labels: p = {p:.3g}; at {LEVEL:g} or below they are not Markov"
    undecided = p > LEVEL and measure.settings["floor_pairs"] + 1 < 1 / LEVEL
    return RuleLine(f"{text}, but the simulations are too few" if undecided else text, None if undecided else p > LEVEL)


def _likelihood_line(measure):
    """Whether labels are foreseen better than independent ones, and nearly as well as by persistence.

    Persistence fitted to the held-out labels is the true chain where all rates are equal: nothing need be better.
    """
    if measure is None:
        return None
    head = f"held-out log-likelihood {measure.value:.4g} nats per label"
    if math.isinf(measure.value):
        return RuleLine(f"{head}: {measure.status}", False)
    gain, error = measure.settings["above_independent"]
    over, over_error = measure.settings["above_persistence"]
    if not math.isfinite(error):
        return RuleLine(f"{head}; too few labels for its standard error", None)
    text = f"{head}, {gain:+.3g} against independent labels (standard error {error:.2g})"
    if math.isfinite(over_error):
        text += f", {over:+.3g} against persistence ({over_error:.2g}); a twentieth of the gain may be lost"
    lost = math.isfinite(over_error) and -over > max(2 * over_error, LOST * (gain - over))
    return RuleLine(text, False if lost else None if abs(gain) <= 2 * error else gain > 0)


def _hellinger_line(measure):
    if measure is None:
        return None
    if measure.floor is None:
        return RuleLine(f"Hellinger distance cannot decide: {measure.status}", None)
    if measure.floor > UNDECIDABLE_FRACTION * measure.ceiling:
        text = f"Hellinger distance cannot decide: its floor is {measure.floor:.3g}, too few paths"
        return RuleLine(text, None)
    ratio = measure.value / measure.floor if measure.floor > 0 else math.inf
    text = f"Hellinger distance {measure.value:.3g} is {ratio:.3g} floors of {measure.floor:.3g}"
    text += f"; more than {MAX_FLOORS:g} and more than {MAX_HELLINGER:g} is too far"
    return RuleLine(text, ratio <= MAX_FLOORS or measure.value <= MAX_HELLINGER)


def _invariant_line(measure, what, *, relative):
    """Whether the numbers that are judged agree with the truth within 4 errors, or nearly."""
    found = _deviation(measure)
    if found is None:
        return None
    name, value, truth, errors = found
    size = abs(value - truth)
    allowed = RELATIVE * abs(truth) if relative else ABSOLUTE
    shown = f" of {name}" if name else ""
    text = f"{what}{shown} is {value:.3g}, of the truth {truth:.3g}: {errors:.2g} standard errors"
    limit = "a quarter" if relative else f"{ABSOLUTE:g}"
    return RuleLine(f"{text}; more than {FAR:g} and more than {limit} is too far", errors <= FAR or size <= allowed)


def _deviation(measure):
    """(name, value, truth, standard errors between them) of the number farthest off; None where it is not known."""
    if measure is None or measure.truth is None or measure.stderr is None:
        return None
    if isinstance(measure.value, dict):
        names = list(measure.value)
        values, truths, own, theirs = (
            [None if part is None else part[name] for name in names]
            for part in (
                measure.value,
                measure.truth,
                measure.stderr,
                measure.truth_stderr or dict.fromkeys(names, 0.0),
            )
        )
    else:
        names = [""]
        values, truths, own = [measure.value[0]], [measure.truth[0]], [measure.stderr[0]]
        theirs = [0.0 if measure.truth_stderr is None else measure.truth_stderr[0]]
    errors = [
        abs(v - t) / max(math.hypot(a, b), 1e-300) for v, t, a, b in zip(values, truths, own, theirs, strict=True)
    ]
    known = [k for k, error in enumerate(errors) if math.isfinite(error)]
    if not known:
        return None
    k = max(known, key=errors.__getitem__)
    return names[k], values[k], truths[k], errors[k]


def _closer_lines(measures):
    """The rules that tell an indistinguishable model from a plausible one."""
    lines = []
    distance = measures.get("hellinger")
    if distance is not None and distance.floor_range is not None:
        low, high = distance.floor_range
        text = f"Hellinger distance {distance.value:.3g}; independent truth scores {low:.3g} to {high:.3g}"
        lines.append(RuleLine(text, distance.value <= high))
    likelihood = measures.get("pair_log_likelihood")
    if likelihood is not None and likelihood.floor is not None:
        loss, error = likelihood.settings["below_floor"]
        text = f"held-out log-likelihood is {loss:.2g} below that of the true chain (standard error {error:.2g})"
        lines.append(RuleLine(text, loss <= 2 * error))
    for name, what in (("time_scales", "slowest relaxation"), ("stationary_distribution", "stationary distribution")):
        found = _deviation(measures.get(name))
        if found is not None:
            text = f"{what}: {found[3]:.2g} standard errors from the truth; at most {NEAR:g} may be to match it"
            lines.append(RuleLine(text, found[3] <= NEAR))
    return lines
