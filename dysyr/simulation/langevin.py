"""Paths of the chemical Langevin equation: steps that are short enough, and copies that are many enough."""

import warnings

import numpy as np

from dysyr.core.errors import InputError

TOLERANCE = 0.02
"""Largest share by which the drift may settle within a step, by default."""

MOST_SUBSTEPS = 100_000
CHECKED = 10_000
"""Samples at which the speed of the drift is looked at."""

FEW_COPIES = 10.0
FEW_SAMPLES, MOST_SAMPLES = 0.01, 0.5
"""Shares of samples with fewer copies of a species, from which on there is a warning, and from which on an error."""


def fine_paths(system, equation, run, start, interval, substeps, tolerance):
    """Paths with steps that are short beside the times in which the drift settles.

    .. math:: h \\max_x \\|J(x)\\|_\\infty \\le \\epsilon

    J is the Jacobian of the drift, at the start and then at the samples found; steps are halved, and the paths computed
    again, until it holds. Euler's method then errs by about ε/2 in variances.

    Args:
        system: System of reactions.
        equation: its chemical Langevin equation.
        run: function of the number of substeps that returns (x (trajectory, time, species), dict of the solver).
        start: (trajectory, species) counts.
        interval: longest sampling interval, in system time units.
        substeps: number of substeps, or None to find one.
        tolerance: ε.

    Returns:
        (x, dict of the solver).

    Raises:
        InputError: steps that would be too many, or too few copies for the equation to mean anything.
    """
    found, seen = substeps or 1, start
    while True:
        needed = _needed(equation, seen, interval, tolerance) if substeps is None else found
        if seen is not start and needed <= found:
            break
        found = max(found, needed)
        if found > MOST_SUBSTEPS:
            raise InputError(
                "the chemical Langevin equation is too stiff", got=f"{found:,} substeps of an interval of {interval:g}",
                expected=f"at most {MOST_SUBSTEPS:,}", do="take a shorter dt, or give substeps",
            )  # fmt: skip
        seen, solver = run(found)
    _check_copies(system, seen)
    integrator = solver.pop("method")
    return seen, {"method": "chemical_langevin", "integrator": integrator, **solver}


def _needed(equation, x, interval, tolerance):
    points = np.asarray(x, float).reshape(-1, equation.dim)
    points = points[:: -(-len(points) // CHECKED)]
    speed = np.abs(equation.jacobian(points)).sum(axis=-1).max()
    return max(1, int(np.ceil(interval * speed / tolerance)))


def _check_copies(system, x):
    """Warn, or refuse, where a species has few copies."""
    rare = (np.asarray(x) < FEW_COPIES).mean(axis=(0, 1))
    k = int(np.argmax(rare))
    if rare[k] <= FEW_SAMPLES:
        return
    what = f"fewer than {FEW_COPIES:g} copies of {system.fields[k]} in {100 * rare[k]:.0f} % of the samples"
    if rare[k] > MOST_SAMPLES:
        raise InputError(
            "the chemical Langevin equation means nothing here", got=what, expected="many copies of each species",
            do="take method='ssa'",
        )  # fmt: skip
    warnings.warn(
        f"the chemical Langevin equation is a poor approximation where copies are few: {what}; take method='ssa'",
        UserWarning,
        stacklevel=6,
    )
