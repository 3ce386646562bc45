"""Energy of a pendulum in rollouts of KoopmanVAE by its Koopman matrix, with and without a spectral constraint.

    python -m dysyr.benchmark.koopman_pendulum [--amplitudes 0.5 2.7] [--updates 600] [--seed 0]

400 windows of 32 samples 0.1 apart, angle and velocity, exact by elliptic functions, random phase, amplitudes uniform
in a range, g/L = 9.81. 200 rollouts without noise; change of the energy from the first to the tenth period (of the mean
amplitude), each averaged over the period: of the mean over rollouts, and the median of single ones.
"""

import argparse

import numpy as np
from scipy.special import ellipj, ellipk

from dysyr.core.dataset import make_dataset
from dysyr.reconstruction.koopman_vae import KoopmanVAE

GRAVITY, DT, WINDOW, N_WINDOWS, N_RUNS, N_PERIODS = 9.81, 0.1, 32, 400, 200, 10


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
    """(change of the mean, median change of single runs) of the energy from period 1 to 10, n samples each."""
    first, last = (energy(x[:, i * n : (i + 1) * n]).mean(axis=1) for i in (0, N_PERIODS - 1))
    return float(abs(last.mean() / first.mean() - 1)), float(np.median(np.abs(last / first - 1)))


def main(arguments=None):
    """Fit, roll out, print."""
    parser = argparse.ArgumentParser(
        prog="python -m dysyr.benchmark.koopman_pendulum", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--amplitudes", type=float, nargs=2, default=[0.5, 2.7])
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    x = pendulum(rng.uniform(*options.amplitudes, N_WINDOWS), rng.random(N_WINDOWS), WINDOW)
    n = round(period(np.mean(options.amplitudes)) / DT)
    for constraint in ("unit_circle", None):
        fitted = KoopmanVAE(
            window=WINDOW, prior="koopman", rollout_noise=False, constraint=constraint, prediction_weight=1.0,
            prediction_steps=3, n_updates=options.updates, seed=options.seed,
        ).fit(make_dataset(x, dt=DT), progress=False)  # fmt: skip
        runs = fitted.generate(N_PERIODS * n, n_trajectories=N_RUNS, transient=0, seed=options.seed)["x"].values
        mean, single = changes(runs, n)
        print(f"constraint {constraint}: mean energy {mean:.1%}, median of single runs {single:.1%}")


if __name__ == "__main__":
    main()
