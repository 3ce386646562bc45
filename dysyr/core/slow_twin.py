"""The equations of a system on NumPy arrays, straight from the trees: the measure of the generated code."""

from functools import cached_property

import numpy as np

from dysyr.core.derivative import gradient
from dysyr.core.evaluator import evaluate
from dysyr.core.expressions import postorder
from dysyr.core.lattice import BEYOND_LOW


class SlowTwin:
    """Values of the expression trees of one system.

    Args:
        trees: Trees of the system.
    """

    def __init__(self, trees):
        self.trees = trees
        self.fields = trees.fields
        self.lattice = trees.lattice
        self.n_sites = trees.lattice.n_sites
        self.dim = len(trees.fields) * self.n_sites

    def drift(self, x, t):
        """Array (..., dim) at states x (..., dim) and times t."""
        return self._flattened(evaluate(self.trees.drift, self._leaves(x, t)), x)

    def diffusion(self, x, t):
        """Array (..., dim, n_noise) at states x (..., dim) and times t."""
        leaves = self._leaves(x, t)
        if self.trees.diagonal:
            terms = tuple(row[k] for k, row in enumerate(self.trees.diffusion))
            return self._flattened(evaluate(terms, leaves), x)[..., :, None] * np.eye(self.dim)
        columns = zip(*self.trees.diffusion, strict=True)
        return np.stack([self._flattened(evaluate(column, leaves), x) for column in columns], axis=-1)

    def jacobian(self, x, t):
        """Array (..., dim, dim) at states x (..., dim) and times t."""
        leaves = self._leaves(x, t)
        jacobian = np.zeros((*x.shape, self.dim))
        for j, row in enumerate(self.gradient):
            for source, value in zip(row, evaluate(tuple(row.values()), leaves), strict=True):
                rows, columns, inside = self._entries(j, source)
                value = np.broadcast_to(value, (*x.shape[:-1], self.n_sites))
                jacobian[..., rows, columns] += value[..., inside]
        return jacobian

    def sparsity(self):
        """Boolean array (dim, dim): which entries of the Jacobian can differ from zero."""
        pattern = np.zeros((self.dim, self.dim), dtype=bool)
        for j, row in enumerate(self.gradient):
            for source in row:
                rows, columns, _ = self._entries(j, source)
                pattern[rows, columns] = True
        return pattern

    def conserved(self, x, t):
        """Dict from name to array (...), sums over the sites."""
        values = evaluate(tuple(self.trees.conserved.values()), self._leaves(x, t))
        shape = (*x.shape[:-1], self.n_sites)
        return {
            name: np.broadcast_to(value, shape).sum(axis=-1)
            for name, value in zip(self.trees.conserved, values, strict=True)
        }

    def initial_state(self):
        """Array (dim,)."""
        values = evaluate(tuple(self.trees.initial[name] for name in self.fields), self._place)
        return np.concatenate([np.broadcast_to(value, (self.n_sites,)) for value in values]).astype(float)

    def space(self):
        """Dict from coordinate to positions of its grid points (n,)."""
        positions = {}
        for name, grid in self.trees.grids.items():
            along = np.arange(grid.axis.n, dtype=float)
            (value,) = evaluate((grid.position,), lambda leaf, along=along: self._place(leaf, along))
            positions[name] = np.broadcast_to(value, along.shape).copy()
        return positions

    @cached_property
    def gradient(self):
        """Partial derivatives of the drift: one dict for each field, from state node to expression."""
        sources = tuple(node for node in postorder(self.trees.drift) if node.op == "state")
        return gradient(self.trees.drift, sources)

    def _entries(self, j, source):
        """Rows and columns of the Jacobian that field j fills by one source, and the sites where it does."""
        name, offsets = source.value
        neighbours = self.lattice.neighbours(offsets)
        inside = np.flatnonzero(neighbours >= 0)
        return j * self.n_sites + inside, self.fields.index(name) * self.n_sites + neighbours[inside], inside

    def _leaves(self, x, t):
        sites = x.reshape(*x.shape[:-1], len(self.fields), self.n_sites)
        t = np.asarray(t, dtype=float)[..., None]

        def value(leaf):
            if leaf.op == "time":
                return t
            if leaf.op != "state":
                return self._place(leaf)
            name, offsets = leaf.value
            neighbours = self.lattice.neighbours(offsets)
            values = sites[..., self.fields.index(name), :][..., neighbours]
            if (neighbours < 0).any():
                low, high = evaluate(self.trees.boundary_values[name], self._place)
                values = np.where(neighbours < 0, np.where(neighbours == BEYOND_LOW, low, high), values)
            return values

        return value

    def _place(self, leaf, along=None):
        """Value of a parameter, or of an index: at every site, or along its own axis where given."""
        if leaf.op == "parameter":
            return self.trees.parameters[leaf.value]
        return self.lattice.site_index(leaf.value).astype(float) if along is None else along

    def _flattened(self, values, x):
        shape = (*x.shape[:-1], self.n_sites)
        return np.concatenate([np.broadcast_to(value, shape) for value in values], axis=-1)
