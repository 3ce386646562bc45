"""What a sweep stands: kills at random moments, workers started by hand, and what a second worker is worth.

    python -m dysyr.benchmark.sweep_trials SWEEP -o FOLDER [--kills 5] [--seed 0] [--write FILE]

The sweep runs once on one worker, once on two, once with kills, and once on a scheduler and two workers that are
processes of their own. Each kill comes when a random number of tasks is finished, and is one of three: the command
with all its workers, the command alone, or a worker. After the first two the same command is given again, as a user
would. All four must end with the same table, but for the processor time of fits.
"""

import argparse
import csv
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from dysyr.benchmark.sweep_file import read_sweep
from dysyr.core.atomic import write_text
from dysyr.core.errors import DysyrError

VICTIMS = ("the command and its workers", "the command alone", "a worker")
POLL = 0.05
STARTED = "sweep.json"


def start(file, out, *options):
    """The command ``dysyr sweep`` in a process group of its own, its output in ``out`` + ``.log``."""
    with open(f"{out}.log", "a", encoding="utf-8") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dysyr", "sweep", str(file), "-o", str(out), *options],
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def finish(running, out):
    """Wait for a command; raises DysyrError with the end of its output where it fails."""
    if running.wait() != 0:
        said = Path(f"{out}.log").read_text(encoding="utf-8")
        raise DysyrError("the sweep failed", got=said[-500:])


def n_finished(out):
    """Tasks whose scores are written."""
    return len(list(Path(out).glob("runs/*/*/*/metrics.json")))


def workers_of(running):
    """Process numbers of the workers that a command has started."""
    import psutil

    children = psutil.Process(running.pid).children(recursive=True)
    return [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]


def run_with_kills(file, out, n_kills, rng):
    """The sweep, killed at random moments.

    Args:
        file: the sweep file.
        out: folder of the results.
        n_kills: how many.
        rng: numpy Generator.

    Returns:
        list of (number of finished tasks, who was killed).

    Raises:
        DysyrError: the command ended by itself although tasks were left, or it failed.
    """
    n_tasks = len(read_sweep(file).tasks())
    moments = np.sort(rng.choice(n_tasks - 4, n_kills, replace=False))
    victims = rng.permutation(np.resize(np.arange(len(VICTIMS)), n_kills))
    kills, running = [], start(file, out)
    for moment, victim in zip(moments.tolist(), victims.tolist(), strict=True):
        while n_finished(out) < moment or not (Path(out) / STARTED).exists() or not (victim < 2 or workers_of(running)):
            if running.poll() is not None:
                raise DysyrError("the sweep ended before it was killed", got=f"{n_finished(out)} finished tasks")
            time.sleep(POLL)
        time.sleep(rng.uniform(0.0, 1.0))
        kills.append((n_finished(out), VICTIMS[victim]))
        if victim == 2:
            os.kill(int(rng.choice(workers_of(running))), signal.SIGKILL)
            continue
        if victim == 0:
            os.killpg(running.pid, signal.SIGKILL)
        else:
            running.kill()
        running.wait()
        running = start(file, out)
    finish(running, out)
    return kills


def run_on_own_scheduler(file, out):
    """The sweep on a Dask scheduler and two workers, each a process started beforehand."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    port = address.rpartition(":")[2]
    programs = [["scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"]]
    programs += [["worker", address, "--nthreads", "1", "--no-dashboard"]] * 2
    own = [
        subprocess.Popen([sys.executable, "-m", f"distributed.cli.dask_{name}", *rest], stderr=subprocess.DEVNULL)
        for name, *rest in programs
    ]
    try:
        finish(start(file, out, "--scheduler", address), out)
    finally:
        for process in own:
            process.kill()
            process.wait()


def table(out):
    """Rows of the table of a sweep without the processor time, which is never the same."""
    rows = list(csv.DictReader((Path(out) / "table.csv").read_text(encoding="utf-8").splitlines()))
    return sorted(tuple(value for key, value in row.items() if key != "fit_seconds") for row in rows)


def timed(run):
    """Seconds on the clock that a call takes."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def page(command, sweep, seconds, kills, same):
    """The page of results, Markdown."""
    n_tasks = len(sweep.tasks())
    methods = {task.label for task in sweep.tasks()}
    lines = [
        "# What a sweep stands", "", f"Written by `{command}`.", "",
        f"{n_tasks} tasks: {len(sweep.conditions)} data sets, {len(methods)} methods, "
        f"{n_tasks // len(sweep.conditions) // len(methods)} seeds. Seconds on the clock, with starting and stopping.",
        "", "| run | seconds | same table as on one worker |", "|---|---|---|",
    ]  # fmt: skip
    for name, value in seconds.items():
        verdict = "–" if name not in same else "yes" if same[name] else "NO"
        lines.append(f"| {name} | {value:.0f} | {verdict} |")
    gain = seconds["one worker"] / seconds["two workers"]
    lines += ["", f"Two workers finish {gain:.2f} times as many tasks a second as one.", ""]
    lines += ["| tasks finished at the kill | killed (SIGKILL) |", "|---|---|"]
    lines += [f"| {n} | {who} |" for n, who in kills]
    return "\n".join(lines) + "\n"


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, help="Markdown file to write the page into")
    given = sys.argv[1:] if arguments is None else list(arguments)
    chosen = parser.parse_args(given)
    file, sweep, kills = chosen.sweep.absolute(), read_sweep(chosen.sweep), []
    chosen.out.mkdir(parents=True)
    rng = np.random.default_rng(chosen.seed)

    def plainly(out, n_workers):
        finish(start(file, out, "--workers", str(n_workers)), out)

    runs = {
        "one worker": lambda out: plainly(out, 1),
        "two workers": lambda out: plainly(out, 2),
        f"killed {chosen.kills} times": lambda out: kills.extend(run_with_kills(file, out, chosen.kills, rng)),
        "scheduler and workers of one's own": lambda out: run_on_own_scheduler(file, out),
    }
    seconds, same, first = {}, {}, None
    for number, (name, run) in enumerate(runs.items()):
        out = chosen.out / f"run_{number}"
        seconds[name] = timed(lambda run=run, out=out: run(out))
        if first is None:
            first = table(out)
        else:
            same[name] = table(out) == first
        print(f"{name}: {seconds[name]:.0f} s", flush=True)
    text = page(f"python -m dysyr.benchmark.sweep_trials {shlex.join(given)}", sweep, seconds, kills, same)
    print(text)
    if chosen.write:
        write_text(chosen.write, text)
    return int(not all(same.values()))


if __name__ == "__main__":
    sys.exit(main())
