"""Forecasts by all methods under one published protocol.

    python -m dysyr.benchmark.forecasting -o FOLDER [--methods sindy ...] [--systems lorenz63 rossler lorenz96]
        [--noise 0 0.01 0.05] [--seeds 5] [--processes 2] [--write FILE]

Data as in the table of PhyxMamba (arXiv 2505.23863): 30 samples in a nominal Lyapunov time, which is 1 / the stored
exponent of the catalogue that the protocol used, tolerance 1e-12, 29,000 samples to train on, contexts of 30 samples.
Lorenz 1996 has five sites and F = 20. Nominal times rest on exponents that are wrong by up to a factor of two: true
Lyapunov times stand beside them. Seed s of a method trains on trajectory s and starts from seed s; the 100 test
trajectories are the same for all. With noise, training data and contexts are noisy (normal, a fraction of each
variable's standard deviation) and forecasts are judged against the clean truth.

Published scores, in nominal times and over 10 of them (300 samples): VPT (until the cumulative sMAPE exceeds 30), sMAPE
of the first 1, 4 and 10, D_frac (root mean square error of an exponent of distances, no dimension), D_stsp with
Gaussians of unit covariance in data units. Beside them: valid time until the error at one time exceeds 0.4 standard
deviations, in true Lyapunov times and over a horizon of 900 samples; the same D_stsp in standard deviations; the error
of the first step in standard deviations. D_frac and D_stsp compare orbits of 300 samples, most of whose content is the
shared start: the row "truth" compares independent true orbits and is what knowing everything but the state gives.

Every method trains with the small settings of this module on one core. A forecast that leaves the range of numbers is
counted and scores as badly as can be; a fit that fails counts as worse than everything. Numbers are medians over seeds
with their median absolute deviation.
"""

import argparse
import concurrent.futures
import json
import math
import multiprocessing
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from dysyr.api import load_system
from dysyr.benchmark.published_scores import cumulative_valid_steps, exponent_error, unit_mixture_divergence
from dysyr.core.atomic import write_text
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import DysyrError
from dysyr.core.measure import plain
from dysyr.evaluation.smape import symmetric_percentage_error
from dysyr.evaluation.valid_prediction_time import normalised_error, steps_within
from dysyr.experiment import build_reconstructor
from dysyr.simulation.simulate import simulate

SYSTEMS = {
    "lorenz63": ({}, 0.8917, 0.9056),
    "rossler": ({"a": 0.2, "b": 0.2, "c": 5.7}, 0.1506, 0.0711),
    "lorenz96": ({"i": 5, "F": 20.0}, 1.3362, 2.45),
}
"""Parameters, stored exponent (fixes the sampling), true largest exponent."""
PUBLISHED = {
    "lorenz63": {"PhyxMamba": (5.06, 3.26, 22.05, 67.29, 0.060, 1.133),
                 "NBEATS": (3.66, 5.34, 37.08, 78.46, 0.075, 1.586)},
    "rossler": {"PhyxMamba": (9.83, 2.84, 3.55, 12.64, 0.049, 0.034),
                "NBEATS": (6.48, 14.88, 22.68, 41.22, 0.069, 0.137)},
    "lorenz96": {"PhyxMamba": (1.66, 20.28, 81.18, 113.56, 0.154, 15.440),
                 "PRC": (0.99, 36.42, 102.44, 116.02, 0.179, 16.834)},
}  # fmt: skip
"""VPT, sMAPE at 1, 4, 10, D_frac, D_stsp in data units, of the best two in the published table."""
N_TRAIN, N_TEST, CONTEXT, PER_TIME = 29_000, 100, 30, 30
PUBLISHED_HORIZON, HORIZON = 300, 900
VALID_ERROR = 0.4
TRAIN_SEED, TEST_SEED, OTHER_SEED = 1000, 1, 2
TRUE_TERMS = ("sindy", "nextgenreservoir")
"""Methods whose library holds the true terms of these systems."""
SETTINGS = {
    "gru": {"sequence_length": 50, "n_updates": 1000},
    "lstm": {"n_updates": 1500},
    "neuralode": {"n_updates": 2000},
    "phyxmamba": {},
}
"""Small settings by method; those not named use their defaults."""
SCORES = ("vpt", "smape_1", "smape_4", "smape_10", "d_frac", "d_stsp_raw", "valid_time", "d_stsp_sd", "first_step")
HEADS = {
    "vpt": "VPT, nominal", "smape_1": "sMAPE 1", "smape_4": "sMAPE 4", "smape_10": "sMAPE 10", "d_frac": "D_frac",
    "d_stsp_raw": "D_stsp, data units", "valid_time": "valid time, true", "d_stsp_sd": "D_stsp, sd",
    "first_step": "first step, sd",
}  # fmt: skip
WORST = {"vpt": 0.0, "valid_time": 0.0, "smape_1": 200.0, "smape_4": 200.0, "smape_10": 200.0}


