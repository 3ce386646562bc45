"""The recurrent network in torch: all steps of a window with data in, or on its own predictions."""

import numpy as np
import torch

N_GATES = {"lstm": 4, "gru": 3}
FORGET = 1.0
"""Initial bias of the forget gate, so that a cell begins by keeping what it holds."""


class GatedNetwork(torch.nn.Module):
    """Predicts the change of V variables from sample to sample.

        memory[t+1] = cell(s[t], memory[t]),     s[t+1] = s[t] + change * (R h[t+1] + r)

    The cell is that of torch: ``torch.nn.LSTM``, memory (h, c), or ``torch.nn.GRU``, memory (h,).

    Args:
        cell: "lstm" or "gru".
        n_variables: V.
        hidden_dim: units H.
        change: (V,) unit of the predicted change.
        seed: of the initial parameters.

    Reference: hochreiter1997, cho2014
    """

    def __init__(self, cell, n_variables, hidden_dim, *, change, seed=0):
        super().__init__()
        self.cell, self.hidden_dim = cell, hidden_dim
        kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
        self.recurrence = kind(n_variables, hidden_dim, batch_first=True, device="meta").to_empty(device="cpu")
        self.readout = torch.nn.Linear(hidden_dim, n_variables, device="meta").to_empty(device="cpu")
        self.register_buffer("change", torch.tensor(change, dtype=torch.float32))
        rng, bound = np.random.default_rng([seed, 0x72656375]), 1 / np.sqrt(hidden_dim)
        with torch.no_grad():
            for value in self.parameters():
                value.copy_(torch.tensor(rng.uniform(-bound, bound, tuple(value.shape))))
            if cell == "lstm":
                self.recurrence.bias_ih_l0[hidden_dim : 2 * hidden_dim] = FORGET

    def forward(self, s):
        """Samples 1, 2, ... from those before them; s (row, time, V) -> (row, time, V)."""
        h, _ = self.recurrence(s)
        return s + self.change * self.readout(h)
