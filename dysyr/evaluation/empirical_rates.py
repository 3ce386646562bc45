"""Rates from labels without any model: the matrix logarithm of observed transitions, the data's side of invariants."""

import dataclasses

import numpy as np

from dysyr.core.rate_matrix import checked_rate_matrix, closed_classes

N_RESAMPLES = 100
N_PIECES = 20
WORST_CONDITION = 1e8


@dataclasses.dataclass(frozen=True, eq=False)
class EmpiricalRates:
    """What labels say of the rates.

    Attributes:
        rates: (state, state) rate matrix in 1/time.
        draws: (resample, state, state) the same of resampled paths.
        lag: the sampling interval it comes from.
        clipped: largest negative rate that was set to zero, relative to the fastest leaving.
    """

    rates: np.ndarray
    draws: np.ndarray
    lag: float
    clipped: float


def empirical_rates(panel, *, seed=0):
    """Rates of regularly sampled labels.

        Q = ln P / dt,   P_ij = C_ij / sum_k C_ik

    Negative rates are set to zero and the diagonal is made of the rows. Paths are drawn with replacement for the
    spread; fewer than 20 paths are cut into 20 pieces before.

    Args:
        panel: LabelPanel.
        seed: of the resampling.

    Returns:
        EmpiricalRates; None where times are irregular, a state is never left or entered, or the logarithm is not real.
    """
    if panel.dt is None:
        return None
    counts = panel.path_counts(1)
    if panel.n_paths < N_PIECES:
        counts = _pieces(panel)
    found = _logarithm(counts.sum(axis=0), panel.dt)
    if found is None or len(closed_classes(found[0])) != 1:
        return None
    rng = np.random.default_rng([int(seed), 0x656D70])
    weights = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=N_RESAMPLES)
    resampled = [_logarithm(c, panel.dt) for c in np.tensordot(weights, counts, axes=1)]
    draws = [q for q in resampled if q is not None and len(closed_classes(q[0])) == 1]
    if 2 * len(draws) < N_RESAMPLES:
        return None
    return EmpiricalRates(found[0], np.stack([q for q, _ in draws]), panel.dt, found[1])


def _logarithm(counts, dt):
    """(rate matrix, what was clipped) of pair counts; None where there is none."""
    total = counts.sum(axis=1)
    if (total == 0).any() or (counts.sum(axis=0) == 0).any():
        return None
    p = counts / total[:, None]
    values, vectors = np.linalg.eig(p)
    if np.linalg.cond(vectors) > WORST_CONDITION or ((np.abs(values.imag) == 0) & (values.real <= 0)).any():
        return None
    q = np.real((vectors * np.log(values.astype(complex))) @ np.linalg.inv(vectors)) / dt
    off = ~np.eye(len(q), dtype=bool)
    clipped = float(max(0.0, -q[off].min(initial=0.0)) / max(-q.diagonal().min(), 1e-300))
    q = np.where(off, np.maximum(q, 0.0), 0.0)
    return checked_rate_matrix(q), clipped


def _pieces(panel):
    """(piece, from, to) pairs of neighbouring samples, every path cut into equally many pieces."""
    n_each = -(-N_PIECES // panel.n_paths)
    n_pairs = panel.grid.shape[1] - 1
    edges = np.unique(np.linspace(0, n_pairs, n_each + 1).astype(int))
    parts = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        part = dataclasses.replace(panel, grid=panel.grid[:, low : high + 1])
        parts.append(part.path_counts(1))
    return np.concatenate(parts)
