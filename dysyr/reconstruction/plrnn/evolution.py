"""Evolution of a trained network towards the long-run statistics of the data.

Errors of forecasts do not tell models apart that forecast alike and live on different attractors; where a network
cannot be exact, the one that forecasts best contracts too much. The mean theta of a population is therefore moved so
that free runs visit the states of the data in their order, as long as it forecasts nearly as well:

    J(theta) = distance(free runs) + min(1, max(0, E(theta) / E_0 - 1) / 10)
    theta_k = theta + s C^(-1/2) xi_k,    xi_k ~ N(0, I) in pairs +-xi,    C = S'S / n + mu I
    theta <- theta + s C^(-1/2) sum_k w_k xi_k    over the best quarter, w_k falling with the logarithm of the rank

E is the mean squared error of forced forecasts, S its derivatives: changes are large where forecasts do not see them.
The size s makes E rise by 60 % in the mean at first and by 2 % at the end, were it quadratic; the share falls
exponentially. Wide populations find another basin, narrow ones its floor. With fewer than 5,000 samples the first share
is smaller in proportion, but not below the last: a far basin would be one of their accidents. Gradients through chaotic
runs explode, ranks do not.

Source: the strategy is that of hansen2001 with a fixed covariance; distance and covariance are dysyr's own.
"""

import dataclasses
import math

import numpy as np

from dysyr.reconstruction.plrnn.long_run import trust
from dysyr.reconstruction.plrnn.refinement import Refinement
from dysyr.reconstruction.plrnn.training import exponential

POPULATION = 32
PARENTS = 8
TEMPERATURES = (0.6, 0.02)
"""Share by which E rises in the mean of the population, in the first and in the last generation."""
MU = 1e-2
"""Share of the mean curvature added to all directions: what forecasts do not see at all is not free to explode."""
MOST_RISE = 10.0
GENERATIONS_PER_METRIC = 50
MOST_WINDOWS = 96
"""Of E, which only has to tell that forecasts are lost: it falls as the runs come nearer to the data."""
FORECAST_INTERVALS = 3
"""Forced steps of sparse forcing are that much rarer in E: forecasts over one interval hardly see the growth of small
spirals, and exponents come out too large."""


class Evolution:
    """Generations from the parameters that an attempt has reached.

    Args:
        recipe: Recipe.
        windows: Windows.
        rngs: two numpy Generators; the first draws the windows of E, the second all else.
        theta: flat parameters.
        alpha: forcing strength that the attempt has reached.
        distance: function (theta, rng) -> distance of free runs, the orbits drawn by rng.
    """

    def __init__(self, recipe, windows, rngs, theta, alpha, distance):
        self.recipe, self.distance, self.rng, self.alpha = recipe, distance, rngs[1], float(alpha)
        longer = min(FORECAST_INTERVALS * recipe.interval, recipe.n_steps) if recipe.interval > 1 else 1
        seen = dataclasses.replace(recipe, interval=longer)
        self._forecasts = Refinement(seen, windows, rngs[0], theta, alpha, most_windows=MOST_WINDOWS)
        self.theta = self._forecasts.theta
        self.count = 0
        self._size = self._forecasts.n_free
        first, last = TEMPERATURES
        self._temperatures = max(last, first * trust(int(windows.observed.any(axis=1).sum()))), last
        weights = np.log(PARENTS + 0.5) - np.log(np.arange(1, PARENTS + 1))
        self._weights = weights / weights.sum()
        self._first = self._forecasts.error(self.theta, self.alpha)
        self._measure()

    @property
    def over(self):
        """Whether all generations are done."""
        return self.count >= self.recipe.n_generations

    def forcing_strength(self):
        """The strength with which E is measured."""
        return self.alpha

    def advance(self, n_generations):
        """Run the next generations, at most to the end of the recipe.

        Args:
            n_generations: how many.

        Returns:
            (n,) mean squared errors E of the mean of the population.
        """
        n_generations = min(n_generations, self.recipe.n_generations - self.count)
        return np.array([self._generation() for _ in range(n_generations)])

    def _generation(self):
        if self.count and self.count % GENERATIONS_PER_METRIC == 0:
            self._measure()
        self.count += 1
        if self._scale is None:
            return self._first
        half = self.rng.standard_normal((POPULATION // 2, self._size))
        changes = np.concatenate([half, -half])
        orbits = int(self.rng.integers(2**63))
        values = np.array([self._value(self._moved(change), orbits) for change in changes])
        best = np.argsort(values, kind="stable")[:PARENTS]
        self.theta[:] = self._moved(self._weights @ changes[best])
        return self._forecasts.error(self.theta, self.alpha)

    def _moved(self, change):
        """Parameters after a change in units of the population's size."""
        theta = self.theta.copy()
        theta[: self._size] += math.sqrt(self._temperature()) * (self._scale @ change)
        return theta

    def _temperature(self):
        progress = (self.count - 1) / max(1, self.recipe.n_generations - 1)
        return exponential(*self._temperatures, progress)

    def _value(self, theta, orbits):
        error = self._forecasts.error(theta, self.alpha)
        rise = max(0.0, error / self._first - 1.0) / MOST_RISE if np.isfinite(error) else 1.0
        return self.distance(theta, np.random.default_rng(orbits)) + min(1.0, rise)

    def _measure(self):
        """s C^(-1/2) at the present mean, for a share of 1; None where the forecasts there are not finite, which stops
        the evolution."""
        self._measured_at = self.theta.copy()
        curvature = self._forecasts.curvature(self.theta, self.alpha)
        self._scale = None
        if np.isfinite(curvature).all() and self._first > 0:
            eigenvalues, vectors = np.linalg.eigh(curvature)
            eigenvalues = np.maximum(eigenvalues, 0.0) + MU * np.trace(curvature) / self._size
            size = np.sqrt(self._first / self._size)
            seen = np.diag(curvature) > 0
            self._scale = size * seen[:, None] * vectors / np.sqrt(eigenvalues)

    def state(self):
        """Arrays and JSON-ready numbers from which ``restore`` goes on with the same bits."""
        arrays = {"theta": self.theta.copy(), "measured_at": self._measured_at.copy()}
        numbers = {
            "count": self.count, "alpha": self.alpha, "first": self._first, "rng": self.rng.bit_generator.state,
        }  # fmt: skip
        return arrays, numbers

    def restore(self, arrays, numbers):
        """Take up a state made by ``state``."""
        self.count, self.alpha, self._first = numbers["count"], numbers["alpha"], numbers["first"]
        self.theta[:] = arrays["measured_at"]
        self._measure()
        self.theta[:] = arrays["theta"]
        self.rng.bit_generator.state = numbers["rng"]
