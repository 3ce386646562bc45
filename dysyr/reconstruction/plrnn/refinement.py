"""Refinement of a trained network by Levenberg-Marquardt steps on the forced errors of many windows.

With all weighted errors of many windows in e, their derivatives by the parameters in the rows of S, and the
penalty d (theta - c)^2, one iteration solves

    (S'S / n + diag(d) + mu s I) step = -(S'e / n + d (theta - c)),       s = mean diagonal of S'S / n

and raises mu until the mean squared error sinks. Gradient descent is slow here because the kinks of
neighbouring units are nearly exchangeable; a few dozen such iterations do what 1e5 updates do not. The forcing strength
sinks in the second half of the iterations, so that the errors of ever longer forecasts count; slow systems need that.

Source: marquardt1963; windows and forcing as in hess2023.
"""

import math

import numpy as np
from scipy.linalg import LinAlgError, solve

from dysyr.kernels import forced_windows as forced
from dysyr.kernels.vector_code import LANES
from dysyr.reconstruction.plrnn.training import Draw, exponential, forcing_pattern, penalty

ROWS_PER_PARAMETER = 8
MAX_WINDOWS = 320
EVERY = 4
"""Steps between two rows of S in the matrix S'S. Derivatives change little from step to step, so that the sum over
every fourth is nearly a quarter of the whole, which the sum over every fourth window is not: refinements stall."""
FIRST_DAMPING = 1e-3
LEAST_DAMPING = 1e-9
MOST_DAMPING = 1e6
RAISE, LOWER = 4.0, 3.0
TRIALS = 8
HELD = 0.5
FINAL_SHARE = 0.05


