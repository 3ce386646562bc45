"""What it saves to fit the seeds of a PLRNN side by side instead of one after another.

    python -m dysyr.benchmark.seed_batches [--seeds 5] [--rounds 3] [--write FILE]

Lorenz 1963, 3000 samples with noise of one percent. The seeds of each setting are fitted alone, one after another, and
together by ``fit_seeds``, as a sweep does it; processor time on one core, in turns. Gain: median over the rounds of the
ratio of the two times. "Descent": gradient descent and the choice of a checkpoint alone; only the former runs side by
side. SHPLRNN has a quarter of the length of its defaults, ALRNN a twentieth, both without restarts.
"""

import argparse
import shlex
import sys
import time

import numpy as np
from sklearn.base import clone

from dysyr.api import load_system
from dysyr.core.atomic import write_text
from dysyr.reconstruction import ALRNN, PLRNN, SHPLRNN, DendPLRNN
from dysyr.reconstruction.plrnn import fit_seeds
from dysyr.simulation.simulate import simulate

SETTINGS = {
    "SHPLRNN": SHPLRNN(n_updates=500, n_refinements=10, n_checks=5, max_restarts=0),
    "SHPLRNN, descent": SHPLRNN(n_updates=500, n_refinements=0, n_checks=1, max_restarts=0),
    "ALRNN": ALRNN(n_updates=1500, n_generations=10, n_checks=1, max_restarts=0),
    "ALRNN, descent": ALRNN(n_updates=1500, n_generations=0, n_checks=1, max_restarts=0),
    "DendPLRNN, descent": DendPLRNN(n_updates=500, n_refinements=0, n_checks=1, max_restarts=0),
    "PLRNN, descent": PLRNN(n_updates=500, n_refinements=0, n_generations=0, n_checks=1, max_restarts=0),
}


def training_data(n_steps=3000):
    """Lorenz 1963 with noise of one percent, a Dataset."""
    return simulate(load_system("lorenz63"), n_steps=n_steps, observation_noise=0.01)


def measure(method, data, n_seeds, n_rounds):
    """Fit seeds alone and together, in turns.

    Args:
        method: ForcedReconstructor.
        data: Dataset.
        n_seeds: seeds 0, 1, ...
        n_rounds: how often both are timed.

    Returns:
        (alone, together, same): (n_rounds,) processor seconds of each, and whether all models have the same bits.
    """
    alone, together, same = [], [], True
    for _ in range(n_rounds):
        apart, beside = ([clone(method).set_params(seed=seed) for seed in range(n_seeds)] for _ in range(2))
        start = time.process_time()
        for one in apart:
            one.fit(data, progress=False)
        alone.append(time.process_time() - start)
        start = time.process_time()
        errors = fit_seeds(beside, data)
        together.append(time.process_time() - start)
        same &= all(error is None for error in errors) and all(
            np.array_equal(array, other.model_.arrays()[name])
            for one, other in zip(apart, beside, strict=True)
            for name, array in one.model_.arrays().items()
        )
    return np.array(alone), np.array(together), same


def row(name, alone, together, same):
    """One line of the table."""
    gain = alone / together
    spread = f"{gain.min():.2f} to {gain.max():.2f}"
    times = f"{np.median(alone):.1f} | {np.median(together):.1f}"
    return f"| {name} | {times} | {np.median(gain):.2f} | {spread} | {'yes' if same else 'NO'} |"


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--settings", nargs="*", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--write", help="Markdown file to write the page into")
    given = sys.argv[1:] if arguments is None else list(arguments)
    chosen = parser.parse_args(given)
    data = training_data()
    command = shlex.join(["python", "-m", "dysyr.benchmark.seed_batches", *given])
    lines = [
        "# Seeds of a PLRNN side by side", "", f"Written by `{command}`.", "",
        *__doc__.replace("``", "`").split("\n\n", 2)[2].strip().splitlines(), "",
        f"{chosen.seeds} seeds, {chosen.rounds} rounds.", "",
        "| setting | alone, s | together, s | gain | range | same bits |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    print("\n".join(lines), flush=True)
    right = True
    for name in chosen.settings:
        measure(clone(SETTINGS[name]).set_params(n_updates=2), data, 2, 1)  # compiles what is not there yet
        alone, together, same = measure(SETTINGS[name], data, chosen.seeds, chosen.rounds)
        lines.append(row(name, alone, together, same))
        print(lines[-1], flush=True)
        right &= same
    if chosen.write:
        write_text(chosen.write, "\n".join(lines) + "\n")
    return int(not right)


if __name__ == "__main__":
    sys.exit(main())
