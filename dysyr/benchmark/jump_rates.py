"""How well the rates of a flashing ratchet are found from few or many paths, clean or mislabelled.

    python -m dysyr.benchmark.jump_rates [--seeds 20] [--paths 1 10 30 100 300] [--write docs/results/jumpem.md]

A particle hops between three sites of a ring in a potential V that is switched on (states 0 to 2) and off (3 to 5):

    q_ij = exp(-V (j - i) / 2) on,  q_ij = 1 off,  q_(i, i+3) = q_(i+3, i) = 1,  V = 1

Paths begin in the stationary distribution and are seen at 100 times on [0, 2.5]. With label noise each label is moved
to another state with the given probability. All methods see the same paths. The error is the root mean squared one over
the 30 rates off the diagonal, 12 of which are zero; a method that has no estimate, since some state is never left, is
listed with the number of its failures. The constant is the mean of the true rates, which no method knows.
"""

import argparse
import shlex
import sys
import warnings

import numpy as np
import scipy.stats

from dysyr.api import load_system
from dysyr.core.atomic import write_text
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.core.rate_matrix import stationary_distribution, transition_matrices
from dysyr.reconstruction.jump_em import JumpEM, RateWarning

DURATION, N_SAMPLES = 2.5, 100
N_PATHS = (1, 10, 30, 100, 300)
NOISES = (0.0, 0.01, 0.1)
METHODS = {
    "naive counts": {"estimator": "counts"},
    "matrix logarithm": {"estimator": "matrix_log"},
    "maximum likelihood": {"estimator": "em"},
    "MAP": {"estimator": "map"},
    "MAP, noise learned": {"estimator": "map", "label_noise": "learn"},
}
LEVELS = (0.68, 0.95)


def observed(q, n_paths, noise, seed):
    """Paths of a chain on the grid, exact in law.

    Args:
        q: (state, state) rates.
        n_paths: number of paths.
        noise: probability that a label is moved to another state.
        seed: of everything.

    Returns:
        Dataset with the labels in x.
    """
    rng, n = np.random.default_rng([seed, n_paths]), len(q)
    dt = DURATION / (N_SAMPLES - 1)
    table = np.cumsum(transition_matrices(q, [dt])[0], axis=1)
    table[:, -1] = 1.0
    x = np.empty((n_paths, N_SAMPLES), dtype=np.int64)
    x[:, 0] = rng.choice(n, n_paths, p=stationary_distribution(q))
    for k in range(1, N_SAMPLES):
        x[:, k] = (rng.random(n_paths)[:, None] >= table[x[:, k - 1]]).sum(axis=1)
    moved = rng.random(x.shape) < noise
    x[moved] = (x[moved] + rng.integers(1, n, moved.sum())) % n
    return make_dataset(x[..., None], dt=dt)


def fitted(data, arguments):
    """The model of a method, or None where the data leave it without an estimate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RateWarning)
        try:
            return JumpEM(n_states=6, **arguments).fit(data, progress=False).model_
        except InputError:
            return None


def error_of(model, q):
    """Root mean squared error over the rates off the diagonal; NaN without a model."""
    off = ~np.eye(len(q), dtype=bool)
    return np.nan if model is None else float(np.sqrt(((model.rate_matrix - q)[off] ** 2).mean()))


def run(seeds, n_paths=N_PATHS, noises=NOISES):
    """Fit every method to the same paths.

    Args:
        seeds: seeds of the paths.
        n_paths: numbers of paths.
        noises: label noises.

    Returns:
        list of dict, one per cell: ``paths``, ``noise``, ``errors`` (method -> (seed,) array, NaN where it failed), and
        of the last method ``covered`` ((seed, level) shares of the rates that differ from zero inside their intervals),
        ``learned`` (noises) and ``slowest`` (time scales).
    """
    q = load_system("flashing_ratchet").rate_matrix
    present = (q > 0) & ~np.eye(6, dtype=bool)
    cells = []
    for noise in noises:
        for count in n_paths:
            errors = {name: [] for name in METHODS}
            covered, learned, slowest = [], [], []
            for seed in seeds:
                data = observed(q, count, noise, seed)
                for name, arguments in METHODS.items():
                    model = fitted(data, arguments)
                    errors[name].append(error_of(model, q))
                z = np.abs((model.rate_matrix - q)[present] / model.rate_stderr[present])
                covered.append([(z < scipy.stats.norm.ppf(0.5 + level / 2)).mean() for level in LEVELS])
                learned.append(model.label_noise)
                slowest.append(model.time_scales()[0][0])
            cells.append(
                {"paths": count, "noise": noise, "errors": {name: np.array(e) for name, e in errors.items()},
                 "covered": np.array(covered), "learned": np.array(learned), "slowest": np.array(slowest)}
            )  # fmt: skip
    return cells


def tables(cells):
    """Two Markdown tables: errors of all methods, and what the noise-aware one says beside its rates."""
    off = load_system("flashing_ratchet").rate_matrix[~np.eye(6, dtype=bool)]
    lines = [
        "| label noise | paths | constant | " + " | ".join(METHODS) + " |",
        "|---|---|---|" + "---|" * len(METHODS),
    ]
    for cell in cells:
        shown = [_summary(errors) for errors in cell["errors"].values()]
        lines.append(f"| {cell['noise']:g} | {cell['paths']} | {off.std():.3f} | " + " | ".join(shown) + " |")
    lines += [
        "", "Of MAP with learned noise: share of the 18 rates that differ from zero inside 68 % and 95 % intervals"
        " (rate ± z stderr), label noise found, and slowest time scale (true 0.5), each mean ± standard deviation.", "",
        "| label noise | paths | 68 % | 95 % | noise found | slowest time scale |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for cell in cells:
        inside = 100 * cell["covered"].mean(axis=0)
        found = f"{_spread(cell['learned'], 4)} | {_spread(cell['slowest'], 3)}"
        lines.append(f"| {cell['noise']:g} | {cell['paths']} | {inside[0]:.0f} | {inside[1]:.0f} | {found} |")
    return "\n".join(lines) + "\n"


def _summary(errors):
    """Mean ± standard error (median), and how many failed."""
    there = errors[np.isfinite(errors)]
    failed = len(errors) - len(there)
    if len(there) < 2:
        return f"{failed} failed"
    stderr = there.std(ddof=1) / np.sqrt(len(there))
    text = f"{there.mean():.3f} ± {stderr:.3f} ({np.median(there):.3f})"
    return f"{text}, {failed} failed" if failed else text


def _spread(values, digits):
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="number of seeds, at least 2")
    parser.add_argument("--paths", type=int, nargs="+", default=list(N_PATHS))
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    text = tables(run(range(given.seeds), given.paths))
    print(text)
    if given.write:
        command = f"python -m dysyr.benchmark.jump_rates {shlex.join(sys.argv[1:])}"
        body = __doc__.split("\n\n", 2)[2]
        write_text(
            given.write,
            f"# Rates of a flashing ratchet\n\nWritten by `{command}`.\n\n{body}\nErrors are mean ± standard error "
            f"(median) over {given.seeds} seeds.\n\n{text}",
        )


if __name__ == "__main__":
    main()
