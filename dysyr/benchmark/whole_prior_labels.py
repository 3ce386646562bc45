"""Labels in the sampler of ``whole_prior_sampler``: their likelihood, noise, hidden states and first states."""

import numpy as np

from dysyr.benchmark.prior_sampler import CONCENTRATION, log_first
from dysyr.kernels.jit import jit
from dysyr.kernels.rate_paths import chosen


@jit
def noise_step(noise, labels, offsets, seen, seen_first, p, emission, initial, clean, log_noises, forward, rng):
    """The label noise after one step, states summed over: between none and some, or along a random walk."""
    low, high = log_noises
    jumps = noise == 0.0 or (clean > 0.0 and rng.random() < 0.5)
    after = 0.0
    if noise == 0.0:
        after = np.exp(low + (high - low) * rng.random())
    elif not jumps:
        after = noise * np.exp(0.7 * rng.standard_normal())
        if np.log(after) < low or np.log(after) > high:
            return noise
    both = 0.0
    for sign, value in ((-1.0, noise), (1.0, after)):
        if value > 0.0:
            label_odds(value, emission)
            both += sign * filter_labels(labels, offsets, p, emission, initial, forward)
        else:
            both += sign * _log_clean(seen, seen_first, p, initial)
    if jumps:
        odds = np.log((1.0 - clean) / clean * 0.5)
        both += odds if noise == 0.0 else -odds
    return after if np.log(1.0 - rng.random()) < both else noise


@jit
def _log_clean(seen, seen_first, p, initial):
    """Log-likelihood of labels without noise, from their pairs and first ones."""
    value = 0.0
    for i in range(len(p)):
        if seen_first[i] > 0.0:
            value += seen_first[i] * np.log(initial[i])
        for j in range(len(p)):
            if seen[i, j] > 0.0:
                value += seen[i, j] * np.log(p[i, j])
    return value


@jit
def label_odds(noise, emission):
    """Probabilities of labels (column) given states (row), written into ``emission`` (n, n)."""
    n = len(emission)
    for i in range(n):
        for j in range(n):
            emission[i, j] = 1.0 - noise if i == j else noise / (n - 1)


@jit
def filter_labels(labels, offsets, p, emission, initial, forward):
    """Log-likelihood of the labels; forward probabilities of the states, normalised."""
    n = len(p)
    value = 0.0
    for path in range(len(offsets) - 1):
        for k in range(offsets[path], offsets[path + 1]):
            total = 0.0
            for j in range(n):
                prior = initial[j]
                if k > offsets[path]:
                    prior = 0.0
                    for i in range(n):
                        prior += forward[k - 1, i] * p[i, j]
                forward[k, j] = prior * emission[labels[k], j]
                total += forward[k, j]
            for j in range(n):
                forward[k, j] /= total
            value += np.log(total)
    return value


@jit
def draw_states(labels, offsets, p, forward, rng, counts, first):
    """States backwards from the end, kept as counts of pairs and of first states."""
    n = len(p)
    weight = np.empty(n)
    counts[:] = 0.0
    first[:] = 0.0
    for path in range(len(offsets) - 1):
        after = 0
        for k in range(offsets[path + 1] - 1, offsets[path] - 1, -1):
            last = k == offsets[path + 1] - 1
            total = 0.0
            for i in range(n):
                weight[i] = forward[k, i] if last else forward[k, i] * p[i, after]
                total += weight[i]
            now = chosen(weight, total * rng.random())
            if not last:
                counts[now, after] += 1.0
            after = now
        first[after] += 1.0


@jit
def draw_start(q, first, rng, initial):
    """The distribution of first states: stationary or a draw of the Dirichlet law, given first states."""
    stationary, even = log_first(q, first, initial)
    if rng.random() * (1.0 + np.exp(min(even - stationary, 700.0))) > 1.0:
        total = 0.0
        for i in range(len(first)):
            initial[i] = rng.gamma(CONCENTRATION + first[i], 1.0)
            total += initial[i]
        for i in range(len(first)):
            initial[i] /= total
