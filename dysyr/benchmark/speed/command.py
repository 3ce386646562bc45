"""Runs the contests in a process of its own, on one thread, and writes their table.

    python -m dysyr.benchmark.speed.command ode --quick      one subject, rows as lines of JSON

Settings of threads must be there before the first import of a numerical library, hence the process.
"""

import argparse
import dataclasses
import importlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from dysyr.benchmark.speed.contest import Disagreement, Row, hold
from dysyr.core.errors import DysyrError, InputError

SUBJECTS = ("ode", "sde", "jumps", "spins", "elementary", "plrnn", "scans", "measures")
DEVICES = ("cpu", "cuda")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "JAX_PLATFORMS": "cpu",
}  # fmt: skip
RIVALS = ("torch", "torchsde", "torchdiffeq", "jax", "diffrax", "gillespy2", "qutip", "scipy", "numpy", "numba")


def bench(*, quick=False, device="cpu", subjects=None, say=None):
    """Run kernels beside their baselines.

    Args:
        quick: small sizes and few repeats: a look, not a result.
        device: "cpu" or "cuda".
        subjects: names out of SUBJECTS, on the processor; all by default.
        say: function that is told each row as soon as it is there.

    Returns:
        list of Row.

    Raises:
        InputError: an unknown subject or device, or subjects on a device that has all contests in one.
        DysyrError: a kernel and its baseline do not agree, the device cannot be used, or the process died.
    """
    if device not in DEVICES:
        raise InputError("unknown device of a benchmark", got=repr(device), expected=" or ".join(DEVICES))
    chosen = SUBJECTS if subjects is None else tuple(subjects)
    unknown = [name for name in chosen if name not in SUBJECTS]
    if unknown:
        raise InputError("unknown subject of a benchmark", got=unknown[0], expected=f"some of {', '.join(SUBJECTS)}")
    if device != "cpu" and subjects is not None:
        raise InputError(f"contests on '{device}' are one subject", got=", ".join(chosen), do="name no subjects")
    rows = []
    for subject in chosen if device == "cpu" else ("cuda",):
        for row in _rows_of(subject, quick):
            rows.append(row)
            if say is not None:
                say(row)
    return rows


def table(rows, *, command):
    """Rows as a Markdown page.

    Args:
        rows: list of Row.
        command: what was run.

    Returns:
        text.
    """
    lines = [
        "# Kernels beside their baselines", "",
        f"Written by `{command}` on {_processor()}, Python {platform.python_version()}, {_versions()}.", "",
        "Each line is a ratio of two programs that ran in turns in one process on one thread, by processor time (on a "
        "device: wall time with synchronisation): the median of the baseline over the median of dysyr's kernel, with "
        "the range of the single turns. Results were compared before anything was timed. A goal is what the kernel "
        "should reach; a line without one is there for orientation. A share is the part of a limit of this machine, "
        "measured in the same run.", "",
    ]  # fmt: skip
    missed = [row for row in rows if row.met is False]
    goals = [row for row in rows if row.met is not None]
    lines += [f"{len(goals) - len(missed)} of {len(goals)} goals are met.", ""]
    if missed:
        lines += ["Missed: " + "; ".join(f"{row.job} ({row.size}) against {row.baseline}" for row in missed) + ".", ""]
    for job in dict.fromkeys(row.job for row in rows):
        lines += [f"## {job}", "", "| size | baseline | ratio | range | goal | met | time | results | note |"]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows if row.job == job]
        lines.append("")
    return "\n".join(lines)


def line(row):
    """One row for a terminal."""
    goal = "" if row.met is None else f", goal {_number(row.goal)}: {'met' if row.met else 'MISSED'}"
    return f"{row.job} | {row.size} | {row.baseline}: {_ratio(row)}{goal}"


def _cells(row):
    spread = "" if row.spread is None else f"{_number(row.spread[0])} to {_number(row.spread[1])}"
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    goal = "" if row.goal is None else _number(row.goal)
    return [row.size, row.baseline, _ratio(row), spread, goal, met, _time(row.seconds), row.agreement, row.note]


def _ratio(row):
    if row.ratio is None:
        return "not measured"
    if row.unit == "of the limit":
        return f"{100 * row.ratio:.0f} %"
    return f"{_number(row.ratio)}{'x' if row.unit == 'x' else ' ' + row.unit}"


def _number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _time(seconds):
    size, unit = (1e6, "µs") if seconds < 1e-3 else (1e3, "ms") if seconds < 1 else (1, "s")
    return f"{size * seconds:.3g} {unit}"


def _processor():
    listing = Path("/proc/cpuinfo")
    text = listing.read_text(encoding="utf-8") if listing.is_file() else ""
    names = re.findall(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return f"one core of {names[0].strip() if names else platform.machine()}"


def _versions():
    found = []
    for name in RIVALS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def _rows_of(subject, quick):
    """Rows of one subject as they come out of its process."""
    call = [sys.executable, "-m", __name__, subject, *(["--quick"] if quick else [])]
    # what it says beside goes into a file: nobody would read a second pipe until the first one ends
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        subprocess.Popen(
            call, env={**os.environ, **ONE_THREAD}, stdout=subprocess.PIPE, stderr=said, text=True
        ) as process,
    ):
        for text in process.stdout:
            fields = json.loads(text)
            if "failure" in fields:
                raise DysyrError(fields["failure"])
            fields["spread"] = None if fields["spread"] is None else tuple(fields["spread"])
            yield Row(**fields)
        process.wait()
        said.seek(0)
        complaint = said.read().strip()
    if process.returncode:
        raise DysyrError(
            f"the benchmark of '{subject}' ended early", got=complaint.splitlines()[-1] if complaint else "no message"
        )


def main():
    """Hold the contests of one subject; one line of JSON each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subject", choices=[*SUBJECTS, "cuda"])
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    module = importlib.import_module(f"dysyr.benchmark.speed.{arguments.subject}")
    try:
        for contest in module.contests(quick=arguments.quick):
            print(json.dumps(dataclasses.asdict(_held(contest))), flush=True)
    except DysyrError as error:
        print(json.dumps({"failure": str(error)}), flush=True)


def _held(contest):
    try:
        return hold(contest)
    except Disagreement as error:
        raise DysyrError(f"{contest.job} ({contest.size}): {error}") from error


if __name__ == "__main__":
    main()
