"""Chains and paths for tests of jump processes: rows of the matrix exponential, nothing of dysyr."""

import numpy as np
import scipy.linalg

SWITCH = np.array([[-1.0, 1.0], [0.4, -0.4]])
THREE = np.array([[-1.5, 1.0, 0.5], [0.3, -0.5, 0.2], [0.6, 0.9, -1.5]])
DT = 0.25


def ratchet(v):
    """Flashing ratchet of six states: a potential of height v that is switched on and off."""
    q = np.zeros((6, 6))
    for i in range(3):
        for j in range(3):
            if i != j:
                q[i, j], q[3 + i, 3 + j] = np.exp(-v * (j - i) / 2), 1.0
        q[i, i + 3] = q[i + 3, i] = 1.0
    return q - np.diag(q.sum(axis=1))


def paths(q, n_paths=50, n=40, dt=DT, seed=0, flips=0.0):
    """(path, time) states on a grid, from a uniform start; a share of the labels is moved to another state."""
    rng = np.random.default_rng(seed)
    table = np.cumsum(scipy.linalg.expm(q * dt), axis=1)
    table[:, -1] = 1.0
    x = np.empty((n_paths, n), dtype=np.int64)
    x[:, 0] = rng.integers(0, len(q), n_paths)
    for k in range(1, n):
        x[:, k] = (rng.random(n_paths)[:, None] >= table[x[:, k - 1]]).sum(axis=1)
    moved = rng.random(x.shape) < flips
    x[moved] = (x[moved] + rng.integers(1, len(q), moved.sum())) % len(q)
    return x


def irregular_paths(q, n_paths=50, n=40, seed=0):
    """Lists of times and of states, every path at its own times."""
    rng = np.random.default_rng(seed)
    clocks, states = [], []
    for _ in range(n_paths):
        t = np.cumsum(rng.exponential(DT, n) + 1e-3)
        x = [int(rng.integers(len(q)))]
        for lag in np.diff(t):
            x.append(int(rng.choice(len(q), p=scipy.linalg.expm(q * lag)[x[-1]])))
        clocks.append(t)
        states.append(np.array(x))
    return clocks, states
