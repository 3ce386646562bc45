"""Windows of one length in the complete stretches of some data."""

import numpy as np

from dysyr.core.errors import InputError


class Windows:
    """Where windows of one length lie in some stretches of data; they are cut out when they are asked for.

    Args:
        pieces: list of (time, variable) standardised arrays.
        length: samples of a window.
        made_of: what fills a window, for the message.

    Attributes:
        rows: (total, variable) all stretches, one after the other.
        starts: (n,) rows at which a window begins.

    Raises:
        InputError: no window fits.
    """

    def __init__(self, pieces, length, made_of="a window"):
        longest = max((len(x) for x in pieces), default=0)
        if longest < length:
            raise InputError(
                "no window fits into the data", got=f"the longest complete stretch has {longest} samples",
                expected=f"{made_of} takes {length}", do="choose a shorter one, or use more data",
            )  # fmt: skip
        at = np.cumsum([0, *(len(x) for x in pieces)])
        starts = [a + np.arange(max(0, len(x) - length + 1)) for a, x in zip(at[:-1], pieces, strict=True)]
        self.rows, self.length = np.concatenate(pieces), length
        self.starts = np.concatenate(starts)

    def draw(self, count, rng):
        """(at most count, length, variable) windows, none twice."""
        return self.at(rng.permutation(len(self.starts))[:count])

    def draw_any(self, count, rng):
        """(count, length, variable) windows, each drawn from all of them."""
        return self.at(rng.integers(len(self.starts), size=count))

    def evenly(self, count):
        """(at most count, length, variable) windows evenly over all."""
        return self.at(self.spread(count))

    def spread(self, count):
        """(at most count,) numbers of windows evenly over all of them."""
        return np.unique(np.linspace(0, len(self.starts) - 1, min(count, len(self.starts))).astype(int))

    def at(self, chosen):
        """(k, length, variable) windows with the numbers ``chosen``, (k,)."""
        return self.rows[self.starts[chosen][:, None] + np.arange(self.length)]
