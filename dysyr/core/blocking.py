"""Standard error of the mean of correlated numbers."""

import numpy as np

FEWEST_BLOCKS, MOST_BLOCKS = 16, 64


def blocked_stderr(values):
    """Standard error of the mean of sequences whose neighbouring entries may be correlated.

    The sequences are cut into blocks so long that only 16 to 64 of them remain; their means are then
    independent if the correlation is shorter than a block. The lengths in question differ by factors of two,
    the largest error is taken.

    .. math:: s^2 = \\mathrm{var}(\\text{block means}) / n_{blocks}

    Args:
        values: (sequence, entry, ...) numbers; the entries of a sequence are consecutive.

    Returns:
        array (...): the standard error of the mean over sequences and entries; infinite with fewer than two
        entries.

    Reference:
        flyvbjerg1989
    """
    values = np.asarray(values, dtype=float)
    n_sequences, n_entries = values.shape[:2]
    if n_sequences * n_entries < 2:
        return np.full(values.shape[2:], np.inf)
    lengths = [n_entries]
    while lengths[-1] > 1:
        lengths.append(lengths[-1] // 2)
    fine = [b for b in lengths if FEWEST_BLOCKS <= n_sequences * (n_entries // b) <= MOST_BLOCKS]
    longest_fine = next((b for b in lengths if n_sequences * (n_entries // b) >= FEWEST_BLOCKS), 1)
    largest = np.zeros(values.shape[2:])
    for length in fine or [longest_fine]:
        n_blocks = n_entries // length
        cut = values[:, : n_blocks * length]
        means = cut.reshape(n_sequences * n_blocks, length, *values.shape[2:]).mean(axis=1)
        largest = np.maximum(largest, means.std(axis=0, ddof=1) / np.sqrt(len(means)))
    return largest
