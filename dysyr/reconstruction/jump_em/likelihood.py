"""Log-likelihood of labels or signals under a rate matrix, and what it expects: clean labels, mistaken ones, levels."""

import dataclasses

import numpy as np

from dysyr.core.levels import NormalLevels
from dysyr.kernels.rate_hidden_states import smooth_paths
from dysyr.kernels.rate_integrals import fast_transition_matrices, panel_expectations


@dataclasses.dataclass(frozen=True, eq=False)
class Parameters:
    """A point in the space of models.

    Attributes:
        q: (state, state) rate matrix, rows sum to zero.
        noise: probability that a label is not that of the true state.
        initial: (state,) distribution of the first state of a path.
        levels: NormalLevels of a signal; None where the data are labels.
    """

    q: np.ndarray
    noise: float
    initial: np.ndarray
    levels: NormalLevels | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Expectation:
    """What the data say at a point.

    Attributes:
        log_likelihood: of all labels.
        s: (state, state): E[time in i] = s_ii, E[jumps i -> j] = q_ij s_ij; see ``kernels.rate_integrals``.
        first: (state,) expected number of paths that begin in each state.
        mistakes: expected number of labels that are not those of the true state.
        moments: (3, state) sums of g, g (y - m) and g (y - m)^2 over the samples of a signal, with g the probability of
            the state and m its level; None for labels.
    """

    log_likelihood: float
    s: np.ndarray
    first: np.ndarray
    mistakes: float
    moments: np.ndarray | None = None


def expect(panel, at):
    """What the data say under the parameters ``at``.

    With label noise e, a label is that of the true state with probability 1 - e, and each other one with e / (n - 1).

    Args:
        panel: Panel, or SignalPanel where ``at`` has levels.
        at: Parameters.

    Returns:
        Expectation; its log-likelihood is -inf where something impossible was seen.

    Reference: bladt2005, rabiner1989
    """
    if at.levels is not None:
        return _expect_signal(panel, at)
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


def _expect_signal(panel, at):
    """The same for a signal. Densities are divided by the largest of each sample, so that none underflows."""
    logs = at.levels.log_densities(panel.values)
    most = logs.max(axis=1)
    value, pairs, states = smooth_paths(
        panel.offsets, panel.index, fast_transition_matrices(at.q, panel.lags), np.exp(logs - most[:, None]), at.initial
    )
    if not np.isfinite(value):
        n = panel.n_states
        return Expectation(-np.inf, np.zeros((n, n)), np.ones(n), 0.0, np.zeros((3, n)))
    _, s = panel_expectations(at.q, panel.lags, pairs)
    away = panel.values[:, None] - at.levels.means
    moments = np.stack([states.sum(axis=0), (states * away).sum(axis=0), (states * away**2).sum(axis=0)])
    first = states[panel.offsets[:-1]].sum(axis=0)
    return Expectation(value + float(most.sum()), s, first, 0.0, moments)
