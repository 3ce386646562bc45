"""Contests of the integrators: ensembles of Lorenz-63 and Lorenz-96, own steps, maps, tangent vectors.

Orbits of chaotic systems differ after some time, whatever computes them. So results are compared over a short time, in
``compare``, by running both programs once more; "equal error" means against DOP853 with tolerance 1e-13 at that time.
"""

import functools

import numpy as np

from dysyr.benchmark.speed import ode_baselines as baselines
from dysyr.benchmark.speed.contest import REPEATS, Contest, Disagreement, Share
from dysyr.benchmark.speed.limits import multiply_add_peak
from dysyr.core.system import System
from dysyr.kernels.lyapunov import growth_of_map
from dysyr.simulation.compiled import CompiledSystem
from dysyr.simulation.exponents import fixed_step_growth
from dysyr.simulation.flows import TABLEAUS, integrate_adaptive, integrate_fixed
from dysyr.simulation.maps import iterate

LORENZ63 = System.ode(
    {"x": "s*(y - x)", "y": "x*(r - z) - y", "z": "x*y - b*z"},
    parameters={"s": 10.0, "r": 28.0, "b": "8/3"}, initial_state=[1.0, 1.0, 20.0], name="lorenz63",
)  # fmt: skip
LORENZ96 = System.ode(
    {"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + F"}, parameters={"F": 8.0}, index={"i": 40}, name="lorenz96"
)
HENON = System.map({"x": "1 - a*x**2 + y", "y": "b*x"}, parameters={"a": 1.4, "b": 0.3}, name="henon")

DT = 0.01
COMPARED_TIME = 2.0
LORENZ63_FLOPS = 71
LORENZ96_FLOPS = 32
"""Operations of an RK4 step: of a trajectory of Lorenz-63, and of a variable of Lorenz-96."""


def contests(*, quick):
    """Contests of the integrators.

    Args:
        quick: small sizes and few repeats.

    Yields:
        Contest or Share.
    """
    repeats = 3 if quick else REPEATS
    yield from _lorenz63_contests(quick, repeats)
    yield from _own_step_contests(repeats)
    yield from _lorenz96_contests(repeats)
    yield from _map_contests(repeats)
    yield from _growth_contests(quick, repeats)


def _lorenz63_contests(quick, repeats):
    n, n_steps = 1_000, 10_000
    x0 = _on_the_attractor(n)
    job = "Lorenz-63 ensemble, final state"
    for dtype, goal in (("float64", 0.45), ("float32", 0.45)):
        yield Share(
            job=job, size=f"{n:,} x {n_steps:,} RK4 steps, {dtype}", limit=f"multiply-add peak, {dtype}",
            ours=_final(x0, "rk4", n_steps, dtype), work=LORENZ63_FLOPS * n * n_steps, unit="GF/s",
            capacity=functools.partial(multiply_add_peak, np.dtype(dtype)), goal=goal, floor=0.2, repeats=repeats,
        )  # fmt: skip
    for method, goal in (("tsit5", None), ("dop853", None)):
        few = n_steps // 10
        yield Share(
            job=job, size=f"{n:,} x {few:,} {method} steps, float64", limit="multiply-add peak, float64",
            ours=_final(x0, method, few), work=_flops(method) * n * few, unit="GF/s",
            capacity=functools.partial(multiply_add_peak, np.float64), goal=goal, repeats=repeats,
        )  # fmt: skip
    for dtype in ("float64", "float32"):
        scan = baselines.installed("jax")
        tolerance = 1e-8 if dtype == "float64" else 0.5
        yield Contest(
            job=job, size=f"{n:,} x {n_steps:,} RK4 steps, {dtype}", baseline="JAX, jitted lax.scan, (dim, trajectory)",
            ours=_final(x0, "rk4", n_steps, dtype),
            theirs=baselines.jax_scan(x0, DT, n_steps, dtype) if scan else None,
            compare=_same_start(x0, dtype, tolerance) if scan else None, goal=3.0, floor=1.5, repeats=repeats,
            note="" if scan else "JAX is not installed",
        )  # fmt: skip
    yield from _equal_error_contests(x0, quick, repeats)
    yield _saving_contest(_on_the_attractor(1_000), 1_000, repeats)


