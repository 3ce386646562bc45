"""Bifurcations of fixed points and cycles of a piecewise-linear model along a path of parameters.

A word keeps its orbit, real or virtual, as parameters change, until I - J becomes singular. So each word that has a
real orbit somewhere on a grid is followed as a function of t, and what changes between grid points is found by
bisection: an eigenvalue that crosses the unit circle, or an orbit that stops being real as a point reaches a border.
There it coincides with the orbit of the word with that one bit flipped. When this partner is real on the other side,
the orbit goes on under another name; when it is real on the same side, the two meet and vanish. (Feigin's classes.)
"""

from dataclasses import dataclass

import numpy as np

from dysyr.core.counts import check_counts
from dysyr.core.errors import InputError
from dysyr.encoding.cycles import cycles
from dysyr.encoding.periodic_orbit import orbit_of_word, primitive, word_text

ASIDE = 1e-6
"""Distance in t at which the partner of a colliding orbit is looked at."""
MEETS = 1e-4
"""An orbit whose margin, relative to its size, is below this where it stops being real has met a switching surface."""
N_BISECTIONS = 50


@dataclass(frozen=True, eq=False)
class Bifurcation:
    """One change of one orbit along a path.

    Attributes:
        t: where on the path.
        kind: 'flip' (an eigenvalue passes -1), 'Neimark-Sacker' (a complex pair passes the unit circle), 'eigenvalue
            one' (an eigenvalue passes +1, the orbit goes through infinity), 'border persistence' (the orbit crosses a
            switching surface and goes on), 'border fold' (it meets the partner there and both vanish), 'border
            collapse' (a cycle shrinks into the shorter orbit ``partner`` on the surface), 'border' (it ends there, and
            the partner is real on both sides or on none).
        period: of the orbit.
        word: text of its word; in a border persistence the one before the event, where both were seen.
        partner: text of the word with which it coincides at a border, else None.
        real_before: whether the orbit is real for smaller t.
        real_after: whether it is real for larger t.
        orbit: PeriodicOrbit at the nearest t where it is real.
        eigenvalue: of the orbit there, the one nearest to the unit circle, or nearest to +1 for 'eigenvalue one'.
    """

    t: float
    kind: str
    period: int
    word: str
    partner: str | None
    real_before: bool
    real_after: bool
    orbit: object
    eigenvalue: complex


def bifurcations(path, *, max_period=1, n_values=51, tolerance=1e-10, **search):
    """Bifurcations of the fixed points and cycles of the models along a path.

    Args:
        path: function of t in [0, 1] that gives a PiecewiseLinear model; ``parameter_path`` makes one from two models.
        max_period: largest period followed.
        n_values: models on the path that are searched for orbits. An orbit that lives only between two of them is not
            seen, nor are two changes of one orbit between them that cancel.
        tolerance: width in t to which an event is located.
        search: further arguments of ``cycles``.

    Returns:
        tuple of Bifurcation, by t.

    Raises:
        InputError: fewer than two values, a tolerance that is not positive, models with different numbers of bits.
    """
    check_counts(n_values=n_values, max_period=max_period)
    if n_values < 2 or not 0 < tolerance < 1:
        raise InputError(
            "the path cannot be divided so", got=f"n_values={n_values}, tolerance={tolerance}",
            expected="at least two values and a tolerance between 0 and 1",
        )  # fmt: skip
    grid = np.linspace(0.0, 1.0, n_values)
    words, n_bits = {}, path(0.0).n_bits
    for t in grid:
        model = path(t)
        for orbit in cycles(model, max_period=max_period, **search):
            words.setdefault(orbit.label, orbit.word)
        if model.n_bits != n_bits:
            raise InputError(
                "the models of the path have different regions", got=f"{model.n_bits} bits at t = {t:g}",
                expected=f"{n_bits} as at t = 0",
            )  # fmt: skip
    events = [event for word in words.values() for event in _follow(path, word, grid, tolerance)]
    return tuple(sorted(_once(events), key=lambda event: (event.t, event.period, event.word)))


