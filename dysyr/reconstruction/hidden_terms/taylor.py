"""Truncated Taylor series in several directions, carried through a network in one pass.

A function of the coordinates is a list of tensors: its value, then for each direction coefficients of order 1 ... m,

    c_k = (1 / k!) d^k f / ds^k .

Derivatives up to any order cost one forward pass, and stay differentiable in the parameters.
"""

import math

import torch


class Directions:
    """Which derivatives are carried.

    Args:
        orders: highest order in each direction, a tuple.
    """

    def __init__(self, orders):
        self.orders = tuple(orders)
        self.n = 1 + sum(self.orders)

    def place(self, direction, order):
        """Position of a coefficient in the list."""
        return 0 if order == 0 else sum(self.orders[:direction]) + order

    def series(self, terms, direction):
        """The coefficients of order 0, 1, ... of one direction."""
        return [terms[self.place(direction, k)] for k in range(self.orders[direction] + 1)]

    def coordinate(self, x, direction):
        """A coordinate itself, a tensor, as a series."""
        terms = [torch.zeros_like(x) for _ in range(self.n)]
        terms[0] = x
        if self.orders[direction]:
            terms[self.place(direction, 1)] = torch.ones_like(x)
        return terms

    def wave(self, x, direction, rate, phase):
        """sin(rate x + phase) of a coordinate."""
        terms = [torch.zeros_like(x) for _ in range(self.n)]
        for k in range(self.orders[direction] + 1):
            value = rate**k * torch.sin(rate * x + phase + 0.5 * math.pi * k) / math.factorial(k)
            terms[self.place(direction, k)] = value
        return terms

    def product(self, f, g):
        """f g, direction by direction."""
        terms = [f[0] * g[0]]
        for direction in range(len(self.orders)):
            a, b = self.series(f, direction), self.series(g, direction)
            for k in range(1, len(a)):
                terms.append(sum(a[j] * b[k - j] for j in range(k + 1)))
        return terms

    def tanh(self, a):
        """tanh of a series: k y_k = sum_j j a_j w_(k-j), with w = 1 - y^2."""
        terms = [torch.tanh(a[0])]
        slope = 1.0 - terms[0] * terms[0]
        for direction in range(len(self.orders)):
            inner, y, w = self.series(a, direction), [terms[0]], [slope]
            for k in range(1, len(inner)):
                y.append(sum(j * inner[j] * w[k - j] for j in range(1, k + 1)) / k)
                w.append(-sum(y[j] * y[k - j] for j in range(k + 1)))
            terms += y[1:]
        return terms

    def derivative(self, terms, direction, order):
        """d^order f / ds^order."""
        return math.factorial(order) * terms[self.place(direction, order)]
