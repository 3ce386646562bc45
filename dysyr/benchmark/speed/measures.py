"""Contests of the measures' kernels: cell counts, correlation sums, recurrence, Lyapunov exponents of models."""

import functools

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from dysyr.benchmark.speed.contest import REPEATS, Contest, Disagreement
from dysyr.core import attractor_distance
from dysyr.kernels import shallow_plrnn_growth_reference
from dysyr.kernels.lyapunov import growth_of_map
from dysyr.kernels.measures import recurrence_lines_reference
from dysyr.kernels.measures.cell_counts import count_cells
from dysyr.kernels.measures.distance_ranks import quantile_distance
from dysyr.kernels.measures.pair_counts import pair_counts
from dysyr.kernels.measures.recurrence_lines import recurrence_lines
from dysyr.kernels.shallow_plrnn import Parameters
from dysyr.kernels.shallow_plrnn_growth import tangent_growth

N_CELLS = 10_000
RADII = {
    "wide": np.geomspace(0.1, 30.0, 16),
    "small": np.geomspace(0.05, 1.0, 16),
    "large": np.geomspace(10.0, 60.0, 16),
    "one": np.array([5.0]),
}
"""Radii in units of Lorenz-63, whose attractor is 40 to 50 wide."""


def contests(*, quick):
    """Contests of the measures.

    Args:
        quick: small sizes and few repeats.

    Yields:
        Contest.
    """
    yield from _cell_contests(3 if quick else REPEATS)
    yield from _correlation_contests(quick)
    yield from _recurrence_contests(1_000 if quick else 3_000, 3 if quick else REPEATS)
    yield from _growth_contests(quick)


def _cell_contests(repeats):
    clouds = {"independent points": np.random.default_rng(1).normal(size=(2, N_CELLS, 3))}
    clouds["Lorenz-63 orbits"] = _lorenz_points(2 * N_CELLS).reshape(2, N_CELLS, 3)
    for name, (truth, generated) in clouds.items():
        size = f"2 x {N_CELLS:,} {name}, 3-D, 30 bins"
        low, high = _range(truth)
        edges = np.linspace(low, high, 31).T
        yield Contest(
            job="D_stsp cell counts", size=size, baseline="np.histogramdd",
            ours=functools.partial(count_cells, truth, generated, low, high, 30),
            theirs=lambda pair=(truth, generated), edges=edges: [np.histogramdd(x, edges)[0] for x in pair],
            compare=_same_cells, goal=15.0, floor=5.0, repeats=5 * repeats,
        )  # fmt: skip
        yield Contest(
            job="D_stsp, the whole measure", size=size, baseline="the same with cells counted in NumPy",
            ours=functools.partial(
                attractor_distance.state_space_divergence, truth, generated, count=count_cells
            ),
            theirs=functools.partial(attractor_distance.state_space_divergence, truth, generated),
            compare=_equal, repeats=5 * repeats,
        )  # fmt: skip
    truth, generated = np.random.default_rng(2).normal(size=(2, N_CELLS, 5))
    arguments = (truth, generated, *_range(truth), 30)
    yield Contest(
        job="cell counts by sorted keys", size=f"2 x {N_CELLS:,} points, 5-D, 30 bins", baseline="np.unique of keys",
        ours=functools.partial(count_cells, *arguments),
        theirs=functools.partial(attractor_distance.count_cells, *arguments),
        compare=_equal, floor=1.0, repeats=5 * repeats,
    )  # fmt: skip


