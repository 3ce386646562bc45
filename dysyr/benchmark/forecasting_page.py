"""The page of forecasts under the published protocol, see ``dysyr.benchmark.forecasting``."""

import math

import numpy as np

from dysyr.benchmark.forecasting_protocol import N_TEST, PUBLISHED, SYSTEMS, sampling_interval
from dysyr.reporting.numbers import ABSENT

TRUE_TERMS = ("sindy_weak", "sindy_derivatives", "nextgenreservoir")
"""Methods whose library holds the true terms of these systems."""
NOT_LEARNED = ("truth", "equations")
HEADS = {
    "vpt": "VPT, nominal", "vpt_long": "VPT of 900 samples", "smape_1": "sMAPE 1", "smape_4": "sMAPE 4",
    "smape_10": "sMAPE 10", "d_frac": "D_frac", "d_stsp_raw": "D_stsp, data units", "valid_time": "valid time, true",
    "d_stsp_sd": "D_stsp, sd", "dimension": "correlation dimension", "first_step": "first step, sd",
}  # fmt: skip
SCORES = tuple(HEADS)
WORST = {"vpt": 0.0, "vpt_long": 0.0, "valid_time": 0.0, "dimension": 0.0, "smape_1": 200.0, "smape_4": 200.0,
         "smape_10": 200.0}  # fmt: skip
WHY = """On clean data the error of the first step decides, since it grows as all errors do in chaos: a hundred times
smaller means nearly five Lyapunov times more. Ridge regression of a readout solves its least squares to the end, while
networks trained by gradients stop earlier (column "first step, sd"). With noise the error of the start decides. The row
"equations" shows how far the truth itself comes from the last noisy sample; methods that run along the context with a
memory of their own start nearer to the truth than that sample is, and can be ahead of it. On Rössler sMAPE, a relative
error, is ruled by z, which is near zero most of the time: there valid times can rank otherwise than VPT.
"""
PUBLISHED_SCORES = ("vpt", "smape_1", "smape_4", "smape_10", "d_frac", "d_stsp_raw")


def page(records, command, body, *, n_tasks):
    """The page of results.

    Args:
        records: list of dicts from ``run_task``.
        command: that made them.
        body: text that explains them.
        n_tasks: how many records there are when the command has run to its end.

    Returns:
        Markdown.
    """
    if len(records) < n_tasks:
        body += (
            f"\n**Not finished**: {len(records)} of {n_tasks} fits; the column of failures tells how many seeds a row "
            "has. The command without `--processes 0` runs the others.\n"
        )
    return (
        f"# Forecasts under one protocol\n\nWritten by `{command}`.\n\n{body}\n"
        f"## Who is ahead\n\n{leaders(records)}\n\n{WHY}\n## All numbers\n\n{table(records).rstrip()}\n"
    )  # fmt: skip


