"""The encoder of windows with missing values: a controlled differential equation, driven by what was observed."""

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torchdiffeq import odeint


class ControlledEncoder(torch.nn.Module):
    """Features of each sample from a path through the observed values.

        du = f(u) dX,   u(0) = A X(0) + a,   f(u) = tanh(F_2 relu(F_1 u))
        forward[t] = GRU in both directions over u(0), ..., u(T - 1)

    X holds the natural cubic splines through the observed values of each variable, constant before the first and after
    the last of them; time; and for each variable the number of values that were observed so far, interpolated
    linearly. Values that are missing do not enter. Slopes of values are in units of ``change`` times the number of
    points of the path, so that all channels drive u alike. The midpoint rule takes one step from sample to sample.

    Args:
        n_variables: observed variables.
        hidden_dim: components of u, and units of the GRU in each direction.
        change: (variable,) standard deviations of changes, the unit of their slopes, standardised units.

    Reference: kidger2020
    """

    handles_missing = True

    def __init__(self, n_variables, hidden_dim, change):
        super().__init__()
        self.change = torch.tensor(change, dtype=torch.float32)
        n_path, self.n_features = 2 * n_variables + 1, 2 * hidden_dim
        self.start = torch.nn.Linear(n_path, hidden_dim)
        self.inner = torch.nn.Linear(hidden_dim, hidden_dim)
        self.outer = torch.nn.Linear(hidden_dim, hidden_dim * n_path)
        self.recurrence = torch.nn.GRU(hidden_dim, hidden_dim, batch_first=True, bidirectional=True)

    @staticmethod
    def prepare(x):
        """The control path of windows (window, time, variable), NaN where missing; see ``control_path``."""
        return control_path(x)

    def forward(self, path):
        """(window, time, feature) from a path as ``states`` takes it."""
        return self.recurrence(self.states(path))[0]

    def states(self, path):
        """(window, time, hidden) u.

        Args:
            path: (window, 1 + 2 (time - 1), channel) tensor: X(0), then slopes of X at the begin and in the middle of
                each interval between samples.
        """
        n = len(self.change)
        slopes = torch.cat([path[:, 1:, :n] / self.change / path.shape[1], path[:, 1:, n:]], dim=2)

        def field(s, u):
            k = int(2 * float(s) + 0.5)
            f = torch.tanh(self.outer(torch.relu(self.inner(u))))
            return torch.einsum("whc,wc->wh", f.reshape(*u.shape, -1), slopes[:, k])

        times = torch.arange(slopes.shape[1] // 2 + 1, dtype=path.dtype)
        return odeint(field, self.start(path[:, 0]), times, method="midpoint").transpose(0, 1)


def control_path(x):
    """Where the path through observed values begins, and its slopes where the midpoint rule asks for them.

    Args:
        x: (window, time, variable) array, NaN where missing.

    Returns:
        (window, 1 + 2 (time - 1), 2 variable + 1) array: X(0), dX/ds(0), dX/ds(1/2), dX/ds(1), dX/ds(3/2), ...; time s
        is counted in samples, the channel of time in windows. A variable that was never observed has value 0.
    """
    n_windows, n_times, n_variables = x.shape
    at = (np.arange(n_times - 1)[:, None] + np.array([0.0, 0.5])).ravel()
    path = np.zeros((n_windows, 2 * n_times - 1, 2 * n_variables + 1))
    for i, columns, knots in _observed(x):
        y = x[i][np.ix_(knots, columns)]
        path[i, 0, columns] = y[0]
        if len(knots) > 1:
            slope = CubicSpline(knots, y, bc_type="natural").derivative()(at)
            inside = (at >= knots[0]) & (at < knots[-1])
            path[i, 1:, columns] = np.where(inside[:, None], slope, 0.0).T
    counts = np.cumsum(np.isfinite(x), axis=1) / n_times
    path[:, 0, n_variables:-1] = counts[:, 0]
    path[:, 1:, n_variables:-1] = np.repeat(np.diff(counts, axis=1), 2, axis=1)
    path[:, 1:, -1] = 1 / n_times
    return path


def control_values(x):
    """The splines of ``control_path`` at the samples.

    Args:
        x: (window, time, variable) array, NaN where missing.

    Returns:
        (window, time, variable) array: x where it was observed; a variable that was never observed is 0.
    """
    values, at = np.zeros(x.shape), np.arange(x.shape[1])
    for i, columns, knots in _observed(x):
        y = x[i][np.ix_(knots, columns)]
        if len(knots) > 1:
            y = CubicSpline(knots, y, bc_type="natural")(at.clip(knots[0], knots[-1]))
        values[i, :, columns] = y.T
    return values


def _observed(x):
    """(window, columns, times) of all groups of columns that were observed at the same times, once at least."""
    for i, seen in enumerate(np.isfinite(x)):
        for columns in _alike(seen):
            if seen[:, columns[0]].any():
                yield i, columns, np.flatnonzero(seen[:, columns[0]])


def _alike(seen):
    """Columns of (time, variable) bool in groups that were observed at the same times."""
    groups = {}
    for column in range(seen.shape[1]):
        groups.setdefault(seen[:, column].tobytes(), []).append(column)
    return list(groups.values())
