"""ALRNN against the number of its rectified units: quality, fixed points and the code, seed by seed.

    python -m dysyr.benchmark.rectified_units -o out/rectified_units [--cells lorenz63:2 lorenz63:8 rossler:1]
        [--noises 0.05 0] [--seeds 10 [...]] [--processes 2] [--write docs/results/rectified_units.md]

Each task (system, rectified units, noise, seed) trains on its own trajectory of 100,000 samples and is judged on one
independent clean trajectory of 100,000 samples per system. Fitted models and their records are kept and not made again.
"""

import argparse
import collections
import concurrent.futures
import json
import math
import multiprocessing
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from dysyr.api import evaluate, load, load_system
from dysyr.benchmark.codes import agreement_table
from dysyr.benchmark.equilibria import equilibria
from dysyr.benchmark.spread import number, spread
from dysyr.core.atomic import write_text
from dysyr.core.errors import DysyrError
from dysyr.core.measure import plain
from dysyr.core.provenance import provenance
from dysyr.encoding.encode import encode
from dysyr.encoding.fixed_points import fixed_points
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.experiment import build_reconstructor
from dysyr.reporting.numbers import ABSENT
from dysyr.simulation.simulate import simulate

CELLS = ("lorenz63:2", "lorenz63:8", "rossler:1")
ARGUMENTS = {"rossler": {"sequence_length": 300, "forcing_interval": 8, "learning_rate": 5e-3, "n_updates": 40_000}}
"""What the published recipe has for a system beside the defaults."""
SAMPLING = {"rossler": 0.08}
HEAD = """# ALRNN: how many rectified units

Written by `python -m dysyr.benchmark.rectified_units {arguments}`.

Every model is trained on its own trajectory of 100,000 samples and judged on one independent clean trajectory of
100,000 samples. D_stsp, D_H (smoothed over 0.02 cycles per time unit) and exponents are those of ten free runs,
floors those of truth against truth. Collapse: a run of 200,000 steps ends at a point, in a cycle or nowhere. A region
is in use if at least a thousandth of 100,000 steps lie in it. Distances of fixed points are root mean squares over the
variables, in standard deviations of the data; the leading exponent of a fixed point is the logarithm of its eigenvalue
with the largest modulus, per time unit. The jump code has one symbol for each region entered; its entropies are those
of the code divided by the mean time between two jumps. Seconds are on the clock of machines that had other work as
well.

"""
N_TRAIN = N_TEST = 100_000
TEST_SEED, TRAIN_SEED = 1, 1000
TAIL = 200_000
N_TAILS = 10
SIGMA_HZ = 0.02
IN_USE = 1e-3


def data_of(system_name, noise, seed):
    """(training, test) data of a task."""
    system, dt = load_system(system_name), SAMPLING.get(system_name)
    train = simulate(system, n_steps=N_TRAIN, dt=dt, seed=TRAIN_SEED + seed, observation_noise=noise)
    return train, simulate(system, n_steps=N_TEST, dt=dt, seed=TEST_SEED)


def run_task(system_name, n_rectified, noise, seed, arguments, folder):
    """Train and judge one model.

    Args:
        system_name: name in the catalogue.
        n_rectified: P.
        noise: standard deviation of the noise, as a fraction of each variable's own.
        seed: of the training data, of the noise and of the reconstructor.
        arguments: constructor arguments beside these.
        folder: where the fitted model is kept; one that is there is only judged.

    Returns:
        dict of plain values.
    """
    record = {"system": system_name, "n_rectified": n_rectified, "noise": noise, "seed": seed, "failure": None}
    train, test = data_of(system_name, noise, seed)
    if (folder / "seconds.json").exists():
        fitted, seconds = load(folder), json.loads((folder / "seconds.json").read_text())
    else:
        begun = time.perf_counter()
        given = {**ARGUMENTS.get(system_name, {}), **arguments, "n_rectified": n_rectified, "seed": seed}
        try:
            fitted = build_reconstructor("alrnn", given).fit(train, progress=False)
        except DysyrError as error:
            return {**record, "failure": str(error)}
        seconds = time.perf_counter() - begun
        fitted.save(folder)
        write_text(folder / "seconds.json", json.dumps(seconds))
    return {**record, "seconds": seconds, **judge(fitted, load_system(system_name), test, seed)}


