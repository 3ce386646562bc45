"""Codes of free runs, short enough for a record, and how alike those of several seeds are."""

import itertools

import numpy as np

from dysyr.benchmark.spread import number, spread
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import DivergedError, InputError
from dysyr.encoding.compare import MANY_SYMBOLS, compare_codes
from dysyr.encoding.dwell import run_starts
from dysyr.encoding.encode import encode
from dysyr.reporting.numbers import ABSENT

N_STEPS = 25_000


def short_code(model, *, seed):
    """The symbols of a free run with their run lengths.

    Args:
        model: PiecewiseLinear model.
        seed: chooses the free run.

    Returns:
        dict of ``symbols`` and ``lengths`` (texts of whole numbers) and ``dt``; None where the run leaves every bound
        or visits too many regions.
    """
    try:
        code = encode(model, n_steps=N_STEPS, seed=seed)
    except (DivergedError, InputError):
        return None
    symbols = code.symbols[0]
    begins = run_starts(symbols)
    lengths = np.diff(begins, append=len(symbols))
    return {"symbols": " ".join(map(str, symbols[begins])), "lengths": " ".join(map(str, lengths)), "dt": code.dt}


def jumps_of(short):
    """The jump code of what ``short_code`` has returned.

    Args:
        short: dict or None.

    Returns:
        Encoding; None without a code, or where it never changes its symbol.
    """
    if short is None or " " not in short["symbols"]:
        return None
    symbols, lengths = (np.array(short[name].split(), dtype=np.int64) for name in ("symbols", "lengths"))
    labels = np.repeat(symbols, lengths)
    return encode(make_dataset(np.zeros((len(labels), 1)), dt=short["dt"], label=labels)).jumps()


def agreement_rows(codes, again):
    """What the jump codes of several seeds have in common.

    Args:
        codes: list of Encodings, one of each seed; two or more.
        again: list of pairs of Encodings, two runs of one model each.

    Returns:
        list of (name, values, floor): values of the seeds or of pairs of them, floor the median of the pairs in
        ``again`` or None.
    """
    pairs = [compare_codes(a, b) for a, b in itertools.combinations(codes, 2) if _comparable(a, b)]
    same = [compare_codes(a, b) for a, b in again if _comparable(a, b)]
    rows = [
        ("regions entered", [code.n_symbols for code in codes], None),
        ("topological entropy, nats per time", [code.per_time(code.topological_entropy) for code in codes], None),
        ("metric entropy, nats per time", [code.per_time(code.metric_entropy) for code in codes], None),
    ]
    for name, of in (
        ("graph agreement of two seeds", "graph_agreement"), ("visit distance of two seeds", "visit_distance"),
        ("word distance of two seeds, bits", "word_distance"),
    ):  # fmt: skip
        floors = [getattr(each, of) for each in same]
        rows.append((name, [getattr(pair, of) for pair in pairs], float(np.median(floors)) if floors else None))
    return rows


def _comparable(a, b):
    return max(a.n_symbols, b.n_symbols) <= MANY_SYMBOLS


def agreement_table(codes, again):
    """Markdown table of ``agreement_rows``, medians with the range."""
    lines = ["| of the jump codes | median [range] | two runs of one model |", "|---|---|---|"]
    for name, values, floor in agreement_rows(codes, again):
        cell = spread(values) if values else ABSENT
        lines.append(f"| {name} | {cell} | {ABSENT if floor is None else number(floor)} |")
    return "\n".join(lines) + "\n"
