"""Which symbol of one code is which symbol of another."""

import itertools

import numpy as np
from scipy.optimize import linear_sum_assignment

EXHAUSTIVE = 7
N_ROUNDS = 4
FEW = 40
N_ANCHORS = 20
"""Symbols that are tried as the counterpart of the most visited one where there are more than ``FEW``."""
N_IMPROVED = 3


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
    are numbered: how often they occur and stay, and the same of what comes before and after them. Symbols that are
    alike in these, as on a cycle, are told apart by the most visited symbol of a: for each counterpart that it may have
    in b, by the probabilities of being there n jumps after and before it. The best pairings are improved by exchanging
    two symbols as long as that helps; the result may then be a local optimum.

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
    orders = [linear_sum_assignment(apart)[1], *_anchored(a, b, apart)]
    orders.sort(key=lambda order: _distance(a, b, order))
    improved = [_improved(a, b, order) for order in orders[: N_IMPROVED if k <= FEW else 1]]
    return min(improved, key=lambda order: _distance(a, b, order))


def _distance(a, b, order):
    return np.abs(a - b[np.ix_(order, order)]).sum()


def _features(joint):
    visits = joint.sum(axis=1)
    forward, backward = _chains(joint)
    features = np.column_stack([visits, joint.sum(axis=0), np.diag(joint), (joint**2).sum(axis=1)])
    for _ in range(N_ROUNDS):
        features = np.column_stack([features, forward @ features[:, -4:] + backward @ features[:, -4:] ** 2])
    return features / np.maximum(np.abs(features).max(axis=0), np.finfo(float).tiny)


def _chains(joint):
    """Transition matrices to what comes next, and to what came before."""
    tiny = np.finfo(float).tiny
    return joint / np.maximum(joint.sum(axis=1), tiny)[:, None], joint.T / np.maximum(joint.sum(axis=0), tiny)[:, None]


def _anchored(a, b, apart):
    """Pairings that give the most visited symbol of a one counterpart in b after the other."""
    k = len(a)
    anchor = int(np.argmax(a.sum(axis=1)))
    there = _tracks(a, [anchor])[0]
    counterparts = np.argsort(apart[anchor], kind="stable")[: k if k <= FEW else N_ANCHORS]
    for j, track in zip(counterparts, _tracks(b, counterparts), strict=True):
        cost = apart + np.abs(there[:, :, None] - track[:, None, :]).sum(axis=0)
        cost[anchor] = cost.max() + 1.0
        cost[anchor, j] = 0.0
        yield linear_sum_assignment(cost)[1]


def _tracks(joint, symbols):
    """(n, 2 steps, k) probabilities of each symbol 1, 2, ... jumps after and before each of n symbols."""
    k = len(joint)
    jumps = joint * (1.0 - np.eye(k))
    found = []
    for chain in _chains(jumps):
        place = np.eye(k)[symbols]
        for _ in range(k // 2 + 1):
            place = place @ chain
            found.append(place)
    return np.stack(found, axis=1)


def _improved(a, b, order):
    """Exchange pairs of symbols until no exchange brings the transitions closer."""
    order, best = order.copy(), _distance(a, b, order)
    while True:
        start = best
        for i, j in itertools.combinations(range(len(order)), 2):
            order[[i, j]] = order[[j, i]]
            distance = _distance(a, b, order)
            if distance < best - 1e-12:
                best = distance
            else:
                order[[i, j]] = order[[j, i]]
        if best == start:
            return order
