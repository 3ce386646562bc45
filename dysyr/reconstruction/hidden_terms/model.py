"""A completed system: what was known, and a formula or a network in the place of what was hidden."""

import copy

import numpy as np

from dysyr.core.model import continued_state
from dysyr.core.system import System
from dysyr.core.vector_field import VectorField
from dysyr.reconstruction.hidden_terms.compiled import CompiledField
from dysyr.reconstruction.hidden_terms.formula import formula_text, sympy_expression
from dysyr.reconstruction.hidden_terms.gaps import filled_in_space, filled_in_time
from dysyr.reconstruction.hidden_terms.hidden_functions import HiddenFunctions
from dysyr.reconstruction.hidden_terms.jets import jet_trees
from dysyr.reconstruction.hidden_terms.problem import HalfKnown, Term

N_CONTEXT = 12
N_CORRECTIONS = 8
STEP = 1e-6
FIRST_RIDGE = 1e-6


class HiddenTermsModel(VectorField):
    """dx/dt = known(x) + hidden(x), where hidden is the formula that was found, or the mean of the networks.

    Args:
        completed: System with the formula in the place of the hidden functions.
        half_known: definition of the system with its [hidden] section, a dict.
        form: "formula" or "network", which of the two the model runs with.
        found: JSON-ready dict: ``terms`` (field, term, coefficient, stderr, inclusion), ``parameters`` (free ones, with
            stderr), ``front``, ``chi_square`` (before and after the last fit), ``relative_error`` by field.
        networks: dict of arrays of the hidden networks of all members, see ``HiddenFunctions``.
        width: units in each of their layers.
        dt: sampling interval in system time units.
        n_substeps: Runge-Kutta steps in it.
        scale: (dim,) standard deviation of the training data, in data units.
        initial_states: (k, dim) states to start free runs from.

    Reference: podina2023, rackauckas2020
    """

    family = "hidden_terms"
    reference = "podina2023"

    def __init__(
        self, completed, half_known, *, form, found, networks, width, dt, n_substeps, scale, initial_states
    ):  # fmt: skip
        self.system, self.form, self.found = completed, form, found
        self._half_known, self._networks, self._width = half_known, networks, width
        self._problem = HalfKnown(System.from_dict(half_known))
        fitted = {name: row["value"] for name, row in found["parameters"].items()} if form == "formula" else {}
        self._known = self._problem.system.with_parameters(**fitted)
        self._dt, self._n_substeps = float(dt), int(n_substeps)
        self._scale, self._initial_states = np.asarray(scale), np.asarray(initial_states)
        self._compiled = None
        self._functions = None
        if self.system.kind == "ode":
            problem = self._problem
            trees = {name: jet_trees(args, problem.system) for name, args in problem.arguments.items()}
            self._functions = HiddenFunctions(completed.fields, trees, completed.parameters, width, networks)

    @property
    def names(self):
        return self.system.variables

    @property
    def dt(self):
        return self._dt

    @property
    def n_substeps(self):
        return self._n_substeps

    @property
    def latent_dim(self):
        return self.system.dim

    @property
    def initial_states(self):
        return self._initial_states

    @property
    def scale(self):
        return self._scale

    @property
    def terms(self):
        """List of dicts: the found terms with field, term, coefficient, stderr and inclusion."""
        return copy.deepcopy(self.found["terms"])

    @property
    def front(self):
        """List of dicts: the Pareto front of error against complexity, each set fitted through the solver."""
        return copy.deepcopy(self.found["front"])

    def formula(self):
        """The hidden functions as SymPy expressions with numbers: dict from variable to sympy.Expr."""
        import sympy

        found = {name: sympy.Integer(0) for name in self._problem.arguments}
        trees = self._problem.term_trees([Term(row["field"], row["term"], 1) for row in self.found["terms"]])
        for row, tree in zip(self.found["terms"], trees, strict=True):
            values = dict(self.system.parameters)
            found[row["field"]] += sympy.Float(row["coefficient"]) * sympy_expression(tree, self.system, values)
        return found

    def formula_text(self):
        """The same as text, one line for each hidden function."""
        return formula_text(self.found["terms"], tuple(self._problem.arguments))

    def hidden_networks(self, x):
        """Values of the hidden functions by each member of the ensemble, in data units per time unit.

        Args:
            x: states (..., dim).

        Returns:
            (member, ..., dim), zero for equations in which nothing is hidden. Equations in time only.
        """
        return self._functions.values(np.asarray(x, dtype=np.float64))

    def derivative(self, z, u=None):
        if self.form == "network":
            return self._known.vector_field(z) + self._functions.values(z).mean(axis=0)
        return self.system.vector_field(z)

    def derivative_jacobian(self, z, u=None):
        if self.form == "network":
            return self._known.jacobian(z) + self._functions.jacobian(z)
        return self.system.jacobian(z)

    def known_part(self, z, u=None):
        """The part of dx/dt that was given, with free parameters as the formula was fitted with them."""
        return self._known.vector_field(z)

    def readout(self, z):
        return z

    def trajectory(self, z, n_steps, u=None):
        if self.form == "network":
            return super().trajectory(z, n_steps, u)
        if self._compiled is None:
            self._compiled = CompiledField(self.system)
        clock = self.dt * np.arange(n_steps + 1)
        p = self._compiled.parameters((), np.empty((len(z), 0)))
        orbit = self._compiled.run("rk4", np.asarray(z, dtype=np.float64), clock, self.n_substeps, p)
        lost = ~np.isfinite(orbit).all(axis=2, keepdims=True)
        return np.where(np.logical_or.accumulate(lost, axis=1), np.nan, orbit)

    def initial(self, context, u=None):
        """The last state of the orbit that is nearest to the last twelve samples, in squares over the variances.

        Gauss-Newton steps from the first of them, which missing values of the other samples stand for; of an equation
        in space the last sample itself, gaps filled along the grid. Over a gap at the end of the context the model
        runs.
        """
        return continued_state(self, np.asarray(context, dtype=np.float64), self._nearest)

    def _nearest(self, context):
        x = context[:, -N_CONTEXT:]
        filled = np.stack([filled_in_time(one, self.initial_states.mean(axis=0)) for one in x])
        if self.system.kind == "pde":
            return np.stack([self._field(now, before) for now, before in zip(x[:, -1], filled[:, -1], strict=True)])
        if x.shape[1] == 1:
            return filled[:, -1]
        start, n_ahead, dim = filled[:, 0], x.shape[1] - 1, self.latent_dim
        seen, target = np.isfinite(x), np.nan_to_num(x)
        best, lowest, ends = start, np.full(len(x), np.inf), filled[:, -1]
        for _ in range(N_CORRECTIONS):
            shifts = STEP * self.scale
            lanes = np.concatenate([start[:, None], start[:, None] + np.diag(shifts)], axis=1).reshape(-1, dim)
            orbit = np.concatenate([lanes[:, None], self.trajectory(lanes, n_ahead)], axis=1)
            orbit = orbit.reshape(len(x), dim + 1, n_ahead + 1, dim)
            error = np.where(seen, (orbit[:, 0] - target) / self.scale, 0.0).reshape(len(x), -1)
            slope = np.where(seen[:, None], (orbit[:, 1:] - orbit[:, :1]) / self.scale, 0.0)
            slope = (slope / shifts[:, None, None]).reshape(len(x), dim, -1)
            cost = np.where(np.isfinite(error).all(axis=1), (error**2).sum(axis=1), np.inf)
            better = cost < lowest
            best = np.where(better[:, None], start, best)
            ends = np.where(better[:, None], orbit[:, 0, -1], ends)
            lowest = np.minimum(cost, lowest)
            usable = np.isfinite(cost) & np.isfinite(slope).all(axis=(1, 2)) & slope.any(axis=(1, 2))
            curvature = slope @ slope.transpose(0, 2, 1)
            diagonal = np.einsum("bii->bi", curvature).max(axis=1)[:, None, None]
            curvature = np.where(usable[:, None, None], curvature + FIRST_RIDGE * diagonal * np.eye(dim), np.eye(dim))
            gradient = np.einsum("bdn,bn->bd", slope, np.nan_to_num(error))
            step = np.nan_to_num(np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0])
            start = np.where(usable[:, None], start - step, 0.5 * (start + best))
        return ends

    def _field(self, now, before):
        """Sample (dim,) with its gaps filled along the grid; a field of which it shows nothing is as before."""
        lattice, shape = self.system.lattice, (len(self.system.fields), -1)
        return np.concatenate([
            filled_in_space(u, lattice) if np.isfinite(u).any() else old
            for u, old in zip(now.reshape(shape), before.reshape(shape), strict=True)
        ])  # fmt: skip

    def config(self):
        return {
            "family": self.family, "dt": self.dt, "names": list(self.names), "completed": self.system.to_dict(),
            "half_known": self._half_known, "form": self.form, "found": self.found, "width": self._width,
            "n_substeps": self.n_substeps,
        }  # fmt: skip

    def arrays(self):
        return {**self._networks, "scale": self.scale, "initial_states": self.initial_states}

    @classmethod
    def from_state(cls, config, arrays):
        own = ("scale", "initial_states")
        return cls(
            System.from_dict(config["completed"]), config["half_known"],
            networks={name: value for name, value in arrays.items() if name not in own},
            **{name: arrays[name] for name in own},
            **{name: config[name] for name in ("form", "found", "width", "dt", "n_substeps")},
        )  # fmt: skip
