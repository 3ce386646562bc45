"""Limited-memory BFGS as a state that is advanced step by step and can be written down between two steps."""

import numpy as np

MEMORY = 10
ENOUGH_DESCENT = 1e-4
SHORTEST = 1e-8
CURVATURE = 1e-10


class LBFGS:
    """Minimises a smooth function; backtracking on the descent, pairs of positive curvature only.

    Args:
        function: x (n,) -> (value, gradient (n,)).
        x: (n,) start.

    Attributes:
        x: (n,) current point.
        value: function there.
        at_rest: whether no shorter step along the steepest descent lowered the function.

    Reference: liu1989
    """

    def __init__(self, function, x):
        self.function, self.x = function, np.array(x, dtype=np.float64)
        self.value, self.gradient = function(self.x)
        self.steps, self.changes = np.empty((0, self.x.size)), np.empty((0, self.x.size))
        self.at_rest = not np.isfinite(self.value)

    def step(self):
        """One step downhill; returns the value."""
        if self.at_rest:
            return self.value
        direction = self._direction()
        slope = float(direction @ self.gradient)
        stride = 1.0 if len(self.steps) else min(1.0, 1.0 / max(np.linalg.norm(self.gradient), 1e-300))
        while True:
            x = self.x + stride * direction
            value, gradient = self.function(x)
            if np.isfinite(value) and value <= self.value + ENOUGH_DESCENT * stride * slope:
                break
            stride *= 0.5 if not np.isfinite(value) else _shrink(stride, slope, value - self.value)
            if stride < SHORTEST:
                self.at_rest = len(self.steps) == 0
                self.steps, self.changes = self.steps[:0], self.changes[:0]
                return self.value
        s, y = x - self.x, gradient - self.gradient
        if s @ y > CURVATURE * np.linalg.norm(s) * np.linalg.norm(y):
            self.steps = np.concatenate([self.steps[-MEMORY + 1 :], s[None]])
            self.changes = np.concatenate([self.changes[-MEMORY + 1 :], y[None]])
        self.x, self.value, self.gradient = x, value, gradient
        self.at_rest = not gradient.any()
        return value

    def _direction(self):
        """Minus the gradient times the inverse Hessian of the remembered pairs."""
        q, weights = self.gradient.copy(), []
        for s, y in zip(self.steps[::-1], self.changes[::-1], strict=True):
            weights.append(s @ q / (s @ y))
            q -= weights[-1] * y
        if len(self.steps):
            s, y = self.steps[-1], self.changes[-1]
            q *= (s @ y) / (y @ y)
        for s, y, weight in zip(self.steps, self.changes, weights[::-1], strict=True):
            q += (weight - y @ q / (s @ y)) * s
        return -q

    def state(self):
        """Arrays from which ``restore`` goes on with the same bits."""
        return {
            "x": self.x, "gradient": self.gradient, "steps": self.steps, "changes": self.changes,
            "value": np.array([self.value]), "at_rest": np.array([self.at_rest]),
        }  # fmt: skip

    def restore(self, state):
        """Take up a state made by ``state``."""
        self.x, self.gradient = state["x"].copy(), state["gradient"].copy()
        self.steps, self.changes = state["steps"].copy(), state["changes"].copy()
        self.value, self.at_rest = float(state["value"][0]), bool(state["at_rest"][0])


def _shrink(stride, slope, rise):
    """Factor that leads to the minimum of a parabola through value, slope and rise, within a tenth and a half."""
    return float(np.clip(-slope * stride / (2 * (rise - slope * stride)), 0.1, 0.5))
