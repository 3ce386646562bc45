"""A symbolic code as files that other programs read."""

import json
from pathlib import Path

import numpy as np

from dysyr.core.atomic import atomic_path
from dysyr.encoding.dwell import complete_runs
from dysyr.encoding.graph_files import to_dot, to_graphml


def write_tables(encoding, folder, *, orbits=None):
    """Write symbols.csv, words.csv, transition_matrix.csv, transitions.csv, graph.graphml, graph.dot and encoding.json.

    Args:
        encoding: Encoding.
        folder: where to write; made if it is not there. Files of these names are replaced, each at once.
        orbits: CodedOrbits for encoding.json; None leaves them out.

    Returns:
        list of Path, the files.

    Raises:
        DysyrError: the folder cannot be written.
    """
    folder, whole = Path(folder), encoding.summary()
    if orbits is not None:
        whole |= orbits.to_dict()
    names, edges = encoding.names, encoding.graph_edges()
    nodes = [
        {"name": names[s], "visits": int(encoding.visits[s]), "stationary": float(encoding.stationary[s])}
        for s in range(encoding.n_symbols)
    ]
    texts = {
        "transition_matrix.csv": _matrix(encoding),
        "transitions.csv": _transitions(encoding),
        "words.csv": _words(encoding),
        "symbols.csv": _symbols(encoding),
        "graph.graphml": [to_graphml(nodes, edges)],
        "graph.dot": [to_dot(nodes, edges)],
        "encoding.json": [json.dumps(whole, indent=1, allow_nan=False), "\n"],
    }
    return [_written(folder / name, parts) for name, parts in texts.items()]


def _symbols(encoding):
    """One row per step, stretch by stretch; ``word`` is the symbol's region bits or label.

    Of a jump code also how long each symbol lasts, and whether its begin and end were both seen.
    """
    jumps = encoding.durations is not None
    yield _row(["trajectory", "stretch", "time", "symbol", "word", *(["duration", "complete"] if jumps else [])])
    names = [_cell(name) for name in encoding.names]
    for i, symbols in enumerate(encoding.symbols):
        head = f"{encoding.trajectories[i]},{i},"
        tails = [""] * len(symbols)
        if jumps:
            whole = zip(encoding.durations[i].tolist(), complete_runs(len(symbols)).tolist(), strict=True)
            tails = [f",{duration:.15g},{complete:d}" for duration, complete in whole]
        rows = zip(encoding.times(i).tolist(), symbols.tolist(), tails, strict=True)
        yield "".join(f"{head}{t:.15g},{s},{names[s]}{tail}\n" for t, s, tail in rows)


def _words(encoding):
    """One row per word that occurs; symbols are joined by blanks."""
    yield _row(["length", "word", "count", "frequency"])
    for length, table in enumerate(encoding.word_tables, 1):
        share = table.counts / table.counts.sum()
        rows = zip(table.words.tolist(), table.counts.tolist(), share.tolist(), strict=True)
        yield "".join(f"{length},{' '.join(map(str, word))},{count},{p:.10g}\n" for word, count, p in rows)


def _matrix(encoding):
    """The matrix: a row per symbol before, a column per symbol after."""
    yield _row(["from", *range(encoding.n_symbols)])
    for symbol, row in enumerate(encoding.transition_matrix.tolist()):
        yield _row([symbol, *(f"{p:.10g}" for p in row)])


def _transitions(encoding):
    """One row per transition that occurs, with both standard errors."""
    yield _row(["from", "to", "count", "probability", "stderr", "stderr_blocks"])
    blocks = encoding.transition_stderr_blocks
    for edge in encoding.graph_edges():
        i, j = edge["source"], edge["target"]
        numbers = (edge["probability"], edge["stderr"], blocks[i, j])
        yield _row([i, j, edge["count"], *("" if np.isnan(x) else f"{x:.10g}" for x in numbers)])


def _row(cells):
    return ",".join(map(str, cells)) + "\n"


def _cell(text):
    """A text as one cell of a CSV file."""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n\r') else text


def _written(path, parts):
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        for part in parts:
            file.write(part)
    return path
