"""Training in blocks, a look at validation data after each, and the choice of what is kept."""

import abc
import time

import numpy as np
import torch

SECONDS_BETWEEN_WRITES = 5.0


class Training(abc.ABC):
    """Trains a network from check to check and keeps the parameters of the last good one.

    A check is good if its criterion is at most SLACK times the least one so far: near the floor of the criterion
    differences are chance, and later parameters are trained for longer, at a lower rate. Subclasses say how to advance
    and what of their own has to be written down.

    Class attributes:
        SLACK: 1.25; with 1 the best check is kept.

    Args:
        network: torch module.
        n_iterations: iterations in all.
        n_checks: looks at validation data, at the ends of equal shares of the iterations.
        criterion: function (network) -> float, lower is better.

    Attributes:
        history: name -> list with one entry per check; "iteration" first, "loss" and "criterion" last.
        least: the least criterion so far.
        kept: (criterion, iteration, parameters) of the last good check.
    """

    SLACK = 1.25

    def __init__(self, network, *, n_iterations, n_checks, criterion):
        self.network, self.criterion = network, criterion
        self.n_iterations, self._every = n_iterations, -(-n_iterations // n_checks)
        self.parameters = list(network.parameters())
        self.history = {name: [] for name in ("iteration", *self.own_columns(), "loss", "criterion")}
        self.least, self.kept = np.inf, (np.inf, 0, self.theta())

    @staticmethod
    def own_columns():
        """Names of what a subclass notes at each check beside the shared columns."""
        return ()

    @abc.abstractmethod
    def done(self):
        """Iterations made."""

    @abc.abstractmethod
    def _advance(self, goal):
        """Iterate until ``goal`` iterations are made; returns the entries of the own columns, then the loss."""

    @abc.abstractmethod
    def _own_state(self):
        """(arrays, numbers) from which ``_restore_own`` goes on bit for bit."""

    @abc.abstractmethod
    def _restore_own(self, arrays, numbers):
        """Go back to the state that ``_own_state`` has described."""

    @property
    def finished(self):
        """Whether there is nothing left to do."""
        return self.done() >= self.n_iterations

    def run(self, *, checkpoint=None, bar=None):
        """Train to the end and leave the network at the last good check.

        Args:
            checkpoint: Checkpoint that is read first and written every few seconds, or None.
            bar: progress bar with ``update`` and ``set_postfix``, or None.

        Returns:
            (criterion, iteration) of that check; the criterion is infinite where none gave a finite loss.
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
        self._set(self.kept[2])
        return self.kept[:2]

    def theta(self):
        """(n,) all parameters in one row, float64."""
        return np.concatenate([p.detach().numpy().ravel() for p in self.parameters]).astype(np.float64)

    def _check(self):
        """Advance to the next check, score, and keep the parameters if they are good."""
        done = self.done()
        *own, loss = self._advance(min(done + self._every - done % self._every, self.n_iterations))
        value = self.criterion(self.network) if np.isfinite(loss) else np.inf
        self.least = min(self.least, value)
        if np.isfinite(value) and value <= self.SLACK * self.least:
            self.kept = value, self.done(), self.theta()
        for column, entry in zip(self.history.values(), (self.done(), *own, loss, value), strict=True):
            column.append(entry)

    def _set(self, theta):
        at = 0
        with torch.no_grad():
            for p in self.parameters:
                p.copy_(torch.from_numpy(theta[at : at + p.numel()]).reshape(p.shape))
                at += p.numel()

    def _state(self):
        arrays, numbers = self._own_state()
        arrays = {**arrays, "kept": self.kept[2]}
        arrays |= {f"history_{name}": np.asarray(column, dtype=np.float64) for name, column in self.history.items()}
        return arrays, {**numbers, "kept": list(self.kept[:2]), "least": self.least}

    def _restore(self, arrays, numbers):
        self._restore_own(arrays, numbers)
        self.least, self.kept = numbers["least"], (*numbers["kept"], arrays["kept"].copy())
        self.history = {name: list(arrays[f"history_{name}"]) for name in self.history}
