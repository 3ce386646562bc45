"""Linear maps of windows of delays."""

import numpy as np

from dysyr.core.delay_state import DelayState


class LinearDelays(DelayState):
    """s[t+1] = sum_k A_k s[t+1-k] + c in standardised units.

    Args:
        weights: (window * variable, variable), rows in the order of the window, oldest sample first.
        offset: c, (variable,).
        form: the other arguments, see ``DelayState``.

    Reference: lutkepohl2005
    """

    family = "linear_delays"
    reference = "lutkepohl2005"

    def __init__(self, *, weights, offset, **form):
        super().__init__(**form)
        self.weights, self.offset = np.ascontiguousarray(weights), np.asarray(offset)

    @property
    def n_parameters(self):
        """Numbers that are not zero."""
        return int((self.weights != 0).sum() + (self.offset != 0).sum())

    def following(self, z):
        return z @ self.weights + self.offset

    def following_jacobian(self, z):
        return np.broadcast_to(self.weights.T, (len(z), *self.weights.T.shape))

    def config(self):
        return self.delay_config()

    def arrays(self):
        return {**self.delay_arrays(), "weights": self.weights, "offset": self.offset}

    @classmethod
    def from_state(cls, config, arrays):
        return cls(weights=arrays["weights"], offset=arrays["offset"], **cls.from_delay_state(config, arrays))
