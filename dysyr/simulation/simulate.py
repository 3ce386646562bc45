"""Simulate a system: a System goes in, a Dataset comes out."""

import json

import numpy as np

from dysyr.core.arguments import number
from dysyr.core.catalogue import as_system
from dysyr.core.chemical_langevin import chemical_langevin
from dysyr.core.counts import MOST_SAMPLES
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.core.jump_paths import with_jump_paths
from dysyr.core.version import VERSION
from dysyr.simulation import jumps, langevin, observation, open_quantum, sdes, stiff
from dysyr.simulation.compiled import CompiledSystem
from dysyr.simulation.initial_states import given_states, spread_states
from dysyr.simulation.jump_start import starting_counts
from dysyr.simulation.machines import PROCESSOR, machine
from dysyr.simulation.sampling_times import sampling_times

ODE_METHODS = ("dop853", "tsit5", "rk4", "dop853_fixed", "tsit5_fixed", "radau", "bdf")
DEFAULT_N_STEPS = 10_000

N_SEEDS = 2**64
"""Seeds with random numbers of their own; those of the kernels repeat beyond."""


def simulate(
    system, *, n_steps=None, t_end=None, dt=None, times=None, initial_state=None, n_trajectories=1,
    transient=None, method=None, observation_noise=0.0, observe=None, seed=0, device="cpu", dtype="float64",
    rtol=None, atol=None, substeps=None, max_events=None, label_noise=0.0, events=False, n_shots=None,
    frame=None,
):  # fmt: skip
    """Simulate trajectories of an ODE, a PDE on its grid, a map, an SDE, a jump process or an open quantum system.

    .. math:: dx/dt = f(x, t), \\quad x_{n+1} = f(x_n), \\quad dx = f(x, t) dt + g(x, t) dW

    The transient runs from t = -transient to 0 and is not recorded; the first sample is the state at t = 0.

    Args:
        system: a System, or the name of one of the catalogue.
        n_steps: number of samples of each trajectory, the first included; by default 10,000.
        t_end: time of the last sample, in system time units, instead of n_steps.
        dt: sampling interval in system time units (maps: a whole number of steps); by default the system's
            own.
        times: (time,) ascending sampling times >= 0, instead of n_steps, t_end and dt; may be irregular. Jump
            processes also take a list of such arrays, one for each trajectory.
        initial_state: (dim,) or (trajectory, dim) states at the begin of the transient. By default the
            system's own, from which states are spread for n_trajectories > 1 or seed > 0, see
            :func:`dysyr.simulation.initial_states.spread_states`. Chains of states take the name or number of a state,
            a list of them, or a dict from name to probability. Spins take the name of a product state, Bloch vectors,
            "random" (the default for n_trajectories > 1), a state vector or a density matrix, see
            :func:`dysyr.simulation.open_quantum.starting_states`.
        n_trajectories: number of trajectories.
        transient: time to discard, in system time units (maps: a whole number of steps); by default the system's own,
            or 0 with initial_state.
        method: flows: "dop853" (default; order 8, own step, dense output of order 7), "tsit5" (order 5, own
            step), "rk4", "tsit5_fixed", "dop853_fixed" (``substeps`` equal steps per interval), "radau",
            "bdf" (stiff, scipy).
            SDEs: "sri" (Rössler's SRI1W1, strong order 1.5, diagonal noise; default where it applies),
                "milstein",
            "euler_maruyama" (Ito), "heun" (Stratonovich), all with fixed steps. Maps have none.
            Jump processes: "ssa" (event by event, direct method; default), "next_reaction" (reactions only: event by
            event, a time for each reaction; the same law, default from 120 reactions on that touch few rates), "tau"
            (reactions only: leaps over many events, approximate, see
            :func:`dysyr.simulation.leaps.leap_paths`), "chemical_langevin" (reactions only: diffusion approximation for
            many copies, see :func:`dysyr.core.chemical_langevin.chemical_langevin`), "grid" (chains of states only:
            each sample from its row of exp(Q dt), exact in law at the sampling times; the default where it is faster:
            where the fastest state jumps more than twice between samples, and at most 100 intervals differ).
        observation_noise: standard deviation of added Gaussian noise, as a fraction of each variable's own.
        observe: variables or function to observe, see :func:`dysyr.simulation.observation.observe`.
        seed: seed of initial states and noise, a whole number below 2^64.
        device: "cpu"; or "cuda" for maps, flows and SDEs: a thread of a card for each trajectory.
        dtype: "float64" or "float32".
        rtol: relative tolerance of the methods with their own step; by default 1e-9 (float32: 1e-5). Of "tau" the
            largest relative change of a rate in a leap, by default 0.03; of "chemical_langevin" the length of a step
            times the norm of the drift's Jacobian, by default 0.02.
        atol: absolute tolerance, in units of the state; by default as rtol.
        substeps: steps per sampling interval of the fixed-step methods; by default 1 (SDEs: 4 or 10;
            "chemical_langevin": as rtol asks).
        max_events: most events of a path of a jump process that is simulated event by event, by default 1e8; beyond it
            the path counts as running away.
        label_noise: chains of states: probability that a sample is reported as one of the other states, all equally
            likely. (If a replacement may repeat the truth and has probability p, this is p (n - 1)/n for n states.)
        events: jump processes, event by event: whether to keep the whole paths from the first sample to the last, see
            :func:`dysyr.core.jump_paths.jump_paths`.

        n_shots: open quantum systems: number of measurements of the state at the last time.
        frame: the measurement: "tetra_pos" (default), "tetra" or "pauli4", see :class:`dysyr.core.povm.Frame`.

    Returns:
        Dataset with x (trajectory, time, state), and attributes system, parameters, dt, seed, solver and
        dysyr_version. Counts are whole numbers; of a chain x is the number of the state, ``label`` too, and the
        attribute ``states`` holds the names.

    Raises:
        InputError: an argument that does not fit; the message names it.
        DivergedError: a trajectory blew up or has too many events, with its time and number; NaN is never returned.

    Reference:
        hairer1993, tsitouras2011, rossler2010, gillespie1977, gibson2000
    """
    system = as_system(system)
    computes = machine(device)
    if device != "cpu" and system.kind in ("jump", "open_quantum"):
        raise InputError("this kind of system is simulated on the processor", got=f"kind {system.kind}, {device!r}")
    if dtype not in ("float64", "float32"):
        raise InputError("unknown dtype", got=repr(dtype), expected="'float64' or 'float32'")
    n_trajectories = _positive_integer("n_trajectories", n_trajectories)
    seed = _whole_number("seed", seed)
    if seed >= N_SEEDS:
        raise InputError("seed", got=repr(seed)[:60], expected="a whole number below 2^64")
    if times is None and t_end is None and n_steps is None:
        n_steps = DEFAULT_N_STEPS
    dt = system.dt if dt is None and times is None else dt
    clock = sampling_times(system.kind, n_steps=n_steps, t_end=t_end, dt=dt, times=times)
    if label_noise and not (system.jumps is not None and system.jumps.states):
        raise InputError("label_noise", got=repr(label_noise), expected="a chain of states, whose samples are labels")
    samples = n_trajectories * len(clock) * system.dim
    if samples > MOST_SAMPLES:
        raise InputError("n_trajectories", got=repr(n_trajectories), expected=f"at most {MOST_SAMPLES} numbers in all")
    if transient is None:
        transient = system.transient if initial_state is None else 0.0
    if not number(transient) or transient < 0:
        raise InputError("transient", got=repr(transient), expected="a time >= 0 in system time units")
    if system.kind == "map" and transient != int(transient):
        raise InputError("transient of a map", got=repr(transient), expected="a whole number of steps")

    if (n_shots is not None or frame is not None) and system.spins is None:
        raise InputError("n_shots and frame are of open quantum systems", got=f"kind {system.kind}")
    options = {"method": method, "rtol": rtol, "atol": atol, "substeps": substeps, "max_events": max_events}
    more = {}
    if system.kind == "jump":
        options |= {"dtype": dtype, "events": bool(events)}
        x, solver, more = _run_jumps(system, initial_state, n_trajectories, clock, float(transient), seed, options)
    else:
        if max_events is not None:
            raise InputError("max_events bounds jump processes", got=f"kind {system.kind}", do="leave out max_events")
        if events:
            raise InputError("events are those of jump processes", got=f"kind {system.kind}", do="leave out events")
    if system.kind == "open_quantum":
        options |= {"dtype": dtype, "n_shots": n_shots, "frame": frame}
        x, solver, more = _run_spins(system, initial_state, n_trajectories, clock, float(transient), seed, options)
    elif system.kind != "jump":
        compiled = CompiledSystem(system, dtype)
        if initial_state is None:
            start = spread_states(system, compiled, n_trajectories, float(clock[-1]), transient, seed)
        else:
            start = given_states(system, initial_state, n_trajectories)
        run = {"map": _run_map, "sde": _run_sde}.get(system.kind, _run_flow)
        if device != "cpu":
            compiled = computes.prepare(system, dtype)
        x, solver = run(compiled, start, clock, float(transient), seed, options, computes)
        solver |= {} if device == "cpu" else {"device": device}

    attrs = {
        "system": system.name,
        "parameters": json.dumps(dict(system.parameters)),
        "seed": seed,
        "solver": json.dumps(solver | {"transient": float(transient), "dtype": dtype}),
        "dysyr_version": VERSION,
        **more.pop("attrs", {}),
    }
    where = {"dt": float(dt)} if times is None else {"time": clock}
    paths, outcomes = more.pop("paths", None), more.pop("outcomes", None)
    dataset = make_dataset(x, names=list(system.variables), attrs=attrs, **where, **more)
    if label_noise:
        dataset = observation.LabelFlips(label_noise)(dataset, seed)
    if observation_noise or observe is not None:
        dataset = observation.observe(dataset, observation_noise=observation_noise, observe=observe, seed=seed)
    if outcomes is not None:
        dataset["outcome"] = (("shot", "site"), outcomes)
    if paths is not None:
        dataset = with_jump_paths(dataset, paths, species=system.variables, names=system.jumps.names)
    return dataset