class Refinement:
    """Levenberg-Marquardt iterations from the parameters that an attempt has reached.

    Args:
        recipe: Recipe.
        windows: Windows.
        rng: numpy Generator, draws the windows, once: the largest errors are rare, and draws would differ by them.
        theta: flat parameters.
        alpha: forcing strength that the attempt has reached.
        most_windows: see ``n_windows``.
    """

    def __init__(self, recipe, windows, rng, theta, alpha, *, most_windows=MAX_WINDOWS):
        self.recipe = recipe
        self.theta = np.array(theta, dtype=np.float64)
        self.alpha = float(alpha)
        self.count, self.damping = 0, FIRST_DAMPING
        shapes = recipe.shapes()
        self._shapes, self._size = shapes, recipe.network.n_refined(shapes)
        size = min(n_windows(recipe, self._size, most_windows), len(windows.starts))
        self._draw = Draw(recipe, windows, [rng], size, np.float64, 0.0, cut=False)
        self._draw.spaced()
        self._draw.release()
        n_groups = len(self._draw.owner)
        self._workspace = recipe.network.workspace(shapes, recipe.n_steps, np.float64, n_groups=n_groups)
        self._pattern = forcing_pattern(recipe.n_steps, recipe.interval).astype(np.float64)
        forced.check(
            shapes, self.theta[None], self._draw.owner, self._draw.batch, self._pattern[None], self._workspace
        )  # fmt: skip
        decay, centre = penalty(shapes, recipe.weight_decay, recipe.network.PENALISED)
        self._decay, self._centre = decay[: self._size].astype(np.float64), centre[: self._size].astype(np.float64)
        self._every = max(1, min(EVERY, recipe.n_steps // 2, size // n_needed(recipe, self._size)))

    @property
    def over(self):
        """Whether all iterations are done."""
        return self.count >= self.recipe.n_refinements

    def forcing_strength(self):
        """Strength of the next iteration; one that was estimated sinks to a twentieth in the second half."""
        if self.recipe.estimator is None:
            return self.alpha
        progress = self.count / self.recipe.n_refinements
        return exponential(self.alpha, FINAL_SHARE * self.alpha, max(0.0, progress - HELD) / (1 - HELD))

    def advance(self, n_iterations):
        """Run the next iterations, at most to the end of the recipe.

        Args:
            n_iterations: how many.

        Returns:
            (n,) mean squared errors.
        """
        n_iterations = min(n_iterations, self.recipe.n_refinements - self.count)
        return np.array([self._iterate() for _ in range(n_iterations)])

    @property
    def n_free(self):
        """Number of parameters that are refined."""
        return self._size

    def error(self, theta, alpha):
        """Mean squared error of the draw, with the penalty, of any parameters at any forcing strength."""
        return self._cost(theta, self._pattern * alpha)

    def curvature(self, theta, alpha):
        """S'S / n with the penalty, (n, n), at any parameters and forcing strength; not finite where they diverge."""
        strength = self._pattern * alpha
        self._cost(theta, strength)
        return self._normal_equations(theta, strength)[0]

    def _iterate(self):
        strength = self._pattern * self.forcing_strength()
        self.count += 1
        cost = self._cost(self.theta, strength)
        matrix, gradient = self._normal_equations(self.theta, strength)
        scale = np.trace(matrix) / self._size
        if not (math.isfinite(cost) and math.isfinite(scale) and scale > 0):
            return cost
        for _ in range(TRIALS):
            trial = self._step(matrix, gradient, self.damping * scale)
            value = self._cost(trial, strength)
            if value < cost:
                self.theta[:] = trial
                self.damping = max(self.damping / LOWER, LEAST_DAMPING)
                return value
            self.damping = min(self.damping * RAISE, MOST_DAMPING)
        return cost

    def _step(self, matrix, gradient, damping):
        """Parameters after one damped step; unchanged where the equations cannot be solved."""
        trial = self.theta.copy()
        try:
            trial[: self._size] -= solve(matrix + damping * np.eye(self._size), gradient, assume_a="pos")
        except LinAlgError:
            return self.theta
        return trial

    def _cost(self, theta, strength):
        """Mean squared error of the draw with the penalty; leaves the states in the workspace."""
        common, ws, losses = self._common(), self._workspace, np.zeros(1)
        if self.recipe.affine:
            ws.pseudo[0] = np.linalg.pinv(forced.views(theta, self._shapes).B)
        theta = theta[None]
        forced.prepare(theta, *common, 0, self.recipe.affine, ws)
        self.recipe.network.forward(
            theta, *common, 0, strength[None], self.recipe.network.form, self.recipe.affine, ws
        )  # fmt: skip
        forced.squared_error(theta, np.zeros_like(theta), *common, 0, self._draw.count, self.recipe.affine, ws, losses)
        return float(losses[0] + self._decay @ (theta[0, : self._size] - self._centre) ** 2)

    def _common(self):
        return forced.offsets(self._shapes), self._draw.owner, self._draw.batch

    def _normal_equations(self, theta, strength):
        """S'S / n with the penalty, and half the gradient of the cost, at the states of the last call of ``_cost``.

        The gradient is that of all errors, by the backward pass; S'S, which needs the derivatives of each error on its
        own and only shapes the step, is estimated from a part of the steps. Neither is finite where a window diverges;
        the iteration then changes nothing.
        """
        r, network, size, ws, batch = self.recipe, self.recipe.network, self._size, self._workspace, self._draw.batch
        slopes, row = np.zeros((1, theta.size)), theta[None]
        network.backward(row, slopes, *self._common(), 0, strength[None], network.form, r.affine, ws)
        forced.start_gradient(row, slopes, *self._common(), 0, r.affine, ws)
        p = forced.views(theta, self._shapes)
        every = self._every
        rows = np.empty((r.n_steps // every, r.n_observed, size))
        flat = rows.reshape(-1, size)
        matrix, counted = np.zeros((size, size)), 0.0
        for group, n_valid in enumerate(self._draw.n_valid):
            for lane in range(n_valid):
                network.sensitivities(p, batch, group, lane, strength, every, network.form, r.affine, ws, rows)
                with np.errstate(over="ignore", invalid="ignore"):
                    matrix += flat.T @ flat
                counted += float(batch.counts[group, every::every, :, lane].sum())
        matrix /= max(counted, 1.0)
        matrix[np.diag_indices(size)] += self._decay
        return matrix, slopes[0, :size] / 2 + self._decay * (theta[:size] - self._centre)

    def state(self):
        """Arrays and JSON-ready numbers from which ``restore`` goes on with the same bits."""
        return {"theta": self.theta.copy()}, {"count": self.count, "alpha": self.alpha, "damping": self.damping}

    def restore(self, arrays, numbers):
        """Take up a state made by ``state``."""
        self.theta[:] = arrays["theta"]
        self.count, self.alpha, self.damping = numbers["count"], numbers["alpha"], numbers["damping"]


def n_needed(recipe, n_parameters):
    """Windows that hold eight errors for each parameter."""
    return math.ceil(ROWS_PER_PARAMETER * n_parameters / ((recipe.n_steps - recipe.warm_up) * recipe.n_observed))


def n_windows(recipe, n_parameters, most=MAX_WINDOWS):
    """How many windows, where the data have as many: ``most``, fewer where more than 400 parameters make each of them
    dear, and enough for eight errors for each parameter. The price of a window grows with the square of the number of
    parameters.
    """
    affordable = most * min(1.0, (400 / n_parameters) ** 2)
    return LANES * math.ceil(max(n_needed(recipe, n_parameters), affordable) / LANES)
