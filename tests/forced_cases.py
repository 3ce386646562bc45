"""Windows of noise for tests of forced networks."""

import numpy as np
import torch

from dysyr.kernels import forced_windows as forced
from dysyr.kernels.vector_code import LANES
from dysyr.kernels.windows import gather


def to_torch(lanes):
    """(time, dim, lane) to (lane, time, dim)."""
    return torch.tensor(np.ascontiguousarray(lanes.transpose(2, 0, 1), dtype=np.float64))


def random_batch(shapes, n_groups, n, dtype=np.float64, seed=1):
    """Windows of noise with missing values, one of them wholly missing, drawn by ``gather``."""
    rng = np.random.default_rng(seed)
    n_observed, n_inputs = forced.empty_batch(shapes, 1, 1).x.shape[2], shapes.C[1]
    observed = (rng.random((300, n_observed)) > 0.1).astype(dtype)
    observed[100:130] = 0
    data = rng.normal(size=observed.shape).astype(dtype) * observed
    drive = rng.normal(size=(300, n_inputs)).astype(dtype)
    starts = rng.integers(0, len(data) - n, (n_groups, LANES))
    starts[0, 0] = 101
    batch, count = forced.empty_batch(shapes, n_groups, n, dtype), np.zeros(n_groups)
    scored = np.stack([np.full(starts.shape, n // 10 + 1), np.full(starts.shape, n)], axis=1)
    scored[-1, 1, 11:] = 0
    noise, offsets = rng.normal(size=(n_groups, 64)).astype(dtype), rng.integers(0, 64, starts.shape)
    gather(
        data, observed, drive, starts, scored, np.arange(n_groups), dtype(0.1), noise, offsets, batch, count
    )  # fmt: skip
    return batch, count
