"""Windows of a data set, and what the network needs to know of them."""

import numpy as np
import torch

from dysyr.core.dataset import trajectories
from dysyr.core.errors import InputError
from dysyr.training.windows import Windows

MARGIN = 0.05
"""Beyond the range of the data at each end, as a share of it: the ends of a sigmoid are out of reach."""
FEWEST_SEEN = 2
"""Samples that a window must show at least to say anything of its course."""
ENOUGH_SAMPLES = 0.1
"""Share of the samples with any value that have to show so many variables for fewer to count as a gap."""
FEWEST_FOLLOWING = 0.2
"""Share of the seen samples that have to follow a seen one; otherwise nothing tells what follows complete samples."""
FEWEST_NEIGHBOURS = 0.1
"""Share of the pairs of successive values that have to be neighbours for the others to be left out of changes."""
MOST_PREPARED = 100_000
"""Windows up to which paths of control are computed once, which is more than a training draws at its defaults."""
PIECE = 2048
"""Windows that are prepared at once."""


def bounds_of(x):
    """(2, variable) range of samples (..., variable), NaN where missing, widened by a margin at each end."""
    values = x.reshape(-1, x.shape[-1])
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    return np.stack([low - MARGIN * (high - low), high + MARGIN * (high - low)])


def change_of(x):
    """(variable,) root mean squares of changes from sample to sample of windows, at least 1e-3.

        c^2 = < (x[t_k] - x[t_(k-1)])^2 / (t_k - t_(k-1)) >

    over neighbours; over all successive observed values where fewer than a tenth of these are neighbours. 1, the
    standard deviation of the values, where no window has two.
    """
    seen = np.isfinite(x)
    at = np.where(seen, np.arange(x.shape[1])[:, None], -1)
    last = np.maximum.accumulate(at, axis=1)[:, :-1]
    both = seen[:, 1:] & (last >= 0)
    gap = np.where(both, at[:, 1:] - last, 1)
    change = x[:, 1:] - np.take_along_axis(x, np.maximum(last, 0), axis=1)
    near = both & (gap == 1)
    counted = np.where(near.sum(axis=(0, 1)) < FEWEST_NEIGHBOURS * both.sum(axis=(0, 1)), both, near)
    count, total = counted.sum(axis=(0, 1)), np.where(counted, change**2 / gap, 0.0).sum(axis=(0, 1))
    return np.where(count > 0, np.maximum(np.sqrt(total / np.maximum(count, 1)), 1e-3), 1.0)


def enough_variables(seen):
    """How many variables a sample has to show for fewer to count as a gap: as many as a tenth of those that show any.

    0, where no sample is a gap, if hardly any such sample follows another one.

    Args:
        seen: (time, variable) bool, what was observed.
    """
    count = seen.sum(axis=1)
    enough = int(np.quantile(count[count > 0], 1 - ENOUGH_SAMPLES, method="inverted_cdf"))
    shown = count >= enough
    return enough if (shown[1:] & shown[:-1]).sum() >= FEWEST_FOLLOWING * shown.sum() else 0


class WindowSet:
    """All windows of a data set, one sample apart, standardised; none crosses the end of a trajectory.

    Windows are cut out of the samples when they are asked for: together they are ``length`` times the data.

    Args:
        data: Dataset.
        length: samples of a window.
        scaler: Scaler.
        encoder: class of the encoder, see ``network.ENCODERS``; one that does not handle missing values takes complete
            windows alone, the others those that show two samples at least.
        enough: variables that a sample has to show to be none of the gaps; None for ``enough_variables``.

    Attributes:
        left_out: share of windows that cannot be used.
        enough: as given, or found.

    Raises:
        InputError: no window is left.
    """

    def __init__(self, data, length, scaler, encoder, *, enough=None):
        series = [scaler.transform(x) for x in trajectories(data)]
        if max(map(len, series)) < length:
            raise InputError(
                "no window fits into the data", got=f"the longest trajectory has {max(map(len, series))} samples",
                expected=f"windows of {length} samples", do="choose a shorter window, or use more data",
            )  # fmt: skip
        self._windows, self._encoder = Windows(series, length), encoder
        starts, seen = self._windows.starts, np.isfinite(self._windows.rows)
        complete = not encoder.handles_missing
        shown = _sums(seen.all(axis=1) if complete else seen.any(axis=1), starts, length)
        kept = shown == length if complete else shown >= FEWEST_SEEN
        if not kept.any():
            share = 1 - _sums(seen.sum(axis=1), starts, length).sum() / (len(starts) * length * seen.shape[1])
            wanted = "a window without missing values" if complete else f"a window with {FEWEST_SEEN} samples that show"
            raise InputError(
                "no window of the data can be used", got=f"{share:.0%} of the values are missing",
                expected=wanted, do="use encoder='cde', or a shorter window" if complete else "choose a longer window",
            )  # fmt: skip
        self._windows.starts, self.left_out = starts[kept], float(1 - kept.mean())
        self.enough = enough_variables(seen) if enough is None else enough
        self._shown = seen.sum(axis=1) >= self.enough
        self._prepared = None
        if encoder.handles_missing and len(self) <= MOST_PREPARED:
            pieces = np.array_split(np.arange(len(self)), -(-len(self) // PIECE))
            self._prepared = torch.cat([self._prepare(self.values(piece)) for piece in pieces])

    def __len__(self):
        return len(self._windows.starts)

    @property
    def shape(self):
        """(length, variable) of a window."""
        return self._windows.length, self._windows.rows.shape[1]

    def values(self, chosen):
        """(k, length, variable) array of windows with the numbers ``chosen``, (k,), NaN where missing."""
        return self._windows.at(chosen)

    def shown(self, chosen):
        """(k, length) bool of the same windows: samples that show enough variables."""
        return self._shown[self._windows.starts[chosen][:, None] + np.arange(self._windows.length)]

    def given(self, chosen):
        """(k, ...) float32 tensor of what the encoder takes of the same windows."""
        return self._prepare(self.values(chosen)) if self._prepared is None else self._prepared[chosen]

    def spread(self, count):
        """(at most count,) numbers of windows evenly over all of them."""
        return self._windows.spread(count)

    def covered(self):
        """(sample, variable) values of the samples that some window holds."""
        begins = np.zeros(len(self._windows.rows) + 1, dtype=np.int32)
        begins[self._windows.starts] += 1
        begins[self._windows.starts + self._windows.length] -= 1
        return self._windows.rows[np.cumsum(begins[:-1]) > 0]

    def _prepare(self, x):
        return torch.tensor(self._encoder.prepare(x), dtype=torch.float32)


def _sums(values, starts, length):
    """(n,) sums of (time,) values over windows that begin at ``starts``, (n,)."""
    total = np.concatenate([[0], np.cumsum(values)])
    return total[starts + length] - total[starts]
