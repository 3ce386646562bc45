"""One map for ten environments: the Lotka-Volterra protocol of LEADS with windows of delays.

    python -m dysyr.benchmark.environments [--seeds 5] [--write FILE]

Ten pairs of growth and decay rates, one trajectory of 20 samples 0.5 apart to train on in each, 32 other starts in each
for the test (Yin et al. 2021, LEADS). LEADS is given the environment and the first sample, and learns a field that all
environments share and one for each. Here nothing says which environment a trajectory is from: one map predicts from a
window of 8 samples, which shows it, and the test begins after them; below that the same map is given the first sample
alone. Mean squared error over samples, variables and trajectories, data units; median over seeds, brackets their range.
"""

import argparse
import shlex
import sys

import numpy as np
from scipy.integrate import solve_ivp

from dysyr.benchmark.spread import spread
from dysyr.benchmark.window_rivals import DenseDelays
from dysyr.core.atomic import write_text
from dysyr.reconstruction.hankel_stnn import HankelStNN

ENVIRONMENTS = (
    (0.5, 0.5), (0.25, 0.5), (0.75, 0.5), (1.0, 0.5), (0.5, 0.25), (0.5, 0.75), (0.5, 1.0), (0.25, 0.25), (0.75, 0.75),
    (1.0, 1.0),
)  # fmt: skip
"""Growth of the prey and decay of the predators."""
TIMES = np.arange(0, 10, 0.5)
INTERACTION, N_TEST, WINDOW = 0.5, 32, 8
PUBLISHED = (1.16e-3, 0.99e-3)
SETTINGS = {"window": WINDOW, "n_rollout": 6, "n_windows": 400, "n_iterations": 150, "jitter": 0.05, "n_checks": 10}


def orbit(growth, decay, start):
    """(20, 2) samples of prey and predators from a start."""

    def field(t, x):
        eaten = INTERACTION * x[0] * x[1]
        return [growth * x[0] - eaten, eaten - decay * x[1]]

    return solve_ivp(field, (0, 10), start, t_eval=TIMES, rtol=1e-9, atol=1e-9).y.T


def trajectories(n, seed):
    """(environment, n, 20, 2) orbits whose starts, uniform in [1, 2]^2, are the same in each environment."""
    starts = np.random.default_rng(seed).uniform(1, 2, (n, 2))
    return np.array([[orbit(*rates, start) for start in starts] for rates in ENVIRONMENTS])


def errors(method, train, test):
    """(error after windows of 8 samples, error after one) of a method that is fitted here, and its parameters."""
    series = list(train[:, 0])
    fitted = method.fit(series, validation=series, dt=TIMES[1], progress=False)
    flat = test.reshape(-1, *test.shape[2:])
    found = []
    for known in (WINDOW, 1):
        ahead = fitted.forecast(list(flat[:, :known]), n_steps=len(TIMES) - known)["x"].values
        found.append(float(((ahead - flat[:, known:]) ** 2).mean()))
    return found


def persistence(test):
    """The same errors of the last known sample, held."""
    return [float(((test[:, :, known - 1 : known] - test[:, :, known:]) ** 2).mean()) for known in (WINDOW, 1)]


def table(n_seeds):
    """Markdown of the errors of all methods."""
    rows = {
        "HankelStNN": lambda seed: HankelStNN(n_blocks=2, seed=seed, **SETTINGS),
        "dense, same width": lambda seed: DenseDelays(n_units=2 * WINDOW, seed=seed, **SETTINGS),
        "dense, 64 units": lambda seed: DenseDelays(n_units=64, seed=seed, **SETTINGS),
    }
    lines = ["| method | error after 8 samples | error after 1 sample |", "|---|---|---|"]
    for name, make in rows.items():
        found = [
            errors(make(seed), trajectories(1, seed), trajectories(N_TEST, 10_000 + seed)) for seed in range(n_seeds)
        ]
        lines.append(f"| {name} | " + " | ".join(spread(list(column)) for column in zip(*found, strict=True)) + " |")
    held = persistence(trajectories(N_TEST, 10_000))
    lines.append("| persistence | " + " | ".join(f"{value:.3g}" for value in held) + " |")
    lines.append(f"| *LEADS, as published, environments known* | – | {PUBLISHED[0]:.3g} ± {PUBLISHED[1]:.2g} |")
    return "\n".join(lines) + "\n"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--write", help="Markdown file to write the table into")
    given = parser.parse_args()
    found = table(given.seeds)
    print(found)
    if given.write:
        command = f"python -m dysyr.benchmark.environments {shlex.join(sys.argv[1:])}"
        body = __doc__.split("\n\n", 2)[2]
        write_text(given.write, f"# One map for ten environments\n\nWritten by `{command}`.\n\n{body}\n{found}")


if __name__ == "__main__":
    main()
