"""Structured networks on windows of delays beside dense ones and other rivals.

    python -m dysyr.benchmark.hankel_windows -o FOLDER [--seeds 5] [--windows 32 64 128] [--harder 64] [--write FILE]

Lotka-Volterra predator and prey (catalogue): six trajectories of 400 samples 0.2 apart from random states, 20 other
ones for the test; error of a rollout over ten periods of small oscillations (474 steps), root mean square in standard
deviations, mean over the test, a divergence counted as 10. Lorenz 1963: one trajectory of 5,000 samples 0.02 apart, 100
contexts of another one; valid prediction time in Lyapunov times (normalised error 0.4, at most 10.9).

Every method sees the same data, whose seed is that of the method, and contexts of 128 samples, of which it takes its
window. With noise, contexts are noisy too; truth is clean. Dense networks have one hidden layer and are trained exactly
as the structured ones: same initial taper, readout, rollouts, iterations and choice of a checkpoint. The smallest dense
network is the first of 4, 8, 16, ... units whose median is at least that of the Fourier network. HAVOK forecasts
without the force, which nobody knows ahead.

Parameters and operations are those of one step. Training is processor time on one core. Latency is that of one step of
one window on a core that was shared with other work: dense matrices in NumPy | fast products in torch. Numbers are
medians over seeds, brackets their range.
"""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import torch

from dysyr.api import load_system
from dysyr.benchmark import window_rivals as rivals
from dysyr.core.atomic import write_text
from dysyr.core.dataset import make_dataset
from dysyr.reconstruction.hankel_stnn import HankelStNN
from dysyr.simulation.observation import observe
from dysyr.simulation.simulate import simulate

WINDOWS = (32, 64, 128)
HARDER = ({"noise": 0.05}, {"noise": 0.2}, {"observed": 1})
CONTEXT, N_BLOCKS = 128, 4
SMALL = (4, 8, 16, 32, 64)
VALID, LARGEST_ERROR = 0.4, 10.0
PREY, PREDATOR = (2.0, 8.0), (1.5, 4.5)
PERIODS_DT, LORENZ_DT, LYAPUNOV = 0.2, 0.02, 0.9056
LORENZ_STEPS = 600


def lotka_volterra(seed, noise, observed):
    """(training data, contexts, truth after them, dt, score) of predator and prey."""
    system = load_system("lotka_volterra")
    n_steps = round(10 * 2 * np.pi / np.sqrt(1.1 * 0.4) / PERIODS_DT)
    rng = np.random.default_rng([seed, 7])
    states = np.column_stack([rng.uniform(*PREY, 26), rng.uniform(*PREDATOR, 26)])
    made = [
        _seen(simulate(system, n_steps=n, dt=PERIODS_DT, initial_state=x0, n_trajectories=len(x0)), noise, seed + k)
        for k, (n, x0) in enumerate([(400, states[:6]), (CONTEXT + n_steps, states[6:])])
    ]
    return *_cut(made[0], made[1], observed), PERIODS_DT, rollout_error


def lorenz(seed, noise, observed):
    """(training data, contexts, truth after them, dt, score) of Lorenz 1963."""
    system = load_system("lorenz63")
    train = _seen(simulate(system, n_steps=5000, dt=LORENZ_DT, seed=2 * seed), noise, seed)
    test = simulate(system, n_steps=100 * 60 + LORENZ_STEPS + CONTEXT, dt=LORENZ_DT, seed=2 * seed + 1)
    noisy, clean = _seen(test, noise, seed + 1)
    starts = 60 * np.arange(100)[:, None] + np.arange(CONTEXT + LORENZ_STEPS)
    return *_cut(train, (noisy[0][starts], clean[0][starts]), observed), LORENZ_DT, valid_time


def _seen(data, noise, seed):
    """(noisy, clean) arrays (trajectory, time, variable)."""
    return observe(data, observation_noise=noise, seed=seed)["x"].values, data["x"].values


def _cut(train, test, observed):
    noisy, clean = test
    return train[0][..., :observed], noisy[:, :CONTEXT, :observed], clean[:, CONTEXT:, :observed]


def rollout_error(predicted, truth, sd):
    """Root mean square over steps and variables in standard deviations, at most 10, mean over the contexts."""
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.sqrt((((predicted - truth) / sd) ** 2).mean(axis=(1, 2)))
    return float(np.minimum(np.nan_to_num(error, nan=LARGEST_ERROR), LARGEST_ERROR).mean())


