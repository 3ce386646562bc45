"""Random draws of windows, laid out for the kernels: sixteen windows side by side."""

import numpy as np

from dysyr.kernels import shallow_plrnn as kernel

NOISE_POOL = 2**16


class Buffers:
    """Sixteen windows: targets, forcing signal, weights, inputs, and how many lanes count."""

    def __init__(self, recipe, dtype):
        shape = (recipe.n_steps + 1, recipe.n_observed, kernel.LANES)
        self.x, self.seen = np.zeros(shape, dtype=dtype), np.zeros(shape, dtype=dtype)
        self.w = np.zeros((2, *shape), dtype=dtype)
        self.u = np.zeros((recipe.n_steps + 1, recipe.n_inputs, kernel.LANES), dtype=dtype)
        self.n_valid = kernel.LANES


class Draw:
    """A number of windows, to be drawn again and again.

    Args:
        recipe: Recipe.
        windows: Windows.
        rng: numpy Generator; draws a pool of noise first, then the windows.
        size: windows per draw.
        dtype: real type.
        jitter: standard deviation of the noise on what the model is forced with.

    Attributes:
        batch: list of Buffers.
    """

    def __init__(self, recipe, windows, rng, size, dtype, jitter):
        self.recipe, self.windows, self.rng, self.size = recipe, windows, rng, size
        self.batch = [Buffers(recipe, dtype) for _ in range(-(-size // kernel.LANES))]
        self._noise = rng.standard_normal(NOISE_POOL).astype(dtype)
        self._jitter = np.dtype(dtype).type(jitter)

    def fresh(self):
        """Fill the buffers with windows drawn with replacement; returns the number of values that count."""
        return self._fill(self.rng.integers(0, len(self.windows.starts), self.size))

    def spaced(self):
        """Fill the buffers with windows at even distances; returns the number of values that count."""
        n = len(self.windows.starts)
        return self._fill((np.arange(self.size) * n // self.size + self.rng.integers(0, n)) % n)

    def _fill(self, chosen):
        r, data = self.recipe, self.windows
        starts = data.starts[chosen]
        offsets = self.rng.integers(0, NOISE_POOL, self.size)
        n_seen = 0.0
        for i, b in enumerate(self.batch):
            lanes = np.arange(i * kernel.LANES, (i + 1) * kernel.LANES)
            b.n_valid = int(np.clip(self.size - lanes[0], 0, kernel.LANES))
            lanes = np.minimum(lanes, self.size - 1)
            n_seen += kernel.gather(
                data.data, data.observed, starts[lanes], b.n_valid, r.warm_up, self._jitter, self._noise,
                offsets[lanes], b.x, b.seen, b.w,
            )  # fmt: skip
            if r.n_inputs:
                kernel.gather_rows(data.drive, starts[lanes], b.u)
        return n_seen
