"""Least squares through the solver, for many sets of terms at once."""

import dataclasses

import numpy as np

STEP = 1e-6
FLOOR = 1e-5
FIRST_DAMPING = 1e-3
LEAST_DAMPING, MOST_DAMPING = 1e-9, 1e8
ENOUGH = 1e-5
N_PHASES = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Fits:
    """Fitted sets of terms, one a row.

    Attributes:
        masks: (set, name) which parameters of the solver are fitted; the others are fixed.
        values: (set, name) parameters.
        states: (set, segment, dim) initial states.
        squares: (set, field) mean squared error of each field in data units; infinite where no solution exists.
    """

    masks: np.ndarray
    values: np.ndarray
    states: np.ndarray
    squares: np.ndarray

    def rows(self, chosen):
        """The fits of some rows."""
        return Fits(self.masks[chosen], self.values[chosen], self.states[chosen], self.squares[chosen])

    @classmethod
    def joined(cls, parts):
        """All rows of several fits."""
        return cls(*(np.concatenate(column) for column in zip(*(dataclasses.astuple(p) for p in parts), strict=True)))


class Refinement:
    """Maximises the likelihood of parameters and initial states, given normal errors of unknown size for each field.

        sum over fields of n_f log(mean squared error of f)

    by Levenberg-Marquardt steps, between which the weights of the fields follow their errors.

    Args:
        solver: Solver.
        fit_states: whether initial states are fitted too.
        sizes: (name,) magnitude of each parameter at which it matters.
        noise: (field,) known standard deviation of the errors in data units, or None.
    """

    def __init__(self, solver, *, fit_states, sizes, noise=None):
        self.solver, self.fit_states, self.noise = solver, fit_states, noise
        segments = solver.segments
        self.sizes = np.asarray(sizes, dtype=np.float64)
        self._seen = np.isfinite(segments.values)
        self._target = segments.values[self._seen]
        segment, _, variable = np.nonzero(self._seen)
        n_sites = solver.system.lattice.n_sites
        self._segment, self.field = segment, variable // n_sites
        self.n_fields = len(solver.system.fields)
        self.counts = np.bincount(self.field, minlength=self.n_fields)
        self.floor = FLOOR * segments.scale[::n_sites]

    @property
    def n_states(self):
        """Number of fitted initial values."""
        shape = self.solver.segments.values.shape
        return shape[0] * shape[2] if self.fit_states else 0

    def run(self, masks, values, states, n_iterations=20):
        """Fit sets of terms.

        Args:
            masks: (set, name) bool.
            values: (set, name) first values; fixed where the mask is False.
            states: (set, segment, dim) first initial states.
            n_iterations: most steps between two updates of the weights.

        Returns:
            Fits.
        """
        values, states = np.array(values, dtype=np.float64), np.array(states, dtype=np.float64)
        weights = np.tile(1 / (self.solver.segments.scale[:: self.solver.system.lattice.n_sites]), (len(masks), 1))
        if self.noise is not None:
            weights = np.tile(1 / self.noise, (len(masks), 1))
        n_shifts = int(masks.sum(axis=1).max(initial=0))
        residuals, slopes = self._linearised(masks, values, states, n_shifts)
        for _ in range(N_PHASES if self.noise is None else 1):
            damping = np.full(len(masks), FIRST_DAMPING)
            active = np.isfinite(residuals).all(axis=1) & (slopes.shape[2] > 0)
            for _ in range(n_iterations):
                rows = np.flatnonzero(active)
                if not len(rows):
                    break
                steps = self._steps(residuals[rows], slopes[rows], weights[rows], damping[rows])
                new = self._moved(masks[rows], values[rows], states[rows], steps, n_shifts)
                after = self._linearised(masks[rows], *new, n_shifts)
                cost = self._cost(residuals[rows], weights[rows])
                lower = self._cost(after[0], weights[rows])
                better = lower < cost
                gained = rows[better]
                values[gained], states[gained] = new[0][better], new[1][better]
                residuals[gained], slopes[gained] = after[0][better], after[1][better]
                damping[rows] = np.clip(damping[rows] * np.where(better, 0.2, 5.0), LEAST_DAMPING, MOST_DAMPING)
                gain = np.where(better, cost, 0.0) - np.where(better, lower, 0.0)
                done = np.where(better, gain < ENOUGH * cost, damping[rows] > 1e3)
                active[rows] = ~done & (lower > 0.0)
            squares = self.squares(residuals)
            if self.noise is None:
                weights = 1 / np.sqrt(np.maximum(np.where(np.isfinite(squares), squares, 1.0), self.floor**2))
        return Fits(np.array(masks), values, states, self.squares(residuals))

    def squares(self, residuals):
        """(set, field) mean squares of residuals (set, value)."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.stack([(residuals[:, self.field == f] ** 2).mean(axis=1) for f in range(self.n_fields)], axis=1)
        return np.where(np.isfinite(mean), mean, np.inf)

    def residuals(self, solutions):
        """(set, value) solution minus data in data units, of solutions (set, segment, sample, dim)."""
        return solutions[:, self._seen] - self._target

    def _linearised(self, masks, values, states, n_shifts):
        """Residuals (set, value) and their derivatives (set, value, parameter), by forward differences."""
        n_sets, n_names = values.shape
        n_own = n_shifts + (states.shape[2] if self.fit_states else 0)
        lanes_values = np.repeat(values[:, None], 1 + n_own, axis=1)
        lanes_states = np.repeat(states[:, None], 1 + n_own, axis=1)
        columns, shifts = self._columns(masks, n_shifts), np.ones((n_sets, n_own))
        for k in range(n_shifts):
            rows = np.flatnonzero(columns[:, k] >= 0)
            name = columns[rows, k]
            shifts[rows, k] = STEP * np.maximum(np.abs(values[rows, name]), self.sizes[name])
            lanes_values[rows, 1 + k, name] += shifts[rows, k]
        for d in range(n_own - n_shifts):
            shifts[:, n_shifts + d] = STEP * self.solver.segments.scale[d]
            lanes_states[:, 1 + n_shifts + d, :, d] += STEP * self.solver.segments.scale[d]
        flat = lanes_states.reshape(-1, *states.shape[1:]), lanes_values.reshape(-1, n_names)
        solutions = self.solver.solutions(*flat)[:, self._seen].reshape(n_sets, 1 + n_own, -1)
        with np.errstate(invalid="ignore", over="ignore"):
            derivatives = (solutions[:, 1:] - solutions[:, :1]) / shifts[:, :, None]
        derivatives[:, :n_shifts][columns < 0] = 0.0
        slopes = derivatives[:, :n_shifts].transpose(0, 2, 1)
        if self.fit_states:
            slopes = np.concatenate([slopes, self._by_segment(derivatives[:, n_shifts:])], axis=2)
        return solutions[:, 0] - self._target, slopes

    def _by_segment(self, derivatives):
        """Derivatives (set, dim, value) by the state of a segment as (set, value, segment * dim)."""
        n_sets, dim, n_values = derivatives.shape
        n_segments = len(self.solver.segments.times)
        spread = np.zeros((n_sets, n_values, n_segments, dim))
        spread[:, np.arange(n_values), self._segment] = derivatives.transpose(0, 2, 1)
        return spread.reshape(n_sets, n_values, -1)

    def _columns(self, masks, n_shifts):
        """(set, n_shifts) numbers of the fitted parameters, -1 where a set has fewer."""
        columns = np.full((len(masks), n_shifts), -1)
        for row, mask in zip(columns, masks, strict=True):
            own = np.flatnonzero(mask)
            row[: len(own)] = own
        return columns

    def _steps(self, residuals, slopes, weights, damping):
        """(set, parameter) damped Gauss-Newton steps."""
        w = weights[:, self.field]
        a = slopes * w[:, :, None]
        curvature = np.einsum("bnp,bnq->bpq", a, a)
        gradient = np.einsum("bnp,bn->bp", a, residuals * w)
        diagonal = np.einsum("bpp->bp", curvature)
        broken = ~(np.isfinite(curvature).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1))
        curvature[broken], gradient[broken] = 0.0, 0.0
        lift = np.where(diagonal > 0, (damping[:, None] + 1e-14) * diagonal, 1.0)
        lift[broken] = 1.0
        p = np.arange(curvature.shape[1])
        curvature[:, p, p] += lift
        return -np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]

    def _moved(self, masks, values, states, steps, n_shifts):
        values, states = values.copy(), states.copy()
        for k, mask in enumerate(masks):
            values[k, mask] += steps[k, : mask.sum()]
        if self.fit_states:
            states += steps[:, n_shifts:].reshape(states.shape)
        return values, states

    def _cost(self, residuals, weights):
        with np.errstate(over="ignore", invalid="ignore"):
            cost = ((residuals * weights[:, self.field]) ** 2).sum(axis=1)
        return np.where(np.isfinite(cost), cost, np.inf)
