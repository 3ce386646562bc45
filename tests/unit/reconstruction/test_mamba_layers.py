"""Mamba layers against explicit loops over batch, time, channel and state, written here in plain NumPy and torch."""

import math

import numpy as np
import pytest
import torch

from dysyr.kernels.scans.state_space_duality import ssd
from dysyr.reconstruction.phyxmamba.mamba import LONGEST_SHORT, Mamba1, Mamba2
from dysyr.reconstruction.phyxmamba.short_duality import short_ssd

LENGTHS = (1, 2, 3, 5, 17)
D_MODEL, D_STATE, EXPAND, HEAD_DIM = 6, 5, 2, 4


def mamba2():
    return Mamba2(D_MODEL, d_state=D_STATE, head_dim=HEAD_DIM, expand=EXPAND, rng=np.random.default_rng(3)).double()


def mamba1():
    return Mamba1(D_MODEL, d_state=D_STATE, expand=EXPAND, rng=np.random.default_rng(3)).double()


LAYERS = {"Mamba-2": mamba2, "Mamba-1": mamba1}


def softplus(x):
    return torch.log(1.0 + torch.exp(x))


def silu(x):
    return x / (1.0 + torch.exp(-x))


def convolved(conv, u):
    """The causal convolution tap by tap."""
    rows = []
    for t in range(len(u)):
        total = conv.bias
        for k in range(4):
            if t - 3 + k >= 0:
                total = total + conv.weight[:, k] * u[t - 3 + k]
        rows.append(silu(total))
    return torch.stack(rows)


def loop_mamba2(layer, x):
    """One sequence (time, d_model), the recurrence of each head step by step, its state an explicit matrix."""
    inner, n, heads = layer.inner, layer.d_state, layer.n_heads
    projected = x @ layer.in_proj.T
    z, u, dt = projected[:, :inner], projected[:, inner : 2 * inner + 2 * n], projected[:, 2 * inner + 2 * n :]
    u = convolved(layer.conv, u)
    v, B, C = u[:, :inner], u[:, inner : inner + n], u[:, inner + n :]
    dt = softplus(dt + layer.dt_bias)
    outputs = []
    states = [torch.zeros(layer.head_dim, n, dtype=x.dtype) for _ in range(heads)]
    for t in range(len(x)):
        row = []
        for h in range(heads):
            part = v[t, h * layer.head_dim : (h + 1) * layer.head_dim]
            decay = torch.exp(-dt[t, h] * torch.exp(layer.A_log[h]))
            states[h] = decay * states[h] + dt[t, h] * torch.outer(part, B[t])
            row.append(states[h] @ C[t] + layer.D[h] * part)
        gated = torch.cat(row) * silu(z[t])
        outputs.append((layer.norm * gated / torch.sqrt((gated**2).mean() + 1e-5)) @ layer.out_proj.T)
    return torch.stack(outputs)


def loop_mamba1(layer, x):
    """One sequence (time, d_model), the recurrence of each channel step by step."""
    inner, n = layer.inner, layer.d_state
    projected = x @ layer.in_proj.T
    v, z = convolved(layer.conv, projected[:, :inner]), projected[:, inner:]
    mixed = v @ layer.x_proj.T
    d, B, C = mixed[:, : layer.dt_rank], mixed[:, layer.dt_rank : layer.dt_rank + n], mixed[:, layer.dt_rank + n :]
    dt = softplus(d @ layer.dt_proj.T + layer.dt_bias)
    outputs, h = [], [torch.zeros(n, dtype=x.dtype) for _ in range(inner)]
    for t in range(len(x)):
        row = []
        for c in range(inner):
            h[c] = torch.exp(-dt[t, c] * torch.exp(layer.A_log[c])) * h[c] + dt[t, c] * v[t, c] * B[t]
            row.append((h[c] @ C[t] + layer.D[c] * v[t, c]) * silu(z[t, c]))
        outputs.append(torch.stack(row) @ layer.out_proj.T)
    return torch.stack(outputs)


