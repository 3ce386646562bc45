"""Forecasts by all methods under one published protocol.

    python -m dysyr.benchmark.forecasting -o FOLDER [--methods sindy_weak ...] [--systems lorenz63 rossler lorenz96]
        [--noise 0 0.01 0.05] [--seeds 5] [--processes 1] [--archive FILE] [--write FILE]

Data as in the table of PhyxMamba (arXiv 2505.23863): 30 samples in a nominal Lyapunov time, which is 1 / the stored
exponent of the catalogue that the protocol used, tolerance 1e-12, 29,000 samples to train on, contexts of 30 samples.
Lorenz 1996 has five sites and F = 20. Nominal times rest on exponents that are wrong by up to a factor of two: true
Lyapunov times stand beside them. Seed s of a method trains on trajectory s and starts from seed s; the 100 test
trajectories are the same for all. With noise, training data and contexts are noisy (normal, a fraction of each
variable's standard deviation) and forecasts are judged against the clean truth. The published numbers are for clean
data.

Published scores, in nominal times and over 10 of them (300 samples): VPT (until the cumulative sMAPE exceeds 30), sMAPE
of the first 1, 4 and 10, D_frac (root mean square error of an exponent of distances, no dimension), D_stsp with
Gaussians of unit covariance in data units. Beside them: VPT over a horizon of 900 samples, since 300 cap it; valid time
until the error at one time exceeds 0.4 standard deviations, in true Lyapunov times and over 900 samples; the same
D_stsp in standard deviations; the correlation dimension (Grassberger and Procaccia) of the last 600 samples of all
forecasts, 15 apart, 0 where none can be read; the error of the first step in standard deviations. D_frac and D_stsp
compare orbits of 300 samples, most of whose content is the shared start: the row "truth" compares independent true
orbits and is what knowing everything but the state gives. The row "equations" is the true system from the last sample
of each context as it is: what knowing everything gives to a method that does not filter its context.

Every method but one trains with the small settings of this module on one core. Where these are no defaults they shorten
the training, or (SHPLRNN, ALRNN, HankelStNN) were chosen with another trajectory of Lorenz 1963 and another test than
those of the tables. Libraries of SINDy and of the next-generation reservoir are polynomials, and so are these three
systems: the true terms are among the candidates, so that they stand apart. A forecast that leaves the range of numbers
is counted and scores as badly as can be; a fit that fails counts as worse than everything. Numbers are medians over
seeds with their median absolute deviation; training is processor time. A row "phyxmamba_published" has the published
sizes and settings but a fifth and less of the published updates, with a falling rate; a card trains it, several fits at
once, and its seconds are those of the clock, the looks at validation data on the processor included.
"""

import argparse
import shlex
import sys
import time
from pathlib import Path

from dysyr.benchmark.forecasting_page import page
from dysyr.benchmark.forecasting_protocol import (
    HORIZON,
    OTHER_SEED,
    SYSTEMS,
    sampling_interval,
    scores,
    test_data,
    training_data,
    true_forecasts,
)
from dysyr.benchmark.kept import is_kept, pack, run_kept, unpack
from dysyr.core.atomic import write_text
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import DysyrError
from dysyr.experiment import build_reconstructor
from dysyr.reconstruction import PhyxMamba

QUICK = {"max_restarts": 0, "n_checks": 8}
HANKEL = {"window": 16, "n_blocks": 8, "n_windows": 1024, "n_iterations": 1000, "jitter": 1e-3}
ON_A_CARD = {
    "n_updates": 10_000, "n_rollout_updates": 1_500, "n_decoder_updates": 100, "schedule": "cosine",
    "rollout_rate_end": 5e-7, "n_checks": 5, "device": "cuda",
}  # fmt: skip
"""What differs from the published settings of PhyxMamba: a fifth and less of the updates."""
METHODS = {
    "truth": None,
    "equations": None,
    "reservoircomputer": ("reservoircomputer", {}),
    "phyxmamba": ("phyxmamba", {}),
    "phyxmamba_published": ("phyxmamba", ON_A_CARD),
    "lstm": ("lstm", {"n_updates": 1500}),
    "gru": ("gru", {"sequence_length": 50, "n_updates": 1000}),
    "neuralode": ("neuralode", {"n_updates": 2000}),
    "latentsde": ("latentsde", {"n_updates": 1000, "n_checks": 5}),
    "shplrnn": ("shplrnn", {"hidden_dim": 100, "jitter": 0.003}),
    "alrnn": ("alrnn", {
        "n_rectified": 8, "n_starts": 1, "n_updates": 5000, "n_generations": 45, "n_evolutions": 1, **QUICK
    }),
    "plrnn": ("plrnn", {"n_updates": 3000, "n_refinements": 10, "n_generations": 10, **QUICK}),
    "dendplrnn": ("dendplrnn", {"n_updates": 3000, "n_refinements": 15, **QUICK}),
    "hankelstnn": ("hankelstnn", HANKEL),
    "linearar": ("linearar", {}),
    "hankeldmd": ("hankeldmd", {}),
    "havok": ("havok", {}),
    "persistence": ("persistence", {}),
    "sindy_weak": ("sindy", {"form": "weak"}),
    "sindy_derivatives": ("sindy", {"form": "derivative"}),
    "nextgenreservoir": ("nextgenreservoir", {"spacing": 1}),
}
"""Name in the table -> (method, its small settings)."""
CLEAN = (0.0,)
NEEDS_A_CARD = ("phyxmamba_published",)
"""Run only when named; what is there is printed in any case."""
NOISES = {"phyxmamba_published": CLEAN, "truth": CLEAN, "persistence": CLEAN, "hankeldmd": CLEAN, "havok": CLEAN}
"""Noise at which methods are run that are not run at all."""


