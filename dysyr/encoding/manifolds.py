"""Stable and unstable manifolds of fixed points and cycles of piecewise-linear maps.

Around a hyperbolic orbit the manifold is exactly the span of eigenvectors of J_k ... J_1, as far as the regions of the
word reach. Images of that piece under F (unstable) or under F^{-1} (stable) are the rest. The map takes straight lines
to straight lines inside a region, so a one-dimensional unstable manifold is an exact polyline once each line is cut
where a switch changes sign; other manifolds are clouds of points on them. The idea of the search for preimages is that
of Eisenmann et al. (2025).
"""

from dataclasses import dataclass

import numpy as np

from dysyr.core.counts import check_counts
from dysyr.core.errors import InputError
from dysyr.encoding.affine_words import compose
from dysyr.encoding.inverse_step import inverse_step

FAR = 1e100
"""A coordinate beyond which a manifold is not followed."""


@dataclass(frozen=True, eq=False)
class Manifold:
    """A stable or unstable manifold of a periodic orbit, by generations.

    Attributes:
        kind: 'unstable' or 'stable'.
        dimension: of the manifold.
        generations: tuple of lists of (n, latent) arrays; generation i + 1 is the image of generation i under F, or its
            preimage. Where ``dimension`` is 1 an array is one branch in order, for the unstable manifold an exact
            polyline; NaN where a preimage was not found.
        n_failed: number of preimages that were not found.
        n_sought: number of preimages that were sought.
        complete: whether all generations asked for were made; False when a polyline got too
            many vertices or went to infinity.
    """

    kind: str
    dimension: int
    generations: tuple
    n_failed: int
    n_sought: int
    complete: bool

    @property
    def failed(self):
        """Share of preimages that were not found."""
        return self.n_failed / self.n_sought if self.n_sought else 0.0

    @property
    def points(self):
        """(n, latent), all points found."""
        every = np.concatenate([branch for generation in self.generations for branch in generation])
        return every[np.isfinite(every).all(axis=1)]


def unstable_manifold(model, orbit, *, n_steps=10, n_points=200, max_points=100_000, seed=0):
    """The unstable manifold of a fixed point or cycle: the local span of its unstable eigenvectors, pushed by F.

    Args:
        model: PiecewiseLinear.
        orbit: real, hyperbolic PeriodicOrbit of the model with at least one unstable direction.
        n_steps: images to take.
        n_points: points of the first generation, for manifolds of more than one dimension.
        max_points: vertices of a generation beyond which no further one is made.
        seed: chooses points for manifolds of more than one dimension.

    Returns:
        Manifold.

    Raises:
        InputError: an orbit that is virtual, not hyperbolic or without unstable directions, or counts below 1.
    """
    basis, length, factor = _local_piece(model, orbit, unstable=True)
    check_counts(n_steps=n_steps, n_points=n_points, max_points=max_points)
    if basis.shape[1] > 1:
        generations = [[_cloud(orbit, basis, length, factor, n_points, seed)]]
        for _ in range(n_steps):
            generations.append([model.step(generations[-1][0])])
        return Manifold("unstable", basis.shape[1], tuple(generations), 0, 0, True)
    ends = [orbit.points[0] + side * length * basis[:, 0] for side in (1.0, -1.0)]
    generations = [[np.stack([orbit.points[0], end]) for end in ends]]
    for _ in range(n_steps):
        cut = [_cut_at_switches(model, branch) for branch in generations[-1]]
        if sum(map(len, cut)) > max_points or max(np.abs(branch).max() for branch in cut) > FAR:
            return Manifold("unstable", 1, tuple(generations), 0, 0, False)
        generations.append([model.step(branch) for branch in cut])
    return Manifold("unstable", 1, tuple(generations), 0, 0, True)


