"""Training of the network on batches of windows, and the choice of weights on held-out windows."""

import dataclasses
import math
import time

import numpy as np
import torch

from dysyr.core.errors import NotConverged
from dysyr.reconstruction.koopman_vae.losses import Weights, loss_of

SECONDS_BETWEEN_WRITES = 5.0
STREAM = 0x4B6F6F70
BETAS = (0.9, 0.99)
WARM_UP = 0.1
LARGEST_GRADIENT = 1.0
AVERAGED = 0.995
"""Weights that are kept are a running mean over some two hundred updates."""
N_HELD = 512
USELESS = 100.0
"""A loss so many times that of the mean of the data is that of a latent path that ran away."""


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that fixes a training, beside the network, the data and the seed.

    Attributes:
        n_updates: steps of Adam.
        batch_size: windows of a batch, drawn with replacement.
        learning_rate: the largest; it rises over the first tenth of the training and falls to zero as a cosine.
        n_checks: looks at held-out windows, at the ends of equal shares of the updates.
        weights: Weights of the loss.
    """

    n_updates: int
    batch_size: int
    learning_rate: float
    n_checks: int
    weights: Weights

    def rate(self, update):
        """Learning rate of an update, counted from 0."""
        return rate_at((update + 1) / self.n_updates, self.learning_rate)


def rate_at(share, largest):
    """Learning rate when a share of the updates is done, this one among them."""
    if share < WARM_UP:
        return largest * share / WARM_UP
    return largest * 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))


class Training:
    """Adam on the loss of ``loss_of`` over random batches; the running mean of the weights is checked and kept.

    Random numbers of an update depend on the seed and its number alone, so that a training that was interrupted goes on
    with the same bits.

    Args:
        network: KoopmanNetwork.
        windows: WindowSet.
        held: WindowSet of held-out windows.
        recipe: Recipe.
        seed: of batches and noise.
    """

    def __init__(self, network, windows, held, recipe, *, seed):
        self.network, self.recipe, self.seed = network, recipe, seed
        self.windows = windows
        rng = np.random.default_rng([seed, STREAM, 0])
        self.held = self._batch(held, np.sort(rng.permutation(len(held))[:N_HELD]))
        self.held_noise = self._noise(rng, len(self.held[1]))
        self.parameters = network.trained_together()
        self.optimiser = torch.optim.Adam(self.parameters, lr=recipe.learning_rate, betas=BETAS)
        self.update = 0
        self.mean = self._theta()
        self.best = (math.inf, 0, self.mean.clone())
        weights = recipe.weights
        asked = ("rollout",) * (weights.rollout > 0) + ("spectrum",) * (weights.constraint is not None)
        parts = ("reconstruction", "divergence", "later_divergence", "prediction", *asked)
        self.history = {name: [] for name in ("update", "loss", "criterion", *parts)}

    def run(self, *, checkpoint=None, bar=None):
        """Train to the end and leave the network at the best check.

        Args:
            checkpoint: Checkpoint that is read first and written every few seconds, or None.
            bar: progress bar with ``update`` and ``set_postfix``, or None.

        Returns:
            (held-out loss, update) of the best check.

        Raises:
            NotConverged: a loss that is not finite, or in the end far above that of the mean of the data; where there
                is a checkpoint, its last state stays as it is.
        """
        if checkpoint is not None and (saved := checkpoint.read()) is not None:
            self._restore(*saved)
        if bar is not None:
            bar.update(len(self.history["update"]))
        written = time.monotonic()
        while self.update < self.recipe.n_updates:
            self._check()
            if bar is not None:
                bar.update(1)
                bar.set_postfix(loss=f"{self.history['loss'][-1]:.3g}", refresh=False)
            finished = self.update >= self.recipe.n_updates
            if checkpoint is not None and (finished or time.monotonic() - written > SECONDS_BETWEEN_WRITES):
                checkpoint.write(*self._state())
                written = time.monotonic()
        self._set(self.best[2])
        of_mean = 0.5 * math.prod(self.windows.shape)
        if self.best[0] > USELESS * (1 + self.recipe.weights.increment + self.recipe.weights.rollout) * of_mean:
            raise NotConverged(
                "the training diverged", got=f"a loss of {self.best[0]:.3g} at its best check",
                expected=f"about {of_mean:.3g} is that of the mean of the data",
                do="lower learning_rate, or shorten the window",
            )  # fmt: skip
        return self.best[:2]

    def _check(self):
        """Advance to the next check, score the running mean on held-out windows, keep the best."""
        every = -(-self.recipe.n_updates // self.recipe.n_checks)
        goal = min(self.update + every - self.update % every, self.recipe.n_updates)
        losses = []
        while self.update < goal:
            losses.append(self._step())
        now = self._theta()
        self._set(self.mean)
        with torch.no_grad():
            loss, parts = loss_of(self.network, *self.held, self.held_noise, self.recipe.weights, 1.0)
        self._set(now)
        value = float(loss)
        if value < self.best[0]:
            self.best = value, self.update, self.mean.clone()
        for name, entry in {"update": self.update, "loss": np.mean(losses), "criterion": value, **parts}.items():
            self.history[name].append(float(entry))

    def _step(self):
        rng = np.random.default_rng([self.seed, STREAM, 1, self.update])
        rows = rng.integers(0, len(self.windows), self.recipe.batch_size)
        self.optimiser.param_groups[0]["lr"] = self.recipe.rate(self.update)
        self.optimiser.zero_grad(set_to_none=True)
        loss, _ = loss_of(
            self.network, *self._batch(self.windows, rows), self._noise(rng, len(rows)), self.recipe.weights,
            self.update / self.recipe.n_updates,
        )  # fmt: skip
        value = float(loss.detach())
        if not math.isfinite(value):
            raise NotConverged(
                "the loss is not finite", got=f"{value} at update {self.update}", expected="a number",
                do="lower learning_rate, or the weights of prediction and spectrum",
            )  # fmt: skip
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, LARGEST_GRADIENT)
        self.optimiser.step()
        self.update += 1
        share = min(AVERAGED, (self.update - 1) / (self.update + 9))
        self.mean.mul_(share).add_(self._theta(), alpha=1 - share)
        return value

    @staticmethod
    def _batch(windows, chosen):
        """What the encoder takes of some windows, and the windows."""
        return windows.given(chosen), torch.tensor(windows.values(chosen), dtype=torch.float32)

    def _noise(self, rng, n):
        size = (n, self.windows.shape[0], self.network.latent_dim)
        return torch.from_numpy(rng.standard_normal(size, dtype=np.float32))

    def _theta(self):
        return torch.nn.utils.parameters_to_vector(self.parameters).detach().clone()

    def _set(self, theta):
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(theta.clone(), self.parameters)

    def _state(self):
        state = self.optimiser.state_dict()["state"]
        arrays = {"theta": self._theta().numpy(), "mean": self.mean.numpy(), "best": self.best[2].numpy()}
        for name in ("exp_avg", "exp_avg_sq"):
            arrays[name] = torch.cat([state[i][name].ravel() for i in range(len(self.parameters))]).numpy()
        arrays |= {f"history_{name}": np.asarray(column, dtype=np.float64) for name, column in self.history.items()}
        return arrays, {"update": self.update, "best": list(self.best[:2])}

    def _restore(self, arrays, numbers):
        self.update = numbers["update"]
        self._set(torch.tensor(arrays["theta"]))
        self.mean = torch.tensor(arrays["mean"])
        self.best = (*numbers["best"], torch.tensor(arrays["best"]))
        self.history = {name: arrays[f"history_{name}"].tolist() for name in self.history}
        state, at = {}, 0
        for i, p in enumerate(self.parameters):
            state[i] = {"step": torch.tensor(float(self.update))}
            for name in ("exp_avg", "exp_avg_sq"):
                state[i][name] = torch.tensor(arrays[name][at : at + p.numel()]).reshape(p.shape)
            at += p.numel()
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
