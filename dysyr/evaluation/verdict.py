"""The verdict: what the measures say in words, by rule.

The rules, in the order in which they are tried; the first that applies gives the verdict.

* ``diverged``: a free run left every bound, or took values that are not finite.
* ``fixed point`` / ``cycle``: more than half of the free runs come to rest, or repeat themselves, and the truth
  does not.
* ``wrong attractor``: a minority does so; or D_stsp exceeds 10 floors, D_H exceeds 3 floors, or an exponent has
  the wrong sign, and the failing distance stands out from its floor even if that is high.
* ``undecidable at this length``: the floor of a distance is above half its ceiling, so that independent truth
  itself scores no better than a model that knows little.
* ``indistinguishable at this length``: D_stsp and D_H lie inside the 95 % range of at least 20 pairs of
  independent truth, the signs of the leading exponents agree, and at least 10 runs are finite.
* ``plausible attractor``: D_stsp <= 10 floors, D_H <= 3 floors, signs right, at least 10 runs finite.
* ``too few runs``: as plausible, but fewer than 10 free runs.

A truth that is itself a cycle or a fixed point asks the runs to be one too.
"""

import dataclasses
import math

MAX_FLOORS = {"d_stsp": 10.0, "d_stsp_mixture": 10.0, "d_h": 3.0}
MIN_RUNS = 10
MIN_PAIRS = 20
UNDECIDABLE_FRACTION = 0.5
ZERO_FRACTION = 0.1
N_STDERR = 3.0


@dataclasses.dataclass(frozen=True)
class RuleLine:
    """One rule with its numbers.

    Attributes:
        text: the rule and the numbers it was applied to.
        passed: True, False, or None where the rule could not be applied.
    """

    text: str
    passed: bool | None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The verdict and why.

    Attributes:
        verdict: one of the words of this module.
        lines: the rules that were applied, in order.
    """

    verdict: str
    lines: tuple[RuleLine, ...]