def _run_flow(compiled, start, clock, transient, seed, options, computes):
    method = options["method"] or "dop853"
    if method not in ODE_METHODS:
        raise InputError(f"unknown method '{method}'", expected=f"methods for flows are {', '.join(ODE_METHODS)}")
    if method in ("rk4", "dop853_fixed", "tsit5_fixed"):
        _refuse(options, ("rtol", "atol"), method)
        substeps = _positive_integer("substeps", 1 if options["substeps"] is None else options["substeps"])
        tableau = method.removesuffix("_fixed")
        before = _transient_clock(transient, clock)
        state = computes.integrate_fixed(compiled, tableau, start, before, substeps, keep=False)
        state = computes.integrate_fixed(compiled, tableau, state, _from_zero(clock), substeps)
        return state[:, state.shape[1] - clock.size :], {"method": method, "substeps": substeps}
    _refuse(options, ("substeps",), method)
    single = compiled.dtype == np.float32
    rtol = _tolerance("rtol", options["rtol"], 1e-5 if single else 1e-9)
    atol = _tolerance("atol", options["atol"], rtol)
    begin = np.full(len(start), -transient)
    if method in stiff.METHODS:
        if single:
            raise InputError(f"method '{method}' computes in float64", got="dtype='float32'", do="leave out dtype")
        if computes is not PROCESSOR:
            raise InputError(
                f"method '{method}' computes on the processor", got=repr(computes.name), do="leave out device"
            )
        x, counts = stiff.integrate_stiff(compiled, method, start, begin, clock, rtol, atol)
    else:
        x, counts = computes.integrate_adaptive(compiled, method, start, begin, clock, rtol, atol)
    return x, {"method": method, "rtol": rtol, "atol": atol, **counts}