def valid_time(predicted, truth, sd):
    """Lyapunov times until the normalised error exceeds 0.4, mean over the contexts."""
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.sqrt((((predicted - truth) / sd) ** 2).mean(axis=2))
    beyond = ~(error <= VALID)
    steps = np.where(beyond.any(axis=1), beyond.argmax(axis=1), beyond.shape[1])
    return float(steps.mean() * LORENZ_DT * LYAPUNOV)


SYSTEMS = {"Lotka-Volterra": (lotka_volterra, 2, "rollout error", False),
           "Lorenz 1963": (lorenz, 3, "valid time", True)}  # fmt: skip


def methods(window, dt, seed):
    """Name -> function (series, dataset) -> (Rival, latency text); the smallest dense network is not among them."""

    def structured(transform):
        def fit(series, data):
            fitted = HankelStNN(window=window, n_blocks=N_BLOCKS, transform=transform, seed=seed)
            fitted.fit(data, progress=False)
            model = fitted.model_
            rival = rivals.Rival(rivals.forecasts_of(fitted), model.n_parameters, model.n_flops)
            return rival, f"{step_time(model):.0f} \\| {fast_step_time(model):.0f}"

        return fit

    def dense(n_units):
        return lambda series, data: dense_fit(n_units, window, seed, data)

    def plain(make):
        return lambda series, data: (make(series), "")

    return {
        "StNN, Fourier": structured("fourier"), "StNN, real": structured("real"),
        "dense, same width": dense(N_BLOCKS * window),
        "SINDy": plain(lambda series: rivals.sindy(series, dt)),
        "HAVOK": plain(lambda series: rivals.havok(series, window)),
        "Hankel-DMD": plain(lambda series: rivals.hankel_dmd(series, window)),
        "linear": plain(lambda series: rivals.linear(series, window)),
        "persistence": plain(lambda series: rivals.persistence()),
    }  # fmt: skip


def dense_fit(n_units, window, seed, data):
    """(Rival, latency text) of a dense network of one hidden layer."""
    fitted = rivals.DenseDelays(n_units=n_units, window=window, seed=seed).fit(data, progress=False)
    return rivals.dense_rival(fitted), f"{step_time(fitted.model_):.0f}"


def step_time(model):
    """Microseconds of one step of one window with dense matrices."""
    z = model.initial_states[:1]
    return _microseconds(lambda: model.step(z))


def fast_step_time(model):
    """Microseconds of one step of one window with fast products."""
    z = torch.tensor(model.initial_states[:1]).reshape(1, model.window, -1)
    with torch.no_grad():
        return _microseconds(lambda: model.network(z))


def _microseconds(function, n=100):
    function()
    times = []
    for _ in range(n):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e6 * float(np.median(times))


def cell(name, window, seeds, *, noise=0.0, observed=None):
    """Results of all methods under one condition.

    Args:
        name: of the system.
        window: samples of a window.
        seeds: seeds.
        noise: standard deviation of measurement noise, as a fraction of that of each variable.
        observed: how many variables are seen; None for all.

    Returns:
        dict: ``system``, ``window``, ``condition``, and ``rows``, name -> dict of lists over seeds.
    """
    make, n_variables, _, higher = SYSTEMS[name]
    rows, kept = {}, []
    for seed in seeds:
        train, contexts, truth, dt, score = make(seed, noise, observed or n_variables)
        data, series = make_dataset(train, dt=dt), list(train)
        sd = np.concatenate(series).std(axis=0)
        kept.append((data, contexts, truth, score, sd))
        for method, fit in methods(window, dt, seed).items():
            start = time.process_time()
            rival, latency = fit(series, data)
            seconds = time.process_time() - start
            value = score(rival.forecast(contexts, truth.shape[1]), truth, sd)
            _note(rows, method, rival, value, seconds, latency)
    goal = np.median(rows["StNN, Fourier"]["value"])
    for n_units in SMALL:
        trial = {}
        for seed, (data, contexts, truth, score, sd) in zip(seeds, kept, strict=True):
            start = time.process_time()
            rival, latency = dense_fit(n_units, window, seed, data)
            seconds = time.process_time() - start
            value = score(rival.forecast(contexts, truth.shape[1]), truth, sd)
            _note(trial, "", rival, value, seconds, latency)
        reached = np.median(trial[""]["value"])
        if (reached >= goal) if higher else (reached <= goal):
            rows[f"dense, {n_units} units"] = trial[""]
            break
    condition = [f"{noise:.0%} noise"] if noise else []
    condition += ["first variable only"] if observed else []
    return {"system": name, "window": window, "condition": ", ".join(condition) or "clean", "rows": rows}


