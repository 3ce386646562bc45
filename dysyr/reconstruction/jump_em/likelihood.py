"""Log-likelihood of labels under a rate matrix, and what it expects: clean labels and mistaken ones."""

import dataclasses

import numpy as np

from dysyr.kernels.rate_hidden_states import smooth_paths
from dysyr.kernels.rate_integrals import fast_transition_matrices, panel_expectations


@dataclasses.dataclass(frozen=True, eq=False)
class Parameters:
    """A point in the space of models.

    Attributes:
        q: (state, state) rate matrix, rows sum to zero.
        noise: probability that a label is not that of the true state.
        initial: (state,) distribution of the first state of a path.
    """

    q: np.ndarray
    noise: float
    initial: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Expectation:
    """What the data say at a point.

    Attributes:
        log_likelihood: of all labels.
        s: (state, state): E[time in i] = s_ii, E[jumps i -> j] = q_ij s_ij; see ``kernels.rate_integrals``.
        first: (state,) expected number of paths that begin in each state.
        mistakes: expected number of labels that are not those of the true state.
    """

    log_likelihood: float
    s: np.ndarray
    first: np.ndarray
    mistakes: float


def expect(panel, at):
    """What the data say under the parameters ``at``.

    With label noise e, a label is that of the true state with probability 1 - e, and each other one with e / (n - 1).

    Args:
        panel: Panel.
        at: Parameters.

    Returns:
        Expectation; its log-likelihood is -inf where something impossible was seen.

    Reference: bladt2005, rabiner1989
    """
    if at.noise == 0:
        value, s = panel_expectations(at.q, panel.lags, panel.counts)
        begun = panel.first > 0
        with np.errstate(divide="ignore"):
            value += float((panel.first[begun] * np.log(at.initial[begun])).sum())
        return Expectation(value, s, panel.first, 0.0)
    n = panel.n_states
    table = np.full((n, n), at.noise / (n - 1))
    np.fill_diagonal(table, 1 - at.noise)
    value, pairs, states = smooth_paths(
        panel.offsets, panel.index, fast_transition_matrices(at.q, panel.lags), table[panel.labels], at.initial
    )
    if not np.isfinite(value):
        return Expectation(-np.inf, np.zeros((n, n)), panel.first, 0.0)
    _, s = panel_expectations(at.q, panel.lags, pairs)
    right = float(states[np.arange(len(states)), panel.labels].sum())
    return Expectation(value, s, states[panel.offsets[:-1]].sum(axis=0), len(states) - right)
