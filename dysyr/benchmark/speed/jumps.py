"""Contests of exact simulation of reactions: GillesPy2, and loops over events in NumPy."""

import functools

import numpy as np

from dysyr.benchmark.speed import jump_baselines
from dysyr.benchmark.speed.contest import REPEATS, Contest, Disagreement, Share
from dysyr.core.catalogue import catalogue_system
from dysyr.core.codegen_jump import dependency_graph
from dysyr.core.system import System
from dysyr.simulation.jumps import simulate_jumps

SYSTEM = "lotka_volterra_jump"
T_END = 10.0
RINGS = ((20, 1), (80, 1), (200, 1), (200, 3))
"""Rings: numbers of reactions, each of which turns one species into the next, and of species that a rate reads."""

RING_COUNT, RING_EVENTS = 20, 4_000
"""Copies of each species, and about how many events a path has."""

MODELS = {"immigration_death": 200.0, SYSTEM: T_END, "schlogl": 2.0, "toggle_switch": 50.0}
"""Systems that GillesPy2 simulates too, and the time up to which: some thousand events of a path."""

STANDARD_ERRORS = 5.0
"""Largest difference of the means of two ensembles of independent paths."""

GOAL_ONE_PATH = 250.0
"""Against a loop over the events of one path, as plain simulators in Python are written, GillesPy2's among them."""

GOAL_COMPILED = 2.0
"""Against GillesPy2's compiled solver."""


