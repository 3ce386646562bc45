"""The modes of a linear model of latent states: eigenvalues in the plane, frequencies and decay rates."""

import numpy as np

from dysyr.reporting.figures.style import FAINT, MODEL, label, new_figure, styled


@styled
def modes_figure(modes, *, time_unit=""):
    """Draw the eigenvalues beside the unit circle, and decay rate against frequency.

    Args:
        modes: dict with ``eigenvalue`` (complex), ``frequency`` and ``decay_rate``, as ``WindowGenerator.modes`` gives.
        time_unit: unit of time.

    Returns:
        Figure.
    """
    figure = new_figure(3.1)
    plane, rates = figure.subplots(1, 2)
    angle = np.linspace(0, 2 * np.pi, 200)
    plane.plot(np.cos(angle), np.sin(angle), color=FAINT, lw=0.9)
    plane.plot(modes["eigenvalue"].real, modes["eigenvalue"].imag, "o", color=MODEL, ms=4.5, mfc="none", mew=1.3)
    reach = 1.1 * max(1.0, np.abs(modes["eigenvalue"]).max())
    plane.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="real part", ylabel="imaginary part")
    plane.set_title("eigenvalues, unit circle")
    known = (modes["frequency"] >= 0) & np.isfinite(modes["decay_rate"])
    rates.axhline(0, color=FAINT, lw=0.9)
    rates.plot(modes["frequency"][known], modes["decay_rate"][known], "o", color=MODEL, ms=4.5, mfc="none", mew=1.3)
    per = f"1/{time_unit}" if time_unit else "1/time unit"
    rates.set(xlabel=label("frequency", per.replace("1/", "cycles/")), ylabel=label("decay rate", per))
    rates.set_title("modes: undamped ones lie at zero")
    return figure
