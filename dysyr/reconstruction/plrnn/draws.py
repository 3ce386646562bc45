"""Random draws of windows, laid out for the kernels: groups of sixteen windows side by side."""

import numpy as np

from dysyr.kernels import forced_windows as forced
from dysyr.kernels.vector_code import LANES
from dysyr.kernels.windows import gather

NOISE_POOL = 2**16


class Draw:
    """A number of windows for each of some models, to be drawn again and again.

    Where the whole state is observed and replaced every ``interval`` steps, nothing of a model crosses such a step: a
    window is then as good as its pieces between them. The pieces fill the lanes that a few long windows leave empty.

    Args:
        recipe: Recipe.
        windows: Windows.
        rngs: numpy Generators, one for each model; each draws a pool of noise first, then the windows.
        size: windows per model and draw.
        dtype: real type.
        jitter: standard deviation of the noise on what the models are forced with.
        cut: whether windows may be cut into pieces.
        noise: (model, n) pools of noise drawn earlier; by default they are drawn here.

    Attributes:
        noise: (model, n) pools of noise.
        batch: Batch of the kernels.
        n_steps: forced steps of each window, or of each piece.
        interval: steps between two forced steps within it.
        owner: (group,) the model of each group.
        n_valid: (group,) the number of windows or pieces in it that count.
        count: (model,) sum of the loss weights of the last draw.
    """

    def __init__(self, recipe, windows, rngs, size, dtype, jitter, *, cut=True, noise=None):
        self.windows, self.rngs, self.size = windows, rngs, size
        pieces = n_pieces(recipe, windows, size) if cut else 1
        self.n_steps = recipe.n_steps if pieces == 1 else recipe.interval
        self.interval = recipe.interval if pieces == 1 else self.n_steps
        per_model = -(-size * pieces // LANES)
        self.owner = np.repeat(np.arange(len(rngs)), per_model)
        self.n_valid = np.tile(np.minimum(size * pieces - LANES * np.arange(per_model), LANES), len(rngs))
        self.batch = forced.empty_batch(recipe.shapes(), len(self.owner), self.n_steps + 1, dtype)
        self.count = np.zeros(len(rngs))
        lanes = np.minimum(np.arange(per_model * LANES), size * pieces - 1)
        self._window, self._offset = lanes // pieces, lanes % pieces * self.n_steps
        self._scored = self._scored_samples(recipe)
        tail = ((0, self.n_steps), (0, 0))
        self._data, self._observed, self._drive = (
            np.ascontiguousarray(np.pad(part, tail), dtype)
            for part in (windows.data, windows.observed, windows.drive)
        )  # fmt: skip
        if noise is None:
            noise = np.stack([rng.standard_normal(NOISE_POOL).astype(dtype) for rng in rngs])
        self.noise = noise
        self._jitter = np.dtype(dtype).type(jitter)

    def _scored_samples(self, recipe):
        """First sample that counts and the one after the last, (group, 2, 16)."""
        first = np.clip(recipe.warm_up + 1 - self._offset, 1, self.n_steps + 1)
        last = np.minimum(recipe.n_steps + 1 - self._offset, self.n_steps + 1)
        valid = np.arange(LANES) < self.n_valid[:, None]
        first, last = (np.tile(part.reshape(-1, LANES), (len(self.rngs), 1)) for part in (first, last))
        return np.stack([first, np.where(valid, last, first)], axis=1)

    def fresh(self):
        """Fill the batch with windows drawn with replacement."""
        n = len(self.windows.starts)
        self._fill([rng.integers(0, n, self.size) for rng in self.rngs])

    def spaced(self):
        """Fill the batch with windows at even distances."""
        n = len(self.windows.starts)
        even = np.arange(self.size) * n // self.size
        self._fill([(even + rng.integers(0, n)) % n for rng in self.rngs])

    def release(self):
        """Let go of the copy of the data, which is as large as they are, after the last draw."""
        del self._data, self._observed, self._drive

    def _fill(self, chosen):
        n_observed = self.batch.x.shape[2]
        starts = [self.windows.starts[windows][self._window] + self._offset for windows in chosen]
        offsets = [
            rng.integers(0, NOISE_POOL, self.size)[self._window] + self._offset * n_observed for rng in self.rngs
        ]
        gather(
            self._data, self._observed, self._drive, np.concatenate(starts).reshape(-1, LANES), self._scored,
            self.owner, self._jitter, self.noise, np.concatenate(offsets).reshape(-1, LANES), self.batch, self.count,
        )  # fmt: skip


def n_pieces(recipe, windows, size):
    """Pieces into which each window is cut at its forced steps; 1 where that is not exact, or fills no more lanes."""
    hard = recipe.estimator is None and recipe.alpha == (1.0,)
    whole = recipe.latent_dim == recipe.n_observed and not recipe.affine and windows.observed.all()
    pieces = -(-recipe.n_steps // recipe.interval)
    steps = -(-size * pieces // LANES) * recipe.interval
    return pieces if hard and whole and steps < -(-size // LANES) * recipe.n_steps else 1
