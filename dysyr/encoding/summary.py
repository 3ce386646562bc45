"""A symbolic code in short: as JSON-ready values, and as text for a terminal."""

import math

FORMAT = 1
LISTED_FORBIDDEN = 200
LISTED_SYMBOLS = 20
RATES = ("topological", "metric", "markov")


def summary(code):
    """JSON-ready dict of all of a code but the sequences and the words; docs/methods/symbolic_codes.md says what.

    Args:
        code: Encoding.

    Returns:
        dict.
    """
    blocks, tops = code.block_entropies, code.topological_entropies
    by_length = [
        {
            "length": int(n), "n_words": int(tops.n_words[i]), "n_once": int(tops.n_once[i]),
            "growth": float(tops.growth[i]), "topological": _finite(tops.graph[i]),
            "block": float(blocks.grassberger[i]), "block_plain": float(blocks.plain[i]),
            "block_miller_madow": float(blocks.miller_madow[i]), "rate": float(code.entropy_rates[i]),
        }
        for i, n in enumerate(tops.length)
    ]  # fmt: skip
    rates = _rates(code)
    return {
        "format": FORMAT,
        "source": code.source,
        "step": code.step,
        "dt": code.dt,
        "n_samples": code.n_samples,
        "stretches": [
            {"trajectory": int(i), "start_time": float(t), "n": len(s)}
            for i, t, s in zip(code.trajectories, code.start_times, code.symbols, strict=True)
        ],
        "n_symbols": code.n_symbols,
        "symbols": [
            {
                "symbol": s, "name": code.names[s], "visits": int(code.visits[s]),
                "stationary": float(code.stationary[s]), "dwell": code.dwell_times[s].summary(),
            }
            for s in range(code.n_symbols)
        ],
        "n_regions_possible": None if code.bits is None else 2 ** code.bits.shape[1],
        "transitions": code.graph_edges(),
        "entropy": {
            "unit": "nats",
            "per_step": rates,
            "per_time": {name: None if h is None else code.per_time(h) for name, h in rates.items()},
            "sampled_length": code.sampled_length,
            "by_length": by_length,
        },
        "n_forbidden_words": len(code.forbidden_words),
        "forbidden_words": [
            {"word": list(f.word), "expected": f.expected} for f in code.forbidden_words[:LISTED_FORBIDDEN]
        ],
        "minimal_graph": code.minimal_graph.summary(),
    }  # fmt: skip


def summary_text(code):
    """A few lines of a code for a terminal: its symbols with their shares, and its entropies.

    Args:
        code: Encoding.

    Returns:
        str.
    """
    share = code.visits / code.n_samples
    entry = "sample" if code.step == "sample" else "stay"
    lines = [
        f"{_counted(code.n_symbols, 'symbol', 's')}, {_counted(code.n_samples, entry, 's')} in "
        f"{_counted(len(code.symbols), 'stretch', 'es')}",
        f"  symbol  share  mean dwell time  {'region' if code.bits is not None else 'label'}",
    ]
    for s in range(min(code.n_symbols, LISTED_SYMBOLS)):
        dwell = code.dwell_times[s].summary()["mean"]
        lines.append(f"  {s:>6}  {share[s]:.3f}  {'' if dwell is None else f'{dwell:.4g}':<15}  {code.names[s]}")
    if code.n_symbols > LISTED_SYMBOLS:
        lines.append(f"  and {code.n_symbols - LISTED_SYMBOLS} more")
    per = f"per {code.step}"
    lines.append(f"  entropy      {per:<10}  per time (nats; words of up to {code.sampled_length} symbols)")
    for name, h in _rates(code).items():
        per_step, per_time = ("unknown", "") if h is None else (f"{h:.4g}", f"{code.per_time(h):.4g}")
        lines.append(f"  {name:<11}  {per_step:<10}  {per_time}".rstrip())
    return "\n".join(lines)


def _rates(code):
    """The three entropies in nats per step, None where one is not known."""
    values = (code.topological_entropy, code.metric_entropy, code.markov_rate)
    return dict(zip(RATES, map(_finite, values), strict=True))


def _finite(value):
    return float(value) if math.isfinite(value) else None


def _counted(n, noun, ending):
    return f"{n} {noun}{ending if n != 1 else ''}"
