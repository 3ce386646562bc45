"""The symbolic code of a piecewise-linear model, and its fixed points."""

import numpy as np

from dysyr.core.dataset import trajectories
from dysyr.core.errors import DivergedError
from dysyr.core.model import PiecewiseLinear
from dysyr.encoding.encode import encode
from dysyr.encoding.fixed_points import fixed_points
from dysyr.evaluation.assemble import longest_stretch
from dysyr.evaluation.exponent_signs import exponents_of_truth
from dysyr.evaluation.rule_line import RuleLine
from dysyr.evaluation.verdict import FIXED_POINT, kind_of_truth
from dysyr.reporting.document import Paragraph, Picture, Rules, Section, Table
from dysyr.reporting.figures.image import png_uri, svg_uri
from dysyr.reporting.numbers import ABSENT, format_number
from dysyr.reporting.symbol_views import graph_figure, space_figure
from dysyr.reporting.views import unit_text

N_STEPS = 20_000
MAX_SYMBOLS = 64
MAX_BITS = 12
MOSTLY_STAYS = 0.5
MAX_ROWS = 12
MAX_COORDINATES = 3
BUDGET = 2**MAX_BITS
"""Largest number of regions all of which are searched for fixed points, in about a second."""


def symbols_section(card):
    """The code of a free run, its graph and entropies, and fixed points with a warning of stable ones.

    Args:
        card: Card.

    Returns:
        Section, or None for a model without regions.
    """
    if not isinstance(card.model, PiecewiseLinear):
        return None
    model = card.model
    found = fixed_points(model, budget=BUDGET)
    points = sorted(found, key=lambda point: point.stability != "stable")
    code, blocks = _code(model)
    if code is not None:
        blocks += [_states(code, points), _graph(code), _entropies(code, card)]
    blocks.append(Rules((_stable_line(points, found, card),)))
    if points:
        blocks.append(_points_table(points, code, model))
    return Section(anchor="symbols", title="Symbolic code", blocks=tuple(blocks))


def _code(model):
    """(Encoding of a free run or None, list of a Paragraph that introduces it or says why there is none)."""
    if model.n_inputs:
        return None, [Paragraph("The model runs with external inputs: dysyr encode --data codes it along data.")]
    try:
        code = encode(model, n_steps=N_STEPS, max_symbols=N_STEPS)
    except DivergedError as error:
        return None, [Paragraph(f"There is no code, since the run from which it would come left every bound: {error}")]
    possible = format_number(2**model.n_bits) if model.n_bits <= MAX_BITS else f"2^{model.n_bits}"
    visited = f"{code.n_symbols} of at most {possible} regions"
    if code.n_symbols > MAX_SYMBOLS:
        return None, [
            Paragraph(
                f"A free run of {format_number(N_STEPS)} steps visits {visited}, more than {MAX_SYMBOLS}: too fine a "
                "partition to count words in. Models with few switching units, such as ALRNN, have codes."
            )
        ]
    return code, [
        Paragraph(
            f"The model is linear in each of its regions. A free run of {format_number(N_STEPS)} steps visits "
            f"{visited}; written down region by region it is a sequence of symbols, numbered by visits."
        )
    ]


def _states(code, points):
    return Picture(
        uri=png_uri(space_figure(code, points)),
        alt=f"States of the model in the colours of {code.n_symbols} symbols, with {len(points)} fixed points.",
        caption=(
            "States of the free run, coloured by symbol; the name after the number has a bit for each switching unit. "
            "Circles are fixed points: full where stable, half where a saddle, empty where unstable in all directions. "
            "Those far outside are not shown. Look for colours that divide the attractor as its geometry does."
        ),
    )


def _graph(code):
    return Picture(
        uri=svg_uri(graph_figure(code)),
        alt=f"Transition graph of {code.n_symbols} symbols and {int(code.adjacency.sum())} transitions.",
        caption=(
            "Which symbol follows which, one step later: the more probable a transition, the wider its arrow, in the "
            "colour of the symbol that it leaves; loops are steps within a symbol; larger circles are visited more."
        ),
    )


