"""The page that ranks methods over several data sets and seeds."""

import dataclasses

import numpy as np
from markupsafe import Markup
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from dysyr.core.errors import InputError
from dysyr.core.version import VERSION
from dysyr.reporting.comparison import HIGHER, compare
from dysyr.reporting.document import Paragraph, Picture, Section, Table
from dysyr.reporting.figures.image import svg_uri
from dysyr.reporting.figures.ranking import quality_figure, rank_figure
from dysyr.reporting.numbers import ABSENT, format_number, headline
from dysyr.reporting.report import page_resource, page_template
from dysyr.reporting.sections.seeds import SHOWN
from dysyr.reporting.wording import title_of

LEVEL = 0.05
FEWEST_DATA = 2
JUDGED = ("d_stsp", "d_h", "valid_prediction_time", "rate_error", "hellinger", "pair_log_likelihood")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranks:
    """How methods rank in one measure over data sets.

    Attributes:
        measure: its name.
        methods: names of the methods, best mean rank first.
        mean: (method,) mean rank, 1 is best.
        critical: difference of mean ranks beyond which two methods differ at level 0.05; NaN for one data set.
        p_value: of the hypothesis that all methods are equal; NaN where it cannot be tested.
        n_data: number of data sets.
    """

    measure: str
    methods: tuple
    mean: np.ndarray
    critical: float
    p_value: float
    n_data: int


def rank_methods(medians, measure):
    """Friedman's test and the critical difference of Nemenyi.

        CD = q_0.05(k) sqrt(k (k + 1) / (6 N)),    q from the studentised range / sqrt 2

    Data sets are the blocks: seeds on the same data are no independent evidence. Missing medians count as worst.

    Args:
        medians: ``{method: (data set,) medians over seeds}``, NaN where there is none.
        measure: name of the measure.

    Returns:
        Ranks.

    Reference: demsar2006
    """
    methods = list(medians)
    values = np.array([medians[name] for name in methods], dtype=np.float64)
    badness = np.nan_to_num(-values if measure in HIGHER else values, nan=np.inf)
    ranks = np.apply_along_axis(rankdata, 0, badness)
    mean, (k, n) = ranks.mean(axis=1), ranks.shape
    critical = p_value = np.nan
    if n >= FEWEST_DATA and k >= 2:
        critical = studentized_range.ppf(1 - LEVEL, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n))
        if k >= 3 and np.ptp(mean) > 0:
            p_value = friedmanchisquare(*ranks).pvalue
    order = np.argsort(mean, kind="stable")
    return Ranks(
        measure=measure, methods=tuple(methods[i] for i in order), mean=mean[order], critical=float(critical),
        p_value=float(p_value), n_data=n,
    )  # fmt: skip


def render_ranking(cards, *, title):
    """The page.

    Args:
        cards: ``{data set: list of metrics.json dicts}`` over methods and seeds.
        title: heading.

    Returns:
        str, the HTML.

    Raises:
        InputError: no cards.
    """
    if not cards:
        raise InputError("nothing to rank", got="no results", expected="at least one finished run")
    comparisons = {name: compare(found) for name, found in cards.items()}
    ranks = [rank_methods(_medians(comparisons, name), name) for name in JUDGED if _known(comparisons, name)]
    n_runs = sum(len(found) for found in cards.values())
    n_failed = sum(row.n_failed for one in comparisons.values() for row in one.rows)
    sections = [_ranking_section(ranks, comparisons), _quality_section(comparisons)]
    sections += [_data_section(name, one) for name, one in comparisons.items()]
    best = f"{ranks[0].methods[0]} leads in {title_of(ranks[0].measure)}" if ranks else "no measure to rank by"
    return page_template().render(
        title=title, kicker="Dynamical systems reconstruction: methods ranked", verdict=best, tone="open",
        summary=f"{n_runs} runs over {len(cards)} data sets, {n_failed or 'none'} of them failed.", lead=(),
        sections=[section for section in sections if section is not None], version=VERSION,
        style=Markup(page_resource("page.css")),
    )  # fmt: skip


def _known(comparisons, name):
    return any(np.isfinite(row.median.get(name, np.nan)) for one in comparisons.values() for row in one.rows)


