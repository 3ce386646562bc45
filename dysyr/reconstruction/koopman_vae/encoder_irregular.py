"""The encoder of windows with missing values: a path driven by what was observed and, beside it, the values."""

import numpy as np
import torch

from dysyr.training.controlled_encoder import ControlledEncoder, control_path, control_values


class IrregularEncoder(ControlledEncoder):
    """Features of each sample from a controlled differential equation, and from what drives it.

        y_t = (u(t), X(t), X'(t) / change, m_t),   forward(x)[t] = (GRU(y_0 .. y_t), GRU'(y_(T-1) .. y_t))

    with u and the splines X of ``ControlledEncoder``, and m_t = 1 where a variable was observed, else 0. Through u
    alone values come late, after its field was trained, and by then latent states have learned to wait for corrections
    at every step; a draw of the prior has none. Beside u the GRU sees what that of ``RecurrentEncoder`` sees.

    Args:
        n_variables: observed variables.
        hidden_dim: components of u, and units of the GRU in each direction.
        change: (variable,) standard deviations of changes, the unit of slopes, standardised units.

    Reference: kidger2020, cho2014
    """

    def __init__(self, n_variables, hidden_dim, change):
        super().__init__(n_variables, hidden_dim, change)
        n_inputs = hidden_dim + 3 * n_variables
        self.recurrence = torch.nn.GRU(n_inputs, hidden_dim, batch_first=True, bidirectional=True)

    @staticmethod
    def prepare(x):
        """What ``forward`` takes, from windows (window, time, variable), NaN where missing.

        Returns:
            (window, 2 time - 1, 4 variable + 1) array: ``control_path``, then, in each first of two rows, the values of
            its splines at a sample and 1 where it was observed.
        """
        beside = np.concatenate([control_values(x), np.isfinite(x)], axis=2)
        spread = np.zeros((len(x), 2 * x.shape[1] - 1, beside.shape[2]))
        spread[:, ::2] = beside
        return np.concatenate([control_path(x), spread], axis=2)

    def forward(self, given):
        """(window, time, feature) from what ``prepare`` gives."""
        n = len(self.change)
        path, beside = given[..., : 2 * n + 1], given[:, ::2, 2 * n + 1 :]
        slopes = path[:, 1::2, :n] / self.change
        slopes = torch.cat([slopes, slopes[:, -1:]], dim=1)
        return self.recurrence(torch.cat([self.states(path), slopes, beside], dim=2))[0]
