"""How much memory and time a fit takes on long records.

    python -m dysyr.benchmark.memory -o FOLDER [--samples 10000 100000 1000000] [--methods ...] [--write FILE]

Lorenz 1963, three variables of 8 bytes, 0.02 apart, with noise of one percent. Every fit has a process of its own with
one thread, in which the same method was fitted to the first 2,000 samples before, so that libraries and compiled code
are there already. Sizes of networks, windows and lists of candidates are those of the defaults, but that
ReservoirComputer and NextGenReservoir have one candidate, as large as any; trainings are cut to a few updates and one
look at validation data, since updates take the same memory and time on a short record. HiddenTerms is left out: of a
record of any length it takes 16 segments of 50 samples.

*Before* is the resident memory of that process with the data in it, *peak* the most that it had during the fit, *more*
the difference, in MB = 10^6 bytes (Linux). *Bytes a sample* is how much the peak grows from the second longest to the
longest record, for each sample more, and *times the data* the same in units of the 24 bytes of a sample. Seconds are
those of the processor, of a fit after the first one. Measured once each: libraries keep or return what was freed as
they like, and repeats can differ by a few times the data.
"""

import argparse
import concurrent.futures
import multiprocessing
import shlex
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from dysyr import reconstruction
from dysyr.api import load_system
from dysyr.benchmark.kept import run_kept
from dysyr.core.atomic import atomic_path, write_text
from dysyr.core.errors import DysyrError
from dysyr.experiment import run_experiment
from dysyr.experiment_file import check_experiment
from dysyr.simulation.simulate import simulate

DT, NOISE, FIRST, SAMPLE = 0.02, 0.01, 2000, 3 * 8
FORCED = {"n_updates": 20, "n_refinements": 1, "n_generations": 1, "n_checks": 1, "max_restarts": 0}
TRAINED = {"n_updates": 20, "n_checks": 1}
SETTINGS = {
    "SHPLRNN": FORCED,
    "ALRNN": {**FORCED, "n_starts": 1},
    "DendPLRNN": FORCED,
    "PLRNN": FORCED,
    "PhyxMamba": {**TRAINED, "n_rollout_updates": 2},
    "HankelStNN": {"n_iterations": 3, "n_checks": 1},
    "NeuralODE": TRAINED,
    "LatentSDE": TRAINED,
    "LSTM": TRAINED,
    "GRU": TRAINED,
    "KoopmanVAE": TRAINED,
    "ReservoirComputer": {"spectral_radius": 0.9, "input_scaling": 0.15, "leak": 0.5, "jitter": 1e-3},
    "NextGenReservoir": {"n_delays": 3, "spacing": 1, "degree": 3, "jitter": 1e-3},
    "SINDy": {},
    "HankelDMD": {},
    "HAVOK": {},
    "LinearAR": {},
    "Persistence": {},
}
"""Arguments of each method beside its defaults."""
RUNS = """`dysyr run` on a text file of the longest record: reading, splitting (10 % for validation, 20 % for the test),
a fit with the defaults, all measures, ten free runs as long as the test data, the report. Peak: of the whole process,
libraries included."""


def record(n_samples):
    """(n_samples, 3) noisy samples of Lorenz 1963."""
    data = simulate(load_system("lorenz63"), n_steps=n_samples, dt=DT, observation_noise=NOISE)
    return np.array(data["x"].values[0])


def cell(name, path):
    """What a fit of a method takes, in a process of its own.

    Args:
        name: of the method.
        path: .npy file of the samples.

    Returns:
        dict of ``before`` and ``peak`` in bytes and ``seconds``; ``failure``, a text, where the fit failed.
    """
    return _in_own_process(measure, name, path)


def whole(name, path):
    """What the way from a text file to the report takes with a method, see ``measure_whole``, in a process of its own.

    Args:
        name: of the method, whose defaults are taken.
        path: .npy file of the samples.

    Returns:
        dict of ``peak`` in bytes, ``size`` of the text in bytes, ``seconds`` and ``failure``, None.
    """
    return _in_own_process(measure_whole, name, path)


def _in_own_process(function, *arguments):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def measure(name, path):
    """The same in this process, which should be fresh."""
    x = np.load(path)
    with threadpool_limits(1):
        try:
            fit(name, x[:FIRST])
            forget_peak()
            before, begun = memory("VmRSS"), time.process_time()
            fit(name, x)
        except DysyrError as error:
            return {"failure": str(error)}
    return {"before": before, "peak": memory("VmHWM"), "seconds": time.process_time() - begun, "failure": None}


