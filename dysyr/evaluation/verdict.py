"""The verdict: what the measures say in words, by rule.

The rules, in the order in which they are tried; the first that applies gives the verdict.

* ``diverged``: a free run left every bound, or took values that are not finite.
* ``fixed point``, ``cycle``: more than half of the free runs come to rest, or repeat themselves, and the
  truth does not. Where they repeat themselves within the limits of the distances, and the data are noisy and do not
  show chaos, noise may hide that the truth does so too: ``undecidable at this length``.
* ``wrong attractor``: a minority does so; or a distance exceeds its limit (D_stsp 10 floors, D_H 3 floors)
  and is decidable; or a leading exponent has the wrong sign.
* ``undecidable at this length``: the floor of a distance is above half its ceiling, so that independent truth
  itself scores hardly better than a model that knows nothing; or the exponents do not decide and a negative
  control made from the truth, such as a linear autoregression, passes the limits of all distances as well.
* ``too few runs``: fewer than 10 free runs.
* ``indistinguishable at this length``: the distances lie inside the 95 % range of at least 20 pairs of
  independent truth, neither above it nor below, where only a copy of the truth can lie.
* ``plausible attractor``: all of the above passed, but the model can be told from the truth.

A truth that is itself a cycle or a fixed point asks the runs not to be something else.
"""

import dataclasses
import math

import numpy as np

from dysyr.core.status import CYCLE_TOLERANCE, orbit_status
from dysyr.evaluation.context import truth_scale
from dysyr.evaluation.exponent_signs import exponent_signs_line, zero_band
from dysyr.evaluation.noise_level import noise_level
from dysyr.evaluation.rule_line import RuleLine

DIVERGED = "diverged"
FIXED_POINT = "fixed point"
CYCLE = "cycle"
WRONG = "wrong attractor"
UNDECIDABLE = "undecidable at this length"
TOO_FEW = "too few runs"
INDISTINGUISHABLE = "indistinguishable at this length"
PLAUSIBLE = "plausible attractor"

