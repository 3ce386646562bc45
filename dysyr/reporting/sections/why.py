"""Why the verdict is what it is: the rules with their numbers, and what they rest on."""

from dysyr.reporting.document import Paragraph, Picture, Rules, Section
from dysyr.reporting.figures.image import svg_uri
from dysyr.reporting.figures.scores import scores_figure
from dysyr.reporting.numbers import format_number
from dysyr.reporting.wording import join_words, title_of


def why_section(card):
    """The rules behind the verdict and the distances they judge.

    Args:
        card: Card.

    Returns:
        Section.
    """
    blocks = [
        Paragraph(
            "The verdict follows from fixed rules, not from taste. Each line is one rule with the numbers "
            "it was applied to."
        ),
        Rules(tuple(card.verdict.lines)),
    ]
    distances = [
        measure
        for measure in card.measures.values()
        if measure.kind == "distance"
        and isinstance(measure.value, (int, float))
        and not measure.status.startswith("not")
        and (card.rates is None or measure.name == "hellinger")
    ]
    if distances:
        blocks.append(
            Picture(
                uri=svg_uri(scores_figure(distances)),
                alt="Distances between model and truth on logarithmic axes: " + "; ".join(map(_spoken, distances)),
                caption=_caption_of(card, distances),
            )
        )
    return Section(anchor="why", title="Why this verdict", blocks=tuple(blocks))


def _caption_of(card, distances):
    if card.windows is not None:
        return _WINDOW_CAPTION
    return _caption(distances) if card.rates is None else _LABEL_CAPTION


_WINDOW_CAPTION = (
    "A score means nothing alone. For scores of judges small dots are judges of their own split and weights, the large "
    "dot their mean with its 95 % confidence interval. Floor: series of the truth against others, with the range of "
    "95 % of them shaded; nothing can score reliably better. Open diamonds are wrong windows made from the truth: its "
    "samples in random order, independent normal numbers, a linear autoregression. Look for a dot inside or close to "
    "the shaded range and well left of the diamonds."
)
_LABEL_CAPTION = (
    "A score means nothing alone. The large dot is the Hellinger distance of the held-out labels from the model's own "
    "distribution over time, with its 95 % confidence interval. Floor: independent paths of the truth against the law "
    "that they come from, as many as the labels have, with the range of 95 % of them shaded; nothing can score "
    "reliably better. Open diamonds are wrong models: all states equally likely, and the labels of each path in random "
    "order, which this distance cannot see in stationary paths. Look for a dot inside or close to the shaded range."
)


def _spoken(measure):
    return (
        f"{title_of(measure.name)} {format_number(measure.value)}, floor {format_number(measure.floor)}, "
        f"ceiling {format_number(measure.ceiling)}"
    )


def _caption(distances):
    text = (
        "A score means nothing alone. For each distance the large dot is the mean over the model's "
        f"{max(len(measure.runs) for measure in distances)} free runs (small dots) with its 95 % "
        "confidence interval. Floor: independent truth against truth at the same length, with the range "
        "of 95 % of such pairs shaded; nothing can score reliably better. "
    )
    if any(measure.controls for measure in distances):
        text += (
            "Open diamonds are wrong models made from the truth itself. An arrow at the left edge is a "
            "wrong model that this distance cannot see (shuffling time leaves D_stsp as it is, "
            "randomising phases leaves D_H): therefore no single distance decides. "
        )
    if any(measure.ceiling is not None for measure in distances):
        text += "Ceiling: the score of a model that knows nothing. "
    halves = [title_of(m.name) for m in distances if m.settings.get("floor") == "halves"]
    if halves:
        text += (
            f"For {join_words(halves)} the floor compares the two halves of the data, since no second recording is "
            "known; the open circle is the model's score at that length, and only it may be held against that floor. "
        )
    return text + "Look for a dot inside or close to the shaded range and well left of the diamonds."
