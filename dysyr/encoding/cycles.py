"""Fixed points and cycles of piecewise-linear models, exactly: each word of regions has one affine map to solve."""

import numpy as np

from dysyr.core.arguments import check_seed
from dysyr.core.counts import check_counts
from dysyr.core.errors import InputError
from dysyr.core.model import PiecewiseLinear
from dysyr.encoding.affine_words import CLOSES
from dysyr.encoding.exhaustive_search import search_all_words
from dysyr.encoding.free_run import FreeRun
from dysyr.encoding.graph_walks import n_closed_walks, primitive_cycles
from dysyr.encoding.periodic_orbit import (
    PeriodicOrbits,
    PeriodSearch,
    canonical,
    least_period,
    orbit_of_word,
    primitive,
    word_text,
)
from dysyr.encoding.self_consistent_search import search_from, starting_words

MAX_GRAPH_REGIONS = 1000


def cycles(
    model, *, max_period, min_period=1, budget=2**20, n_starts=1000, n_iterations=50, n_steps=10_000, box=3.0, seed=0
):  # fmt: skip
    """Fixed points and cycles of a piecewise-linear model, with eigenvalues, stability and margins.

        z_1 = (I - J_k ... J_1)^{-1} sum_i J_k ... J_{i+1} b_i,  real iff each z_i lies in region i of the word

    A period with at most ``budget`` words is searched through all of them (one for each rotation class, words that
    repeat a shorter one left out), and then no hyperbolic orbit of it is missing. Otherwise all cycles of the
    transition graph of a free run are tested as long as there are at most ``budget`` of them, and the self-consistent
    iteration runs from ``n_starts`` words. Inputs of the model are held at the mean of the training data.

    Args:
        model: PiecewiseLinear.
        max_period: largest period, in steps.
        min_period: smallest period; shorter orbits, which an iteration finds as words that repeat, are left out.
        budget: largest number of words 2^(n_bits period) for an exhaustive search.
        n_starts: words from which the iteration starts, for each period.
        n_iterations: largest number of solves from each.
        n_steps: length of the free run.
        box: width of the box in which starts are drawn, relative to the attractor's width.
        seed: chooses the starts.

    Returns:
        PeriodicOrbits: a sequence of real PeriodicOrbit by period, which says how far the search was exhaustive.

    Raises:
        InputError: a model without regions, or counts that are not positive whole numbers.
    """
    check_model(model)
    check_counts(
        max_period=max_period, min_period=min_period, budget=budget, n_starts=n_starts, n_iterations=n_iterations,
        n_steps=n_steps,
    )  # fmt: skip
    if min_period > max_period:
        raise InputError("no period to search", got=f"min_period={min_period}, max_period={max_period}")
    check_seed(seed)
    if isinstance(box, bool) or not isinstance(box, (int, float)) or not 0 < box < np.inf:
        raise InputError("box is not a positive width", got=repr(box))
    run, found, searches = None, [], []
    for period in range(min_period, max_period + 1):
        if model.n_bits * period <= np.log2(budget):
            words, singular, n_words = search_all_words(model, period)
            how = "all words"
        else:
            run = FreeRun(model, n_steps) if run is None else run
            rng = np.random.default_rng([int(seed), period])
            starts = starting_words(model, run, period, n_starts=n_starts, box=box, rng=rng)
            admissible = _admissible_words(run, period, budget)
            how = "iteration"
            if admissible is not None:
                starts, how = np.concatenate([admissible, starts]), "words of the observed graph and iteration"
            words, singular, n_words = search_from(model, starts, n_iterations=n_iterations)
        found.append(words)
        searches.append(PeriodSearch(period, how == "all words", how, n_words, _texts(singular)))
    orbits = tuple(orbit for orbit in real_orbits(model, found) if orbit.period >= min_period)
    return PeriodicOrbits(orbits, tuple(searches))


def check_model(model):
    """Raise InputError unless a model is piecewise linear."""
    if not isinstance(model, PiecewiseLinear):
        raise InputError(
            "the model has no regions", got=type(model).__name__,
            expected="a piecewise-linear model such as an almost-linear RNN or a shallow PLRNN",
        )  # fmt: skip


def real_orbits(model, groups):
    """The real orbits among words, each once.

    Args:
        model: PiecewiseLinear.
        groups: list of (n, period, n_bits) bool, words of any rotation, repetitions of shorter words too.

    Returns:
        tuple of PeriodicOrbit, by period, then by word.
    """
    words = {word.tobytes(): word for group in groups for word in map(primitive, group)}
    orbits = []
    for word in sorted(words.values(), key=lambda word: (len(word), word.tolist())):
        orbit = orbit_of_word(model, word)
        if orbit is not None and orbit.real and not (orbit.on_border and _repeats(orbit, orbits)):
            orbits.append(orbit)
    return tuple(orbits)


def _repeats(orbit, others):
    """Whether an orbit on a border, which fits several words, runs through its points twice or is one of the others."""
    if least_period(orbit) < orbit.period:
        return True
    limit = CLOSES * np.abs(orbit.points).max()
    for other in others:
        if other.period == orbit.period and other.on_border:
            for shift in range(orbit.period):
                if np.abs(np.roll(other.points, shift, axis=0) - orbit.points).max() <= limit:
                    return True
    return False


def _admissible_words(run, period, budget):
    """Words of all cycles of the observed graph, or None where there are too many."""
    if len(run.regions) > MAX_GRAPH_REGIONS:
        return None
    adjacency = run.adjacency()
    if n_closed_walks(adjacency, period) > budget:
        return None
    return run.regions[primitive_cycles(adjacency, period)]


def _texts(words):
    return tuple(sorted({word_text(canonical(word)) for word in words}))