def sampling_interval(name):
    """dt of the protocol in system time units."""
    return 1 / (PER_TIME * SYSTEMS[name][1])


def system_of(name):
    """The System of the protocol."""
    return load_system(name, **SYSTEMS[name][0])


def training_data(name, noise, seed):
    """Dataset of one trajectory of 29,000 samples."""
    return simulate(
        system_of(name), n_steps=N_TRAIN, dt=sampling_interval(name), seed=TRAIN_SEED + seed, observation_noise=noise,
        rtol=1e-12, atol=1e-12,
    )  # fmt: skip


def test_data(name, noise, *, n_test=N_TEST, seed=TEST_SEED):
    """(contexts, truth after them), (trajectory, time, variable) each; contexts are noisy, the truth is not."""
    data = simulate(
        system_of(name), n_steps=CONTEXT + HORIZON, dt=sampling_interval(name), seed=seed, n_trajectories=n_test,
        rtol=1e-12, atol=1e-12,
    )["x"].values  # fmt: skip
    sd = data.std(axis=(0, 1))
    contexts = data[:, :CONTEXT]
    rng = np.random.default_rng([seed, 0x6E6F6973])
    return contexts + noise * sd * rng.normal(size=contexts.shape), data[:, CONTEXT:]


def scores(name, actual, predicted, sd, *, seed=0):
    """All scores of some forecasts.

    Args:
        name: of the system.
        actual: (context, time, variable).
        predicted: (context, time, variable).
        sd: (variable,) standard deviations of the truth.
        seed: of the draws of D_stsp.

    Returns:
        dict of floats, and ``diverged``, how many forecasts are not finite.
    """
    near, guess = actual[:, :PUBLISHED_HORIZON], predicted[:, :PUBLISHED_HORIZON]
    percentage = symmetric_percentage_error(near, guess)
    true_unit = sampling_interval(name) * SYSTEMS[name][2]
    raw, standardised = (
        [unit_mixture_divergence(a / unit, p / unit, seed=seed) for a, p in zip(near, guess, strict=True)]
        for unit in (np.ones_like(sd), sd)
    )
    error = normalised_error(actual, predicted, sd)
    return {
        "vpt": float(cumulative_valid_steps(near, guess).mean()) / PER_TIME,
        **{f"smape_{k}": float(percentage[:, : k * PER_TIME].mean()) for k in (1, 4, 10)},
        "d_frac": exponent_error(near, guess), "d_stsp_raw": float(np.mean(raw)),
        "valid_time": float(steps_within(error, VALID_ERROR).mean() * true_unit),
        "d_stsp_sd": float(np.mean(standardised)), "first_step": float(np.median(error[:, 0])),
        "diverged": int((~np.isfinite(predicted).all(axis=(1, 2))).sum()),
    }  # fmt: skip


def run_task(name, noise, method, seed, arguments):
    """Fit one method to one trajectory and score its forecasts.

    Args:
        name: of the system.
        noise: fraction of each variable's standard deviation.
        method: name of a method; or "truth", whose orbits are independent of those of the test.
        seed: of the training data and of the method.
        arguments: constructor arguments of the method.

    Returns:
        dict of plain values.
    """
    record = {"system": name, "noise": noise, "method": method, "seed": seed, "arguments": arguments}
    contexts, actual = test_data(name, noise)
    sd = actual.std(axis=(0, 1))
    if method == "truth":
        other = test_data(name, 0.0, seed=OTHER_SEED + seed)[1]
        return {**record, "failure": None, "seconds": 0.0, "parameters": None, **scores(name, actual, other, sd)}
    data, start = training_data(name, noise, seed), time.process_time()
    try:
        fitted = build_reconstructor(method, {**arguments, "seed": seed}).fit(data, progress=False)
    except DysyrError as error:
        return {**record, "failure": str(error)}
    seconds = time.process_time() - start
    given = make_dataset(contexts, dt=sampling_interval(name), names=[str(v) for v in data["state"].values])
    predicted = fitted.forecast(given, n_steps=HORIZON)["x"].values
    count = getattr(fitted.model_, "n_parameters", None)
    return {
        **record, "failure": None, "seconds": seconds, "parameters": count, **scores(name, actual, predicted, sd)
    }  # fmt: skip


