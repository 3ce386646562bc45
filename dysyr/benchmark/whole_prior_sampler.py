"""A sampler of the posterior of rates under the whole training law of the foundation network: what it might reach.

Unlike ``prior_sampler`` it is told nothing that the network is not. Hidden are, besides rates and edges, the states
behind the labels, the label noise or that there is none, the law of the rates, the kind of the graph, and how paths
begin. Processes with a rate above 1 have a weight, as in the training. Each sweep draws

    start | first states, rates                        stationary, or from Dirichlet(50, ..., 50)
    noise | labels, rates, start                       Metropolis-Hastings with states summed over, to and from none
    states | labels, rates, start, noise               forward filtering, backward sampling
    each rate, each edge | states, with starts summed over      Metropolis-Hastings
    law | rates                                        from all of them
    scale of the law and all rates with it | states    Metropolis-Hastings

A complete graph and a sparse one are far apart, the sparse prior of a complete graph being 2^-30 for six states. The
chain therefore sees all graphs of k edges with a weight u_k under which the numbers between the two are not rare, and
its sweeps are weighted with the prior over u_k afterwards (multicanonical sampling). The weights are learned while the
chain burns in, first by lowering that of the number at hand, then from how often edges would be added and dropped,

    Z_(k+1) / Z_k = E_k[sum of min(1, r) over edges to add] / E_(k+1)[sum of min(1, 1/r) over edges to drop]

with Z_k the evidence of graphs of k edges, all alike, and r the ratio of a proposal.

Reference:
    berg1992, wang2001
"""

import dataclasses

import numpy as np

from dysyr.benchmark.prior_sampler import allowed, log_likelihood, transition
from dysyr.benchmark.whole_prior import BETA, log_graphs
from dysyr.benchmark.whole_prior_labels import draw_start, draw_states, filter_labels, label_odds, noise_step
from dysyr.kernels.jit import jit
from dysyr.kernels.rate_paths import chosen
from dysyr.reconstruction.jump_em.foundation.prior import LARGEST_RATE

N_BLOCKS, BURN, AIM = 10, 0.3, 0.4
FINEST = 0.03
"""Smallest step of the logarithm of u_k while it is lowered."""
SHARES, BRIDGE = (0.05, 0.6), 0.15
"""Least and largest share of sweeps for the complete graph; least weight between."""
DECIDED, SLOPE = 15.0, 2.0
"""Logarithm of odds of the kinds of graphs beyond which the less likely one is not looked at, and the fastest fall of
the logarithm of a share from one number of edges to the next then."""
N_STEPS = 4
"""Steps of the scale in a sweep."""
MANY = 4000
"""See ``whole_posterior``."""


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """Posterior of one panel.

    Attributes:
        mean: (state, state) posterior mean of the rates, 0 on the diagonal.
        stderr: (state, state) Monte Carlo standard errors.
        complete, clean, first_law: probabilities that the graph has all edges, that no label is wrong, and that rates
            follow the first law of the prior.
        accepted: share of accepted steps of rates.
        occupied: (edges,) share of sweeps with so many edges, unweighted.
    """

    mean: np.ndarray
    stderr: np.ndarray
    complete: float
    clean: float
    first_law: float
    accepted: float
    occupied: np.ndarray


