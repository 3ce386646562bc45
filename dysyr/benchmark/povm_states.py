"""States of open quantum systems by POVMTransformer, beside exact ones.

    python -m dysyr.benchmark.povm_states -o out/povm [--seeds 5] [--write docs/results/povmtransformer.md]

All of the transverse-field Ising ring with decay (V = 2, g = 1, gamma = 1, frame tetra_pos), default settings unless
said; finished cells are kept in the folder. Errors are the largest over <X>, <Y>, <Z>, site averages, against exact
evolution and the exact steady state; min. eig. is the smallest eigenvalue of the matrix that the distribution stands
for, negative where that is no state. Medians over seeds, with the range. Seconds are processor time on one thread.
Standard errors of averages over shots follow from the true state, at the number of shots that was measured.
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
from dysyr.core.atomic import write_text
from dysyr.core.measure import plain
from dysyr.core.povm import Frame, along_sites
from dysyr.core.state_distance import total_variation
from dysyr.evaluation.local_expectations import (
    exact_expectations,
    measured_expectations,
    model_expectations,
    shot_errors,
)
from dysyr.reconstruction.povm_transformer import POVMState, POVMTransformer
from dysyr.reconstruction.povm_transformer.local_generator import LocalGenerator
from dysyr.reconstruction.povm_transformer.model import SIZES
from dysyr.reconstruction.povm_transformer.site_orders import site_orders
from dysyr.reconstruction.povm_transformer.string_state import new_state
from dysyr.reconstruction.povm_transformer.sums import exact_sum
from dysyr.simulation.open_quantum import evolve_states
from dysyr.simulation.simulate import simulate
from dysyr.states import compare_states

SMALL = {"width": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
TIGHT = {"tolerance": 1e-10}
STEADY = {
    "ring of 4": ({"n_sites": 4}, TIGHT),
    "ring of 4, one order": ({"n_sites": 4}, {"symmetry": "none", **TIGHT}),
    "ring of 4, l1": ({"n_sites": 4}, {"objective": "l1", **TIGHT}),
    "ring of 4, gamma = 0.1": ({"n_sites": 4, "gamma": 0.1}, TIGHT),
    "ring of 6": ({"n_sites": 6}, {"tolerance": 1e-6}),
    "ring of 4, 500 samples a step": ({"n_sites": 4}, {"mode": "sampled", "n_samples": 500, "n_iterations": 20}),
    "ring of 4, 500 samples a step, one order": (
        {"n_sites": 4}, {"mode": "sampled", "n_samples": 500, "n_iterations": 20, "symmetry": "none"},
    ),
    "ring of 8, 600 samples a step, small": (
        {"n_sites": 8}, {"mode": "sampled", "n_samples": 600, "n_iterations": 14, **SMALL}
    ),
}  # fmt: skip
DESCENT = {"n_iterations": 600, "learning_rate": 4e-3}
"""Adam on the same residual, summed over all strings, with a cosine decay of the rate."""
DYNAMICS = {
    "variational": {"stepper": "variational", "dt": 0.1},
    "trapezoid, dt 0.1": {"stepper": "trapezoid", "dt": 0.1},
    "projection, dt 0.05": {"stepper": "projection", "dt": 0.05},
}
SHOTS = (1000, 10_000, 100_000)
SYMMETRIES = ("none", "lattice")
N_OBSERVED = 10_000
MOST_STDERR = 3.0
"""Deviations from the truth beyond this many standard errors are counted."""


def steady_cell(name, seed):
    """One steady state: dict of numbers."""
    parameters, settings = STEADY[name]
    ring, start = load_system("tfim_decay", **parameters), time.process_time()
    found = POVMTransformer(**settings, seed=seed).solve(ring, progress=False)
    seconds = time.process_time() - start
    row = compare_states(found, ring).states[0]
    sampled = compare_states(found, ring, n_shots=N_OBSERVED, seed=seed).states[0]
    return {
        "error": row["max_error"], "total_variation": row["total_variation"], "trace_distance": row["trace_distance"],
        "smallest_eigenvalue": row["smallest_eigenvalue"], "residual_l1": found.history_["residual_l1"][-1],
        "spread": row["values"]["spread"], "stderr": max(sampled["stderr"]), "sampled_error": sampled["max_error"],
        "seconds": seconds,
    }  # fmt: skip


def descent_cell(seed):
    """The steady state of the ring of 4 by gradient descent, as in the literature: dict of numbers."""
    ring, frame, start = load_system("tfim_decay"), Frame("tetra_pos"), time.process_time()
    orders = site_orders((4,), "periodic", "lattice")
    method = POVMTransformer()
    sizes = {name: getattr(method, name) for name in SIZES}
    state = new_state(4, frame.log_probabilities(np.zeros((4, 3))), orders, seed=seed, **sizes)
    total = exact_sum(state, LocalGenerator(ring, frame))
    strings, counts = torch.tensor(total.strings), torch.tensor(total.counts)
    rows = torch.tensor(total.generator.toarray())
    optimiser = torch.optim.Adam(state.network.parameters(), lr=DESCENT["learning_rate"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, DESCENT["n_iterations"])
    for _ in range(DESCENT["n_iterations"]):
        p = state(strings).exp()
        loss = (counts * (rows @ p) ** 2 / p.detach()).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    seconds = time.process_time() - start
    model = POVMState(state.theta.numpy()[None], orders, sizes=sizes, frame=frame)
    p = np.exp(state.log_probabilities(total.strings))
    row = compare_states(model, ring).states[0]
    return {
        "error": row["max_error"], "total_variation": row["total_variation"], "trace_distance": row["trace_distance"],
        "smallest_eigenvalue": row["smallest_eigenvalue"], "residual_l1": total.counts @ np.abs(total.generator @ p),
        "spread": row["values"]["spread"], "seconds": seconds,
    }  # fmt: skip


def dynamics_cell(name, seed):
    """One path to t = 1, by the small network: dict of numbers."""
    ring, times, start = load_system("tfim_decay"), np.linspace(0, 1, 11), time.process_time()
    found = POVMTransformer(**SMALL, **DYNAMICS[name], seed=seed).solve(ring, times=times, progress=False)
    seconds, rows = time.process_time() - start, compare_states(found, ring).states
    return {
        "error": max(row["max_error"] for row in rows),
        "total_variation": max(row["total_variation"] for row in rows),
        "trace_distance": max(row["trace_distance"] for row in rows),
        "smallest_eigenvalue": min(row["smallest_eigenvalue"] for row in rows), "seconds": seconds,
    }  # fmt: skip


def outcomes_cell(n_shots, symmetry, seed):
    """One reconstruction of the state at t = 1 from outcomes, by the small network: dict of numbers."""
    ring = load_system("tfim_decay")
    exact = evolve_states(ring, [1.0], frame="tetra_pos")[0]
    data = simulate(ring, times=[1.0], n_shots=n_shots, seed=seed)
    keys = np.ravel_multi_index(data["outcome"].values.T, exact.shape)
    histogram = np.bincount(keys, minlength=exact.size).reshape(exact.shape) / n_shots
    method = POVMTransformer(**SMALL, symmetry=symmetry, shape=[4], boundary="periodic", seed=seed)
    start = time.process_time()
    found = method.fit(data, progress=False)
    seconds, row = time.process_time() - start, compare_states(found, ring, times=[1.0]).states[0]
    network, shots = deviations(found.model_, data, exact, ring.spins.lattice.bonds)
    return {
        "histogram": total_variation(histogram, exact), "total_variation": row["total_variation"],
        "error": row["max_error"], "plain_error": shots["error"], "updates": found.history_["chosen"][0],
        "in_stderr": network["in_stderr"], "plain_in_stderr": shots["in_stderr"],
        "zz_error": abs(row["values"]["ZZ_connected"] - row["exact"]["ZZ_connected"]),
        "smallest_eigenvalue": row["smallest_eigenvalue"], "seconds": seconds,
    }  # fmt: skip


def deviations(model, data, exact, ends):
    """How far X, Y, Z averaged over sites and XX, YY, ZZ averaged over bonds are from the true state.

    Args:
        model: OutcomeModel that was fitted to the data.
        data: Dataset of outcomes.
        exact: (4,) * N true probabilities.
        ends: (bond, 2) pairs of neighbouring sites.

    Returns:
        Two dicts, of the model and of plain averages over the shots: ``error``, the largest of X, Y, Z, and
        ``in_stderr``, the six absolute deviations in standard errors of a plain average over as many shots.
    """
    frame, outcomes = model.frame, data["outcome"].values
    truth = _means(exact_expectations(along_sites(frame.to_pauli, exact), ends))
    stderr = np.concatenate(shot_errors(frame, exact, ends, len(outcomes)))
    found = model_expectations(model, ends), measured_expectations(frame, outcomes, ends)
    off = [np.abs(_means(each) - truth) for each in found]
    return tuple({"error": each[:3].max(), "in_stderr": (each / stderr).tolist()} for each in off)


def _means(expectations):
    return np.concatenate([expectations.sites.mean(axis=1), expectations.bonds.mean(axis=1)])


def cells(seeds):
    """(name of a file, function that makes its content) of all cells."""
    for name in STEADY:
        for seed in seeds:
            yield f"steady, {name}, {seed}", lambda name=name, seed=seed: steady_cell(name, seed)
    for seed in seeds:
        yield f"descent, {seed}", lambda seed=seed: descent_cell(seed)
    for name in DYNAMICS:
        for seed in seeds:
            yield f"dynamics, {name}, {seed}", lambda name=name, seed=seed: dynamics_cell(name, seed)
    for n in SHOTS:
        for symmetry in SYMMETRIES:
            for seed in seeds:
                yield (
                    f"outcomes, {n}, {symmetry}, {seed}",
                    lambda n=n, symmetry=symmetry, seed=seed: outcomes_cell(n, symmetry, seed),
                )


def run(folder, seeds, say=print):
    """Make all cells that are not there yet.

    Args:
        folder: where each cell is a JSON file.
        seeds: seeds.
        say: called with a line for each cell.

    Returns:
        dict from name to content.
    """
    found = {}
    for name, make in cells(seeds):
        path = Path(folder) / f"{name.replace(', ', '_').replace(' ', '-')}.json"
        if not path.exists():
            write_text(path, json.dumps(plain(make()), indent=1) + "\n")
        found[name] = json.loads(path.read_text(encoding="utf-8"))
        say(f"{name}: " + ", ".join(f"{key} {np.max(value):.3g}" for key, value in found[name].items()), flush=True)
    return found


def tables(found, seeds):
    """The tables in Markdown."""
    text = ["## Steady states\n"]
    columns = {
        "error": "error", "total_variation": "total variation", "trace_distance": "trace distance",
        "smallest_eigenvalue": "min. eig.", "residual_l1": "residual (L1)", "spread": "spread over sites",
        "seconds": "seconds",
    }  # fmt: skip
    rows = {name: _column(found, f"steady, {name}", seeds) for name in STEADY}
    descent = f"ring of 4 by {DESCENT['n_iterations']} steps of Adam"
    text += _table("system", columns, rows | {descent: _column(found, "descent", seeds)})
    text += [
        f"\nThe same from {N_OBSERVED:,} outcomes drawn from the network, as one has to where not all strings can be "
        "summed, with their standard error.\n",
    ]  # fmt: skip
    text += _table(
        "system", {"sampled_error": "error", "stderr": "standard error"},
        rows,
    )  # fmt: skip
    text += ["\n## Dynamics of the ring of 4 to t = 1\n", "Largest errors along the path, small network.\n"]
    columns = {name: columns[name] for name in columns if name not in ("residual_l1", "spread")}
    text += _table("step", columns, {name: _column(found, f"dynamics, {name}", seeds) for name in DYNAMICS})
    text += ["\n## The state at t = 1 of the ring of 4 from measured outcomes\n", "Small network.\n"]
    columns = {
        "histogram": "total variation of the histogram", "total_variation": "of the network", "error": "error",
        "plain_error": "error of averages over the shots", "zz_error": "error of <ZZ> - <Z><Z>", "updates": "updates",
        "smallest_eigenvalue": "min. eig.", "seconds": "seconds",
    }  # fmt: skip
    rows = {
        f"{n:,}, symmetry {symmetry}": _column(found, f"outcomes, {n}, {symmetry}", seeds)
        for n in SHOTS for symmetry in SYMMETRIES
    }  # fmt: skip
    text += _table("shots", columns, rows)
    text += [
        "\nThe same deviations from the true state in standard errors: the largest of X, Y, Z averaged over sites and "
        "XX, YY, ZZ averaged over bonds, and how many of these six, over all seeds, lie within three.\n",
    ]  # fmt: skip
    text += [
        "| shots | largest, network | largest, averages over the shots | within 3, network | averages over the shots |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        network, shots = (np.array(row[key]) for key in ("in_stderr", "plain_in_stderr"))
        largest = " | ".join(_spread(each.max(axis=1)) for each in (network, shots))
        within = " | ".join(f"{(each <= MOST_STDERR).sum()} of {each.size}" for each in (network, shots))
        text.append(f"| {name} | {largest} | {within} |")
    small = ", ".join(f"{name}={value}" for name, value in SMALL.items())
    return "\n".join(text) + f"\n\nThe small network has {small}.\n"


def _column(found, name, seeds):
    cells = [found[f"{name}, {seed}"] for seed in seeds]
    return {key: [cell[key] for cell in cells] for key in cells[0]}


def _table(first, columns, rows):
    lines = [f"| {first} | " + " | ".join(columns.values()) + " |", "|---|" + "---|" * len(columns)]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(_spread(row[key]) for key in columns) + " |")
    return lines


def _spread(values):
    """Median, and the range where it is more than rounding."""
    low, middle, high = np.min(values), np.median(values), np.max(values)
    return f"{middle:.2g}" if high - low < 1e-12 else f"{middle:.2g} ({low:.2g} to {high:.2g})"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", required=True, help="folder for the cells")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    seeds = range(given.seeds)
    text = tables(run(given.output, seeds), seeds)
    print(text)
    if given.write:
        command = f"python -m dysyr.benchmark.povm_states {shlex.join(sys.argv[1:])}"
        body = __doc__.split("\n\n", 2)[2]
        write_text(
            given.write,
            f"# States of open quantum systems by POVMTransformer\n\nWritten by `{command}`.\n\n{body}\n"
            f"{given.seeds} seeds.\n\n{text}",
        )


if __name__ == "__main__":
    main()
