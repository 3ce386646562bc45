"""Whether paths spread and move on as the rates say: occupation over time, Chapman-Kolmogorov test."""

import numpy as np

from dysyr.core.rate_matrix import transition_matrices
from dysyr.evaluation.chapman_kolmogorov import transition_estimate
from dysyr.evaluation.label_paths import noise_matrix
from dysyr.reporting.document import Paragraph, Picture, Section
from dysyr.reporting.figures.chapman_kolmogorov import MAX_STATES as MOST_PANELS
from dysyr.reporting.figures.chapman_kolmogorov import chapman_kolmogorov_figure
from dysyr.reporting.figures.image import svg_uri
from dysyr.reporting.figures.occupation import MAX_STATES, occupation_figure
from dysyr.reporting.numbers import format_number
from dysyr.reporting.views import time_unit

MIN_PATHS = 5
N_LAGS = 12
RELAXATIONS = 3.0


def occupation_section(card):
    """Shares of the states over time, of labels and model.

    Args:
        card: Card of labels.

    Returns:
        Section.
    """
    context, panel = card.rates, card.rates.panel
    title = "Occupation over time"
    if panel.n_paths < MIN_PATHS:
        text = f"{panel.n_paths} path{'s' * (panel.n_paths > 1)}: too few for shares of the states at each instant."
        return Section(anchor="occupation", title=title, blocks=(Paragraph(text),))
    model = context.runs.histograms_at(panel.instant_times) if context.chain is None else context.chain.reports(panel)
    truth = None if context.truth is None else context.truth.reports(panel)
    figure = occupation_figure(
        panel.instant_times, panel.histograms(), [len(paths) for paths, _ in panel.instants], model, truth,
        names=context.names, unit=time_unit(card.truth),
    )  # fmt: skip
    measure = card.measures.get("hellinger")
    said = ""
    if measure is not None:
        said = f"Their mean Hellinger distance is {format_number(measure.value)}"
        said += f", its floor {format_number(measure.floor)}. " if measure.floor is not None else ". "
    whose = "of the free runs" if context.chain is None else "that the model implies from its initial distribution"
    picture = Picture(
        uri=svg_uri(figure),
        alt="Share of the paths in each state over time, of held-out labels and of the model.",
        caption=(
            f"Share of {panel.n_paths} paths that are in a state at a time, with 95 % sampling intervals, and the "
            f"curve {whose}. {said}Look for curves that leave the intervals on one side for long: neighbouring "
            "instants share their paths, so that single points off the curve come in runs."
            + (f" The first {MAX_STATES} of {len(context.names)} states." if len(context.names) > MAX_STATES else "")
        ),
    )
    return Section(anchor="occupation", title=title, blocks=(picture,))


def markov_section(card):
    """The Chapman-Kolmogorov test.

    Args:
        card: Card of labels.

    Returns:
        Section, or None for irregular times or short paths.
    """
    context, panel = card.rates, card.rates.panel
    measure = card.measures.get("chapman_kolmogorov")
    if panel.dt is None or panel.grid.shape[1] < 4:
        return None
    steps = _steps(context)
    seen, stderr = _returns(panel, steps)
    one = transition_estimate(panel.path_counts(1).sum(axis=0))
    powers = np.stack([np.linalg.matrix_power(one, k).diagonal() for k in steps])
    model = None if context.chain is None else implied_returns(context.chain, panel, steps)
    residuals, said = None, ""
    if measure is not None:
        low, high = measure.floor_range
        lags = [int(name.split("_")[0]) for name in measure.value]
        residuals = (lags, list(measure.value.values()), list(low.values()), list(high.values()))
        said = f"The test gives p = {format_number(measure.settings['p_value'])}. "
    figure = chapman_kolmogorov_figure(
        panel.dt * np.array(steps), seen, stderr, powers, model, residuals, names=context.names,
        unit=time_unit(card.truth),
    )  # fmt: skip
    picture = Picture(
        uri=svg_uri(figure),
        alt=f"Probability to be in a state again after a lag, observed and implied. {said}",
        caption=(
            "How often a path is found in a state again after a lag (dots, 95 % intervals over paths), beside the "
            "powers of the transitions over one sample (dashed) and what the rates imply. Dots that leave the dashed "
            "curve mean that the labels remember more than the present state, as states that lump others together do; "
            f"wrong labels have the same effect. {said}Shaded: 95 % range of the residual for a Markov chain of this "
            "length."
            + (f" The first {MOST_PANELS} states." if len(context.names) > MOST_PANELS else "")
        ),
    )
    return Section(anchor="markov", title="Are the labels Markov?", blocks=(picture,))


def implied_returns(chain, panel, steps):
    """(lag, state) probability that a label is seen again, of a chain observed through its label noise.

    The states behind a label are weighted by how often they occur at the instants of the panel.
    """
    noise = noise_matrix(panel.n_states, chain.label_noise)
    weights = (chain.reports(panel) @ np.linalg.pinv(noise)).mean(axis=0).clip(0)
    p = transition_matrices(chain.rates, panel.dt * np.array(steps))
    joint = np.einsum("so,s,kst,to->ko", noise, weights, p, noise)
    return joint / np.maximum(weights @ noise, 1e-300)


def _steps(context):
    """Lags in samples, about evenly on a logarithmic scale, up to three relaxation times or half of a path."""
    panel = context.panel
    longest = panel.grid.shape[1] // 2
    if context.chain is not None:
        decay = -np.sort(-np.linalg.eigvals(context.chain.rates).real)
        slow = decay[decay < -1e-12]
        if len(slow):
            longest = min(longest, max(int(np.ceil(RELAXATIONS / (-slow[0] * panel.dt))), 5))
    return np.unique(np.geomspace(1, max(longest, 2), N_LAGS).round().astype(int)).tolist()


def _returns(panel, steps):
    """(lag, state) observed shares of pairs that end where they begin, and their standard errors over paths."""
    shares, errors = [], []
    for k in steps:
        counts = panel.path_counts(k).astype(np.float64)
        starts, again = counts.sum(axis=2), np.einsum("pii->pi", counts)
        total = np.maximum(starts.sum(axis=0), 1)
        share = again.sum(axis=0) / total
        if panel.n_paths >= MIN_PATHS:
            error = np.sqrt(((again - share * starts) ** 2).sum(axis=0)) / total
        else:
            error = np.sqrt(share * (1 - share) / np.maximum(total / k, 1))
        shares.append(np.where(starts.sum(axis=0) > 0, share, np.nan))
        errors.append(error)
    return np.array(shares), np.array(errors)