def whole_posterior(panel, prior, start, noise, *, n_sweeps=2000, seed=0, many=MANY):
    """Posterior mean of the rates of regular paths.

    Args:
        panel: Panel of paths on one regular grid, times in tenths of the duration of the longest.
        prior: WholePrior.
        start: (state, state) rates to begin at; the graph of those that are positive has to be strongly connected with
            at least 2 (n - 1) edges.
        noise: label noise to begin at, within the prior or 0.
        n_sweeps: sweeps, the first 30 % of which are dropped.
        seed: of the draws.
        many: samples beyond which a step of the noise is made in some sweeps only, as many fewer as there are more.

    Returns:
        Drawn.

    Reference: berg1992
    """
    n = panel.n_states
    most = n * (n - 1)
    rng = np.random.default_rng([seed, 0x77686F])
    weights = log_graphs(n, prior.complete)
    there = np.isfinite(weights)
    umbrella, fixed = np.where(there, 0.0, -np.inf), bool(there.sum() == 1)
    flows = np.zeros((3, most + 1))
    q = np.where(np.eye(n, dtype=bool), 0.0, np.where(start > 0, np.clip(start, 1e-4, 0.95), 0.0))
    seen, seen_first = np.ascontiguousarray(panel.counts[0]), panel.first
    hidden = seen.copy(), seen_first.copy(), np.full(n, 1 / n), np.array([noise, 0.0])
    data = panel.labels, np.ascontiguousarray(panel.offsets, dtype=np.int64), seen, seen_first, float(panel.lags[0])
    believed = prior.laws, _neighbours(prior.laws), np.log(prior.beyond), prior.clean, np.log(prior.noises)
    width = 2.4 * (seen + 1.0) ** -0.5
    n_burn = int(BURN * n_sweeps)
    per_block = (n_sweeps - n_burn) // N_BLOCKS
    rates, tallies = np.zeros((N_BLOCKS, most + 1, n, n)), np.zeros((N_BLOCKS, most + 1, 3))
    accepted = 0.0
    for block in range(-N_BLOCKS, N_BLOCKS):
        burning = block < 0
        n_now = -(-n_burn // N_BLOCKS) if burning else per_block
        learned = float((block + N_BLOCKS) * n_now * most) if block < -N_BLOCKS // 2 and not fixed else -1.0
        share = np.zeros((n, n))
        into = (np.zeros_like(rates[0]), np.zeros_like(tallies[0])) if burning else (rates[block], tallies[block])
        _sweeps(q, *hidden, *data, *believed, umbrella, flows, learned, fixed, width, n_now, many, rng, share, *into)
        if burning:
            width *= np.exp(np.clip(share / n_now - AIM, -0.3, 0.3) * 2)
            if block >= -N_BLOCKS // 2 - 1 and not fixed:
                umbrella = _umbrella(flows, weights, umbrella)
        accepted += 0.0 if burning else share.sum() / (n_now * N_BLOCKS)
    factor = np.zeros(most + 1)
    factor[there] = np.exp(weights[there] - umbrella[there] - (weights[there] - umbrella[there]).max())
    above, below = np.einsum("k,bkij->bij", factor, rates), tallies[:, :, 0] @ factor
    mean, total = above.sum(axis=0) / below.sum(), tallies.sum(axis=0)
    rest = above - mean * below[:, None, None]
    complete = factor[-1] * total[-1, 0] / below.sum()
    clean, first_law = factor @ total[:, 1:] / below.sum()
    return Drawn(
        mean, np.sqrt((rest**2).sum(axis=0) * N_BLOCKS / (N_BLOCKS - 1)) / below.sum(), float(complete), float(clean),
        float(first_law), float(accepted / (total[:, 0] @ np.arange(most + 1) / total[:, 0].sum())),
        total[:, 0] / total[:, 0].sum(),
    )  # fmt: skip


def _neighbours(laws):
    """(2, law) numbers of the laws of the next smaller and larger scale, all else equal; -1 where there is none."""
    order, beside = np.lexsort((laws[:, 1], laws[:, 2], laws[:, 0])), np.full((2, len(laws)), -1)
    for a, b in zip(order[:-1], order[1:], strict=True):
        if laws[a, 0] == laws[b, 0] and laws[a, 2] == laws[b, 2]:
            beside[1, a], beside[0, b] = b, a
    return beside


def _umbrella(flows, weights, before):
    """Logarithms of u_k from the flows between numbers of edges; where there were none, differences stay as before."""
    visits, up, down = flows
    most, fewest = len(weights) - 1, int(np.isfinite(weights).argmax())
    evidence = np.zeros(most + 1)
    for k in range(fewest, most):
        step = before[k] - before[k + 1]
        if up[k] > 0 and down[k + 1] > 0:
            step = np.log(up[k] / visits[k]) - np.log(down[k + 1] / visits[k + 1])
        evidence[k + 1] = evidence[k] + step
    likely = weights + evidence
    likely -= likely[fewest:most].max(initial=-np.inf)
    best, numbers = fewest + int(likely[fewest:most].argmax()), np.arange(most + 1)
    if abs(likely[most]) < DECIDED:
        share = np.exp(np.maximum(likely, -SLOPE * np.maximum(best - numbers, 0) - DECIDED))
        complete = np.clip(share[most] / share[fewest:].sum(), *SHARES)
        share[best:most] = np.maximum(share[best:most], BRIDGE)
        share[most] = share[fewest:most].sum() * complete / (1 - complete)
        logs = np.log(share)
    else:
        top = best if likely[most] < 0 else most
        logs = np.maximum(likely - likely[top], -SLOPE * abs(numbers - top))
    return np.where(np.isfinite(weights), logs - evidence, -np.inf)


@jit
def _sweeps(
    q, counts, first, initial, state, labels, offsets, seen, seen_first, lag, laws, beside, beyond, clean, log_noises,
    umbrella, flows, learned, fixed, width, n_sweeps, many, rng, share, rates, tallies,
):  # fmt: skip
    n = q.shape[0]
    emission, forward, chances = np.empty((n, n)), np.empty((len(labels), n)), np.empty(len(laws))
    p, scratch = np.empty((n, n)), np.empty((5, n, n))
    law = int(state[1])
    for _ in range(n_sweeps):
        draw_start(q, first, rng, initial)
        if clean < 1.0:
            transition(q, lag, p, scratch)
            if rng.random() * len(labels) < many:
                state[0] = noise_step(
                    state[0], labels, offsets, seen, seen_first, p, emission, initial, clean, log_noises, forward, rng
                )  # fmt: skip
            if state[0] > 0.0:
                label_odds(state[0], emission)
                filter_labels(labels, offsets, p, emission, initial, forward)
                draw_states(labels, offsets, p, forward, rng, counts, first)
            else:
                counts[:] = seen
                first[:] = seen_first
        n_edges = _rates(
            q, counts, first, lag, laws, law, beyond, umbrella, flows, learned, fixed, width, rng, share, p, scratch
        )
        if learned >= 0.0:
            learned += n * (n - 1)
        law = _law(q, laws, chances, rng)
        law = _scale(q, counts, first, lag, laws, law, beside, beyond, rng, p, scratch)
        tallies[n_edges, 0] += 1.0
        tallies[n_edges, 1] += state[0] == 0.0
        tallies[n_edges, 2] += law == 0
        for i in range(n):
            for j in range(n):
                rates[n_edges, i, j] += q[i, j]
    state[1] = law


@jit
def _log_weighted(q, counts, lag, first, beyond, p, scratch):
    """Log-likelihood, with the logarithm of the weight of a process that has a rate above 1."""
    value = log_likelihood(q, counts, lag, first, p, scratch)
    for i in range(len(q)):
        for j in range(len(q)):
            if i != j and q[i, j] > LARGEST_RATE:
                return value + beyond
    return value


@jit
def _rates(q, counts, first, lag, laws, law, beyond, umbrella, flows, learned, fixed, width, rng, share, p, scratch):
    """One pass over all rates and edges; the number of edges after it."""
    n = q.shape[0]
    n_edges = 0
    for i in range(n):
        for j in range(n):
            n_edges += q[i, j] > 0.0
    now = _log_weighted(q, counts, lag, first, beyond, p, scratch)
    for i in range(n):
        slope = 3.5
        for j in range(n):
            slope += lag * counts[i, j]
        for j in range(n):
            if i == j:
                continue
            if q[i, j] > 0.0:
                old = q[i, j]
                q[i, j] = old * np.exp(width[i, j] * rng.standard_normal())
                change = np.log(q[i, j] / old) + log_density(q[i, j], laws, law) - log_density(old, laws, law)
                after = -np.inf
                if change > -np.inf:
                    after = _log_weighted(q, counts, lag, first, beyond, p, scratch)
                if np.log(1.0 - rng.random()) < after - now + change:
                    now = after
                    share[i, j] += 1.0
                else:
                    q[i, j] = old
            if fixed:
                continue
            old = q[i, j]
            flows[0, n_edges] += 1.0
            sign = -1 if old > 0.0 else 1
            value = old if old > 0.0 else _proposed(slope, laws, law, rng)
            q[i, j] = 0.0 if old > 0.0 else value
            density = log_density(value, laws, law)
            if density > -np.inf and (sign > 0 or (np.isfinite(umbrella[n_edges - 1]) and allowed(q))):
                after = _log_weighted(q, counts, lag, first, beyond, p, scratch)
                proposal = np.log(0.5 * slope * np.exp(-slope * value) + 0.5 * np.exp(density))
                ratio = after - now + sign * (density - proposal)
                flows[1 if sign > 0 else 2, n_edges] += min(1.0, np.exp(ratio))
                ratio += umbrella[n_edges + sign] - umbrella[n_edges]
                if np.log(1.0 - rng.random()) < ratio:
                    now = after
                    n_edges += sign
                else:
                    q[i, j] = old
            else:
                q[i, j] = old
            if learned >= 0.0:
                umbrella[n_edges] -= max(FINEST, min(0.5, 300.0 / (learned + 1.0)))
    return n_edges


@jit
def _proposed(slope, laws, law, rng):
    """A rate for a new edge: half of the time what few jumps leave open, half of the time what the law says."""
    if rng.random() < 0.5:
        return -np.log(1.0 - rng.random()) / slope
    if laws[law, 0] == BETA:
        k = 1.0 + 2.0 * np.floor(3.0 * rng.random())
        return laws[law, 1] * (1.0 - (1.0 - rng.random()) ** (1.0 / k))
    return 0.3 * laws[law, 1] * np.exp(laws[law, 2] * rng.standard_normal())


@jit
def log_density(value, laws, law):
    """Logarithm of the density of a rate under a law of the prior."""
    scale = laws[law, 1]
    if value <= 0.0:
        return -np.inf
    if laws[law, 0] == BETA:
        rest = 1.0 - value / scale
        if rest <= 0.0:
            return -np.inf
        return np.log((1.0 + 3.0 * rest**2 + 5.0 * rest**4) / 3.0 / scale)
    z = np.log(value / (0.3 * scale)) / laws[law, 2]
    return -0.5 * z * z - np.log(value * laws[law, 2]) - 0.5 * np.log(2.0 * np.pi)


@jit
def _law(q, laws, chances, rng):
    """A law given the rates."""
    n = q.shape[0]
    n_edges, sum_log, sum_square = 0.0, 0.0, 0.0
    for i in range(n):
        for j in range(n):
            if q[i, j] > 0.0:
                value = np.log(q[i, j] / 0.3)
                n_edges += 1.0
                sum_log += value
                sum_square += value * value
    most = -np.inf
    for k in range(len(laws)):
        value = laws[k, 3]
        if laws[k, 0] == BETA:
            for i in range(n):
                for j in range(n):
                    if q[i, j] > 0.0 and value > -np.inf:
                        value += log_density(q[i, j], laws, k)
        else:
            s, c = np.log(laws[k, 1]), laws[k, 2]
            value -= 0.5 * (sum_square - 2.0 * s * sum_log + n_edges * s * s) / c**2
            value -= sum_log + n_edges * (np.log(0.3 * c) + 0.5 * np.log(2.0 * np.pi))
        chances[k] = value
        most = max(most, value)
    total = 0.0
    for k in range(len(laws)):
        chances[k] = np.exp(chances[k] - most)
        total += chances[k]
    return chosen(chances, total * rng.random())


@jit
def _scale(q, counts, first, lag, laws, law, beside, beyond, rng, p, scratch):
    """The law after steps to the next scales, all rates in proportion: their density under the law stays the same."""
    now = _log_weighted(q, counts, lag, first, beyond, p, scratch)
    for _ in range(N_STEPS):
        after = beside[int(2.0 * rng.random()), law]
        if after < 0:
            continue
        ratio = laws[after, 1] / laws[law, 1]
        q *= ratio
        then = _log_weighted(q, counts, lag, first, beyond, p, scratch)
        if np.log(1.0 - rng.random()) < then - now + laws[after, 3] - laws[law, 3]:
            now, law = then, after
        else:
            q /= ratio
    return law
