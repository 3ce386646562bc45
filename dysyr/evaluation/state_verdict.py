"""The verdict on states of spins: what the comparison says in words, by rule.

States beside exact ones, the first that applies:

* ``wrong states``: a magnetisation or a connected correlator of neighbours is off by more than 0.05, or the state
  farthest from the exact one (total variation) is no closer to it than the product of its single spins.
* ``good for local averages``: a magnetisation or correlator off by more than 0.01, a trace distance above 0.05, or an
  eigenvalue below -0.01.
* ``close states``: none of these.

States fitted to outcomes:

* ``at odds with the outcomes``: an average of the model is more than three standard errors from the measured one.
* ``worse than the outcomes``: the true state is known, and the histogram of the outcomes is closer to it, or their own
  averages are within three standard errors of the true ones more often than those of the model.
* ``consistent with the outcomes``: the true state is not known.
* ``as good as the outcomes``: none of these. Where the outcomes are off, the model then is as well.

Neither exact states nor outcomes are known:

* ``not solved``: a residual above 0.3, the sum of |(A P)(a)| for a steady state, of what is left of a step's equation
  for a path.
* ``not compared``: else; a small residual is no proof.
"""

from dysyr.evaluation.rule_line import RuleLine
from dysyr.evaluation.verdict import Verdict

WRONG, LOCAL, CLOSE = "wrong states", "good for local averages", "close states"
AT_ODDS, WORSE, AS_GOOD = "at odds with the outcomes", "worse than the outcomes", "as good as the outcomes"
CONSISTENT = "consistent with the outcomes"
NOT_SOLVED, NOT_COMPARED = "not solved", "not compared"

MOST_ERROR, CLOSE_ERROR, CLOSE_DISTANCE, LEAST_EIGENVALUE = 0.05, 0.01, 0.05, -0.01
MOST_STDERR = 3.0
MOST_RESIDUAL = 0.3
NEARLY_PRODUCT = 1e-3
"""Total variation of the product of the single spins below which correlations are too small to be judged."""


def decide_states(states, measured=None, residual=None):
    """Apply the rules.

    Args:
        states: list of dict of ``state_rows``.
        measured: dict of ``measured_rows``, or None.
        residual: of the method's own equation, or None; it is judged where there is nothing else.

    Returns:
        Verdict.
    """
    if measured is not None:
        return _of_outcomes(states[-1], measured)
    if "exact" not in states[0]:
        lines = [RuleLine("no exact states were made: only what the steps say of themselves is known", None)]
        if residual is not None:
            text = f"residual of the equation {residual:.2g}; above {MOST_RESIDUAL:g} it is not solved"
            lines.append(RuleLine(text, None if residual <= MOST_RESIDUAL else False))
        word = NOT_SOLVED if lines[-1].passed is False else NOT_COMPARED
        return Verdict(word, (*lines, *_positive(states)))
    errors = [("magnetisation", max(row["max_error"] for row in states))]
    if "max_correlator_error" in states[0]:
        worst = max(row["max_correlator_error"] for row in states)
        errors.append(("connected correlator of neighbours", worst))
    lines = [
        RuleLine(f"largest error of a {what}: {error:.2g}; more than {MOST_ERROR:g} is too much", error <= MOST_ERROR)
        for what, error in errors
    ]
    lines += _beyond_single_spins(states)
    if any(line.passed is False for line in lines):
        return Verdict(WRONG, (*lines, *_positive(states)))
    closer = [
        RuleLine(f"largest error of a {what} at most {CLOSE_ERROR:g}: {error:.2g}", error <= CLOSE_ERROR)
        for what, error in errors
    ]
    if "trace_distance" in states[0]:
        distance = max(row["trace_distance"] for row in states)
        text = f"trace distance at most {CLOSE_DISTANCE:g} from the exact state: {distance:.2g}"
        closer.append(RuleLine(text, distance <= CLOSE_DISTANCE))
    closer += _positive(states)
    return Verdict(CLOSE if all(line.passed for line in closer) else LOCAL, (*lines, *closer))


def _beyond_single_spins(states):
    if "total_variation" not in states[0]:
        return []
    row = max(states, key=lambda one: one["total_variation"])
    own, product = row["total_variation"], row["scale"]["single_spins"][0]
    text = f"total variation {own:.2g}, that of the product of the true single spins {product:.2g}"
    return [RuleLine(text, None if product < NEARLY_PRODUCT else own < product)]


def _positive(states):
    if "smallest_eigenvalue" not in states[0]:
        return [RuleLine("the smallest eigenvalue is not computed at this size: the matrix may be no state", None)]
    least = min(row["smallest_eigenvalue"] for row in states)
    said = "negative: strictly, the matrix is no state" if least < -1e-9 else "not negative beyond rounding"
    text = f"smallest eigenvalue {least:.2g}, {said}; below {LEAST_EIGENVALUE:g} it is far from one"
    return [RuleLine(text, least >= LEAST_EIGENVALUE)]


def _of_outcomes(row, measured):
    far = max(abs(value) for value in measured["from_measured"])
    lines = [
        RuleLine(
            f"averages of the model are within {MOST_STDERR:g} standard errors of the measured ones: largest {far:.2g}",
            far <= MOST_STDERR,
        )
    ]
    if not lines[0].passed:
        return Verdict(AT_ODDS, (*lines, *_positive([row])))
    if "exact" not in measured:
        lines.append(RuleLine("the true state is not known: nothing is said of distances to it", None))
        return Verdict(CONSISTENT, (*lines, *_positive([row])))
    if "histogram" in measured:
        own, plain = row["total_variation"], measured["histogram"]
        text = f"total variation from the true state {own:.2g}, that of the histogram of the outcomes {plain:.2g}"
        lines.append(RuleLine(text, own < plain))
    within = [sum(abs(v) <= MOST_STDERR for v in measured[f"{name}_off"]) for name in ("model", "measured")]
    of = f"of {len(measured['names'])} averages"
    text = (
        f"{within[0]} {of} of the model within {MOST_STDERR:g} standard errors of the true ones; of the outcomes "
        f"themselves {within[1]}"
    )
    lines.append(RuleLine(text, within[0] >= within[1]))
    lines += _positive([row])
    return Verdict(AS_GOOD if all(line.passed is not False for line in lines[:-1]) else WORSE, tuple(lines))
