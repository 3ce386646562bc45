"""States of a series: its own variables, or delay vectors where it has only one."""

from dysyr.core.embedding import delay_vectors


def state_vectors(x, *, delay, dim=3):
    """The series itself where it has several variables, delay vectors of it where it has one.

    Args:
        x: (time, n_variables).
        delay: samples between the coordinates of a delay vector.
        dim: dimension of the delay vectors.

    Returns:
        (time', n_variables or dim).

    Reference: takens1981
    """
    if x.shape[1] > 1:
        return x
    longest = max((len(x) - 1) // (2 * (dim - 1)), 1)
    return delay_vectors(x[:, 0], dim, max(min(delay, longest), 1))
