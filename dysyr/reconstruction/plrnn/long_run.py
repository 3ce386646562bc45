"""Statistics of long free runs beside those of the training data: states visited, spectra, and how neighbours part."""

import functools
import math

import numpy as np

from dysyr.core.divergence_rate import divergence_rate
from dysyr.core.segments import complete_stretches
from dysyr.kernels.measures.cell_counts import count_cells
from dysyr.kernels.model_growth import growth_of_model

LONGEST_SEGMENT = 2_000
SHORTEST_SEGMENT = 64
SEGMENTS_PER_ORBIT = 2
MOST_SPECTRAL_SAMPLES = 200_000
N_ORBITS = 16
SAMPLES_PER_CELL = 20
MOST_CELLS = 24
SAMPLES_PER_SMALL_CELL = 3
MOST_SMALL_CELLS = 30
MISSED_WEIGHT = 2.0
ENOUGH_SAMPLES = 5_000
"""From so many on, what the runs do not visit is told from what the data visit by chance."""
LOST = 1e6
RANGE_MARGIN = 0.1
RATE_WEIGHT = 0.5
RATE_BAND = 0.15
"""Rates from data alone are that wrong: within 5 % for Lorenz' system with 5 % noise, but 20 % for Halvorsen's."""
RATE_STEPS = 1_500
RATE_SAMPLES, FEWEST_RATE_SAMPLES, MOST_RATES = 10_000, 2_000, 8
RATE_STRAIGHTNESS = 0.95
RATE_SURROGATES = 19
REST_WEIGHT = 0.5
LEAST_GROWTH = 0.05
"""Share of the rate at which orbits have to leave a fixed point; Lorenz' foci have twice as much."""
MOST_REGIONS = 64
MOST_CONDITION = 1e12
REGION_STRIDE = 100
WORST = 2.0 + MISSED_WEIGHT + RATE_WEIGHT + REST_WEIGHT


