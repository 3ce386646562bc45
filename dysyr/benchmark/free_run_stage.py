"""What the second stage of PhyxMamba, trained on free runs, adds to the first.

    python -m dysyr.benchmark.free_run_stage -o FOLDER [--systems lorenz63 lorenz96]
        [--recipe small] [--seeds 5] [--write FILE]

The published protocol, as in ``dysyr.benchmark.forecasting``: 29,000 clean samples, 30 in a nominal Lyapunov time,
tolerance 1e-12, 100 test trajectories, contexts of 30 samples. One fit for each seed with the defaults of PhyxMamba,
whose model is judged as it is after the first stage and as it is kept in the end, beside a first stage alone that takes
about as much processor time, and on Lorenz 1963 beside LSTM and NeuralODE with their settings there. Seed s trains on
trajectory s. Other recipes have runs of 30 samples and both discrepancies in the second stage, at a twentieth of the
first rate or less: "small" networks have one layer of width 16 and 11,000 updates before 400 of those, "short" ones
1,000 before 300.

Forecasts: VPT and sMAPE in nominal Lyapunov times, D_frac and D_stsp over 300 samples as published; valid time until
the error exceeds 0.4 standard deviations, in true Lyapunov times. Free runs: D_stsp by 30 bins per variable between
200,000 samples of the truth and 40 runs of 5,000 samples, all together; of truth against independent truth in the row
"truth". It is measured in standard deviations and, of more than three variables, over the three leading principal
components. Numbers are medians over seeds with their median absolute deviation; training is processor time on one core.
"""

import argparse
import functools
import shlex
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from dysyr.benchmark.forecasting import METHODS
from dysyr.benchmark.forecasting_protocol import HORIZON, sampling_interval, scores, test_data, training_data
from dysyr.benchmark.kept import run_kept
from dysyr.core.atomic import write_text
from dysyr.core.attractor_distance import SmoothingWarning, state_space_divergence
from dysyr.core.dataset import make_dataset
from dysyr.experiment import build_reconstructor
from dysyr.kernels.measures.cell_counts import count_cells

SYSTEMS = ("lorenz63", "lorenz96")
ALONE = "first stage alone, as long"
VARIANTS = ("truth", "first stage", "both stages")
RIVALS = {("lorenz63", "default"): ("lstm", "neuralode")}
"""Other methods beside the two stages of a recipe on a system, by their names in the table of forecasts."""
SMALL = {"d_model": 16, "head_dim": 16, "d_state": 8, "n_layers": 1, "n_updates": 11_000}
LONG_RUNS = {"n_rollout": 30, "conditional_weight": 100.0, "unconditional_weight": 1.0, "rollout_rate_end": 1e-6}
SECOND = {"n_rollout_updates": 400, "rollout_rate": 5e-5, **LONG_RUNS}
SMALL_ALONE = SMALL | {"n_rollout_updates": 0, "n_updates": 22_000}
"""Arguments of small networks: sizes and first stage, second stage, and a first stage as long as both."""
SHORT = {"n_updates": 1000, "n_rollout_updates": 300, "rollout_rate": 2e-4, **LONG_RUNS}
SHORT_ALONE = {"n_updates": 5000, "n_rollout_updates": 0}
DEFAULT_ALONE = {"n_updates": 6500, "n_rollout_updates": 0}
RECIPES = {"default": ({}, DEFAULT_ALONE), "small": (SMALL | SECOND, SMALL_ALONE), "short": (SHORT, SHORT_ALONE)}
"""Arguments of PhyxMamba, and of a first stage alone that takes as long."""
N_RUNS, N_FREE, N_COMPONENTS = 40, 5_000, 3
REFERENCE_SEED, OTHER_TRAJECTORIES = 500, 10
COLUMNS = {
    "vpt": "VPT, nominal", "valid_time": "valid time, true", "smape_1": "sMAPE 1", "smape_4": "sMAPE 4",
    "smape_10": "sMAPE 10", "d_frac": "D_frac", "d_stsp_raw": "D_stsp, forecasts", "d_stsp_runs": "D_stsp, free runs",
    "out_of_range": "runs out of range, %", "parameters": "parameters", "seconds": "training, s",
}  # fmt: skip