def _run_jumps(system, initial_state, n_trajectories, clock, transient, seed, options):
    """(x, solver, further parts of the data set) of a jump process; counts and states are whole numbers."""
    if options["method"] == jumps.LANGEVIN:
        return _run_langevin(system, initial_state, n_trajectories, clock, transient, seed, options)
    leaps = options["method"] == "tau"
    _refuse(options, ("atol", "substeps") if leaps else ("rtol", "atol", "substeps"), options["method"] or "ssa")
    tolerance = _tolerance("rtol", options["rtol"], None) if options["rtol"] is not None else None
    if options["dtype"] != "float64":
        raise InputError("a jump process has whole numbers", got=f"dtype={options['dtype']!r}", do="leave out dtype")
    x, solver, paths = jumps.simulate_jumps(
        system, clock, initial_state=initial_state, n_trajectories=n_trajectories, transient=transient, seed=seed,
        method=options["method"], max_events=options["max_events"], tolerance=tolerance,
        recording=options["events"],
    )  # fmt: skip
    more = {"paths": paths}
    if system.jumps.states:
        more |= {"label": [path[:, 0] for path in x], "attrs": {"states": json.dumps(list(system.jumps.states))}}
    return x, solver, more


def _run_langevin(system, initial_state, n_trajectories, clock, transient, seed, options):
    """As ``_run_jumps``, of the diffusion approximation; counts are real numbers."""
    _refuse(options, ("atol", "max_events"), options["method"])
    if options["events"] or isinstance(clock, list):
        got = "events=True" if options["events"] else f"{len(clock)} grids"
        raise InputError("method 'chemical_langevin' has one grid and no events", got=got, do="take method='ssa'")
    compiled = CompiledSystem(chemical_langevin(system), options["dtype"])
    start = starting_counts(system, initial_state, n_trajectories, seed)
    substeps = None if options["substeps"] is None else _positive_integer("substeps", options["substeps"])
    if substeps is not None:
        _refuse(options, ("rtol",), "chemical_langevin with substeps")
    tolerance = _tolerance("rtol", options["rtol"], langevin.TOLERANCE)

    def run(n):
        steps = {"method": None, "rtol": None, "atol": None, "substeps": n}
        return _run_sde(compiled, start, clock, transient, seed, steps, PROCESSOR)

    interval = max(
        np.diff(_from_zero(clock)).max(initial=0.0), np.diff(_transient_clock(transient, clock)).max(initial=0)
    )
    return *langevin.fine_paths(system, compiled.system, run, start, interval, substeps, tolerance), {}


