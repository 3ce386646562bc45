"""Traps of measures, measured: how scores of the same models depend on length, on definitions and on where zero lies.

    python -m dysyr.benchmark.measure_traps [--seeds 5] [--write docs/results/measure_traps.md]

All on Lorenz 1963 (dt 0.01), scored against one trajectory of it: another trajectory, which nothing can beat; the same
system at rho = 30 instead of 28, a model that is nearly right; and three series made from the truth itself, each of
which is wrong in another way: the truth in random order, a phase surrogate (the same spectra, nothing else), and white
noise. Medians over seeds, with the range.
"""

import argparse
import functools
import shlex
import sys
import warnings

import numpy as np

from dysyr.api import load_system
from dysyr.benchmark.spread import spread
from dysyr.core.atomic import write_text
from dysyr.core.attractor_distance import SmoothingWarning, spectrum_distance, state_space_divergence
from dysyr.core.mixture_distance import mixture_divergence
from dysyr.evaluation.controls import negative_controls
from dysyr.evaluation.smape import symmetric_percentage_error
from dysyr.evaluation.valid_prediction_time import normalised_error, steps_within
from dysyr.kernels.measures.cell_counts import count_cells
from dysyr.simulation.simulate import simulate

DT = 0.01
EXPONENT = 0.9054
SIGMA_HZ = 0.2
LENGTHS = (500, 2_000, 10_000, 100_000)
ONE_LENGTH = 10_000
RIVALS = {
    "another": "independent truth",
    "rho_30": "rho = 30",
    "time_shuffled": "random order",
    "phase_surrogate": "phase surrogate",
    "white_noise": "white noise",
}


@functools.cache
def rivals(n, seed):
    """A truth of n samples and what is scored against it.

    Args:
        n: samples.
        seed: of trajectories and controls.

    Returns:
        (truth (time, 3), dict from a key of RIVALS to (time, 3)).
    """
    truth, another = simulate(load_system("lorenz63"), n_steps=n, dt=DT, n_trajectories=2, seed=seed + 1)["x"].values
    near = simulate(load_system("lorenz63", rho=30.0), n_steps=n, dt=DT, seed=seed + 1)["x"].values[0]
    controls = negative_controls(truth, seed=seed)
    return truth, {"another": another, "rho_30": near} | {name: controls[name] for name in RIVALS if name in controls}


