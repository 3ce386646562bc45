"""Small matrix products over rows of 16 lanes, put together from register blocks."""

from dysyr.kernels.jit import jit
from dysyr.kernels.vector_blocks import LANES, matvec_1, matvec_3, matvec_6, outer_1x1, outer_1x5, outer_3x1


@jit
def matvec(w, at, row, column, x, x_at, y, y_at, n_rows, n_columns):
    """y[i, :] += sum_j w[at + i row + j column] x[j, :] on flat arrays of 16-lane rows."""
    i = 0
    while i + 6 <= n_rows:
        matvec_6(w, at + i * row, row, column, x, x_at, y, y_at + i * LANES, n_columns)
        i += 6
    while i + 3 <= n_rows:
        matvec_3(w, at + i * row, row, column, x, x_at, y, y_at + i * LANES, n_columns)
        i += 3
    while i < n_rows:
        matvec_1(w, at + i * row, row, column, x, x_at, y, y_at + i * LANES, n_columns)
        i += 1


@jit
def outer(a, a_at, n_a, b, b_at, n_b, n_steps, out, out_at):
    """out[i, j] += sum over steps and lanes of a[t, i] b[t, j], flat arrays; out is (n_a, n_b)."""
    i = 0
    while i < n_a:
        if i + 3 <= n_a:
            for j in range(n_b):
                outer_3x1(a, a_at + i * LANES, n_a * LANES, b, b_at + j * LANES, n_b * LANES, n_steps, out,
                          out_at + i * n_b + j, n_b)  # fmt: skip
            i += 3
        else:
            j = 0
            while j + 5 <= n_b:
                outer_1x5(a, a_at + i * LANES, n_a * LANES, b, b_at + j * LANES, n_b * LANES, n_steps, out,
                          out_at + i * n_b + j, n_b)  # fmt: skip
                j += 5
            while j < n_b:
                outer_1x1(a, a_at + i * LANES, n_a * LANES, b, b_at + j * LANES, n_b * LANES, n_steps, out,
                          out_at + i * n_b + j, n_b)  # fmt: skip
                j += 1
            i += 1


@jit
def spread(values, lanes):
    """Repeat each value over the lanes of its row, so that the loops over rows and lanes are one flat loop."""
    for m in range(values.shape[0]):
        for i in range(lanes.shape[1]):
            lanes[m, i] = values[m]


@jit
def add_lanes(lanes, out):
    """out[m] += sum over the lanes of row m."""
    for m in range(lanes.shape[0]):
        total = 0.0
        for i in range(lanes.shape[1]):
            total += lanes[m, i]
        out[m] += lanes.dtype.type(total)