def judge(fitted, system, test, seed):
    """All that is said about one fitted model.

    Args:
        fitted: fitted reconstructor with a piecewise-linear model.
        system: System behind the data.
        test: Dataset of one clean trajectory.
        seed: chooses the free runs.

    Returns:
        dict of plain values.
    """
    model, truth = fitted.model_, test["x"].values[0]
    card = evaluate(
        fitted, test, measures=("d_stsp", "d_h", "lyapunov_spectrum"), seed=seed,
        settings=EvaluationSettings(n_contexts=100, sigma_hz=SIGMA_HZ),
    )  # fmt: skip
    tails = fitted.generate(TAIL, n_trajectories=N_TAILS, transient=0, seed=seed + 1)
    status = json.loads(tails.attrs["status"])
    code = encode(model, n_steps=N_TEST, seed=seed)
    points = fixed_points(model)
    return {
        "verdict": card.verdict.verdict,
        "d_stsp": card.measures["d_stsp"].value,
        "d_h": card.measures["d_h"].value,
        "exponents": card.measures["lyapunov_spectrum"].value,
        "floors": [card.measures[name].floor for name in ("d_stsp", "d_h")],
        "n_collapsed": sum(not s["finite"] or s["fixed_point"] or s["cycle"] is not None for s in status),
        "visits": (code.visits / code.n_samples).tolist(),
        "equilibria": [nearest(each, points, truth) for each in equilibria(system, truth)],
        "n_fixed_points": len(points),
        "exhaustive": points.exhaustive,
        "spurious_stable": [
            {"observed": point.observed[0].tolist(), "distance": _off_attractor(point.observed[0], truth)}
            for point in points if point.stability == "stable"
        ],
        "provenance": provenance(seed=seed),
    }  # fmt: skip


def nearest(equilibrium, points, truth):
    """The fixed point of a model that lies nearest to an equilibrium of the system.

    Args:
        equilibrium: Equilibrium.
        points: PeriodicOrbits of period 1.
        truth: (time, dim) states that set the scale.

    Returns:
        dict: ``distance`` (root mean square over the variables of the difference in standard deviations; None without
        any fixed point), ``leading``, the leading exponent of equilibrium and fixed point as [real, imaginary].
    """
    sd = truth.std(axis=0)
    found = [float(np.sqrt(np.mean(((p.observed[0] - equilibrium.state) / sd) ** 2))) for p in points]
    leading = _pair(equilibrium.eigenvalues[0])
    if not found:
        return {"state": equilibrium.state.tolist(), "distance": None, "leading": [leading, None]}
    point = points[int(np.argmin(found))]
    own = point.exponents[np.argmax(point.exponents.real)]
    return {
        "state": equilibrium.state.tolist(), "distance": min(found), "leading": [leading, _pair(own)],
        "observed": point.observed[0].tolist(), "word": point.label, "stability": point.stability,
    }  # fmt: skip


def _pair(value):
    return [float(value.real), abs(float(value.imag))]


def _off_attractor(x, truth):
    """Distance from the nearest state of the truth, root mean square over variables in standard deviations."""
    return float(np.sqrt((((truth - x) / truth.std(axis=0)) ** 2).mean(axis=1).min()))


def run_all(out, *, cells, noises, processes, arguments):
    """Run all tasks that have no record yet.

    Args:
        out: folder of fitted models and records.
        cells: (system name, P, number of seeds) triples.
        noises: fractions of each variable's standard deviation.
        processes: how many tasks run at once.
        arguments: constructor arguments for all of them.

    Returns:
        list of records, those of earlier runs included.
    """
    out = Path(out)
    tasks = [(name, p, noise, seed) for name, p, n_seeds in cells for seed in range(n_seeds) for noise in noises]
    missing = [task for task in tasks if not _record(out, *task).exists()]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        running = {pool.submit(run_task, *task, arguments, _folder(out, *task)): task for task in missing}
        for i, done in enumerate(concurrent.futures.as_completed(running)):
            task = running[done]
            write_text(_record(out, *task), json.dumps(plain(done.result()), indent=1) + "\n")
            print(f"{i + 1}/{len(missing)} {task[0]} P={task[1]} noise {task[2]:g} seed {task[3]}", flush=True)
    return [json.loads(_record(out, *task).read_text()) for task in tasks]


def _folder(out, system, n_rectified, noise, seed):
    return Path(out) / f"{system}-P{n_rectified}-noise{noise:g}-seed{seed}"


def _record(out, *task):
    folder = _folder(out, *task)
    return folder.with_name(folder.name + ".json")


