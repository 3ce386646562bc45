"""The hidden networks of all members in NumPy, so that a model needs no torch."""

import numpy as np

from dysyr.core.derivative import gradient
from dysyr.core.evaluator import evaluate
from dysyr.core.expressions import state


class HiddenFunctions:
    """F_f of each hidden field as the mean over networks, with its Jacobian, for equations in time.

    Args:
        fields: all variables, in order.
        arguments: dict from hidden field to the trees of its arguments.
        parameters: dict of the values of parameters in them.
        width: units in each of two layers.
        arrays: dict: theta_<field> (member, parameter), centre_<field>, spread_<field> (member, argument) and
            rate (member, field).
    """

    def __init__(self, fields, arguments, parameters, width, arrays):
        self.fields, self._arguments, self._parameters = tuple(fields), arguments, dict(parameters)
        self._arrays, self._layers = arrays, {}
        for name, args in arguments.items():
            sizes, theta, at = (len(args), width, width, 1), arrays[f"theta_{name}"], 0
            layers = []
            for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
                weights = theta[:, at : at + n_in * n_out].reshape(-1, n_in, n_out)
                at += n_in * n_out
                layers.append((weights, theta[:, None, at : at + n_out]))
                at += n_out
            self._layers[name] = layers
        leaves = tuple(state(name) for name in self.fields)
        self._slopes = {name: gradient(args, leaves) for name, args in arguments.items()}

    def values(self, x):
        """(member, ..., field) values at states x (..., field)."""
        flat = x.reshape(-1, x.shape[-1])
        n_members = len(self._arrays["rate"])
        found = np.zeros((n_members, *flat.shape))
        for name, layers in self._layers.items():
            k = self.fields.index(name)
            h = self._inputs(name, flat)
            for weights, bias in layers[:-1]:
                h = np.tanh(h @ weights + bias)
            found[:, :, k] = self._arrays["rate"][:, k, None] * (h @ layers[-1][0] + layers[-1][1])[:, :, 0]
        return found.reshape(n_members, *x.shape)

    def jacobian(self, x):
        """Mean over members of dF/dx at states x (batch, field): (batch, field, field)."""
        whole = np.zeros((*x.shape, x.shape[-1]))
        for name, layers in self._layers.items():
            k = self.fields.index(name)
            h, slope = self._inputs(name, x), None
            for weights, bias in layers[:-1]:
                h = np.tanh(h @ weights + bias)
                slope = weights[:, None] if slope is None else slope @ weights[:, None]
                slope = slope * (1.0 - h * h)[:, :, None, :]
            slope = (slope @ layers[-1][0][:, None])[..., 0] / self._arrays[f"spread_{name}"][:, None]
            slope = (self._arrays["rate"][:, k, None, None] * slope).mean(axis=0)
            for argument, row in enumerate(self._slopes[name]):
                for leaf, value in zip(row, self._evaluated(tuple(row.values()), x), strict=True):
                    whole[:, k, self.fields.index(leaf.value[0])] += slope[:, argument] * value
        return whole

    def _inputs(self, name, x):
        """(member, point, argument) standardised arguments at states x (point, field)."""
        columns = [np.broadcast_to(v, len(x)) for v in self._evaluated(self._arguments[name], x)]
        inputs = np.stack(columns, axis=1)
        return (inputs - self._arrays[f"centre_{name}"][:, None]) / self._arrays[f"spread_{name}"][:, None]

    def _evaluated(self, trees, x):
        def leaf(node):
            if node.op == "parameter":
                return self._parameters[node.value]
            return x[:, self.fields.index(node.value[0])]

        return evaluate(trees, leaf)
