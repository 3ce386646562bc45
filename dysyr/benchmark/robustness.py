"""Where a reconstructor stops working: series length, noise, partial observation, beside simple baselines.

    python -m dysyr.benchmark.robustness -o out/robustness [--method shplrnn] [--systems ...] [--conditions ...]
        [--seeds 5] [--processes 2] [--write docs/results/shplrnn.md]

Every task (system, condition, seed) trains on its own trajectory and is judged on one independent clean trajectory of
100,000 samples per system. Finished tasks are kept as one JSON file each and are not repeated. The table gives medians
over seeds with the range, and every failure counts.
"""

import argparse
import dataclasses
import json
import math
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from dysyr.api import evaluate, load_system
from dysyr.benchmark.codes import N_STEPS, agreement_rows, jumps_of, short_code
from dysyr.benchmark.kept import pack, run_kept, unpack
from dysyr.benchmark.spread import number, spread
from dysyr.core.atomic import write_text
from dysyr.core.embedding import embed
from dysyr.core.errors import DysyrError
from dysyr.core.model import PiecewiseLinear
from dysyr.core.provenance import provenance
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.evaluation.verdict import INDISTINGUISHABLE, PLAUSIBLE
from dysyr.experiment import build_reconstructor
from dysyr.reporting.numbers import ABSENT
from dysyr.simulation.simulate import simulate

SYSTEMS = ("lorenz63", "rossler", "chua", "halvorsen")
TEST_SEED = 1
TRAIN_SEED = 1000
SECOND_RUN = 10_000
"""What is added to the seed of the free run whose code is compared with that of the first."""
N_TEST = 100_000
BASELINES = ("persistence", "climatology", "linear")
COMPARED = (
    ("d_stsp", None, "D_stsp", ("autoregression",)),
    ("d_h", None, "D_H", ("autoregression",)),
    ("valid_prediction_time", "nrmse", "valid time", BASELINES),
    ("prediction_error", "20", "error at 20 steps", BASELINES),
)
NAMES = {"autoregression": "linear"}
GOOD = (PLAUSIBLE, INDISTINGUISHABLE)
MEASURES = ("d_stsp", "d_h", "valid_prediction_time", "prediction_error", "lyapunov_spectrum")


@dataclasses.dataclass(frozen=True)
class Condition:
    """One way of measuring a system.

    Attributes:
        name: for tables and file names.
        n: samples of the training series.
        noise: standard deviation of the noise, as a fraction of each variable's own.
        scalar: only the first variable is observed and delay-embedded.
    """

    name: str
    n: int = 100_000
    noise: float = 0.05
    scalar: bool = False


CONDITIONS = (
    Condition("base"),
    Condition("clean", noise=0.0),
    Condition("noise20", noise=0.2),
    Condition("n10000", n=10_000),
    Condition("n1000", n=1_000),
    Condition("scalar", scalar=True),
)


CODES = f"""
## How alike the codes of two seeds are

Jump codes of free runs of {N_STEPS:,} steps: one symbol for each region entered; a seed without a code never
leaves its region. Entropies in nats per time unit. Agreement of the graphs (1: the same), distances of visits and of
words (0: the same) over pairs of seeds; in brackets that of two runs of one model.

"""


def run_task(system_name, condition, seed, method, arguments):
    """Train and judge one model.

    Args:
        system_name: name in the catalogue.
        condition: Condition.
        seed: of the training data, of the noise and of the reconstructor.
        method: name of the reconstructor.
        arguments: its constructor arguments.

    Returns:
        dict of plain values.
    """
    system = load_system(system_name)
    test = simulate(system, n_steps=N_TEST, seed=TEST_SEED)
    train = simulate(
        system, n_steps=condition.n, seed=TRAIN_SEED + seed, observation_noise=condition.noise,
        observe=0 if condition.scalar else None,
    )  # fmt: skip
    if condition.scalar:
        train = embed(train)
        shape = json.loads(train.attrs["embedding"])
        test = embed(test, dim=shape["dim"], delay=shape["delay"], variable=shape["variable"])
    begun = time.perf_counter()
    record = {"system": system_name, "condition": dataclasses.asdict(condition), "seed": seed, "method": method}
    try:
        fitted = build_reconstructor(method, {**arguments, "seed": seed}).fit(train, progress=False)
    except DysyrError as error:
        return {**record, "failure": str(error)}
    seconds = time.perf_counter() - begun
    card = evaluate(fitted, test, measures=MEASURES, seed=seed, settings=EvaluationSettings(n_contexts=100))
    measures = {name: measure.to_dict() for name, measure in card.measures.items()}
    for measure in measures.values():
        measure.pop("runs")
    codes = None
    if isinstance(fitted.model_, PiecewiseLinear):
        codes = [short_code(fitted.model_, seed=each) for each in (seed, seed + SECOND_RUN)]
    return {
        **record,
        "failure": None,
        "seconds": seconds,
        "verdict": card.verdict.verdict,
        "measures": measures,
        "codes": codes,
        "provenance": provenance(seed=seed),
    }


