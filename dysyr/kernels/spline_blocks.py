"""Linear splines of rows of 16 lanes, the dendrites of the dendritic PLRNN, and their derivatives.

    phi(X)_i = sum_b alpha_b relu(X_i - H_ib)              clipped: sum_b alpha_b (relu(X_i - H_ib) - relu(X_i))

Source: brenner2022.
"""

from numba.extending import intrinsic

from dysyr.kernels.vector_blocks import LANES
from dysyr.kernels.vector_code import Rows, lowered


def _spline(clipped):
    def build(code, args):
        n_rows, n_bases, x, x_at, h, h_at, alpha, alpha_at, y, y_at = args

        def block(n_in_block, _, first):
            indices = [code.add(first, code.number(r)) for r in range(n_in_block)]
            values = [code.row(x, x_at, i) for i in indices]
            thresholds = [code.add(h_at, code.mul(i, n_bases)) for i in indices]

            def add_basis(b, sums):
                weight, result = code.splat(alpha, code.add(alpha_at, b)), []
                for value, start, total in zip(values, thresholds, sums, strict=True):
                    bend = (value - code.splat(h, code.add(start, b))).relu()
                    bend = bend - value.relu() if clipped else bend
                    result.append(weight.times(bend, Rows(code.builder, total)).value)
                return result

            zeros = [code.zero_row(x)] * n_in_block
            _, sums = code.while_below(code.number(0), 1, n_bases, zeros, add_basis)
            for i, total in zip(indices, sums, strict=True):
                code.store_row(y, y_at, i, Rows(code.builder, total))

        code.in_blocks(n_rows, ((4, 1), (1, 1)), block)

    @intrinsic
    def spline(typingctx, n_rows, n_bases, x, x_at, h, h_at, alpha, alpha_at, y, y_at):
        return lowered(build, (n_rows, n_bases, x, x_at, h, h_at, alpha, alpha_at, y, y_at))

    return spline


def _spline_back(clipped):
    def build(code, args):
        n_rows, n_bases, x, x_at, q, q_at, h, h_at, alpha, alpha_at, d, d_at, sums, by_alpha, by_h = args

        def add(base, i, row):
            at = code.add(base, code.mul(i, code.number(LANES)))
            code.store_lanes(sums, at, (code.lanes_at(sums, at) + row).value)

        def one_row(_, __, i):
            value, slope_of_loss = code.row(x, x_at, i), code.row(q, q_at, i)
            start = code.mul(i, n_bases)

            def add_basis(b, state):
                (slope,) = state
                weight, place = code.splat(alpha, code.add(alpha_at, b)), code.add(start, b)
                above = value - code.splat(h, code.add(h_at, place))
                bend = above.relu() - value.relu() if clipped else above.relu()
                add(by_alpha, b, slope_of_loss * bend)
                add(by_h, place, slope_of_loss.zero() - (weight * slope_of_loss).where(above))
                opened = weight.where(above) - weight.where(value) if clipped else weight.where(above)
                return [(Rows(code.builder, slope) + opened).value]

            _, (slope,) = code.while_below(code.number(0), 1, n_bases, [code.zero_row(x)], add_basis)
            code.store_row(d, d_at, i, slope_of_loss * Rows(code.builder, slope))

        code.in_blocks(n_rows, ((1, 1),), one_row)

    @intrinsic
    def spline_back(
        typingctx, n_rows, n_bases, x, x_at, q, q_at, h, h_at, alpha, alpha_at, d, d_at, sums, by_alpha, by_h
    ):  # fmt: skip
        given = (n_rows, n_bases, x, x_at, q, q_at, h, h_at, alpha, alpha_at, d, d_at, sums, by_alpha, by_h)
        return lowered(build, given)

    return spline_back


spline = _spline(clipped=False)
"""spline(n_rows, n_bases, x, x_at, h, h_at, alpha, alpha_at, y, y_at): Y = phi(X), h (n_rows, n_bases)."""

spline_clipped = _spline(clipped=True)

spline_back = _spline_back(clipped=False)
"""spline_back(n_rows, n_bases, x, x_at, q, q_at, h, h_at, alpha, alpha_at, d, d_at, sums, by_alpha, by_h): with
Q = dloss/dphi, D = Q phi'(X), and rows of lanes are added to ``sums``: dloss/dalpha_b from ``by_alpha`` on, dloss/dH_ib
from ``by_h`` on."""

spline_back_clipped = _spline_back(clipped=True)
