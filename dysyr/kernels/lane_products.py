"""The passes of recurrent networks over rows of 16 lanes; see :mod:`dysyr.kernels.vector_blocks` for their arguments.

Parameters are numbers in flat arrays, spread over the lanes as they are read. Each pass names its operands and outputs.
"""

from dysyr.kernels.jit import jit
from dysyr.kernels.vector_blocks import each_row, product

_add_product = product("r", 1, lambda y: y, lambda total, y: (total,))

matrix_product = product("", 1, None, lambda total: (total,))
"""(y): y = W x."""

hidden = product("p", 1, None, lambda total, h: ((total + h).relu(),))
"""(h, r): r = relu(W x + h)."""

hidden_clipped = product("p", 2, None, lambda total, h: (total, (total + h).relu() - total.relu()))
"""(h, a, r): a = W x, r = relu(a + h) - relu(a)."""

next_state = product("prp", 1, lambda diagonal, s, h: diagonal.times(s, h), lambda total, diagonal, s, h: (total,))
"""(A, s, h, z): z = A * s + h + W x."""

gate = product("r", 1, None, lambda total, r: (total.where(r),))
"""(r, d): d = (W x) 1[r > 0]."""

gate_clipped = product("rp", 2, None, lambda total, a, h: (total.where(a + h) - total.where(a), total.where(a + h)))
"""(a, h, d, e): e = (W x) 1[a + h > 0], d = e - (W x) 1[a > 0]."""

carry_back = product(
    "prrs", 1, lambda diagonal, lam, known, alpha: diagonal * lam,
    lambda total, diagonal, lam, known, alpha: ((alpha * known).rest() * total,),
)  # fmt: skip
"""(A, lam, known, alpha, c): c = (1 - alpha known) (A * lam + W x)."""

carry_back_free = product("pr", 1, lambda diagonal, lam: diagonal * lam, lambda total, diagonal, lam: (total,))
"""(A, lam, c): c = A * lam + W x."""

count_open = product("pr", 1, None, lambda total, h, n: (n + n.one().where(total + h),))
"""(h, n, n): n += 1[W x + h > 0]."""

count_open_clipped = product(
    "pr", 1, None, lambda total, h, n: (n + (n.one().where(total + h) - n.one().where(total)),)
)  # fmt: skip
"""(h, n, n): n += 1[W x + h > 0] - 1[W x > 0]."""

blend = each_row("rrrs", 1, lambda z, target, known, alpha: ((alpha * known).times(target - z, z),))
"""(z, target, known, alpha, s): s = z + alpha known (target - z)."""

copy = each_row("r", 1, lambda a: (a,))
"""(a, b): b = a."""

rectify = each_row("r", 1, lambda a: (a.relu(),))
"""(a, b): b = relu(a)."""

carry = each_row(
    "prrrs", 1,
    lambda diagonal, lam, d, known, alpha: ((alpha * known).rest() * diagonal.times(lam, d),),
)  # fmt: skip
"""(A, lam, d, known, alpha, c): c = (1 - alpha known) (A * lam + d)."""

carry_free = each_row("prr", 1, lambda diagonal, lam, d: (diagonal.times(lam, d),))
"""(A, lam, d, c): c = A * lam + d."""

residual = each_row(
    "rrrsr", 2, lambda z, x, w, scale, total: (scale * ((z - x) * w), ((z - x) * w).times((z - x) * w, total))
)  # fmt: skip
"""(z, x, w, scale, total, g, total): e = w (z - x), g = scale e, total += e^2."""

sum_of_two = each_row("rr", 1, lambda a, b: (a + b,))
"""(a, b, c): c = a + b."""

add_times = each_row("rrr", 1, lambda a, b, total: (a.times(b, total),))
"""(a, b, total, total): total += a b."""


@jit
def add_product(w, at, row, column, n_rows, n_columns, x, x_at, y, y_at):
    """y += W x; a function of its own, not a part of every caller."""
    _add_product(w, at, row, column, n_rows, n_columns, x, x_at, y, y_at, y, y_at)


@jit
def add_lanes(lanes, out, at):
    """out[at + m] += sum over the lanes of row m."""
    for m in range(lanes.shape[0]):
        total = 0.0
        for i in range(lanes.shape[1]):
            total += lanes[m, i]
        out[at + m] += lanes.dtype.type(total)