def run_all(out, *, method, arguments, systems, conditions, seeds, processes):
    """Run all tasks that have no result yet.

    Args:
        out: folder of results.
        method: name of the reconstructor.
        arguments: its constructor arguments.
        systems: names.
        conditions: Conditions.
        seeds: whole numbers.
        processes: how many tasks run at once; 0 runs none and returns what is there.

    Returns:
        list of records, those of earlier runs included.
    """
    tasks = {
        _file(out, method, system, condition, seed): (system, condition, seed, method, arguments)
        for condition in conditions for system in systems for seed in seeds
    }  # fmt: skip
    if processes == 0:
        tasks = {path: task for path, task in tasks.items() if path.exists()}
    return run_kept(run_task, tasks, processes=max(processes, 1))


def table(records):
    """Markdown tables of medians over seeds, with the range, beside the baselines.

    Args:
        records: list of dicts from ``run_task``.

    Returns:
        text.
    """
    lines = []
    for name in dict.fromkeys(record["condition"]["name"] for record in records):
        chosen = [record for record in records if record["condition"]["name"] == name]
        condition = chosen[0]["condition"]
        what = "first variable, delay-embedded" if condition["scalar"] else "all variables"
        lines += [
            "", f"### {name}: {condition['n']:,} samples, {100 * condition['noise']:g} % noise, {what}", "",
            "| system | seeds failed | D_stsp (floor; linear) | D_H (floor; linear) | largest exponent (truth) "
            "| valid time (persistence; linear) | error at 20 steps (persistence; linear) | verdicts | seconds |",
            "|---|---|---|---|---|---|---|---|---|",
        ]  # fmt: skip
        for system in dict.fromkeys(record["system"] for record in chosen):
            lines.append(_row(system, [record for record in chosen if record["system"] == system]))
    return "\n".join(lines) + "\n"


def limits(records):
    """Markdown table: how many seeds got a good verdict, and which baselines the median seed does not beat.

    Good verdicts are ``plausible attractor`` and ``indistinguishable at this length``. Baselines are persistence,
    climatology and a linear model for forecasts, the linear model for distances. Seeds that failed, and errors that are
    not finite, count as worse than everything.

    Args:
        records: list of dicts from ``run_task``.

    Returns:
        text, one row per condition and one column per system.
    """
    systems = list(dict.fromkeys(record["system"] for record in records))
    lines = ["| | " + " | ".join(systems) + " |", "|" + "---|" * (len(systems) + 1)]
    for name in dict.fromkeys(record["condition"]["name"] for record in records):
        chosen = [record for record in records if record["condition"]["name"] == name]
        cells = [_not_beaten([record for record in chosen if record["system"] == system]) for system in systems]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def code_table(records):
    """Markdown table: the codes of free runs, and how alike those of two seeds are.

    Args:
        records: list of dicts from ``run_task``.

    Returns:
        text, one row per condition and system; empty where no model has regions.
    """
    lines = []
    for name in dict.fromkeys(record["condition"]["name"] for record in records):
        chosen = [record for record in records if record["condition"]["name"] == name]
        for system in dict.fromkeys(record["system"] for record in chosen):
            own = [r["codes"] for r in chosen if r["system"] == system and r.get("codes")]
            pairs = [tuple(map(jumps_of, codes)) for codes in own]
            seen = [pair for pair in pairs if pair[0] is not None]
            cells = f"| {name} | {system} | {len(seen)} of {sum(r['system'] == system for r in chosen)} "
            if len(seen) > 1:
                rows = agreement_rows([pair[0] for pair in seen], [pair for pair in seen if pair[1] is not None])
                cells += "".join(f"| {_beside(values, floor)} " for _, values, floor in rows)
                lines.append(cells + "|")
            elif own:
                lines.append(cells + "| " * 6 + "|")
    if not lines:
        return ""
    head = (
        "| | system | seeds with a code | regions entered | topological entropy | metric entropy | graph agreement "
        "| visit distance | word distance, bits |"
    )  # fmt: skip
    return "\n".join([head, "|" + "---|" * 9, *lines]) + "\n"


def _beside(values, floor):
    text = spread(values) if values else ABSENT
    return text if floor is None else f"{text} ({number(floor)})"


