"""Labels that a chain would have given at the times of a panel: what chance alone does to a measure."""

import numpy as np

from dysyr.core.rate_matrix import transition_matrices


def noise_matrix(n_states, label_noise):
    """(true, reported) probability of a report: 1 - e on the diagonal, e shared equally by the others."""
    if n_states == 1:
        return np.ones((1, 1))
    off = label_noise / (n_states - 1)
    return np.full((n_states, n_states), off) + (1 - label_noise - off) * np.eye(n_states)


def draw_labels(panel, chain, *, n_copies, seed):
    """Independent copies of a panel with the labels of a chain, at the same times and with the same gaps.

    Each state is drawn from its row of exp(Q D), exactly, and reported through the label noise.

    Args:
        panel: LabelPanel.
        chain: ``Chain``.
        n_copies: number of copies.
        seed: of the draws.

    Returns:
        (copy, path, time) labels, -1 after the end of a path.
    """
    rng = np.random.default_rng([int(seed), 0x6C6162])
    n, (n_paths, length) = panel.n_states, panel.labels.shape
    tables = np.cumsum(transition_matrices(chain.rates, panel.lags), axis=-1)
    tables[..., -1] = 1.0
    states = np.empty((n_copies, n_paths, length), dtype=np.int64)
    states[..., 0] = draw(np.broadcast_to(chain.initial, (n_copies, n_paths, n)), rng)
    for k in range(1, length):
        table = tables[np.maximum(panel.lag_index[:, k - 1], 0)]
        rows = table[np.arange(n_paths), states[..., k - 1]]
        states[..., k] = (rng.random((n_copies, n_paths, 1)) >= rows).sum(axis=-1)
    states = flipped(states, n, chain.label_noise, rng)
    return np.where(panel.labels >= 0, states, -1)


def draw(distributions, rng):
    """One state for each distribution (..., state)."""
    edges = np.cumsum(distributions, axis=-1)
    edges[..., -1] = 1.0
    return (rng.random((*edges.shape[:-1], 1)) >= edges).sum(axis=-1)


def flipped(states, n_states, probability, rng):
    """States of which a share is reported as one of the other states."""
    if probability == 0 or n_states == 1:
        return states
    other = (states + rng.integers(1, n_states, states.shape)) % n_states
    return np.where(rng.random(states.shape) < probability, other, states)