def measure_whole(name, path):
    """Read a text file, fit, evaluate and report, as ``dysyr run`` does, in this process."""
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        text = Path(folder) / "record.csv"
        np.savetxt(text, np.load(path), delimiter=",", fmt="%.8g", header="x,y,z", comments="")
        tables = {
            "title": name, "seeds": [0], "data": {"path": str(text), "dt": DT},
            "split": {"validation": 0.1, "test": 0.2}, "reconstructor": [{"method": name.lower()}],
        }  # fmt: skip
        forget_peak()
        begun = time.process_time()
        run_experiment(check_experiment(tables, Path(folder) / "record.toml"), Path(folder) / "out", say=len)
        seconds = time.process_time() - begun
        return {"peak": memory("VmHWM"), "size": text.stat().st_size, "seconds": seconds, "failure": None}


def fit(name, x):
    """Fit a method with its short budget to samples (time, variable)."""
    getattr(reconstruction, name)(**SETTINGS[name]).fit(x, dt=DT, progress=False)


def forget_peak():
    """Let the peak of this process be what it has now."""
    Path("/proc/self/clear_refs").write_text("5")


def memory(name):
    """Bytes of this process that the kernel notes under a name: "VmRSS" resident now, "VmHWM" at the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    raise KeyError(name)


def table(results, samples):
    """Markdown of the results.

    Args:
        results: dict (method, samples) -> dict, see ``cell``.
        samples: lengths of the records, ascending, at least two.
    """
    lines = [
        "| method | " + " | ".join(f"more at {n:,}" for n in samples) + " | bytes a sample | times the data | "
        f"peak at {samples[-1]:,} | seconds |",
        "|---" * (len(samples) + 5) + "|",
    ]
    for name in dict.fromkeys(method for method, _ in results):
        found = [results[name, n] for n in samples]
        failures = [f"{n:,} samples: {one['failure']}" for n, one in zip(samples, found, strict=True) if one["failure"]]
        if failures:
            lines.append(f"| {name} | " + "; ".join(failures) + " |" * (len(samples) + 4))
            continue
        more = [one["peak"] - one["before"] for one in found]
        growth = (more[-1] - more[-2]) / (samples[-1] - samples[-2])
        row = [*(f"{each / 1e6:.0f} MB" for each in more), f"{growth:.0f}", f"{growth / SAMPLE:.1f}",
               f"{found[-1]['peak'] / 1e9:.2f} GB", f"{found[-1]['seconds']:.0f}"]  # fmt: skip
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def table_of_runs(results):
    """Markdown of what ``whole`` found, a dict (method, samples) -> dict."""
    lines = ["| method | samples | text | peak | seconds |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {n:,} | {one['size'] / 1e6:.0f} MB | {one['peak'] / 1e9:.2f} GB | {one['seconds']:.0f} |"
        for (name, n), one in results.items()
    ]
    return "\n".join(lines) + "\n"


def main(arguments=None):
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for records and results")
    parser.add_argument("--samples", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--methods", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--runs", nargs="*", choices=list(SETTINGS), default=["LinearAR"], help="of which whole runs")
    parser.add_argument("--write", help="Markdown file to write the page into")
    given = sys.argv[1:] if arguments is None else list(arguments)
    chosen = parser.parse_args(given)
    chosen.output.mkdir(parents=True, exist_ok=True)
    records = {n: chosen.output / f"record_{n}.npy" for n in sorted(chosen.samples)}
    for n, path in records.items():
        if not path.exists():
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.save(file, record(n))
    keys = [(name, n) for name in chosen.methods for n in records]
    tasks = {chosen.output / f"{name}_{n}.json": (name, str(records[n])) for name, n in keys}
    text = table(dict(zip(keys, run_kept(cell, tasks), strict=True)), list(records))
    longest = max(records)
    tasks = {chosen.output / f"run_{name}_{longest}.json": (name, str(records[longest])) for name in chosen.runs}
    runs = dict(zip([(name, longest) for name in chosen.runs], run_kept(whole, tasks), strict=True))
    if runs:
        text += f"\n## From a text file to the report\n\n{RUNS}\n\n{table_of_runs(runs)}"
    print(text)
    if chosen.write:
        command = f"python -m dysyr.benchmark.memory {shlex.join(given)}"
        body = __doc__.split("\n\n", 2)[2]
        write_text(chosen.write, f"# Memory on long records\n\nWritten by `{command}`.\n\n{body}\n{text}")


if __name__ == "__main__":
    main()
