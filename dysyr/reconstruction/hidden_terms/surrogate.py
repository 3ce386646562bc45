"""The surrogate U(t, x) of the solution: features of the coordinates, a network, and conditions that it meets exactly.

    fitted start:   U = m + s N            given start:  U = u_0(x) + tau B(x) s N
    fixed ends:     B = product over coordinates of 4 (x - a)(b - x) / L^2
    periodic:       the network sees sin and cos of 2 pi x / L;    reflecting:  cos of pi x / L and 2 pi x / L

with tau = (t - t_0) / T in [0, 1]. With soft conditions the network sees t and x as they are.
"""

import math

import numpy as np
import torch

from dysyr.core.errors import InputError
from dysyr.core.evaluator import evaluate as evaluate_numbers
from dysyr.reconstruction.hidden_terms.jets import initial_trees, space_derivatives
from dysyr.reconstruction.hidden_terms.networks import Layers
from dysyr.reconstruction.hidden_terms.taylor import Directions
from dysyr.reconstruction.hidden_terms.tensors import evaluate

MISMATCH = 1e-6


class Surrogate:
    """One network for each segment.

    Args:
        system: System of kind "ode" or "pde".
        segments: Segments.
        orders: highest derivative in each space coordinate.
        width: units in each of two layers.
        start: (segment, dim) states at the first times that are met exactly, None where they are free; of a pde any
            array stands for the initial condition of the system.
        hard: whether start and boundary are met exactly.
    """

    def __init__(self, system, segments, *, orders=(), width=32, start=None, hard=True):
        self.system, self.segments, self.hard, self.start = system, segments, hard, start
        self.directions = Directions((1, *orders))
        self._values_alone = Directions((0,) * (1 + len(orders)))
        self.begin = torch.tensor(segments.times[:, 0])[:, None, None]
        self.duration = torch.tensor(segments.duration)[:, None, None]
        self.axes = [_axis(system, grid) for grid in system.trees.grids.values()]
        n_fields, n_sites = len(system.fields), system.lattice.n_sites
        values = segments.values.reshape(-1, n_fields, n_sites)
        mean = np.array([np.nanmean(values[:, f]) for f in range(n_fields)])
        self.mean, self.scale = torch.tensor(mean), torch.tensor(segments.scale[::n_sites])
        self._initial = initial_trees(system) if start is not None and self.axes else None
        if self._initial is not None and hard:
            self._check_ends()
        n_features = 1 + sum(len(self._features(axis)) for axis in self.axes)
        self.layers = Layers((n_features, width, width, n_fields), len(segments.times))

    def values(self, theta, points):
        """U itself at points (segment, point, 1 + coordinates): (segment, point, field)."""
        return self.series(theta, points, self._values_alone)[0]

    def series(self, theta, points, directions=None):
        """U as Taylor series in (t, x, ...).

        Args:
            theta: flat parameters.
            points: (segment, point, 1 + coordinates).
            directions: Directions; by default with all derivatives of the equations.

        Returns:
            List of tensors (segment, point, field), see ``Directions``.
        """
        d = self.directions if directions is None else directions
        moments = [points[..., k : k + 1] for k in range(points.shape[2])]
        tau = [term / self.duration for term in d.coordinate(moments[0] - self.begin, 0)]
        columns = [[2 * tau[0] - 1, *(2 * term for term in tau[1:])]]
        for k, axis in enumerate(self.axes):
            for feature in self._features(axis):
                columns.append(feature(d, moments[1 + k], 1 + k))
        out = self.layers.series(theta, [torch.cat(parts, dim=2) for parts in zip(*columns, strict=True)], d)
        out = [self.scale * term for term in out]
        factor = self._factor(d, tau, moments)
        if factor is not None:
            out = d.product(factor, out)
        lift = self._lift(d, moments, points.shape)
        return [a + b for a, b in zip(out, lift, strict=True)]

    def _features(self, axis):
        """Functions (directions, x, direction) -> series, the inputs of the network that a coordinate makes."""
        low, length, boundary = axis["low"], axis["length"], axis["boundary"]
        if self.hard and boundary == "periodic":
            rate = 2 * math.pi / length
            return [lambda d, x, k, p=phase: d.wave(x, k, rate, p - rate * low) for phase in (0.0, 0.5 * math.pi)]
        if self.hard and boundary == "reflecting":
            rates = math.pi / length, 2 * math.pi / length
            return [lambda d, x, k, r=rate: d.wave(x, k, r, 0.5 * math.pi - r * low) for rate in rates]

        def plain(d, x, k):
            terms = [2 * term / length for term in d.coordinate(x, k)]
            return [terms[0] - 2 * low / length - 1, *terms[1:]]

        return [plain]

    def _factor(self, d, tau, moments):
        """What the network is multiplied with, None where nothing has to be met."""
        if not self.hard:
            return None
        factor = None if self.start is None else tau
        for k, axis in enumerate(self.axes):
            if axis["boundary"] != "fixed":
                continue
            x = moments[1 + k]
            below = d.coordinate(x, 1 + k)
            below = [2 * term / axis["length"] for term in [below[0] - axis["low"], *below[1:]]]
            above = [2.0 - below[0], *(-term for term in below[1:])]
            parabola = d.product(below, above)
            factor = parabola if factor is None else d.product(factor, parabola)
        return factor

    def _lift(self, d, moments, shape):
        """The part that meets the conditions, or the mean of the data."""
        zero = [torch.zeros((*shape[:2], len(self.mean)), dtype=torch.float64) for _ in range(d.n)]
        if self.hard and self._initial is not None:
            return self._initial_series(d, moments, zero)
        if self.hard and self.start is not None:
            zero[0] = zero[0] + torch.tensor(self.start)[:, None]
            return zero
        if self.hard and any(axis["boundary"] == "fixed" for axis in self.axes):
            return self._ends_series(d, moments, zero)
        zero[0] = zero[0] + self.mean
        return zero

    def _initial_series(self, d, moments, terms):
        names = list(self.system.trees.grids)

        def value(leaf):
            if leaf.op == "parameter":
                return self.system.trees.parameters[leaf.value]
            return moments[1 + names.index(leaf.value)]

        for k, name in enumerate(names):
            for order in range(d.orders[1 + k] + 1):
                trees = space_derivatives(self._initial, name, order)
                values = [torch.as_tensor(v, dtype=torch.float64) for v in evaluate(trees, value)]
                values = torch.cat([v.expand(terms[0][..., :1].shape) for v in values], dim=2)
                terms[d.place(1 + k, order)] = values / math.factorial(order)
        return terms

    def _ends_series(self, d, moments, terms):
        """The straight line between the values at the ends of the first fixed coordinate."""
        k, axis = next((k, axis) for k, axis in enumerate(self.axes) if axis["boundary"] == "fixed")
        low, high = torch.tensor(np.array([axis["ends"][f] for f in self.system.fields]).T)
        line = d.coordinate((moments[1 + k] - axis["low"]) / axis["length"], 1 + k)
        terms[0] = low + (high - low) * line[0]
        if d.orders[1 + k]:
            terms[d.place(1 + k, 1)] = (high - low) / axis["length"] + torch.zeros_like(terms[0])
        return terms

    def _check_ends(self):
        for axis in self.axes:
            if axis["boundary"] != "fixed":
                continue
            x = np.linspace(axis["low"], axis["low"] + axis["length"], 3)[[0, 2]]
            for f, name in enumerate(self.system.fields):
                if len(self.axes) > 1:
                    raise InputError("fixed boundaries of a plane cannot be met exactly", do="take conditions='soft'")
                found = evaluate_numbers(
                    (self._initial[f],),
                    lambda leaf, x=x: self.system.trees.parameters[leaf.value] if leaf.op == "parameter" else x,
                )[0]
                ends = np.array(axis["ends"][name])
                if np.abs(found - ends).max() > MISMATCH * max(float(self.scale[f]), 1e-300):
                    raise InputError(
                        f"the initial state of {name} does not meet its boundary values", got=f"{found}, not {ends}",
                        do="take conditions='soft', or correct the system file",
                    )  # fmt: skip


def _axis(system, grid):
    """low, length, boundary and end values of a coordinate."""
    numbers = evaluate_numbers((grid.start, grid.length), lambda leaf: system.trees.parameters[leaf.value])
    ends = {}
    for name, pair in system.trees.boundary_values.items():
        ends[name] = [float(v) for v in evaluate_numbers(pair, lambda leaf: system.trees.parameters[leaf.value])]
    return {"low": float(numbers[0]), "length": float(numbers[1]), "boundary": grid.axis.boundary, "ends": ends}
