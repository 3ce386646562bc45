"""Two distances between attractors: where orbits go (D_stsp) and how fast they move there (D_H).

Neither is enough alone: D_stsp does not see the order of the samples, D_H sees only the power spectrum.
"""

import dataclasses
import math
import warnings

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dysyr.core.errors import InputError

RANGE_MARGIN = 0.1
MAX_SMOOTHING_MASS = 0.01
KERNEL_CUT = 4.0
LARGEST = 1e150


class SmoothingWarning(UserWarning):
    """The cells of a histogram are so many that its smoothing, not the data, decides."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StateSpaceDivergence:
    """D_stsp of one pair of series and what it takes to read it.

    Attributes:
        value: Kullback-Leibler divergence, nats.
        ceiling: the same truth against a series that lies wholly out of range, nats.
        out_of_range: fraction of generated points outside the range of the truth, non-finite ones included.
        nonfinite: fraction of generated points with a value that is not finite.
        cells_truth: cells that the truth occupies.
        cells_generated: cells that the generated series occupies, the overflow cell not counted.
        smoothing_mass: a C / n, the share of probability that smoothing hands out; from 1 % on prefer the
            mixture version.
        n_truth: points of the truth.
        n_generated: points of the generated series.
    """

    value: float
    ceiling: float
    out_of_range: float
    nonfinite: float
    cells_truth: int
    cells_generated: int
    smoothing_mass: float
    n_truth: int
    n_generated: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpectrumDistance:
    """D_H of one pair of series and what it takes to read it.

    Attributes:
        value: mean Hellinger distance over variables, in [0, 1].
        per_variable: (n_variables,) the distances that were averaged.
        ceiling: 1.
        nonfinite: fraction of generated points with a value that is not finite.
        flagged: variables set to 1 because the generated series is not finite or is constant there.
        sigma_hz: bandwidth of the smoothing in cycles per unit of time.
        sigma_bins: the same in frequency bins.
        n: samples of each series.
    """

    value: float
    per_variable: np.ndarray
    ceiling: float
    nonfinite: float
    flagged: tuple
    sigma_hz: float
    sigma_bins: float
    n: int


def count_cells(truth, generated, low, high, n_bins):
    """Points of two clouds in each cell that either occupies, in NumPy: the slow twin of the compiled counting.

    Args:
        truth: (n, n_variables), all within range.
        generated: (m, n_variables); may hold NaN and inf, which are out of range.
        low: (n_variables,) lower ends of the partition.
        high: (n_variables,) upper ends.
        n_bins: cells per variable.

    Returns:
        counts of the truth and counts of the generated points, both (occupied cells,) int64, cells in ascending order
        with the first variable most significant.
    """
    truth_cells, _ = _cell_indices(truth, low, high, n_bins)
    generated_cells, inside = _cell_indices(generated, low, high, n_bins)
    keys = _cell_keys(np.concatenate([truth_cells, generated_cells[inside]]), n_bins)
    occupied, where = np.unique(keys, return_inverse=True)
    u = np.bincount(where[: len(truth)], minlength=len(occupied)).astype(np.int64)
    v = np.bincount(where[len(truth) :], minlength=len(occupied)).astype(np.int64)
    return u, v


def state_space_divergence(
    truth, generated, *, n_bins=30, smoothing=1e-5, equal_length=True, count=count_cells
):  # fmt: skip
    """Divergence of the states visited by a generated series from those visited by the truth, binned.

        D_stsp = sum_c p_c ln(p_c / q_c),   p_c = (u_c + a) / (n_p + a C),   q_c = (v_c + a) / (n_q + a C)

    with counts u (truth) and v (generated) over k cells per variable between ``min - 0.1 sd`` and
    ``max + 0.1 sd`` of the truth, and one further cell for every generated point outside or not finite:
    C = k^N + 1. A run that leaves the attractor loses the mass it has lost; nothing is renormalised.

    Args:
        truth: (time, n_variables), all finite.
        generated: (time, n_variables) in the same units; may hold NaN and inf.
        n_bins: k, cells per variable.
        smoothing: a, pseudo-count of every cell.
        equal_length: refuse series of different length (the value depends strongly on both).
        count: the function that counts points per cell, :func:`count_cells` or a faster one with the same result.

    Returns:
        StateSpaceDivergence; values in nats.

    Raises:
        InputError: shapes or lengths do not fit, the truth is not finite or constant in a variable.

    Warns:
        SmoothingWarning: a C / n is 1 % or more; use ``mixture_divergence`` instead.

    Reference: koppe2019
    """
    truth, generated = _pair(truth, generated)
    n_truth, n_generated = len(truth), len(generated)
    if equal_length and n_truth != n_generated:
        raise InputError(
            "D_stsp compares series of equal length", got=f"truth {n_truth}, generated {n_generated} points",
            expected="the same number, because the value depends on it", do="cut the longer one",
        )  # fmt: skip
    low, high = _cell_range(truth)
    u, v = count(truth, generated, low, high, n_bins)
    n_cells = float(n_bins) ** truth.shape[1] + 1.0
    overflow = n_generated - int(v.sum())
    finite = np.isfinite(generated)
    nonfinite = 0.0 if finite.all() else 1.0 - finite.all(axis=1).mean()

    smoothing_mass = smoothing * n_cells / n_truth
    if smoothing_mass >= MAX_SMOOTHING_MASS:
        warnings.warn(
            f"smoothing holds {smoothing_mass:.1%} of the probability ({n_cells:.3g} cells), "
            "so D_stsp by bins is not reliable: use the mixture version",
            SmoothingWarning, stacklevel=2,
        )  # fmt: skip
    seen_truth = u > 0
    return StateSpaceDivergence(
        value=_smoothed_divergence(u, v, overflow, n_truth, n_generated, n_cells, smoothing),
        ceiling=_smoothed_divergence(
            u[seen_truth], np.zeros(seen_truth.sum()), n_generated, n_truth, n_generated, n_cells, smoothing
        ),
        out_of_range=overflow / n_generated,
        nonfinite=float(nonfinite),
        cells_truth=int(seen_truth.sum()),
        cells_generated=int((v > 0).sum()),
        smoothing_mass=float(smoothing_mass),
        n_truth=n_truth,
        n_generated=n_generated,
    )


def spectrum_distance(truth, generated, *, dt, sigma_hz=None, sigma_bins=20.0):
    """Hellinger distance of two power spectra, averaged over the variables.

        D_H = mean_d 1/sqrt(2) || sqrt(P_d) - sqrt(Q_d) ||_2

    P and Q are squared moduli of the discrete Fourier transform of each centred series, smoothed by a
    Gaussian (cut at 4 sigma, reflecting ends), clipped at 0 and normalised to sum 1. At a fixed number of
    bins the bandwidth changes with the length of the series: compare values only at equal ``sigma_hz``.

    Args:
        truth: (time, n_variables), all finite.
        generated: (time, n_variables) of the same length; may hold NaN and inf.
        dt: sampling interval in system time units.
        sigma_hz: bandwidth in cycles per system time unit; by default that of ``sigma_bins``.
        sigma_bins: bandwidth in frequency bins, used when ``sigma_hz`` is None.

    Returns:
        SpectrumDistance.

    Raises:
        InputError: shapes or lengths do not fit, the truth is not finite or constant in every variable.

    Reference: hess2023
    """
    truth, generated = _pair(truth, generated)
    n = len(truth)
    if len(generated) != n:
        raise InputError(
            "D_H compares series of equal length", got=f"truth {n}, generated {len(generated)} points",
            do="cut the longer one",
        )  # fmt: skip
    if n < 4:
        raise InputError("too few points for a power spectrum", got=str(n), expected="at least 4")
    if not dt > 0:
        raise InputError("dt is not positive", got=repr(dt))
    sigma_bins = float(sigma_bins if sigma_hz is None else sigma_hz * n * dt)
    with np.errstate(invalid="ignore"):
        finite = (np.abs(generated) < LARGEST).all(axis=0)
    truth_varies = _varies(truth)
    if not truth_varies.any():
        raise InputError("the truth is constant", expected="D_H needs a series that varies")
    generated_varies = np.zeros(truth.shape[1], dtype=bool)
    generated_varies[finite] = _varies(generated[:, finite])
    distance = np.ones(truth.shape[1])
    comparable = truth_varies & generated_varies
    if comparable.any():
        p = power_spectrum(truth[:, comparable], sigma_bins=sigma_bins)
        q = power_spectrum(generated[:, comparable], sigma_bins=sigma_bins)
        distance[comparable] = np.sqrt(0.5 * ((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=0))
    distance[~truth_varies & finite & ~generated_varies] = 0.0
    flagged = np.flatnonzero(truth_varies & ~generated_varies)
    return SpectrumDistance(
        value=float(distance.mean()),
        per_variable=distance,
        ceiling=1.0,
        nonfinite=float(1.0 - np.isfinite(generated).all(axis=1).mean()),
        flagged=tuple(int(d) for d in flagged),
        sigma_hz=sigma_bins / (n * dt),
        sigma_bins=sigma_bins,
        n=n,
    )


def power_spectrum(x, *, sigma_bins):
    """Power spectrum per variable, smoothed over frequency and normalised to sum 1.

    Args:
        x: (time, n_variables), finite, each variable not constant.
        sigma_bins: standard deviation of the Gaussian kernel in frequency bins; 0 for none.

    Returns:
        (time // 2 + 1, n_variables).
    """
    centred = x - x.mean(axis=0)
    power = np.abs(np.fft.rfft(centred / np.abs(centred).max(axis=0), axis=0)) ** 2
    if sigma_bins > 0:
        power = gaussian_filter1d(power, sigma_bins, axis=0, mode="reflect", truncate=KERNEL_CUT)
    power = np.maximum(power, 0.0)
    return power / power.sum(axis=0)


def _smoothed_divergence(u, v, overflow, n_truth, n_generated, n_cells, a):
    """KL over the occupied cells, the overflow cell and, in one term, the cells that neither visits."""
    total_p, total_q = n_truth + a * n_cells, n_generated + a * n_cells
    p, q = (u + a) / total_p, (v + a) / total_q
    p0, q0 = a / total_p, a / total_q
    occupied = float((p * np.log(p / q)).sum())
    beyond = p0 * math.log(p0 / ((overflow + a) / total_q))
    return occupied + beyond + (n_cells - len(u) - 1) * p0 * math.log(p0 / q0)


def _cell_range(truth):
    sd = truth.std(axis=0, ddof=1)
    constant = ~_varies(truth)
    if constant.any():
        raise InputError(
            "the truth is constant in a variable", got=f"variable {int(np.argmax(constant))}",
            expected="D_stsp needs variables that vary",
        )  # fmt: skip
    least, most = _extent(truth)
    return least - RANGE_MARGIN * sd, most + RANGE_MARGIN * sd


def _cell_indices(x, low, high, n_bins):
    """Cell index per variable, int64, and which points lie in range and are finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        position = np.floor(n_bins * ((x - low) / (high - low)))
        inside = ((position >= 0) & (position < n_bins)).all(axis=1)
    position[~inside] = -1
    return position.astype(np.int64), inside


def _cell_keys(cells, n_bins):
    """One int64 per point, equal exactly where all indices are equal, for any number of variables."""
    keys = cells[:, 0]
    span = n_bins
    for index in cells.T[1:]:
        if span > np.iinfo(np.int64).max // n_bins:
            _, keys = np.unique(keys, return_inverse=True)
            span = int(keys.max()) + 1
        keys = keys * n_bins + index
        span *= n_bins
    return keys


def _varies(x):
    """Which variables have a spread beyond rounding."""
    least, most = _extent(x)
    return most - least > 1e-12 * np.maximum(np.abs(least), np.abs(most))


def _extent(x):
    """Least and greatest value of each variable, from a copy in which each is contiguous: many times faster."""
    columns = np.ascontiguousarray(x.T)
    return columns.min(axis=1), columns.max(axis=1)


def _pair(truth, generated):
    truth = np.asarray(truth, dtype=np.float64)
    generated = np.asarray(generated, dtype=np.float64)
    truth = truth[:, None] if truth.ndim == 1 else truth
    generated = generated[:, None] if generated.ndim == 1 else generated
    if truth.ndim != 2 or generated.ndim != 2 or truth.shape[1] != generated.shape[1]:
        raise InputError(
            "series do not fit together", got=f"shapes {truth.shape} and {generated.shape}",
            expected="two (time, n_variables) arrays with the same variables",
        )  # fmt: skip
    if len(truth) < 2 or len(generated) < 1:
        raise InputError("too few points", got=f"truth {len(truth)}, generated {len(generated)}")
    if not np.isfinite(truth).all():
        raise InputError(
            "the truth holds values that are not finite", got=f"{int((~np.isfinite(truth)).sum())} of them",
            do="leave missing samples out, or give a gap-free stretch",
        )  # fmt: skip
    return truth, generated
