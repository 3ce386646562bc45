"""Forward and backward passes over a hidden chain that is seen at given times through labels or signals.

    a_k(j) = [ sum_i a_(k-1)(i) P_ij(D_k) ] e_k(j) / c_k,     log L = sum_k ln c_k
    b_(k-1)(i) = sum_j P_ij(D_k) e_k(j) b_k(j) / c_k
    C_ij(D_k) += a_(k-1)(i) P_ij(D_k) e_k(j) b_k(j) / c_k,    g_k = a_k b_k

``e_k(j)`` is the likelihood of what was seen in sample k if the state was j; a column of ones where nothing was seen.

The slow twin is in ``rate_reference.py``.
"""

import numpy as np

from dysyr.kernels.jit import jit

SAMPLES_PER_CALL = 200_000


def smooth_paths(offsets, index, transitions, emissions, initial):
    """Expected pairs and states of a hidden chain given all that was seen.

    Args:
        offsets: (n_paths + 1,) where the paths begin in the flat arrays, and the end of the last.
        index: (n_samples,) lag that leads to each sample, -1 at the first one of a path; see ``rate_pairs``.
        transitions: (lag, state, state) transition matrices.
        emissions: (n_samples, state) likelihood of what was seen in each state.
        initial: (state,) distribution of the first state of a path.

    Returns:
        log-likelihood (-inf where something impossible was seen), (lag, state, state) expected pairs, and
        (n_samples, state) probabilities of the states.

    Reference: rabiner1989
    """
    offsets = np.ascontiguousarray(offsets, dtype=np.int64)
    index = np.ascontiguousarray(index, dtype=np.int64)
    p = np.ascontiguousarray(transitions, dtype=np.float64)
    e = np.ascontiguousarray(emissions, dtype=np.float64)
    start = np.ascontiguousarray(initial, dtype=np.float64)
    turned = np.ascontiguousarray(p.transpose(0, 2, 1))
    products, states = np.zeros_like(p), np.empty_like(e)
    value, first = 0.0, 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + SAMPLES_PER_CALL, side="right")) - 1
        last = max(last, first + 1)
        value += _smooth(offsets[first : last + 1], index, p, turned, e, start, products, states)
        first = last
    return value, p * products, states


@jit
def _smooth(offsets, index, p, turned, e, start, products, states):
    """The passes; inner loops run along rows, and P is multiplied to the sums of products at the end."""
    n = p.shape[1]
    longest = 1
    for path in range(len(offsets) - 1):
        longest = max(longest, offsets[path + 1] - offsets[path])
    scale = np.empty(longest)
    backward, weight, row = np.empty(n), np.empty(n), np.empty(n)
    value = 0.0
    for path in range(len(offsets) - 1):
        begin, end = offsets[path], offsets[path + 1]
        for k in range(begin, end):
            if k == begin:
                for j in range(n):
                    row[j] = start[j]
            else:
                table = p[index[k]]
                for j in range(n):
                    row[j] = 0.0
                for i in range(n):
                    share = states[k - 1, i]
                    for j in range(n):
                        row[j] += share * table[i, j]
            total = 0.0
            for j in range(n):
                row[j] *= e[k, j]
                total += row[j]
            if not total > 0.0:
                return -np.inf
            for j in range(n):
                states[k, j] = row[j] / total
            scale[k - begin] = total
            value += np.log(total)
        for i in range(n):
            backward[i] = 1.0
        for k in range(end - 1, begin, -1):
            back, sums = turned[index[k]], products[index[k]]
            for j in range(n):
                weight[j] = e[k, j] * backward[j] / scale[k - begin]
                states[k, j] *= backward[j]
                backward[j] = 0.0
            for i in range(n):
                share = states[k - 1, i]
                for j in range(n):
                    sums[i, j] += share * weight[j]
            for j in range(n):
                share = weight[j]
                for i in range(n):
                    backward[i] += share * back[j, i]
        for j in range(n):
            states[begin, j] *= backward[j]
    return value
