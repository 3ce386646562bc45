"""Which symbol of one code is which symbol of another."""

import itertools

import numpy as np
from scipy.optimize import linear_sum_assignment

EXHAUSTIVE = 7
N_ROUNDS = 4


def match_by_occurrence(joint):
    """The matching that makes most samples agree, for two codes of the same samples.

    Args:
        joint: (k, k) how often symbol i of the one and j of the other occur together.

    Returns:
        (k,) j for each i, a permutation.
    """
    return linear_sum_assignment(joint, maximize=True)[1]


def match_by_structure(a, b):
    """The matching under which the frequencies of transitions agree best, for codes of unrelated samples.

        minimise  d = 1/2 sum_ij |a_ij - b_p(i)p(j)|

    Up to 7 symbols all permutations are tried. Beyond, symbols are paired by features that do not depend on how symbols
    are numbered (how often they occur and stay, and the same of what comes before and after them), and the pairing is
    improved by exchanging two symbols as long as that helps; it may then be a local optimum.

    Args:
        a, b: (k, k) frequencies of transitions, sum 1 each.

    Returns:
        (k,) p, a permutation.
    """
    k = len(a)
    if k <= EXHAUSTIVE:
        orders = np.array(list(itertools.permutations(range(k))))
        distance = np.abs(a - b[orders[:, :, None], orders[:, None, :]]).sum(axis=(1, 2))
        return orders[np.argmin(distance)]
    apart = np.abs(_features(a)[:, None, :] - _features(b)[None, :, :]).sum(axis=2)
    return _improved(a, b, linear_sum_assignment(apart)[1])


def _features(joint):
    visits = joint.sum(axis=1)
    forward = joint / np.maximum(visits, np.finfo(float).tiny)[:, None]
    backward = joint.T / np.maximum(joint.sum(axis=0), np.finfo(float).tiny)[:, None]
    features = np.column_stack([visits, joint.sum(axis=0), np.diag(joint), (joint**2).sum(axis=1)])
    for _ in range(N_ROUNDS):
        features = np.column_stack([features, forward @ features[:, -4:] + backward @ features[:, -4:] ** 2])
    return features / np.maximum(np.abs(features).max(axis=0), np.finfo(float).tiny)


def _improved(a, b, order):
    """Exchange pairs of symbols until no exchange brings the transitions closer."""
    order, best = order.copy(), np.abs(a - b[np.ix_(order, order)]).sum()
    while True:
        start = best
        for i, j in itertools.combinations(range(len(order)), 2):
            order[[i, j]] = order[[j, i]]
            distance = np.abs(a - b[np.ix_(order, order)]).sum()
            if distance < best - 1e-12:
                best = distance
            else:
                order[[i, j]] = order[[j, i]]
        if best == start:
            return order
