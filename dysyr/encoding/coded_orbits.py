"""The fixed points and cycles behind a code, in the symbols of that code."""

import itertools
from typing import NamedTuple

import numpy as np

from dysyr.core.counts import check_counts
from dysyr.encoding.cycles import check_model, cycles
from dysyr.encoding.fixed_points import fixed_points
from dysyr.encoding.periodic_orbit import PeriodicOrbit, PeriodicOrbits


class CodedOrbit(NamedTuple):
    """A periodic orbit and the symbols of its regions.

    Attributes:
        orbit: PeriodicOrbit.
        symbols: tuple of int, one per step; None for a region that the code does not visit.
    """

    orbit: PeriodicOrbit
    symbols: tuple

    def to_dict(self):
        """JSON-ready dict."""
        return {"symbols": list(self.symbols), **self.orbit.to_dict()}


class CodedOrbits(NamedTuple):
    """What was found behind a code.

    Attributes:
        fixed_points: tuple of CodedOrbit: all real ones that were found, and the virtual ones of visited regions.
        cycles: tuple of CodedOrbit, real, by period.
        found: PeriodicOrbits of the search for real ones; says how far it was exhaustive.
    """

    fixed_points: tuple
    cycles: tuple
    found: PeriodicOrbits

    def to_dict(self):
        """JSON-ready dict ``fixed_points``, ``cycles``, ``orbit_searches``, as in encoding.json."""
        return {
            "fixed_points": [coded.to_dict() for coded in self.fixed_points],
            "cycles": [coded.to_dict() for coded in self.cycles],
            "orbit_searches": self.found.to_dict()["searches"],
        }

    @property
    def stable(self):
        """tuple of the stable real CodedOrbits: where a run can end. Good scores can hide one that the data lack."""
        return tuple(c for c in (*self.fixed_points, *self.cycles) if c.orbit.real and c.orbit.stability == "stable")


def coded_orbits(code, model, *, max_period, seed=0, **search):
    """Fixed points and cycles of the model whose regions a code writes.

    Args:
        code: Encoding of the model.
        model: PiecewiseLinear.
        max_period: longest cycle, in steps of the model; 1 for fixed points alone.
        seed: chooses the starts of the search.
        search: further arguments of ``cycles``.

    Returns:
        CodedOrbits.

    Raises:
        InputError: a model without regions, or not the one of the code.
    """
    check_model(model)
    check_counts(max_period=max_period)
    code.symbols_of(model.region(model.initial_states[:1]))
    found = cycles(model, max_period=max_period, seed=seed, **search)
    virtual = [orbit for orbit in fixed_points(model, words=code.bits, virtual=True) if not orbit.real]
    orbits = [*found, *virtual]
    symbols = iter(code.symbols_of(np.concatenate([code.bits[:0], *(orbit.word for orbit in orbits)])))
    coded = [CodedOrbit(orbit, tuple(itertools.islice(symbols, orbit.period))) for orbit in orbits]
    return CodedOrbits(
        tuple(c for c in coded if c.orbit.period == 1), tuple(c for c in coded if c.orbit.period > 1), found
    )
