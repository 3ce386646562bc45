"""The passes of recurrent networks over rows of 16 lanes; see :mod:`dysyr.kernels.vector_blocks` for their arguments."""

from dysyr.kernels.jit import jit
from dysyr.kernels.vector_blocks import each_row, outer, product, sum_over_steps

__all__ = [
    "add_lanes", "add_product", "blend", "carry_back", "count_open", "count_open_clipped", "gate", "gate_clipped", "hidden", "hidden_clipped", "next_state",
    "add_times", "outer", "residual", "spread", "sum_of_two", "sum_over_steps",
]  # fmt: skip

add_product = product(1, 1, lambda y: y, lambda total, y: (total,))
"""(y, y): y += W x."""

hidden = product(1, 1, None, lambda total, h: ((total + h).relu(),))
"""(h, r): r = relu(W x + h)."""

hidden_clipped = product(1, 2, None, lambda total, h: (total, (total + h).relu() - total.relu()))
"""(h, a, r): a = W x, r = relu(a + h) - relu(a)."""

next_state = product(3, 1, lambda diagonal, s, h: diagonal.times(s, h), lambda total, diagonal, s, h: (total,))
"""(A, s, h, z): z = A * s + h + W x."""

gate = product(1, 1, None, lambda total, r: (total.where(r),))
"""(r, d): d = (W x) 1[r > 0]."""

gate_clipped = product(
    2, 2, None, lambda total, a, h: (total.where(a + h) - total.where(a), total.where(a + h))
)  # fmt: skip
"""(a, h, d, e): e = (W x) 1[a + h > 0], d = e - (W x) 1[a > 0]."""

count_open = product(2, 1, None, lambda total, h, n: (n + n.one().where(total + h),))
"""(h, n, n): n += 1[W x + h > 0]."""

count_open_clipped = product(
    2, 1, None, lambda total, h, n: (n + (n.one().where(total + h) - n.one().where(total)),)
)  # fmt: skip
"""(h, n, n): n += 1[W x + h > 0] - 1[W x > 0]."""

carry_back = product(
    3, 1, lambda diagonal, lam, force: diagonal * lam, lambda total, diagonal, lam, force: (force.rest() * total,)
)
"""(A, lam, f, c): c = (1 - f) (A * lam + W x)."""

blend = each_row(3, 1, lambda z, target, force: (force.times(target - z, z),))
"""(z, zbar, f, s): s = z + f (zbar - z)."""

residual = each_row(
    5, 2, lambda z, x, w, scale, total: (scale * ((z - x) * w), ((z - x) * w).times((z - x) * w, total))
)  # fmt: skip
"""(z, x, w, scale, total, g, total): e = w (z - x), g = scale e, total += e^2."""

sum_of_two = each_row(2, 1, lambda a, b: (a + b,))
"""(a, b, c): c = a + b."""

add_times = each_row(3, 1, lambda a, b, total: (a.times(b, total),))
"""(a, b, total, total): total += a b."""


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
