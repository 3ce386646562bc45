"""Which terms of a library cannot be told from a parameter of the known part that is fitted too.

Along the data, the derivative of the known part by a free parameter may lie in the span of the library: any share of it
can then move between the known part and the hidden function without a change of the equation.

"""

import warnings

import numpy as np

from dysyr.core.derivative import differentiate
from dysyr.core.errors import InputError
from dysyr.core.evaluator import evaluate
from dysyr.core.expressions import ONE, parameter
from dysyr.core.names import did_you_mean
from dysyr.reconstruction.hidden_terms.jets import jet_trees

N_POINTS = 200
SAME = 1e-8


def distinguishable(problem, terms, free, segments):
    """The terms that can be told from the free parameters.

    Args:
        problem: HalfKnown.
        terms: tuple of Term.
        free: names of parameters.
        segments: Segments, for the range of the variables.

    Returns:
        tuple of Term.

    Raises:
        InputError: an unknown parameter.

    Warns:
        UserWarning: a term is left out because a free parameter does the same, or only several terms together do.
    """
    known = problem.system.parameters
    for name in free:
        if name not in known:
            raise InputError(
                f"there is no parameter '{name}' to be fitted", expected=f"parameters are {', '.join(known) or 'none'}",
                do=did_you_mean(name, known),
            )  # fmt: skip
    if not free:
        return terms
    draw = _draws(problem, segments)
    fields = problem.system.fields
    kept = list(terms)
    for name in free:
        slopes = {
            field: draw(differentiate(jet_trees((tree,), problem.system), {parameter(name): ONE}))[:, 0]
            for field, tree in problem.known.items()
        }
        acts = [field for field in fields if np.any(slopes[field] != 0)]
        if not acts or any(field not in problem.arguments for field in acts):
            continue
        spans, same = [], []
        for field in acts:
            own = [term for term in kept if term.field == field]
            columns = draw(jet_trees(problem.term_trees(own), problem.system))
            spans.append(_left_over(columns, slopes[field]) < SAME)
            same += [t for t, c in zip(own, columns.T, strict=True) if _left_over(c[:, None], slopes[field]) < SAME]
        if all(spans) and len(acts) == 1 and same:
            kept = [term for term in kept if term not in same]
            warnings.warn(
                f"the parameter {name} and the term {same[0].text} of the hidden function of {same[0].field} are not "
                f"identifiable together: the term is left out, {name} stands for it", UserWarning, stacklevel=3,
            )  # fmt: skip
        elif all(spans):
            warnings.warn(
                f"the parameter {name} and terms of the hidden functions of {', '.join(acts)} are not identifiable "
                "together: of equal formulas the one with fewer terms is taken", UserWarning, stacklevel=3,
            )  # fmt: skip
    return tuple(kept)


def _left_over(columns, target):
    """Relative error of the best linear combination of columns."""
    scale = np.sqrt((columns**2).mean(axis=0))
    unit = columns / np.where(scale > 0, scale, 1.0)
    left = target - unit @ np.linalg.lstsq(unit, target, rcond=1e-12)[0]
    return float(np.linalg.norm(left) / max(np.linalg.norm(target), 1e-300))


def _draws(problem, segments):
    """Function from trees in jets to (point, tree) values at points in general position, in the range of the data."""
    system = problem.system
    rng = np.random.default_rng(0)
    n_sites = system.lattice.n_sites
    values = segments.values.reshape(-1, len(system.fields), n_sites)
    known = dict(system.trees.parameters)
    drawn = {}

    def leaf(node):
        if node.op == "parameter":
            return known[node.value]
        if node not in drawn:
            if node.op == "state" and not any(node.value[1]):
                k = system.fields.index(node.value[0])
                drawn[node] = rng.uniform(np.nanmin(values[:, k]), np.nanmax(values[:, k]), N_POINTS)
            else:
                drawn[node] = rng.normal(size=N_POINTS)
        return drawn[node]

    def draw(trees):
        return np.stack([np.broadcast_to(v, N_POINTS) for v in evaluate(tuple(trees), leaf)], axis=1)

    return draw
