"""Fixed points of piecewise-linear models, and the orbits of given words."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.encoding.affine_words import solve_words
from dysyr.encoding.cycles import check_model, cycles
from dysyr.encoding.exhaustive_search import bits_of
from dysyr.encoding.periodic_orbit import PeriodicOrbits, PeriodSearch, canonical, orbit_of_word, primitive, word_text


def fixed_points(model, *, words=None, virtual=False, **search):
    """Fixed points of a piecewise-linear model, with eigenvalues, stability and margins.

        z = (I - J_D)^{-1} b_D,  real iff z lies in region D

    Args:
        model: PiecewiseLinear.
        words: regions or words of regions to solve for instead of a search; each (n_bits,) or (period, n_bits) bits.
        virtual: also return orbits that leave their words, of the given words or of all regions.
        search: ``budget``, ``n_starts``, ``n_iterations``, ``n_steps``, ``box``, ``seed`` of ``cycles``.

    Returns:
        PeriodicOrbits: a sequence of PeriodicOrbit; ``exhaustive`` says whether all regions were tested.

    Raises:
        InputError: a model without regions, words that do not fit it, virtual ones of too many regions.
    """
    check_model(model)
    if words is not None:
        if search:
            raise InputError("given words leave nothing to search", got=", ".join(search), do="leave one of them out")
        return _of_words(model, words, virtual)
    real = cycles(model, max_period=1, **search)
    if not virtual:
        return real
    if not real.exhaustive:
        raise InputError(
            "virtual fixed points of too many regions", got=f"2^{model.n_bits} regions",
            do="give the words of interest, or a larger budget",
        )  # fmt: skip
    regions = bits_of(np.arange(1 << model.n_bits), model.n_bits)
    everything = [orbit_of_word(model, region[None]) for region in regions]
    kept = {orbit.label for orbit in real}
    orbits = [orbit for orbit in everything if orbit is not None and (not orbit.real or orbit.label in kept)]
    return PeriodicOrbits(tuple(orbits), real.searches)


def _bits(given):
    """(period, n_bits) array of a word as it was given."""
    try:
        return np.atleast_2d(np.asarray(given))
    except ValueError:
        raise InputError(
            "a word is ragged", got=repr(given)[:60], expected="bits (n_bits,) or (period, n_bits)"
        ) from None


def _of_words(model, words, virtual):
    by_period, singular = {}, {}
    for given in words:
        word = _bits(given)
        if word.ndim != 2 or word.shape[1] != model.n_bits or not len(word) or not np.isin(word, (0, 1)).all():
            raise InputError(
                "a word does not fit the model", got=f"shape {np.shape(given)}",
                expected=f"bits (n_bits,) or (period, n_bits) with n_bits = {model.n_bits}",
            )  # fmt: skip
        word = primitive(word.astype(bool))
        by_period.setdefault(len(word), {})[word.tobytes()] = word
    orbits, searches = [], []
    for period, group in sorted(by_period.items()):
        stack = np.stack([canonical(word) for word in group.values()])
        _, stuck = solve_words(model, stack, cyclic=True)
        singular = tuple(word_text(word) for word in stack[stuck])
        made = [orbit_of_word(model, word) for word in stack[~stuck]]
        orbits += [orbit for orbit in made if orbit.real or virtual]
        searches.append(PeriodSearch(period, False, "given words", len(stack), singular))
    return PeriodicOrbits(tuple(orbits), tuple(searches))
