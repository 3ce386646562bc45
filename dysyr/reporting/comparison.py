"""Methods and seeds beside each other: medians, spread, and how many runs failed."""

import dataclasses
import math

import numpy as np
from scipy.stats import rankdata

from dysyr.core.errors import InputError
from dysyr.core.measure import plain
from dysyr.reporting.metrics_file import FORMAT
from dysyr.reporting.numbers import ABSENT, format_number, headline
from dysyr.reporting.wording import title_of

FAILED = ("diverged", "fixed point", "cycle", "failed")
RANKED = (
    "d_stsp", "d_stsp_mixture", "d_h", "valid_prediction_time", "rate_error", "hellinger", "pair_log_likelihood",
)  # fmt: skip
HIGHER = ("valid_prediction_time", "pair_log_likelihood")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodRow:
    """What one method reached over its seeds.

    Attributes:
        label: name of the method.
        cards: ``metrics.json`` dicts, one per seed.
        n_failed: seeds whose training or free run failed.
        verdicts: ``{verdict: count}``.
        median: ``{measure: median over seeds}`` of each measure's headline number.
        mad: ``{measure: median absolute deviation from the median}``.
        values: ``{measure: array, one number per seed, nan where it failed}``.
    """

    label: str
    cards: tuple
    n_failed: int
    verdicts: dict
    median: dict
    mad: dict
    values: dict


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Methods, best first.

    Attributes:
        rows: tuple of MethodRow, in order of rank.
        measures: names of the measures that were compared.
    """

    rows: tuple
    measures: tuple

    def to_dict(self):
        """The comparison as JSON-ready values."""
        return {
            "format": FORMAT,
            "methods": [
                {
                    "label": row.label,
                    "n_seeds": len(row.cards),
                    "n_failed": row.n_failed,
                    "verdicts": row.verdicts,
                    "median": plain(row.median),
                    "mad": plain(row.mad),
                    "values": plain(row.values),
                }
                for row in self.rows
            ],
        }

    def table(self):
        """(head, rows) of text cells: one line per method."""
        head = ("Method", "Seeds", "Failed", "Verdicts", *(title_of(name) for name in self.measures))
        rows = []
        for row in self.rows:
            verdicts = ", ".join(f"{count} {verdict}" for verdict, count in row.verdicts.items())
            cells = (median_and_mad(row.median.get(name), row.mad.get(name)) for name in self.measures)
            rows.append((row.label, str(len(row.cards)), str(row.n_failed), verdicts, *cells))
        return head, tuple(rows)

    def __str__(self):
        head, rows = self.table()
        lines = [(name, *cells) for name, *cells in zip(head, *rows, strict=True)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
        return "\n".join(line.rstrip() for line in padded)


def compare(cards):
    """Group cards by label and summarise each group over its members.

    A distance of a seed that failed counts with the ceiling, so that failing cannot look good; other
    measures of failed seeds are left out. Methods are ranked by fewest failures first where failures differ
    by more than half of the seeds, then by the mean of their ranks in D_stsp, D_H and valid prediction time (rate
    models: rate error, Hellinger distance and log-likelihood): no single one decides.

    Args:
        cards: sequence of Card or of ``metrics.json`` dicts.

    Returns:
        Comparison.

    Raises:
        InputError: no cards.
    """
    scores = [card if isinstance(card, dict) else card.to_dict() for card in cards]
    if not scores:
        raise InputError("nothing to compare", got="no cards", expected="at least one", do="evaluate models first")
    names = tuple(dict.fromkeys(name for score in scores for name in score["measures"]))
    ceilings = _ceilings(scores, names)
    groups = {}
    for score in scores:
        groups.setdefault(score["label"], []).append(score)
    rows = [_row(label, group, names, ceilings) for label, group in groups.items()]
    return Comparison(rows=tuple(_ranked(rows)), measures=names)


def failure_card(label, message, *, seed):
    """The ``metrics.json`` content of a seed whose training failed.

    Args:
        label: name of the method.
        message: what happened.
        seed: the seed.

    Returns:
        dict.
    """
    return {
        "format": FORMAT, "label": label, "measures": {}, "verdict": "failed",
        "why": [{"text": message, "passed": False}], "provenance": {"seed": seed},
    }  # fmt: skip


def median_and_mad(median, mad):
    """``0.21 (MAD 0.03)``; an en dash where there is no median."""
    if median is None or not math.isfinite(median):
        return ABSENT
    return format_number(median) + (f" (MAD {format_number(mad, digits=2)})" if mad else "")


def _row(label, cards, names, ceilings):
    failed = [card["verdict"] in FAILED for card in cards]
    values = {name: np.array([_number(card, name) for card in cards]) for name in names}
    counted = {
        name: np.where(failed, np.fmax(v, ceilings[name]), v) if name in ceilings else v for name, v in values.items()
    }
    median = {name: _nan_median(v) for name, v in counted.items()}
    return MethodRow(
        label=label,
        cards=tuple(cards),
        n_failed=sum(failed),
        verdicts={v: [c["verdict"] for c in cards].count(v) for v in dict.fromkeys(c["verdict"] for c in cards)},
        median=median,
        mad={name: _nan_median(np.abs(v - median[name])) for name, v in counted.items()},
        values=values,
    )


def _ranked(rows):
    ranks = np.zeros(len(rows))
    used = 0
    for name in RANKED:
        medians = np.array([row.median.get(name, math.nan) for row in rows])
        if np.isnan(medians).all():
            continue
        goodness = -medians if name in HIGHER else medians
        ranks += rankdata(np.nan_to_num(goodness, nan=math.inf))
        used += 1
    share_failed = [round(2 * row.n_failed / len(row.cards)) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: (share_failed[i], ranks[i] / max(used, 1)))
    return [rows[i] for i in order]


def _number(card, name):
    measure = card["measures"].get(name)
    return math.nan if measure is None else headline(measure["value"])


def _ceilings(scores, names):
    found = {}
    for name in names:
        measures = [score["measures"][name] for score in scores if name in score["measures"]]
        ceilings = [headline(m["ceiling"]) for m in measures if m["kind"] == "distance" and m["ceiling"] is not None]
        if ceilings:
            found[name] = max(ceilings)
    return found


def _nan_median(values):
    finite = values[~np.isnan(values)]
    return float(np.median(finite)) if len(finite) else math.nan
