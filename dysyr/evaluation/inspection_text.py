"""The words of an inspection: what to mind, and the whole as a text."""

import textwrap

import numpy as np

DRIFT_LEVEL = 0.01
NOISY = 0.1
VERY_NOISY = 0.5
FEW_TIMES = 50
COARSE = 3
FINE = 40
MAX_SHOWN = 20


def concerns(found):
    """What a careful reader would object to, in sentences.

    Args:
        found: Inspection.

    Returns:
        list of str.
    """
    said = []
    for v in found.variables:
        if v.constant:
            said.append(f"Variable '{v.name}' is constant; leave it out.")
            continue
        if v.noise > VERY_NOISY:
            said.append(
                f"'{v.name}' looks like noise: what is unpredictable makes up {v.noise:.0%} of its spread."
            )
        elif v.noise > NOISY:
            said.append(
                f"'{v.name}' is noisy: up to {v.noise:.0%} of its standard deviation is measurement noise."
            )
        if v.drift_p < DRIFT_LEVEL:
            said.append(f"'{v.name}' drifts (p = {v.drift_p:.1g}): its level, spread or roughness changes.")
        if v.outliers:
            said.append(f"'{v.name}' has {v.outliers} isolated outliers.")
    if found.n_correlation_times < FEW_TIMES:
        said.append(
            f"The record spans only {found.n_correlation_times:.0f} correlation times; "
            "invariants will be undecidable rather than wrong."
        )
    if found.delay > FINE:
        said.append(
            f"Sampling is dense, {found.delay} samples per embedding delay; "
            f"resample(data, dt={found.delay * found.dt / 15:.2g}) would lose little and train faster."
        )
    elif found.samples_per_correlation_time < COARSE and not np.isnan(found.correlation_time):
        said.append(
            "Neighbouring samples are nearly uncorrelated: a map, noise, or a flow sampled too coarsely."
        )
    if np.isnan(found.nonlinearity.p_value):
        said.append("The record is too short for the surrogate test of nonlinearity.")
    elif not found.nonlinearity.nonlinear:
        said.append("A linear process with noise explains these data as well (surrogate test not rejected).")
    if found.dim_rule == "none":
        said.append("No embedding dimension unfolds the series; it behaves like noise or is too short.")
    return said


def render(found):
    """The inspection as a text of at most 100 columns.

    Args:
        found: Inspection.

    Returns:
        str.
    """
    unit = f" {found.time_unit}" if found.time_unit else ""
    plural = "s" if len(found.names) > 1 else ""
    n = f"{found.n_trajectories} trajectories, " if found.n_trajectories > 1 else ""
    grid = f"dt = {found.dt:g}{unit}" if found.regular else f"irregular, median step {found.dt:g}{unit}"
    size = f"{n}{found.n_samples:,} samples of {len(found.names)} variable{plural}"
    lines = [f"{size}, {grid}, length {found.duration:.6g}{unit}"]
    if found.n_inputs:
        lines.append(f"external inputs          {found.n_inputs}")
    if found.longest_stretch < found.n_samples:
        lines.append(f"longest gap-free stretch {found.longest_stretch:,} samples")
    lines.append("")
    width = max([8] + [len(v.name) for v in found.variables[:MAX_SHOWN]])
    lines.append(
        f"{'variable':<{width}} {'mean':>11} {'sd':>11} {'noise':>8} {'missing':>8} {'corr. time':>11} "
        f"{'period':>9}"
    )
    for v in found.variables[:MAX_SHOWN]:
        lines.append(
            f"{v.name:<{width}} {v.mean:>11.4g} {v.sd:>11.4g} {_percent(v.noise):>8} "
            f"{_percent(v.missing):>8} {_number(v.correlation_time):>11} {_number(v.period):>9}"
        )
    if len(found.variables) > MAX_SHOWN:
        lines.append(f"... and {len(found.variables) - MAX_SHOWN} more")
    test = found.nonlinearity
    verdict = (
        "too short to tell"
        if np.isnan(test.p_value)
        else (f"{'yes' if test.nonlinear else 'not shown'} (p = {test.p_value:.2g})")
    )
    lines += [
        "",
        f"length                   {_number(found.n_correlation_times)} correlation times",
        f"sampling                 {_number(found.samples_per_correlation_time)} per correlation time",
        f"nonlinear                {verdict}",
        f"delay, dimension         {found.delay} samples, {found.dim}  (of '{found.embedded}': "
        f"{found.delay_rule.replace('_', ' ')}, {found.dim_rule.replace('_', ' ')})",
    ]
    for name, reasons in found.methods:
        lines.append(f"{name:<24} {'fits' if not reasons else 'does not fit: ' + '; '.join(reasons)}")
    if found.warnings:
        lines.append("")
        for sentence in found.warnings:
            lines += textwrap.wrap(sentence, 98, initial_indent="* ", subsequent_indent="  ")
    return "\n".join(lines)


def _percent(share):
    return "-" if np.isnan(share) else f"{share:.1%}"


def _number(value):
    return "-" if np.isnan(value) else f"{value:.4g}"