def run_all(out, tasks, processes):
    """Run all tasks that have no result yet.

    Args:
        out: folder of results, one JSON file each.
        tasks: list of (system, noise, method, seed).
        processes: how many run at once.

    Returns:
        list of records, those of earlier runs included.
    """
    paths = {task: Path(out) / f"{task[0]}-noise_{task[1]:g}-{task[2]}-{task[3]}.json" for task in tasks}
    missing = [task for task in tasks if not paths[task].exists()]
    Path(out).mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        running = {pool.submit(run_task, *task, SETTINGS.get(task[2], {})): task for task in missing}
        for i, done in enumerate(concurrent.futures.as_completed(running)):
            task = running[done]
            write_text(paths[task], json.dumps(plain(done.result()), indent=1) + "\n")
            print(f"{i + 1}/{len(missing)} {' '.join(map(str, task))}", flush=True)
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths.values()]


def table(records):
    """Markdown tables, one for each system and noise, best median VPT first.

    Args:
        records: list of dicts from ``run_task``.

    Returns:
        text.
    """
    lines = []
    for name in dict.fromkeys(record["system"] for record in records):
        for noise in dict.fromkeys(record["noise"] for record in records):
            chosen = [r for r in records if r["system"] == name and r["noise"] == noise]
            _, stored, true = SYSTEMS[name]
            lines += [
                f"### {name}, {100 * noise:g} % noise", "",
                f"dt = {sampling_interval(name):.5g}; a nominal Lyapunov time is {true / stored:.2f} true ones.", "",
                "| method | " + " | ".join(HEADS.values()) + " | failed, diverged | parameters | training, s |",
                "|" + "---|" * (len(HEADS) + 4),
            ]  # fmt: skip
            by_method = {m: [r for r in chosen if r["method"] == m] for m in dict.fromkeys(r["method"] for r in chosen)}
            order = sorted(by_method, key=lambda m: (m == "truth", m in TRUE_TERMS, -_middle(by_method[m], "vpt")[0]))
            lines += [_row(method, by_method[method]) for method in order]
            if noise == 0:
                lines += [_published_row(*one) for one in PUBLISHED[name].items()]
            lines.append("")
    return "\n".join(lines)


def _middle(records, key):
    """(median, median absolute deviation), failed fits as the worst value."""
    values = [WORST.get(key, math.inf) if r["failure"] else _number(r[key]) for r in records]
    middle = float(np.median(values))
    spread = [abs(v - middle) if math.isfinite(v) else math.inf for v in values]
    return middle, float(np.median(spread)) if math.isfinite(middle) else math.inf


def _number(value):
    """A stored value that is not finite is null."""
    return math.inf if value is None else value


def _row(method, records):
    cells = [_cell(*_middle(records, key)) for key in SCORES]
    fitted = [r for r in records if not r["failure"]]
    diverged = sum(r["diverged"] for r in fitted)
    counts = {r["parameters"] for r in fitted} - {None}
    seconds = f"{np.median([r['seconds'] for r in fitted]):.0f}" if fitted else "–"
    name = f"{method} (library holds the true terms)" if method in TRUE_TERMS else method
    number = f"{np.median(list(counts)):,.0f}" if counts else "–"
    failed = f"{len(records) - len(fitted)} of {len(records)}, {diverged} of {N_TEST * len(fitted)}"
    return f"| {name} | " + " | ".join(cells) + f" | {failed} | {number} | {seconds} |"


def _cell(middle, deviation):
    return f"{middle:.3g} ({deviation:.2g})" if math.isfinite(middle) else "∞"


def _published_row(name, values):
    cells = [f"{v:.4g}" for v in values] + ["–"] * (len(SCORES) - len(values))
    return f"| *{name}, as published* | " + " | ".join(cells) + " | – | – | – |"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="*", default=["truth", *SETTINGS])
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--noise", nargs="*", type=float, default=[0.0, 0.01, 0.05])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("-o", "--output", required=True, help="folder of finished tasks, which are not repeated")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    tasks = [
        (name, noise, method, seed)
        for seed in range(given.seeds) for name in given.systems for noise in given.noise for method in given.methods
    ]  # fmt: skip
    found = table(run_all(given.output, tasks, given.processes))
    print(found)
    if given.write:
        command = f"python -m dysyr.benchmark.forecasting {shlex.join(sys.argv[1:])}"
        body = __doc__.split("\n\n", 2)[2]
        text = f"# Forecasts under one protocol\n\nWritten by `{command}`.\n\n{body}\n{found.rstrip()}\n"
        write_text(given.write, text)


if __name__ == "__main__":
    main()