def _equal_error_contests(x0, quick, repeats):
    """Fixed steps against programs that choose theirs, with errors at COMPARED_TIME no larger than the other's."""
    t_end = 5.0 if quick else 20.0
    rivals = []
    if baselines.installed("diffrax"):
        rivals += [
            (f"diffrax vmap, Tsit5, tolerance {tolerance:g}", functools.partial(_diffrax, tolerance), x0, ours, goal)
            for tolerance, ours, goal in ((1e-6, ("tsit5", 0.025), 90.0), (1e-9, ("dop853", 1 / 42), 90.0))
        ]
    if baselines.installed("torchdiffeq"):
        rivals.append(("torchdiffeq, dopri5, tolerance 1e-6", _torchdiffeq, x0, ("rk4", 0.01), None))
    few = x0[:4]
    for (method, tolerance), ours in {("RK45", 1e-6): ("tsit5", 1 / 45), ("DOP853", 1e-9): ("dop853", 1 / 40)}.items():
        rival = functools.partial(_scipy, method, tolerance)
        rivals.append((f"scipy solve_ivp, {method}, tolerance {tolerance:g}, one by one", rival, few, ours, 30_000.0))
    for package in ("diffrax", "torchdiffeq"):
        if not baselines.installed(package):
            rivals.append((package, None, x0, ("rk4", 0.01), None))
    for baseline, rival, states, (method, dt), goal in rivals:
        yield Contest(
            job="Lorenz-63 ensemble, final state, equal error", size=f"{len(x0):,} x {t_end:g} time units, float64",
            baseline=baseline, ours=_final(x0, method, round(t_end / dt), dt=dt),
            theirs=rival(states, t_end) if rival else None,
            compare=_no_larger_error(states, method, dt, rival) if rival else None,
            goal=goal, floor=None if goal is None else goal / 10, scale=len(x0) / len(states), repeats=repeats,
            note=f"ours: {method}, step {dt:.4g}" + ("" if rival else "; the other is not installed"),
        )  # fmt: skip


def _saving_contest(x0, n_steps, repeats):
    compiled, times = CompiledSystem(LORENZ63), np.arange(n_steps + 1) * DT
    shape = (n_steps + 1, 3, len(x0))

    def compute_and_fill():
        result = integrate_fixed(compiled, "rk4", x0, np.array([0.0, times[-1]]), n_steps, keep=False)
        out = np.empty(shape)
        out.fill(0.0)
        return result, out

    def same_end(saved, computed):
        difference = np.abs(saved[:, min(200, n_steps)] - _advanced(x0, "rk4", DT, min(200, n_steps) * DT)).max()
        if not difference < 1e-8:
            raise Disagreement("saved states differ from computed ones", got=difference, expected="below 1e-8")
        return f"states after {min(200, n_steps)} steps differ by at most {difference:.0e}"

    return Contest(
        job="Lorenz-63 ensemble, every step saved", size=f"{len(x0):,} x {n_steps:,} RK4 steps, float64",
        baseline="the final state alone, and filling an array of that size",
        ours=lambda: integrate_fixed(compiled, "rk4", x0, times, 1), theirs=compute_and_fill, compare=same_end,
        goal=1 / 1.5, floor=0.25, repeats=2 * repeats,
    )  # fmt: skip


def _own_step_contests(repeats):
    t_end, tolerance = (2.0, 1e-6)
    x0 = _on_the_attractor(1_000)
    rivals = {"scipy solve_ivp, RK45, one by one": (functools.partial(_scipy, "RK45", tolerance), x0[:4], None)}
    if baselines.installed("diffrax"):
        rivals["diffrax vmap, Tsit5"] = functools.partial(_diffrax, tolerance), x0, None
    if baselines.installed("torchdiffeq"):
        rivals["torchdiffeq, dopri5, common steps"] = _torchdiffeq, x0, None
    for baseline, (rival, states, goal) in rivals.items():
        yield Contest(
            job="Lorenz-63 ensemble, own steps", size=f"{len(x0):,} x {t_end:g} time units, tolerance {tolerance:g}",
            baseline=baseline, ours=_adaptive(x0, t_end, tolerance), theirs=rival(states, t_end),
            compare=_both_near_the_truth(states, t_end), goal=goal, scale=len(x0) / len(states), repeats=repeats,
            note="ours: tsit5",
        )  # fmt: skip


