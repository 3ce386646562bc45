"""A page of results from finished experiments: every seed of every method, beside floors and baselines.

    python -m dysyr.benchmark.recordings OUT [OUT ...] [--command "..." ...] [--write docs/results/recordings.md]

OUT are folders that ``dysyr run`` has filled. Nothing is computed again: the numbers are those of each seed's
``metrics.json``.
"""

import argparse
import json
import math
from pathlib import Path

from dysyr.benchmark.spread import number, spread
from dysyr.core.atomic import write_text
from dysyr.core.errors import FormatError, InputError

DISTANCES = ("d_stsp", "d_stsp_mixture", "d_h")
TITLES = {"d_stsp": "D_stsp", "d_stsp_mixture": "D_stsp (mixtures)", "d_h": "D_H"}
SPREAD = "median [range]"


def results_of(folder):
    """What an experiment's folder holds.

    Args:
        folder: output folder of ``dysyr run``.

    Returns:
        (title, ``{label: list of (seed, metrics.json as a dict)}``).

    Raises:
        FormatError: the folder holds no experiment, an unfinished one, or scores of other settings than it asks for.
    """
    folder = Path(folder)
    if not (folder / "experiment.json").exists():
        raise FormatError("no experiment", got=f"'{folder}'", expected="a folder that dysyr run has filled")
    experiment = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
    found = {}
    for reconstructor in experiment["reconstructors"]:
        label = reconstructor["label"]
        for seed in experiment["seeds"]:
            file = folder / label / f"seed-{seed}" / "metrics.json"
            if not file.exists():
                raise FormatError("the experiment is not finished", got=f"no '{file}'", do="run it again; it goes on")
            metrics = json.loads(file.read_text(encoding="utf-8"))
            _check_settings(metrics, reconstructor, file)
            found.setdefault(label, []).append((seed, metrics))
    return experiment["title"], found


def _check_settings(metrics, reconstructor, file):
    """The scores were made with the settings that the experiment asks for now."""
    used = metrics["provenance"]["stamp"]["arguments"]
    asked = {name: value for name, value in reconstructor.items() if name not in ("label", "method")}
    other = [name for name, value in asked.items() if used.get(name) != value]
    if other:
        raise FormatError(
            f"'{file}' was made with another {other[0]}", got=str(used.get(other[0])), expected=str(asked[other[0]]),
            do="run the experiment again; it fits anew what has changed",
        )  # fmt: skip


def table(runs):
    """Markdown table of the seeds of one method, the last row their median and range.

    Args:
        runs: list of (seed, metrics.json as a dict).

    Returns:
        text.
    """
    measures = next((metrics["measures"] for _, metrics in runs if metrics["measures"]), None)
    if measures is None:
        return "Training failed with every seed.\n"
    distances = [name for name in DISTANCES if name in measures and "not reliable" not in measures[name]["status"]]
    horizons = list(measures["prediction_error"]["value"]) if "prediction_error" in measures else []
    places = [("prediction_error", horizon) for horizon in horizons]
    columns = [f"{TITLES[name]} (floor; linear)" for name in distances]
    if "valid_prediction_time" in measures:
        places.insert(0, ("valid_prediction_time", "nrmse"))
        columns += ["valid time (persistence; linear)"]
    columns += [f"error at {horizon} steps (persistence; linear)" for horizon in horizons]
    columns += ["largest exponent"]
    rows = [
        [*_distances(metrics, distances), *_forecasts(metrics, places), _exponent(metrics)]
        if metrics["measures"] else [(None,)] * len(columns)
        for _, metrics in runs
    ]  # fmt: skip
    lines = [f"| seed | {' | '.join(columns)} | verdict |", "|" + "---|" * (len(columns) + 2)]
    for (seed, metrics), row in zip(runs, rows, strict=True):
        lines.append(f"| {seed} | {' | '.join(_text(*cell) for cell in row)} | {metrics['verdict']} |")
    summary = [spread([row[k][0] for row in rows]) for k in range(len(columns))]
    words = [metrics["verdict"] for _, metrics in runs]
    counted = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return "\n".join([*lines, f"| {SPREAD} | {' | '.join(summary)} | {counted} |"]) + "\n"


def page(folders, commands=()):
    """The whole page.

    Args:
        folders: output folders of ``dysyr run``.
        commands: the command that filled each of them.

    Returns:
        Markdown text.

    Raises:
        InputError: some folders have a command and others have none.
    """
    if len(commands) not in (0, len(folders)):
        raise InputError("commands and folders differ", got=f"{len(commands)} commands", expected=str(len(folders)))
    lines = ["# Measured data: every seed", ""]
    lines += [
        "Written by `python -m dysyr.benchmark.recordings` from the folders of the commands given below. Floor: truth",
        "against truth (halves of the test data, where there is no second recording). Linear: an autoregression fitted",
        "to the test data themselves. Errors in variances of the truth, times in the data's own unit.", "",
    ]  # fmt: skip
    for i, folder in enumerate(folders):
        title, found = results_of(folder)
        lines += [f"## {title}", ""]
        lines += ["```sh", commands[i], "```", ""] if commands else []
        for label, runs in found.items():
            lines += [f"`{label}`, {len(runs)} seeds:", "", table(runs)]
    return "\n".join(lines)


def _distances(metrics, names):
    """(value, floor, linear) of each distance."""
    entries = [metrics["measures"][name] for name in names]
    return [(entry["value"], entry["floor"], entry["controls"].get("autoregression")) for entry in entries]


def _forecasts(metrics, places):
    """(value, persistence, linear) of each (measure, part); an error that is not finite is infinite."""
    cells = []
    for name, part in places:
        entry = metrics["measures"][name]
        controls, value = entry["controls"], entry["value"][part]
        cells.append((math.inf if value is None else value, controls["persistence"][part], controls["linear"][part]))
    return cells


def _exponent(metrics):
    spectrum = metrics["measures"].get("lyapunov_spectrum")
    return (None if spectrum is None or spectrum["value"] is None else spectrum["value"][0],)


def _text(value, *beside):
    known = "; ".join(number(each) for each in beside)
    return f"{number(value)} ({known})" if beside else number(value)


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--command", action="append", default=[], help="what filled the folders, in their order")
    parser.add_argument("--write", help="Markdown file to write the page into")
    given = parser.parse_args()
    text = page(given.folders, given.command)
    print(text)
    if given.write:
        write_text(given.write, text)


if __name__ == "__main__":
    main()