def leaders(records):
    """Markdown table: the method of the largest median VPT on each system and noise, in each of two groups.

    Equal VPT, as at the horizon, is decided by the valid time.

    Args:
        records: list of dicts from ``run_task``.

    Returns:
        text.
    """
    lines = [
        "| system | noise | best without the true terms | seeds | VPT | VPT of 900 samples | valid time, true "
        "| PhyxMamba here, VPT | PhyxMamba as published (clean), VPT "
        "| best whose library holds the true terms | VPT | valid time, true |",
        "|" + "---|" * 12,
    ]  # fmt: skip
    for name, noise, by_method in _groups(records):
        learned = [m for m in by_method if m not in NOT_LEARNED]
        general = max((m for m in learned if m not in TRUE_TERMS), key=lambda m: _rank(by_method[m]), default=None)
        with_terms = max((m for m in learned if m in TRUE_TERMS), key=lambda m: _rank(by_method[m]), default=None)
        cells = [name, f"{100 * noise:g} %", general or ABSENT]
        cells += [str(len(by_method.get(general, ())))] + _some(
            by_method.get(general), ("vpt", "vpt_long", "valid_time")
        )
        cells += _some(by_method.get("phyxmamba"), ("vpt",)) + [f"{PUBLISHED[name]['PhyxMamba'][0]:.4g}"]
        cells += [with_terms or ABSENT, *_some(by_method.get(with_terms), ("vpt", "valid_time"))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def table(records):
    """Markdown tables, one for each system and noise, best median VPT first.

    Args:
        records: list of dicts from ``run_task``.

    Returns:
        text.
    """
    lines, all_methods = [], dict.fromkeys(record["method"] for record in records)
    for name, noise, by_method in _groups(records):
        _, stored, true = SYSTEMS[name]
        lines += [
            f"### {name}, {100 * noise:g} % noise", "",
            f"dt = {sampling_interval(name):.5g}; a nominal Lyapunov time is {true / stored:.2f} true ones.", "",
            "| method | " + " | ".join(HEADS.values()) + " | failed, diverged | parameters | training, s |",
            "|" + "---|" * (len(HEADS) + 4),
        ]  # fmt: skip
        learned = [m for m in by_method if m not in NOT_LEARNED]
        order = sorted(learned, key=lambda m: (m not in TRUE_TERMS, _rank(by_method[m])), reverse=True)
        order += [m for m in by_method if m in NOT_LEARNED]
        lines += [_row(method, by_method[method]) for method in order]
        lines += [f"| {m} | not run |" + " |" * (len(HEADS) + 2) for m in all_methods if m not in by_method]
        if noise == 0:
            lines += [_published_row(*one) for one in PUBLISHED[name].items()]
        lines.append("")
    return "\n".join(lines)


def _groups(records):
    """(system, noise, {method: its records}) of each condition."""
    conditions = {(r["system"], r["noise"]) for r in records}
    for name, noise in sorted(conditions, key=lambda one: (list(SYSTEMS).index(one[0]), one[1])):
        chosen = [r for r in records if (r["system"], r["noise"]) == (name, noise)]
        methods = dict.fromkeys(r["method"] for r in chosen)
        yield name, noise, {method: [r for r in chosen if r["method"] == method] for method in methods}


def _rank(records):
    return _middle(records, "vpt")[0], _middle(records, "valid_time")[0]


def _some(records, keys):
    return [ABSENT if records is None else _cell(_middle(records, key)) for key in keys]


def _middle(records, key):
    """(median, median absolute deviation), failed fits as the worst value; None where some lack the score.

    One seed has no deviation.
    """
    if any(key not in r for r in records if not r["failure"]):
        return None
    values = [WORST.get(key, math.inf) if r["failure"] else _number(r[key]) for r in records]
    middle = float(np.median(values))
    if len(values) == 1:
        return middle, None
    spread = [abs(v - middle) if math.isfinite(v) else math.inf for v in values]
    return middle, float(np.median(spread)) if math.isfinite(middle) else math.inf


def _number(value):
    """A stored value that is not finite is null."""
    return math.inf if value is None else value


def _row(method, records):
    cells = [_cell(_middle(records, key)) for key in SCORES]
    fitted = [r for r in records if not r["failure"]]
    diverged = sum(r["diverged"] for r in fitted)
    counts = {r["parameters"] for r in fitted} - {None}
    seconds = f"{np.median([r['seconds'] for r in fitted]):.0f}" if fitted else ABSENT
    name = f"{method} (library holds the true terms)" if method in TRUE_TERMS else method
    number = f"{np.median(list(counts)):,.0f}" if counts else ABSENT
    failed = f"{len(records) - len(fitted)} of {len(records)}, {diverged} of {N_TEST * len(fitted)}"
    return f"| {name} | " + " | ".join(cells) + f" | {failed} | {number} | {seconds} |"


def _cell(found):
    if found is None:
        return ABSENT
    middle, deviation = found
    if deviation is None:
        return f"{middle:.3g}" if math.isfinite(middle) else "∞"
    return f"{middle:.3g} ({deviation:.2g})" if math.isfinite(middle) else "∞"


def _published_row(name, values):
    known = dict(zip(PUBLISHED_SCORES, values, strict=True))
    cells = [f"{known[key]:.4g}" if key in known else ABSENT for key in SCORES]
    return f"| *{name}, as published* | " + " | ".join(cells) + f" | {ABSENT} | {ABSENT} | {ABSENT} |"
