"""Butcher tableaus of the explicit Runge-Kutta methods.

k_s     = f(t + c_s h, x + h sum_r a_sr k_r)
x(t+h)  = x + h sum_s b_s k_s
x(t+θh) = x + h sum_s b_s(θ) k_s,     b_s(θ) = sum_m P_sm θ^m     (dense output)
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Tableau:
    """Coefficients of one explicit Runge-Kutta method.

    Attributes:
        name: what a user calls it.
        order: order of convergence.
        nodes: c, for all stages (also those of the error estimate and of the dense output).
        stages: a, one row per stage, row s has s entries.
        weights: b, over the first ``len(weights)`` stages.
        error: weight vectors of the error estimates; none for a method without step control, two for DOP853.
        error_order: exponent k of the step controller, err ~ h^k.
        dense: P (stage, power) with powers 1, 2, ...; None without dense output.
        n_control: stages needed before the step is accepted; those behind it serve the dense output only.
        reference: key of docs/references.bib.
    """

    name: str
    order: int
    nodes: tuple
    stages: tuple
    weights: tuple
    error: tuple = ()
    error_order: int = 0
    dense: np.ndarray | None = None
    n_control: int = 0
    reference: str = ""

    @property
    def last_is_first(self):
        """Whether the stage after the step, f(t + h, x(t+h)), is part of the method and opens the next
        step."""
        return len(self.nodes) > len(self.weights)


RK4 = Tableau(
    name="rk4",
    order=4,
    nodes=(0.0, 0.5, 0.5, 1.0),
    stages=((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)),
    weights=(1 / 6, 1 / 3, 1 / 3, 1 / 6),
    n_control=4,
    reference="kutta1901",
)

_TSIT5_WEIGHTS = (
    0.09646076681806523,
    0.01,
    0.4798896504144996,
    1.379008574103742,
    -3.290069515436081,
    2.324710524099774,
)


def _tsit5_dense():
    """b_s(θ) of Tsitouras' interpolant as monomials, from its factored form."""
    power = np.polynomial.polynomial.polymul
    square = (0.0, 0.0, 1.0)

    def quadratic(factor, linear, constant):
        return factor * power(square, (constant, linear, 1.0))

    first = -1.0530884977290216 * power(
        power((0.0, 1.0), (-1.3299890189751412, 1.0)), (0.7139816917074209, -1.4364028541716351, 1.0)
    )
    rows = [
        first,
        quadratic(0.1017, -2.1966568338249754, 1.2949852507374631),
        quadratic(2.490627285651252793, -2.38535645472061657, 1.57803468208092486),
        -16.54810288924490272 * power(square, power((-1.21712927295533244, 1.0), (-0.61620406037800089, 1.0))),
        47.37952196281928122 * power(square, power((-1.203071208372362603, 1.0), (-0.658047292653547382, 1.0))),
        -34.87065786149660974 * power(square, power((-1.2, 1.0), (-2 / 3, 1.0))),
        2.5 * power(square, power((-1.0, 1.0), (-0.6, 1.0))),
    ]
    return np.array([row[1:] for row in rows])


TSIT5 = Tableau(
    name="tsit5",
    order=5,
    nodes=(0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0),
    stages=(
        (),
        (0.161,),
        (-0.008480655492356989, 0.335480655492357),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
        (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
        _TSIT5_WEIGHTS,
    ),
    weights=_TSIT5_WEIGHTS,
    error=(
        (
            -0.00178001105222577714,
            -0.0008164344596567469,
            0.007880878010261995,
            -0.1447110071732629,
            0.5823571654525552,
            -0.45808210592918697,
            1 / 66,
        ),
    ),
    error_order=5,
    dense=_tsit5_dense(),
    n_control=7,
    reference="tsitouras2011",
)
