"""LatentSDE on systems that noise drives, beside a deterministic neural ODE and simple forecasts.

    python -m dysyr.benchmark.latent_sde -o out/latent_sde [--cells ornstein_uhlenbeck:base ...]
        [--methods latentsde ...] [--seeds 5] [--write docs/results/latentsde.md]

Data: the Ornstein-Uhlenbeck process (theta 1, sigma 1, 2,000 samples 0.1 apart), the double well (noise 0.5, 10,000
samples 0.1 apart, some twenty hops), Lorenz 1963 with noise 2 in each variable (5,000 samples 0.02 apart). Seed s
trains on trajectory s; tests are the same for all. Noise of measurements, normal and a share of each variable's
standard deviation, is in the training data and in the contexts; judged is against clean truth.

Forecasts: 100 contexts of 30 samples, 20 samples ahead, 100 draws; the continuous ranked probability score as a share
of that of the climatology (of a single forecast the score is the absolute error), and the share of the truth inside the
90 % interval. Free runs: 16 of 5,000 samples, as many of the truth; the ratio of variances, the Hellinger distance of
histograms, the distance of power spectra; the mean time of hops between the wells. The row "truth" has the true system:
started at the clean end of the contexts, and independent free runs. Parameters: sigma, the mean diffusion; r, the noise
of measurements as a share of the standard deviation; theta, the slope of the drift within two standard deviations; and
what the log-likelihood of 500 test samples lacks to the exact value of the true process (Kalman filter), nats for each
sample; below zero only by chance, since the true parameters are not the best for the sample.

Numbers are medians over seeds with their range; a free run or forecast that is not finite counts as infinitely bad, and
fits that fail are counted. LatentSDE makes 500 updates (800 on Lorenz 1963, 600 on its first variable alone), NeuralODE
500. Training is processor time.
"""

import argparse
import dataclasses
import math
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from dysyr.api import load_system
from dysyr.benchmark.kept import run_kept
from dysyr.benchmark.spread import spread
from dysyr.core.atomic import write_text
from dysyr.core.attractor_distance import spectrum_distance
from dysyr.core.criterion import histogram_distance
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import DysyrError
from dysyr.core.probabilistic import Probabilistic
from dysyr.evaluation.ensemble_scores import crps, interval_coverage
from dysyr.reconstruction.latent_sde import LatentSDE
from dysyr.reconstruction.linear_ar import LinearAR
from dysyr.reconstruction.neural_ode import NeuralODE
from dysyr.reconstruction.persistence import Persistence
from dysyr.simulation.simulate import simulate

TRAIN_SEED, TEST_SEED, OTHER_SEED, AHEAD_SEED = 1000, 1, 2, 3
N_CONTEXTS, CONTEXT, HORIZON, N_DRAWS, LEVEL = 100, 30, 20, 100, 0.9
N_RUNS, N_FREE, N_LIKELIHOOD = 16, 5000, 500


@dataclasses.dataclass(frozen=True)
class Case:
    """A stochastic system and how it is sampled.

    Attributes:
        dt: sampling interval in system time units.
        n: training samples.
        n_short: training samples of the condition "short".
        sigma: true diffusion.
    """

    dt: float
    n: int
    n_short: int
    sigma: float