def quality_table(records):
    """Markdown table, a row per seed, of the distances, the exponents and the symbols in use."""
    lines = [
        "| seed | D_stsp | D_H | three leading exponents | free runs that collapse | regions in use | verdict "
        "| seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for r in records:
        if r["failure"] is not None:
            lines.append(f"| {r['seed']} | {r['failure']} | | | | | | |")
            continue
        exponents = " ".join(number(x) for x in (r["exponents"] or [])[:3]) or ABSENT
        lines.append(
            f"| {r['seed']} | {number(r['d_stsp'])} | {number(r['d_h'])} | {exponents} "
            f"| {r['n_collapsed']} of {N_TAILS} | {n_in_use(r)} | {r['verdict']} | {r['seconds']:.0f} |"
        )  # fmt: skip
    good = [r for r in records if r["failure"] is None]
    if good:
        columns = [
            [r["d_stsp"] for r in good], [r["d_h"] for r in good], [r["exponents"][0] for r in good if r["exponents"]],
            [r["n_collapsed"] for r in good], [n_in_use(r) for r in good],
        ]  # fmt: skip
        counts = collections.Counter(r["verdict"] for r in good)
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
        lines.append(f"| median [range] | {' | '.join(map(spread, columns))} | {verdicts} | |")
        lines.append(f"| truth against truth | {' | '.join(number(x) for x in good[0]['floors'])} | | | | | |")
    return "\n".join(lines) + "\n"


def n_in_use(record):
    """Regions that a free run visits at a thousandth of its steps or more."""
    return sum(share >= IN_USE for share in record["visits"])


def points_table(records):
    """Markdown table of the fixed points beside the equilibria of the system, medians over seeds with the range."""
    good = [r for r in records if r["failure"] is None]
    if not good:
        return ""
    lines = [
        "| equilibrium | nearest fixed point, sd | leading exponent of the system | growth of the model | frequency of "
        "the model |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for i, equilibrium in enumerate(good[0]["equilibria"]):
        each = [r["equilibria"][i] for r in good]
        own = [e["leading"][1] for e in each if e["leading"][1] is not None]
        distances = [math.inf if e["distance"] is None else e["distance"] for e in each]
        real, imaginary = equilibrium["leading"][0]
        lines.append(
            f"| ({', '.join(number(x) for x in equilibrium['state'])}) | {spread(distances)} "
            f"| {number(real)} ± {number(imaginary)}i | {spread([pair[0] for pair in own])} "
            f"| {spread([pair[1] for pair in own])} |"
        )  # fmt: skip
    stable = [r for r in good if r["spurious_stable"]]
    n_stable = sum(len(r["spurious_stable"]) for r in good)
    lines += [
        "",
        f"Fixed points of a model: {spread([r['n_fixed_points'] for r in good])}. Stable ones, which the system does "
        f"not have: {n_stable} in {len(stable)} of {len(good)} models"
        + (f" (seeds {', '.join(str(r['seed']) for r in stable)}), "
           f"{spread([p['distance'] for r in stable for p in r['spurious_stable']])} sd off the attractor."
           if stable else "."),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def codes_table(out, records):
    """Markdown table of the codes of free runs and how alike they are across seeds.

    Args:
        out: folder of the fitted models.
        records: of one system, P and noise.

    Returns:
        text; empty with fewer than two models whose free runs visit more than one region.
    """
    good = [r for r in records if r["failure"] is None and n_in_use(r) > 1]
    if len(good) < 2:
        return ""
    tasks = [(r["system"], r["n_rectified"], r["noise"], r["seed"]) for r in good]
    codes = [encode(load(_folder(out, *task)), n_steps=N_TEST, seed=task[3]).jumps() for task in tasks]
    other = encode(load(_folder(out, *tasks[0])), n_steps=N_TEST, seed=tasks[0][3] + 1).jumps()
    return agreement_table(codes, [(codes[0], other)])


def page(out, records):
    """All tables, a section per system, P and noise."""
    lines = []
    for key in dict.fromkeys((r["system"], r["n_rectified"], r["noise"]) for r in records):
        chosen = [r for r in records if (r["system"], r["n_rectified"], r["noise"]) == key]
        noise = "clean" if key[2] == 0 else f"{100 * key[2]:g} % noise"
        lines += [f"## {key[0]}, P = {key[1]}, {noise}", "", quality_table(chosen), points_table(chosen)]
        lines += [codes_table(out, chosen)]
    return "\n".join(lines)


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", required=True)
    parser.add_argument("--cells", nargs="*", default=CELLS, help="SYSTEM:P")
    parser.add_argument("--noises", nargs="*", type=float, default=(0.05, 0.0))
    parser.add_argument("--arguments", default="{}", help="constructor arguments as JSON")
    parser.add_argument("--seeds", nargs="*", type=int, default=(10,), help="one number for all cells, or one for each")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    seeds = given.seeds * len(given.cells) if len(given.seeds) == 1 else given.seeds
    named = [cell.partition(":") for cell in given.cells]
    cells = [(name, int(p), n) for (name, _, p), n in zip(named, seeds, strict=True)]
    records = run_all(
        given.out, cells=cells, noises=given.noises, processes=given.processes, arguments=json.loads(given.arguments)
    )
    text = page(given.out, records)
    print(text)
    if given.write:
        write_text(given.write, HEAD.format(arguments=shlex.join(sys.argv[1:])) + text)


if __name__ == "__main__":
    main()
