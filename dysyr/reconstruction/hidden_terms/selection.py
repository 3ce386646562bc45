"""The search for the terms: fits through the solver, compared by an information criterion.

    criterion = sum_f n_f log(mean squared error of f) + k log(N) N / (N - k - 2) + 2 L
    L = log binomial(K, d) + d m log 2

with N values in all and k fitted numbers, initial states among them; the factor after log(N) is the correction for
small samples. L is the length of the sentence that names the terms: d distinct ones out of K in the library, each with
the subset of the m hidden functions in which it stands. A term that acts in several equations is named once.

Reference: mcquarrie1999, chen2008
"""

import dataclasses
import math

import numpy as np

from dysyr.reconstruction.hidden_terms.refinement import Fits

MOST_ROUNDS = 8
N_NEIGHBOURHOODS = 2
MOST_SETS = 400


@dataclasses.dataclass(frozen=True, eq=False)
class Ranked:
    """Fits, the best first.

    Attributes:
        fits: Fits.
        criterion: (set,) ascending.
    """

    fits: Fits
    criterion: np.ndarray


class Search:
    """Looks for the set of terms with the lowest criterion.

    Args:
        refinement: Refinement whose solver has the terms as its first parameters.
        terms: tuple of Term.
        n_hidden: number of hidden functions.
        always: (name,) bool, parameters that are fitted in every set.
    """

    def __init__(self, refinement, terms, n_hidden, always):
        self.refinement, self.terms, self.n_hidden = refinement, terms, n_hidden
        self._always = np.asarray(always)
        texts = list(dict.fromkeys(term.text for term in terms))
        self._number = np.array([texts.index(term.text) for term in terms])
        self._n_texts = len(texts)

    def criterion(self, fits):
        """(set,) the criterion; infinite where no solution exists or as many numbers are fitted as there are values."""
        r = self.refinement
        n = int(r.counts.sum())
        k = fits.masks.sum(axis=1) + r.n_states
        if r.noise is None:
            misfit = (r.counts * np.log(np.maximum(fits.squares, r.floor**2))).sum(axis=1)
            spare = n - k - 2
            cost = k * math.log(n) * n / np.maximum(spare, 1e-9)
        else:
            misfit, spare = (r.counts * fits.squares / np.maximum(r.noise, r.floor) ** 2).sum(axis=1), n - k
            cost = k * math.log(n)
        return np.where(spare > 0, misfit + cost + 2 * self.description(fits.masks), np.inf)

    def description(self, masks):
        """(set,) length in nats of the sentence that names the terms."""
        n_terms = len(self.terms)
        distinct = np.array([len(set(self._number[mask[:n_terms]])) for mask in masks])
        choose = [math.lgamma(self._n_texts + 1) - math.lgamma(d + 1) - math.lgamma(self._n_texts - d + 1)
                  for d in distinct]  # fmt: skip
        return np.array(choose) + distinct * self.n_hidden * math.log(2)

    def begin(self, masks, values, states):
        """Fit the first sets; arguments as for ``Refinement.run``."""
        return self._ranked(self.refinement.run(masks | self._always, values, states))

    def improve(self, ranked):
        """Fit the neighbours of the best sets: one term more, less, or exchanged within an equation.

        Returns:
            (Ranked, whether the best set is another one).
        """
        seen = {mask.tobytes() for mask in ranked.fits.masks}
        masks, values, states = [], [], []
        for row in range(min(N_NEIGHBOURHOODS, len(ranked.criterion))):
            for mask, value in self._neighbours(ranked.fits.masks[row], ranked.fits.values[row]):
                if mask.tobytes() not in seen and len(masks) < MOST_SETS:
                    seen.add(mask.tobytes())
                    masks.append(mask)
                    values.append(value)
                    states.append(ranked.fits.states[row])
        if not masks:
            return ranked, False
        new = self.refinement.run(np.array(masks), np.array(values), np.array(states))
        joined = self._ranked(Fits.joined([ranked.fits, new]))
        return joined, not np.array_equal(joined.fits.masks[0], ranked.fits.masks[0])

    def _neighbours(self, mask, value):
        n_terms = len(self.terms)
        active = np.flatnonzero(mask[:n_terms] & ~self._always[:n_terms])
        for k in np.flatnonzero(~mask[:n_terms]):
            yield _changed(mask, value, on=k)
        for k in active:
            yield _changed(mask, value, off=k)
        for old in active:
            for new in np.flatnonzero(~mask[:n_terms]):
                if self.terms[new].field == self.terms[old].field:
                    yield _changed(mask, value, on=new, off=old)

    def _ranked(self, fits):
        criterion = self.criterion(fits)
        order = np.argsort(criterion, kind="stable")
        return Ranked(fits.rows(order), criterion[order])


def _changed(mask, value, on=None, off=None):
    mask, value = mask.copy(), value.copy()
    if off is not None:
        mask[off], value[off] = False, 0.0
    if on is not None:
        mask[on] = True
    return mask, value


def inclusion(ranked):
    """(name,) share of the sets with each parameter, weighted with exp(-criterion / 2)."""
    finite = np.isfinite(ranked.criterion)
    weight = np.where(finite, np.exp(-0.5 * (ranked.criterion - ranked.criterion[0])), 0.0)
    return weight @ ranked.fits.masks / weight.sum()


def pareto_front(ranked, terms, likelihood):
    """Numbers of the sets that no other set beats in both complexity and error, by ascending complexity.

    Args:
        ranked: Ranked.
        terms: tuple of Term.
        likelihood: (set,) misfit, lower is better.

    Returns:
        list of int.
    """
    weights = np.array([term.complexity for term in terms])
    complexity = ranked.fits.masks[:, : len(terms)] @ weights
    front, best = [], np.inf
    for k in np.lexsort((likelihood, complexity)):
        if np.isfinite(likelihood[k]) and likelihood[k] < best:
            front.append(int(k))
            best = likelihood[k]
    return front