def _lorenz96_contests(repeats):
    n, n_steps = 1_024, 50
    compiled = CompiledSystem(LORENZ96)
    x0 = integrate_fixed(compiled, "rk4", _draws(n, 40) + 3.0, np.array([0.0, 5.0]), 500, keep=False)
    size = f"D = 40, {n:,} x {n_steps} RK4 steps"
    for dtype in ("float64", "float32"):
        run = CompiledSystem(LORENZ96, dtype)
        yield Share(
            job="Lorenz-96 ensemble", size=f"{size}, {dtype}", limit=f"multiply-add peak, {dtype}",
            ours=functools.partial(integrate_fixed, run, "rk4", x0, np.array([0.0, n_steps * DT]), n_steps, keep=False),
            work=LORENZ96_FLOPS * 40 * n * n_steps, unit="GF/s", goal_is_rate=True, goal=15.0, floor=4.0,
            capacity=functools.partial(multiply_add_peak, np.dtype(dtype)), repeats=3 * repeats,
        )  # fmt: skip
    t_end = n_steps * DT
    theirs = baselines.scipy_ivp(baselines.lorenz96, x0[0], t_end, "RK45", 1e-6)
    calls = theirs().nfev

    def same_orbit(ours, theirs):
        difference = np.abs(ours[0] - theirs.y[:, -1]).max()
        if not difference < 1e-3:
            raise Disagreement("Lorenz-96 orbits differ", got=difference, expected="below 1e-3")
        return f"one orbit after {t_end:g} time units differs by at most {difference:.0e}"

    yield Contest(
        job="Lorenz-96 ensemble", size=f"{size}, float64", baseline="scipy solve_ivp, RK45, equal number of calls",
        ours=functools.partial(integrate_fixed, compiled, "rk4", x0, np.array([0.0, t_end]), n_steps, keep=False),
        theirs=theirs, compare=same_orbit, goal=4_000.0, floor=1_000.0, scale=4 * n_steps * n / calls, repeats=repeats,
    )  # fmt: skip


def _map_contests(repeats):
    n, n_steps = 1_000, 10_000
    compiled, x0, part = CompiledSystem(HENON), 0.01 * _draws(n, 2), 100

    def same_orbits(ours, theirs):
        difference = np.abs(iterate(compiled, x0, 0, 1, 20, keep=False) - baselines.numpy_henon(x0, 20)()).max()
        if not difference < 1e-9:
            raise Disagreement("orbits of the Henon map differ", got=difference, expected="below 1e-9")
        return f"states after 20 iterations differ by at most {difference:.0e}"

    yield Contest(
        job="Henon map, final state", size=f"{n:,} x {n_steps:,} iterations", baseline="NumPy, all orbits at once",
        ours=functools.partial(iterate, compiled, x0, 0, 1, n_steps, keep=False),
        theirs=baselines.numpy_henon(x0, part), compare=same_orbits, scale=n_steps / part, repeats=repeats,
    )  # fmt: skip


def _growth_contests(quick, repeats):
    n_steps, part, every = (20_000, 50, 10) if quick else (20_000, 200, 10)
    x0 = _on_the_attractor(64)
    for n, interval, baseline in ((1, every, "loop"), (64, every, "loop"), (64, 1, "loop"), (64, 1, "batch")):
        states = x0[:n]
        compared = 1 if baseline == "loop" else n
        scale = n_steps / part * n / compared
        if baseline == "loop":
            name, theirs = "NumPy loop, one orbit", _numpy_growth(states[:1], part, interval)
        else:
            name, theirs = "slow twin growth_of_map, all orbits at once", _twin_growth(states, part, interval)
        yield Contest(
            job="Lyapunov spectrum of Lorenz-63, RK4", size=f"{n} orbits x {n_steps:,} steps, QR every {interval}",
            baseline=name, ours=_growth(states, n_steps, interval), theirs=theirs,
            compare=_same_growth(states[:compared], part, interval), scale=scale, repeats=repeats,
            goal=300.0 if baseline == "loop" else None, floor=100.0 if baseline == "loop" else None,
        )  # fmt: skip


def _draws(n, dim):
    return np.random.default_rng(3).normal(size=(n, dim))


@functools.cache
def _on_the_attractor(n):
    start = _draws(n, 3) + [1.0, 1.0, 20.0]
    return integrate_fixed(CompiledSystem(LORENZ63), "rk4", start, np.array([0.0, 10.0]), 1_000, keep=False)


def _final(x0, method, n_steps, dtype="float64", dt=DT):
    compiled, times = CompiledSystem(LORENZ63, dtype), np.array([0.0, n_steps * dt])
    return functools.partial(integrate_fixed, compiled, method, x0, times, n_steps, keep=False)


def _advanced(x0, method, dt, t_end, dtype="float64"):
    return _final(x0, method, round(t_end / dt), dtype, dt)()


