"""Training on a card: whether there is one, and a loss with its gradient as one recorded graph."""

import torch

from dysyr.core.arguments import check_arguments
from dysyr.core.errors import InputError

WARM_UP = 3
"""Runs before a graph is recorded, in which libraries are set up that cannot be set up while recording."""


def check_device(method):
    """Refuse a device that is unknown or not there.

    Args:
        method: object with the attribute ``device``.

    Raises:
        InputError: it is no name of a device, or torch sees no card.
    """
    check_arguments(method, ("device", "'cpu' or 'cuda'", lambda v: v in ("cpu", "cuda")))
    check_there(method.device)


def check_there(device):
    """Refuse a device that is unknown or not there; see ``check_device``."""
    if device not in ("cpu", "cuda"):
        raise InputError("no such device", got=repr(device), expected="'cpu' or 'cuda'")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("there is no CUDA device", do="take device='cpu'")


class LossAndGradient:
    """A loss whose gradient is added to what the parameters have; on a card one graph, recorded once and replayed.

    An update of a small network is hundreds of short kernels, and a card waits longer for each than it takes. A graph
    starts them all at once. It repeats what was recorded: shapes of the inputs, and whatever else the loss decides, are
    those of the first call.

    Args:
        loss: function of tensors or None -> scalar tensor.
        parameters: list of those that it depends on, on one device; a gradient that is there stays the same tensor.
    """

    def __init__(self, loss, parameters):
        self.loss, self._graph = loss, None
        for p in parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        self._grads = [p.grad for p in parameters]

    def __call__(self, *inputs):
        """Value of the loss, detached; its gradient is added to those of the parameters."""
        if self._grads[0].device.type == "cpu":
            return self._once(inputs)
        if self._graph is None:
            self._record(inputs)
        for held, new in zip(self._inputs, inputs, strict=True):
            if held is not None:
                held.copy_(new)
        self._graph.replay()
        return self._value

    def _once(self, inputs):
        loss = self.loss(*inputs)
        loss.backward()
        return loss.detach()

    def _record(self, inputs):
        self._inputs = [None if x is None else x.clone() for x in inputs]
        before, side = [grad.clone() for grad in self._grads], torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self._once(self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._value = self._once(self._inputs)
        for grad, kept in zip(self._grads, before, strict=True):
            grad.copy_(kept)
