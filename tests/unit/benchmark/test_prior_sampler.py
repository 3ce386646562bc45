"""The sampler of the exact posterior against a sum over a grid."""

import numpy as np
import scipy.linalg

from dysyr.benchmark.prior_sampler import posterior_mean


def density(q):
    """Of a rate: k (1 - q)^(k - 1), k = 1, 3, 5 equally likely."""
    return (1 + 3 * (1 - q) ** 2 + 5 * (1 - q) ** 4) / 3


def test_two_states_agree_with_a_grid():
    counts, lag, first = np.array([[7.0, 3.0], [2.0, 4.0]]), 0.4, np.array([2.0, 1.0])
    grid = (np.arange(150) + 0.5) / 150
    a, b = np.meshgrid(grid, grid, indexing="ij")
    log = np.empty_like(a)
    for k in np.ndindex(a.shape):
        q = np.array([[-a[k], a[k]], [b[k], -b[k]]])
        stationary = np.array([b[k], a[k]]) / (a[k] + b[k])
        even = (50 / 100) * (51 / 101) * (50 / 102)
        start = 0.5 * np.prod(stationary**first) + 0.5 * even
        log[k] = (counts * np.log(scipy.linalg.expm(q * lag))).sum() + np.log(density(a[k]) * density(b[k]) * start)
    weight = np.exp(log - log.max())
    exact = [(part * weight).sum() / weight.sum() for part in (a, b)]
    mean, stderr, accepted = posterior_mean(
        counts, lag, first, False, np.full((2, 2), 0.3), n_sweeps=40_000, seed=1
    )  # fmt: skip
    found, error = mean[[0, 1], [1, 0]], stderr[[0, 1], [1, 0]]
    assert 0.2 < accepted < 0.7
    assert error.max() < 0.004
    assert (np.abs(found - exact) < 4 * error + 1e-3).all()


def test_without_data_a_sparse_graph_has_half_of_the_rates():
    """Prior mean of a rate that is there: (1/2 + 1/4 + 1/6) / 3; of the allowed graphs of three states, counted."""
    off = ~np.eye(3, dtype=bool)
    share, n_allowed = 0.0, 0
    for code in range(64):
        edges = np.zeros((3, 3))
        edges[off] = [code >> k & 1 for k in range(6)]
        connected = (np.linalg.matrix_power(edges + np.eye(3), 3) > 0).all()
        if edges.sum() >= 4 and connected:
            share, n_allowed = share + edges.sum() / 6, n_allowed + 1
    expected = share / n_allowed * (1 / 2 + 1 / 4 + 1 / 6) / 3
    mean, stderr, _ = posterior_mean(
        np.zeros((3, 3)), 0.4, np.zeros(3), True, np.full((3, 3), 0.3), n_sweeps=40_000, seed=2
    )  # fmt: skip
    assert abs(mean[off].mean() - expected) < 4 * stderr[off].mean() / 2
    full, stderr, _ = posterior_mean(
        np.zeros((3, 3)), 0.4, np.zeros(3), False, np.full((3, 3), 0.3), n_sweeps=40_000, seed=3
    )  # fmt: skip
    assert abs(full[off].mean() - 11 / 36) < 4 * stderr[off].mean() / 2
