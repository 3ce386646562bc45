"""Successive halving: many candidates are trained briefly, the best of them for longer, the last ones in full."""

import dataclasses

from dysyr.core.arguments import whole
from dysyr.core.errors import InputError

MOST_RUNGS = 3
"""Rungs of a search whose number is left open: first fits of a ninth of the length."""
FINALISTS = 2
"""Candidates that such a search compares in full, at least."""


@dataclasses.dataclass(frozen=True)
class Rung:
    """One round of fits of equal length.

    Attributes:
        n_candidates: how many candidates are fitted.
        divisor: they are trained for the full length divided by it.
    """

    n_candidates: int
    divisor: int


def plan(reconstructor, n_candidates, *, n_rungs=None, reduction=3):
    """The rungs of a search.

    On rung k of K, counted from 0, ceil(n / reduction^k) of n candidates are trained for 1 / reduction^(K - 1 - k) of
    the full length.

    Args:
        reconstructor: Reconstructor, which knows the arguments that its ``budget`` consists of.
        n_candidates: candidates to begin with.
        n_rungs: number of rungs; by default up to three, as many as leave two candidates or more on the last one. A
            method without a budget, fitted in closed form, has one.
        reduction: how many times fewer candidates are trained how many times longer on the next rung.

    Returns:
        list of Rung.

    Raises:
        InputError: numbers out of range, or several rungs for a method without a budget.

    Reference: jamieson2016
    """
    if not whole(reduction, 2):
        raise InputError("reduction", got=repr(reduction), expected="a whole number of at least 2")
    if n_rungs is not None and not whole(n_rungs, 1):
        raise InputError("n_rungs", got=repr(n_rungs), expected="a whole number of at least 1, or None")
    if not reconstructor.budget:
        if n_rungs is not None and n_rungs > 1:
            raise InputError(
                f"{type(reconstructor).__name__} has no length of training that could be shortened",
                got=f"{n_rungs} rungs", expected="one rung, on which all candidates are fitted", do="leave rungs out",
            )  # fmt: skip
        n_rungs = 1
    if n_rungs is None:
        n_rungs = 1
        while n_rungs < MOST_RUNGS and -(-n_candidates // reduction**n_rungs) >= FINALISTS:
            n_rungs += 1
    return [Rung(-(-n_candidates // reduction**k), reduction ** (n_rungs - 1 - k)) for k in range(n_rungs)]


def shortened(reconstructor, divisor):
    """The arguments of a shorter training: each of the budget divided and rounded up, what is 0 stays 0.

    Args:
        reconstructor: Reconstructor with the full budget.
        divisor: whole number of at least 1.

    Returns:
        dict of the arguments of ``reconstructor.budget``.
    """
    return {name: -(-getattr(reconstructor, name) // divisor) for name in reconstructor.budget}


def check_budget(reconstructor, settings, rungs):
    """Refuse a budget that is varied among candidates, or that is no whole number.

    Args:
        reconstructor: Reconstructor.
        settings: names of the arguments that are varied.
        rungs: list of Rung.

    Raises:
        InputError: as said, where there are several rungs.
    """
    if len(rungs) == 1:
        return
    for name in reconstructor.budget:
        if name in settings:
            raise InputError(
                f"'{name}' is what a search by halving shortens", got="several values of it",
                expected="one value, the full length", do="give one value, or rungs=1 for a plain grid",
            )  # fmt: skip
        value = getattr(reconstructor, name)
        if not whole(value, 0):
            raise InputError(
                f"{type(reconstructor).__name__} cannot use this {name}", got=repr(value), expected="a whole number"
            )
