"""One rule of the verdict with its numbers."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class RuleLine:
    """One rule with its numbers.

    Attributes:
        text: the rule and the numbers it was applied to.
        passed: True, False, or None where the rule could not be applied.
    """

    text: str
    passed: bool | None
