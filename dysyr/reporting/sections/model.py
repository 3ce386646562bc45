"""The model and how it was trained."""

from dysyr.core.measure import plain
from dysyr.reporting.document import Facts, Paragraph, Picture, Section
from dysyr.reporting.figures.image import png_uri
from dysyr.reporting.figures.training import training_figure
from dysyr.reporting.numbers import format_exact, format_number


def model_section(card):
    """What was fitted, with which settings.

    Args:
        card: Card.

    Returns:
        Section.
    """
    facts = []
    training = card.training
    if card.model is None:
        text = "A data set was evaluated, not a model: measures that need a model are left out."
        return Section(anchor="model", title="What was evaluated", blocks=(Paragraph(text),))
    if training is not None:
        facts.append(("Method", training.method))
        facts += [(name.replace("_", " "), _text(training.arguments[name])) for name in training.changed]
        facts += training.facts
        rest = {name: v for name, v in training.arguments.items() if name not in training.changed}
        settings = ", ".join(f"{name.replace('_', ' ')} {_text(value)}" for name, value in rest.items())
        if settings:
            facts.append(("Left at their defaults", settings))
    else:
        facts.append(("Model", type(card.model).__name__))
    return Section(anchor="model", title="The model", blocks=(Facts(tuple(facts)),))


def training_section(card):
    """Training curves.

    Args:
        card: Card.

    Returns:
        Section, or None where the training is not known.
    """
    training = card.training
    if training is None or not training.curves:
        return None
    figure = training_figure(training.curves, selected=training.selected, restarts=training.restarts)
    caption = (
        "Loss on the training data and the further curves of this method. The loss may jump where another stage of "
        "training measures it otherwise. "
    )
    if training.selected is not None:
        chosen = f"The orange line is the checkpoint that was kept, at update {format_number(training.selected)}"
        if training.criterion is not None:
            chosen += f", with a criterion of {format_number(training.criterion)} when it was confirmed"
        caption += f"{chosen}: it was chosen on validation data alone, never on the test data of this report. "
    if training.restarts:
        caption += "At dashed lines another initialisation begins, or an earlier one is taken up again. "
    picture = Picture(
        uri=png_uri(figure),
        alt="Training curves: " + "; ".join(title for title, _, _ in training.curves),
        caption=caption + "Look for curves that have levelled off; a criterion that still falls asks for more updates.",
    )
    return Section(anchor="training", title="Training", blocks=(picture,))


def _text(value):
    value = plain(value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, (int, float)):
        return format_exact(value)
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)
