"""Contests of exact evolution of open quantum systems against QuTiP's mesolve, at equal or smaller error."""

import functools
import resource
import time

import numpy as np

from dysyr.benchmark.speed.contest import REPEATS, Contest, Disagreement, Share
from dysyr.benchmark.speed.ode_baselines import installed
from dysyr.core.catalogue import catalogue_system
from dysyr.core.povm import density_matrix
from dysyr.core.qutip_exchange import to_qutip
from dysyr.core.spin_system import product_state
from dysyr.simulation.open_quantum import simulate_spins
from dysyr.simulation.pauli_generator import PauliGenerator

TIMES = np.linspace(0.0, 2.0, 21)
ERROR = 1e-8
"""Largest error of a program that takes part, against a run of ours at tolerance 1e-13."""

GOAL, FLOOR = 12.0, 5.0

LARGE_SPINS, LARGE_GIGABYTES, LARGE_TIMES = 12, 4.0, np.linspace(0.0, 0.5, 6)

RIVALS = (
    ("qutip mesolve, default method adams, atol 1e-10, rtol 1e-8", {"atol": 1e-10, "rtol": 1e-8}),
    ("qutip mesolve, vern9, atol 1e-10, rtol 1e-8", {"method": "vern9", "atol": 1e-10, "rtol": 1e-8}),
)


def contests(*, quick):
    """Contests of open quantum systems.

    Args:
        quick: small sizes and few repeats.

    Yields:
        Contest or Share.
    """
    n, repeats = (5, 2) if quick else (8, min(REPEATS, 3))
    # first, since the memory is that of the process so far
    large = catalogue_system("tfim_decay").with_size(n_sites=5 if quick else LARGE_SPINS)
    yield Contest(
        job="Ising ring with decay, observables at 6 times to t = 0.5", size=f"{large.spins.n_sites} spins",
        baseline="the same at tolerance 1e-13", ours=functools.partial(_ours, large, 1e-10, LARGE_TIMES),
        theirs=functools.partial(_ours, large, 1e-13, LARGE_TIMES), compare=_error_and_memory, repeats=1,
    )  # fmt: skip
    for name, title in (("tfim_decay", "Ising ring with decay"), ("xyz_decay", "XYZ ring with decay")):
        system = catalogue_system(name).with_size(n_sites=n)
        exact = _ours(system, 1e-13)
        for baseline, options in RIVALS if name == "tfim_decay" else RIVALS[:1]:
            yield Contest(
                job=f"{title}, observables at 21 times to t = 2", size=f"{n} spins", baseline=baseline,
                ours=functools.partial(_ours, system, 1e-10),
                theirs=_theirs(system, options) if installed("qutip") else None,
                compare=functools.partial(_same, exact) if installed("qutip") else None, goal=GOAL, floor=FLOOR,
                repeats=repeats, note="" if installed("qutip") else "QuTiP is not installed",
            )  # fmt: skip
    large = catalogue_system("tfim_decay").with_size(n_sites=6 if quick else 10)
    generator = PauliGenerator(large, 3)
    state, out, tables = product_state(large.initial_state), np.empty(generator.size), generator.tables()
    yield Share(
        job="Generator of an Ising ring times a state", size=f"{large.spins.n_sites} spins", limit="strings per second",
        ours=lambda: generator.apply(tables, state, out), work=float(generator.size), unit="G strings/s", capacity=None,
        repeats=repeats, clock=time.process_time,
    )  # fmt: skip


def _ours(system, tolerance, times=TIMES):
    """Observables (time, observable)."""
    return simulate_spins(
        system, times, initial_state=None, n_trajectories=1, transient=0.0, seed=0, method="taylor",
        tolerance=tolerance,
    )[0][0]  # fmt: skip


def _theirs(system, options):
    """The same by mesolve; the operators are made beforehand."""
    import qutip

    h, c_ops = to_qutip(system)
    n = system.spins.n_sites
    dims = [[2] * n] * 2
    e_ops = [qutip.Qobj(matrix.tocsr(), dims=dims) for matrix in system.spins.observable_matrices()]
    start = qutip.Qobj(density_matrix(product_state(system.initial_state).reshape((4,) * n)), dims=dims)
    options = {"nsteps": 1_000_000, "progress_bar": "", **options}
    return lambda: np.real(qutip.mesolve(h, start, TIMES, c_ops=c_ops, e_ops=e_ops, options=options).expect).T


def _error_and_memory(ours, theirs):
    """The error against the tighter run, and the largest memory of the process."""
    error = np.abs(ours - theirs).max()
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    if not (error < ERROR and gigabytes < LARGE_GIGABYTES):
        raise Disagreement(
            "too much error or memory", got=f"{error:.1g} and {gigabytes:.2g} GB",
            expected=f"less than {ERROR:g} and {LARGE_GIGABYTES:g} GB",
        )  # fmt: skip
    return f"error {error:.1g}, {gigabytes:.2g} GB of memory in all"


def _same(exact, ours, theirs):
    """The errors of both; ours has to be the smaller one, or below 1e-9."""
    own, other = np.abs(ours - exact).max(), np.abs(theirs - exact).max()
    if not (own <= max(other, 1e-9) and other <= 1e3 * ERROR):
        raise Disagreement("observables differ", got=f"errors {own:.1g} and {other:.1g}", expected=f"about {ERROR:g}")
    return f"errors {own:.1g} here, {other:.1g} there"