CASES = {
    "ornstein_uhlenbeck": Case(0.1, 2000, 300, 1.0),
    "double_well": Case(0.1, 10_000, 1000, 0.5),
    "stochastic_lorenz63": Case(0.02, 5000, 500, 2.0),
}
CONDITIONS = {"base": 0.0, "noise5": 0.05, "noise20": 0.2, "short": 0.0, "partial": 0.0}
"""Noise of measurements; "short" has fewer samples, "partial" the first variable alone."""
CELLS = (
    "ornstein_uhlenbeck:base", "ornstein_uhlenbeck:noise20", "ornstein_uhlenbeck:short", "double_well:base",
    "double_well:noise20", "stochastic_lorenz63:base", "stochastic_lorenz63:noise5", "stochastic_lorenz63:partial",
)  # fmt: skip
METHODS = {
    "truth": (None, {}),
    "latentsde": (LatentSDE, {"n_updates": 500, "n_checks": 2}),
    "neuralode": (NeuralODE, {"n_updates": 500, "n_checks": 2}),
    "linearar": (LinearAR, {}),
    "persistence": (Persistence, {}),
}
CHANGES = {
    ("latentsde", "stochastic_lorenz63:base"): {"n_updates": 800},
    ("latentsde", "stochastic_lorenz63:noise5"): {"n_updates": 800},
    ("latentsde", "stochastic_lorenz63:partial"): {
        "latent_dim": 3, "segment": 20, "n_substeps": 2, "n_updates": 600,
    },
}  # fmt: skip
"""What these methods change for these cells."""
SCORES = {
    "crps": "CRPS / climatology", "coverage": "90 % interval", "variance": "variance ratio", "histogram": "H, states",
    "spectrum": "D_H", "hop_time": "time of a hop", "sigma": "sigma", "noise": "r", "theta": "theta",
    "lacking": "likelihood lacks", "seconds": "training, s",
}  # fmt: skip
HOPPING = "double_well"


def run_task(name, condition, method, arguments, seed):
    """Fit one method to one trajectory and score it.

    Args:
        name: of the system.
        condition: key of CONDITIONS.
        method: key of METHODS.
        arguments: of its constructor.
        seed: of training data and method.

    Returns:
        dict of plain values.
    """
    case, noise = CASES[name], CONDITIONS[condition]
    record = {"system": name, "condition": condition, "method": method, "arguments": arguments, "seed": seed}
    observe = 0 if condition == "partial" else None
    system, form = load_system(name), {"dt": case.dt, "observe": observe}
    clean = simulate(
        system, n_steps=CONTEXT + HORIZON, n_trajectories=N_CONTEXTS, seed=TEST_SEED, dt=case.dt
    )["x"].values  # fmt: skip
    free = simulate(system, n_steps=N_FREE, n_trajectories=N_RUNS, seed=TEST_SEED, **form)["x"].values
    shown = clean[..., : free.shape[2]]
    sd = free.std(axis=(0, 1))
    rng = np.random.default_rng([TEST_SEED, 0x6E6F6973])
    contexts = shown[:, :CONTEXT] + noise * sd * rng.normal(size=shown[:, :CONTEXT].shape)
    if method == "truth":
        ends = np.repeat(clean[:, CONTEXT - 1], N_DRAWS, axis=0)
        ahead = simulate(
            system, n_steps=HORIZON + 1, initial_state=ends, n_trajectories=len(ends), transient=0.0,
            seed=AHEAD_SEED + seed, **form,
        )["x"].values[:, 1:]  # fmt: skip
        draws = ahead.reshape(N_CONTEXTS, N_DRAWS, HORIZON, -1).swapaxes(0, 1)
        runs = simulate(system, n_steps=N_FREE, n_trajectories=N_RUNS, seed=OTHER_SEED + seed, **form)["x"].values
        own = {}
    else:
        train = simulate(
            system, n_steps=case.n_short if condition == "short" else case.n, seed=TRAIN_SEED + seed,
            observation_noise=noise, **form,
        )  # fmt: skip
        begun = time.process_time()
        try:
            fitted = METHODS[method][0](**arguments, seed=seed).fit(train, progress=False)
        except DysyrError as error:
            return {**record, "failure": str(error)}
        own = {"seconds": time.process_time() - begun}
        draws = draws_of(fitted.model_, make_dataset(contexts, dt=case.dt))
        runs = fitted.generate(N_FREE, n_trajectories=N_RUNS, seed=seed)["x"].values
        if isinstance(fitted.model_, Probabilistic):
            own |= parameters(name, fitted.model_, noise, sd)
    return {**record, "failure": None, **scores(name, draws, shown[:, CONTEXT:], runs, free, case.dt), **own}


