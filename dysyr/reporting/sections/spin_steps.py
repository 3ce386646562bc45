"""What a method for states of spins told of its own steps."""

import numpy as np

from dysyr.reporting.document import Picture, Section
from dysyr.reporting.figures.image import svg_uri
from dysyr.reporting.figures.spins import steps_figure
from dysyr.reporting.figures.training import training_figure
from dysyr.reporting.numbers import format_number

TITLES = {
    "residual_l1": "residual of the equation, L1",
    "residual_chi2": "residual of the equation, chi-square",
    "effective_samples": "effective number of samples",
    "smallest_eigenvalue": "smallest eigenvalue",
    "variational_error": "share of the change that the network cannot follow",
    "step_error": "error of the step",
    "negative_weight": "share of the weight with a negative target",
}


def steps_section(comparison):
    """Residuals, effective sample size and positivity of each step of a solution.

    Args:
        comparison: StateComparison.

    Returns:
        Section, or None for a model that was fitted to outcomes.
    """
    history = comparison.history
    if "residual_l1" not in history or not len(history["residual_l1"]):
        return None
    curves = [(title, np.asarray(history[name], float)) for name, title in TITLES.items() if name in history]
    curves = [(title, values) for title, values in curves if np.isfinite(values).any()]
    time = history.get("time")
    text = (
        "A residual is that of the step's own equation, without any exact state. A small one is no certificate: the "
        "error of a steady state can be as large as the residual over the gap of the generator, errors of steps in "
        "time add up. "
    )
    samples = history.get("effective_samples")
    if samples is not None and np.isfinite(samples).any():
        least = float(np.nanmin(samples))
        text += (
            f"The effective number of samples was {format_number(round(least))} at least: where it is far below the "
            "number drawn, a step went too far from the distribution that its samples come from. "
        )
    else:
        text += "Sums were over all strings, so that there is no sampling error. "
    picture = Picture(
        uri=svg_uri(steps_figure(curves, time)), alt="Per step: " + "; ".join(title for title, _ in curves) + ".",
        caption=text + "Look for residuals that have stopped to fall, and for eigenvalues that drift below zero.",
    )  # fmt: skip
    return Section(anchor="steps", title="What the steps say of themselves", blocks=(picture,))


def likelihood_section(comparison):
    """The fit to outcomes: log-likelihood of fitted and of held-out ones.

    Args:
        comparison: StateComparison.

    Returns:
        Section, or None for a solution.
    """
    training = comparison.training
    if training is None or "held_out" not in comparison.history:
        return None
    text = "Mean log-likelihood of an outcome string, in nats, of those fitted and of those left out in turn. "
    if training.selected == 0:
        text += (
            "Outcomes that were left out are most likely before the first update, where the model is the product of "
            "the single spins: these outcomes do not prove correlations, and the answer has none. "
        )
    elif training.selected is not None:
        text += (
            f"The orange line is the state that was kept, at update {format_number(training.selected)}, where outcomes "
            "that were left out are most likely. "
        )
    picture = Picture(
        uri=svg_uri(training_figure(training.curves, selected=training.selected)),
        alt="Log-likelihoods over updates.",
        caption=text + "Look for a held-out curve that has passed its top; beyond it the fit follows noise.",
    )
    return Section(anchor="likelihood", title="The fit", blocks=(picture,))
