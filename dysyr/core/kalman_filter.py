"""The state at the end of a noisy context, by the extended Kalman filter."""

import numpy as np

UNSEEN = 1e8
"""Variance that stands for a sample that is missing."""
VAGUE = 100.0
"""Variance of a state of which less is known than that it lies among the data."""


def filtered_state(model, s, *, noise, error):
    """Mean of the state after a context, for a model whose state is the sample.

        m- = F(m),  P- = J P J^T + Q,     K = P- (P- + R)^-1,     m = m- + K (s - m-),  P = (1 - K) P-

    R holds the variances of the noise of measurements, Q those of what the map gets wrong in one step. Without noise
    the last sample is the answer. It begins at 0 with P = 1, mean and variance of the data, and does so again where
    less than that is known: a state that is not finite, or a variance above 100.

    Args:
        model: StateSpace with a state (batch, variable) in standardised units.
        s: (batch, time, variable) in standardised units, NaN where missing.
        noise: (variable,) standard deviations of the noise.
        error: (variable,) root mean square errors of one step of the map.

    Returns:
        (batch, variable).

    Reference: anderson1979
    """
    n_rows, n_times, n_variables = s.shape
    seen, one = np.isfinite(s), np.eye(n_variables)
    m, p = np.zeros((n_rows, n_variables)), np.broadcast_to(one, (n_rows, n_variables, n_variables))
    for t in range(n_times):
        if t:
            with np.errstate(over="ignore", invalid="ignore"):
                jacobian = model.jacobian(m)
                m, p = model.step(m), jacobian @ p @ jacobian.transpose(0, 2, 1) + np.diag(np.square(error))
                lost = ~(np.isfinite(m).all(axis=1) & (np.abs(p) < VAGUE).all(axis=(1, 2)))
            m, p = np.where(lost[:, None], 0.0, m), np.where(lost[:, None, None], one, p)
        variances = np.where(seen[:, t], np.square(noise), UNSEEN)
        total = p + variances[:, :, None] * one + 1e-14 * one
        gain = np.linalg.solve(total, p).transpose(0, 2, 1)
        m = m + np.einsum("bij,bj->bi", gain, np.where(seen[:, t], s[:, t] - m, 0.0))
        p = (one - gain) @ p
        p = 0.5 * (p + p.transpose(0, 2, 1))
    return m
