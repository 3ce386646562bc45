"""The posterior of a rate that may be zero: an edge is there with a probability, and its rate is then of a Gamma law.

P(q = 0) = 1 - p,    q | edge ~ Gamma(shape k, mean m)
"""

import numpy as np
import scipy.stats


def mixture_mean(p, mean):
    """p m; arrays of equal shapes, as in all functions of this file."""
    return p * mean


def mixture_stderr(p, shape, mean):
    """Standard deviation of the mixture, sqrt(p m^2 (1 + 1/k) - (p m)^2)."""
    return np.sqrt(np.maximum(p * mean**2 * (1 + 1 / shape) - (p * mean) ** 2, 0.0))


def mixture_quantile(level, p, shape, mean):
    """Smallest rate at which the distribution function reaches a level.

    Args:
        level: within (0, 1).
        p: probability of the edge.
        shape: of the Gamma law.
        mean: of the Gamma law.

    Returns:
        array; 0 where 1 - p exceeds the level.
    """
    inner = np.clip((level - (1 - p)) / np.maximum(p, 1e-300), 0.0, 1.0)
    return np.where(inner > 0, scipy.stats.gamma.ppf(inner, shape) * mean / shape, 0.0)


def gamma_interval(coverage, shape, mean):
    """Central interval of the Gamma law: (lower, upper) arrays."""
    tail = (1 - coverage) / 2
    return tuple(scipy.stats.gamma.ppf(level, shape) * mean / shape for level in (tail, 1 - tail))