def _note(rows, method, rival, value, seconds, latency):
    row = rows.setdefault(method, {"parameters": [], "flops": [], "value": [], "seconds": [], "latency": []})
    for key, entry in zip(row, (rival.n_parameters, rival.n_flops, value, seconds, latency), strict=True):
        row[key].append(entry)


def table(cells):
    """Markdown of some cells."""
    lines = []
    for one in cells:
        quantity, higher = SYSTEMS[one["system"]][2:]
        lines += [
            f"### {one['system']}, window {one['window']}, {one['condition']}", "",
            f"| method | parameters | operations | {quantity}, {'higher' if higher else 'lower'} is better "
            "| training, s | latency, µs |", "|---|---|---|---|---|---|",
        ]  # fmt: skip
        for method, row in one["rows"].items():
            v = np.array(row["value"])
            lines.append(
                f"| {method} | {np.median(row['parameters']):,.0f} | {np.median(row['flops']):,.0f} | "
                f"**{np.median(v):.3g}** [{v.min():.3g}, {v.max():.3g}] | {np.median(row['seconds']):.1f} | "
                f"{row['latency'][0]} |"
            )
        if not any(method.endswith("units") for method in one["rows"]):
            lines.append(f"| dense, up to {SMALL[-1]} units | | | not as good | | |")
        lines.append("")
    return "\n".join(lines)


def verdicts(cells):
    """Markdown table of the goals: parameters, operations and error beside the dense network of the same width."""
    lines = [
        "| system | window | condition | network | fewer parameters | fewer operations | as good as the dense one |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for one in cells:
        higher, dense = SYSTEMS[one["system"]][3], one["rows"]["dense, same width"]
        for method in ("StNN, Fourier", "StNN, real"):
            row = one["rows"][method]
            mine, other = np.median(row["value"]), np.median(dense["value"])
            good = "yes" if (mine >= other if higher else mine <= other) else "no"
            lines.append(
                f"| {one['system']} | {one['window']} | {one['condition']} | {method[6:]} | "
                f"{1 - row['parameters'][0] / dense['parameters'][0]:.1%} | "
                f"{dense['flops'][0] / row['flops'][0]:.1f} times | {good}, {mine:.3g} to {other:.3g} |"
            )
    return "\n".join(lines) + "\n"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--windows", type=int, nargs="*", default=list(WINDOWS))
    parser.add_argument("--harder", type=int, default=64, help="window under noise and partial observation; 0 for none")
    parser.add_argument("-o", "--output", required=True, help="folder of finished cells, which are not repeated")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    tasks = [(name, window, {}) for window in given.windows for name in SYSTEMS]
    tasks += [(name, given.harder, harder) for harder in HARDER for name in SYSTEMS] if given.harder else []
    cells = []
    for name, window, harder in tasks:
        cells.append(kept_cell(given.output, name, window, given.seeds, harder))
        print(table(cells[-1:]), flush=True)
    print(verdicts(cells))
    command = f"python -m dysyr.benchmark.hankel_windows {shlex.join(sys.argv[1:])}"
    body = __doc__.split("\n\n", 2)[2]
    text = f"# HankelStNN beside dense networks and other rivals\n\nWritten by `{command}`.\n\n{body}\n## Goals\n\n"
    text += f"{verdicts(cells)}\n## All numbers\n\n{table(cells)}"
    if given.write:
        write_text(given.write, text.rstrip() + "\n")


def kept_cell(folder, name, window, n_seeds, harder):
    """A cell from the folder of finished ones; else it is computed and kept there.

    Args:
        folder: where finished cells lie as JSON, created when missing.
        name, window: see ``cell``.
        n_seeds: number of seeds.
        harder: dict of the other arguments of ``cell``.
    """
    words = [name.split()[0].lower(), f"window_{window}", f"seeds_{n_seeds}", *(f"{k}_{v}" for k, v in harder.items())]
    path = Path(folder) / ("-".join(words) + ".json")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(cell(name, window, range(n_seeds), **harder), indent=1))
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
