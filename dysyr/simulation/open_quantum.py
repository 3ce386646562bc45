"""Open quantum systems: observables over time, states, and outcomes of measurements, by exact evolution."""

import numpy as np
from scipy.integrate import DOP853

from dysyr.core.arguments import time_array
from dysyr.core.catalogue import as_system
from dysyr.core.errors import DysyrError, InputError
from dysyr.core.open_quantum_definition import bloch_vectors
from dysyr.core.povm import Frame, along_sites, pauli_expectations
from dysyr.simulation.pauli_generator import PauliGenerator
from dysyr.simulation.quantum_trajectories import trajectories
from dysyr.simulation.taylor_path import taylor_path

METHODS = ("taylor", "dop853", "trajectories")
TOLERANCE = 1e-10

VECTORS = {"taylor": 6, "dop853": 24}
"""States that a method keeps at a time."""


def simulate_spins(
    system, clock, *, initial_state, n_trajectories, transient, seed, method, tolerance, n_shots=None, frame="tetra_pos"
):
    """Observables of an open quantum system at given times, and outcomes measured at the last one.

    Args:
        system: System of kind open_quantum.
        clock: (time,) ascending times >= 0, in system time units.
        initial_state: as in :func:`dysyr.simulation.simulate.simulate`.
        n_trajectories: number of initial states, by default random ones if more than one. Of method "trajectories" the
            number of paths, which by default all start at the state of the system.
        transient: the state starts at time -transient.
        seed: seed of random initial states and of the outcomes.
        method: "taylor" (strengths that do not depend on time), "dop853", "trajectories" (pure states with jumps, up
            to 16 spins, whose mean is the state), or None for the exact one that fits.
        tolerance: error allowed in an observable, or None for 1e-10.
        n_shots: number of measurements of the state at the last time, or None.
        frame: name of the frame that is measured.

    Returns:
        (array (trajectory, time, observable), dict that describes the solver, outcomes (shot, site) or None).

    Raises:
        InputError: an argument that does not fit, or too many spins for the memory.
        DysyrError: the integration failed.
    """
    spins = system.spins
    method = method or ("dop853" if spins.has_time else "taylor")
    if method not in METHODS:
        raise InputError(f"unknown method '{method}'", expected=f"methods for spins are {', '.join(METHODS)}")
    if method == "taylor" and spins.has_time:
        raise InputError("method 'taylor' needs strengths that do not depend on t", do="take method='dop853'")
    if method == "trajectories":
        if tolerance is not None or n_shots is not None:
            raise InputError("method 'trajectories' has neither a tolerance nor outcomes", do="leave these out")
        waves = _pure_states(system, initial_state, n_trajectories, seed)
        x, n_jumps = trajectories(system, clock, waves, n_trajectories, transient, seed)
        return x, {"method": method, "n_jumps": n_jumps}, None
    starts = starting_states(system, initial_state, n_trajectories, seed)
    if n_shots is not None and len(starts) > 1:
        raise InputError("outcomes are measured of one state", got=f"{len(starts)} trajectories", do="ask for one")
    tolerance = TOLERANCE if tolerance is None else tolerance
    generator = PauliGenerator(system, VECTORS[method] + len(starts))
    indices, weights = generator.readout()
    run = _taylor if method == "taylor" else _dop853
    found, counts = [], {}
    for state in generator.states(starts):
        entries, own = run(generator, state, clock, -float(transient), tolerance, indices)
        found.append(entries @ weights.T)
        counts = {key: counts.get(key, 0) + value for key, value in own.items()}
    outcomes = None
    if n_shots is not None:
        measured = Frame(frame)
        p = along_sites(measured.to_outcomes, generator.tensor(state))
        outcomes = measured.sample(p, n_shots, np.random.default_rng([seed, 2]))
    return np.array(found), {"method": method, "tolerance": tolerance, **counts}, outcomes


def evolve_states(system, times, *, initial_state=None, frame=None, tolerance=TOLERANCE):
    """The whole state of an open quantum system at given times.

    .. math:: \\dot r = G r, \\quad r_s = \\mathrm{Tr}(\\rho P_s)

    Args:
        system: System of kind open_quantum, or its name in the catalogue.
        times: (time,) ascending times >= 0, in system time units; the state starts at 0.
        initial_state: as in :func:`dysyr.simulation.simulate.simulate`, but one.
        frame: name of a frame, whose outcome probabilities are wanted; None for the expectation values of all Pauli
            strings, in the order I, X, Y, Z.
        tolerance: error allowed in an expectation value.

    Returns:
        array (time, 4, ..., 4) with one axis for each site.

    Raises:
        InputError: another kind of system, an argument that does not fit, or too many spins for the memory.

    Reference:
        almohy2011, luo2022
    """
    system = as_system(system)
    if system.spins is None:
        raise InputError("evolve_states is for systems of kind open_quantum", got=f"kind {system.kind}")
    frame = None if frame is None else Frame(frame)
    times = time_array(times)
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all() or (np.diff(times, prepend=0.0) < 0).any():
        raise InputError("times", got=f"shape {times.shape}", expected="ascending finite times >= 0")
    method = "dop853" if system.spins.has_time else "taylor"
    generator = PauliGenerator(system, VECTORS[method] + 2 * times.size)
    (state,) = generator.states(starting_states(system, initial_state, 1, 0))
    keep = np.empty((times.size, state.size))
    run = _taylor if method == "taylor" else _dop853
    run(generator, state, times, 0.0, tolerance, np.zeros(0, int), keep)
    tensors = [generator.tensor(row) for row in keep]
    return np.array(tensors if frame is None else [along_sites(frame.to_outcomes, tensor) for tensor in tensors])


