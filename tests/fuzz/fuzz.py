"""Coverage-guided fuzzing of everything that reads what a user gives, for a bounded time: ``make fuzz``.

    python tests/fuzz/fuzz.py TARGET --seconds 60         with atheris, which learns from coverage
    python tests/fuzz/fuzz.py TARGET --runs 500           without it: seeds, each changed at random
    python tests/fuzz/fuzz.py TARGET FILE...              the given inputs once, with tracebacks

An input may succeed or be refused with a DysyrError (on the command line: an exit code and a message). It may not raise
anything else, run code, start a process, connect, or touch a file that it was not told to. What does is kept in
out/fuzz/TARGET/found, one input for each place in the code, and what reached new code in out/fuzz/TARGET/corpus.
"""

import argparse
import collections
import contextlib
import importlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from guard import PACKAGE, Guard, LeftOut, Trespass
from mutation import mutator

TARGETS = ("expressions", "systems", "experiments", "tables", "arrays", "runs", "folders", "commands")
MOST_SECONDS = 20
"""Processor time after which one input is stopped: it may be slow, but is counted."""
HELD_SECONDS = 120
"""Time after which an input that holds the interpreter, in compiled code, ends the run; it is kept as timeout-..."""
MOST_BYTES = 8_000_000
MEMORY = 12 << 30


class TooLong(BaseException):
    """An input took more than its time."""


class Session:
    """One target, and what became of its inputs.

    Attributes:
        counts: how many inputs were read, refused, left out, stopped, or wrong.
        found: {place: message} of the defects.
    """

    def __init__(self, target, work, kept):
        self.target, self.work, self.kept = target, work, kept
        self.counts, self.found = collections.Counter(), {}
        self.guard, self.begin = Guard(), time.monotonic()

    def run(self, data, *, loud=False):
        """Read one input; a defect is kept."""
        from dysyr.core.errors import DysyrError
        from dysyr.kernels.cache_folder import cache_folder

        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
        try:
            with warnings.catch_warnings(), self.guard.armed(self.work, cache_folder(), PACKAGE / "kernels"):
                warnings.simplefilter("ignore")
                self.target.read(data)
            outcome = "read"
        except DysyrError as error:
            outcome = "refused" if str(error).strip() else self._defect(error, data, loud)
        except LeftOut:
            outcome = "left out"
        except TooLong:
            outcome = "stopped"
            self._keep("slow", data)
        except (Exception, Trespass) as error:
            outcome = self._defect(error, data, loud)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if self.guard.seen and outcome != "wrong":
            outcome = self._defect(Trespass(self.guard.seen[0]), data, loud)
        self.counts[outcome] += 1

    def _defect(self, error, data, loud):
        if loud:
            traceback.print_exception(error)
        frames = [f for f in traceback.extract_tb(error.__traceback__) if str(PACKAGE) in f.filename]
        where = f"{Path(frames[-1].filename).name}-{frames[-1].lineno}" if frames else "nowhere"
        place = getattr(error, "place", None) or f"{type(error).__name__}-{where}"
        if place not in self.found:
            self.found[place] = f"{type(error).__name__}: {error}"[:300]
            print(f"found {place}: {self.found[place]}", flush=True)
            self._keep(place, data)
        return "wrong"

    def _keep(self, place, data):
        folder = self.kept / "found"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(data)

    def summary(self):
        total = sum(self.counts.values())
        said = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        seconds = time.monotonic() - self.begin
        return f"{type(self.target).__name__}: {total} inputs in {seconds:.0f} s: {said}; {len(self.found)} defects"


def make_target(name, folder):
    """The target of a name, in a folder of its own."""
    folder.mkdir(parents=True)
    home = name if name in ("commands", "folders") else "inputs"
    return getattr(importlib.import_module(home), name.capitalize())(folder)


def instrumented_imports(atheris):
    """Import all of dysyr so that its coverage is seen; kernels stay as they are, since numba compiles them."""
    names = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in PACKAGE.rglob("*.py")]
    names = [".".join(parts).removesuffix(".__init__") for parts in names]
    kernels = [name for name in names if name.startswith("dysyr.kernels")]
    with atheris.instrument_imports(include=["dysyr"], exclude=kernels):
        for name in sorted(names):
            if not name.startswith(("dysyr.kernels", "dysyr.__main__", "dysyr.benchmark.speed")):
                __import__(name)


def guided(session, seconds):
    """Fuzz with atheris until the time is over; does not return."""
    import atheris

    end = time.monotonic() + seconds
    change = mutator(*session.target.kinds)

    def one_input(data):
        if time.monotonic() > end:
            sys.stdout.flush()
            print(session.summary(), flush=True)
            shutil.rmtree(session.work, ignore_errors=True)
            os._exit(1 if session.found else 0)
        session.run(data)

    def mutate(data, most, seed):
        if seed % 4 == 0:
            return atheris.Mutate(data, most)
        anew = seed % 4 == 1
        return change(session.target.seeds[seed // 4 % len(session.target.seeds)] if anew else data, most, seed)

    corpus = session.kept / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for k, seed in enumerate(session.target.seeds):
        (corpus / f"seed-{k}").write_bytes(seed)
    most = max(4096, 2 * max(map(len, session.target.seeds)))
    found = session.kept / "found"
    found.mkdir(exist_ok=True)
    options = [f"-max_len={most}", f"-timeout={HELD_SECONDS}", f"-artifact_prefix={found}/"]
    options += ["-rss_limit_mb=0", "-verbosity=0"]
    atheris.Setup([sys.argv[0], str(corpus), *options], one_input, custom_mutator=mutate)
    atheris.Fuzz()


def unguided(session, runs, seed):
    """Every seed once, then seeds changed at random."""
    rng, change = random.Random(seed), mutator(*session.target.kinds)
    for data in session.target.seeds[:runs]:
        session.run(data)
    for _ in range(runs - len(session.target.seeds)):
        session.run(change(rng.choice(session.target.seeds), MOST_BYTES, rng.randrange(1 << 30)))


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("target", choices=TARGETS)
    asked.add_argument("files", nargs="*", type=Path)
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--runs", type=int, help="so many inputs, without atheris")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--output", type=Path, default=Path("out/fuzz"))
    given = asked.parse_args()
    kept = (given.output / given.target).absolute()
    if given.runs is None and not given.files:
        import atheris

        instrumented_imports(atheris)
    signal.signal(signal.SIGVTALRM, _stop)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    files = [path.read_bytes() for path in given.files]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, contextlib.chdir(folder):
        session = Session(make_target(given.target, Path(folder) / "work"), Path(folder), kept)
        for data in files:
            session.run(data, loud=True)
        if not files and given.runs is None:
            guided(session, given.seconds)
        if not files:
            unguided(session, given.runs, given.seed)
        print(session.summary())
    sys.exit(1 if session.found else 0)


def _stop(signal_number, frame):
    raise TooLong


if __name__ == "__main__":
    main()
