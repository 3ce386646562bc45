"""Compute the invariants of the catalogue's deterministic systems and write them into their files.

    python -m dysyr.benchmark.invariants [NAMES ...] [--seconds 20] [--seed 0] [--folder systems]

For each system the Lyapunov spectrum is computed with more and more steps, until its standard errors are
below 0.0002 (or 0.02 % of the largest exponent) or the time is spent; the Kaplan-Yorke dimension
follows from it, its standard error from the spread over trajectories.
"""

import argparse
import time
from importlib import resources
from pathlib import Path

import numpy as np

from dysyr.api import load_system
from dysyr.core.catalogue import system_names
from dysyr.core.errors import NotConverged
from dysyr.core.system_file import write_invariants
from dysyr.evaluation.kaplan_yorke import kaplan_yorke_dimension
from dysyr.spectrum import lyapunov_spectrum

TARGET = 2e-4
MAX_EXPONENTS = {"ode": 40, "map": 40, "pde": 8}
ROUNDING = 1e-9
TRANSIENT_SYSTEMS = ("burgers", "fisher_kpp")
"""Equations whose solutions settle to a constant: an exponent says nothing about them."""


def compute_invariants(system, *, seconds=20.0, seed=0):
    """Lyapunov spectrum and Kaplan-Yorke dimension with standard errors.

    Args:
        system: a System of kind "ode", "map" or "pde".
        seconds: time to spend, about.
        seed: seed of the trajectories.

    Returns:
        list of two dicts, as the [[invariants]] tables of a system file.
    """
    n_exponents = min(system.dim, MAX_EXPONENTS[system.kind])
    n_trajectories, n_steps = (32, 4000) if system.dim <= 12 else (8, 500)
    begun = time.process_time()
    while True:
        started = time.process_time()
        measure = lyapunov_spectrum(
            system, n_steps=n_steps, n_trajectories=n_trajectories, n_exponents=n_exponents, seed=seed
        )
        elapsed = time.process_time() - started
        value, stderr = np.array(measure.value), np.maximum(measure.stderr, ROUNDING)
        precise = stderr.max() <= TARGET * max(1.0, abs(value[0]))
        long_enough = n_steps * system.dt >= 1000
        if (precise and long_enough) or time.process_time() - begun + 2 * elapsed > seconds:
            break
        n_steps *= 2
    duration = n_steps * system.dt
    unit = "iterations" if system.kind == "map" else "time units"
    method = f"{measure.settings['method']}; {n_trajectories} trajectories of {duration:g} {unit}, seed {seed}"
    zero = _zeros(system, value, stderr, duration)
    spectrum = {
        "name": "lyapunov_spectrum",
        "value": _rounded(value, stderr),
        "stderr": [float(f"{s:.2g}") for s in stderr],
        "n_zero": int(zero.sum()),
        "method": method,
        "source": "computed",
    }
    if n_exponents < system.dim:
        return [spectrum]
    # zero exponents are zero: their noise must not decide how many leading exponents are summed
    dimensions = [kaplan_yorke_dimension(np.where(zero, 0.0, run)) for run in measure.runs]
    dimension = kaplan_yorke_dimension(np.where(zero, 0.0, value))
    error = np.std(dimensions, ddof=1) / np.sqrt(len(dimensions))
    if system.symplectic:
        dimension, error = float(system.dim), 0.0
    return [
        spectrum,
        {
            "name": "kaplan_yorke_dimension",
            "value": float(f"{dimension:.6g}"),
            "stderr": float(f"{error:.2g}"),
            "method": "from the spectrum above, zero exponents set to 0",
            "source": "computed",
        },
    ]


def _zeros(system, value, stderr, duration):
    """Which exponents stand for a zero: as many as the system has symmetries, the nearest ones.

    A flow has one for the shift in time, unless time stands in its equations, and one for each constant of
    motion; a symplectic one has two for each. On a grid, where translations add their own, those within five
    standard errors.
    """
    small = np.maximum(5 * stderr, 20 / duration)
    if system.kind == "pde":
        return np.abs(value) <= small
    n_conserved = len(system.conserved_quantities(system.initial_state))
    n_zero = 2 * n_conserved if system.symplectic else 1 + n_conserved
    if system.kind == "map" or system.has_time:
        n_zero = 0
    nearest = np.argsort(np.abs(value))[:n_zero]
    if (np.abs(value) > small)[nearest].any():
        raise NotConverged(
            f"the zero exponents of {system.name} are not zero",
            got=f"{value[nearest]} with standard errors {stderr[nearest]}",
            do="give more --seconds",
        )
    return np.isin(np.arange(value.size), nearest)


def _rounded(values, stderr):
    """Values with two digits more than their standard error carries."""
    digits = [int(np.clip(2 - np.floor(np.log10(max(s, 1e-9))), 2, 9)) for s in stderr]
    return [round(float(v), d) + 0.0 for v, d in zip(values, digits, strict=True)]


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=20.0, help="time for each system")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(str(resources.files("dysyr.systems"))))
    arguments = parser.parse_args()
    for name in arguments.names or system_names():
        system = load_system(name)
        if system.kind in ("sde", "jump", "open_quantum") or name in TRANSIENT_SYSTEMS:
            continue
        begun = time.process_time()
        invariants = compute_invariants(system, seconds=arguments.seconds, seed=arguments.seed)
        write_invariants(arguments.folder / f"{name}.toml", invariants)
        leading = ", ".join(
            f"{v:g}({s:g})" for v, s in zip(invariants[0]["value"][:6], invariants[0]["stderr"], strict=False)
        )
        dimension = f", D_KY {invariants[1]['value']:g}({invariants[1]['stderr']:g})" if len(invariants) > 1 else ""
        zeros, elapsed = invariants[0]["n_zero"], time.process_time() - begun
        print(f"{name:24s} {leading}; {zeros} zero{dimension}; {elapsed:.1f} s", flush=True)


if __name__ == "__main__":
    main()
