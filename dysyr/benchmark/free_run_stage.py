"""What the second stage of PhyxMamba, trained on free runs, adds to the first.

    python -m dysyr.benchmark.free_run_stage -o FOLDER [--seeds 5] [--write FILE]

Lorenz 1963 by the published protocol, as in ``dysyr.benchmark.forecasting``: 29,000 samples, 30 in a nominal Lyapunov
time, tolerance 1e-12, 100 test trajectories, contexts of 30 samples. One fit for each seed with the defaults of
PhyxMamba, whose model is judged as it is after the first stage and as it is kept in the end. Seed s trains on
trajectory s.

Forecasts: VPT and sMAPE in nominal Lyapunov times, D_frac and D_stsp over 300 samples as published; valid time until
the error exceeds 0.4 standard deviations, in true Lyapunov times. Free runs: D_stsp by 30 bins per variable between the
truth and each of four runs of 20,000 samples after a burn-in, their mean; of truth against independent truth in the row
"truth". Exponents: three largest of the map from patch to patch, by QR, over 8 orbits of 4,000 samples. Numbers are
medians over seeds with their median absolute deviation; training is processor time on one core.
"""

import argparse
import json
import shlex
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from dysyr.benchmark.forecasting_protocol import HORIZON, sampling_interval, scores, test_data, training_data
from dysyr.core.atomic import write_text
from dysyr.core.attractor_distance import SmoothingWarning, state_space_divergence
from dysyr.core.dataset import make_dataset
from dysyr.core.measure import plain
from dysyr.kernels.measures.cell_counts import count_cells
from dysyr.reconstruction.phyxmamba import PhyxMamba

SYSTEM = "lorenz63"
VARIANTS = ("truth", "first stage", "both stages")
N_RUNS, N_FREE = 4, 20_000
N_ORBITS, N_PATCHES, N_ALIGN = 8, 800, 100
REFERENCE_SEED = 500
COLUMNS = {
    "vpt": "VPT, nominal", "valid_time": "valid time, true", "smape_1": "sMAPE 1", "smape_4": "sMAPE 4",
    "smape_10": "sMAPE 10", "d_frac": "D_frac", "d_stsp_raw": "D_stsp, forecasts", "d_stsp_runs": "D_stsp, free runs",
    "out_of_range": "runs out of range, %", "exponent_1": "exponent 1", "exponent_2": "2", "exponent_3": "3",
    "seconds": "training, s",
}  # fmt: skip


