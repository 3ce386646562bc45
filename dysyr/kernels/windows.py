"""Windows of a long series, copied into the lanes of a batch."""

import numpy as np

from dysyr.kernels.jit import jit
from dysyr.kernels.vector_blocks import sum_over_steps
from dysyr.kernels.vector_code import LANES


@jit
def gather(data, observed, drive, starts, scored, owner, jitter, noise, offsets, batch, count):
    """Copy windows into lanes and set the weights of the loss.

        x[g, t, k, i] = data[starts[g, i] + t, k]                       what is to be predicted
        seen[g, t, k, i] = x[g, t, k, i] + jitter * fresh normal        what the model is forced with

    A prediction counts in the loss where there is a value and its sample is in the lane's range: padding has an empty
    one, and the first predictions of a window may be left out, which still carry the noise of the first sample.

    Args:
        data: (total, N), zero where missing; every window lies within.
        observed: (total, N), 1 where there is a value, else 0.
        drive: (total, K) inputs.
        starts: (group, 16) first rows of the windows.
        scored: (group, 2, 16) first sample that counts, and the one after the last.
        owner: (group,) model of each group.
        jitter: standard deviation of the noise on what the model is forced with.
        noise: (model, 2^k) standard normal numbers.
        offsets: (group, 16) where each window begins to read them.
        batch: Batch of ``forced_windows``, filled.
        count: (model,) float64, filled with the sums of the loss weights.
    """
    n_groups, n, n_observed, _ = batch.x.shape
    n_inputs, zero = drive.shape[1], batch.x.dtype.type(0)
    lanes, last = np.uint64(LANES), np.uint64(noise.shape[1] - 1)
    values, presence, inputs = data.reshape(-1), observed.reshape(-1), drive.reshape(-1)
    row, begin, total = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64), np.empty(LANES, data.dtype)
    width, n_drives = np.uint64(n_observed), np.uint64(n_inputs)
    count[:] = 0.0
    for g in range(n_groups):
        x, seen, there, counts, u = (
            batch.x[g].reshape(-1), batch.seen[g].reshape(-1), batch.observed[g].reshape(-1),
            batch.counts[g].reshape(-1), batch.u[g].reshape(-1),
        )  # fmt: skip
        pool = noise[owner[g]]
        for i in range(LANES):
            row[i], begin[i], total[i] = starts[g, i], offsets[g, i], zero
        # unsigned indices: numba needs no check for negative ones, and the loops stay tight
        for q in range(np.uint64(n) * width):
            for i in range(lanes):
                source, place = row[i] * width + q, q * lanes + i
                x[place] = values[source]
                there[place] = presence[source]
                seen[place] = pool[(begin[i] + q) & last]
        for q in range(np.uint64(n) * n_drives):
            for i in range(lanes):
                u[q * lanes + i] = inputs[row[i] * n_drives + q]
        for place in range(np.uint64(x.size)):
            seen[place] = x[place] + jitter * there[place] * seen[place]
            counts[place] = there[place]
        for i in range(LANES):
            batch.counts[g, : scored[g, 0, i], :, i] = zero
            batch.counts[g, scored[g, 1, i] :, :, i] = zero
        sum_over_steps(counts, 0, LANES, 1, n * n_observed, total, 0)
        for i in range(LANES):
            count[owner[g]] += total[i]