def by_cells(truth, series, n_bins=30):
    """D_stsp by histograms, nats."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SmoothingWarning)
        return state_space_divergence(truth, series, n_bins=n_bins, count=count_cells).value


def by_mixtures(truth, series, variance):
    """D_stsp by Gaussian mixtures of standardised series, nats."""
    mean, sd = truth.mean(axis=0), truth.std(axis=0)
    return mixture_divergence((truth - mean) / sd, (series - mean) / sd, variance=variance).value


def by_spectra(truth, series, **bandwidth):
    """D_H."""
    return spectrum_distance(truth, series, dt=DT, **bandwidth).value


def distances(score, lengths, seeds):
    """Scores of all rivals: ``{length: {rival: [score of each seed]}}``."""
    found = {}
    for n in lengths:
        found[n] = {name: [] for name in RIVALS}
        for seed in range(seeds):
            truth, others = rivals(n, seed)
            for name, series in others.items():
                found[n][name].append(round(float(score(truth, series)), 9) + 0.0)
    return found


def valid_times(offset, seeds, *, start_error=1e-3, horizon=1_500, n_starts=50):
    """Valid prediction times of the true system, started with an error of a thousandth of the standard deviation.

    Args:
        offset: added to every variable of truth and forecast, in data units.
        seeds: how many.
        start_error: of the initial states, in standard deviations.
        horizon: samples.
        n_starts: forecasts of each seed.

    Returns:
        {"nrmse": [mean of each seed], "smape": [...]} in Lyapunov times.
    """
    system, times = load_system("lorenz63"), {"nrmse": [], "smape": []}
    for seed in range(seeds):
        starts = simulate(system, n_steps=n_starts, dt=2.0, seed=seed + 1)["x"].values[0]
        scale = starts.std(axis=0)
        moved = starts + start_error * scale * np.random.default_rng(seed).normal(size=starts.shape)
        actual, ahead = (
            simulate(system, n_steps=horizon, dt=DT, initial_state=states, n_trajectories=n_starts)["x"].values + offset
            for states in (starts, moved)
        )
        within = {
            "nrmse": steps_within(normalised_error(actual, ahead, scale), 0.4),
            "smape": steps_within(symmetric_percentage_error(actual, ahead), 30.0),
        }
        for name, steps in within.items():
            times[name].append(float(steps.mean() * DT * EXPONENT))
    return times


def page(seeds, lengths=LENGTHS, one_length=ONE_LENGTH):
    """The tables, as Markdown."""
    near = ("another", "rho_30")
    definitions = {
        "10 cells per variable": lambda x, y: by_cells(x, y, 10),
        "20 cells": lambda x, y: by_cells(x, y, 20),
        "30 cells (default)": lambda x, y: by_cells(x, y, 30),
        "50 cells": lambda x, y: by_cells(x, y, 50),
        "mixture, variance 1 (default)": lambda x, y: by_mixtures(x, y, 1.0),
        "mixture, variance 0.01": lambda x, y: by_mixtures(x, y, 0.01),
    }
    defined = {name: distances(score, [one_length], seeds)[one_length] for name, score in definitions.items()}
    spectra = {
        f"{bins} frequency bins, {n:,} samples": distances(
            lambda x, y, bins=bins: by_spectra(x, y, sigma_bins=bins), [n], seeds
        )[n]
        for n in lengths[1:]
        for bins in (5, 20)
    }
    parts = [
        "## Length",
        "D_stsp with 30 cells per variable. The distance of independent truth, the floor, falls with the length. "
        "Scores of different lengths cannot be compared: on a short series truth itself scores like a wrong model on a "
        "long one.",
        _table("samples", {f"{n:,}": row for n, row in distances(by_cells, lengths, seeds).items()}, RIVALS),
        f"D_H, smoothed over {SIGMA_HZ:g} cycles per time unit.",
        _table(
            "samples",
            {
                f"{n:,}": row
                for n, row in distances(lambda x, y: by_spectra(x, y, sigma_hz=SIGMA_HZ), lengths, seeds).items()
            },
            RIVALS,
        ),
        "## What each distance is blind to",
        "In the two tables above: the truth in random order has the D_stsp of a perfect model, and the phase surrogate "
        "the D_H of one. Each is far off in the other distance.",
        "## Definitions",
        f"D_stsp of {one_length:,} samples. The names are the same, the numbers are not.",
        _table("definition", defined, RIVALS),
        "D_H with a bandwidth in frequency bins, which is another bandwidth in cycles per time unit at each length.",
        _table("bandwidth", spectra, {name: RIVALS[name] for name in near}),
        "## Where zero lies",
        "Mean valid prediction time, in Lyapunov times, of the true system started off by a thousandth of a standard "
        "deviation: until the error exceeds 0.4 standard deviations, and until the symmetric percentage error exceeds "
        "30. Then 100 is added to every variable, of truth and forecast alike.",
        _table(
            "data",
            {"as they are": valid_times(0.0, seeds), "with 100 added": valid_times(100.0, seeds)},
            {"nrmse": "error of 0.4", "smape": "percentage error of 30"},
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _table(first, rows, columns):
    lines = [f"| {first} | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | {' | '.join(spread(row[key]) for key in columns)} |")
    return "\n".join(lines)


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    text = page(given.seeds)
    print(text)
    if given.write:
        command = f"python -m dysyr.benchmark.measure_traps {shlex.join(sys.argv[1:])}"
        body = __doc__.split("\n\n", 2)[2]
        write_text(given.write, f"# Traps of measures\n\nWritten by `{command}`.\n\n{body}\n{text}")


if __name__ == "__main__":
    main()