def _flops(method):
    """Operations of a step of Lorenz-63: 8 of each stage, and two of each product with a coefficient and the sum."""
    tableau = TABLEAUS[method]
    n = len(tableau.weights)
    terms = sum(a != 0 for row in (*tableau.stages[:n], tableau.weights) for a in row)
    return 8 * n + 3 * 2 * terms


def _adaptive(x0, t_end, tolerance, method="tsit5"):
    compiled, start, times = CompiledSystem(LORENZ63), np.zeros(len(x0)), np.array([t_end])
    return lambda: integrate_adaptive(compiled, method, x0, start, times, tolerance, tolerance)[0][:, 0]


def _truth(x0, t_end):
    return _adaptive(x0, t_end, 1e-13, "dop853")()


def _error(x, truth):
    return float(np.sqrt(np.mean((x - truth) ** 2)))


def _same_start(x0, dtype, tolerance):
    def compare(ours, theirs):
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            raise Disagreement("a final state is not finite")
        n_steps = round(COMPARED_TIME / DT)
        other = baselines.jax_scan(x0, DT, n_steps, dtype)()
        difference = np.abs(_advanced(x0, "rk4", DT, COMPARED_TIME, dtype) - other).max()
        if not difference < tolerance:
            raise Disagreement("ensembles differ", got=difference, expected=f"below {tolerance:g}")
        return f"states after {n_steps} steps differ by at most {difference:.0e}"

    return compare


def _no_larger_error(states, method, dt, rival):
    def compare(ours, theirs):
        truth = _truth(states, COMPARED_TIME)
        own = _error(_advanced(states, method, dt, COMPARED_TIME), truth)
        other = _error(rival(states, COMPARED_TIME)(), truth)
        if not own <= other:
            raise Disagreement("our error is larger", got=f"{own:.1e}", expected=f"at most {other:.1e}")
        return f"errors at {COMPARED_TIME:g} time units: ours {own:.1e}, theirs {other:.1e}"

    return compare


def _both_near_the_truth(states, t_end):
    def compare(ours, theirs):
        truth = _truth(states, t_end)
        own, other = _error(ours[: len(states)], truth), _error(theirs, truth)
        if not max(own, other) < 0.05:
            raise Disagreement("an error is large", got=f"ours {own:.1e}, theirs {other:.1e}", expected="below 0.05")
        return f"errors at {t_end:g} time units: ours {own:.1e}, theirs {other:.1e}"

    return compare


def _diffrax(tolerance, states, t_end):
    return baselines.diffrax_ensemble(states, t_end, tolerance)


def _torchdiffeq(states, t_end):
    return baselines.torch_ensemble(states, t_end, 1e-6)


def _scipy(method, tolerance, states, t_end):
    runs = [baselines.scipy_ivp(baselines.lorenz63, x, t_end, method, tolerance) for x in states]
    return lambda: np.array([run().y[:, -1] for run in runs])


def _end(result):
    return np.asarray(result)


def _growth(states, n_steps, every):
    vectors = _first_vectors(len(states))
    compiled = CompiledSystem(LORENZ63)
    return lambda: fixed_step_growth(compiled, "rk4", states, vectors, DT, n_steps, every, 1)[:, 0]


def _first_vectors(n):
    return np.linalg.qr(np.random.default_rng(2).standard_normal((n, 3, 3)))[0]


def _numpy_growth(states, n_steps, every):
    return baselines.numpy_growth(states, _first_vectors(len(states)), DT, n_steps, every)


def _twin_growth(states, n_steps, every):
    identity = np.broadcast_to(np.eye(3), (len(states), 3, 3))

    def step(x):
        return baselines.tangent_step(x, identity, DT)

    return lambda: growth_of_map(lambda x: step(x)[0], lambda x: step(x)[1], states, n_steps, every=every)[0].sum(
        axis=1
    )


def _same_growth(states, n_steps, every):
    def compare(ours, theirs):
        # the twin draws other vectors, whose sum of growth is the same: the integral of the divergence
        own, other = _growth(states, n_steps, every)(), _numpy_growth(states, n_steps, every)()
        difference = np.abs(own - other).max()
        volume = np.abs(theirs.sum(axis=-1) - other.sum(axis=-1)).max()
        if not max(difference, volume) < 1e-6:
            raise Disagreement("growth differs", got=f"{difference:.0e}, volume {volume:.0e}", expected="below 1e-6")
        return f"sums of log R_kk over {n_steps} steps differ by at most {difference:.0e}"

    return compare
