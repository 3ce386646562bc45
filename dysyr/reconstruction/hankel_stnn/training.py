"""Training of a network on its own rollouts, and the choice of a checkpoint on validation data."""

import dataclasses
import time

import numpy as np
import torch

from dysyr.reconstruction.hankel_stnn.lbfgs import LBFGS
from dysyr.reconstruction.hankel_stnn.rollouts import Windows, rollout, set_readout

SECONDS_BETWEEN_WRITES = 5.0
ONE_STEP_SHARE = 0.4
N_READOUT_WINDOWS = 4000
STREAM = 0x48616E6B


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that fixes a training, beside the network, the data and the seed.

    Attributes:
        window: samples that the network sees.
        n_rollout: steps of the rollouts of the second stage.
        n_windows: rollouts in the sum.
        n_iterations: iterations of L-BFGS in all.
        n_checks: looks at validation data, at the ends of equal shares of the iterations.
        jitter: standard deviation of noise on the windows that rollouts start from, standardised units.
        residual: whether the network predicts the change of the last sample.
        change: (variable,) unit of its output, standardised units.
    """

    window: int
    n_rollout: int
    n_windows: int
    n_iterations: int
    n_checks: int
    jitter: float
    residual: bool
    change: np.ndarray

    def stages(self):
        """((steps of a rollout, iterations), ...)."""
        first = round(ONE_STEP_SHARE * self.n_iterations) if self.n_rollout > 1 else 0
        return tuple(s for s in ((1, first), (self.n_rollout, self.n_iterations - first)) if s[1])


class Training:
    """Minimises the mean squared error of rollouts over a fixed set of windows.

        L = mean over windows, steps and variables of ((xhat - x) / change)^2

    The readout begins at least squares for one step. L-BFGS then trains all parameters, first on one step, then on
    rollouts; each stage draws its windows and their noise once. The parameters of the best check are kept.

    Args:
        network: module with ``layers``, ``readout`` and ``offset``.
        pieces: list of (time, variable) standardised complete stretches.
        recipe: Recipe.
        seed: of windows and noise.
        criterion: function (network) -> float, lower is better.
    """

    def __init__(self, network, pieces, recipe, *, seed, criterion):
        self.network, self.recipe, self.seed, self.criterion = network, recipe, seed, criterion
        self.parameters = list(network.parameters())
        self._windows = Windows(pieces, recipe.window + recipe.n_rollout)
        self._one_step = Windows(pieces, recipe.window + 1)
        self._change = torch.tensor(recipe.change)
        self.history = {"iteration": [], "rollout": [], "loss": [], "criterion": []}
        set_readout(
            network, self._jittered(self._one_step.draw(N_READOUT_WINDOWS, self._rng(0)), self._rng(1)), recipe.change,
            recipe.residual,
        )  # fmt: skip
        self.best = (np.inf, 0, self.theta())
        self._begin(0, self.theta())

    def run(self, *, checkpoint=None, bar=None):
        """Train to the end and leave the network at the best check.

        Args:
            checkpoint: Checkpoint that is read first and written every few seconds, or None.
            bar: progress bar with ``update`` and ``set_postfix``, or None.

        Returns:
            (criterion, iteration) of the best check; the criterion is infinite where none gave a finite loss.
        """
        if checkpoint is not None and (saved := checkpoint.read()) is not None:
            self._restore(*saved)
        if bar is not None:
            bar.update(len(self.history["loss"]))
        written = time.monotonic()
        while not self.finished:
            self._check()
            if bar is not None:
                bar.update(1)
                bar.set_postfix(
                    loss=f"{self.history['loss'][-1]:.3g}", validation=f"{self.history['criterion'][-1]:.3f}",
                    refresh=False,
                )  # fmt: skip
            if checkpoint is not None and (self.finished or time.monotonic() - written > SECONDS_BETWEEN_WRITES):
                checkpoint.write(*self._state())
                written = time.monotonic()
        self._set(self.best[2])
        return self.best[:2]

    @property
    def finished(self):
        """Whether all iterations are made."""
        return self._done() >= self.recipe.n_iterations

    def theta(self):
        """(n,) all parameters in one row."""
        return np.concatenate([p.detach().numpy().ravel() for p in self.parameters])

    def loss(self, theta):
        """Loss of the current stage and its gradient, at parameters theta (n,)."""
        self._set(theta)
        for p in self.parameters:
            p.grad = None
        predicted = rollout(self.network.layers(), self._start, self._n_steps, self._change, self.recipe.residual)
        loss = (((predicted - self._target) / self._change) ** 2).mean()
        loss.backward()
        return loss.item(), np.concatenate([p.grad.numpy().ravel() for p in self.parameters])

    def _rng(self, *stream):
        return np.random.default_rng([self.seed, STREAM, *stream])

    def _jittered(self, windows, rng):
        """Windows with noise on all samples but the last, which is to be predicted."""
        noise = self.recipe.jitter * rng.normal(size=windows[:, :-1].shape)
        return np.concatenate([windows[:, :-1] + noise, windows[:, -1:]], axis=1)

    def _begin(self, stage, theta):
        self.stage = stage
        self._n_steps, self._n_iterations = self.recipe.stages()[stage]
        rng, n = self._rng(2, stage), self.recipe.window
        windows = (self._one_step if self._n_steps == 1 else self._windows).draw(self.recipe.n_windows, rng)
        noise = self.recipe.jitter * rng.normal(size=windows[:, :n].shape)
        self._start, self._target = torch.tensor(windows[:, :n] + noise), torch.tensor(windows[:, n:])
        self._optimiser, self._count = LBFGS(self.loss, theta), 0

    def _done(self):
        """Iterations made, over both stages."""
        return self._count + sum(iterations for _, iterations in self.recipe.stages()[: self.stage])

    def _check(self):
        """Advance to the next check, score, and keep the best."""
        every = -(-self.recipe.n_iterations // self.recipe.n_checks)
        goal = min(self._done() + every - self._done() % every, self.recipe.n_iterations)
        while self._done() < goal:
            if self._count == self._n_iterations:
                self._begin(self.stage + 1, self._optimiser.x)
            self._optimiser.step()
            self._count += 1
        self._set(self._optimiser.x)
        value = self.criterion(self.network) if np.isfinite(self._optimiser.value) else np.inf
        if value < self.best[0]:
            self.best = value, self._done(), self._optimiser.x.copy()
        row = (self._done(), self._n_steps, self._optimiser.value, value)
        for column, entry in zip(self.history.values(), row, strict=True):
            column.append(entry)

    def _set(self, theta):
        at = 0
        with torch.no_grad():
            for p in self.parameters:
                p.copy_(torch.from_numpy(theta[at : at + p.numel()]).reshape(p.shape))
                at += p.numel()

    def _state(self):
        arrays = {**self._optimiser.state(), "best": self.best[2]}
        arrays |= {f"history_{name}": np.asarray(column, dtype=np.float64) for name, column in self.history.items()}
        return arrays, {"stage": self.stage, "count": self._count, "best": list(self.best[:2])}

    def _restore(self, arrays, numbers):
        self._begin(numbers["stage"], arrays["x"])
        self._optimiser.restore(arrays)
        self._count = numbers["count"]
        self.best = (*numbers["best"], arrays["best"].copy())
        self.history = {name: list(arrays[f"history_{name}"]) for name in self.history}
