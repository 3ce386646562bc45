"""Methods that are fitted in closed form, on short records of three chaotic systems.

    python -m dysyr.benchmark.closed_form_rivals -o FOLDER [--seeds 5] [--write docs/results/closed_form_rivals.md]

Lorenz 1963, Rössler (a = b = 0.2, c = 5.7) and Lorenz 1996 with five variables and F = 20, sampled as in the table of
PhyxMamba (30 samples in the Lyapunov time that was nominal there: dt = 0.0374, 0.221, 0.0249). Every seed trains on
another trajectory of 3,000 samples, of which the last fifth chooses among candidates, and draws other noise. The test
is the same for all: 100 contexts of 30 samples of another trajectory. Valid time is the time until the error of the
forecast, root mean square over variables in standard deviations, exceeds 0.4; in true Lyapunov times (exponents 0.905,
0.0711, 2.45), mean over the contexts, at most 15. With noise (normal, 5 % of each standard deviation), training data
and contexts are noisy, and forecasts are judged against the clean truth. The true system starts at the last sample of a
context; from a noisy one it does not keep up for long either, and methods that use the whole context can do better.
Linear methods that chose windows of 50 or 100 samples have to complete a context of 30 by linear estimates, which costs
them their first steps.

D_stsp compares 10 free runs of 1,000 samples, after 250 that are dropped, with as many clean ones of the system (30
cells a variable, 8 for five variables); the row of the true system compares truth with truth. A run has failed if it
leaves every bound, comes to rest or ends in a cycle. Numbers are medians over seeds, brackets their range; training is
processor time on one core, the choice among candidates included. Parameters are the numbers that were fitted and are
not zero; for linear maps of reduced coordinates with the directions of these.

**Libraries of SINDy and NextGenReservoir are polynomials, and so are these three systems**: their true terms are among
the candidates. SINDy can write down the exact equations, NextGenReservoir the leading terms of their flow. Such
success says nothing about systems of another kind; they stand apart.
"""

import argparse
import contextlib
import functools
import json
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from dysyr.api import load_system
from dysyr.core.atomic import write_text
from dysyr.core.attractor_distance import state_space_divergence
from dysyr.core.errors import DivergedError, DysyrError
from dysyr.evaluation.valid_prediction_time import normalised_error, steps_within
from dysyr.reconstruction.hankel_dmd import HankelDMD
from dysyr.reconstruction.havok import HAVOK
from dysyr.reconstruction.linear_ar import LinearAR
from dysyr.reconstruction.next_gen_reservoir import NextGenReservoir
from dysyr.reconstruction.persistence import Persistence
from dysyr.reconstruction.reservoir_computer import ReservoirComputer
from dysyr.reconstruction.sindy import SINDy
from dysyr.simulation.observation import observe
from dysyr.simulation.simulate import simulate

SYSTEMS = {
    "Lorenz 1963": ("lorenz63", {}, 0.8917, 0.905352),
    "Rössler": ("rossler", {}, 0.1506, 0.071354),
    "Lorenz 1996, five variables": ("lorenz96", {"i": 5, "F": 20.0}, 1.3362, 2.45),
}
"""Catalogue name, parameters, exponent that fixes the sampling, true largest exponent."""
NOISES = (0.0, 0.05)
GENERAL = {
    "ReservoirComputer": lambda seed: ReservoirComputer(seed=seed),
    "LinearAR": lambda seed: LinearAR(seed=seed),
    "HankelDMD": lambda seed: HankelDMD(seed=seed),
    "HAVOK": lambda seed: HAVOK(seed=seed),
    "Persistence": lambda seed: Persistence(seed=seed),
}
TRUE_TERMS = {
    "SINDy, weak": lambda seed: SINDy(form="weak", seed=seed),
    "SINDy, weak, ensemble": lambda seed: SINDy(form="weak", ensemble=True, seed=seed),
    "SINDy, derivatives": lambda seed: SINDy(form="derivative", seed=seed),
    "NextGenReservoir": lambda seed: NextGenReservoir(seed=seed),
}
TRUTH = "true system"
N_TRAIN, CONTEXT, N_CONTEXTS, APART, LONGEST = 3000, 30, 100, 40, 15
N_RUNS, RUN = 10, 1000
VALID = 0.4
FEW_CELLS, MANY_CELLS = 8, 30
TEST_SEED, FREE_SEED, FLOOR_SEED, TRAIN_SEED = 1, 2, 3, 1000


