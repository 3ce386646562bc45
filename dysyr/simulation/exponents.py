"""Growth rates of perturbations of a system: tangent vectors integrated with the state, in blocks of time."""

import time

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.fused_growth import MOST_STAGE_VALUES, can_fuse_growth
from dysyr.kernels.jit import first_class, load_generated, right_hand_side
from dysyr.kernels.lane_blocks import block_width, in_short_calls, next_size, run_blocks
from dysyr.kernels.lyapunov import flow_growth, map_growth, tangent_source
from dysyr.kernels.ode_pointer import FunctionPointer
from dysyr.kernels.runge_kutta import COLLAPSED
from dysyr.simulation.compiled import CompiledSystem
from dysyr.simulation.divergence import raise_diverged
from dysyr.simulation.flows import TABLEAUS, coefficients, integrate_adaptive
from dysyr.simulation.initial_states import given_states, spread_states
from dysyr.simulation.maps import iterate

TOLERANCE = 1e-9
GROWTH_LANES = 64
ALIGNMENT = 0.1
"""Part of the time, before the measured one, in which the tangent vectors turn into their directions."""


def growth_rates(system, *, duration, n_blocks, initial_state=None, n_trajectories=1, n_exponents=None, seed=0):
    """Growth of orthonormal tangent vectors in consecutive blocks of time, after the system's transient.

    Args:
        system: a System of kind "ode", "pde" or "map".
        duration: measured time for each trajectory, in system time units (maps: steps).
        n_blocks: number of blocks of equal length.
        initial_state: (dim,) or (trajectory, dim), see ``simulate``.
        n_trajectories: number of trajectories.
        n_exponents: how many of the leading exponents; by default all.
        seed: seed of initial states and first tangent vectors.

    Returns:
        growth (trajectory, block, n_exponents), sums of log R_kk, and durations (trajectory, block) in system
        time units (maps: steps). There are fewer blocks than asked for where one would be shorter than an
        integration step.

    Raises:
        DivergedError: a trajectory blew up.

    Reference:
        benettin1980
    """
    compiled = CompiledSystem(system)
    transient = system.transient
    if initial_state is None:
        x = spread_states(system, compiled, n_trajectories, duration, transient, seed)
    else:
        x = given_states(system, initial_state, n_trajectories)
    module = load_generated(tangent_source(compiled.source), f"{system.name or system.kind}_tangent")
    signature = right_hand_side(np.float64)
    tangent = FunctionPointer(first_class(module.tangent, signature), signature)
    rng = np.random.default_rng([seed, 2])
    n_vectors = system.dim if n_exponents is None else n_exponents
    vectors = np.linalg.qr(rng.standard_normal((len(x), system.dim, n_vectors)))[0]
    n_alignment = max(1, round(ALIGNMENT * n_blocks))
    if system.kind == "map":
        block = max(1, round(duration / n_blocks))
        if round(transient):
            x = iterate(compiled, x, -round(transient), 1, round(transient), keep=False)
        growth, durations = _of_map(compiled, tangent, x, vectors, n_blocks + n_alignment, block)
    else:
        if transient > 0:
            begin = np.full(len(x), -transient)
            x = integrate_adaptive(compiled, "dop853", x, begin, np.zeros(1), TOLERANCE, TOLERANCE)[0][:, 0]
        growth, durations = _of_flow(compiled, tangent, x, vectors, n_blocks + n_alignment, duration / n_blocks)
    growth, durations = growth[:, n_alignment:], durations[:, n_alignment:]
    while (durations == 0).any() and durations.shape[1] > 1:
        growth, durations = _pairs(growth), _pairs(durations)
    return growth, durations


def growth_rates_with_fixed_steps(
    system, *, dt, n_steps, every, n_blocks, initial_state, method="rk4", n_exponents=None, seed=0
):  # fmt: skip
    """Growth of orthonormal tangent vectors with equal steps, for flows of few variables and large ensembles.

    The vectors are made orthonormal after every ``every`` steps. The first tangent vectors are random: the first
    block holds the time in which they turn into their directions.

    Args:
        system: a System of kind "ode" without sites.
        dt: step in system time units.
        n_steps: number of steps, a multiple of ``every * n_blocks``.
        every: steps between two orthonormalisations.
        n_blocks: number of blocks of equal length.
        initial_state: (dim,) or (trajectory, dim) states at time 0.
        method: "rk4", "tsit5" or "dop853".
        n_exponents: how many of the leading exponents; by default all.
        seed: seed of the first tangent vectors.

    Returns:
        growth (trajectory, block, n_exponents), sums of log R_kk, and the length of a block in system time units.

    Raises:
        InputError: the system is too large or not a flow, or n_steps does not fit.
        DivergedError: a trajectory is no longer finite.

    Reference:
        benettin1980
    """
    n_vectors = system.dim if n_exponents is None else n_exponents
    tableau = TABLEAUS[method]
    if system.kind != "ode" or not can_fuse_growth(tableau, system.dim, n_vectors):
        raise InputError(
            "growth with fixed steps needs a small flow",
            got=f"kind '{system.kind}', {system.dim} variables, {n_vectors} vectors, method '{method}'",
            expected=f"kind 'ode', variables*(1 + vectors)*stages at most {MOST_STAGE_VALUES}",
            do="take growth_rates, which has no limit, or fewer n_exponents",
        )
    if n_steps < 1 or n_steps % (every * n_blocks):
        raise InputError("n_steps", got=n_steps, expected=f"a multiple of every*n_blocks = {every * n_blocks}")
    x0 = given_states(system, initial_state, 1)
    rng = np.random.default_rng([seed, 2])
    vectors = np.linalg.qr(rng.standard_normal((len(x0), system.dim, n_vectors)))[0]
    growth = fixed_step_growth(CompiledSystem(system), method, x0, vectors, dt, n_steps, every, n_blocks)
    return growth, n_steps // n_blocks * dt


