"""Small recurrent networks that are trained after the fact to judge generated windows, many side by side.

A judge is a one-layer GRU with a linear output. Since it is small, most of its time is overhead: all judges of an
evaluation (repetitions, controls, floors) are therefore trained at once, along a leading axis; each sees its own
windows, in its own order, and its weights do not touch those of the others.
"""

import dataclasses
import math

import numpy as np
import torch
from threadpoolctl import threadpool_limits


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How judges are trained: Adam on batches drawn with replacement.

    Attributes:
        n_hidden: units of the GRU.
        n_iterations: steps of Adam.
        batch_size: windows of a batch, of each kind.
        learning_rate: of Adam, at the beginning.
        falling: whether the rate falls to zero along half a cosine; else it stays.
    """

    n_hidden: int
    n_iterations: int = 600
    batch_size: int = 128
    learning_rate: float = 1e-2
    falling: bool = True


class Judges(torch.nn.Module):
    """GRUs side by side: judge k maps its own windows to one number at each time.

        r = s(W_r x + U_r h + b_r + c_r),   u = s(W_u x + U_u h + b_u + c_u),
        n = tanh(W_n x + b_n + r (U_n h + c_n)),   h' = (1 - u) n + u h,   y = v h' + d

    Args:
        n_judges: how many.
        n_inputs: variables of a window.
        n_hidden: units of each.
        rng: NumPy generator of the initial weights, uniform in +-1/sqrt(n_hidden).

    Reference: cho2014
    """

    def __init__(self, n_judges, n_inputs, n_hidden, rng):
        super().__init__()
        bound = 1 / math.sqrt(n_hidden)

        def uniform(*size):
            return torch.nn.Parameter(torch.tensor(rng.uniform(-bound, bound, size), dtype=torch.float32))

        self.n_hidden = n_hidden
        self.inward = uniform(n_judges, n_inputs, 3 * n_hidden)
        self.recurrent = uniform(n_judges, n_hidden, 3 * n_hidden)
        self.inward_bias = uniform(n_judges, 1, 3 * n_hidden)
        self.recurrent_bias = uniform(n_judges, 1, 3 * n_hidden)
        self.readout = uniform(n_judges, n_hidden, 1)
        self.offset = uniform(n_judges, 1, 1)

    def forward(self, x):
        """(judge, window, time) outputs; x (judge, window, time, variable)."""
        n_judges, n_windows, n_times, _ = x.shape
        driven = torch.baddbmm(self.inward_bias, x.reshape(n_judges, n_windows * n_times, -1), self.inward)
        driven = driven.reshape(n_judges, n_windows, n_times, -1).unbind(2)
        h, m = x.new_zeros(n_judges, n_windows, self.n_hidden), self.n_hidden
        states = []
        for drive in driven:
            own = torch.baddbmm(self.recurrent_bias, h, self.recurrent)
            gates = torch.sigmoid(drive[..., : 2 * m] + own[..., : 2 * m])
            new = torch.tanh(drive[..., 2 * m :] + gates[..., :m] * own[..., 2 * m :])
            h = new + gates[..., m:] * (h - new)
            states.append(h)
        states = torch.stack(states, dim=2).reshape(n_judges, n_windows * n_times, m)
        return torch.baddbmm(self.offset, states, self.readout).reshape(n_judges, n_windows, n_times)


def accuracies(trials, recipe, *, seed):
    """How often a judge tells two sets of windows apart that it was not trained on.

    Args:
        trials: list of (first, second, first for the test, second for the test), (window, time, variable) arrays, of
            order one, since judges see them as they are; one judge is trained for each.
        recipe: Recipe.
        seed: of weights and batches.

    Returns:
        (trial,) shares of right answers in the test, the mean of both sets.

    Reference: yoon2019
    """
    rng, n = np.random.default_rng([seed, 0x64697363]), recipe.batch_size
    sets = [[torch.tensor(x, dtype=torch.float32) for x in trial] for trial in trials]
    judges = Judges(len(trials), sets[0][0].shape[2], recipe.n_hidden, rng)
    wanted = torch.cat([torch.ones(len(trials), n), torch.zeros(len(trials), n)], dim=1)

    def loss():
        x = torch.stack([torch.cat([_drawn(x, n, rng) for x in trial[:2]]) for trial in sets])
        out = judges(x)[:, :, -1]
        return torch.nn.functional.binary_cross_entropy_with_logits(out, wanted, reduction="none").mean(dim=1).sum()

    _train(judges, loss, recipe)
    with torch.no_grad(), threadpool_limits(1):
        shares = [_each(judges, [trial[k] for trial in sets], sign) for k, sign in ((2, 1), (3, -1))]
    return np.mean(shares, axis=0)


def prediction_errors(trials, recipe, *, seed):
    """Error on the second set of judges that learned one-step prediction of the last variable on the first.

    The judge sees all variables but the last up to a time, or the only variable, and predicts the last one a step
    later; it is trained on absolute errors.

    Args:
        trials: list of (windows to learn from, windows of the test), (window, time, variable) arrays.
        recipe: Recipe.
        seed: of weights and batches.

    Returns:
        (trial,) mean absolute errors in the test, in the units of the windows.

    Reference: yoon2019
    """
    rng = np.random.default_rng([seed, 0x70726564])
    sets = [[torch.tensor(x, dtype=torch.float32) for x in trial] for trial in trials]
    n_variables = sets[0][0].shape[2]
    judges = Judges(len(trials), max(n_variables - 1, 1), recipe.n_hidden, rng)

    def errors(x):
        """(judge, window) mean absolute errors."""
        seen = x[:, :, :-1, : max(n_variables - 1, 1)]
        return (torch.sigmoid(judges(seen)) - x[:, :, 1:, -1]).abs().mean(dim=2)

    def loss():
        return errors(torch.stack([_drawn(trial[0], recipe.batch_size, rng) for trial in sets])).mean(dim=1).sum()

    _train(judges, loss, recipe)
    with torch.no_grad(), threadpool_limits(1):
        found = errors(_padded([trial[1] for trial in sets])).double().numpy()
    return np.array([row[: len(trial[1])].mean() for row, trial in zip(found, sets, strict=True)])


def _train(judges, loss, recipe):
    """Adam on the sum of losses, which keeps judges apart."""
    optimiser = torch.optim.Adam(judges.parameters(), lr=recipe.learning_rate)
    with threadpool_limits(1):
        for k in range(recipe.n_iterations):
            fall = 0.5 * (1 + math.cos(math.pi * k / recipe.n_iterations))
            optimiser.param_groups[0]["lr"] = recipe.learning_rate * (fall if recipe.falling else 1.0)
            optimiser.zero_grad(set_to_none=True)
            loss().backward()
            optimiser.step()


def _drawn(x, n, rng):
    return x[torch.from_numpy(rng.integers(0, len(x), n))]


def _each(judges, sets, sign):
    """(judge,) share of windows whose last output has the given sign; sets may differ in size."""
    right = (sign * judges(_padded(sets))[:, :, -1] > 0).numpy()
    return np.array([row[: len(x)].mean() for row, x in zip(right, sets, strict=True)])


def _padded(sets):
    """(judge, window, time, variable) from one set of windows for each judge, zeros where a set has fewer."""
    n = max(len(x) for x in sets)
    return torch.stack([torch.cat([x, x.new_zeros(n - len(x), *x.shape[1:])]) for x in sets])