def problem(name):
    """(System, dt, largest exponent) of a name in ``SYSTEMS``."""
    catalogue, parameters, stored, exponent = SYSTEMS[name]
    return load_system(catalogue, **parameters), 1 / (30 * stored), exponent


def test_data(name, noise):
    """Contexts (noisy), truth after them (clean), and the free runs of the system to compare with, as arrays."""
    system, dt, exponent = problem(name)
    horizon = round(LONGEST / exponent / dt)
    clean = simulate(system, n_steps=N_CONTEXTS * APART + CONTEXT + horizon, dt=dt, seed=TEST_SEED)
    seen = observe(clean, observation_noise=noise, seed=TEST_SEED) if noise else clean
    at = APART * np.arange(N_CONTEXTS)[:, None] + np.arange(CONTEXT + horizon)
    free = simulate(system, n_steps=RUN, dt=dt, n_trajectories=N_RUNS, seed=FREE_SEED)["x"].values
    return seen["x"].values[0][at[:, :CONTEXT]], clean["x"].values[0][at[:, CONTEXT:]], free


def cell(name, noise, seed, make):
    """Results of a method on one system, noise and seed.

    Args:
        name: of the system.
        noise: standard deviation of the noise as a fraction of each variable's own.
        seed: of trajectory, noise and methods.
        make: function of a seed -> reconstructor.

    Returns:
        dict with ``valid_time``, ``d_stsp``, ``failed``, ``seconds``, ``parameters``; with ``failure``, a
        text, where the fit failed.
    """
    system, dt, exponent = problem(name)
    contexts, truth, free = test_data(name, noise)
    train = simulate(system, n_steps=N_TRAIN, dt=dt, seed=TRAIN_SEED + seed)
    train = observe(train, observation_noise=noise, seed=TRAIN_SEED + seed) if noise else train
    begun = time.process_time()
    try:
        model = make(seed).fit(train, progress=False).model_
    except DysyrError as error:
        return {"failure": str(error)}
    seconds = time.process_time() - begun
    ahead = model.forecast(contexts, n_steps=truth.shape[1])["x"].values
    return {
        "valid_time": valid_time(ahead, truth, free, dt, exponent),
        **free_scores(model.generate(RUN, n_trajectories=N_RUNS, transient=RUN // 4, seed=seed), free),
        "seconds": seconds, "parameters": model.n_parameters,
    }  # fmt: skip


def true_system(name, noise):
    """The same scores of the system itself, which starts at the last sample of each context.

    From there Rössler's can diverge, after noise; that forecast is worth nothing.
    """
    system, dt, exponent = problem(name)
    contexts, truth, free = test_data(name, noise)
    ahead = np.full(truth.shape, np.nan)
    for i, state in enumerate(contexts[:, -1]):
        with contextlib.suppress(DivergedError):
            orbit = simulate(system, n_steps=truth.shape[1] + 1, dt=dt, initial_state=state, transient=0)
            ahead[i] = orbit["x"].values[0, 1:]
    again = simulate(system, n_steps=RUN, dt=dt, n_trajectories=N_RUNS, seed=FLOOR_SEED)
    return {
        "valid_time": valid_time(ahead, truth, free, dt, exponent), **free_scores(again, free), "seconds": 0.0,
        "parameters": 0,
    }  # fmt: skip


def valid_time(predicted, truth, free, dt, exponent):
    """Lyapunov times until the normalised error exceeds 0.4, mean over the contexts."""
    scale = free.reshape(-1, free.shape[2]).std(axis=0)
    steps = steps_within(normalised_error(truth, predicted, scale), VALID)
    return float(steps.mean() * dt * exponent)


def free_scores(runs, free):
    """``d_stsp`` of free runs and ``failed``, the share of those that are no chaotic orbit."""
    n_variables = free.shape[2]
    n_bins = MANY_CELLS if n_variables <= 3 else FEW_CELLS
    found = state_space_divergence(
        free.reshape(-1, n_variables), runs["x"].values.reshape(-1, n_variables), n_bins=n_bins
    )  # fmt: skip
    statuses = json.loads(runs.attrs.get("status", "[]"))
    failed = [not one["finite"] or one["fixed_point"] or one["cycle"] is not None for one in statuses]
    return {"d_stsp": found.value, "failed": float(np.mean(failed)) if failed else 0.0}


def kept(folder, words, compute):
    """A result from the folder of finished ones; else it is computed and kept there."""
    path = Path(folder) / ("-".join(str(word).lower().replace(" ", "_").replace(",", "") for word in words) + ".json")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(compute(), indent=1))
        print(f"done: {path.stem}", flush=True)
    return json.loads(path.read_text(encoding="utf-8"))


def table(methods, records, truth):
    """Markdown rows of some methods on one system and noise.

    Args:
        methods: names.
        records: list over seeds of name -> dict.
        truth: dict of ``true_system``, or None.
    """
    lines = [
        "| method | valid time | D_stsp | failed runs | training, s | parameters | failed fits |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for method in methods:
        rows = [record[method] for record in records]
        good = [row for row in rows if "failure" not in row]
        shown = [_spread([row[key] for row in good]) for key in ("valid_time", "d_stsp")] if good else ["", ""]
        rest = ["", "", ""]
        if good:
            rest = [
                f"{np.mean([row['failed'] for row in good]):.0%}", f"{np.median([row['seconds'] for row in good]):.1f}",
                f"{np.median([row['parameters'] for row in good]):,.0f}",
            ]  # fmt: skip
        lines.append("| " + " | ".join([method, *shown, *rest, str(len(rows) - len(good))]) + " |")
    if truth is not None:
        lines.append(f"| {TRUTH} | {truth['valid_time']:.2f} | {truth['d_stsp']:.3g} | {truth['failed']:.0%} | | | |")
    return "\n".join(lines) + "\n"


def _spread(values):
    return f"**{np.median(values):.3g}** [{min(values):.3g}, {max(values):.3g}]"


def page(results, command):
    """The page of results; ``results[name, noise]`` is (records over seeds, truth)."""
    body = __doc__.split("\n\n", 2)[2]
    text = f"# Methods in closed form on short records\n\nWritten by `{command}`.\n\n{body}"
    for (name, noise), (records, truth) in results.items():
        text += f"\n## {name}, {f'{noise:.0%} noise' if noise else 'clean'}\n\n{table(GENERAL, records, truth)}"
        text += f"\nWith the true terms among the candidates:\n\n{table(TRUE_TERMS, records, None)}"
    return text


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", required=True, help="folder of finished results, which are not repeated")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    methods, places = {**GENERAL, **TRUE_TERMS}, [(name, noise) for name in SYSTEMS for noise in NOISES]
    records, truths = {place: [] for place in places}, {}
    for seed in range(given.seeds):
        for place in places:
            words = (place[0], f"noise_{place[1]}")
            truths[place] = kept(given.output, (*words, "truth"), functools.partial(true_system, *place))
            rows = {}
            for method, make in methods.items():
                task = functools.partial(cell, *place, seed, make)
                rows[method] = kept(given.output, (*words, f"seed_{seed}", method), task)
            records[place].append(rows)
    results = {place: (records[place], truths[place]) for place in places}
    text = page(results, f"python -m dysyr.benchmark.closed_form_rivals {shlex.join(sys.argv[1:])}")
    if given.write:
        write_text(given.write, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