def starting_states(system, initial_state, n_trajectories, seed, many=False):
    """What the evolution starts from.

    Args:
        system: System of kind open_quantum.
        initial_state: None for that of the system, or, for more than one trajectory, "random"; a product state (see
            :func:`dysyr.core.open_quantum_definition.bloch_vectors`); "random" for random pure product states; a state
            vector (2^N,), a density matrix (2^N, 2^N); or an array (trajectory, site, 3) of Bloch vectors.
        n_trajectories: number of trajectories asked for.
        seed: seed of random states.
        many: whether many trajectories may start from one state.

    Returns:
        list of arrays: (site, 3) Bloch vectors, or (4,) * N expectation values.

    Raises:
        InputError: what is no state, or one state for many identical trajectories.
    """
    spins, n = system.spins, system.spins.n_sites
    if initial_state is None and n_trajectories > 1:
        initial_state = "random"
    if isinstance(initial_state, str) and initial_state == "random":
        vectors = np.random.default_rng([seed, 1]).standard_normal((n_trajectories, n, 3))
        return list(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))
    if isinstance(initial_state, np.ndarray) and initial_state.ndim == 3:
        starts = [bloch_vectors(state, n) for state in initial_state]
    elif isinstance(initial_state, np.ndarray) and initial_state.shape in ((2**n,), (2**n, 2**n)):
        starts = [_expectations(initial_state)]
    else:
        starts = [spins.initial_bloch(initial_state)]
    if n_trajectories not in (1, len(starts)) and not (many and len(starts) == 1):
        raise InputError(
            f"one initial state would give the same trajectory {n_trajectories} times", got=f"{len(starts)} states",
            do="take initial_state='random', or give an array (trajectory, site, 3) of Bloch vectors",
        )  # fmt: skip
    return starts


def _pure_states(system, initial_state, n_trajectories, seed):
    """One initial state for all paths, or one for each: Bloch vectors or wave functions."""
    starts = starting_states(system, initial_state, 1 if initial_state is None else n_trajectories, seed, many=True)
    if isinstance(initial_state, np.ndarray) and initial_state.ndim == 1:
        return [initial_state]
    if starts[0].shape != (system.spins.n_sites, 3):
        raise InputError("trajectories are of pure states", got="a density matrix", expected="a state vector, or spins")
    return starts


def _expectations(state):
    """Expectation values of a state vector or a density matrix, checked."""
    rho = np.outer(state, state.conj()) if state.ndim == 1 else state
    trace = np.trace(rho)
    if not np.isfinite(rho).all() or abs(trace - 1) > 1e-9:
        raise InputError("initial_state is not normalised", got=f"trace {trace:.6g}", expected="1")
    if np.abs(rho - rho.conj().T).max() > 1e-9 or np.linalg.eigvalsh(rho).min() < -1e-9:
        raise InputError("initial_state is no density matrix", expected="Hermitian, no negative eigenvalues")
    return pauli_expectations(rho)


def _taylor(generator, state, clock, start, tolerance, indices, keep=None):
    return taylor_path(generator, state, clock, start, tolerance, indices, keep)


def _dop853(generator, state, clock, start, tolerance, indices, keep=None):
    """Entries at the sampling times by an adaptive Runge-Kutta method of order 8; strengths may depend on time."""

    def rates(t, x):
        out = np.empty_like(x)
        generator.apply(generator.tables(t), np.ascontiguousarray(x), out)
        return out

    out = np.empty((len(clock), len(indices)))
    done = int(np.searchsorted(clock, start, side="right"))
    out[:done] = state[indices]
    if keep is not None:
        keep[:done] = state
    counts = {"n_steps": 0, "n_products": 0}
    if done == len(clock):
        return out, counts
    # scipy measures the error as a mean over all entries, most of which are small
    solver = DOP853(rates, start, state, float(clock[-1]), rtol=tolerance, atol=tolerance / 10)
    while solver.status == "running":
        message = solver.step()
        if solver.status == "failed":
            raise DysyrError("the integration failed", got=f"{message} at t = {solver.t:.6g}")
        counts["n_steps"] += 1
        after = int(np.searchsorted(clock, solver.t, side="right"))
        if after > done:
            within = solver.dense_output()
            for k in range(done, after):
                values = within(clock[k])
                out[k] = values[indices]
                if keep is not None:
                    keep[k] = values
            done = after
    counts["n_products"] = solver.nfev
    state[:] = solver.y
    return out, counts
