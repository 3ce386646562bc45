"""What every integrator does at an output: store the states, and note the lanes that broke."""

import numpy as np

from dysyr.kernels.jit import jit


@jit
def record(x, o, keep, out, broken):
    """Store the states of output ``o`` and mark lanes that are no longer finite.

    Args:
        x: (dim, lane) states.
        o: index of the output.
        keep: whether states are stored.
        out: (output, dim, lane), row o filled when ``keep``.
        broken: (lane,) -1, or one more than the first output at which the lane was not finite.
    """
    n_dim, n = x.shape
    if keep:
        for d in range(n_dim):
            for i in range(n):
                out[o, d, i] = x[d, i]
    for i in range(n):
        if broken[i] < 0:
            for d in range(n_dim):
                if not np.isfinite(x[d, i]):
                    broken[i] = o + 1
