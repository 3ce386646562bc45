"""The prior of jump processes that the foundation network is trained on, and of how they are looked at.

A process has n states. Its graph is complete or sparse with equal chance; sparse means that each edge is there with
probability 1/2, drawn again until every state can be reached from every other and there are at least 2 (n - 1) edges.
Rates are in units of a tenth of the duration T:

    q_ij = s b_ij,  b_ij ~ Beta(1, k),  k uniform on {1, 3, 5}, edge by edge

with s = 1 for the law that is published for this family of networks. To be prepared for processes it does not cover,
a share of the training set has s log-uniform on [0.3, 4], and half of these have b_ij = 0.3 exp(c z), z normal, c
uniform on [0, 1.3], instead. Paths begin in the stationary distribution or in a draw of Dirichlet(50, ..., 50).

They are seen on a regular grid (every first to fourth of 100 times) or each at its own times (each of the 100 kept with
probability 1/4 or 1/2), and labels are moved to another state with a probability that is zero or log-uniform.

Reference: berghaus2024
"""

import dataclasses

import numpy as np

from dysyr.core.rate_matrix import closed_classes, stationary_distribution
from dysyr.kernels.jump_chain import cumulative, sample_chain
from dysyr.kernels.rate_integrals import transition_matrices
from dysyr.kernels.rate_pairs import count_pairs
from dysyr.reconstruction.jump_em.panel import Panel

VERSION = 1
"""Raised whenever the prior changes, since weights belong to one."""
DURATION = 10.0
N_TIMES = 100
STEP = DURATION / (N_TIMES - 1)
STRIDES = (1, 2, 3, 4)
KEEP = (0.25, 0.5)
SHAPES = (1.0, 3.0, 5.0)
LARGEST_RATE = 1.0
"""Where the published law of the rates ends."""
CONCENTRATION = 50.0
PUBLISHED_SIZES = {2: 1 / 9, 3: 1 / 9, 4: 1 / 9, 5: 1 / 9, 6: 5 / 9}
TRAINING_SIZES = {2: 0.09, 3: 0.1, 4: 0.11, 5: 0.12, 6: 0.38, 7: 0.1, 8: 0.1}
MOST_PATHS = 400
CLEAN, NOISES = 0.35, (0.003, 0.15)


@dataclasses.dataclass(frozen=True, eq=False)
class Process:
    """A jump process of the prior.

    Attributes:
        q: (state, state) rates in units of a tenth of the duration.
        initial: (state,) distribution of the first state.
    """

    q: np.ndarray
    initial: np.ndarray


def draw_process(rng, *, n_states=None, sizes=None, wide=0.0):
    """A process.

    Args:
        rng: NumPy generator.
        n_states: number of states; by default drawn from ``sizes``.
        sizes: dict number of states -> probability; by default the published one.
        wide: probability of rates beyond the published law.

    Returns:
        Process.
    """
    sizes = sizes or PUBLISHED_SIZES
    n = n_states or int(rng.choice(list(sizes), p=np.array(list(sizes.values())) / sum(sizes.values())))
    edges = _graph(rng, n)
    rates = rng.beta(1.0, rng.choice(SHAPES, size=(n, n)))
    if rng.random() < wide:
        if rng.random() < 0.5:
            rates = 0.3 * np.exp(rng.uniform(0, 1.3) * rng.normal(size=(n, n)))
        rates = rates * np.exp(rng.uniform(np.log(0.3), np.log(4.0)))
    q = np.where(edges, np.maximum(rates, 1e-6), 0.0)
    q -= np.diag(q.sum(axis=1))
    initial = stationary_distribution(q) if rng.random() < 0.5 else rng.dirichlet(np.full(n, CONCENTRATION))
    return Process(q, initial)


def draw_context(rng, process, *, n_paths=None, noise=None, regular=None, long=0.0):
    """Paths of a process as they are seen.

    Args:
        rng: NumPy generator.
        process: Process.
        n_paths: number of paths; by default log-uniform on 1 to 400.
        noise: probability that a label is moved to another state; by default zero with chance 0.35, else log-uniform on
            [0.003, 0.15].
        regular: whether all paths are seen on one regular grid; by default with chance 1/2.
        long: probability that paths are longer than the duration, and fewer.

    Returns:
        Panel; times are in tenths of the duration.
    """
    if n_paths is None:
        n_paths = int(np.exp(rng.uniform(0, np.log(MOST_PATHS + 1))))
    if noise is None:
        noise = 0.0 if rng.random() < CLEAN else float(np.exp(rng.uniform(*np.log(NOISES))))
    factor = int(n_paths ** rng.random()) if rng.random() < long else 1
    n_paths = -(-n_paths // factor)
    regular = rng.random() < 0.5 if regular is None else regular
    stride = int(rng.choice(STRIDES)) if regular else 1
    n, n_times = len(process.q), -(-N_TIMES * factor // stride)
    labels = _paths(rng, process, n_paths, n_times, stride)
    steps = np.broadcast_to(stride * np.arange(n_times), labels.shape)
    kept = np.ones(labels.shape, dtype=bool) if regular else rng.random(labels.shape) < rng.choice(KEEP)
    kept[:, 0] |= ~kept.any(axis=1)
    moved = rng.random(labels.shape) < noise
    labels = np.where(moved, (labels + rng.integers(1, n, labels.shape)) % n, labels)
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    return panel_of(labels[kept], steps[kept], offsets, n, factor * DURATION)


def panel_of(labels, steps, offsets, n_states, duration=DURATION):
    """The Panel of paths on the grid of the prior.

    Args:
        labels: (n_samples,) states, path after path.
        steps: (n_samples,) whole numbers of steps at which they were seen.
        offsets: (n_paths + 1,) where the paths begin, and the end of the last.
        n_states: number of states.
        duration: of the longest path.

    Returns:
        Panel, in units of a tenth of the duration.
    """
    gaps = np.diff(steps, prepend=0)
    gaps[offsets[:-1]] = 0
    distinct = np.unique(gaps[gaps > 0])
    index = np.where(gaps > 0, np.searchsorted(distinct, gaps), -1)
    lags = distinct * STEP
    return Panel(
        labels=labels.astype(np.int64), offsets=offsets, index=index, lags=lags,
        counts=count_pairs(labels, index, len(lags), n_states),
        first=np.bincount(labels[offsets[:-1]], minlength=n_states).astype(np.float64), duration=duration,
        states=tuple(str(i) for i in range(n_states)), dt=float(np.median(lags[index[index >= 0]])), name="state",
    )  # fmt: skip


def _graph(rng, n):
    """(n, n) bool edges, strongly connected."""
    off = ~np.eye(n, dtype=bool)
    if rng.random() < 0.5:
        return off
    while True:
        edges = off & (rng.random((n, n)) < 0.5)
        if edges.sum() >= 2 * (n - 1) and edges.any(axis=1).all() and closed_classes(edges) == [list(range(n))]:
            return edges


def _paths(rng, process, n_paths, n_times, stride):
    """(path, time) states, exact in law."""
    tables = cumulative(transition_matrices(process.q, [0.0, stride * STEP]))
    lag_of = np.ones((1, n_times), dtype=np.int64)
    lag_of[0, 0] = 0
    start = rng.choice(len(process.q), size=n_paths, p=process.initial).astype(np.int64)
    out = np.empty((n_paths, n_times, 1))
    low, high = (int(word) for word in rng.integers(0, 2**32, 2))
    sample_chain(lag_of, np.array([n_times]), 0, n_times, low, high, 0, 0, tables, start, out)
    return out[..., 0].astype(np.int64)