def settings(label, name):
    """(method, its settings) of a name in the table, on one system; None for rows that no method makes."""
    method = METHODS[label]
    if label in NEEDS_A_CARD:
        published = PhyxMamba.published(name, **method[1])
        usual = PhyxMamba()
        return method[0], {k: v for k, v in published.get_params().items() if v != usual.get_params()[k]}
    return method


def run_task(name, noise, label, seed, method):
    """Fit one method to one trajectory and score its forecasts.

    Args:
        name: of the system.
        noise: fraction of each variable's standard deviation.
        label: name in the table.
        seed: of the training data and of the method.
        method: (name, constructor arguments); None for "truth", whose orbits are independent of those of the test, and
            for "equations", the true ones from the last sample of each context.

    Returns:
        dict of plain values.
    """
    record = {"system": name, "noise": noise, "method": label, "seed": seed, "made_by": method, "failure": None}
    contexts, actual = test_data(name, noise)
    sd = actual.std(axis=(0, 1))
    if method is None:
        if label == "truth":
            predicted = test_data(name, 0.0, seed=OTHER_SEED + seed)[1]
        else:
            predicted = true_forecasts(name, contexts, HORIZON)
        return {**record, "seconds": 0.0, "parameters": None, **scores(name, actual, predicted, sd)}
    clock = time.perf_counter if method[1].get("device") == "cuda" else time.process_time
    data, start = training_data(name, noise, seed), clock()
    try:
        fitted = build_reconstructor(method[0], {**method[1], "seed": seed}).fit(data, progress=False)
    except DysyrError as error:
        return {**record, "failure": str(error)}
    seconds = clock() - start
    given = make_dataset(contexts, dt=sampling_interval(name), names=[str(v) for v in data["state"].values])
    predicted = fitted.forecast(given, n_steps=HORIZON)["x"].values
    count = getattr(fitted.model_, "n_parameters", None)
    return {**record, "seconds": seconds, "parameters": count, **scores(name, actual, predicted, sd)}


def run_all(out, tasks, processes):
    """Run all tasks that have no result yet that was made with the same settings.

    Args:
        out: folder of results, one JSON file each.
        tasks: list of (system, noise, name in the table, seed).
        processes: how many run at once; 0 runs none and returns what is there.

    Returns:
        list of records, those of earlier runs included.
    """
    paths = {_path(out, task): (*task, settings(task[2], task[0])) for task in tasks}
    if processes == 0:
        paths = {path: task for path, task in paths.items() if is_kept(path, task, _usable)}
    return run_kept(run_task, paths, processes=max(processes, 1), usable=_usable)


def _path(out, task):
    name, noise, label, seed = task
    return Path(out) / f"{name}-noise_{noise:g}-{label}-{seed}.json"


def _usable(record, task):
    method = task[4]
    return record.get("made_by") == (None if method is None else list(method))


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--methods", nargs="*", default=[m for m in METHODS if m not in NEEDS_A_CARD], choices=list(METHODS)
    )
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--noise", nargs="*", type=float, default=[0.0, 0.01, 0.05])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--processes", type=int, default=1, help="0: run nothing, write what is finished")
    parser.add_argument("-o", "--output", required=True, help="folder of finished tasks, which are not repeated")
    parser.add_argument("--archive", help="file of finished tasks, taken over and added to")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    if given.archive:
        unpack(given.archive, given.output)
    tasks = [
        (name, noise, label, seed)
        for seed in range(given.seeds) for name in given.systems for noise in given.noise for label in given.methods
        if noise in NOISES.get(label, given.noise)
    ]  # fmt: skip
    tasks += [
        (name, 0.0, label, seed)
        for seed in range(given.seeds) for name in given.systems for label in NEEDS_A_CARD
        if label not in given.methods and _path(given.output, (name, 0.0, label, seed)).exists()
    ]  # fmt: skip
    records = run_all(given.output, tasks, given.processes)
    if given.archive:
        pack(given.output, given.archive)
    command = f"python -m dysyr.benchmark.forecasting {shlex.join(sys.argv[1:])}"
    text = page(records, command, __doc__.split("\n\n", 2)[2], n_tasks=len(tasks))
    print(text)
    if given.write:
        write_text(given.write, text)


if __name__ == "__main__":
    main()
