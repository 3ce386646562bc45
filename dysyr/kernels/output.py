"""What every integrator does at an output: store the states, and note the lanes that broke."""

import numpy as np

from dysyr.kernels.jit import jit
from dysyr.kernels.ode_stores import stream


@jit
def store(x, o, out, first):
    """out[o, d, first + i] = x[d, i]: the states x (dim, lane) of some lanes, past the caches."""
    n_dim, n = x.shape
    source, target = x.reshape(x.size), out.reshape(out.size)
    for d in range(n_dim):
        stream(target, (o * n_dim + d) * out.shape[2] + first, source, d * n, n)


@jit
def record(x, o, keep, out, broken, first=0):
    """Store the states of output ``o`` and mark lanes that are no longer finite.

    Args:
        x: (dim, lane) states of some of the lanes.
        o: index of the output.
        keep: whether states are stored.
        out: (output, dim, lane), row o filled when ``keep``.
        broken: (lane,) -1, or one more than the first output at which the lane was not finite.
        first: lane of out that is the first of x.
    """
    n_dim, n = x.shape
    if keep:
        store(x, o, out, first)
    lost = 0
    for d in range(n_dim):
        for i in range(n):
            lost += not abs(x[d, i]) < np.inf
    if lost:
        for i in range(n):
            for d in range(n_dim):
                if broken[i] < 0 and not np.isfinite(x[d, i]):
                    broken[i] = o + 1
