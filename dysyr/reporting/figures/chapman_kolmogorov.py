"""Chapman-Kolmogorov panels: what happens over many steps, and what one step foretells of it."""

from matplotlib.lines import Line2D

from dysyr.reporting.figures.style import MODEL, SECOND, TRUTH, key, label, new_figure, styled

MAX_STATES = 11


@styled
def chapman_kolmogorov_figure(times, seen, stderr, powers, model, residuals, *, names, unit=""):
    """Draw the probability to be found in a state again, one panel per state, and the residuals of the test.

    Args:
        times: (lag,) lags in time units.
        seen: (lag, state) observed shares of pairs that end where they begin.
        stderr: (lag, state) their standard errors.
        powers: (lag, state) diagonal of the powers of the observed one-step transitions.
        model: (lag, state) what the model implies, or None.
        residuals: (steps, values, low, high) of the test, or None.
        names: what each state is called.
        unit: unit of time.

    Returns:
        Figure.
    """
    n = min(len(names), MAX_STATES)
    panels = n + (residuals is not None)
    columns = min(panels, 3)
    rows = -(-panels // columns)
    figure = new_figure(0.5 + 1.5 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[panels:]:
        ax.set_visible(False)
    for state, ax in enumerate(axes.flat[:n]):
        ax.errorbar(times, seen[:, state], yerr=1.96 * stderr[:, state], fmt="o", ms=3, lw=0.8, color=TRUTH)
        ax.plot(times, powers[:, state], color=SECOND, lw=1.1, ls="--")
        if model is not None:
            ax.plot(times, model[:, state], color=MODEL, lw=1.4)
        ax.set(title=f"{names[state]} again", ylim=(-0.03, 1.03))
        if state >= n - columns:
            ax.set_xlabel(label("lag", unit))
        if state % columns == 0:
            ax.set_ylabel("probability")
    if residuals is not None:
        steps, values, low, high = residuals
        ax = axes.flat[n]
        ax.fill_between(steps, low, high, color=SECOND, alpha=0.2, lw=0)
        ax.plot(steps, values, "o-", color=TRUTH, ms=3.5, lw=0.8)
        ax.set(title="residual of the test", xlabel="lag in samples", xticks=steps, ylim=(0, None))
    entries = [
        Line2D([], [], ls="", color=TRUTH, marker="o", ms=3.5, label="held-out labels"),
        Line2D([], [], color=SECOND, ls="--", label="powers of their first step"),
    ]
    if model is not None:
        entries.append(Line2D([], [], color=MODEL, lw=1.4, label="model"))
    key(figure, entries)
    return figure