def fixed_step_growth(compiled, method, x0, vectors, dt, n_steps, every, n_blocks):
    """As growth_rates_with_fixed_steps, from given states and vectors, for a system that is compiled once.

    Args:
        compiled: CompiledSystem of a small flow.
        method: "rk4", "tsit5" or "dop853".
        x0: (trajectory, dim) states at time 0.
        vectors: (trajectory, dim, vector) orthonormal tangent vectors.
        dt: step in system time units.
        n_steps: number of steps, a multiple of ``every * n_blocks``.
        every: steps between two orthonormalisations.
        n_blocks: number of blocks of equal length.

    Returns:
        (trajectory, block, vector) sums of log R_kk.

    Raises:
        DivergedError: a trajectory is no longer finite.
    """
    system, n_vectors = compiled.system, vectors.shape[2]
    grow = compiled.fused_growth(TABLEAUS[method], n_vectors)
    n_intervals = n_steps // every

    def work(first, last, stopped):
        x, p = _stacked(x0[first:last], vectors[first:last]), compiled.parameter_lanes(last - first)
        sums, broken = np.zeros((n_blocks, n_vectors, last - first)), np.full(last - first, -1)

        def advance(start, stop):
            grow(0.0, dt, start, stop, every, n_intervals // n_blocks, x, p, sums, broken)

        in_short_calls(advance, n_intervals, stopped)
        return sums, broken, x[: system.dim]

    blocks = run_blocks(work, len(x0), GROWTH_LANES)
    sums, broken, final = (np.concatenate([part[i] for part in blocks], axis=-1) for i in range(3))
    if (broken >= 0).any():
        left = np.where(broken >= 0, broken * every * dt, np.inf)
        raise_diverged(system, left, final.T, f"take smaller steps than {dt:g}, or growth_rates")
    return sums.transpose(2, 0, 1)


def _of_flow(compiled, tangent, x0, vectors, n_blocks, block):
    tableau = TABLEAUS["dop853"]
    stages, nodes, weights, errors, _ = coefficients("dop853", np.dtype(float))
    growth = flow_growth()
    dim, n_vectors = vectors.shape[1:]
    t_end = n_blocks * block

    def work(first, last, stopped):
        lanes = last - first
        x = _stacked(x0[first:last], vectors[first:last])
        t, h, old_error = np.zeros(lanes), np.full(lanes, min(block, 1e-4)), np.full(lanes, 1e-4)
        status = np.zeros(lanes, np.int64)
        sums, durations = np.zeros((n_blocks, n_vectors, lanes)), np.zeros((n_blocks, lanes))
        p = compiled.parameter_lanes(lanes)
        attempts, running = 4, 1
        while running and not stopped.is_set():
            begun = time.perf_counter()
            running = growth(
                tangent, stages, nodes, weights, errors, tableau.n_control, float(tableau.error_order),
                TOLERANCE, attempts, dim, 0.0, block, t_end, t, h, x, p, old_error, status, sums, durations,
            )  # fmt: skip
            attempts = next_size(attempts, time.perf_counter() - begun)
        return sums, durations, t, status, x[:dim]

    blocks = run_blocks(work, len(x0), block_width(8 * dim * (1 + n_vectors) * 17))
    sums, durations, t, status, final = (np.concatenate([part[i] for part in blocks], axis=-1) for i in range(5))
    if (status == COLLAPSED).any():
        left = np.where(status == COLLAPSED, t, np.inf)
        raise_diverged(compiled.system, left, final.T, "look at the parameters and initial_state")
    return sums.transpose(2, 0, 1), durations.T


def _of_map(compiled, tangent, x0, vectors, n_blocks, block):
    growth = map_growth()
    dim, n_vectors = vectors.shape[1:]

    def work(first, last, stopped):
        lanes = last - first
        x = _stacked(x0[first:last], vectors[first:last])
        sums, broken = np.zeros((n_blocks, n_vectors, lanes)), np.full(lanes, -1)
        p = compiled.parameter_lanes(lanes)

        def advance(start, stop):
            growth(tangent, dim, 0.0, start, stop, block, x, p, sums, broken)

        in_short_calls(advance, n_blocks * block, stopped)
        return sums, broken, x[:dim]

    blocks = run_blocks(work, len(x0), block_width(8 * dim * (1 + n_vectors) * 3))
    sums, broken, final = (np.concatenate([part[i] for part in blocks], axis=-1) for i in range(3))
    if (broken >= 0).any():
        left = np.where(broken >= 0, broken, np.inf)
        raise_diverged(compiled.system, left, final.T, "start inside the basin of attraction")
    return sums.transpose(2, 0, 1), np.full((len(x0), n_blocks), float(block))


def _pairs(values):
    """Sums over pairs of neighbouring blocks; an odd last block is joined to the pair before it."""
    even = values.shape[1] // 2 * 2
    joined = values[:, 0:even:2] + values[:, 1:even:2]
    joined[:, -1] += values[:, even:].sum(axis=1)
    return joined


def _stacked(x, vectors):
    """State and tangent vectors as rows: (trajectory, dim), (trajectory, dim, vector) -> (dim (1 + vector),
    trajectory)."""
    n = len(x)
    tangents = vectors.transpose(2, 1, 0).reshape(-1, n)
    return np.ascontiguousarray(np.concatenate([x.T, tangents]))
