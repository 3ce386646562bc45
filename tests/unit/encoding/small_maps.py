"""Piecewise-linear maps for tests of the encoding, and a search for their orbits by plain loops over all words."""

import itertools

import numpy as np

from dysyr.core.scaler import Scaler
from dysyr.kernels import elementwise_plrnn, shallow_plrnn
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN
from dysyr.reconstruction.plrnn.shallow_model import ShallowPLRNN


def skew_tent(left, right, height=1.0, **others):
    """x' = height + left x for x <= 0, height + right x for x > 0."""
    return ElementwisePLRNN.from_arrays(A=[left], W=[[right - left]], h=[height], n_rectified=1, **others)


def lozi(a, b):
    """x' = 1 - a |x| + y, y' = b x, in the state (y, x, x) whose last unit is rectified.

    |x| = 2 relu(x) - x, and x enters y' as it is, so a linear unit carries a copy of x.
    """
    return ElementwisePLRNN.from_arrays(
        A=[0.0, a, 0.0],
        W=[[0.0, b, 0.0], [1.0, 0.0, -2.0 * a], [1.0, a, -2.0 * a]],
        h=[0.0, 1.0, 1.0],
        n_rectified=1,
        initial_states=[[0.0, 0.1, 0.1]],
    )


def coupled_tents(rng, latent_dim, n_rectified, coupling=0.15):
    """Expanding skew tents, P of them, weakly coupled at random with contracting linear units: many real orbits."""
    linear = latent_dim - n_rectified
    A = np.r_[rng.uniform(-0.6, 0.6, linear), rng.uniform(1.2, 1.8, n_rectified)]
    W = coupling * rng.normal(size=(latent_dim, latent_dim))
    W[np.arange(linear), np.arange(linear)] = 0.0
    last = np.arange(linear, latent_dim)
    W[last, last] = -A[last] - rng.uniform(1.2, 2.2, n_rectified)
    h = np.r_[0.1 * rng.normal(size=linear), np.ones(n_rectified)]
    return ElementwisePLRNN.from_arrays(
        A=A, W=W, h=h, n_rectified=n_rectified, initial_states=0.1 * rng.normal(size=(4, latent_dim))
    )


def dendritic(rng, latent_dim, n_bases, clipped):
    """A random dendritic PLRNN."""
    m = latent_dim
    parts = elementwise_plrnn.Parameters(
        rng.uniform(-0.5, 0.5, m), rng.normal(size=(m, m)), rng.normal(size=m), rng.normal(size=n_bases),
        rng.normal(size=(m, n_bases)), np.zeros((m, 0)), np.zeros((0, m)), np.zeros((0, m)),
    )  # fmt: skip
    return ElementwisePLRNN(parts, clipped=clipped, **_rest(m))


def shallow(rng, latent_dim, hidden_dim, *, clipped=False, gain=1.0):
    """A random shallow PLRNN."""
    m, h = latent_dim, hidden_dim
    parts = shallow_plrnn.Parameters(
        A=rng.uniform(-0.5, 0.5, m), W1=gain * rng.normal(size=(m, h)) / np.sqrt(h), W2=rng.normal(size=(h, m)),
        h1=rng.normal(size=m), h2=rng.normal(size=h), C=np.zeros((m, 0)), L=np.zeros((0, m)), B=np.zeros((0, m)),
    )  # fmt: skip
    return ShallowPLRNN(parts, clipped=clipped, **_rest(m))


def _rest(m):
    return {
        "scaler": Scaler(np.zeros(m), np.ones(m)),
        "dt": 1.0,
        "names": [f"x{i}" for i in range(m)],
        "initial_states": np.zeros((1, m)),
    }


def orbits_by_brute_force(model, period):
    """Orbits of least period ``period`` as rows of sorted points: every word, rotations too, one solve each.

    Uses the map only through ``affine`` of single regions, and ``step`` to check that what was solved is an orbit.
    """
    regions = [np.array(bits, dtype=bool) for bits in itertools.product((0, 1), repeat=model.n_bits)]
    maps = [model.affine(region) for region in regions]
    identity = np.eye(model.latent_dim)
    found = []

    def descend(product, offset, word):
        if len(word) < period:
            for jacobian, shift in maps:
                descend(jacobian @ product, jacobian @ offset + shift, [*word, (jacobian, shift)])
            return
        if abs(np.linalg.det(identity - product)) < 1e-12:
            return
        orbit = [np.linalg.solve(identity - product, offset)]
        for jacobian, shift in word:
            orbit.append(model.step(orbit[-1][None])[0])
            if np.abs(orbit[-1] - jacobian @ orbit[-2] - shift).max() > 1e-6:
                return
        if np.abs(orbit[-1] - orbit[0]).max() > 1e-7:
            return
        divisors = [d for d in range(1, period) if period % d == 0]
        if all(np.abs(orbit[d] - orbit[0]).max() > 1e-7 for d in divisors):
            found.append(orbit[0])

    descend(identity, np.zeros(model.latent_dim), [])
    return _distinct(np.array(found).reshape(-1, model.latent_dim))


def _distinct(points):
    close = np.abs(points[:, None] - points[None]).max(axis=2) <= 1e-7
    return points[~np.tril(close, -1).any(axis=1)]


def same_points(a, b, tolerance=1e-7):
    """Whether two sets of points are the same, in any order."""
    if a.shape != b.shape:
        return False
    if not len(a):
        return True
    distances = np.abs(a[:, None] - b[None]).max(axis=2)
    return bool((distances.min(axis=0) < tolerance).all() and (distances.min(axis=1) < tolerance).all())


def invertible_lozi(a, b, reach=1000.0):
    """x' = 1 - a |x| + y, y' = b x as a shallow PLRNN of three hidden units, exact for |x|, |y| < reach.

    |x| = 2 relu(x) - x, and relu(s + reach) - reach passes s on unchanged.
    """
    parts = shallow_plrnn.Parameters(
        A=np.zeros(2), W1=np.array([[-2.0 * a, a, 1.0], [0.0, b, 0.0]]), W2=np.array([[1.0, 0], [1, 0], [0, 1]]),
        h1=np.array([1.0 - (a + 1.0) * reach, -b * reach]), h2=np.array([0.0, reach, reach]),
        C=np.zeros((2, 0)), L=np.zeros((0, 2)), B=np.zeros((0, 2)),
    )  # fmt: skip
    return ShallowPLRNN(parts, **_rest(2))
