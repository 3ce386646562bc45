"""How well rates of an ion channel are found from its current, at once or in two steps.

    python -m dysyr.benchmark.channel_current [--seeds 5] [--write docs/results/channel_current.md]

The two-state channel of the catalogue (dt 0.5) has levels 0 and 1, the three-state one (dt 0.1) levels 0 shut, 0.5
blocked and 1 open; noise of the given standard deviation is added to each of 6,000 samples. All methods see the same
currents. Labels are those of a mixture of normal laws (the better of two starts), without regard to time, each sample
going to its most probable component; rates are fitted to them as if they were true, or with label noise learned. Known
labels, which no method has, show what the jumps themselves allow. The error is the median over rates of
|ln(found / true)|, so that slow and fast ones count alike.
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
from dysyr.reconstruction.jump_em import JumpEM, RateWarning, select_n_states
from dysyr.simulation.observation import GaussianEmission
from dysyr.simulation.simulate import simulate

N_SAMPLES = 6000
LEVELS = {"two_state_channel": (0.0, 1.0), "three_state_channel": (0.0, 1.0, 0.5)}
NOISES = (0.1, 0.3)
METHODS = ("known labels", "signal", "labels of a mixture", "labels, noise learned")
N_SWEEPS = 200


def current(system, noise, seed):
    """A current, its states numbered by level, and the rates in that order.

    Args:
        system: name in the catalogue.
        noise: standard deviation about each level.
        seed: of the jumps and the noise.

    Returns:
        Dataset of the current, (time,) states, and (state, state) rate matrix.
    """
    channel, levels = load_system(system), LEVELS[system]
    clean = simulate(channel, n_steps=N_SAMPLES, seed=seed)
    order = np.argsort(levels)
    states = np.argsort(order)[clean["label"].values[0]]
    data = GaussianEmission(levels, (noise,) * len(levels))(clean, seed)
    rates = channel.rate_matrix[np.ix_(order, order)]
    return make_dataset(data["x"].values, dt=channel.dt, names=["current"]), states, rates


def mixture_labels(y, n_states):
    """(time,) most probable component of each value in a mixture of normal laws fitted by expectation-maximisation."""
    apart = np.linspace(*np.quantile(y, (0.002, 0.998)), n_states)
    starts = (np.quantile(y, (np.arange(n_states) + 0.5) / n_states), apart)
    return max((_mixture(y, means) for means in starts), key=lambda found: found[0])[1]


def _mixture(y, means):
    """Log-likelihood and labels after expectation-maximisation from given means."""
    n_states = len(means)
    sds, weights = np.full(n_states, y.std() / n_states), np.full(n_states, 1 / n_states)
    for _ in range(N_SWEEPS):
        share = weights * scipy.stats.norm.pdf(y[:, None], means, sds) + 1e-300
        total = share.sum(axis=1, keepdims=True)
        share /= total
        weights = share.mean(axis=0)
        means = share.T @ y / share.sum(axis=0)
        sds = np.maximum(np.sqrt((share * (y[:, None] - means) ** 2).mean(axis=0) / weights), 1e-3 * y.std())
    return np.log(total).sum(), np.argsort(np.argsort(means))[share.argmax(axis=1)]


def fitted(method, data, states, n_states):
    """The model of a method."""
    dt = data.attrs["dt"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RateWarning)
        if method == "signal":
            return JumpEM(emission="gaussian", n_states=n_states).fit(data, progress=False).model_
        labels = states if method == "known labels" else mixture_labels(data["x"].values[0, :, 0], n_states)
        noise = "learn" if method.endswith("learned") else None
        made = JumpEM(n_states=n_states, label_noise=noise)
        return made.fit(make_dataset(labels, dt=dt), progress=False).model_


def run(seeds, systems=tuple(LEVELS), noises=NOISES):
    """Fit every method to the same currents.

    Args:
        seeds: seeds of the currents.
        systems: names in the catalogue.
        noises: standard deviations.

    Returns:
        list of dict, one per cell: ``system``, ``noise``, ``errors`` (method -> (seed,)), ``covered`` (method -> share
        of the rates inside rate +- 1.96 stderr), ``slowest`` (method -> (seed,) slowest time scales), ``wrong``
        ((seed,) those of a signal with a state too many), ``true_scale`` and ``chosen`` ((seed,) numbers by BIC).
    """
    cells = []
    for system in systems:
        for noise in noises:
            cell = {"system": system, "noise": noise, "wrong": [], "chosen": []}
            tables = {key: {name: [] for name in METHODS} for key in ("errors", "covered", "slowest")}
            for seed in seeds:
                data, states, q = current(system, noise, seed)
                there = (q > 0) & ~np.eye(len(q), dtype=bool)
                for name in METHODS:
                    model = fitted(name, data, states, len(q))
                    rates, errors = model.rate_matrix[there], model.rate_stderr[there]
                    tables["errors"][name].append(np.median(np.abs(np.log(rates / q[there]))))
                    tables["covered"][name].append((np.abs(rates - q[there]) < 1.96 * errors).mean())
                    tables["slowest"][name].append(model.time_scales()[0][0])
                cell["wrong"].append(fitted("signal", data, states, len(q) + 1).time_scales()[0][0])
                cell["chosen"].append(select_n_states(data, range(1, len(q) + 2)).n_states)
            scales = -1 / np.sort(np.linalg.eigvals(q).real)[:-1]
            cells.append({**cell, **tables, "true_scale": scales.max(), "n_states": len(q)})
    return cells


def tables(cells):
    """Two Markdown tables: errors and coverage, then slowest time scales and numbers of states."""
    lines = ["| channel | noise | " + " | ".join(METHODS) + " |", "|---|---|" + "---|" * len(METHODS)]
    for cell in cells:
        shown = [f"{_spread(cell['errors'][m])}, {100 * np.mean(cell['covered'][m]):.0f} %" for m in METHODS]
        lines.append(f"| {cell['system']} | {cell['noise']:g} | " + " | ".join(shown) + " |")
    lines += [
        "", "Slowest time scale, and how often BIC found the number of states.", "",
        "| channel | noise | true | " + " | ".join(METHODS) + " | signal, a state too many | number found |",
        "|---|---|---|" + "---|" * (len(METHODS) + 2),
    ]  # fmt: skip
    for cell in cells:
        shown = [_spread(cell["slowest"][m]) for m in METHODS] + [_spread(cell["wrong"])]
        right = sum(n == cell["n_states"] for n in cell["chosen"])
        lines.append(
            f"| {cell['system']} | {cell['noise']:g} | {cell['true_scale']:.3g} | " + " | ".join(shown)
            + f" | {right} of {len(cell['chosen'])} |"
        )  # fmt: skip
    return "\n".join(lines) + "\n"


def _spread(values):
    return f"{np.mean(values):.3g} ± {np.std(values, ddof=1):.2g}"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, at least 2")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    text = tables(run(range(given.seeds)))
    print(text)
    if given.write:
        command = f"python -m dysyr.benchmark.channel_current {shlex.join(sys.argv[1:])}"
        body = __doc__.split("\n\n", 2)[2]
        write_text(
            given.write,
            f"# Rates of ion channels from their currents\n\nWritten by `{command}`.\n\n{body}\nMean ± standard "
            f"deviation over {given.seeds} seeds, and the share of rates within 1.96 standard errors.\n\n{text}",
        )


if __name__ == "__main__":
    main()