def contests(*, quick):
    """Contests of the stochastic simulation algorithm.

    Args:
        quick: few paths and few repeats.

    Yields:
        Contest or Share.
    """
    n_paths, n_few, repeats = (200, 4, 2) if quick else (2_000, 16, REPEATS)
    note = "other random numbers, so that distributions are compared"
    for name, t_end in MODELS.items():
        job = f"{name}, direct method"
        work = _paths(name, t_end, n_paths)[1]["n_events"]
        size, ours = f"{n_paths:,} paths to t = {t_end:g}", functools.partial(_ours, name, t_end, n_paths)
        yield Share(
            job=job, size=f"{size}, {work:,} events", limit="events per second", ours=ours, work=work,
            unit="G events/s", capacity=None, repeats=repeats,
        )  # fmt: skip
        yield from _gillespy(job, size, name, t_end, ours, n_paths, n_few, min(repeats, 3), note)
    for n_reactions, reach in RINGS[:1] if quick else RINGS:
        yield _ring_contest(n_reactions, reach, n_paths // 5, min(repeats, 3))
    job, size = f"{SYSTEM}, direct method", f"{n_paths:,} paths to t = {T_END:g}"
    ours = functools.partial(_ours, SYSTEM, T_END, n_paths)
    yield Contest(
        job=job, size=size, baseline="loop over the events of one path in NumPy", ours=ours,
        theirs=functools.partial(_one_by_one, n_few), compare=_same_means, scale=n_paths / n_few, goal=GOAL_ONE_PATH,
        repeats=min(repeats, 3), note=note,
    )  # fmt: skip
    yield Contest(
        job=job, size=size, baseline="all paths at once in NumPy, one event a turn", ours=ours,
        theirs=functools.partial(_all_at_once, n_paths), compare=_same_means, repeats=min(repeats, 3), note=note,
    )  # fmt: skip


def ring(n_reactions, reach):
    """As many species as reactions; each turns into the next at a rate that reads the ``reach`` species up to it."""
    names = [f"s{k}" for k in range(n_reactions)]
    reactions = []
    for k in range(n_reactions):
        near = " + ".join(names[(k - q) % n_reactions] for q in range(reach))
        change = {names[k]: -1, names[(k + 1) % n_reactions]: 1}
        reactions.append({"change": change, "rate": f"{names[k]}*({near})/{reach * RING_COUNT}"})
    return System.jump(reactions=reactions, initial_state=dict.fromkeys(names, RING_COUNT), dt=1.0)


def _ring_contest(n_reactions, reach, n_paths, repeats):
    """The next-reaction method beside the direct one."""
    system = ring(n_reactions, reach)
    touched = np.mean([len(rows) for rows in dependency_graph(system)])
    t_end = RING_EVENTS / (n_reactions * RING_COUNT)

    def run(method, seed):
        x = simulate_jumps(
            system, np.array([t_end]), initial_state=None, n_trajectories=n_paths, transient=0.0, seed=seed,
            method=method, max_events=None,
        )[0]  # fmt: skip
        return np.concatenate(x).astype(float)

    return Contest(
        job="ring of reactions, next-reaction method", baseline="dysyr's direct method",
        size=f"{n_reactions} reactions, {touched:g} rates touched by each, {n_paths:,} paths to t = {t_end:g}",
        ours=functools.partial(run, "next_reaction", 1), theirs=functools.partial(run, "ssa", 2), compare=_same_means,
        repeats=repeats,
    )  # fmt: skip


def _gillespy(job, size, name, t_end, ours, n_paths, n_few, repeats, note):
    """Both solvers of GillesPy2; the time of compiling is not counted."""
    made, why = {}, {}
    labels = {"numpy": "GillesPy2, NumPySSASolver", "compiled": "GillesPy2, SSACSolver, compiled by g++"}
    if jump_baselines.installed():
        system = catalogue_system(name)
        made["numpy"] = jump_baselines.numpy_solver(system, t_end)
        made["compiled"], why["compiled"] = jump_baselines.compiled_solver(system, t_end)
    else:
        why = dict.fromkeys(labels, "gillespy2 is not installed")
    for kind, n, goal in (("numpy", n_few, GOAL_ONE_PATH), ("compiled", n_paths, GOAL_COMPILED)):
        run = made.get(kind)
        yield Contest(
            job=job, size=size, baseline=labels[kind], ours=ours,
            theirs=None if run is None else functools.partial(run, n), compare=None if run is None else _same_means,
            scale=n_paths / n, goal=goal, repeats=repeats, note=note if run is not None else why[kind],
            clock=jump_baselines.processor_time,
        )  # fmt: skip


def _paths(name, t_end, n_paths):
    return simulate_jumps(
        catalogue_system(name), np.array([t_end]), initial_state=None, n_trajectories=n_paths, transient=0.0, seed=1,
        method="ssa", max_events=None,
    )  # fmt: skip


def _ours(name, t_end, n_paths):
    """Counts at the end (path, species)."""
    return np.concatenate(_paths(name, t_end, n_paths)[0]).astype(float)


def _one_by_one(n_paths):
    """Counts at the end (path, species), path after path."""
    system, rng = catalogue_system(SYSTEM), np.random.default_rng(2)
    alpha, beta, delta, gamma = system.parameters.values()
    changes = system.jumps.stoichiometry
    out = np.empty((n_paths, 2))
    for path in out:
        x, t = system.initial_state.copy(), 0.0
        while True:
            rates = np.array([alpha * x[0], beta * x[0] * x[1], delta * x[0] * x[1], gamma * x[1]])
            total = rates.sum()
            t += rng.exponential(1 / total) if total > 0 else np.inf
            if t > T_END:
                break
            x += changes[np.searchsorted(np.cumsum(rates), rng.random() * total, side="right")]
        path[:] = x
    return out


def _all_at_once(n_paths):
    """Counts at the end (path, species); in each turn every path that is not done has one event."""
    system, rng = catalogue_system(SYSTEM), np.random.default_rng(3)
    alpha, beta, delta, gamma = system.parameters.values()
    changes = system.jumps.stoichiometry
    out = np.tile(system.initial_state, (n_paths, 1))
    t, left = np.zeros(n_paths), np.arange(n_paths)
    while left.size:
        prey, predator = out[left].T
        met = prey * predator
        sums = np.cumsum([alpha * prey, beta * met, delta * met, gamma * predator], axis=0)
        with np.errstate(divide="ignore"):
            t[left] += rng.standard_exponential(left.size) / sums[-1]
        goes_on = t[left] <= T_END
        left, sums = left[goes_on], sums[:, goes_on]
        out[left] += changes[(sums <= rng.random(left.size) * sums[-1]).sum(axis=0)]
    return out


def _same_means(ours, theirs):
    """How many standard errors the means of counts and of their squares are apart."""
    if ours.shape[1:] != theirs.shape[1:]:
        raise Disagreement("counts of other shapes", got=f"{ours.shape} and {theirs.shape}")
    a, b = np.hstack([ours, ours**2]), np.hstack([theirs, theirs**2])
    error = np.sqrt(a.var(axis=0) * (1 / len(a) + 1 / len(b)))
    z = np.max(np.abs(a.mean(axis=0) - b.mean(axis=0)) / error)
    if not z <= STANDARD_ERRORS:
        raise Disagreement("means of counts differ", got=f"{z:.1f} standard errors", expected=f"{STANDARD_ERRORS:g}")
    return f"means within {z:.1f} standard errors"
