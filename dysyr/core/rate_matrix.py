"""Rate matrices of jump processes on finitely many states: transition probabilities, classes, stationary law.

The convention is that of rows, everywhere: q[i, j] >= 0 is the rate of the jump i -> j, q[i, i] = -sum of the others,
so that rows sum to zero, a distribution is a row vector, and dp/dt = p Q. The transposed matrix of the physicists is
``column_convention(q)``.
"""

import numpy as np

from dysyr.core.arguments import time_array
from dysyr.core.errors import InputError

ROW_TOLERANCE = 1e-9
"""Largest sum of a row, relative to its diagonal."""

SERIES_TERMS = 26
"""Terms of the series of exp(R - 1), R stochastic: what is left out is below 1e-27."""


def checked_rate_matrix(matrix, what="rate matrix"):
    """The matrix as float64, with the diagonal made of the rows.

    Args:
        matrix: (state, state) rates, row convention, in 1/time; the diagonal is 0 or minus the sum of the row.
        what: what it is, for messages.

    Returns:
        array (state, state), float64.

    Raises:
        InputError: not square, not finite, a negative rate, or a row that does not sum to zero.
    """
    q = np.array(matrix, dtype=float)
    if q.ndim != 2 or q.shape[0] != q.shape[1] or q.shape[0] < 1:
        raise InputError(what, got=f"shape {q.shape}", expected="(state, state)")
    if not np.isfinite(q).all():
        raise InputError(f"{what} is not finite", got=f"{np.size(q) - np.isfinite(q).sum()} bad entries")
    diagonal = q.diagonal().copy()
    np.fill_diagonal(q, 0.0)
    if (q < 0).any():
        i, j = np.argwhere(q < 0)[0]
        raise InputError(f"{what}: negative rate from state {i} to state {j}", got=f"{q[i, j]:g}", expected=">= 0")
    out = q.sum(axis=1)
    wrong = (diagonal != 0) & (np.abs(diagonal + out) > ROW_TOLERANCE * np.maximum(out, np.abs(diagonal)))
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{what}: row {i} does not sum to zero", got=f"{diagonal[i] + out[i]:g}",
            expected="row convention: entry (i, j) is the rate from i to j, the diagonal is 0 or minus the others",
            do="transpose it, if columns sum to zero",
        )  # fmt: skip
    np.fill_diagonal(q, -out)
    return q


def column_convention(q):
    """The transposed matrix, for texts that write dp/dt = Q p with columns that sum to zero; its own inverse."""
    return np.ascontiguousarray(np.swapaxes(q, -1, -2))


def closed_classes(q):
    """Sets of states that lead to one another and that no path leaves.

    Args:
        q: (state, state) rate matrix, row convention.

    Returns:
        list of lists of state numbers, ascending; an absorbing state is a class of its own.
    """
    reach = (np.asarray(q) > 0) | np.eye(len(q), dtype=bool)
    while True:
        further = (reach.astype(float) @ reach) > 0
        if (further == reach).all():
            break
        reach = further
    both = reach & reach.T
    found = []
    for i in range(len(reach)):
        members = np.flatnonzero(both[i])
        if members[0] == i and (reach[i] == both[i]).all():
            found.append(members.tolist())
    return found


def stationary_distribution(q, names=None):
    """The distribution that stays as it is.

    .. math:: \\pi Q = 0, \\quad \\sum_i \\pi_i = 1

    It is computed without subtractions, by elimination of one state after the other, so that small probabilities are
    as exact as large ones.

    Args:
        q: (state, state) rate matrix, row convention.
        names: names of the states, for the message.

    Returns:
        array (state,); 0 for states that are left for ever.

    Raises:
        InputError: more than one closed class, so that the distribution depends on the start; the message names them.

    Reference:
        grassmann1985
    """
    q = checked_rate_matrix(q)
    classes = closed_classes(q)
    if len(classes) > 1:
        said = "; ".join("{" + ", ".join(str(i) if names is None else names[i] for i in c) + "}" for c in classes)
        raise InputError(
            "the stationary distribution is not unique", got=f"{len(classes)} closed classes: {said}",
            expected="one class of states that no path leaves",
        )  # fmt: skip
    members = np.array(classes[0])
    a = q[np.ix_(members, members)]
    np.fill_diagonal(a, 0.0)
    for k in range(len(a) - 1, 0, -1):
        a[:k, k] /= a[k, :k].sum()
        a[:k, :k] += np.outer(a[:k, k], a[k, :k])
        np.fill_diagonal(a[:k, :k], 0.0)
    weight = np.zeros(len(a))
    weight[0] = 1.0
    for k in range(1, len(a)):
        weight[k] = weight[:k] @ a[:k, k]
    pi = np.zeros(len(q))
    pi[members] = weight / weight.sum()
    return pi


def transition_matrices(q, lags):
    """Transition probabilities over many lags at once.

    .. math:: P(\\Delta) = e^{Q \\Delta} = \\Big( e^{-\\lambda} \\sum_k \\tfrac{\\lambda^k}{k!} R^k \\Big)^{2^s},
        \\quad R = 1 + Q / \\Lambda, \\quad \\lambda = \\Lambda \\Delta / 2^s \\le 1

    with Λ the largest rate of leaving. Nothing is subtracted, so probabilities are never negative and small ones are
    as exact as large ones, also for rate matrices without a basis of eigenvectors. The powers of R are shared by all
    lags.

    Args:
        q: (state, state) rate matrix, row convention, in 1/time.
        lags: (lag,) times >= 0.

    Returns:
        array (lag, state, state), rows sum to 1.

    Raises:
        InputError: a lag that is negative or not finite; a matrix that is none of rates.

    Reference:
        jensen1953
    """
    q = checked_rate_matrix(q)
    lags = time_array(lags)
    if lags.ndim != 1 or not np.isfinite(lags).all() or (lags < 0).any():
        raise InputError("lags", got=f"shape {lags.shape}", expected="a one-dimensional array of finite times >= 0")
    n = len(q)
    fastest = -q.diagonal().min()
    if fastest == 0 or lags.size == 0:
        return np.broadcast_to(np.eye(n), (lags.size, n, n)).copy()
    r = np.maximum(np.eye(n) + q / fastest, 0.0)
    powers = [np.eye(n)]
    for _ in range(SERIES_TERMS):
        powers.append(powers[-1] @ r)
    mean = fastest * lags
    halvings = np.maximum(np.ceil(np.log2(np.maximum(mean, 1.0))).astype(int), 0)
    mean = mean / 2.0**halvings
    weights = np.ones((lags.size, SERIES_TERMS + 1))
    weights[:, 1:] = mean[:, None] / np.arange(1, SERIES_TERMS + 1)
    weights = np.cumprod(weights, axis=1)
    p = _with_unit_rows((weights @ np.reshape(powers, (SERIES_TERMS + 1, n * n))).reshape(-1, n, n))
    for done in range(int(halvings.max(initial=0))):
        left = halvings > done
        p[left] = _with_unit_rows(p[left] @ p[left])
    return p


def _with_unit_rows(p):
    return p / p.sum(axis=-1, keepdims=True)