class LongRun:
    """How far free runs are from training data.

        distance = H_state + 2 t missed + H_spectrum + (1/2) min(1, max(0, |lambda / rate - 1| - 0.15)) + rest / 2
        H(p, q)^2 = (1/2) sum (sqrt p - sqrt q)^2
        rest = max over fixed points within the range of the data of min(1, max(0, 1 - growth / (0.05 rate)))

    H_state compares histograms over the three leading principal components, with about twenty samples of the data per
    cell, all that leaves their range in a cell of its own; missed is the share of the data in those of smaller cells,
    about three samples each, that no run enters: it rules D_stsp, which a Hellinger distance hardly heeds, and counts
    as far as the data can be trusted to visit such cells again, t = min(1, samples / 5000). H_spectrum
    compares power spectra of Hann-windowed segments of up to 2,000 samples, averaged over the variables; of long data
    segments of 200,000 samples in all, spread over them. All three lie in [0, 1]. lambda is the largest Lyapunov
    exponent of the model, rate what the data let expect; growth is the logarithm of the largest modulus of an
    eigenvalue at a fixed point: chaotic orbits near a stable one, which the data do not have, end there sooner or
    later. Both add nothing where the data do not tell a rate, the latter neither where the runs visit more than 64
    regions.

    Args:
        stretches: list of (time, N) standardised arrays without missing values, one of them of 64 samples at least.

    Attributes:
        n_steps: steps of a free run that are compared.
        burn_in: steps before them.
    """

    def __init__(self, stretches):
        self._length = int(np.clip(max(map(len, stretches)) // 4, SHORTEST_SEGMENT, LONGEST_SEGMENT))
        self.n_steps, self.burn_in = SEGMENTS_PER_ORBIT * self._length, self._length // 4
        self._stretches = stretches
        points = np.concatenate(stretches)
        self._axes = np.linalg.eigh(np.cov(points.T, ddof=0).reshape(2 * points.shape[1:]))[1][:, ::-1][:, :3]
        self._points = np.ascontiguousarray(points @ self._axes)
        margin = RANGE_MARGIN * self._points.std(axis=0) + 1e-12
        self._low, self._high = self._points.min(axis=0) - margin, self._points.max(axis=0) + margin
        n_axes = self._axes.shape[1]
        self._cells = _cells_per_axis(len(points), n_axes, SAMPLES_PER_CELL, MOST_CELLS)
        self._missed_weight = MISSED_WEIGHT * trust(len(points))
        self._small_cells = _cells_per_axis(len(points), n_axes, SAMPLES_PER_SMALL_CELL, MOST_SMALL_CELLS)
        del points
        self._window = np.hanning(self._length)
        segments = [
            x[at : at + self._length]
            for x in stretches
            for at in range(0, len(x) - self._length + 1, self._length)
        ]  # fmt: skip
        every = -(-len(segments) * self._length // MOST_SPECTRAL_SAMPLES)
        self._spectrum = self._spectrum_of(np.stack(segments[::every]))

    @classmethod
    def from_series(cls, series):
        """The statistics of series with gaps.

        Args:
            series: list of (time, N) standardised arrays, NaN where missing.

        Returns:
            LongRun, or None without a gap-free stretch of 64 samples: there is nothing to compare then.
        """
        stretches = [x[start:stop] for x in series for start, stop in complete_stretches(x)]
        return cls(stretches) if any(len(x) >= SHORTEST_SEGMENT for x in stretches) else None

    @functools.cached_property
    def rate(self):
        """Largest exponent of the data per step, from how fast neighbours part; None where it cannot be told.

        The mean of ``divergence_rate`` over up to eight stretches of 10,000 samples. It counts where all of them have a
        scaling region, the median one is straight (R^2 >= 0.95), and the first passes the test against surrogates.
        """
        pieces = [
            x[at : at + RATE_SAMPLES]
            for x in self._stretches
            for at in range(0, len(x) - FEWEST_RATE_SAMPLES + 1, RATE_SAMPLES)
        ][:MOST_RATES]  # fmt: skip
        if not pieces or not divergence_rate(pieces[0], dt=1.0, n_surrogates=RATE_SURROGATES).chaotic:
            return None
        found = [divergence_rate(piece, dt=1.0, n_surrogates=0) for piece in pieces]
        straight = np.median([each.straightness for each in found]) >= RATE_STRAIGHTNESS
        rate = float(np.mean([each.value for each in found]))
        return rate if straight and math.isfinite(rate) else None

    def distance_of(self, model, rng):
        """Distance of free runs of a model from some of its initial states, with what its largest exponent adds.

        Args:
            model: RecurrentModel, or None for one that has no finite state to start from.
            rng: numpy Generator, chooses the states.

        Returns:
            float in [0, 5].
        """
        if model is None:
            return WORST
        pool = model.initial_states
        z = pool[rng.choice(len(pool), N_ORBITS, replace=len(pool) < N_ORBITS)]
        runs, states, last = model.observed_run(z, self.burn_in + self.n_steps, REGION_STRIDE)
        rest = REST_WEIGHT * self.rest(model, states.reshape(-1, model.latent_dim))
        return self.distance(runs[:, self.burn_in :]) + self._off_rate(model, last) + rest

    def rest(self, model, states):
        """How near the model is to having a stable fixed point within the range of the data, in a region of ``states``.

        Args:
            model: RecurrentModel.
            states: (n, M) states of its orbits.

        Returns:
            float in [0, 1]: 1 where there is a stable one, 0 where orbits leave all of them fast enough.
        """
        if self.rate is None or not np.isfinite(states).all():
            return 0.0
        bits = model.region(states)
        _, first = np.unique(np.packbits(bits, axis=1), axis=0, return_index=True)
        if len(first) > MOST_REGIONS:
            return 0.0
        matrices, offsets = model.affine(bits[first])
        away = np.eye(model.latent_dim) - matrices
        regular = np.linalg.cond(away) < MOST_CONDITION
        points = np.linalg.solve(away[regular], offsets[regular][:, :, None])[:, :, 0]
        real = (model.region(points) == bits[first][regular]).all(axis=1)
        place = model.standardised_readout(points) @ self._axes
        real &= ((place >= self._low) & (place <= self._high)).all(axis=1)
        if not real.any():
            return 0.0
        growth = np.log(np.abs(np.linalg.eigvals(matrices[regular][real])).max(axis=1)).min()
        return float(np.clip(1.0 - growth / (LEAST_GROWTH * self.rate), 0.0, 1.0))

    def _off_rate(self, model, z):
        """What the mean largest exponent of the orbits from z adds, in [0, 1/2]."""
        if self.rate is None:
            return 0.0
        exponent = growth_of_model(model, z, RATE_STEPS, n_vectors=1).mean()
        if not np.isfinite(exponent):
            return RATE_WEIGHT
        return RATE_WEIGHT * min(1.0, max(0.0, abs(exponent / self.rate - 1.0) - RATE_BAND))

    def distance(self, runs):
        """Distance of free runs.

        Args:
            runs: (orbit, n_steps, N) standardised.

        Returns:
            float in [0, 4]; where a run is not finite or leaves the data by a million standard deviations,
            H_spectrum is 1.
        """
        lost = not (np.abs(runs) < LOST).all()
        with np.errstate(over="ignore", invalid="ignore"):
            generated = np.ascontiguousarray(runs.reshape(-1, runs.shape[-1]) @ self._axes)
        u, v = count_cells(self._points, generated, self._low, self._high, self._cells)
        outside = 1.0 - v.sum() / len(generated)
        state = np.sqrt(0.5 * (_squares(u / len(self._points), v / len(generated)) + outside))
        u, v = count_cells(self._points, generated, self._low, self._high, self._small_cells)
        state += self._missed_weight * u[v == 0].sum() / len(self._points)
        if lost:
            return float(state + 1.0)
        segments = runs.reshape(-1, self._length, runs.shape[-1])
        spectral = np.mean(np.sqrt(0.5 * _squares(self._spectrum, self._spectrum_of(segments))))
        return float(state + spectral)

    def _spectrum_of(self, segments):
        """Mean normalised power spectrum per variable, (frequency, N); that of a constant is zero."""
        series = np.array(segments.transpose(0, 2, 1), order="C")
        series -= series.mean(axis=2, keepdims=True)
        series *= self._window
        found = np.fft.rfft(series)
        power = (found.real**2 + found.imag**2).mean(axis=0).T
        total = power.sum(axis=0)
        return power / np.where(total > 0, total, 1.0)


def trust(n_samples):
    """How far details of the distribution of so many samples can be trusted, from 0 to 1."""
    return min(1.0, n_samples / ENOUGH_SAMPLES)


def _cells_per_axis(n_samples, n_axes, per_cell, most):
    return int(np.clip(round((n_samples / per_cell) ** (1 / n_axes)), 3, most))


def _squares(p, q):
    return ((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=0)
