"""What kernels for CUDA are compared with: the same jobs in torch, on a device of torch.

Each function takes the device and the arrays of the job, puts them on the device and returns the function to be
timed.
"""

import functools
import types

import numpy as np
import torch

from dysyr.core.catalogue import catalogue_system
from dysyr.kernels import shallow_plrnn_reference

STEP = 0.01
"""Step of the ensemble of Lorenz-63, in its time units."""

NOISE_STEP = 0.001
"""Step with noise."""


def _lorenz(x):
    return torch.stack([10.0 * (x[1] - x[0]), x[0] * (28.0 - x[2]) - x[1], x[0] * x[1] - 8.0 / 3.0 * x[2]])


def _rk4_steps(x, n_steps):
    for _ in range(n_steps):
        k1 = _lorenz(x)
        k2 = _lorenz(x + 0.5 * STEP * k1)
        k3 = _lorenz(x + 0.5 * STEP * k2)
        k4 = _lorenz(x + STEP * k3)
        x = x + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x


def all_lanes_rk4(device, start, n_steps):
    x = torch.tensor(start, dtype=torch.float32, device=device)
    return lambda: _rk4_steps(x, n_steps)


def vmap_rk4(device, start, n_steps):
    x = torch.tensor(start, dtype=torch.float32, device=device)
    batched = torch.func.vmap(functools.partial(_rk4_steps, n_steps=n_steps), in_dims=1, out_dims=1)
    return lambda: batched(x)


def euler_maruyama(device, start, n_steps):
    system = catalogue_system("stochastic_lorenz63")
    x0 = torch.tensor(start, dtype=torch.float32, device=device)
    strength = torch.tensor(np.diag(system.diffusion(system.initial_state)), dtype=torch.float32, device=device)
    generator = torch.Generator(device).manual_seed(11)

    def run():
        x = x0
        for _ in range(n_steps):
            noise = torch.randn(x.shape, device=device, generator=generator)
            x = x + NOISE_STEP * _lorenz(x) + NOISE_STEP**0.5 * strength[:, None] * noise
        return x

    return run


def add(device, a, b):
    a, b = torch.tensor(a, device=device), torch.tensor(b, device=device)
    out = torch.empty_like(a)

    def run():
        torch.add(a, b, out=out)
        return 3.0 * a.numel() * a.element_size()

    return run


def scan_over_views(device, a, b, g):
    a, b = (torch.tensor(array, device=device, requires_grad=True) for array in (a, b))
    g = torch.tensor(g, device=device)

    def run():
        state, states = torch.zeros_like(a[:, 0]), []
        for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
            state = a_t * state + b_t
            states.append(state)
        return torch.stack(torch.autograd.grad(torch.stack(states, 1), (a, b), g))

    return run


def selective_loop(device, u, delta, A, B, C, D, bias, z, h0):
    u, delta, A, B, C, D, bias, z, h0 = (
        torch.tensor(array, device=device, requires_grad=True) for array in (u, delta, A, B, C, D, bias, z, h0)
    )

    def run():
        dt = torch.nn.functional.softplus(delta + bias)
        state, outputs = h0, []
        for dt_t, u_t, b_t, c_t in zip(dt.unbind(1), u.unbind(1), B.unbind(1), C.unbind(1), strict=True):
            state = torch.exp(dt_t[:, :, None] * A) * state + (dt_t * u_t)[:, :, None] * b_t[:, None, :]
            outputs.append((state * c_t[:, None, :]).sum(2))
        out = (torch.stack(outputs, 1) + D * u) * torch.nn.functional.silu(z)
        return torch.autograd.grad(out.sum(), (u, delta, A, B, C, D, bias, z, h0))[0]

    return run


def _torch_loss(device, sizes, flat, x, seen, known, weight, strength):
    """(leaf, function that computes the loss) with the step of the reference twin."""
    M, H = sizes
    leaf = torch.tensor(flat, device=device, requires_grad=True)
    x, seen, known, weight, strength = (
        torch.tensor(array, device=device) for array in (x, seen, known, weight, strength)
    )
    counts = weight[:, 1:]

    def loss():
        A, W1, W2, h1, h2 = leaf.split([M, M * H, H * M, M, H])
        p = types.SimpleNamespace(A=A, W1=W1.view(M, H), W2=W2.view(H, M), h1=h1, h2=h2)
        z, ahead = seen[:, 0], []
        for t in range(seen.shape[1] - 1):
            s = z + strength[t] * known[:, t] * (seen[:, t] - z)
            z = shallow_plrnn_reference.step(p, s)
            ahead.append(z)
        return (counts * (torch.stack(ahead, 1) - x[:, 1:]) ** 2).sum() / counts.sum()

    return leaf, loss


def plrnn(device, sizes, *arrays):
    leaf, loss = _torch_loss(device, sizes, *arrays)
    return lambda: torch.autograd.grad(loss(), leaf)[0]


def plrnn_in_a_graph(device, sizes, *arrays):
    """The eager update, recorded once and replayed."""
    leaf, loss = _torch_loss(device, sizes, *arrays)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            torch.autograd.grad(loss(), leaf)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        gradient = torch.autograd.grad(loss(), leaf)[0]

    def run():
        graph.replay()
        return gradient

    return run