def _medians(comparisons, measure):
    """``{method: medians over data sets}``."""
    methods = dict.fromkeys(row.label for one in comparisons.values() for row in one.rows)
    found = {}
    for label in methods:
        rows = [next((r for r in one.rows if r.label == label), None) for one in comparisons.values()]
        found[label] = [np.nan if row is None else row.median.get(measure, np.nan) for row in rows]
    return found


def _ranking_section(ranks, comparisons):
    blocks = []
    several = len(comparisons) >= FEWEST_DATA and ranks and len(ranks[0].methods) > 1
    if several:
        blocks.append(
            Picture(
                uri=svg_uri(rank_figure(ranks, [title_of(one.measure) for one in ranks])),
                alt="Mean ranks of all methods in " + ", ".join(title_of(one.measure) for one in ranks) + ".",
                caption=(
                    f"Mean rank over {ranks[0].n_data} data sets, 1 is best; the bar is the critical difference of "
                    "Nemenyi's test at level 0.05. Methods joined by a line are closer than that: these data do not "
                    "tell them apart."
                ),
            )
        )  # fmt: skip
    methods = ranks[0].methods if ranks else ()
    rows = []
    for label in methods:
        cells = [format_number(float(one.mean[one.methods.index(label)])) for one in ranks]
        failed = sum(row.n_failed for one in comparisons.values() for row in one.rows if row.label == label)
        runs = sum(len(row.cards) for one in comparisons.values() for row in one.rows if row.label == label)
        rows.append((label, f"{failed} of {runs}", *cells))
    if rows:
        head = ("Method", "Failed", *(f"mean rank, {title_of(one.measure)}" for one in ranks))
        tested = "; ".join(
            f"{title_of(one.measure)} p = {one.p_value:.2g}" for one in ranks if np.isfinite(one.p_value)
        )
        caption = "Medians over seeds are ranked on each data set; failed seeds count with the ceiling."
        caption += f" Are all methods equal (Friedman)? {tested}." if tested else ""
        blocks.append(Table(head=head, rows=tuple(rows), caption=caption, numeric=tuple(range(2, len(head)))))
    return Section(anchor="ranking", title="Ranking", blocks=tuple(blocks)) if blocks else None


def _quality_section(comparisons):
    """Distance in floors against training time."""
    points = []
    for name, one in comparisons.items():
        for row in one.rows:
            for card in row.cards:
                measure = card["measures"].get("d_stsp")
                seconds = card["provenance"].get("fit_seconds")
                if measure is None or seconds is None or measure["value"] is None or not measure["floor"]:
                    continue
                points.append((row.label, name, seconds, headline(measure["value"]) / headline(measure["floor"])))
    if not points:
        return None
    return Section(
        anchor="quality", title="Quality and training time",
        blocks=(
            Picture(
                uri=svg_uri(quality_figure(points)),
                alt="D_stsp in multiples of its floor against processor time of training, one dot per run.",
                caption=(
                    "One dot per run: D_stsp as a multiple of its floor, truth against truth, and the processor time "
                    "of the fit. Below 10 is a plausible attractor, 1 cannot be beaten. Fits that were interrupted "
                    "and resumed have no time and are not shown."
                ),
            ),
        ),
    )  # fmt: skip


def _data_section(name, comparison):
    head, rows = comparison.table()
    keep = [0, 1, 2, 3, *(4 + i for i, measure in enumerate(comparison.measures) if measure in SHOWN)]
    floors = []
    for measure in comparison.measures:
        known = [
            headline(card["measures"][measure]["floor"]) for row in comparison.rows for card in row.cards
            if measure in SHOWN and measure in card["measures"] and card["measures"][measure]["floor"] is not None
        ]  # fmt: skip
        if known:
            floors.append(f"{title_of(measure)} {format_number(float(np.nanmedian(known)))}")
    caption = "Medians over seeds with the median absolute deviation, best first. "
    caption += f"Floors, or the best that can be had: {', '.join(floors) or ABSENT}."
    reasons = dict.fromkeys(
        f"{row.label}: {card['why'][0]['text']}" for row in comparison.rows for card in row.cards
        if card["verdict"] == "failed" and card["why"]
    )  # fmt: skip
    blocks = [
        Table(head=tuple(head[i] for i in keep), rows=tuple(tuple(r[i] for i in keep) for r in rows), caption=caption)
    ]
    if reasons:
        blocks.append(Paragraph("Failed: " + "; ".join(reasons) + "."))
    return Section(anchor=f"data-{name}", title=name, blocks=tuple(blocks))
