"""The long run: attractors, spectra, return maps and exponents of truth and model."""

import json

import numpy as np

from dysyr.core.dataset import sampling_interval
from dysyr.reporting.document import Paragraph, Picture, Section
from dysyr.reporting.figures.attractors import MAX_VARIABLES as MAX_SHOWN
from dysyr.reporting.figures.attractors import attractors_figure
from dysyr.reporting.figures.exponents import exponents_figure
from dysyr.reporting.figures.image import png_uri, svg_uri
from dysyr.reporting.figures.return_maps import return_map_figure
from dysyr.reporting.figures.spectra import spectra_figure
from dysyr.reporting.numbers import format_value
from dysyr.reporting.views import (
    attractor_variables,
    distinct,
    finite_runs,
    is_embedding,
    longest_trajectory,
    time_unit,
    unit_text,
    variable_names,
)


def attractor_section(card):
    """Attractors side by side.

    Args:
        card: Card.

    Returns:
        Section.
    """
    truth, runs, names = _series(card, attractor_variables(card.truth))
    if not runs:
        return Section(
            anchor="attractors", title="Attractors side by side",
            blocks=(Paragraph("No free run stayed finite, so there is nothing to show."),),
        )  # fmt: skip
    delay = getattr(card.inspection, "delay", None)
    figure = attractors_figure(truth, runs[0], names=names, delay=delay if truth.shape[1] == 1 else None)
    how = "in space and in its planes" if truth.shape[1] != 2 else "in the plane"
    if truth.shape[1] == 1 or is_embedding(card.truth):
        how = "through delayed copies of the one observed variable"
    elif truth.shape[1] > MAX_SHOWN:
        how = "through the first three principal components of the truth"
    picture = Picture(
        uri=png_uri(figure),
        alt=f"Attractor of the truth beside the attractor of the model, {how}.",
        caption=(
            f"The truth (grey) and the first free run of the model (orange), {how}, on the same axes and "
            "for the same number of samples. The model was started on its own and saw none of these data. "
            "Look for the same lobes, the same holes and the same density of lines."
        ),
    )
    return Section(
        anchor="attractors", title="Attractors side by side", blocks=(*_lost_runs(card), picture)
    )  # fmt: skip


def spectra_section(card):
    """Power spectra.

    Args:
        card: Card.

    Returns:
        Section, or None without a finite free run or a variable that is not constant.
    """
    truth, runs, names = _series(card, distinct(card.truth))
    if not runs or len(truth) < 32:
        return None
    figure = spectra_figure(
        truth, runs, dt=sampling_interval(card.truth), names=names, time_unit=time_unit(card.truth)
    )  # fmt: skip
    if figure is None:
        return None
    picture = Picture(
        uri=png_uri(figure),
        alt="Power spectral densities of truth and model, one panel per variable.",
        caption=(
            "Power spectral density of each variable in units of the truth's standard deviation (Welch's "
            "method, Hann windows). The grey band is the 95 % sampling range of the truth at this length, "
            "the orange band spans 95 % of the model's free runs. Look for peaks at the same places and "
            "of the same height. A flat floor of the truth at high frequencies is measurement noise, "
            "which a model of the dynamics should not copy."
        ),
    )
    return Section(anchor="spectra", title="Power spectra", blocks=(picture,))


def return_map_section(card):
    """Return maps.

    Args:
        card: Card.

    Returns:
        Section, or None where there are too few maxima.
    """
    truth, runs, names = _series(card, distinct(card.truth))
    figure = return_map_figure(truth, runs[0], names=names) if runs else None
    if figure is None:
        return None
    picture = Picture(
        uri=png_uri(figure),
        alt="Return maps of truth and model: each maximum of a variable against the one before.",
        caption=(
            "Each maximum of a variable against the one before (for a map: each value against the one "
            "before), truth in grey, model in orange. For strongly dissipative chaos the points of a "
            "variable lie near a curve: the model's must lie on the same curve. Points on the diagonal "
            "repeat themselves. Maxima that stand out by less than a quarter of a standard deviation are "
            "left out as noise. With noisy or coarsely sampled data the grey points scatter, and a "
            "cleaner orange curve is no fault of the model."
        ),
    )
    return Section(anchor="return-maps", title="Return maps", blocks=(picture,))


def exponents_section(card):
    """Lyapunov exponents.

    Args:
        card: Card.

    Returns:
        Section, or None where the card has no spectrum.
    """
    measure = card.measures.get("lyapunov_spectrum")
    if measure is None or not isinstance(measure.value, (list, tuple, np.ndarray)):
        return None
    if not np.isfinite(np.array(measure.value, dtype=np.float64)).any():
        return None
    per = unit_text(measure.unit, card.truth)
    figure = exponents_figure(
        measure.value, measure.truth, model_stderr=measure.stderr, truth_stderr=measure.truth_stderr,
        runs=measure.runs, unit=per or "1/time unit",
    )  # fmt: skip
    unit = f" {per}" if per else ""
    said = f"Model: {format_value(measure.value, measure.stderr)}{unit}."
    if measure.truth is not None:
        said += f" Truth: {format_value(measure.truth, measure.truth_stderr)}{unit}."
    picture = Picture(
        uri=svg_uri(figure),
        alt=f"Lyapunov exponents with error bars. {said}",
        caption=(
            f"{said} Each panel has its own scale; bars are 95 % confidence intervals, small dots single "
            "runs. The largest exponent says how fast neighbouring states part: a positive one is chaos, "
            "and its inverse is the time over which forecasts can hold. For a flow one exponent is zero. "
            "Strongly negative exponents are hidden by measurement noise of a few per cent, so that a "
            "model should not be judged by them."
        ),
    )
    return Section(anchor="exponents", title="Lyapunov exponents", blocks=(picture,))


def _series(card, variables):
    """Longest truth trajectory, the finite free runs and the names, of some variables."""
    names = variable_names(card.truth)
    truth = longest_trajectory(card.truth)[:, variables]
    return truth, [run[:, variables] for run in finite_runs(card.runs)], [names[i] for i in variables]


def _lost_runs(card):
    """What became of the free runs, where some did not stay finite or settled down."""
    statuses = json.loads(card.runs.attrs.get("status", "[]"))
    counts = {
        "diverged": sum(not status["finite"] for status in statuses),
        "came to rest": sum(bool(status["fixed_point"]) for status in statuses),
        "ended in a cycle": sum(status["cycle"] is not None for status in statuses),
    }
    said = [f"{count} {what}" for what, count in counts.items() if count]
    return [Paragraph(f"Of {len(statuses)} free runs {', '.join(said)}.")] if said else []