def _correlation_contests(quick):
    for n in (500, 5_120, 20_480) if quick else (500, 5_120, 20_480, 50_000):
        points = _lorenz_points(n)
        names = ("wide", "small") if quick or n == 50_000 else tuple(RADII)
        for name in names:
            radii = RADII[name]
            main = name == "wide" and n == 5_120
            yield Contest(
                job="correlation sum", size=f"{n:,} points, 3-D, {_described(name)}",
                baseline="scipy cKDTree, built and count_neighbors",
                ours=functools.partial(pair_counts, points, radii),
                theirs=functools.partial(_tree_counts, points, radii),
                compare=_equal, goal=8.0 if main else 1.0, floor=4.0 if main else 1.0,
                repeats=_turns(n, name, quick),
            )  # fmt: skip
    n, edges = 3_000 if quick else 5_000, np.append(0.0, RADII["wide"])
    points = _lorenz_points(n)
    yield Contest(
        job="correlation sum", size=f"{n:,} points, 3-D, {_described('wide')}", baseline="scipy pdist and np.histogram",
        ours=functools.partial(pair_counts, points, edges[1:]),
        theirs=lambda: np.cumsum(np.histogram(pdist(points), edges)[0]),
        compare=_equal, floor=1.0, repeats=3 if quick else REPEATS,
    )  # fmt: skip


def _recurrence_contests(n, repeats):
    points = _lorenz_points(n)
    yield Contest(
        job="quantile of distances", size=f"{n:,} points, 3-D, 5 %", baseline="np.quantile of scipy pdist",
        ours=functools.partial(quantile_distance, points, 0.05), theirs=lambda: np.quantile(pdist(points), 0.05),
        compare=_equal, floor=1.0, repeats=repeats,
    )  # fmt: skip
    arguments = {"points": points, "threshold": quantile_distance(points, 0.05), "theiler": 5}
    yield Contest(
        job="lines of a recurrence plot", size=f"{n:,} points, 3-D, 5 % recurrent", baseline="NumPy, plot as a matrix",
        ours=functools.partial(recurrence_lines, **arguments),
        theirs=functools.partial(recurrence_lines_reference.recurrence_lines, **arguments),
        compare=_equal, floor=1.0, repeats=repeats,
    )  # fmt: skip


def _growth_contests(quick):
    for latent_dim, hidden_dim in ((3, 50), (20, 200)):
        parameters = _random_parameters(latent_dim, hidden_dim)
        starts = np.random.default_rng(4).normal(size=(16, latent_dim))
        n_steps, n_numpy = 1_000 if latent_dim > 3 or quick else 5_000, 100
        small = latent_dim == 3
        yield Contest(
            job="Lyapunov QR of a shallow PLRNN", size=f"16 orbits, M={latent_dim}, H={hidden_dim}, QR every step",
            baseline="numpy loop, orbit by orbit, QR every step",
            ours=functools.partial(tangent_growth, parameters, starts, n_steps),
            theirs=functools.partial(
                shallow_plrnn_growth_reference.tangent_growth, parameters, starts[:1], n_numpy
            ),
            compare=_same_growth, goal=300.0 if small else None, floor=100.0 if small else 1.0,
            scale=16 * n_steps / n_numpy, repeats=3 if quick else REPEATS,
        )  # fmt: skip
        yield Contest(
            job="Lyapunov QR of a shallow PLRNN", size=f"16 orbits, M={latent_dim}, H={hidden_dim}, QR every step",
            baseline="numpy, 16 orbits at once in stacked arrays",
            ours=functools.partial(tangent_growth, parameters, starts, n_steps),
            theirs=functools.partial(_stacked_growth, parameters, starts, n_numpy),
            compare=_same_growth_late, floor=1.0, scale=n_steps / n_numpy, repeats=3 if quick else REPEATS,
        )  # fmt: skip


def _described(name):
    radii = RADII[name]
    return f"{len(radii)} radii from {radii[0]:g} to {radii[-1]:g}" if len(radii) > 1 else f"radius {radii[0]:g}"


def _turns(n, name, quick):
    if n >= 20_480 and name != "small":
        return 1 if quick else 3
    return 3 if quick else REPEATS


