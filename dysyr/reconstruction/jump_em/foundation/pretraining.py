"""A network of JumpFoundation made anew: contexts of the prior, training, and the file of weights."""

import json
from pathlib import Path

import torch

from dysyr.core.atomic import atomic_path, write_text
from dysyr.core.counts import check_counts
from dysyr.core.version import VERSION as DYSYR_VERSION
from dysyr.reconstruction.jump_em.foundation.examples import make_examples
from dysyr.reconstruction.jump_em.foundation.network import INNER, ROUNDS, WIDTH
from dysyr.reconstruction.jump_em.foundation.outcome import WEIGHTS, write_weights
from dysyr.reconstruction.jump_em.foundation.training import BATCH, train
from dysyr.training.device import check_there

N_CONTEXTS, N_UPDATES = 80_000, 18_000
N_HELD_OUT = 2000
HELD_OUT_SEED = 1_000_003
"""Added to the seed for the contexts that weights are judged on."""


def pretrain_jump(
    folder, *, n_contexts=None, n_updates=None, batch_size=None, width=None, inner=None, rounds=None, seed=0,
    processes=1, device="cpu", progress=True,
):  # fmt: skip
    """Train the network of JumpFoundation and write its weights.

    The contexts that are drawn first are kept in the folder, so that an interrupted run draws no context twice.

    Args:
        folder: where the weights, ``pretraining.json`` and the contexts are put.
        n_contexts: contexts to train on; by default 80,000 (the network of the package saw 120,000). 2,000 others are
            held out.
        n_updates: steps; by default 18,000.
        batch_size: contexts of a step; by default 64.
        width, inner, rounds: sizes of the network, see ``PairNetwork``; by default 64, 96 and 4.
        seed: of contexts, first weights and batches.
        processes: processes that draw contexts; the result does not depend on it.
        device: "cpu", or "cuda": a card trains the network, with other rounding.
        progress: show bars when standard error is a terminal.

    Returns:
        path of the weights.

    Raises:
        InputError: a count below 1, or no such device.
    """
    n_contexts = N_CONTEXTS if n_contexts is None else n_contexts
    n_updates = N_UPDATES if n_updates is None else n_updates
    batch_size = BATCH if batch_size is None else batch_size
    given = {"width": (width, WIDTH), "inner": (inner, INNER), "rounds": (rounds, ROUNDS)}
    sizes = {name: usual if value is None else value for name, (value, usual) in given.items()}
    check_counts(n_contexts=n_contexts, n_updates=n_updates, processes=processes, batch_size=batch_size, **sizes)
    check_there(device)
    folder = Path(folder)
    drawn = {"processes": processes, "progress": progress}
    held_out = make_examples(folder / "contexts", min(N_HELD_OUT, n_contexts), seed=seed + HELD_OUT_SEED, **drawn)
    examples = make_examples(folder / "contexts", n_contexts, seed=seed, **drawn)
    network, history = train(
        examples, held_out, n_updates=n_updates, seed=seed, sizes=sizes, batch_size=batch_size, device=device,
        progress=progress,
    )  # fmt: skip
    said = {
        "dysyr": DYSYR_VERSION, "torch": torch.__version__, "seed": seed, "n_contexts": n_contexts,
        "n_updates": n_updates, "batch_size": batch_size, "device": device,
        "loss": history["loss"][-1], "held_out": min(history["held_out"]),
    }  # fmt: skip
    with atomic_path(folder / WEIGHTS) as temporary:
        write_weights(temporary, network, said)
    write_text(folder / "pretraining.json", json.dumps({**said, "history": history}, indent=1))
    return folder / WEIGHTS
