"""JumpFoundation beside every other way to rates: unseen draws of its prior, and a flashing ratchet it never saw.

    python -m dysyr.benchmark.jump_foundation -o out/jump_foundation [--draws 400] [--contexts 30] [--sampler 400]
        [--processes 2] [--weights FILE] [--write docs/results/jumpfoundation.md]

Records of contexts are kept in the folder, cell by cell, and not made again for the same weights.
"""

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np
import torch

from dysyr.api import load_system
from dysyr.benchmark.jump_foundation_page import page
from dysyr.benchmark.kept import run_kept
from dysyr.benchmark.prior_sampler import posterior_mean
from dysyr.benchmark.rate_contest import judged, prior_context, prior_mean, ratchet_context
from dysyr.core.atomic import write_text
from dysyr.core.provenance import provenance
from dysyr.reconstruction.jump_em.foundation.outcome import infer, shipped

N_PATHS, NOISES = (1, 10, 30, 100, 300), (0.0, 0.01, 0.1)
RATCHET_PATHS, MANY_PATHS, N_MANY = (1, 30, 100, 300), (1000, 5000), 8
HEIGHTS = (0.0, 1.0, 2.0)
SEED = 7000


def cells(draws, contexts, sampler):
    """All cells: dicts of plain values, each with the number ``n`` of its contexts."""
    found = [{"kind": "prior", "paths": p, "noise": e, "n": draws} for e in NOISES for p in N_PATHS]
    found += [{"kind": "sampler", "paths": p, "noise": 0.0, "n": sampler} for p in N_PATHS]
    for v in HEIGHTS:
        for regular in (True, False):
            found += [
                {"kind": "ratchet", "v": v, "regular": regular, "paths": p, "noise": e, "n": contexts}
                for e in NOISES for p in RATCHET_PATHS
            ]  # fmt: skip
    found += [
        {"kind": "ratchet", "v": 1.0, "regular": True, "paths": p, "noise": e, "n": min(contexts, N_MANY)}
        for p in MANY_PATHS for e in NOISES
    ]  # fmt: skip
    return [cell for cell in found if cell["n"] > 0]


def name_of(cell):
    """File name of a cell's records."""
    return "-".join(f"{key}{value:g}" if not isinstance(value, str) else value for key, value in cell.items()) + ".json"


def run_cell(cell, weights):
    """Records of a cell: list of dict of plain values, one per context."""
    torch.set_num_threads(1)
    network, _ = shipped(weights)
    if cell["kind"] == "sampler":
        return [_beside_sampler(cell["paths"], SEED + k, network) for k in range(cell["n"])]
    records, constant = [], prior_mean() if cell["kind"] == "prior" else None
    for k in range(cell["n"]):
        if cell["kind"] == "prior":
            q, panel = prior_context(cell["paths"], cell["noise"], SEED + k)
            records.append(judged(q, panel, network, constant))
        else:
            q = load_system("flashing_ratchet", V=cell["v"]).rate_matrix
            panel = ratchet_context(q, cell["paths"], cell["noise"], SEED + k, regular=cell["regular"])
            mean = float(q[~np.eye(len(q), dtype=bool)].mean())
            records.append(judged(q, panel, network, mean, only=("constant", "noise-aware MAP", "JumpFoundation")))
    return records


def _beside_sampler(n_paths, seed, network):
    q, panel = prior_context(n_paths, 0.0, seed, n_states=6, regular=True)
    outcome, off = infer(network, panel), ~np.eye(6, dtype=bool)
    sparse = bool((q > 0).sum() < off.sum())
    drawn, stderr, _ = posterior_mean(panel.counts[0], panel.lags[0], panel.first, sparse, outcome.base.q, seed=seed)
    found = {"sampler": drawn, "JumpFoundation": outcome.edge * outcome.mean}
    return {
        "errors": {name: float(np.sqrt(((rates - q)[off] ** 2).mean())) for name, rates in found.items()},
        "monte_carlo": float(np.sqrt((stderr[off] ** 2).mean())),
    }


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="out/jump_foundation", help="folder for the records")
    parser.add_argument("--draws", type=int, default=400, help="draws of the prior per cell")
    parser.add_argument("--contexts", type=int, default=30, help="contexts of the ratchet per cell")
    parser.add_argument("--sampler", type=int, default=400, help="draws beside the exact sampler per cell")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--weights", help="file of weights; by default those of the package")
    parser.add_argument("--write", help="Markdown file to write")
    given = parser.parse_args()
    sha = shipped(given.weights)[1]["sha256"]
    folder, todo = Path(given.output) / sha[:12], cells(given.draws, given.contexts, given.sampler)
    tasks = {folder / name_of(cell): (cell, given.weights) for cell in todo}
    results = list(zip(todo, run_kept(run_cell, tasks, processes=given.processes), strict=True))
    text = page(results, shlex.join(sys.argv[1:]), sha[:12])
    text += f"\ndysyr {provenance(seed=SEED)['dysyr']}, seed {SEED}.\n"
    print(text)
    if given.write:
        write_text(given.write, text)


if __name__ == "__main__":
    main()
