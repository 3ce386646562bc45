"""Initial values of parameters, from an explicit generator."""

import math

import numpy as np
import torch


def parameter(values):
    """A float32 parameter with given values."""
    return torch.nn.Parameter(torch.tensor(np.asarray(values), dtype=torch.float32))


def uniform(rng, *shape, fan_in):
    """Values between -1 and 1 over the root of the number of inputs, as torch begins its linear maps."""
    bound = 1.0 / math.sqrt(fan_in)
    return parameter(rng.uniform(-bound, bound, size=shape))


def step_size_bias(rng, count):
    """Biases whose softplus is log-uniform in [1e-3, 1e-1]: the initial step sizes of Mamba."""
    dt = np.exp(rng.uniform(math.log(1e-3), math.log(1e-1), size=count))
    return parameter(dt + np.log(-np.expm1(-dt)))
