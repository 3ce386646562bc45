"""Training examples: what the network is told of a context, and the rates behind it, made and kept chunk by chunk."""

import concurrent.futures
import dataclasses
import multiprocessing
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dysyr.core.atomic import atomic_path
from dysyr.reconstruction.jump_em.foundation.base import base_estimate
from dysyr.reconstruction.jump_em.foundation.prior import TRAINING_SIZES, VERSION, draw_context, draw_process
from dysyr.reconstruction.jump_em.foundation.statistics import Statistics, stack, statistics_of

CHUNK = 500
WIDE, LONG = 0.1, 0.15
"""Shares of the training set with rates beyond the published law, and with long records."""


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Contexts of processes with equally many states.

    Attributes:
        statistics: Statistics with a leading dimension.
        rates: (example, state, state) true rates per unit, 0 on the diagonal and where there is no edge.
        initial: (example, state) true distribution of the first state.
    """

    statistics: Statistics
    rates: np.ndarray
    initial: np.ndarray

    def __len__(self):
        return len(self.rates)


def draw_example(rng):
    """Statistics, true rates per unit and initial distribution of a context of the training law."""
    process = draw_process(rng, sizes=TRAINING_SIZES, wide=WIDE)
    panel = draw_context(rng, process, long=LONG)
    base = base_estimate(panel)
    rates = np.where(np.eye(panel.n_states, dtype=bool), 0.0, process.q) * base.unit
    return statistics_of(panel, base), rates, process.initial


def make_examples(folder, n_contexts, *, seed, processes=1, progress=True):
    """Draw contexts, or read those that an earlier call has left.

    Args:
        folder: where the chunks are kept; one that is there is not made again.
        n_contexts: how many, a multiple of 500 at least as large is made.
        seed: of all of them; chunk k draws from (seed, prior version, k).
        processes: number of processes.
        progress: show a bar when standard error is a terminal.

    Returns:
        dict number of states -> Examples.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    chunks = range(-(-n_contexts // CHUNK))
    missing = [k for k in chunks if not _place(folder, seed, k).exists()]
    bar = tqdm(total=len(missing) * CHUNK, desc="contexts", unit="context", disable=None if progress else True)
    with bar:
        if processes == 1:
            for k in missing:
                bar.update(_write_chunk(folder, seed, k))
        elif missing:
            start = multiprocessing.get_context("spawn")
            with concurrent.futures.ProcessPoolExecutor(processes, mp_context=start) as pool:
                made = [pool.submit(_write_chunk, folder, seed, k) for k in missing]
                for each in concurrent.futures.as_completed(made):
                    bar.update(each.result())
    return _joined([_read_chunk(_place(folder, seed, k)) for k in chunks])


def _place(folder, seed, k):
    return folder / f"contexts-v{VERSION}-seed{seed}-{k:05d}.npz"


def _write_chunk(folder, seed, k):
    """Make one chunk; returns the number of contexts."""
    rng = np.random.default_rng([seed, VERSION, k])
    drawn = [draw_example(rng) for _ in range(CHUNK)]
    arrays = {}
    for n in sorted({len(rates) for _, rates, _ in drawn}):
        own = [each for each in drawn if len(each[1]) == n]
        arrays[f"{n}.rates"] = np.stack([rates for _, rates, _ in own])
        arrays[f"{n}.initial"] = np.stack([initial for _, _, initial in own])
        together = stack([statistics for statistics, _, _ in own])
        for field in dataclasses.fields(Statistics):
            arrays[f"{n}.{field.name}"] = getattr(together, field.name)
    with atomic_path(_place(folder, seed, k)) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
    return CHUNK


def _read_chunk(path):
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _joined(chunks):
    """dict number of states -> Examples of all chunks."""
    found = {}
    for n in sorted({int(name.split(".")[0]) for chunk in chunks for name in chunk}):
        parts = {
            name: np.concatenate([chunk[f"{n}.{name}"] for chunk in chunks if f"{n}.rates" in chunk])
            for name in ("rates", "initial", *(field.name for field in dataclasses.fields(Statistics)))
        }
        rates, initial = parts.pop("rates"), parts.pop("initial")
        found[n] = Examples(Statistics(**parts), rates, initial)
    return found