def _follow(path, word, grid, tolerance):
    """All events of one word."""

    def orbit_at(t):
        orbit = orbit_of_word(path(t), word)
        return orbit if orbit is not None and orbit.real else None

    orbits = [orbit_at(t) for t in grid]
    for i in range(len(grid) - 1):
        (a, first), (b, second) = (grid[i], orbits[i]), (grid[i + 1], orbits[i + 1])
        if first is None and second is None:
            continue
        if first is None or second is None:
            inside, outside = (b, a) if first is None else (a, b)
            inside, outside = _bisect(lambda t: orbit_at(t) is not None, inside, outside, tolerance)
            yield _end(path, orbit_at(inside), inside, outside)
            a, b = (inside, b) if first is None else (a, inside)
            first, second = orbit_at(a), orbit_at(b)
        if _outside(first) != _outside(second):
            count = _outside(first)
            t, beyond = _bisect(lambda t: _outside(orbit_at(t)), a, b, tolerance, count)
            yield _crossing(orbit_at(t), (t + beyond) / 2)


def _outside(orbit):
    return None if orbit is None else int((np.abs(orbit.eigenvalues) > 1.0).sum())


def _bisect(value, a, b, tolerance, at_a=True):
    """Narrow [a, b] around the place where ``value`` stops being what it is at a; a stays on the first side."""
    for _ in range(N_BISECTIONS):
        if abs(b - a) <= tolerance:
            break
        middle = (a + b) / 2
        if value(middle) == at_a:
            a = middle
        else:
            b = middle
    return a, b


def _crossing(orbit, t):
    critical = orbit.eigenvalues[np.abs(np.abs(orbit.eigenvalues) - 1.0).argmin()]
    if abs(critical.imag) > 1e-6:
        kind = "Neimark-Sacker"
    else:
        kind = "flip" if critical.real < 0 else "eigenvalue one"
    return Bifurcation(float(t), kind, orbit.period, orbit.label, None, True, True, orbit, complex(critical))


def _end(path, orbit, inside, outside):
    """What happens where an orbit stops being real."""
    t, sides = float((inside + outside) / 2), (bool(inside < outside), bool(inside > outside))
    switches = path(inside).switches(orbit.points)
    nearest = np.abs(switches).argmin() if switches.size else 0
    if not switches.size or orbit.margin > MEETS * (1.0 + np.abs(switches).max()) or _at_infinity(orbit):
        critical = orbit.eigenvalues[np.abs(orbit.eigenvalues - 1.0).argmin()]
        return Bifurcation(t, "eigenvalue one", orbit.period, orbit.label, None, *sides, orbit, complex(critical))
    flipped = orbit.word.copy()
    flipped.flat[nearest] ^= True
    partner = primitive(flipped)
    direction = np.sign(outside - inside)
    same_side, other_side = (_real(path, partner, t + sign * ASIDE) for sign in (-direction, direction))
    kind = "border"
    if len(partner) < orbit.period:
        apart = np.abs(np.roll(orbit.points, -len(partner), axis=0) - orbit.points).max()
        kind = "border collapse" if apart <= MEETS * (1.0 + np.abs(orbit.points).max()) else "border"
    elif same_side != other_side:
        kind = "border fold" if same_side else "border persistence"
    critical = orbit.eigenvalues[np.abs(np.abs(orbit.eigenvalues) - 1.0).argmin()]
    return Bifurcation(t, kind, orbit.period, orbit.label, word_text(partner), *sides, orbit, complex(critical))


def _at_infinity(orbit):
    return np.abs(orbit.eigenvalues - 1.0).min() < 1e-6 and np.abs(orbit.points).max() > 1e6


def _real(path, word, t):
    orbit = orbit_of_word(path(min(max(t, 0.0), 1.0)), word)
    return orbit is not None and orbit.real


def _once(events):
    """Events without those that tell a border collision from the partner's side; what is real before comes first."""
    kept = []
    for event in sorted(events, key=lambda event: (not event.real_before, event.word)):
        pair = {event.word, event.partner}
        if not any(abs(other.t - event.t) <= ASIDE and {other.word, other.partner} == pair for other in kept):
            kept.append(event)
    return kept
