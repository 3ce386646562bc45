"""Lyapunov exponents of truth and model."""

import numpy as np
from matplotlib.lines import Line2D

from dysyr.reporting.figures.style import FAINT, MODEL, TRUTH, key, label, new_figure, styled

MAX_PANELS = 6


@styled
def exponents_figure(model, truth=None, *, model_stderr=None, truth_stderr=None, runs=(), unit="1/time unit"):
    """Draw each exponent on its own scale: the contracting ones would hide the others on a common one.

    Args:
        model: exponents of the model, largest first.
        truth: exponents of the truth, or None.
        model_stderr: standard errors of ``model``.
        truth_stderr: standard errors of ``truth``.
        runs: sequence of spectra, one per free run.
        unit: unit of the exponents.

    Returns:
        Figure.
    """
    model = _floats(model)
    truth = None if truth is None else _floats(truth)
    n = len(model) if truth is None else max(len(model), len(truth))
    if n > MAX_PANELS:
        return _by_index(model, truth, unit)
    runs = [_floats(run) for run in runs]
    figure = new_figure(2.3)
    axes = figure.subplots(1, max(n, 3), squeeze=False)[0]
    for i, ax in enumerate(axes):
        if i >= n:
            ax.set_visible(False)
            continue
        ax.axhline(0.0, color=FAINT, lw=0.8, zorder=0)
        if truth is not None and i < len(truth):
            _point(ax, 0, truth[i], _at(truth_stderr, i), TRUTH, "s")
        if i < len(model):
            _point(ax, 1, model[i], _at(model_stderr, i), MODEL, "o")
            spread = [run[i] for run in runs if i < len(run)]
            ax.plot(
                1.25 + np.linspace(0, 0.3, max(len(spread), 1))[: len(spread)],
                spread,
                ".",
                color=MODEL,
                ms=2.5,
                alpha=0.6,
            )
        _limits(ax, truth, model, truth_stderr, model_stderr, runs, i)
        both = ("truth", "model") if truth is not None else ("model",)
        ax.set_xticks(range(2 - len(both), 2), both)
        ax.set(xlim=(-0.6, 1.8), title=f"λ{_subscript(i + 1)}")
        ax.grid(axis="x", visible=False)
    axes[0].set_ylabel(label("exponent", unit))
    return figure


def _by_index(model, truth, unit):
    figure = new_figure(2.6)
    ax = figure.subplots()
    ax.axhline(0.0, color=FAINT, lw=0.8, zorder=0)
    entries = []
    if truth is not None:
        ax.plot(np.arange(1, len(truth) + 1), truth, "s-", color=TRUTH, ms=4, lw=0.7)
        entries.append(Line2D([], [], color=TRUTH, marker="s", ms=4, label="truth"))
    ax.plot(np.arange(1, len(model) + 1), model, "o-", color=MODEL, ms=3.5, lw=0.7)
    entries.append(Line2D([], [], color=MODEL, marker="o", ms=3.5, label="model"))
    ax.set(xlabel="index of the exponent", ylabel=label("exponent", unit))
    key(figure, entries)
    return figure


def _point(ax, at, value, error, colour, marker):
    ax.errorbar(
        at,
        value,
        yerr=None if error is None else 1.96 * error,
        fmt=marker,
        ms=5,
        color=colour,
        capsize=3,
        lw=1,
    )


def _limits(ax, truth, model, truth_stderr, model_stderr, runs, i):
    """Room around all that is drawn; zero is included when it is near."""
    ends = [run[i] for run in runs if i < len(run)]
    for values, errors in ((truth, truth_stderr), (model, model_stderr)):
        if values is not None and i < len(values):
            reach = 1.96 * (_at(errors, i) or 0.0)
            ends += [values[i] - reach, values[i] + reach]
    ends = [end for end in ends if np.isfinite(end)]
    if not ends:
        return
    low, high = min(ends), max(ends)
    size = max(abs(low), abs(high), 1e-12)
    if min(abs(low), abs(high)) < 2 * (high - low):
        low, high = min(low, 0.0), max(high, 0.0)
    room = 0.25 * (high - low) + 0.02 * size
    ax.set_ylim(low - room, high + room)


def _at(errors, i):
    if errors is None or i >= len(errors) or errors[i] is None or not np.isfinite(errors[i]):
        return None
    return float(errors[i])


def _floats(values):
    return np.array([np.nan if value is None else value for value in np.atleast_1d(values)], dtype=np.float64)


def _subscript(number):
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
