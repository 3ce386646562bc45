"""How well the exponents of a flow can be met by a piecewise-linear map with a given number of kinks.

    python -m dysyr.benchmark.kink_limit [--kinks 48 96 192 384] [--write docs/results/kink_limit.md]

The one-step map of Lorenz 1963 (dt 0.01) is a linear map plus the products xy and xz, nearly. Products are differences
of squares, (a + b)^2 - (a - b)^2 = 4ab, so a map with evenly spaced kinks across the four diagonals follows it well:

    F(z) = A z + W1 relu(W2 z + h2) + h1,     rows of W2: the diagonals, h2: evenly over the range of the data

A, W1, h1 are found by linear least squares on clean data: no training, no noise, no local minimum. What is left is
the price of the kinks. Where the neutral and the unstable direction of the flow nearly coincide, a Jacobian that is
constant over a cell mixes them: the largest exponent falls, and the zero rises.
"""

import argparse
import shlex
import sys

import numpy as np

from dysyr.api import load_system
from dysyr.core.atomic import write_text
from dysyr.core.errors import InputError
from dysyr.core.scaler import Scaler
from dysyr.kernels.shallow_plrnn import Parameters
from dysyr.reconstruction.plrnn.shallow_model import ShallowPLRNN
from dysyr.simulation.simulate import simulate
from dysyr.spectrum import lyapunov_spectrum

DIAGONALS = np.array([[1, 1, 0], [1, -1, 0], [1, 0, 1], [1, 0, -1]]) / np.sqrt(2)
N_TRAIN = 80_000
FAR = 10.0


def map_with_even_kinks(n_kinks, *, seed=0):
    """The least-squares fit to Lorenz 1963 with evenly spaced kinks.

    Args:
        n_kinks: number of kinks, a multiple of 4; three more units, which never switch, carry the linear part.
        seed: of the data.

    Returns:
        (ShallowPLRNN, root mean squared one-step error per variable in standard deviations).

    Raises:
        InputError: a number of kinks that is no multiple of 4.
    """
    if n_kinks < 4 or n_kinks % 4:
        raise InputError("kinks lie across four diagonals", got=str(n_kinks), expected="a multiple of 4")
    data = simulate(load_system("lorenz63"), n_steps=N_TRAIN, dt=0.01, seed=seed)
    scaler = Scaler.from_data([data["x"].values[0]])
    x = scaler.transform(data["x"].values[0])
    weights, offsets = [np.eye(3)], [np.full(3, FAR)]
    for direction in DIAGONALS:
        along = x @ direction
        weights.append(np.tile(direction, (n_kinks // 4, 1)))
        offsets.append(-np.linspace(along.min(), along.max(), n_kinks // 4 + 2)[1:-1])
    w2, h2 = np.concatenate(weights), np.concatenate(offsets)
    features = np.concatenate([np.maximum(x[:-1] @ w2.T + h2, 0.0), np.ones((len(x) - 1, 1))], axis=1)
    solution = np.linalg.lstsq(features, x[1:])[0]
    none = np.zeros((0, 3))
    parameters = Parameters(
        A=np.zeros(3), W1=solution[:-1].T, W2=w2, h1=solution[-1], h2=h2, C=none.T, L=none, B=none
    )  # fmt: skip
    model = ShallowPLRNN(
        parameters, scaler=scaler, dt=0.01, names=("x", "y", "z"), initial_states=x[:: N_TRAIN // 64]
    )
    return model, np.sqrt(((features @ solution - x[1:]) ** 2).mean(axis=0))


def table(kinks, *, n_steps=50_000, n_trajectories=64, seed=0):
    """Markdown table: exponents against the number of kinks.

    Args:
        kinks: numbers of kinks.
        n_steps: steps of each trajectory.
        n_trajectories: trajectories.
        seed: of data and trajectories.

    Returns:
        text.
    """
    known = {invariant["name"]: invariant["value"] for invariant in load_system("lorenz63").invariants}
    truth = known["lyapunov_spectrum"]
    lines = [
        "| kinks | one-step error (standard deviations) | largest exponent | against the truth | second exponent "
        "| their sum |",
        "|---|---|---|---|---|---|",
    ]
    for n in kinks:
        model, error = map_with_even_kinks(n, seed=seed)
        measure = lyapunov_spectrum(model, n_steps=n_steps, n_trajectories=n_trajectories, seed=seed)
        (first, second), (first_error, second_error) = measure.value[:2], measure.stderr[:2]
        lines.append(
            f"| {n} | {np.sqrt((error**2).mean()):.2g} | {first:.4f} ± {first_error:.4f} "
            f"| {100 * (first / truth[0] - 1):+.1f} % | {second:+.4f} ± {second_error:.4f} | {first + second:.4f} |"
        )
    lines.append(f"| truth | | {truth[0]:.4f} | | {truth[1]:+.4f} | {truth[0] + truth[1]:.4f} |")
    return "\n".join(lines) + "\n"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinks", type=int, nargs="+", default=[24, 48, 96, 192, 384])
    parser.add_argument("--write", help="Markdown file to write the table into")
    given = parser.parse_args()
    text = table(given.kinks)
    print(text)
    if given.write:
        command = f"python -m dysyr.benchmark.kink_limit {shlex.join(sys.argv[1:])}"
        body = __doc__.split("\n\n", 2)[2]
        write_text(
            given.write,
            f"# What kinks cost: exponents of piecewise-linear maps\n\nWritten by `{command}`.\n\n{body}\n{text}",
        )


if __name__ == "__main__":
    main()
