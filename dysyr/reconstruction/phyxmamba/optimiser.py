"""Adam over one flat vector of parameters."""

import math

import torch

BETAS = (0.9, 0.999)
EPS = 1e-8


class FlatAdam:
    """Adam whose parameters, gradients and moments are one row each: few operations, and a state that is three arrays.

        g <- grad + weight_decay theta, cut to norm ``clip`` where given
        m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) g^2
        theta <- theta - lr (m / (1 - b1^n)) / (sqrt(v / (1 - b2^n)) + 1e-8)

    The parameters become views of ``theta``, and their gradients of ``grad``.

    Args:
        parameters: list of torch parameters of one dtype.

    Reference: kingma2015
    """

    def __init__(self, parameters):
        self.theta = torch.cat([p.detach().reshape(-1) for p in parameters])
        self.grad = torch.zeros_like(self.theta)
        at = 0
        for p in parameters:
            p.data = self.theta[at : at + p.numel()].view(p.shape)
            p.grad = self.grad[at : at + p.numel()].view(p.shape)
            at += p.numel()
        self.forget()

    def forget(self):
        """Begin again at the parameters as they are."""
        self.m, self.v, self.count = torch.zeros_like(self.theta), torch.zeros_like(self.theta), 0

    def step(self, rate, *, weight_decay=0.0, clip=None, kept=None):
        """Move by the gradients that were accumulated, and set them to zero.

        Args:
            rate: learning rate.
            weight_decay: added gradient in units of the parameters.
            clip: largest norm of the gradient, or None.
            kept: (n,) which parameters move, bool, or None for all.
        """
        g = self.grad
        if kept is not None:
            g.mul_(kept)
        if clip is not None:
            g.mul_(clip / max(clip, float(g.norm())))
        if weight_decay:
            g.add_(self.theta if kept is None else self.theta * kept, alpha=weight_decay)
        self.count += 1
        self.m.lerp_(g, 1 - BETAS[0])
        self.v.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
        scale = math.sqrt(1 - BETAS[1] ** self.count)
        self.theta.addcdiv_(self.m, self.v.sqrt().add_(EPS * scale), value=-rate * scale / (1 - BETAS[0] ** self.count))
        g.zero_()
