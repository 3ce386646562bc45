"""Networks of JumpFoundation beside each other, on the same unseen contexts of their prior.

    python -m dysyr.benchmark.jump_networks [WEIGHTS ...] -o FOLDER [--contexts 2000] [--processes 1] [--write FILE]

The network of the package comes first, then those of files that ``dysyr pretrain jump`` wrote. Contexts are drawn
with a seed of their own and kept in the folder. Nats: mean over ordered pairs of states of minus the log posterior
density of the true rate, less is better. Error: root mean squared error of the posterior means over the pairs, per
unit, mean over contexts; beside the one of the posterior mode that the networks begin with. Differences are paired,
from the first network, with standard errors over contexts. "Beyond" are contexts with a rate beyond the published
law.
"""

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np
import torch

from dysyr.core.atomic import write_text
from dysyr.reconstruction.jump_em.foundation.examples import make_examples
from dysyr.reconstruction.jump_em.foundation.outcome import shipped
from dysyr.reconstruction.jump_em.foundation.training import Batches, losses

SEED = 2_000_003


@torch.no_grad()
def scores(network, batches):
    """How well a network says the rates of contexts.

    Args:
        network: PairNetwork.
        batches: Batches.

    Returns:
        dict of (context,) arrays: ``nats``, ``error``, ``error_of_mode``, and ``inside``, whether no rate is beyond the
        published law.
    """
    found = {"nats": [], "error": [], "error_of_mode": [], "inside": []}
    for batch in batches.all():
        pairs, states, whole, log_rates, spread, rates, *_ = batch
        nats, _, weight = losses(network, batch)
        logit, shift, *_ = network(pairs, states, whole)
        off = ~torch.eye(rates.shape[1], dtype=torch.bool)
        for name, said in (
            ("error", torch.sigmoid(logit) * torch.exp(log_rates + spread * shift)),
            ("error_of_mode", torch.exp(log_rates)),
        ):
            found[name].append(torch.sqrt((said - rates)[:, off].square().mean(dim=1)))
        found["nats"].append(nats)
        found["inside"].append(weight == 1)
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def page(rows, command, n_contexts):
    """The page of results.

    Args:
        rows: list of (name, what is known of its training, number of weights, dict of ``scores``).
        command: that made them.
        n_contexts: how many contexts there are.

    Returns:
        Markdown.
    """
    first = rows[0][3]
    inside, mode = first["inside"], first["error_of_mode"]
    lines = [
        "# Networks of JumpFoundation beside each other", "", f"Written by `{command}`.", "",
        __doc__.split("\n\n", 2)[2].strip(), "",
        f"{n_contexts:,} contexts, {int(inside.sum()):,} of them inside of the published law; seed {SEED}. The mode's "
        f"error: {mode[inside].mean():.4f} inside, {mode[~inside].mean():.4f} beyond.", "",
        "| network | contexts, updates, batch | seed | weights | nats | difference | error | difference | nats beyond "
        "| error beyond |", "|" + "---|" * 10,
    ]  # fmt: skip
    for name, training, n_weights, found in rows:
        cells = [name, f"{training['n_contexts']:,}, {training['n_updates']:,}, {training.get('batch_size', 64)}"]
        cells += [str(training["seed"]), f"{n_weights:,}"]
        for key in ("nats", "error"):
            cells += [f"{found[key][inside].mean():.4f}", _difference(found[key][inside], first[key][inside])]
        cells += [f"{found[key][~inside].mean():.4f}" for key in ("nats", "error")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _difference(values, others):
    apart = values - others
    if not apart.any():
        return "–"
    return f"{apart.mean():+.4f} ({apart.std(ddof=1) / np.sqrt(len(apart)):.4f})"


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="*", type=Path, help="files of weights")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the contexts")
    parser.add_argument("--contexts", type=int, default=2000, help="rounded up to a multiple of 500")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--write", type=Path, help="Markdown file to write the page into")
    given = sys.argv[1:] if arguments is None else list(arguments)
    chosen = parser.parse_args(given)
    torch.set_num_threads(1)
    examples = make_examples(chosen.out, chosen.contexts, seed=SEED, processes=chosen.processes)
    batches, rows = Batches(examples), []
    for place in (None, *chosen.weights):
        network, about = shipped(place)
        n_weights = sum(p.numel() for p in network.parameters())
        name = "of the package" if place is None else place.parent.name
        rows.append((name, about["training"], n_weights, scores(network, batches)))
    n_contexts = sum(len(each) for each in examples.values())
    text = page(rows, f"python -m dysyr.benchmark.jump_networks {shlex.join(given)}", n_contexts)
    print(text)
    if chosen.write:
        write_text(chosen.write, text)


if __name__ == "__main__":
    main()
