"""The losses of a surrogate and a hidden function, trained jointly at collocation points.

    r_f(t, x) = ( dU_f/dt - N_f(U) - F_f(arguments of U) ) / v_f
    L = w_data mean ((U - y) / s)^2 + w_residual mean r^2 + w_conditions mean (misfit of soft conditions)^2

with s the standard deviations of the data and v_f the size of dU_f/dt. F sees U itself, so its gradient reaches the
surrogate: that is what lets few data suffice. Convention: du/dt = known + hidden.
"""

import numpy as np
import torch
from scipy.stats import qmc

from dysyr.core.expressions import simplify
from dysyr.reconstruction.hidden_terms.jets import jet_trees, jets_of
from dysyr.reconstruction.hidden_terms.networks import Layers
from dysyr.reconstruction.hidden_terms.soft_conditions import SoftConditions
from dysyr.reconstruction.hidden_terms.surrogate import Surrogate
from dysyr.reconstruction.hidden_terms.tensors import evaluate

POOL = 4
MAX_DATA = 2000
HIDDEN_DECAY = 1e-6


class Collocation:
    """Everything that stays the same while the networks train.

    Args:
        problem: HalfKnown.
        segments: Segments.
        terms: tuple of Term, the library, whose derivatives are carried too.
        start: given initial states, see ``Surrogate``; None where they are free.
        hard: whether given conditions are met exactly; else they are a term of the loss.
        n_points: collocation points of each segment.
        width: units of each layer of the surrogate.
        hidden_width: units of each layer of a hidden function.
        rng: chooses data points where there are more than 2000.
    """

    def __init__(self, problem, segments, terms=(), *, start, hard, n_points, width, hidden_width, rng):
        self.problem, self.segments, self.hard, self.n_points = problem, segments, hard, n_points
        system = problem.system
        n_known = len(system.fields)
        roots = tuple(problem.known.values()) + tuple(t for args in problem.arguments.values() for t in args)
        trees = jet_trees(roots, system)
        self._known = trees[:n_known]
        self._arguments, at = {}, n_known
        for name, args in problem.arguments.items():
            self._arguments[name] = trees[at : at + len(args)]
            at += len(args)
        used = [orders for _, orders in jets_of(trees + jet_trees(problem.term_trees(terms), system))]
        orders = tuple(max((o[k] for o in used), default=0) for k in range(len(system.lattice.axes)))
        self.surrogate = Surrogate(
            system, segments, orders=orders if hard else tuple(max(k, 1) for k in orders), width=width,
            start=start if hard else None, hard=hard,
        )  # fmt: skip
        self.hidden = {
            name: Layers((len(args), hidden_width, hidden_width, 1)) for name, args in self._arguments.items()
        }
        self._data = self._data_points(rng)
        self._conditions = None if hard else SoftConditions(system, segments, start, self.surrogate.axes)

    @property
    def n_parameters(self):
        return self.surrogate.layers.n_parameters + sum(net.n_parameters for net in self.hidden.values())

    def initial(self, rng):
        """First parameters of both networks, flat."""
        return np.concatenate([self.surrogate.layers.initial(rng), *(net.initial(rng) for net in self.hidden.values())])

    def points(self, rng, density=None, size=None):
        """Collocation points (segment, point, 1 + coordinates).

        Equally spaced in time for equations in time, a Latin hypercube in space and time; with a ``density`` drawn from
        a pool of four times as many with probability proportional to its values plus their mean (residual-based
        resampling).

        Reference: wu2023
        """
        axes, n_segments = self.surrogate.axes, len(self.segments.times)
        n = self.n_points if size is None else size
        if density is not None:
            pool = self.points(rng, size=POOL * n)
            weight = density(pool)
            weight = weight / weight.mean(axis=1, keepdims=True) + 1.0
            chosen = [rng.choice(pool.shape[1], n, replace=False, p=w / w.sum()) for w in weight]
            return pool[np.arange(n_segments)[:, None], torch.tensor(np.stack(chosen))]
        if not axes:
            unit = np.tile(np.linspace(0, 1, n)[None, :, None], (n_segments, 1, 1))
        else:
            unit = np.stack([qmc.LatinHypercube(1 + len(axes), rng=rng).random(n) for _ in range(n_segments)])
        low = np.concatenate([self.segments.times[:, :1], np.tile([a["low"] for a in axes], (n_segments, 1))], axis=1)
        size = np.concatenate(
            [self.segments.duration[:, None], np.tile([a["length"] for a in axes], (n_segments, 1))], axis=1
        )
        return torch.tensor(low[:, None] + unit * size[:, None])

    def split(self, theta):
        """(surrogate parameters, dict of those of the hidden functions)."""
        at = self.surrogate.layers.n_parameters
        own, rest = theta[:at], {}
        for name, net in self.hidden.items():
            rest[name] = theta[at : at + net.n_parameters]
            at += net.n_parameters
        return own, rest

    def data_loss(self, theta):
        """Mean squared error at the data, in variances."""
        points, target, seen = self._data
        value = self.surrogate.values(self.split(theta)[0], points)
        return (((value - target) / self.surrogate.scale)[seen] ** 2).mean()

    def condition_loss(self, theta):
        """Mean squared misfit of soft conditions, in variances; 0 where there are none."""
        if self._conditions is None:
            return torch.zeros((), dtype=torch.float64)
        return self._conditions.loss(self.surrogate, self.split(theta)[0])

    def equation_parts(self, theta, points):
        """Tensors (segment, point, ...): time derivative and known part by field, arguments by hidden field."""
        d = self.surrogate.directions
        terms = self.surrogate.series(self.split(theta)[0], points)
        fields = self.problem.system.fields
        jets = {}

        def leaf(node):
            if node.op == "parameter":
                return self.problem.system.trees.parameters[node.value]
            if node.op == "time":
                return points[..., 0]
            if node.op == "coordinate":
                return points[..., 1 + self.problem.system.lattice.indices.index(node.value)]
            name, orders = node.value
            k = next((k for k, o in enumerate(orders) if o), None)
            if node not in jets:
                series = terms[0] if k is None else d.derivative(terms, 1 + k, orders[k])
                jets[node] = series[..., fields.index(name)]
            return jets[node]

        shape = points.shape[:2]
        known = [torch.as_tensor(v, dtype=torch.float64).expand(shape) for v in evaluate(simplify(self._known), leaf)]
        arguments = {
            name: torch.stack([torch.as_tensor(v).expand(shape) for v in evaluate(trees, leaf)], dim=-1)
            for name, trees in self._arguments.items()
        }
        return d.derivative(terms, 0, 1), torch.stack(known, dim=-1), arguments

    def hidden_values(self, theta, arguments, scales):
        """Dict from hidden field to F at arguments (..., n), in units of its equation."""
        found, own = {}, self.split(theta)[1]
        for name, inputs in arguments.items():
            flat = ((inputs - scales.centre[name]) / scales.spread[name]).reshape(1, -1, inputs.shape[-1])
            out = self.hidden[name].values(own[name], flat)
            found[name] = scales.rate[self.problem.system.fields.index(name)] * out.reshape(inputs.shape[:-1])
        return found

    def residual(self, theta, points, scales):
        """(segment, point, field) residual in units of ``scales.rate``."""
        rate, known, arguments = self.equation_parts(theta, points)
        left = rate - known
        hidden = self.hidden_values(theta, arguments, scales)
        columns = [
            left[..., k] - hidden[name] if name in hidden else left[..., k]
            for k, name in enumerate(self.problem.system.fields)
        ]
        return torch.stack(columns, dim=-1) / torch.tensor(scales.rate)

    def residual_loss(self, theta, points, scales):
        """Mean squared residual, and a small multiple of the squared parameters of the hidden functions."""
        decay = sum((part**2).sum() for part in self.split(theta)[1].values())
        return (self.residual(theta, points, scales) ** 2).mean() + HIDDEN_DECAY * decay

    def _data_points(self, rng):
        """Points (segment, point, 1 + coordinates), targets (segment, point, field) and which are seen."""
        system, segments = self.problem.system, self.segments
        n_fields = len(system.fields)
        values = segments.values.reshape(*segments.times.shape, n_fields, -1).swapaxes(2, 3)
        if not self.surrogate.axes:
            points = torch.tensor(segments.times)[..., None]
            target = torch.tensor(values[:, :, 0])
            return points, torch.nan_to_num(target), torch.isfinite(target)
        grids = np.meshgrid(*system.space.values(), indexing="ij")
        sites = np.stack([g.ravel() for g in grids], axis=1)
        rows = []
        for clock, x in zip(segments.times, values, strict=True):
            i, j = np.nonzero(np.isfinite(x).any(axis=2))
            kept = np.sort(rng.permutation(len(i))[:MAX_DATA])
            rows.append((np.column_stack([clock[i[kept]], sites[j[kept]]]), x[i[kept], j[kept]]))
        longest = max(len(p) for p, _ in rows)
        points = np.stack([np.concatenate([p, np.repeat(p[-1:], longest - len(p), axis=0)]) for p, _ in rows])
        target = np.stack([np.concatenate([y, np.full((longest - len(y), n_fields), np.nan)]) for _, y in rows])
        return torch.tensor(points), torch.nan_to_num(torch.tensor(target)), torch.isfinite(torch.tensor(target))
