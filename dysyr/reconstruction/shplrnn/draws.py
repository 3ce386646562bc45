"""Random draws of windows, laid out for the kernels: groups of sixteen windows side by side."""

import numpy as np

from dysyr.kernels import forced_windows as forced
from dysyr.kernels.vector_code import LANES
from dysyr.kernels.windows import gather

NOISE_POOL = 2**16


class Draw:
    """A number of windows for each of some models, to be drawn again and again.

    Args:
        recipe: Recipe.
        windows: Windows.
        rngs: numpy Generators, one for each model; each draws a pool of noise first, then the windows.
        size: windows per model and draw.
        dtype: real type.
        jitter: standard deviation of the noise on what the models are forced with.

    Attributes:
        batch: Batch of the kernels.
        owner: (group,) the model of each group.
        n_valid: (group,) the number of windows in it that count.
        count: (model,) sum of the loss weights of the last draw.
    """

    def __init__(self, recipe, windows, rngs, size, dtype, jitter):
        self.recipe, self.windows, self.rngs, self.size = recipe, windows, rngs, size
        per_model = -(-size // LANES)
        self.owner = np.repeat(np.arange(len(rngs)), per_model)
        self.n_valid = np.tile(np.minimum(size - LANES * np.arange(per_model), LANES), len(rngs))
        self.batch = forced.empty_batch(recipe.shapes(), len(self.owner), recipe.n_steps + 1, dtype)
        self.count = np.zeros(len(rngs))
        self._lanes = np.minimum(np.arange(per_model * LANES), size - 1)
        self._data, self._observed, self._drive = (
            np.ascontiguousarray(part, dtype) for part in (windows.data, windows.observed, windows.drive)
        )
        self._noise = np.stack([rng.standard_normal(NOISE_POOL).astype(dtype) for rng in rngs])
        self._jitter = np.dtype(dtype).type(jitter)

    def fresh(self):
        """Fill the batch with windows drawn with replacement."""
        n = len(self.windows.starts)
        self._fill([rng.integers(0, n, self.size) for rng in self.rngs])

    def spaced(self):
        """Fill the batch with windows at even distances."""
        n = len(self.windows.starts)
        even = np.arange(self.size) * n // self.size
        self._fill([(even + rng.integers(0, n)) % n for rng in self.rngs])

    def _fill(self, chosen):
        starts = [self.windows.starts[windows][self._lanes] for windows in chosen]
        offsets = [rng.integers(0, NOISE_POOL, self.size)[self._lanes] for rng in self.rngs]
        gather(
            self._data, self._observed, self._drive, np.concatenate(starts).reshape(-1, LANES), self.n_valid,
            self.owner, self.recipe.warm_up, self._jitter, self._noise,
            np.concatenate(offsets).reshape(-1, LANES), self.batch, self.count,
        )  # fmt: skip
