"""What a window generator draws, and the modes of its latent dynamics."""

import numpy as np

from dysyr.reporting.document import Paragraph, Picture, Section, Table
from dysyr.reporting.figures.image import png_uri, svg_uri
from dysyr.reporting.figures.modes import modes_figure
from dysyr.reporting.figures.windows import MAX_VARIABLES, embedding_figure, windows_figure
from dysyr.reporting.numbers import format_number
from dysyr.reporting.views import time_unit
from dysyr.reporting.wording import join_words

MAX_MODES = 16


def windows_section(card):
    """Windows of both kinds: examples, laws of values, their embedding.

    Args:
        card: Card of a window generator.

    Returns:
        Section.
    """
    context = card.windows
    truth, generated, names = context.truth.x, context.generated, context.names
    more = f" The first {MAX_VARIABLES} of {len(names)} variables." if len(names) > MAX_VARIABLES else ""
    blocks = (
        Paragraph(
            f"The model draws windows of {truth.shape[1]} samples. It is no map of states, so nothing is said of "
            "attractors or exponents."
        ),
        Picture(
            uri=png_uri(windows_figure(truth, generated, names=names, dt=context.dt, time_unit=time_unit(card.truth))),
            alt=f"Examples of true and generated windows of {join_words(names[:MAX_VARIABLES])}, densities of values.",
            caption=(
                "Left and middle: a dozen windows of each kind on the same axes. Right: how often each value occurs. "
                f"Look for windows that are smoother or rougher than true ones, and for values that are missing.{more}"
            ),
        ),
        Picture(
            uri=png_uri(embedding_figure(truth, generated)),
            alt="True and generated windows as points along the leading principal components of the true ones.",
            caption=(
                "Each point is a window, along the four directions in which true windows differ most. Look for "
                "regions that only one kind fills: windows that are never drawn, and windows that do not exist."
            ),
        ),
    )
    return Section(anchor="windows", title="Windows side by side", blocks=blocks)


def modes_section(card):
    """Frequencies and decay rates of the latent dynamics.

    Args:
        card: Card of a window generator.

    Returns:
        Section, or None for a model without modes.
    """
    modes = None if card.model is None else card.model.modes()
    if modes is None:
        return None
    unit = time_unit(card.truth)
    rows = tuple(
        tuple(format_number(float(value)) for value in row)
        for row in zip(np.abs(modes["eigenvalue"]), modes["frequency"], modes["decay_rate"], strict=True)
        if row[1] >= 0
    )
    per = f"1/{unit}" if unit else "1/time unit"
    blocks = (
        Picture(
            uri=svg_uri(modes_figure(modes, time_unit=unit)),
            alt="Eigenvalues of the latent dynamics in the complex plane; decay rate against frequency.",
            caption=(
                "Each circle is a mode of the matrix that foretells latent states. Inside the unit circle it decays, "
                "on it it lasts, outside it grows. Frequencies are those of latent states: look for those of the data."
            ),
        ),
        Table(
            head=("Modulus", f"Frequency ({per.replace('1/', 'cycles/')})", f"Decay rate ({per})"),
            rows=rows[:MAX_MODES], caption="Modes, slowest decay first; of a complex pair one is shown.",
            numeric=(0, 1, 2),
        ),
    )  # fmt: skip
    return Section(anchor="modes", title="Modes", blocks=blocks)
