"""The encoders of a latent SDE: what each sample needs to know of itself and of what follows it."""

import numpy as np
import torch

from dysyr.training.controlled_encoder import ControlledEncoder


class ReversedEncoder(torch.nn.Module):
    """Features of each sample from itself and all samples after it: a GRU that runs backwards in time.

        y_t = (x_t where observed, else 0; 1 where observed, else 0),   forward[t] = GRU(y_(T-1), ..., y_t)

    What came before a sample is in the latent state already.

    Args:
        n_variables: observed variables.
        hidden_dim: units; there are as many features.

    Reference: cho2014, li2020
    """

    def __init__(self, n_variables, hidden_dim):
        super().__init__()
        self.n_features = hidden_dim
        self.recurrence = torch.nn.GRU(2 * n_variables, hidden_dim, batch_first=True)

    @staticmethod
    def prepare(x):
        """What ``forward`` takes, from windows (window, time, variable), NaN where missing."""
        return np.concatenate([np.nan_to_num(x), np.isfinite(x)], axis=2)

    def forward(self, y):
        """(window, time, feature) from (window, time, 2 variable)."""
        return self.recurrence(y.flip(1))[0].flip(1)


def make_encoder(name, n_variables, hidden_dim, change):
    """The encoder "gru", ReversedEncoder, or "cde", ControlledEncoder, whose units of change are (variable,)."""
    if name == "gru":
        return ReversedEncoder(n_variables, hidden_dim)
    return ControlledEncoder(n_variables, hidden_dim, change)