MOST_FOR_NOISE = 20_000
"""Last samples of the truth in which its noise is looked for."""
MAX_FLOORS = {"d_stsp": 10.0, "d_stsp_mixture": 10.0, "d_h": 3.0}
LABELS = {"d_stsp": "D_stsp", "d_stsp_mixture": "D_stsp (mixtures)", "d_h": "D_H"}
MIN_RUNS = 10
MIN_PAIRS = 20
UNDECIDABLE_FRACTION = 0.5
REST_TOLERANCE = 0.01


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The verdict and why.

    Attributes:
        verdict: one of the words of this module.
        lines: the rules that were applied, in order.
    """

    verdict: str
    lines: tuple[RuleLine, ...]


def decide(context, measures):
    """Apply the rules.

    Args:
        context: EvaluationContext.
        measures: dict name -> Measure; distances that are missing are not judged.

    Returns:
        Verdict.
    """
    truth_kind = kind_of_truth(context.truth, context.truth_exponents, span=context.n * context.dt)
    orbit_lines, orbit_word = _judge_orbits(context.statuses, truth_kind)
    if orbit_word == DIVERGED:
        return Verdict(DIVERGED, tuple(orbit_lines))
    if truth_kind == FIXED_POINT and all(status["fixed_point"] for status in context.statuses):
        return _judge_rest(context, orbit_lines)
    distances = [measures[name] for name in _judged_distances(measures)]
    distance_lines = [_distance_line(measure) for measure in distances]
    signs = exponent_signs_line(measures)
    enough = RuleLine(
        f"{len(context.finite_runs)} free runs stayed finite; at least {MIN_RUNS} are asked for",
        len(context.finite_runs) >= MIN_RUNS,
    )
    lines = [*orbit_lines, *distance_lines, signs, enough]
    if orbit_word == CYCLE and distances and all(line.passed for line in distance_lines):
        noise = _hiding_noise(context, measures)
        if noise is not None:
            text = (
                f"cannot decide: the free runs end in a cycle, and behind its noise of {noise:.2g} standard deviations "
                "the truth may do so too"
            )
            return Verdict(UNDECIDABLE, (*lines, RuleLine(text, None)))
    if orbit_word is not None:
        return Verdict(orbit_word, tuple(lines))
    if any(line.passed is False for line in (*distance_lines, signs)):
        return Verdict(WRONG, tuple(lines))
    if not distances:
        why = "a variable of the truth is constant" if (np.ptp(context.truth, axis=0) == 0).any() else "not computed"
        return Verdict(UNDECIDABLE, (*lines, RuleLine(f"no D_stsp and no D_H to judge by: {why}", None)))
    if any(line.passed is None for line in distance_lines):
        return Verdict(UNDECIDABLE, tuple(lines))
    passing = _passing_controls(distances)
    if passing and signs.passed is None:
        text = f"cannot decide: {', '.join(passing)} of the truth would pass the same limits at this length"
        return Verdict(UNDECIDABLE, (*lines, RuleLine(text, None)))
    if not enough.passed:
        return Verdict(TOO_FEW, tuple(lines))
    range_lines = [_range_line(measure) for measure in distances]
    same = all(line.passed for line in range_lines)
    return Verdict(INDISTINGUISHABLE if same else PLAUSIBLE, (*lines, *range_lines))


def kind_of_truth(truth, exponents=None, *, span=math.inf):
    """What the truth is: ``"fixed point"``, ``"cycle"``, or None for anything richer or unknown.

    The system's exponents decide where they are known, since noise hides a cycle from its samples. Where they do not
    tell, as for a family of cycles whose exponents are all zero, the samples do.

    Args:
        truth: (time, state), no value missing.
        exponents: Measure of the Lyapunov exponents of the system, largest first, or None.
        span: time that the truth takes; an exponent below a tenth of its inverse is zero, unless the system's file says
            which are.
    """
    if np.ptp(truth, axis=0).max() == 0:
        return FIXED_POINT
    if exponents is not None:
        value = np.asarray(exponents.value)
        zero = zero_band(exponents, least=0.1 / span)
        if value[0] < -zero:
            return FIXED_POINT
        if value[0] <= zero and (len(value) == 1 or value[1] < -zero):
            return CYCLE
        if value[0] > zero:
            return None
    status = orbit_status(truth, truth_scale(truth))
    return FIXED_POINT if status["fixed_point"] else CYCLE if status["cycle"] else None


def _hiding_noise(context, measures):
    """Noise of data, in standard deviations, behind which a cycle could not be seen; None where it could, or is none.

    It could where the exponents of the system are known, and where the data show chaos.
    """
    rate = measures.get("divergence_rate")
    chaotic = rate is not None and bool(rate.settings.get("truth_chaotic"))
    if context.truth_exponents is not None or chaotic:
        return None
    found = [noise_level([x])[0] for x in context.truth[-MOST_FOR_NOISE:].T]
    noise = max((one for one in found if np.isfinite(one)), default=0.0)
    return noise if noise > CYCLE_TOLERANCE else None


def _judge_orbits(statuses, truth_kind):
    n = len(statuses)
    diverged = sum(not status["finite"] for status in statuses)
    lines = [RuleLine(f"{diverged} of {n} free runs diverged", diverged == 0)]
    if diverged:
        return lines, DIVERGED
    word = None
    for kind, text, count in (
        (FIXED_POINT, "came to rest", sum(status["fixed_point"] for status in statuses)),
        (CYCLE, "ended in a cycle", sum(bool(status["cycle"]) for status in statuses)),
    ):
        if kind == truth_kind == FIXED_POINT:
            lines.append(RuleLine(f"the truth is at rest; {count} of {n} free runs {text}", count == n))
            word = None if count == n else WRONG
        elif kind == truth_kind:
            lines.append(RuleLine(f"the truth is a cycle; {count} of {n} free runs {text}", True))
        else:
            lines.append(RuleLine(f"{count} of {n} free runs {text}", count == 0))
            if count:
                word = kind if 2 * count > n else (word or WRONG)
    return lines, word


def _judge_rest(context, lines):
    """Truth and runs rest: at the same place?"""
    tail = context.truth[-max(context.n // 10, 1) :]
    size = np.maximum(np.abs(tail).max(axis=0), np.ptp(context.truth, axis=0))
    size = np.where(size > 0, size, size.max() or 1.0)
    allowed = np.maximum(REST_TOLERANCE * size, 3.0 * tail.std(axis=0))
    apart = max(float((np.abs(run[-1] - tail.mean(axis=0)) / allowed).max()) for run in context.runs)
    same = apart <= 1.0
    text = (
        f"the runs rest {apart:.2g} tolerances from the truth; the tolerance is {REST_TOLERANCE:.0%} of the size of "
        "each variable of the truth, or 3 standard deviations of its noise"
    )
    return Verdict(PLAUSIBLE if same else WRONG, (*lines, RuleLine(text, same)))


def _judged_distances(measures):
    """D_stsp by mixtures replaces the binned one where bins are not reliable; D_H always."""
    stsp = "d_stsp_mixture" if "d_stsp_mixture" in measures else "d_stsp"
    return [name for name in (stsp, "d_h") if name in measures]


def _distance_line(measure):
    limit, label = MAX_FLOORS[measure.name], LABELS[measure.name]
    if measure.floor is None:
        return RuleLine(f"{label} is {measure.status}", None)
    value = measure.settings.get("value_at_floor_n", measure.value)
    at = f" (n = {measure.settings['floor_n']:,}, {measure.settings['floor']})"
    if measure.floor > UNDECIDABLE_FRACTION * measure.ceiling:
        return RuleLine(
            f"{label} cannot decide: independent truth scores {measure.floor:.3g}, more than half of "
            f"{measure.ceiling:.3g} for a model that knows nothing{at}", None,
        )  # fmt: skip
    ratio = value / measure.floor if measure.floor > 0 else math.inf if value > 0 else 0.0
    text = f"{label} = {value:.3g} is {ratio:.3g} floors of {measure.floor:.3g}; at most {limit:g} may be{at}"
    return RuleLine(text, bool(ratio <= limit))


def _passing_controls(distances):
    """Negative controls that stay within the limits of all distances; a loop is told by its repetition."""
    scores = [measure.settings.get("controls_at_floor_n", measure.controls) for measure in distances]
    limits = [MAX_FLOORS[measure.name] * measure.floor for measure in distances]
    names = [name for name in scores[0] if name != "short_loop"]
    return [
        name.replace("_", " ")
        for name in names
        if all(score[name] <= limit for score, limit in zip(scores, limits, strict=True))
    ]


def _range_line(measure):
    label, pairs = LABELS[measure.name], measure.settings["floor_pairs"]
    if pairs < MIN_PAIRS:
        text = f"{label}: {pairs} truth pairs; {MIN_PAIRS} are needed to call a model indistinguishable"
        return RuleLine(text, None)
    low, high = measure.floor_range
    where = "inside" if low <= measure.value <= high else "above" if measure.value > high else "below"
    span = f"{low:.3g} to {high:.3g}"
    text = f"{label} = {measure.value:.3g} is {where} the 95 % range of {pairs} truth pairs, {span}"
    if where == "below":
        text += ": closer than independent truth can be, as a copy of the truth is"
    return RuleLine(text, where == "inside")