LOOPS = {"Mamba-2": loop_mamba2, "Mamba-1": loop_mamba1}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("time", LENGTHS)
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_those_of_the_loop(name, time, batch):
    layer, rng = LAYERS[name](), np.random.default_rng(time)
    x = torch.tensor(rng.normal(size=(batch, time, D_MODEL)), requires_grad=True)
    upstream = torch.tensor(rng.normal(size=x.shape))
    ours, _ = layer(x)
    theirs = torch.stack([LOOPS[name](layer, row) for row in x])
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    wanted = [x, *layer.parameters()]
    gradients = [torch.autograd.grad((y * upstream).sum(), wanted) for y in (ours, theirs)]
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("pieces", [(1,) * 6, (4, 2), (2, 3, 1)], ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_in_pieces_as_in_one(name, pieces):
    layer = LAYERS[name]()
    x = torch.tensor(np.random.default_rng(0).normal(size=(2, sum(pieces), D_MODEL)))
    whole, (tail, last) = layer(x, keep=True)
    state, parts = None, []
    for part in x.split(pieces, dim=1):
        y, state = layer(part, state, keep=True)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(state[0], tail)
    torch.testing.assert_close(state[1], last)


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_looks_ahead(name):
    layer = LAYERS[name]()
    x = torch.tensor(np.random.default_rng(0).normal(size=(1, 7, D_MODEL)))
    other = x.clone()
    other[:, 4] += 1.0
    before, after = layer(x)[0], layer(other)[0]
    torch.testing.assert_close(before[:, :4], after[:, :4], rtol=0, atol=0)
    assert (before[:, 4:] - after[:, 4:]).abs().amax(dim=(0, 2)).min() > 1e-6


def test_long_series_go_through_the_kernel_in_chunks():
    """Past one chunk the kernel takes over, at a length that is no multiple of its chunk."""
    layer = mamba2()
    x = torch.tensor(np.random.default_rng(0).normal(size=(1, LONGEST_SHORT + 9, D_MODEL)))
    torch.testing.assert_close(layer(x)[0][0], loop_mamba2(layer, x[0]), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("time", LENGTHS)
@pytest.mark.parametrize("started", [False, True])
def test_short_form_equals_the_kernel(time, started):
    rng = np.random.default_rng(time)

    def random(*shape):
        return torch.tensor(rng.normal(size=shape), requires_grad=True)

    x, B, C = random(2, time, 3, 4), random(2, time, 5), random(2, time, 5)
    dt = torch.tensor(rng.uniform(0.1, 2.0, size=(2, time, 3)), requires_grad=True)
    A = torch.tensor(-rng.uniform(0.1, 3.0, size=3), requires_grad=True)
    S = random(2, 3, 4, 5) if started else None
    mine, theirs = short_ssd(x, dt, A, B, C, S), ssd(x, dt, A, B, C, h0=S, return_last_state=True)
    upstream = [torch.tensor(rng.normal(size=y.shape)) for y in mine]
    wanted = [x, dt, A, B, C, *([S] if started else [])]
    gradients = []
    for results in (mine, theirs):
        total = sum((y * weight).sum() for y, weight in zip(results, upstream, strict=True))
        gradients.append(torch.autograd.grad(total, wanted))
    for ours, other in zip([*mine, *gradients[0]], [*theirs, *gradients[1]], strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-10, atol=1e-12)


def test_short_form_has_no_overflow_where_states_are_forgotten_at_once():
    """Ratios of cumulative products would be inf times 0 here."""
    time = 60
    dt, one = torch.full((1, time, 1), 10.0), torch.ones(1, time, 1)
    y, last = short_ssd(one.unsqueeze(-1), dt, torch.tensor([-16.0]), one, one)
    torch.testing.assert_close(y.flatten(), torch.full((time,), 10.0))
    torch.testing.assert_close(last.flatten(), torch.tensor([10.0]))


def test_initial_values():
    layer = Mamba2(64, d_state=16, head_dim=8, expand=2, rng=np.random.default_rng(0))
    dt = softplus(layer.dt_bias.detach())
    assert dt.min() >= 1e-3 * (1 - 1e-3) and dt.max() <= 1e-1 * (1 + 1e-3)
    rates = torch.exp(layer.A_log.detach())
    assert rates.min() >= 1.0 and rates.max() <= 16.0 + 1e-4
    assert layer.in_proj.detach().abs().max() <= 1 / 8
    rates = torch.exp(Mamba1(32, d_state=4, expand=2, rng=np.random.default_rng(0)).A_log.detach())
    torch.testing.assert_close(rates, torch.arange(1.0, 5.0).expand(64, 4))


def test_published_layer_has_the_published_number_of_parameters():
    layer = Mamba2(256, d_state=1024, head_dim=64, expand=2, rng=np.random.default_rng(0))
    assert layer.in_proj.numel() == 788_480
    assert sum(p.numel() for p in layer.conv.parameters()) == 12_800
    assert sum(p.numel() for p in layer.parameters()) == 932_888
    assert Mamba1(20, d_state=4, expand=2, rng=np.random.default_rng(0)).dt_rank == math.ceil(20 / 16)
