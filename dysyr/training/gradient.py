"""Training by Adam on a loss that is drawn anew for each update."""

import dataclasses

import numpy as np
import torch

from dysyr.training.loop import Training

STREAM = 0x4772614465


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        n_updates: updates.
        n_checks: looks at validation data.
        learning_rate, learning_rate_end: of Adam, exponentially from the first to the second.
        gradient_clip: bound on the norm of the gradient.
    """

    n_updates: int
    n_checks: int
    learning_rate: float
    learning_rate_end: float
    gradient_clip: float

    def rate(self, done):
        """Learning rate after ``done`` updates."""
        return self.learning_rate * (self.learning_rate_end / self.learning_rate) ** (done / self.n_updates)


class GradientTraining(Training):
    """Adam, from check to check. It ends early where a loss is not finite.

    Update k draws all its random numbers from the seed and k, so that nothing of a generator has to be kept.

    Args:
        network: torch module.
        loss: function (updates made, numpy Generator) -> scalar tensor.
        schedule: Schedule.
        seed: seed.
        criterion: function (network) -> float, lower is better.

    Reference: kingma2015
    """

    def __init__(self, network, loss, schedule, *, seed, criterion):
        super().__init__(network, n_iterations=schedule.n_updates, n_checks=schedule.n_checks, criterion=criterion)
        self.loss, self.schedule, self.seed = loss, schedule, seed
        self._optimiser = torch.optim.Adam(self.parameters, lr=schedule.learning_rate)
        self._count, self._alive = 0, True

    @property
    def finished(self):
        return super().finished or not self._alive

    def done(self):
        return self._count

    def _advance(self, goal):
        losses = []
        while self._count < goal and self._alive:
            for group in self._optimiser.param_groups:
                group["lr"] = self.schedule.rate(self._count)
            self._optimiser.zero_grad(set_to_none=True)
            loss = self.loss(self._count, np.random.default_rng([self.seed, STREAM, self._count]))
            loss.backward()
            size = torch.nn.utils.clip_grad_norm_(self.parameters, self.schedule.gradient_clip)
            self._alive = bool(torch.isfinite(loss) and torch.isfinite(size))
            if self._alive:
                self._optimiser.step()
            losses.append(loss.item() if self._alive else np.inf)
            self._count += 1
        return (float(np.mean(losses)),)

    def _own_state(self):
        arrays = {"theta": self.theta()}
        for i, moments in self._optimiser.state_dict()["state"].items():
            for name, value in moments.items():
                arrays[f"adam_{i}_{name}"] = value.numpy().copy()
        return arrays, {"count": self._count, "alive": self._alive}

    def _restore_own(self, arrays, numbers):
        self._set(arrays["theta"])
        self._count, self._alive = numbers["count"], numbers["alive"]
        state = self._optimiser.state_dict()
        for name, value in arrays.items():
            if name.startswith("adam_"):
                i, moment = name.removeprefix("adam_").split("_", 1)
                state["state"].setdefault(int(i), {})[moment] = torch.from_numpy(value.copy())
        self._optimiser.load_state_dict(state)
