"""The extended Kalman filter at the end of a context."""

import numpy as np

from dysyr.core.kalman_filter import filtered_state


class Linear:
    """z -> A z."""

    def __init__(self, matrix):
        self.matrix = np.asarray(matrix, dtype=np.float64)

    def step(self, z):
        return z @ self.matrix.T

    def jacobian(self, z):
        return np.broadcast_to(self.matrix, (len(z), *self.matrix.shape))


class Cubic:
    """z -> 2 z + 10 z^3, which leaves the range of numbers."""

    def step(self, z):
        with np.errstate(over="ignore"):
            return 2 * z + 10 * z**3

    def jacobian(self, z):
        return (2 + 30 * z**2)[:, :, None] * np.eye(z.shape[1])


def test_a_constant_seen_through_noise_is_its_mean():
    s = np.random.default_rng(0).normal(size=(3, 40, 1))
    found = filtered_state(Linear([[1.0]]), s, noise=np.array([0.1]), error=np.array([0.0]))
    weights = np.ones(40)
    prior = 0.01
    np.testing.assert_allclose(found, (s * weights[:, None]).sum(axis=1) / (40 + prior), rtol=1e-9)


def test_a_linear_map_gives_the_posterior_mean_of_least_squares():
    """All states at once: prior, steps and measurements as rows of one weighted least-squares problem."""
    rng = np.random.default_rng(1)
    matrix, noise, error = np.array([[0.9, 0.4], [-0.3, 0.8]]), np.array([0.3, 0.1]), np.array([0.05, 0.2])
    s = rng.normal(size=(1, 6, 2))
    s[0, 2, 0] = s[0, 4, :] = np.nan
    rows, right = [], []

    def add(blocks, value, sd):
        row = np.zeros((2, 12))
        for t, block in blocks:
            row[:, 2 * t : 2 * t + 2] = block
        rows.append(row / sd[:, None])
        right.append(value / sd)

    add([(0, np.eye(2))], np.zeros(2), np.ones(2))
    for t in range(6):
        sd = np.where(np.isfinite(s[0, t]), noise, 1e6)
        add([(t, np.eye(2))], np.nan_to_num(s[0, t]), sd)
        if t:
            add([(t, np.eye(2)), (t - 1, -matrix)], np.zeros(2), error)
    best = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
    found = filtered_state(Linear(matrix), s, noise=noise, error=error)
    np.testing.assert_allclose(found[0], best[-2:], atol=1e-6)


def test_without_noise_the_last_sample_is_the_state():
    s = np.random.default_rng(0).normal(size=(2, 5, 2))
    found = filtered_state(Linear(0.5 * np.eye(2)), s, noise=np.zeros(2), error=np.full(2, 0.1))
    np.testing.assert_allclose(found, s[:, -1], atol=1e-9)


def test_a_context_without_samples_is_followed_by_the_map():
    s = np.array([[[1.0], [np.nan], [np.nan]]])
    found = filtered_state(Linear([[0.5]]), s, noise=np.array([0.0]), error=np.array([0.1]))
    np.testing.assert_allclose(found, 0.25, atol=1e-6)
    s = np.full((1, 3, 1), np.nan)
    np.testing.assert_array_equal(filtered_state(Linear([[0.5]]), s, noise=np.ones(1), error=np.ones(1)), 0.0)


def test_a_state_that_is_lost_begins_anew():
    """The map blows up within the gap; the sample after it is believed again."""
    s = np.full((1, 14, 1), np.nan)
    s[0, 0], s[0, -1] = 3.0, 0.04
    found = filtered_state(Cubic(), s, noise=np.array([1e-3]), error=np.array([1e-3]))
    np.testing.assert_allclose(found, 0.04, atol=1e-4)
    assert np.isfinite(filtered_state(Cubic(), s[:, :-1], noise=np.ones(1), error=np.ones(1))).all()