def stable_manifold(model, orbit, *, n_steps=10, n_points=200, seed=0):
    """The stable manifold of a fixed point or cycle: the local span of its stable eigenvectors, pulled by F^{-1}.

    Preimages are those of ``inverse_step``; the first region tried for a point is that of the orbit one step earlier in
    the first period, later that of the point itself.

    Args:
        model: PiecewiseLinear.
        orbit: real, hyperbolic PeriodicOrbit of the model with at least one stable direction.
        n_steps: preimages to take.
        n_points: points of a branch of a one-dimensional manifold, or of the cloud of a larger one.
        seed: chooses points for manifolds of more than one dimension.

    Returns:
        Manifold; ``failed`` says which share of the preimages was not found.

    Raises:
        InputError: an orbit that is virtual, not hyperbolic or without stable directions, or counts below 1.
    """
    basis, length, factor = _local_piece(model, orbit, unstable=False)
    check_counts(n_steps=n_steps, n_points=n_points)
    if basis.shape[1] > 1:
        branches = [_cloud(orbit, basis, length, factor, n_points, seed)]
    else:
        along = np.linspace(0.0, length, n_points)[:, None] * basis[:, 0]
        branches = [orbit.points[0] + along, orbit.points[0] - along]
    generations, n_failed, n_sought = [branches], 0, 0
    for step in range(n_steps):
        following = []
        for branch in generations[-1]:
            guess = model.region(np.where(np.isfinite(branch), branch, 0.0))
            if step < orbit.period:
                guess = np.broadcast_to(orbit.word[-1 - step], guess.shape).copy()
            before, _ = inverse_step(model, branch, guess)
            n_sought += int(np.isfinite(branch).all(axis=1).sum())
            n_failed += int((np.isfinite(branch).all(axis=1) & np.isnan(before).any(axis=1)).sum())
            following.append(before)
        generations.append(following)
    return Manifold("stable", basis.shape[1], tuple(generations), n_failed, n_sought, True)


def _local_piece(model, orbit, *, unstable):
    """Basis (latent, dimension) of the stable or unstable subspace, a length and a factor.

    All points[0] + basis c with |c|_1 up to the length belong to the manifold: for one period they stay in the regions
    of the word, and so do their images towards the orbit, whose largest norm shortens the length. The factor, above 1,
    is that of the strongest direction per period.
    """
    kind = "unstable" if unstable else "stable"
    if not orbit.real or not orbit.hyperbolic:
        raise InputError(
            "the orbit has no manifolds to follow", got="it is " + ("not hyperbolic" if orbit.real else "virtual"),
            expected="a real, hyperbolic orbit",
        )  # fmt: skip
    jacobians, offsets = model.affine(orbit.word)
    product = compose(jacobians[None], offsets[None])[0][0]
    values, vectors = np.linalg.eig(product)
    chosen = (np.abs(values) > 1.0) == unstable
    if not chosen.any():
        raise InputError(f"the orbit has no {kind} direction", got=f"it is {orbit.stability}")
    left, _, _ = np.linalg.svd(np.concatenate([vectors[:, chosen].real, vectors[:, chosen].imag], axis=1))
    basis = left[:, : chosen.sum()]
    inward = basis.T @ product @ basis
    inward = np.linalg.inv(inward) if unstable else inward
    largest, power = 1.0, inward
    for _ in range(1000):
        norm = np.linalg.norm(power, ord=1)
        largest = max(largest, norm)
        if norm < 0.5:
            break
        power = power @ inward
    strongest = np.abs(np.linalg.eigvals(inward)).min()
    return basis, _reach(model, orbit, jacobians, basis) / largest, 1.0 / max(strongest, 1e-3)


def _reach(model, orbit, jacobians, basis):
    """The largest length, of halves of the orbit's size, at which +-basis stays in the regions for one period."""
    size = 1.0 + np.abs(orbit.points).max()
    for halvings in range(60):
        carried, inside = size * 0.5**halvings * basis, True
        for i in range(orbit.period):
            ends = orbit.points[i] + np.concatenate([carried.T, -carried.T])
            inside &= bool((model.region(ends) == orbit.word[i]).all())
            carried = jacobians[i] @ carried
        if inside:
            return size * 0.5**halvings
    raise InputError("the orbit lies on a switching surface", got=f"margin {orbit.margin:.3g}")


def _cloud(orbit, basis, length, factor, n_points, seed):
    """Points of the local manifold: directions at random, distances log-uniform over a factor."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n_points, basis.shape[1]))
    directions /= np.abs(directions).sum(axis=1, keepdims=True)
    return orbit.points[0] + length * factor ** -rng.uniform(size=(n_points, 1)) * directions @ basis.T


def _cut_at_switches(model, line):
    """A polyline with a vertex wherever a switch, affine in the state, changes sign."""
    before, after = model.switches(line[:-1]), model.switches(line[1:])
    segment, bit = np.nonzero((before > 0) != (after > 0))
    share = before[segment, bit] / (before[segment, bit] - after[segment, bit])
    cuts = line[segment] + share[:, None] * (line[segment + 1] - line[segment])
    place = np.concatenate([np.arange(len(line), dtype=np.float64), segment + share])
    return np.concatenate([line, cuts])[np.argsort(place, kind="stable")]
