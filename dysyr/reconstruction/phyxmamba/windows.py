"""Windows that training draws, and free runs from them."""

import numpy as np
import torch

from dysyr.core.errors import InputError


class Windows:
    """Windows of one length in complete stretches, drawn with replacement.

    Args:
        pieces: list of (time, variable) standardised arrays without missing values.
        length: samples of a window.
        device: where they lie.

    Raises:
        InputError: no window fits.
    """

    def __init__(self, pieces, length, device="cpu"):
        longest = max((len(x) for x in pieces), default=0)
        if longest < length:
            raise InputError(
                "no window fits into the data", got=f"the longest complete stretch has {longest} samples",
                expected=f"window and prediction take {length}", do="choose a shorter window, or use more data",
            )  # fmt: skip
        at = np.cumsum([0, *(len(x) for x in pieces)])
        starts = [a + np.arange(max(0, len(x) - length + 1)) for a, x in zip(at[:-1], pieces, strict=True)]
        self._rows = torch.tensor(np.concatenate(pieces), dtype=torch.float32, device=device)
        self._starts = np.concatenate(starts)
        self._steps = torch.arange(length, device=device)

    def draw(self, count, rng):
        """(count, length, variable) windows."""
        chosen = self._starts[rng.integers(len(self._starts), size=count)]
        return self._rows[torch.from_numpy(chosen).to(self._rows.device).unsqueeze(1) + self._steps]


def free_run(network, window, n_samples):
    """Samples after full windows, patch by patch from the network's own patches.

    Args:
        network: PatchNetwork.
        window: (batch, time, variable) standardised.
        n_samples: multiple of the patch.

    Returns:
        (batch, n_samples, variable).
    """
    patch, patches = network.shape.patch, []
    for _ in range(n_samples // patch):
        patches.append(network(window))
        window = torch.cat([window[:, patch:], patches[-1]], dim=1)
    return torch.cat(patches, dim=1)
