"""One periodic orbit of a piecewise-linear map, and what a search for such orbits returns."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dysyr.encoding.affine_words import BORDER, CLOSES, agree, size_of, solve_words
from dysyr.encoding.necklaces import least_rotation, primitive_length
from dysyr.encoding.product_eigenvalues import product_eigenvalues

HYPERBOLIC = 1e-8
"""An eigenvalue whose modulus is nearer to 1 than this makes an orbit non-hyperbolic."""


@dataclass(frozen=True, eq=False)
class PeriodicOrbit:
    """A fixed point or cycle of one word of regions.

        z_{i+1} = J_i z_i + b_i,   z_{period+1} = z_1

    Attributes:
        word: (period, n_bits) bool, the regions in the rotation that comes first in lexicographic order.
        points: (period, latent), the orbit in the order of the word.
        observed: (period, observed) in data units.
        eigenvalues: (latent,) complex, of J_period ... J_1, by falling modulus; infinite beyond 1e308, those far below
            1e-10 are rounding.
        margin: smallest |switch| along the orbit; near zero a border collision is near. Infinite without switches.
        closure: largest |F(z_i) - z_{i+1}|, relative to the largest coordinate; rounding for real orbits, large for
            virtual ones, whose points do not obey the map.
        real: whether each point lies in its region of the word; a virtual orbit is no orbit of the map.
        on_border: whether a point lies on a switching surface to rounding, so that other words fit the orbit too.
        dt: time of one step.
    """

    word: np.ndarray
    points: np.ndarray
    observed: np.ndarray
    eigenvalues: np.ndarray
    margin: float
    closure: float
    real: bool
    on_border: bool
    dt: float

    @property
    def period(self):
        """Number of steps."""
        return len(self.word)

    @property
    def n_unstable(self):
        """Number of eigenvalues outside the unit circle."""
        return int((np.abs(self.eigenvalues) > 1.0 + HYPERBOLIC).sum())

    @property
    def hyperbolic(self):
        """Whether no eigenvalue lies on the unit circle."""
        return bool((np.abs(np.abs(self.eigenvalues) - 1.0) > HYPERBOLIC).all())

    @property
    def stability(self):
        """'stable', 'unstable' (in all directions), 'saddle' or 'non-hyperbolic'."""
        if not self.hyperbolic:
            return "non-hyperbolic"
        if self.n_unstable == 0:
            return "stable"
        return "unstable" if self.n_unstable == len(self.eigenvalues) else "saddle"

    @property
    def exponents(self):
        """(latent,) complex, ln(eigenvalue) / (period dt): growth rate and angular frequency per time unit."""
        with np.errstate(divide="ignore"):
            return np.log(self.eigenvalues.astype(complex)) / (self.period * self.dt)

    @property
    def label(self):
        """The word as text: the bits of a region together, regions apart by dots."""
        return word_text(self.word)

    def to_dict(self):
        """JSON-ready dict; complex numbers as [real, imaginary]."""
        return {
            "period": self.period,
            "word": self.label,
            "real": self.real,
            "stability": self.stability,
            "n_unstable": self.n_unstable,
            "points": self.points.tolist(),
            "observed": self.observed.tolist(),
            "eigenvalues": [[float(v.real), float(v.imag)] if np.isfinite(v) else None for v in self.eigenvalues],
            "margin": self.margin if np.isfinite(self.margin) else None,
            "closure": self.closure,
            "on_border": self.on_border,
        }


@dataclass(frozen=True)
class PeriodSearch:
    """How one period was searched.

    Attributes:
        period: the period.
        exhaustive: whether all words were tested, so that no orbit of this period is missing.
        how: 'all words', 'given words', 'words of the observed graph and iteration' or 'iteration'.
        n_words: words tested, rotations of a word counted once where all words are.
        singular: words whose I - J is singular, as text: no orbit or a continuum of them, bifurcation candidates.
    """

    period: int
    exhaustive: bool
    how: str
    n_words: int
    singular: tuple = ()


@dataclass(frozen=True, eq=False)
class PeriodicOrbits(Sequence):
    """The orbits that a search found, by period, then by word, and how far they can be trusted to be all.

    Attributes:
        orbits: tuple of PeriodicOrbit.
        searches: tuple of PeriodSearch, one for each period.
    """

    orbits: tuple
    searches: tuple = field(default=())

    def __getitem__(self, index):
        return self.orbits[index]

    def __len__(self):
        return len(self.orbits)

    def of_period(self, period):
        """Tuple of the orbits of one period."""
        return tuple(orbit for orbit in self.orbits if orbit.period == period)

    @property
    def exhaustive(self):
        """Whether no orbit of any searched period is missing."""
        return all(search.exhaustive for search in self.searches)

    @property
    def exhaustive_to(self):
        """The largest period up to which, from the first searched on, no orbit is missing; 0 for none."""
        last = 0
        for search in self.searches:
            if not search.exhaustive:
                break
            last = search.period
        return last

    @property
    def n_words(self):
        """Number of words tested."""
        return sum(search.n_words for search in self.searches)

    @property
    def singular(self):
        """Words, as text, that are candidates for a bifurcation: see ``PeriodSearch``."""
        return tuple(word for search in self.searches for word in search.singular)

    def to_dict(self):
        """JSON-ready dict of the searches and the orbits."""
        return {
            "exhaustive_to": self.exhaustive_to,
            "searches": [{**vars(search), "singular": list(search.singular)} for search in self.searches],
            "orbits": [orbit.to_dict() for orbit in self.orbits],
        }


def word_text(word):
    """Bits (period, n_bits) as text such as '01.11'; '-' for a region without bits."""
    return ".".join("".join("1" if bit else "0" for bit in region) or "-" for region in word)


def orbit_of_word(model, word):
    """The periodic orbit of one word, real or virtual; None where I - J_k ... J_1 is singular.

    Args:
        model: PiecewiseLinear.
        word: (period, n_bits) bool, primitive.

    Returns:
        PeriodicOrbit in the canonical rotation of the word, or None.
    """
    word = canonical(word)
    points, singular = solve_words(model, word[None], cyclic=True)
    if singular[0]:
        return None
    points, switches = points[0], model.switches(points)[0]
    margin = float(np.abs(switches).min(initial=np.inf))
    size = float(size_of(points[None])[0])
    gap = np.abs(model.step(points) - np.roll(points, -1, axis=0)).max()
    return PeriodicOrbit(
        word=word,
        points=points,
        observed=model.readout(points),
        eigenvalues=product_eigenvalues(model.affine(word)[0]),
        margin=margin,
        closure=float(gap / size) if gap > 0 else 0.0,
        real=bool(agree(switches[None], word[None], np.array([size]))[0]),
        on_border=bool(margin <= BORDER * (size + np.abs(switches).max(initial=0.0))),
        dt=float(model.dt),
    )


def canonical(word):
    """The least rotation of a word, as an array of its type."""
    _, shift = least_rotation(map(tuple, word.tolist()))
    return np.roll(word, -shift, axis=0)


def primitive(word):
    """The shortest word whose repetition is this one, in its least rotation."""
    return canonical(word[: primitive_length(map(tuple, word.tolist()))])


def least_period(orbit):
    """The number of steps after which the points repeat, to rounding; below ``period`` only for orbits on a border."""
    limit = CLOSES * np.abs(orbit.points).max()
    for d in range(1, orbit.period):
        if orbit.period % d == 0 and np.abs(np.roll(orbit.points, -d, axis=0) - orbit.points).max() <= limit:
            return d
    return orbit.period