def _entropies(code, card):
    per_time = unit_text("1/time", card.truth)
    rows = [
        _entropy("topological", code, code.topological_entropy,
                 "How fast the number of words grows; an upper bound if no word was missed."),
        _entropy("metric", code, code.metric_entropy,
                 "How uncertain the next symbol is after those before; an upper bound if words are long enough."),
        _entropy("Markov", code, code.markov_rate,
                 "The same if only the present symbol were known; an upper bound of the metric entropy."),
    ]  # fmt: skip
    stays = float(np.trace(code.transition_counts) / code.transition_counts.sum())
    if stays > MOSTLY_STAYS and code.n_symbols > 2:
        jumps = code.jumps()
        rows += [
            _entropy("topological, of jumps", jumps, jumps.topological_entropy,
                     "The same for the sequence of regions entered, however long the stays; its words reach further."),
            _entropy("metric, of jumps", jumps, jumps.metric_entropy, "Likewise."),
        ]  # fmt: skip
    said = f"Entropies of words of up to {code.sampled_length} symbols; {100 * stays:.3g} % of steps stay in a symbol. "
    measure = card.measures.get("lyapunov_spectrum")
    if measure is not None:
        exponents = np.atleast_1d(np.asarray(measure.value, dtype=np.float64))
        positive = format_number(float(exponents[exponents > 0].sum()))
        said += (
            f"The model's positive Lyapunov exponents sum to {positive} {per_time}, which its metric entropy cannot "
            "exceed: an estimate above it comes from words too short for this sampling interval."
        )
    head = ("Entropy (nats)", "per step", per_time, "What it says")
    return Table(head=head, rows=tuple(rows), caption=said, numeric=(1, 2))


def _entropy(name, code, value, meaning):
    per_step = f"{format_number(value)}{' per jump' if code.step == 'jump' else ''}"
    return (name[0].upper() + name[1:], per_step, format_number(code.per_time(value)), meaning)


def _stable_line(points, found, card):
    """What is to be said of stable fixed points: free runs end in them, and scores can hide them."""
    stable = [point for point in points if point.stability == "stable"]
    if stable:
        where = "; ".join(_position(point) for point in stable[:MAX_COORDINATES])
        count = "a stable fixed point" if len(stable) == 1 else f"{len(stable)} stable fixed points"
        if _truth_rests(card):
            return RuleLine(f"the model has {count}, at {where}; the truth comes to rest too", True)
        return RuleLine(
            f"Warning: the model has {count}, at {where}, and the truth does not come to rest. A run that comes near "
            "ends there; good scores only say that the scored runs did not come near.", False,
        )  # fmt: skip
    if found.exhaustive:
        return RuleLine("the model has no stable fixed point; all of its regions were searched", True)
    tried = format_number(int(found.n_words))
    return RuleLine(f"no stable fixed point was found in the {tried} regions searched, which are not all", None)


def _truth_rests(card):
    i, start, stop = longest_stretch(card.truth)
    exponents = exponents_of_truth(card.measures.get("lyapunov_spectrum"))
    return kind_of_truth(trajectories(card.truth)[i][start:stop], exponents) == FIXED_POINT


def _points_table(points, code, model):
    rows = []
    for point in points[:MAX_ROWS]:
        (symbol,) = [None] if code is None else code.symbols_of(point.word)
        largest = format_number(float(np.abs(point.eigenvalues[0])), digits=4)
        rows.append((
            _position(point), point.stability, f"{point.n_unstable} of {len(point.eigenvalues)}", largest,
            ABSENT if symbol is None else str(symbol), format_number(point.margin),
        ))  # fmt: skip
    names = ", ".join(model.names[:MAX_COORDINATES]) + (", …" if len(model.names) > MAX_COORDINATES else "")
    head = (f"Fixed point ({names})", "Stability", "Unstable directions", "Largest |eigenvalue|", "Symbol", "Margin")
    more = f" The first {MAX_ROWS} of {len(points)}." if len(points) > MAX_ROWS else ""
    caption = (
        "Fixed points, exact: in each region a linear equation. Eigenvalues are per step; the margin is the least "
        f"absolute value of a switch: near zero, a small change of parameters removes the point.{more}"
    )
    return Table(head=head, rows=tuple(rows), caption=caption, numeric=(2, 3, 4, 5))


def _position(point):
    shown = [format_number(float(value)) for value in point.observed[0][:MAX_COORDINATES]]
    return f"({', '.join(shown)}{', …' if point.observed.shape[1] > MAX_COORDINATES else ''})"
