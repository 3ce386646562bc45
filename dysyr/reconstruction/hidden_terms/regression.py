"""From a hidden network to sets of terms: sparse regression of its values on a library, by pysindy."""

import dataclasses
import itertools
import warnings

import numpy as np
import torch

from dysyr.core.evaluator import evaluate
from dysyr.reconstruction.hidden_terms.jets import jet_trees

THRESHOLDS = np.logspace(-4, 0, 25)
RIDGE = 1e-6
N_OF_SIZE = {1: 8, 2: 6, 3: 4}
MOST_PAIRS = 40
N_SAMPLES = 400


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """A hidden function and the terms of its library where the solution goes.

    Attributes:
        features: (sample, term); zero throughout for a term that is not a number somewhere.
        target: (sample,) values of the network.
    """

    features: np.ndarray
    target: np.ndarray

    def sizes(self):
        """(term,) coefficients with which each term alone is as large as the network."""
        ratio = (self.target**2).mean() / np.maximum((self.features**2).mean(axis=0), 1e-300)
        return np.where(self.features.any(axis=0), np.sqrt(np.maximum(ratio, 1e-300)), 1.0)

    def coefficients(self, chosen):
        """Least squares on some terms: (term,) with zeros elsewhere."""
        found = np.zeros(self.features.shape[1])
        if len(chosen):
            found[chosen] = np.linalg.lstsq(self.features[:, chosen], self.target, rcond=None)[0]
        return found

    def error(self, chosen):
        """Root mean squared error of that, relative to the root mean square of the network."""
        left = self.target - self.features @ self.coefficients(chosen)
        return float(np.sqrt((left**2).mean() / max((self.target**2).mean(), 1e-300)))


def samples_of(collocation, theta, scales, terms, rng):
    """Samples of every hidden function of one member.

    Args:
        collocation: Collocation.
        theta: flat parameters.
        scales: Scales.
        terms: tuple of Term.
        rng: draws the points in space and time.

    Returns:
        dict from hidden field to Samples.
    """
    problem = collocation.problem
    points = collocation.points(rng, size=max(2, N_SAMPLES // len(collocation.segments.times)))
    with torch.no_grad():
        parameters = torch.tensor(theta)
        _, _, arguments = collocation.equation_parts(parameters, points)
        targets = collocation.hidden_values(parameters, arguments, scales)
        trees = jet_trees(problem.term_trees(terms), problem.system)
        values = features_at(collocation, parameters, points, trees)
    found = {}
    for name in problem.arguments:
        own = [k for k, term in enumerate(terms) if term.field == name]
        features, target = values[:, own], targets[name].numpy().ravel()
        usable = np.isfinite(features).all(axis=0)
        found[name] = Samples(np.where(usable, features, 0.0), target)
    return found


def features_at(collocation, theta, points, trees):
    """(segment * point, tree) values of trees in jets along the surrogate."""
    d, system = collocation.surrogate.directions, collocation.problem.system
    series = collocation.surrogate.series(collocation.split(theta)[0], points)

    def leaf(node):
        if node.op == "parameter":
            return system.trees.parameters[node.value]
        if node.op == "coordinate":
            return points[..., 1 + system.lattice.indices.index(node.value)].numpy()
        name, orders = node.value
        k = next((k for k, o in enumerate(orders) if o), None)
        value = series[0] if k is None else d.derivative(series, 1 + k, orders[k])
        return value[..., system.fields.index(name)].numpy()

    columns = [np.broadcast_to(v, points.shape[:2]).ravel() for v in evaluate(trees, leaf)]
    return np.stack(columns, axis=1)


def supports(samples, sizes=None):
    """Sets of terms that describe a hidden function, the better ones of each size first.

    Thresholded least squares over a sweep of thresholds, on terms of unit root mean square, and the best sets of one,
    two and three terms by trying all, three only of the twelve terms that single out.

    Args:
        samples: Samples.
        sizes: dict from size to number of sets kept.

    Returns:
        List of tuples of term numbers, without repetition.

    Reference: brunton2016
    """
    from pysindy import STLSQ

    scale = np.sqrt((samples.features**2).mean(axis=0))
    alive = np.flatnonzero(scale > 0)
    if not len(alive):
        return []
    found = []
    unit = samples.features[:, alive] / scale[alive]
    target = samples.target / max(np.sqrt((samples.target**2).mean()), 1e-300)
    for threshold in THRESHOLDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimiser = STLSQ(threshold=threshold, alpha=RIDGE).fit(unit, target[:, None])
        found.append(tuple(int(alive[k]) for k in np.flatnonzero(optimiser.coef_[0])))
    ranked = sorted(alive.tolist(), key=lambda k: samples.error([k]))
    for size, kept in (sizes or N_OF_SIZE).items():
        pool = ranked if size < 3 else ranked[:12]
        combined = sorted(itertools.combinations(sorted(pool), size), key=lambda c: samples.error(list(c)))
        found += combined[:kept]
    return [s for s in dict.fromkeys(found) if s]


def first_sets(all_samples, fields, n_sets):
    """Sets of terms over all hidden functions, to begin the search with.

    Args:
        all_samples: list over members of dicts from hidden field to Samples.
        fields: hidden fields, in order.
        n_sets: about how many.

    Returns:
        (masks (set, term), values (set, term)): the terms of all fields one after the other.
    """
    masks, values, seen = [], [], set()
    share = max(1, int((n_sets / len(all_samples)) ** (1 / len(fields))))
    for samples in all_samples:
        each = []
        for name in fields:
            own = samples[name]
            n = len(own.target)
            ranked = sorted(
                supports(own), key=lambda s: n * np.log(max(own.error(list(s)), 1e-6)) + len(s) * np.log(n) * 2
            )
            each.append(ranked[:share] or [()])
        for chosen in itertools.product(*each):
            mask = np.concatenate([_mask(s, samples[f].features.shape[1]) for f, s in zip(fields, chosen, strict=True)])
            if mask.tobytes() in seen:
                continue
            seen.add(mask.tobytes())
            masks.append(mask)
            values.append(np.concatenate(
                [samples[f].coefficients(list(s)) for f, s in zip(fields, chosen, strict=True)]
            ))  # fmt: skip
    return np.array(masks), np.array(values)


def _mask(chosen, n):
    mask = np.zeros(n, dtype=bool)
    mask[list(chosen)] = True
    return mask