@functools.cache
def _lorenz_points(n):
    """Points of Lorenz-63, (n, 3), 0.05 apart in time: 80 orbits one after another, on the attractor."""

    def field(x):
        return np.stack(
            [10.0 * (x[1] - x[0]), x[0] * (28.0 - x[2]) - x[1], x[0] * x[1] - 8.0 / 3.0 * x[2]]
        )  # fmt: skip

    x = np.random.default_rng(3).normal(size=(3, 80)) + np.array([[0.0], [0.0], [25.0]])
    kept, h = [], 0.01
    for step in range(5 * (200 + -(-n // 80))):
        a = field(x)
        b = field(x + 0.5 * h * a)
        c = field(x + 0.5 * h * b)
        x = x + h / 6.0 * (a + 2.0 * b + 2.0 * c + field(x + h * c))
        if step >= 1_000 and step % 5 == 0:
            kept.append(x)
    return np.ascontiguousarray(np.array(kept).transpose(2, 0, 1).reshape(-1, 3)[:n])


def _random_parameters(latent_dim, hidden_dim):
    rng = np.random.default_rng(5)
    return Parameters(
        A=np.full(latent_dim, 0.7), W1=rng.normal(size=(latent_dim, hidden_dim)) / np.sqrt(hidden_dim),
        W2=rng.normal(size=(hidden_dim, latent_dim)) / np.sqrt(latent_dim), h1=rng.normal(size=latent_dim),
        h2=rng.normal(size=hidden_dim), C=np.zeros((latent_dim, 0)), L=np.zeros((0, latent_dim)),
        B=np.zeros((0, latent_dim)),
    )  # fmt: skip


def _range(truth):
    margin = 0.1 * truth.std(axis=0, ddof=1)
    return truth.min(axis=0) - margin, truth.max(axis=0) + margin


def _tree_counts(points, radii):
    tree = cKDTree(points)
    return (tree.count_neighbors(tree, radii) - len(points)) // 2


def _stacked_growth(p, starts, n_steps):
    def advance(z):
        return p.A * z + np.maximum(z @ p.W2.T + p.h2, 0.0) @ p.W1.T + p.h1

    def jacobian(z):
        return np.diag(p.A) + (p.W1 * (z @ p.W2.T + p.h2 > 0)[:, None, :]) @ p.W2

    return growth_of_map(advance, jacobian, starts, n_steps)[0]


def _equal(ours, theirs):
    first, second = (np.concatenate([np.ravel(part) for part in _parts(result)]) for result in (ours, theirs))
    if first.shape != second.shape or not np.array_equal(first, second):
        raise Disagreement("results are not equal", got=f"{ours}", expected=f"{theirs}")
    return "equal"


def _parts(result):
    if isinstance(result, attractor_distance.StateSpaceDivergence):
        return [list(vars(result).values())]
    return result if isinstance(result, tuple | list) else [result]


def _same_cells(ours, theirs):
    u, v = (grid.reshape(-1) for grid in theirs)
    occupied = (u > 0) | (v > 0)
    return _equal(ours, (u[occupied], v[occupied]))


def _same_growth(ours, theirs):
    """The baseline runs a part of the orbits for a part of the time, with the same first tangent vectors."""
    own = ours[: theirs.shape[0], : theirs.shape[1]]
    worst = float(np.abs(own - theirs).max())
    if not worst < 1e-6:
        raise Disagreement("growths differ", got=f"by {worst:.2g}", expected="at most 1e-6")
    return f"equal to {worst:.1g}"


def _same_growth_late(ours, theirs):
    """Other first tangent vectors: the largest rate is the same once the first vector has found its direction."""
    late = slice(theirs.shape[1] // 2, theirs.shape[1])
    worst = float(np.abs(ours[:, late, 0].mean(axis=1) - theirs[:, late, 0].mean(axis=1)).max())
    if not worst < 1e-2:
        raise Disagreement("largest rates differ", got=f"by {worst:.2g}", expected="at most 0.01 per step")
    return f"largest rates equal to {worst:.1g} per step"
