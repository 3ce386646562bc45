"""What is wrong with an estimate although it is a number: warnings that say what to do."""

import warnings

import numpy as np

from dysyr.core.rate_matrix import closed_classes
from dysyr.core.rate_properties import time_scales


class RateWarning(UserWarning):
    """Rates that should not be trusted as they are."""


def diagnose(panel, q, *, has_prior, converged):
    """Reasons to doubt a rate matrix.

    Args:
        panel: Panel.
        q: (state, state) estimated rates.
        has_prior: whether a prior fills in where the data say nothing.
        converged: whether the iteration came to rest.

    Returns:
        tuple of str, none if all is well.
    """
    said = []
    source = "its rates come from the prior alone" if has_prior else "its rates are zero"
    unvisited = [panel.states[i] for i in np.flatnonzero(panel.visits == 0)]
    if unvisited:
        said.append(f"state {', '.join(unvisited)} was never seen: {source}; give fewer states or more data")
    stuck = (panel.visits > 0) & (panel.jumps.sum(axis=1) == 0)
    names = [panel.states[i] for i in np.flatnonzero(stuck)]
    if names:
        said.append(f"state {', '.join(names)} was never seen to be left: it may be absorbing; {source}")
    classes = closed_classes(q)
    if len(classes) > 1:
        text = "; ".join("{" + ", ".join(panel.states[i] for i in group) + "}" for group in classes)
        said.append(f"{len(classes)} closed classes, {text}: there is no unique stationary distribution")
    scales, _ = time_scales(q)
    if len(scales) and scales[0] < panel.lags[0]:
        said.append(
            f"the sampling is too coarse: the slowest decay, {scales[0]:.3g}, is shorter than the shortest lag, "
            f"{panel.lags[0]:.3g}, so the rates are not identified although transition probabilities are; sample faster"
        )
    if not converged:
        said.append("the iteration did not converge: raise max_iterations, or use estimator='map'")
    return tuple(said)


def diagnose_levels(panel, at, errors, weights):
    """Reasons to doubt the levels of a signal.

    Args:
        panel: SignalPanel.
        at: Parameters.
        errors: (2, state) standard errors of means and standard deviations.
        weights: (state,) expected number of samples in each state.

    Returns:
        tuple of str.
    """
    said = []
    held = at.levels.sds <= panel.smallest_sd
    for i in np.flatnonzero(held):
        said.append(
            f"the spread of state {panel.states[i]} is the smallest allowed one, on {weights[i]:.3g} samples: "
            "the signal repeats a value there, or there are too many states; give fewer"
        )
    gaps, spread = np.diff(at.levels.means), np.hypot(errors[0, 1:], errors[0, :-1])
    for i in np.flatnonzero((gaps < 2 * spread) & ~held[1:] & ~held[:-1]):
        said.append(
            f"the levels of states {panel.states[i]} and {panel.states[i + 1]} differ by less than two standard errors:"
            " only their rates tell them apart, and which is which is arbitrary"
        )
    return tuple(said)


def warn(reasons):
    """Issue each reason as a RateWarning that points to the caller of ``fit``."""
    for reason in reasons:
        warnings.warn(reason, RateWarning, stacklevel=3)
