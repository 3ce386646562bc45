"""Energy of a pendulum in rollouts of KoopmanVAE by its Koopman matrix, with and without a spectral constraint.

    python -m dysyr.benchmark.koopman_pendulum -o FOLDER [--seeds 3] [--weights 3 0] [--updates 800] [--write FILE]

400 windows of 32 samples 0.1 apart, angle and velocity, exact by elliptic functions, random phase, amplitudes uniform
from 0.5 to 2.7, g/L = 9.81. 200 rollouts by C without noise, over ten periods of the mean amplitude; the energy is
averaged over each period. First to tenth: change of the mean over rollouts, and the median change of single ones.
Largest: the largest change of the mean from the first to any other period. Numbers are medians over seeds, brackets
their range. Rollout weight: that of the error of windows decoded from a rollout, in the training. Training is
processor time on one core that was shared with other work.
"""

import argparse
import json
import shlex
import time
from pathlib import Path

import numpy as np
from scipy.special import ellipj, ellipk

from dysyr.core.atomic import write_text
from dysyr.core.dataset import make_dataset
from dysyr.reconstruction.koopman_vae import KoopmanVAE

MODULE = "dysyr.benchmark.koopman_pendulum"
GRAVITY, DT, WINDOW, N_WINDOWS, N_RUNS, N_PERIODS = 9.81, 0.1, 32, 400, 200, 10
AMPLITUDES = (0.5, 2.7)


def period(amplitude):
    """4 K(sin^2(amplitude / 2)) / sqrt(g/L)."""
    return 4 * ellipk(np.sin(amplitude / 2) ** 2) / np.sqrt(GRAVITY)


def pendulum(amplitude, phase, n_steps):
    """(run, n_steps, 2) angle and velocity of swings.

        theta = 2 asin(k sn(K - w t)),   theta' = -2 w k cn(K - w t),   k = sin(amplitude / 2)

    Args:
        amplitude: (run,) largest angles.
        phase: (run,) starting times, as shares of the period.
        n_steps: samples, 0.1 apart.
    """
    k, w = np.sin(amplitude / 2)[:, None], np.sqrt(GRAVITY)
    time = DT * np.arange(n_steps) + (phase * period(amplitude))[:, None]
    sn, cn, _, _ = ellipj(ellipk(k**2) - w * time, k**2)
    return np.stack([2 * np.arcsin(k * sn), -2 * w * k * cn], axis=-1)


def energy(x):
    """Energy of states (..., 2), for unit mass and length."""
    return 0.5 * x[..., 1] ** 2 + GRAVITY * (1 - np.cos(x[..., 0]))


def changes(x, n):
    """Changes of the energy of runs (run, time, 2) over ten periods of n samples.

    Returns:
        dict: ``mean``, change of the mean over runs from the first to the tenth period; ``single``, median change of
        single runs; ``largest``, largest change of the mean from the first to any other period.
    """
    each = energy(x[:, : N_PERIODS * n]).reshape(len(x), N_PERIODS, n).mean(axis=2)
    mean = each.mean(axis=0)
    return {
        "mean": float(abs(mean[-1] / mean[0] - 1)), "single": float(np.median(np.abs(each[:, -1] / each[:, 0] - 1))),
        "largest": float(np.abs(mean / mean[0] - 1).max()),
    }  # fmt: skip


def cell(constraint, weight, n_updates, seed):
    """One fit and its rollouts, a dict."""
    rng = np.random.default_rng(seed)
    x = pendulum(rng.uniform(*AMPLITUDES, N_WINDOWS), rng.random(N_WINDOWS), WINDOW)
    n = round(period(np.mean(AMPLITUDES)) / DT)
    began = time.process_time()
    fitted = KoopmanVAE(
        window=WINDOW, prior="koopman", rollout_noise=False, constraint=constraint, prediction_weight=1.0,
        prediction_steps=3, rollout_weight=weight, n_updates=n_updates, seed=seed,
    ).fit(make_dataset(x, dt=DT), progress=False)  # fmt: skip
    seconds = time.process_time() - began
    runs = fitted.generate(N_PERIODS * n, n_trajectories=N_RUNS, transient=0, seed=seed)["x"].values
    return {**changes(runs, n), "seconds": seconds, "parameters": fitted.model_.n_parameters}


def main(arguments=None):
    """Compute what is missing in the folder, and write the page."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--weights", type=float, nargs="+", default=[3.0, 0.0])
    parser.add_argument("--updates", type=int, default=800)
    parser.add_argument("--write")
    options = parser.parse_args(arguments)
    done = {}
    for weight in options.weights:
        for seed in range(options.seeds):
            for constraint in ("unit_circle", None):
                name = f"{constraint or 'free'}_{weight:g}_{options.updates}_{seed}.json"
                place = Path(options.output) / name
                if not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    write_text(place, json.dumps(cell(constraint, weight, options.updates, seed)))
                done.setdefault((constraint, weight), []).append(json.loads(place.read_text()))
                print(line(constraint, weight, done[constraint, weight][-1:]), flush=True)
    if options.write:
        weights = " ".join(f"{weight:g}" for weight in options.weights)
        command = shlex.split(
            f"python -m {MODULE} -o out/koopman_pendulum --seeds {options.seeds} --weights {weights} "
            f"--updates {options.updates} --write docs/results/koopmanvae_pendulum.md"
        )
        write_text(options.write, page(done, shlex.join(command)))


def page(done, command):
    """The page of results as Markdown."""
    head = ("constraint", "rollout weight", "seeds", "mean, first to tenth", "single runs", "largest", "training",
            "parameters")  # fmt: skip
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    rows += [line(*key, cells) for key, cells in done.items()]
    text = __doc__.split("\n\n", 2)[2].strip()
    return "\n".join(["# KoopmanVAE: energy of a pendulum", "", f"    {command}", "", text, "", *rows, ""])


def line(constraint, weight, cells):
    """One row of the table."""

    def each(name, form="{:.1%}"):
        values = [found[name] for found in cells]
        text = form.format(np.median(values))
        return text if len(values) == 1 else f"{text} ({form.format(min(values))}, {form.format(max(values))})"

    entries = [
        constraint or "none", f"{weight:g}", str(len(cells)), each("mean"), each("single"), each("largest"),
        each("seconds", "{:.0f}") + " s", f"{cells[0]['parameters']:,}",
    ]  # fmt: skip
    return f"| {' | '.join(entries)} |"


if __name__ == "__main__":
    main()
