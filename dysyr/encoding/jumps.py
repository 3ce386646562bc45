"""The jump code: which symbols a code enters one after the other, however long it stays in each."""

import dataclasses

import numpy as np

from dysyr.core.errors import InputError
from dysyr.encoding.dwell import run_starts


def jump_code(code):
    """A code with each run of one symbol collapsed into one entry; see ``Encoding.jumps``."""
    if code.durations is not None:
        return code
    begins = [run_starts(stretch) for stretch in code.symbols]
    n_jumps = sum(len(begin) - 1 for begin in begins)
    if n_jumps == 0:
        raise InputError(
            "the code never changes its symbol", got=f"{code.n_samples} samples of {code.n_symbols} symbols",
            expected="at least one jump", do="run longer, or use a model with more regions",
        )  # fmt: skip
    n_steps = sum(len(stretch) - 1 for stretch in code.symbols)
    observed = None if code.observed is None else tuple(x[b] for x, b in zip(code.observed, begins, strict=True))
    pairs = list(zip(code.symbols, begins, strict=True))
    return dataclasses.replace(
        code,
        symbols=tuple(stretch[begin] for stretch, begin in pairs),
        durations=tuple(np.diff(begin, append=len(stretch)) * code.dt for stretch, begin in pairs),
        dt=code.dt * n_steps / n_jumps,
        observed=observed,
        source={**code.source, "sampling_interval": code.dt},
    )
