"""Training of a network on its own rollouts."""

import dataclasses

import numpy as np
import torch

from dysyr.reconstruction.hankel_stnn.lbfgs import LBFGS
from dysyr.reconstruction.hankel_stnn.rollouts import rollout, set_readout
from dysyr.training.loop import Training
from dysyr.training.windows import Windows

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


class RolloutTraining(Training):
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

    SLACK = 1.0

    def __init__(self, network, pieces, recipe, *, seed, criterion):
        self.recipe, self.seed = recipe, seed
        self._windows = Windows(pieces, recipe.window + recipe.n_rollout, "window and rollout")
        self._one_step = Windows(pieces, recipe.window + 1)
        self._change = torch.tensor(recipe.change)
        set_readout(
            network, self._jittered(self._one_step.draw(N_READOUT_WINDOWS, self._rng(0)), self._rng(1)), recipe.change,
            recipe.residual,
        )  # fmt: skip
        super().__init__(network, n_iterations=recipe.n_iterations, n_checks=recipe.n_checks, criterion=criterion)
        self._begin(0, self.theta())

    @staticmethod
    def own_columns():
        return ("rollout",)

    def done(self):
        return self._count + sum(iterations for _, iterations in self.recipe.stages()[: self.stage])

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
        self._n_steps, self._stage_iterations = self.recipe.stages()[stage]
        rng, n = self._rng(2, stage), self.recipe.window
        windows = (self._one_step if self._n_steps == 1 else self._windows).draw(self.recipe.n_windows, rng)
        noise = self.recipe.jitter * rng.normal(size=windows[:, :n].shape)
        self._start, self._target = torch.tensor(windows[:, :n] + noise), torch.tensor(windows[:, n:])
        self._optimiser, self._count = LBFGS(self.loss, theta), 0

    def _advance(self, goal):
        while self.done() < goal:
            if self._count == self._stage_iterations:
                self._begin(self.stage + 1, self._optimiser.x)
            self._optimiser.step()
            self._count += 1
        self._set(self._optimiser.x)
        return self._n_steps, self._optimiser.value

    def _own_state(self):
        return self._optimiser.state(), {"stage": self.stage, "count": self._count}

    def _restore_own(self, arrays, numbers):
        self._begin(numbers["stage"], arrays["x"])
        self._optimiser.restore(arrays)
        self._count = numbers["count"]