def draws_of(model, contexts):
    """(draw, context, time, variable) what a model expects; one draw of a model that foretells numbers."""
    if isinstance(model, Probabilistic):
        return model.sample(contexts, n_steps=HORIZON, n_draws=N_DRAWS, with_noise=False)
    return model.forecast(contexts, n_steps=HORIZON)["x"].values[None]


def scores(name, draws, actual, runs, free, dt):
    """Scores of forecasts and free runs.

    Args:
        name: of the system.
        draws: (draw, context, time, variable).
        actual: (context, time, variable).
        runs, free: (run, time, variable) of the model, and of the truth.
        dt: sampling interval.

    Returns:
        dict of floats, of the scores that exist.
    """
    pool = free.reshape(-1, free.shape[2])
    usual = pool[np.linspace(0, len(pool) - 1, 500).astype(int)][:, None, None]
    unit = crps(np.broadcast_to(usual, (500, *actual.shape)), actual).mean(axis=(0, 1))
    finite = np.isfinite(runs).all()
    with np.errstate(invalid="ignore", over="ignore"):
        variance = float(np.mean(runs.var(axis=(0, 1)) / free.var(axis=(0, 1)))) if finite else math.inf
    spectrum = [spectrum_distance(a, b, dt=dt).value for a, b in zip(free, runs, strict=True)]
    found = {
        "crps": float((crps(draws, actual).mean(axis=(0, 1)) / unit).mean()), "variance": variance,
        "histogram": histogram_distance(pool, runs.reshape(-1, runs.shape[2])), "spectrum": float(np.mean(spectrum)),
    }  # fmt: skip
    if len(draws) > 1:
        found["coverage"] = interval_coverage(draws, actual, LEVEL)
    if name == HOPPING:
        found["hop_time"] = hop_time(runs[..., 0], dt)
    return found


def hop_time(runs, dt):
    """Mean time between arrivals at opposite wells, -1 and 1, from all runs (run, time); infinite without a hop."""
    hops = 0
    for run in runs:
        sides = np.sign(run[np.abs(run) >= 1])
        hops += int((np.diff(sides) != 0).sum())
    return runs.size * dt / hops if hops else math.inf


def exact_hop_time(sigma, n=4001):
    """Mean time from one minimum of V = x^4 / 4 - x^2 / 2 to the other one, from the Fokker-Planck equation.

        2 / sigma^2 int_{-1}^{1} dy exp(2 V(y) / sigma^2) int_{-inf}^{y} dx exp(-2 V(x) / sigma^2)

    Args:
        sigma: diffusion.
        n: points of the trapezoidal rule.

    Reference: kramers1940
    """
    x = np.linspace(-4, 1, n)
    v = 2 / sigma**2 * (x**4 / 4 - x**2 / 2)
    below = np.concatenate([[0.0], np.cumsum(0.5 * (np.exp(-v[1:]) + np.exp(-v[:-1])) * np.diff(x))])
    between = x >= -1
    return 2 / sigma**2 * float(np.trapezoid(np.exp(v[between]) * below[between], x[between]))


def parameters(name, model, noise, sd):
    """Learned diffusion and noise, and for the Ornstein-Uhlenbeck process drift and likelihood."""
    n, dt = len(model.names), model.dt
    found = {
        "sigma": float((model.diffusion(model.initial_states)[:, :n] * model.scale).mean()),
        "noise": float((model.noise / sd).mean()),
    }
    if name == "ornstein_uhlenbeck":
        z = np.linspace(-2, 2, 41)[:, None]
        found["theta"] = -float(np.polyfit(model.readout(z)[:, 0], (model.drift(z) * model.scale)[:, 0], 1)[0])
        x = simulate(load_system(name), n_steps=N_LIKELIHOOD, seed=OTHER_SEED, dt=dt)["x"].values[0]
        x = x + noise * sd * np.random.default_rng([OTHER_SEED, 0x6E6F6973]).normal(size=x.shape)
        exact = exact_likelihood(x[:, 0], max(noise * float(sd[0]), 1e-9), dt)
        found["lacking"] = (exact - float(model.log_likelihood(x)[0])) / len(x)
    return found


