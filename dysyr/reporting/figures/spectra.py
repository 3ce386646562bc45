"""Power spectra of truth and model."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.signal import welch
from scipy.stats import chi2

from dysyr.reporting.figures.style import FAINT, MODEL, TRUTH, key, label, new_figure, styled

MAX_VARIABLES = 6


@styled
def spectra_figure(truth, runs, *, dt, names, time_unit=""):
    """Draw the power spectral density of each variable that is not constant, on a logarithmic scale.

    Welch's estimate with Hann windows overlapping by half. The band around the truth is its 95 % sampling
    range, nu S / chi2(nu), with nu = 36 K^2 / (19 K - 1) degrees of freedom for K windows: a model inside it
    cannot be told from the truth at this length. The band around the model spans 95 % of its free runs.

    Args:
        truth: (time, n_variables).
        runs: list of (time, n_variables) free runs.
        dt: sampling interval.
        names: names of the variables.
        time_unit: unit of dt.

    Returns:
        Figure, or None where every variable of the truth is constant.
    """
    truth = np.asarray(truth, dtype=np.float64)
    moving = np.flatnonzero(np.nanmax(truth, axis=0) > np.nanmin(truth, axis=0))[:MAX_VARIABLES]
    shown = len(moving)
    if shown == 0:
        return None
    names = [names[i] for i in moving]
    length = window_length(len(truth))
    scale = np.nanstd(truth, axis=0)[moving]
    frequency, power, n_windows = spectrum(truth[:, moving] / scale, dt, length)
    spectra = [spectrum(run[:, moving] / scale, dt, length)[1] for run in runs if len(run) >= length]
    spectra = np.array([s for s in spectra if np.isfinite(s).all()])
    freedom = 36 * n_windows**2 / (19 * n_windows - 1)
    low, high = freedom / chi2.ppf([0.975, 0.025], freedom)

    columns = min(shown, 3)
    n_rows = -(-shown // columns)
    figure = new_figure(0.5 + 1.9 * n_rows)
    axes = figure.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=True)
    cut = slice(1, _last_shown(power))
    for i, ax in enumerate(axes.flat):
        if i >= shown:
            ax.set_visible(False)
            continue
        ax.fill_between(frequency[cut], low * power[cut, i], high * power[cut, i], color=FAINT, alpha=0.6, lw=0)
        ax.semilogy(frequency[cut], power[cut, i], color=TRUTH, lw=1.1)
        if len(spectra):
            ax.semilogy(frequency[cut], np.median(spectra[:, cut, i], axis=0), color=MODEL, lw=1.0)
            if len(spectra) > 2:
                band = np.quantile(spectra[:, cut, i], [0.025, 0.975], axis=0)
                ax.fill_between(frequency[cut], *band, color=MODEL, alpha=0.25, lw=0)
        ax.set_title(names[i])
    top = power[cut].max()
    axes[0, 0].set_ylim(max(power[cut].min() / 10, top * 1e-12), top * 5)
    for ax in axes[-1]:
        ax.set_xlabel(label("frequency", f"cycles per {time_unit or 'time unit'}"))
    for ax in axes[:, 0]:
        ax.set_ylabel("power density")
    entries = [
        Line2D([], [], color=TRUTH, label="truth"),
        Patch(color=FAINT, alpha=0.6, label="95 % sampling range of the truth"),
        Line2D([], [], color=MODEL, label="model, median of its free runs"),
    ]
    key(figure, entries)
    return figure


def window_length(n):
    """Samples in one window: some fifteen windows, at most 4,096 samples each.

    Args:
        n: samples in the series.

    Returns:
        int.
    """
    return int(np.clip(2 ** np.floor(np.log2(max(n / 8, 16))), 16, 4096)) if n >= 16 else n


def spectrum(x, dt, length):
    """Welch's power spectral density.

    Args:
        x: (time, n_variables); missing values are set to the mean.
        dt: sampling interval.
        length: samples in one window.

    Returns:
        (frequency (f,), power (f, n_variables), number of windows); powers are nan where x is not finite.
    """
    mean = np.nanmean(x, axis=0) if np.isfinite(x).any(axis=0).all() else np.full(x.shape[1], np.nan)
    filled = np.where(np.isnan(x), mean, x)
    length = min(length, len(x))
    frequency, power = welch(filled, fs=1 / dt, nperseg=length, axis=0, detrend="constant")
    return frequency, power, max(1, (len(x) - length) // max(length // 2, 1) + 1)


def _last_shown(power):
    """Index of twice the frequency below which 99.5 % of the power lies."""
    share = np.cumsum(power[1:].sum(axis=1))
    return int(np.clip(2 * (np.searchsorted(share, 0.995 * share[-1]) + 2), 12, len(power)))
