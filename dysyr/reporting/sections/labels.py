"""What labels of discrete states look like."""

import numpy as np

from dysyr.core.dataset import times
from dysyr.core.labels import labels_of
from dysyr.reporting.document import Facts, Picture, Section
from dysyr.reporting.figures.image import svg_uri
from dysyr.reporting.figures.label_paths import MAX_PATHS, MAX_SAMPLES, label_paths_figure
from dysyr.reporting.numbers import format_exact, format_number
from dysyr.reporting.views import time_unit
from dysyr.reporting.wording import join_words


def labels_section(card):
    """The held-out labels: how many, at which times, how they look.

    Args:
        card: Card of labels.

    Returns:
        Section.
    """
    panel, names = card.rates.panel, card.rates.names
    labels = labels_of(card.truth)
    clocks = [t - t[0] for t in times(card.truth)]
    unit = time_unit(card.truth)
    shares = panel.shares().sum(axis=0) / panel.n_labels
    figure = label_paths_figure(clocks, labels, shares, names=names, unit=unit)
    more = f" The first {MAX_PATHS} of {len(labels)} paths." if len(labels) > MAX_PATHS else ""
    more += f" The first {MAX_SAMPLES} samples of each." if max(map(len, labels)) > MAX_SAMPLES else ""
    blocks = (
        Facts(tuple(_facts(card, panel, labels, unit or "system time units"))),
        Picture(
            uri=svg_uri(figure),
            alt="Paths of labels over time, and shares of " + join_words(names[:12]) + ".",
            caption=(
                "Left: one row per path, each label held until the next sample; white is missing. Right: how often "
                f"each state occurs in all labels.{more} Look for states that are hardly ever visited, for paths that "
                "begin alike, and for single samples that jump out and back at once, as wrong labels do."
            ),
        ),
    )
    return Section(anchor="data", title="What the data look like", blocks=blocks)


def _facts(card, panel, labels, unit):
    if card.system is not None:
        yield "System", f"{card.system.title} ({card.system.name})"
        values = ", ".join(f"{name} = {format_exact(value)}" for name, value in card.system.parameters.items())
        yield "Parameters", values or "none"
    elif card.truth.attrs.get("system"):
        yield "System", str(card.truth.attrs["system"])
    yield "States", f"{len(card.rates.names)}: {', '.join(card.rates.names[:20])}"
    sizes = sorted(map(len, labels))
    each = " to ".join(map(format_number, dict.fromkeys((sizes[0], sizes[-1]))))
    missing = sum(int((row < 0).sum()) for row in labels)
    yield "Labels", f"{len(labels)} paths of {each} samples" + (f", {missing} of them missing" if missing else "")
    if panel.dt is not None:
        yield "Sampling interval", f"{format_exact(panel.dt)} {unit}"
    else:
        low, middle, high = (format_number(float(q)) for q in np.quantile(panel.lags, [0, 0.5, 1]))
        yield "Times between samples", f"irregular, {low} to {high}, median {middle} {unit}"
    if card.truth.attrs.get("observation"):
        yield "Observation", str(card.truth.attrs["observation"])
    if card.truth.attrs.get("source"):
        yield "Source", str(card.truth.attrs["source"])
