"""Delay vectors of a scalar series, for quantities that need a state."""

import numpy as np

from dysyr.core.errors import InputError


def delay_vectors(x, *, dim, delay):
    """Rows (x_t, x_{t+tau}, ..., x_{t+(m-1) tau}).

    Args:
        x: (time,).
        dim: m.
        delay: tau, samples.

    Returns:
        (time - (dim - 1) * delay, dim).

    Raises:
        InputError: the series is too short.

    Reference: takens1981
    """
    n = len(x) - (dim - 1) * delay
    if n < 1:
        raise InputError(
            "too few samples for delay vectors", got=str(len(x)), expected=f"more than {(dim - 1) * delay}"
        )
    return np.stack([x[k * delay : k * delay + n] for k in range(dim)], axis=1)


def states_of(x, *, delay, dim=3):
    """The series itself where it has several variables, delay vectors of it where it has one.

    Args:
        x: (time, n_variables).
        delay: samples, used for one variable.
        dim: dimension of the delay vectors.

    Returns:
        (time', n_variables or dim).
    """
    if x.shape[1] > 1:
        return x
    longest = max((len(x) - 1) // (2 * (dim - 1)), 1)
    return delay_vectors(x[:, 0], dim=dim, delay=max(min(delay, longest), 1))
