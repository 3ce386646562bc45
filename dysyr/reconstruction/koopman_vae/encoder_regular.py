"""The encoder of complete windows: a GRU in both directions of time."""

import torch


class RecurrentEncoder(torch.nn.Module):
    """Features of each sample from all samples before and after it, and from the changes between them.

        y_t = (x_t, (x_t - x_(t-1)) / change),   forward(x)[t] = (GRU(y_0 .. y_t), GRU'(y_(T-1) .. y_t))

    Changes are given besides values since of smooth series they are small, and would be seen late.

    Args:
        n_variables: observed variables.
        hidden_dim: units in each direction; there are twice as many features.
        change: (variable,) standard deviations of changes, standardised units.

    Reference: cho2014
    """

    handles_missing = False

    def __init__(self, n_variables, hidden_dim, change):
        super().__init__()
        self.change = torch.tensor(change, dtype=torch.float32)
        self.recurrence = torch.nn.GRU(2 * n_variables, hidden_dim, batch_first=True, bidirectional=True)

    @staticmethod
    def prepare(x):
        """What ``forward`` takes, from windows (window, time, variable)."""
        return x

    def forward(self, x):
        """(window, time, feature) from (window, time, variable)."""
        change = torch.diff(x, dim=1) / self.change
        return self.recurrence(torch.cat([x, torch.cat([change[:, :1], change], dim=1)], dim=2))[0]
