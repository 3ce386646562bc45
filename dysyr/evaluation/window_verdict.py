"""The verdict on a window generator: what the scores say in words, by rule.

The rules, in the order in which they are tried; the first that applies gives the verdict.

* ``undecidable at this length``: judges tell halves of the truth apart (a floor above 0.15).
* ``wrong windows``: the discriminative score exceeds 0.15, or the predictive score that of the truth by more than a
  fifth.
* ``undecidable at this length``: judges do not tell every control from the truth (a score below 0.2), so that a low
  score of the model says nothing.
* ``indistinguishable at this length``: discriminative score, marginal and autocorrelation distance do not exceed the
  95 % range of their floors, and the predictive score is within 5 % of that of the truth.
* ``plausible windows``: none of these.

Windows say nothing of attractors or exponents, and neither does the verdict.
"""

from dysyr.evaluation.rule_line import RuleLine
from dysyr.evaluation.verdict import INDISTINGUISHABLE, UNDECIDABLE, Verdict

WRONG_WINDOWS = "wrong windows"
PLAUSIBLE_WINDOWS = "plausible windows"

LEAST_CONTROL, MOST_FLOOR = 0.2, 0.15
MOST_SCORE, MOST_LOSS, NEAR = 0.15, 0.2, 0.05
CLOSE = ("discriminative_score", "window_marginal", "window_autocorrelation")


def decide_windows(measures):
    """Apply the rules.

    Args:
        measures: dict name -> Measure; what is missing is not judged.

    Returns:
        Verdict.
    """
    discriminative, predictive = measures.get("discriminative_score"), measures.get("predictive_score")
    if discriminative is None:
        line = RuleLine("the discriminative score was not computed: nothing is judged", None)
        return Verdict(UNDECIDABLE, (line,))
    weakest = min(discriminative.controls, key=discriminative.controls.get)
    least, floor, score = discriminative.controls[weakest], discriminative.floor, discriminative.value
    apart = RuleLine(
        f"halves of the truth score {floor:.3f} against each other, at most {MOST_FLOOR:g} may be",
        floor <= MOST_FLOOR or None,
    )  # fmt: skip
    able = RuleLine(
        f"judges tell every control from the truth: {weakest.replace('_', ' ')} scores {least:.2f}, "
        f"at least {LEAST_CONTROL:g} is asked", least >= LEAST_CONTROL or None,
    )  # fmt: skip
    if apart.passed is None:
        return Verdict(UNDECIDABLE, (apart, able))
    judged = [RuleLine(f"discriminative score {score:.3f}; more than {MOST_SCORE:g} is too much", score <= MOST_SCORE)]
    loss = None
    if predictive is not None:
        loss = predictive.value / predictive.floor - 1
        text = f"predictive score {loss:+.1%} against learning on the truth; more than {MOST_LOSS:+.0%} is too much"
        judged.append(RuleLine(text, loss <= MOST_LOSS))
    if not all(line.passed for line in judged):
        return Verdict(WRONG_WINDOWS, (apart, able, *judged))
    if able.passed is None:
        return Verdict(UNDECIDABLE, (apart, able, *judged))
    closer = [
        RuleLine(
            f"{name.replace('_', ' ')} {measures[name].value:.3g}; halves of the truth score up to "
            f"{measures[name].floor_range[1]:.3g}", measures[name].value <= measures[name].floor_range[1],
        )
        for name in CLOSE if name in measures
    ]  # fmt: skip
    if loss is not None:
        closer.append(RuleLine(f"predictive score within {NEAR:.0%} of learning on the truth", loss <= NEAR))
    word = INDISTINGUISHABLE if all(line.passed for line in closer) else PLAUSIBLE_WINDOWS
    return Verdict(word, (apart, able, *judged, *closer))
