"""What the model foretells from a context, and for how long it holds."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dysyr.reporting.figures.style import BEST, FAINT, MODEL, SECOND, TRUTH, key, label, new_figure, styled

MAX_CONTEXTS = 4
MAX_VARIABLES = 3
LOOKS = {
    "persistence": ("persistence", {"color": FAINT, "ls": "--"}),
    "climatology": ("climatology", {"color": FAINT, "ls": ":"}),
    "linear": ("linear model", {"color": SECOND, "ls": "-."}),
    "best": ("the true system", {"color": BEST, "ls": "--"}),
    "model": ("model", {"color": MODEL}),
}


@styled
def forecasts_figure(context, truth, model, *, dt, names, valid_time=None, best=None, time_unit=""):
    """Draw several forecasts, one column per context, one row per variable.

    Args:
        context: (n_contexts, n_context, n_variables) what the model was shown; NaN where missing.
        truth: (n_contexts, n_steps, n_variables) what then happened.
        model: (n_contexts, n_steps, n_variables) what the model foretold.
        dt: sampling interval.
        names: names of the variables.
        valid_time: (n_contexts,) time for which each forecast held.
        best: (n_contexts, n_steps, n_variables) forecast of the true system from the same context, or None.
        time_unit: unit of dt.

    Returns:
        Figure.
    """
    n, shown = min(len(truth), MAX_CONTEXTS), min(truth.shape[2], MAX_VARIABLES)
    past = min(context.shape[1], max(truth.shape[1] // 3, 5))
    before = (np.arange(past) - past + 1) * dt
    after = (np.arange(truth.shape[1]) + 1) * dt
    figure = new_figure(0.55 + 1.05 * shown)
    axes = figure.subplots(shown, n, squeeze=False, sharex=True, sharey="row")
    for j in range(n):
        for i in range(shown):
            ax = axes[i, j]
            ax.axvspan(before[0], 0, color=FAINT, alpha=0.22, lw=0)
            ax.plot(before, context[j, -past:, i], color=TRUTH, lw=0.9, marker=".", ms=1.5)
            ax.plot(after, truth[j, :, i], color=TRUTH, lw=1.1)
            if best is not None:
                ax.plot(after, _cut(best[j, :, i], truth[j, :, i]), color=BEST, lw=0.8, ls="--")
            ax.plot(after, _cut(model[j, :, i], truth[j, :, i]), color=MODEL, lw=1.0)
            if valid_time is not None and np.isfinite(valid_time[j]) and valid_time[j] <= after[-1]:
                ax.axvline(valid_time[j], color=MODEL, lw=0.9, ls=":")
            ax.set_ylim(*_limits(context[:, -past:, i], truth[..., i]))
        axes[0, j].set_title(_title(j, valid_time, time_unit))
        axes[-1, j].set_xlabel(label("time ahead", time_unit))
    for i, name in zip(range(shown), names, strict=False):
        axes[i, 0].set_ylabel(name)
    entries = [
        Patch(color=FAINT, alpha=0.4, label="context"),
        Line2D([], [], color=TRUTH, label="truth"),
        Line2D([], [], color=MODEL, label="model"),
    ]
    if best is not None:
        entries.append(Line2D([], [], color=BEST, ls="--", label="the true system from the same context"))
    if valid_time is not None:
        entries.append(Line2D([], [], color=MODEL, ls=":", label="end of validity"))
    key(figure, entries)
    return figure


@styled
def valid_times_figure(model, references=None, *, horizon, threshold="", unit="time units"):
    """Draw how long forecasts held: the share that still holds after a time.

    Args:
        model: (n_contexts,) valid prediction times of the model; those that reach the horizon never failed.
        references: ``{name: (n_contexts,)}`` the same of other forecasts; names in ``LOOKS``.
        horizon: time that was forecast.
        threshold: the criterion in words.
        unit: unit of the times.

    Returns:
        Figure.
    """
    figure = new_figure(2.5)
    ax = figure.subplots()
    entries = []
    for name, times in {**(references or {}), "model": model}.items():
        words, look = LOOKS[name]
        ended = np.sort(np.nan_to_num(np.asarray(times, dtype=np.float64)))
        median = np.median(ended)
        ended = ended[ended < horizon]
        share = 1 - np.arange(len(ended) + 1) / len(times)
        ax.step(np.r_[0.0, ended, horizon], np.r_[share, share[-1]], where="post", lw=1.2, **look)
        reached = f"over {horizon:.3g}" if median >= horizon else f"{median:.3g}"
        entries.append(Line2D([], [], lw=1.2, label=f"{words}, median {reached}", **look))
    ax.axhline(0.5, color=FAINT, lw=0.6)
    ax.set(xlim=(0, horizon), ylim=(0, 1.04), xlabel=label("time ahead", unit), ylabel="share still valid")
    if threshold:
        ax.set_title(threshold, fontweight="normal")
    key(figure, entries, columns=3)
    return figure


def _cut(values, truth):
    """NaN once a forecast has left the neighbourhood of the data for good."""
    span = np.ptp(truth[np.isfinite(truth)]) if np.isfinite(truth).any() else 1.0
    with np.errstate(invalid="ignore"):
        far = ~(np.abs(values - np.nanmean(truth)) < 20 * max(span, 1e-300))
    return np.where(np.maximum.accumulate(far), np.nan, values)


def _limits(*series):
    values = np.concatenate([s[np.isfinite(s)] for s in series])
    if not len(values):
        return -1.0, 1.0
    room = 0.15 * (np.ptp(values) or 1.0)
    return values.min() - room, values.max() + room


def _title(j, valid_time, time_unit):
    if valid_time is None or not np.isfinite(valid_time[j]):
        return f"context {j + 1}"
    return f"context {j + 1}: valid {valid_time[j]:.3g}{' ' + time_unit if time_unit else ''}"