def divergence_of_runs(truth, runs):
    """(D_stsp, percentage out of range) of samples of free runs (n, variable) from as many of the truth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SmoothingWarning)
        found = state_space_divergence(truth, runs, count=count_cells)
    return found.value, 100 * found.out_of_range


@functools.lru_cache(maxsize=4)
def long_truth(name, seed):
    """(N_RUNS * N_FREE, variable) clean samples of a system, of as many trajectories as it takes."""
    pieces, count = [], 0
    while count < N_RUNS * N_FREE:
        pieces.append(training_data(name, 0.0, seed + len(pieces))["x"].values[0])
        count += len(pieces[-1])
    return np.concatenate(pieces)[: N_RUNS * N_FREE]


def components(name, samples):
    """(..., at most 3) leading principal components of standardised samples, those of the truth."""
    truth = long_truth(name, REFERENCE_SEED)
    sd = truth.std(axis=0)
    axes = np.linalg.eigh(np.corrcoef(truth.T))[1][:, ::-1][:, :N_COMPONENTS]
    return samples / sd @ axes


def score_truth(name, seed):
    """The record of independent truth in place of a model, a dict of plain values."""
    other = test_data(name, 0.0, seed=REFERENCE_SEED + seed)[1]
    runs = long_truth(name, REFERENCE_SEED + OTHER_TRAJECTORIES * (1 + seed))
    return {"variant": "truth", "seed": seed, "system": name, **_scores(name, other, runs)}


def score_model(name, variant, model, seed):
    """The record of a model, a dict of plain values."""
    given = make_dataset(test_data(name, 0.0)[0], dt=sampling_interval(name), names=list(model.names))
    predicted = model.forecast(given, n_steps=HORIZON)["x"].values
    runs = model.generate(N_FREE, n_trajectories=N_RUNS, seed=seed)["x"].values
    record = {"variant": variant, "seed": seed, "system": name, "parameters": getattr(model, "n_parameters", None)}
    return {**record, **_scores(name, predicted, runs.reshape(-1, runs.shape[2]))}


def _scores(name, predicted, runs):
    actual = test_data(name, 0.0)[1]
    divergence, outside = divergence_of_runs(*(components(name, x) for x in (long_truth(name, REFERENCE_SEED), runs)))
    forecasts = scores(name, actual, predicted, actual.std(axis=(0, 1)))
    return {**forecasts, "d_stsp_runs": divergence, "out_of_range": outside}


def run_seed(name, seed, recipe="default"):
    """Fit once each, and judge truth, the models of both stages, and what stands beside them.

    Args:
        name: of the system.
        seed: of the training data and of the methods.
        recipe: one of ``RECIPES``.

    Returns:
        list of records.
    """
    changes, alone = RECIPES[recipe]
    methods = {"both stages": ("phyxmamba", changes), ALONE: ("phyxmamba", alone)}
    methods |= {label: METHODS[label] for label in RIVALS.get((name, recipe), ())}
    data, seconds, fitted = training_data(name, 0.0, seed), {}, {}
    for label, (method, arguments) in methods.items():
        start = time.process_time()
        fitted[label] = build_reconstructor(method, {**arguments, "seed": seed}).fit(data, progress=False)
        seconds[label] = time.process_time() - start
    ours = fitted["both stages"]
    models = {"first stage": ours.first_stage_} | {label: one.model_ for label, one in fitted.items()}
    records = [score_truth(name, seed)]
    for label, model in models.items():
        records.append(score_model(name, label, model, seed) | {"seconds": seconds.get(label)})
    records[2]["history"] = {key: column.tolist() for key, column in ours.history_.items()}
    return records


def table(records):
    """Markdown table of records, one row for each variant."""
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for variant in dict.fromkeys(record["variant"] for record in records):
        chosen = [record for record in records if record["variant"] == variant]
        cells = [_cell([record.get(key) for record in chosen]) for key in COLUMNS]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def gains(records, other):
    """For each measure, in how many seeds both stages are better than another variant, and by how much."""
    by_seed = {}
    for record in records:
        by_seed.setdefault(record["seed"], {})[record["variant"]] = record
    pairs = [found for found in by_seed.values() if {"both stages", other} <= set(found)]
    lines = []
    for key, sign in (("d_stsp_runs", -1), ("d_stsp_raw", -1), ("vpt", 1), ("valid_time", 1)):
        changes = np.array([found["both stages"][key] - found[other][key] for found in pairs])
        error = changes.std(ddof=1) / np.sqrt(len(changes)) if len(changes) > 1 else np.nan
        better = int((sign * changes > 0).sum())
        lines.append(
            f"* {COLUMNS[key]}: better in {better} of {len(changes)} seeds, mean change {changes.mean():+.2g} "
            f"(standard error {error:.2g})"
        )
    return "\n".join(lines)


def _cell(values):
    if any(value is None for value in values):
        return "–"
    if all(isinstance(value, int) for value in values):
        return f"{int(np.median(values)):,}"
    middle = float(np.median(values))
    return f"{middle:.3g} ({np.median(np.abs(np.array(values) - middle)):.2g})"


def page(records):
    """Markdown: for each system the table, and what the second stage changes."""
    text = ""
    for name in dict.fromkeys(record["system"] for record in records):
        own = [record for record in records if record["system"] == name]
        text += f"## {name}\n\n{table(own)}\n\nBoth stages beside the first one:\n\n{gains(own, 'first stage')}\n\n"
        text += f"Both stages beside a first one that takes as long:\n\n{gains(own, ALONE)}\n\n"
    return text.rstrip("\n")


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--recipe", choices=RECIPES, default="default", help="of PhyxMamba")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("-o", "--output", required=True, help="folder of finished fits, which are not repeated")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    folder, mark = Path(given.output), "" if given.recipe == "default" else f"{given.recipe}_"
    tasks = {
        folder / f"{name}_{mark}{seed}.json": (name, seed, given.recipe)
        for name in given.systems for seed in range(given.seeds)
    }  # fmt: skip
    found = page([record for records in run_kept(run_seed, tasks) for record in records])
    print(found)
    if given.write:
        command = f"python -m dysyr.benchmark.free_run_stage {shlex.join(sys.argv[1:])}"
        body = __doc__.split("\n\n", 2)[2]
        title = f"PhyxMamba: its two stages ({', '.join(given.systems)}, {given.recipe} recipe)"
        write_text(given.write, f"# {title}\n\nWritten by `{command}`.\n\n{body}\n{found}\n")


if __name__ == "__main__":
    main()
