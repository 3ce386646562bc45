"""Training in two stages: patches from true patches, then free runs whose law is compared with that of the data."""

import math
import time

import numpy as np
import torch

from dysyr.core.errors import NotConverged
from dysyr.reconstruction.phyxmamba.discrepancy import squared_mmd
from dysyr.reconstruction.phyxmamba.optimiser import FlatAdam
from dysyr.reconstruction.phyxmamba.windows import Windows, free_run
from dysyr.training.device import LossAndGradient

SECONDS_BETWEEN_WRITES = 5.0
STREAM = 0x50687978
MAX_SETBACKS = 3
PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.5, 5
SLACK = 1.5
"""A later check is kept unless its criterion exceeds the least one so far by this factor."""


class Training:
    """Trains a ``PatchNetwork``; the parameters of the last good check are kept.

        stage 1:  <(patch - truth)^2> + head_weight <<(patch of head k - truth)^2>>_k,   inputs true
        stage 2:  <(run - truth)^2> + w_c <MMD^2(truth_t, run_t)>_t + w_u <MMD^2(x_0, run_t)>_t

    A run appends its own patches to the window, and the gradient goes through all of it. The discrepancies are between
    samples over the batch, one for each step t; x_0, the first samples of the windows, stands for the invariant law.

    A check is good if its criterion is at most 1.5 times the least one so far: near the floor of the criterion
    differences are chance, and later parameters are trained for longer. An update with a loss that is not finite sets
    the parameters back to the last good check and halves the learning rate.

    Args:
        network: PatchNetwork, on the device on which it is trained.
        pieces: list of (time, variable) standardised complete stretches.
        recipe: Recipe.
        seed: of windows, noise and dropout.
        criterion: function (network) -> float, lower is better.

    Reference: liu2025phyxmamba
    """

    def __init__(self, network, pieces, recipe, *, seed, criterion):
        self.network, self.recipe, self.seed, self.criterion = network, recipe, seed, criterion
        self._device, shape = network.unit.device, network.shape
        self._spread = self._tensor(recipe.spread)
        lengths = (shape.patch, recipe.n_rollout)
        self._windows = [
            Windows(pieces, shape.window + n, self._device) if stage.n_updates else None
            for n, stage in zip(lengths, recipe.stages, strict=True)
        ]
        named = dict(network.named_parameters())
        self.optimiser = FlatAdam(list(named.values()))
        losses = (self._forced_loss, self._free_loss)
        self._losses = [LossAndGradient(loss, list(named.values())) for loss in losses]
        decoder = [torch.full((p.numel(),), float(name.startswith("decode"))) for name, p in named.items()]
        self._decoder = torch.cat(decoder).to(self._device)
        self.update, self.slowed, self.waited, self.setbacks = 0, 1.0, 0, 0
        self.history = {"update": [], "stage": [], "loss": [], "criterion": []}
        self.least = math.inf
        self.kept = (math.inf, 0, self.optimiser.theta.clone())
        self.after_first = self.optimiser.theta.clone()

    @property
    def n_updates(self):
        """Updates of both stages."""
        return sum(stage.n_updates for stage in self.recipe.stages)

    def run(self, *, checkpoint=None, bar=None):
        """Train to the end and leave the network at the last good check.

        Args:
            checkpoint: Checkpoint that is read first and written every few seconds, or None.
            bar: progress bar with ``update`` and ``set_postfix``, or None.

        Returns:
            (criterion, update) of that check.

        Raises:
            NotConverged: the loss was not finite four times.
        """
        if checkpoint is not None and (saved := checkpoint.read()) is not None:
            self._restore(*saved)
        if bar is not None:
            bar.update(len(self.history["loss"]))
        written = time.monotonic()
        while self.update < self.n_updates:
            self._check()
            if bar is not None:
                bar.update(1)
                bar.set_postfix(
                    loss=f"{self.history['loss'][-1]:.3g}", validation=f"{self.history['criterion'][-1]:.3f}",
                    refresh=False,
                )  # fmt: skip
            finished = self.update >= self.n_updates
            if checkpoint is not None and (finished or time.monotonic() - written > SECONDS_BETWEEN_WRITES):
                checkpoint.write(*self._state())
                written = time.monotonic()
        self.optimiser.theta.copy_(self.kept[2])
        return self.kept[:2]

    def _check(self):
        """Advance to the next check, score, and keep the parameters if they are good."""
        goal = self.recipe.goals()[len(self.history["update"])]
        while self.update < goal:
            loss = self._advance()
        value = self.criterion(self.network)
        self.waited = 0 if value < self.least else self.waited + 1
        self.least = min(value, self.least)
        if value <= SLACK * self.least:
            self.kept = value, self.update, self.optimiser.theta.clone()
        if self.recipe.schedule == "plateau" and self.waited > PLATEAU_PATIENCE:
            self.slowed, self.waited = self.slowed * PLATEAU_FACTOR, 0
        row = (self.update, self._stage(self.update - 1)[0] + 1, loss, value)
        for column, entry in zip(self.history.values(), row, strict=True):
            column.append(entry)

    def _stage(self, update):
        """(number of the stage, updates made in it) at an update."""
        first = self.recipe.stages[0].n_updates
        return (0, update) if update < first else (1, update - first)

    def _advance(self):
        """One update; its loss."""
        number, done = self._stage(self.update)
        stage = self.recipe.stages[number]
        if number == 1 and done == 0:
            self.optimiser.forget()
        rng = np.random.default_rng([self.seed, STREAM, number, done, self.setbacks])
        loss = self._losses[number](*self._drawn(number, rng)).item()
        if not math.isfinite(loss):
            self._set_back()
            return loss
        share = 0.5 + 0.5 * math.cos(math.pi * done / stage.n_updates)
        rate = stage.rate
        if self.recipe.schedule == "cosine":
            rate = stage.rate_end + (stage.rate - stage.rate_end) * share
        self.optimiser.step(
            rate * self.slowed, weight_decay=stage.weight_decay, clip=stage.clip,
            kept=self._decoder if done < stage.n_decoder else None,
        )  # fmt: skip
        self.update += 1
        if self.update == self.recipe.stages[0].n_updates:
            self.after_first.copy_(self.optimiser.theta)
        return loss

    def _set_back(self):
        self.setbacks += 1
        if self.setbacks > MAX_SETBACKS:
            raise NotConverged(
                "the loss of the training was not finite", got=f"{self.setbacks} times, last at update {self.update}",
                do="lower learning_rate or rollout_rate",
            )  # fmt: skip
        self.optimiser.theta.copy_(self.kept[2])
        self.optimiser.grad.zero_()
        self.optimiser.forget()
        self.slowed *= 0.5

    def _drawn(self, number, rng):
        """Windows of an update; noise on what the network sees of them, and which entries of its embedding it keeps,
        or None."""
        recipe, shape, count = self.recipe, self.network.shape, self.recipe.stages[number].batch_size
        windows, noise, kept = self._windows[number].draw(count, rng), None, None
        if recipe.jitter:
            noise = self._tensor(rng.normal(scale=recipe.jitter, size=(count, shape.window, shape.n_variables)))
        if recipe.dropout and number == 0:
            kept = self._tensor(rng.random((count, shape.n_tokens, shape.d_model)) < 1.0 - recipe.dropout)
        return windows, noise, kept

    def _tensor(self, values):
        return torch.tensor(values, dtype=torch.float32, device=self._device)

    def _shown(self, windows, noise):
        """The part of windows that the network sees: with noise."""
        seen = windows[:, : self.network.shape.window]
        return seen if noise is None else seen + noise

    def _forced_loss(self, windows, noise, kept):
        shape, share = self.network.shape, 1.0 - self.recipe.dropout
        drop = None if kept is None else lambda e: e * kept / share
        predicted, later = self.network.teacher_forced(self._shown(windows, noise), drop)
        truth = windows[:, shape.history + shape.patch :].unflatten(1, (-1, shape.patch))
        loss = (predicted - truth).square().mean()
        if later:
            heads = [(patch - truth[:, k:]).square().mean() for k, patch in enumerate(later, 1)]
            loss = loss + self.recipe.head_weight * sum(heads) / len(heads)
        return loss

    def _free_loss(self, windows, noise, kept):
        recipe, truth = self.recipe, windows[:, self.network.shape.window :]
        run = free_run(self.network, self._shown(windows, noise), recipe.n_rollout)
        loss = (run - truth).square().mean()
        first, truth, states = (x / self._spread for x in (windows[:, 0], truth, run))
        how = {"bandwidths": recipe.bandwidths, "estimator": recipe.estimator}
        states = states.transpose(0, 1)
        if recipe.conditional_weight:
            discrepancy = squared_mmd(truth.transpose(0, 1), states, **how)
            loss = loss + recipe.conditional_weight * discrepancy.mean()
        if recipe.unconditional_weight:
            discrepancy = squared_mmd(first.expand(len(states), -1, -1), states, **how)
            loss = loss + recipe.unconditional_weight * discrepancy.mean()
        return loss

    def _state(self):
        rows = {
            "theta": self.optimiser.theta, "m": self.optimiser.m, "v": self.optimiser.v, "kept": self.kept[2],
            "after_first": self.after_first,
        }  # fmt: skip
        arrays = {name: value.cpu().numpy() for name, value in rows.items()}
        arrays |= {f"history_{name}": np.asarray(column, dtype=np.float64) for name, column in self.history.items()}
        return arrays, {
            "update": self.update, "count": self.optimiser.count, "kept": list(self.kept[:2]), "least": self.least,
            "slowed": self.slowed, "waited": self.waited, "setbacks": self.setbacks,
        }  # fmt: skip

    def _restore(self, arrays, numbers):
        self.optimiser.theta.copy_(torch.from_numpy(arrays["theta"]))
        self.optimiser.m.copy_(torch.from_numpy(arrays["m"]))
        self.optimiser.v.copy_(torch.from_numpy(arrays["v"]))
        self.optimiser.count, self.update = numbers["count"], numbers["update"]
        self.slowed, self.waited, self.setbacks = (numbers[name] for name in ("slowed", "waited", "setbacks"))
        self.after_first.copy_(torch.from_numpy(arrays["after_first"]))
        self.least = numbers["least"]
        self.kept = (*numbers["kept"], torch.tensor(arrays["kept"], device=self._device))
        self.history = {name: list(arrays[f"history_{name}"]) for name in self.history}