def _not_beaten(records):
    if not records:
        return ABSENT
    found = []
    for name, part, title, baselines in COMPARED:
        entries = [record["measures"][name] if record["failure"] is None else None for record in records]
        sign = -1 if name == "valid_prediction_time" else 1
        values = [math.inf if entry is None else _part(entry["value"], part, sign) for entry in entries]
        known = next((entry for entry in entries if entry is not None), None)
        ahead = [
            baseline for baseline in baselines
            if known is None or np.median(values) >= _part(known["controls"][baseline], part, sign)
        ]  # fmt: skip
        if ahead:
            found.append(f"{title}: {', '.join(NAMES.get(baseline, baseline) for baseline in ahead)}")
    good = sum(record["failure"] is None and record["verdict"] in GOOD for record in records)
    return f"{good} of {len(records)}; " + ("; ".join(found) or "beats all")


def _part(value, part, sign):
    """A number of which less is better; what is not finite is infinitely bad."""
    number = value if part is None or value is None else value[part]
    return math.inf if number is None else sign * number


def _row(system, records):
    good = [record for record in records if record["failure"] is None]
    if not good:
        return f"| {system} | {len(records)} of {len(records)} | | | | | | {records[0]['failure']} | |"

    def of(name, key, part=None):
        entries = [record["measures"][name][key] for record in good if name in record["measures"]]
        return [entry if part is None else entry[part] for entry in entries]

    def control(name, which, part=None):
        return [entry[which] if part is None else entry[which][part] for entry in of(name, "controls")]

    verdicts = [record["verdict"] for record in good]
    counted = ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts))
    exponent = of("lyapunov_spectrum", "value", 0)
    truth = [entry[0] if entry else None for entry in of("lyapunov_spectrum", "truth")]
    cells = [
        system,
        f"{len(records) - len(good)} of {len(records)}",
        f"{spread(of('d_stsp', 'value'))} ({_median(of('d_stsp', 'floor'))}; "
        f"{_median(control('d_stsp', 'autoregression'))})",
        f"{spread(of('d_h', 'value'))} ({_median(of('d_h', 'floor'))}; {_median(control('d_h', 'autoregression'))})",
        f"{spread(exponent)} ({_median(truth)})",
        f"{spread(of('valid_prediction_time', 'value', 'nrmse'))} "
        f"({_median(control('valid_prediction_time', 'persistence', 'nrmse'))}; "
        f"{_median(control('valid_prediction_time', 'linear', 'nrmse'))})",
        f"{spread([math.inf if error is None else error for error in of('prediction_error', 'value', '20')])} "
        f"({_median(control('prediction_error', 'persistence', '20'))}; "
        f"{_median(control('prediction_error', 'linear', '20'))})",
        counted,
        f"{np.median([record['seconds'] for record in good]):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _median(values):
    known = [value for value in values if value is not None]
    return number(float(np.median(known))) if known else ABSENT


def _file(out, method, system, condition, seed):
    return Path(out) / f"{method}-{system}-{condition.name}-{seed}.json"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", required=True)
    parser.add_argument("--method", default="shplrnn")
    parser.add_argument("--arguments", default='{"hidden_dim": 50}', help="constructor arguments as JSON")
    parser.add_argument("--systems", nargs="*", default=SYSTEMS)
    parser.add_argument("--conditions", nargs="*", default=[condition.name for condition in CONDITIONS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2, help="0: run nothing, write what is finished")
    parser.add_argument("--archive", help="file of finished tasks, taken over and added to")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    if given.archive:
        unpack(given.archive, given.out)
    records = run_all(
        given.out, method=given.method, arguments=json.loads(given.arguments), systems=given.systems,
        conditions=[condition for condition in CONDITIONS if condition.name in given.conditions],
        seeds=range(given.seeds), processes=given.processes,
    )  # fmt: skip
    if given.archive:
        pack(given.out, given.archive)
    text = table(records)
    print(text)
    if given.write:
        head = (
            f"# {given.method}: where it stops working\n\n"
            f"Written by `python -m dysyr.benchmark.robustness {shlex.join(sys.argv[1:])}`.\n\n"
            f"{' '.join(__doc__.split(chr(10) * 2)[2].split())} "
            "Linear: a vector autoregression fitted to the test data themselves. Valid time in Lyapunov times, errors "
            "in variances of the truth; forecasts start from 100 clean contexts of 100 samples.\n"
        )
        stops = (
            "\n## Where it stops\n\nHow many seeds are plausible attractors or indistinguishable from the truth, and "
            "the baselines that the median seed does not beat: persistence, climatology and a linear model in "
            "forecasts, the linear model in distances.\n\n"
        )
        codes = code_table(records)
        alike = CODES + codes if codes else ""
        write_text(given.write, head + stops + limits(records) + alike + "\n## All numbers\n" + text)


if __name__ == "__main__":
    main()
