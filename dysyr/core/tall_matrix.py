"""Least squares with many more equations than unknowns, whose factors never stand in memory as a whole."""

import numpy as np

MOST_ROWS = 20_000


def shortened_equations(inputs, targets=None):
    """Equations with the same solutions, as many as unknowns: R and Q^T targets of inputs = Q R.

    R has the singular values and right singular vectors of the inputs. Fewer than 20,000 equations stay as they are;
    of more a block of so many is rotated into those before it, one after another.

    Args:
        inputs: (n, k).
        targets: (n, m), or None.

    Returns:
        (at most max(k, 20,000), k), (likewise, m).
    """
    targets = inputs[:, :0] if targets is None else targets
    if len(inputs) <= MOST_ROWS:
        return inputs, targets
    r, rotated = inputs[:0], targets[:0]
    for at in range(0, len(inputs), MOST_ROWS):
        some = slice(at, at + MOST_ROWS)
        q, r = np.linalg.qr(np.concatenate([r, inputs[some]]))
        rotated = q.T @ np.concatenate([rotated, targets[some]])
    return r, rotated
