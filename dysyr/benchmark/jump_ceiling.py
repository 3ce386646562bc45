"""How far JumpFoundation's network is from the posterior: beside a sampler that is told more, and one that is not.

    python -m dysyr.benchmark.jump_ceiling -o out/jump_ceiling [--paths 1 10 30 100 300] [--draws 400 60 60 60 60]
        [--sweeps 2500] [--processes 1] [--weights FILE] [--write docs/results/jumpfoundation_ceiling.md]

Clean draws of six states of the published prior, seen on a regular grid. The results of every twenty draws are kept in
the folder, and not made again for the same weights and sweeps.
"""

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np
import torch

from dysyr.benchmark.kept import run_kept
from dysyr.benchmark.prior_sampler import allowed, posterior_mean
from dysyr.benchmark.rate_contest import prior_context
from dysyr.benchmark.whole_prior import WholePrior
from dysyr.benchmark.whole_prior_sampler import whole_posterior
from dysyr.core.atomic import write_text
from dysyr.core.provenance import provenance
from dysyr.reconstruction.jump_em.foundation.outcome import infer, shipped

N_PATHS, N_DRAWS, CHUNK = (1, 10, 30, 100, 300), (400, 60, 60, 60, 60), 20
SEED, N_STATES = 7000, 6
SECOND_NOISE, SECOND_SPREAD, APART = 0.05, 0.5, 4
OFF = ~np.eye(N_STATES, dtype=bool)
HEAD = """# JumpFoundation beside samplers of the posterior

Written by `python -m dysyr.benchmark.jump_ceiling {arguments}`, weights {weights}.

Clean draws of six states of the published prior on a regular grid, as many as the table says; errors are root mean
squared ones over the rates off the diagonal, in units of a tenth of the duration, means over draws. All see the same
paths. JumpFoundation is without its fallback on the posterior mode here.

* The **whole** prior: the posterior mean under the law that the network was trained on, given what the network sees.
  Unknown are the kind of the graph, the law of the rates (one draw in ten has others than the published one, and draws
  with a rate above 1 weigh a fifth, as in the training), whether labels are wrong and how often (they are in 65 % of
  the training set), and how much longer than usual a record is.
* The **told** one knows that labels are clean, that rates follow the published law, and whether the graph is complete:
  `dysyr/benchmark/prior_sampler.py`, 2,000 sweeps.

A sampler's error is that of the exact posterior mean and that of Monte Carlo, which is taken off the square of the
error of each draw: for the told sampler by its standard errors, for the whole one by half the difference of its two
chains. Differences are the network's error minus what is left, paired, with standard errors over draws; relative ones
are those of the mean errors. The draws are clean and of the published law, so that the posterior mean of the whole
prior need not have the least error on them of all that know as little.

"""


def run_chunk(n_paths, first, n_draws, n_sweeps, weights):
    """Records of some draws.

    Args:
        n_paths: number of paths.
        first: number of the first draw.
        n_draws: how many.
        n_sweeps: of each of two chains of the sampler of the whole prior.
        weights: file of weights, or None for those of the package.

    Returns:
        dict of plain values.
    """
    torch.set_num_threads(1)
    network, about = shipped(weights)
    records = [_record(n_paths, SEED + first + k, n_sweeps, network) for k in range(n_draws)]
    return {"records": records, "sweeps": n_sweeps, "weights": about["sha256"]}


def _record(n_paths, seed, n_sweeps, network):
    q, panel = prior_context(n_paths, 0.0, seed, n_states=N_STATES, regular=True)
    outcome, sparse = infer(network, panel), bool((q > 0).sum() < OFF.sum())
    told, told_stderr, _ = posterior_mean(
        panel.counts[0], panel.lags[0], panel.first, sparse, outcome.base.q, seed=seed
    )  # fmt: skip
    prior = WholePrior.of_training(n_paths, int(np.diff(panel.offsets)[0]))
    rng, edges = np.random.default_rng([seed, 0x737472]), np.zeros(q.shape)
    while not allowed(edges):
        edges = (OFF & (rng.random(q.shape) < 0.5)).astype(np.float64)
    other = edges * outcome.base.q * np.exp(SECOND_SPREAD * rng.standard_normal(q.shape))
    chains = [
        whole_posterior(panel, prior, begin, noise, n_sweeps=n_sweeps, seed=2 * seed + k)
        for k, (begin, noise) in enumerate(((outcome.base.q, 0.0), (other, SECOND_NOISE)))
    ]
    one, two = chains
    rates = {"whole": (one.mean + two.mean) / 2, "told": told, "JumpFoundation": outcome.edge * outcome.mean}
    return {
        "errors": {name: _size(each - q) for name, each in rates.items()}, "sparse": sparse,
        "network to whole": _size(rates["JumpFoundation"] - rates["whole"]), "told stderr": _size(told_stderr),
        "whole stderr": _size(np.hypot(one.stderr, two.stderr) / 2), "between chains": _size(one.mean - two.mean) / 2,
        **{name: [getattr(chain, name) for chain in chains] for name in ("complete", "clean", "first_law")},
    }  # fmt: skip


