"""Trajectories of maps x_{n+1} = f(x_n)."""

import numpy as np

from dysyr.kernels.fused_source import LANES, can_fuse_map
from dysyr.kernels.iteration import map_iterator
from dysyr.kernels.lane_blocks import fixed_step_width, in_short_calls, run_blocks
from dysyr.simulation.divergence import raise_diverged


def iterate(compiled, x0, first_time, n_outputs, stride=1, keep=True):
    """Iterate a map and keep every ``stride``-th state.

    Args:
        compiled: CompiledSystem of a map.
        x0: (trajectory, dim) states at ``first_time``.
        first_time: time of x0, in steps.
        n_outputs: number of kept states after x0.
        stride: applications of the map between two kept states.
        keep: whether to return all states or the last one only.

    Returns:
        array (trajectory, 1 + n_outputs, dim) that starts with x0, or (trajectory, dim).

    Raises:
        DivergedError: a trajectory is no longer finite.
    """
    dtype = compiled.dtype
    n, dim = x0.shape
    out = np.empty((1 + n_outputs if keep else 1, dim, n), dtype)
    out[0] = x0.T
    fused = can_fuse_map(dim)
    function = compiled.fused_iterator if fused else map_iterator(dtype)
    width = LANES if fused else fixed_step_width(dim * dtype.itemsize * 3)

    def work(first, last, stopped):
        x = np.array(x0[first:last].T, dtype, order="C")
        broken = np.full(last - first, -1)
        p = compiled.parameter_lanes(last - first)
        own = None if fused else np.empty((n_outputs if keep else 0, dim, last - first), dtype)

        def advance(begin, end):
            if fused:
                function(float(first_time), begin, end, stride, x, p, keep, out[1:], first, broken)
            else:
                function(compiled.rhs_pointer, float(first_time), begin, end, stride, x, p, keep, own, broken)

        in_short_calls(advance, n_outputs, stopped)
        if keep and not fused:
            out[1:, :, first:last] = own
        return broken, x

    blocks = run_blocks(work, n, width)
    broken = np.concatenate([block[0] for block in blocks])
    final = np.concatenate([block[1] for block in blocks], axis=1).T
    if (broken >= 0).any():
        left = np.where(broken >= 0, first_time + broken * float(stride), np.inf)
        raise_diverged(compiled.system, left, final, "start inside the basin of attraction, or change the parameters")
    return out.transpose(2, 0, 1) if keep else final