def _run_spins(system, initial_state, n_trajectories, clock, transient, seed, options):
    """(x, solver, further parts of the data set) of an open quantum system; x holds its observables."""
    _refuse(options, ("atol", "substeps"), options["method"] or "taylor")
    if options["dtype"] != "float64":
        raise InputError("states of spins are float64", got=f"dtype={options['dtype']!r}", do="leave out dtype")
    tolerance = None if options["rtol"] is None else _tolerance("rtol", options["rtol"], None)
    n_shots, frame = options["n_shots"], options["frame"] or "tetra_pos"
    if n_shots is not None:
        n_shots = _positive_integer("n_shots", n_shots)
    elif options["frame"] is not None:
        raise InputError("frame without n_shots", got=repr(frame), expected="the number of measurements")
    x, solver, outcomes = open_quantum.simulate_spins(
        system, clock, initial_state=initial_state, n_trajectories=n_trajectories, transient=transient, seed=seed,
        method=options["method"], tolerance=tolerance, n_shots=n_shots, frame=frame,
    )  # fmt: skip
    return x, solver, {} if outcomes is None else {"outcomes": outcomes, "attrs": {"frame": frame}}


def _run_map(compiled, start, clock, transient, seed, options, computes):
    if options["method"] is not None:
        raise InputError("a map has no method of integration", got=repr(options["method"]), do="leave out method")
    _refuse(options, ("rtol", "atol", "substeps"), "iteration")
    if transient + clock[-1] > MOST_SAMPLES:
        got = f"transient {transient:g}, last sample {clock[-1]:g}"
        raise InputError("too many steps of a map", got=got, expected=f"at most {MOST_SAMPLES}")
    n_discarded = int(round(transient))
    if n_discarded:
        start = computes.iterate(compiled, start, -n_discarded, 1, n_discarded, keep=False)
    steps = np.unique(np.diff(clock))
    if steps.size <= 1 and clock[0] == 0:
        stride = int(steps[0]) if steps.size else 1
        return computes.iterate(compiled, start, 0, clock.size - 1, stride), {"method": "iteration"}
    x = computes.iterate(compiled, start, 0, int(clock[-1]))
    return x[:, clock.astype(int)], {"method": "iteration"}


def _run_sde(compiled, start, clock, transient, seed, options, computes):
    system = compiled.system
    method = options["method"] or sdes.default_method(system)
    if method not in sdes.METHODS:
        raise InputError(f"unknown method '{method}'", expected=f"methods for SDEs are {', '.join(sdes.METHODS)}")
    sdes.check_method(system, method)
    _refuse(options, ("rtol", "atol"), method)
    usual = sdes.METHODS[method].substeps
    substeps = _positive_integer("substeps", usual if options["substeps"] is None else options["substeps"])
    before = _transient_clock(transient, clock)
    state = computes.integrate_paths(compiled, method, start, before, substeps, seed, keep=False)
    first_step = (before.size - 1) * substeps
    x = computes.integrate_paths(compiled, method, state, _from_zero(clock), substeps, seed, first_step)
    solver = {"method": method, "substeps": substeps, "interpretation": system.interpretation}
    return x[:, x.shape[1] - clock.size :], solver


def _transient_clock(transient, clock):
    """Times from -transient to 0 in intervals of about the sampling interval."""
    if transient == 0:
        return np.zeros(1)
    width = np.median(np.diff(clock)) if clock.size > 1 else transient / 1000
    if not transient < width * MOST_SAMPLES:
        raise InputError("transient", got=repr(transient), expected=f"at most {MOST_SAMPLES} sampling intervals")
    return np.linspace(-transient, 0.0, max(1, int(np.ceil(transient / width - 1e-9))) + 1)


def _from_zero(clock):
    return clock if clock[0] == 0 else np.concatenate([[0.0], clock])


def _refuse(options, names, method):
    for name in names:
        if options[name] is not None:
            raise InputError(f"{name} means nothing to method '{method}'", got=f"{name}={options[name]!r}")


def _tolerance(name, value, default):
    value = default if value is None else value
    if not isinstance(value, (int, float, np.number)) or not 0 < value < 1:
        raise InputError(name, got=repr(value), expected="a number between 0 and 1")
    return float(value)


def _positive_integer(name, value):
    value = _whole_number(name, value)
    if value < 1:
        raise InputError(name, got=repr(value), expected="a whole number >= 1")
    return value


def _whole_number(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise InputError(name, got=repr(value), expected="a whole number >= 0")
    return int(value)