def _size(rates):
    return float(np.sqrt((rates[OFF] ** 2).mean()))


def page(cells, arguments, weights):
    """The page of results.

    Args:
        cells: dict from the number of paths to the records.
        arguments: those of the command, for its first line.
        weights: short name of the weights.

    Returns:
        Markdown.
    """
    names = (
        "paths", "draws", "sampler", "its error", "less Monte Carlo", "JumpFoundation", "difference (standard error)",
        "relative",
    )  # fmt: skip
    text = HEAD.format(arguments=arguments, weights=weights) + _row(*names) + _rule(len(names))
    for n_paths, records in cells.items():
        ours = _column(records, "JumpFoundation")
        for sampler, spread in (("whole", "between chains"), ("told", "told stderr")):
            whole = _column(records, sampler)
            rest = np.sqrt(np.maximum(whole**2 - np.array([r[spread] for r in records]) ** 2, 0))
            gap, error, mean = (ours - rest).mean(), (ours - rest).std(ddof=1) / np.sqrt(len(ours)), rest.mean()
            text += _row(
                n_paths, len(records), sampler, f"{whole.mean():.4f}", f"{mean:.4f}", f"{ours.mean():.4f}",
                f"{gap:+.4f} ({error:.4f})", f"{100 * gap / mean:+.1f} % ({100 * error / mean:.1f})",
            )  # fmt: skip
    text += """
What the sampler of the whole prior leaves open, in the mean over draws: probability of the right kind of graph, that
labels are clean, and of the published law. Monte Carlo errors, root mean squares over rates and draws: standard errors
of the told sampler and of the whole one from blocks of their chains, and half the difference of the two chains of the
latter, one from the network's base, complete and clean, one from half of its rates, changed by factors exp(z / 2), z
normal, with 5 % of the labels wrong. Apart: draws in which that half difference is more than four standard errors. The
last column is the distance between the network's means and those of the whole posterior, root mean square.

"""
    names = ("paths", "right kind", "clean", "published law", "told", "whole", "two chains", "apart", "network")
    text += _row(*names) + _rule(len(names))
    for n_paths, records in cells.items():
        kind, clean, law = (
            np.array([np.mean(r[name]) for r in records]) for name in ("complete", "clean", "first_law")
        )
        right = np.where([r["sparse"] for r in records], 1 - kind, kind)
        sizes = [
            np.sqrt(np.mean([r[name] ** 2 for r in records]))
            for name in ("told stderr", "whole stderr", "between chains", "network to whole")
        ]
        apart = sum(r["between chains"] > APART * r["whole stderr"] for r in records)
        text += _row(
            n_paths, *(f"{each.mean():.2f}" for each in (right, clean, law)), *(f"{s:.4f}" for s in sizes[:3]), apart,
            f"{sizes[3]:.4f}",
        )  # fmt: skip
    return text


def _column(records, name):
    return np.array([record["errors"][name] for record in records])


def _row(*values):
    return "| " + " | ".join(str(value) for value in values) + " |\n"


def _rule(n):
    return "|" + "---|" * n + "\n"


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="out/jump_ceiling", help="folder for the records")
    parser.add_argument("--paths", type=int, nargs="+", default=list(N_PATHS))
    parser.add_argument("--draws", type=int, nargs="+", default=list(N_DRAWS), help="for each number of paths")
    parser.add_argument("--sweeps", type=int, default=2500, help="of each of two chains")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--weights", help="file of weights; by default those of the package")
    parser.add_argument("--write", help="Markdown file to write")
    given = parser.parse_args()
    if len(given.draws) != len(given.paths):
        parser.error(f"{len(given.draws)} numbers of draws for {len(given.paths)} of paths")
    sha = shipped(given.weights)[1]["sha256"]
    tasks = {}
    for n_paths, n_draws in zip(given.paths, given.draws, strict=True):
        for first in range(0, n_draws, CHUNK):
            size = min(CHUNK, n_draws - first)
            place = Path(given.output) / f"paths{n_paths}-{first}-{size}.json"
            tasks[place] = (n_paths, first, size, given.sweeps, given.weights)
    found = run_kept(
        run_chunk, tasks, processes=given.processes,
        usable=lambda result, task: result["weights"] == sha and result["sweeps"] == task[3],
    )  # fmt: skip
    cells = {n_paths: [] for n_paths in given.paths}
    for (n_paths, *_), result in zip(tasks.values(), found, strict=True):
        cells[n_paths] += result["records"]
    text = page(cells, shlex.join(sys.argv[1:]), sha[:12])
    text += f"\n{given.sweeps:,} sweeps of each chain. dysyr {provenance(seed=SEED)['dysyr']}, seed {SEED}.\n"
    print(text)
    if given.write:
        write_text(given.write, text)


if __name__ == "__main__":
    main()