def divergence_of_runs(truth, runs):
    """(mean D_stsp, percentage out of range) of free runs (run, time, variable) from truth (time, variable)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SmoothingWarning)
        found = [state_space_divergence(truth, run, count=count_cells) for run in runs]
    return float(np.mean([one.value for one in found])), 100 * float(np.mean([one.out_of_range for one in found]))


def leading_exponents(model, *, n_exponents=3, n_orbits=N_ORBITS, n_patches=N_PATCHES, n_align=N_ALIGN):
    """Largest exponents of a PhyxMambaModel per time unit, from its Jacobian once a patch.

    Args:
        model: PhyxMambaModel.
        n_exponents: how many.
        n_orbits: orbits side by side, from the first initial states.
        n_patches: patches that enter the average.
        n_align: patches before.

    Returns:
        (n_exponents,) means over the orbits, largest first.
    """
    z, patch = model.initial_states[:n_orbits], model.shape.patch
    frame = np.random.default_rng(0).normal(size=(len(z), model.latent_dim, n_exponents))
    total = np.zeros((len(z), n_exponents))
    for k in range(n_align + n_patches):
        frame, r = np.linalg.qr(model.jacobian(z) @ frame)
        z = model.trajectory(z, patch)[:, -1]
        if k >= n_align:
            total += np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))
    return -np.sort(-total.mean(axis=0)) / (n_patches * patch * model.dt)


def score_truth(seed):
    """The record of independent truth in place of a model, a dict of plain values."""
    _, actual = test_data(SYSTEM, 0.0)
    other = test_data(SYSTEM, 0.0, seed=REFERENCE_SEED + seed)[1]
    runs = [training_data(SYSTEM, 0.0, REFERENCE_SEED + 1 + seed)["x"].values[0][:N_FREE]]
    return {"variant": "truth", "seed": seed, **_scores(actual, other, runs)}


def score_model(variant, model, seed):
    """The record of a PhyxMambaModel, a dict of plain values."""
    contexts, actual = test_data(SYSTEM, 0.0)
    given = make_dataset(contexts, dt=sampling_interval(SYSTEM), names=list(model.names))
    predicted = model.forecast(given, n_steps=HORIZON)["x"].values
    runs = model.generate(N_FREE, n_trajectories=N_RUNS, seed=seed)["x"].values
    exponents = dict(zip(("exponent_1", "exponent_2", "exponent_3"), leading_exponents(model).tolist(), strict=True))
    record = {"variant": variant, "seed": seed, "parameters": model.n_parameters}
    return {**record, **_scores(actual, predicted, runs), **exponents}


def _scores(actual, predicted, runs):
    reference = training_data(SYSTEM, 0.0, REFERENCE_SEED)["x"].values[0][:N_FREE]
    divergence, outside = divergence_of_runs(reference, runs)
    forecasts = scores(SYSTEM, actual, predicted, actual.std(axis=(0, 1)))
    return {**forecasts, "d_stsp_runs": divergence, "out_of_range": outside}


def run_seed(seed, *, changes=None):
    """Fit once, and judge truth and both models.

    Args:
        seed: of the training data and of the method.
        changes: arguments of PhyxMamba other than the defaults.

    Returns:
        list of records, one for each of ``VARIANTS``.
    """
    start = time.process_time()
    fitted = PhyxMamba(**{**(changes or {}), "seed": seed}).fit(training_data(SYSTEM, 0.0, seed), progress=False)
    seconds = time.process_time() - start
    history = {name: column.tolist() for name, column in fitted.history_.items()}
    return [
        score_truth(seed),
        score_model("first stage", fitted.first_stage_, seed),
        {**score_model("both stages", fitted.model_, seed), "seconds": seconds, "history": history},
    ]


def kept_seed(folder, seed, run=run_seed):
    """The records of a seed from the folder of finished ones; else they are computed and kept there."""
    path = Path(folder) / f"seed_{seed}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(plain(run(seed)), indent=1) + "\n")
        print(f"done: seed {seed}", flush=True)
    return json.loads(path.read_text(encoding="utf-8"))


def table(records):
    """Markdown table of records, one row for each variant."""
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for variant in dict.fromkeys(record["variant"] for record in records):
        chosen = [record for record in records if record["variant"] == variant]
        cells = [_cell([record.get(key) for record in chosen]) for key in COLUMNS]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def gains(records):
    """For each measure, in how many seeds the kept model is better than the one after the first stage; text."""
    by_seed = {}
    for record in records:
        by_seed.setdefault(record["seed"], {})[record["variant"]] = record
    pairs = [found for found in by_seed.values() if set(VARIANTS[1:]) <= set(found)]
    lines = []
    for key, sign in (("d_stsp_runs", -1), ("d_stsp_raw", -1), ("vpt", 1), ("valid_time", 1)):
        changes = [sign * (found["both stages"][key] - found["first stage"][key]) for found in pairs]
        lines.append(f"* {COLUMNS[key]}: better in {sum(c > 0 for c in changes)} of {len(changes)} seeds")
    return "\n".join(lines)


def _cell(values):
    if any(value is None for value in values):
        return "–"
    middle = float(np.median(values))
    return f"{middle:.3g} ({np.median(np.abs(np.array(values) - middle)):.2g})"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("-o", "--output", required=True, help="folder of finished fits, which are not repeated")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    records = [record for seed in range(given.seeds) for record in kept_seed(given.output, seed)]
    records.sort(key=lambda record: VARIANTS.index(record["variant"]))
    found = f"{table(records)}\n\nBoth stages beside the first one:\n\n{gains(records)}"
    print(found)
    if given.write:
        command = f"python -m dysyr.benchmark.free_run_stage {shlex.join(sys.argv[1:])}"
        body = __doc__.split("\n\n", 2)[2]
        write_text(given.write, f"# PhyxMamba: its two stages\n\nWritten by `{command}`.\n\n{body}\n{found}\n")


if __name__ == "__main__":
    main()