def exact_likelihood(x, noise, dt, *, theta=1.0, sigma=1.0):
    """Log-density of stationary samples (time,) of the Ornstein-Uhlenbeck process with noise, by the Kalman filter."""
    a, variance = math.exp(-theta * dt), sigma**2 / (2 * theta)
    m, p, total = 0.0, variance, 0.0
    for t, y in enumerate(x):
        if t:
            m, p = a * m, a * a * p + variance * (1 - a * a)
        s = p + noise**2
        total -= 0.5 * (math.log(2 * math.pi * s) + (y - m) ** 2 / s)
        m, p = m + p / s * (y - m), p * noise**2 / s
    return total


def tables(records):
    """Markdown tables, one for each system and condition."""
    lines = []
    for name, condition in dict.fromkeys((r["system"], r["condition"]) for r in records):
        chosen = [r for r in records if (r["system"], r["condition"]) == (name, condition)]
        shown = [score for score in SCORES if any(score in r for r in chosen)]
        case, noise = CASES[name], CONDITIONS[condition]
        n = case.n_short if condition == "short" else case.n
        lines += [
            "", f"### {name}, {condition}: {n:,} samples, {noise:.0%} noise"
            + (", first variable alone" if condition == "partial" else ""), "",
            "| method | " + " | ".join(SCORES[score] for score in shown) + " | failed |",
            "|---" * (len(shown) + 2) + "|",
        ]  # fmt: skip
        for method in dict.fromkeys(r["method"] for r in chosen):
            mine = [r for r in chosen if r["method"] == method]
            fitted = [r for r in mine if r["failure"] is None]
            cells = [_cell(fitted, score) for score in shown]
            lines.append(f"| {method} | " + " | ".join(cells) + f" | {len(mine) - len(fitted)} of {len(mine)} |")
    return "\n".join(lines) + "\n"


def _cell(fitted, score):
    """Spread of a score over the fits that have it; null stands for a number that was infinite."""
    return spread([math.inf if r[score] is None else r[score] for r in fitted if score in r])


def main(arguments=None):
    """Run what is missing, print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m dysyr.benchmark.latent_sde", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", required=True)
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=CELLS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write")
    options = parser.parse_args(arguments)
    tasks = {}
    for seed in range(options.seeds):
        for cell in options.cells:
            name, condition = cell.split(":")
            for method in options.methods:
                own = {**METHODS[method][1], **CHANGES.get((method, cell), {})}
                path = Path(options.out) / f"{name}-{condition}-{method}-{seed}.json"
                tasks[path] = (name, condition, method, own, seed)
    ready = run_kept(run_task, tasks, usable=lambda kept, task: kept["arguments"] == task[3])
    order = {cell: i for i, cell in enumerate(CELLS)}
    ready.sort(key=lambda r: (order[f"{r['system']}:{r['condition']}"], list(METHODS).index(r["method"]), r["seed"]))
    command = f"python -m dysyr.benchmark.latent_sde {shlex.join(sys.argv[1:] if arguments is None else arguments)}"
    text = page(ready, command)
    if options.write:
        write_text(Path(options.write), text)
    else:
        print(text)


def page(records, command):
    """The page of results."""
    told = __doc__.split("\n\n", 2)[2].strip()
    hop = exact_hop_time(CASES[HOPPING].sigma)
    return (
        f"# LatentSDE on systems that noise drives\n\nWritten by `{command}`.\n\n{told}\n\nThe exact time of a hop, "
        f"without sampling, is {hop:.1f}; the truth in the tables is sampled like the models.\n{tables(records)}"
    )


if __name__ == "__main__":
    main()
