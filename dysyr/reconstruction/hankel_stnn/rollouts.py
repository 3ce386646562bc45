"""Predictions that a network makes from its own predictions, and the readout that fits one step at least squares."""

import numpy as np
import torch

from dysyr.reconstruction.hankel_stnn.network import evaluate

RIDGE = 1e-9


def rollout(layers, z, n_steps, change, residual):
    """Samples after windows, each predicted from the ones before.

    Args:
        layers: dense layers, see ``HankelNetwork.layers``.
        z: (row, time, variable) windows, a tensor.
        n_steps: how many.
        change: (variable,) unit of the output.
        residual: whether the output is the change of the last sample rather than the next one.

    Returns:
        (row, n_steps, variable).
    """
    samples = []
    for _ in range(n_steps):
        after = change * evaluate(layers, z.reshape(len(z), -1))
        samples.append(after + z[:, -1] if residual else after)
        z = torch.cat([z[:, 1:], samples[-1][:, None]], dim=1)
    return torch.stack(samples, dim=1)


def set_readout(network, windows, change, residual):
    """Give a network the readout of least squares for one step.

    Args:
        network: module with ``layers``, ``readout`` and ``offset``.
        windows: (row, time + 1, variable) array; the last sample is to be predicted.
        change: (variable,) unit of the output.
        residual: see ``rollout``.
    """
    z, target = windows[:, :-1], windows[:, -1] - (windows[:, -2] if residual else 0.0)
    with torch.no_grad():
        units = evaluate(network.layers()[:-1], torch.tensor(z.reshape(len(z), -1))).numpy()
        units = np.column_stack([units, np.ones(len(units))])
        gram = units.T @ units + RIDGE * len(units) * np.eye(units.shape[1])
        weights = np.linalg.solve(gram, units.T @ (target / change))
        network.readout.copy_(torch.tensor(weights[:-1].T))
        network.offset.copy_(torch.tensor(weights[-1]))
