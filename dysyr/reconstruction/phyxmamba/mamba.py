"""Mamba layers: a short causal convolution, a state space whose coefficients depend on its input, and a gate.

Both layers can be run in pieces. ``layer(x, state, keep=True)`` continues from the state that an earlier call returned:
the last inputs of the convolution, and the state of the scan. Without ``keep`` the state is None, and costs nothing.
"""

import math

import numpy as np
import torch
from torch.nn import functional

from dysyr.kernels.scans.selective_scan import selective_scan
from dysyr.kernels.scans.state_space_duality import ssd
from dysyr.reconstruction.phyxmamba.initial_values import parameter, step_size_bias, uniform
from dysyr.reconstruction.phyxmamba.short_duality import short_ssd

D_CONV = 4
NORM_EPS = 1e-5
LONGEST_SHORT = 64
"""Steps up to which one chunk is faster than several."""


class CausalConvolution(torch.nn.Module):
    """Each channel by itself: y_t = silu(sum_k w_k u_{t-3+k} + b), k = 0 .. 3, inputs before the first one zero.

    Args:
        n_channels: number of channels.
        rng: NumPy generator of the initial values.
    """

    def __init__(self, n_channels, rng):
        super().__init__()
        self.weight = uniform(rng, n_channels, D_CONV, fan_in=D_CONV)
        self.bias = uniform(rng, n_channels, fan_in=D_CONV)

    def forward(self, u, tail=None):
        """u (batch, time, channel), tail (batch, 3, channel) of the inputs before it -> (y, the new tail)."""
        tail = u.new_zeros(len(u), D_CONV - 1, u.shape[2]) if tail is None else tail
        whole = torch.cat([tail, u], dim=1)
        n = u.shape[1]
        y = self.bias
        for k in range(D_CONV):
            y = y + whole[:, k : k + n] * self.weight[:, k]
        return functional.silu(y), whole[:, n:]


class Mamba2(torch.nn.Module):
    """One layer of Mamba-2.

        z, u, dt = in_proj x                      u of width inner + 2 N
        v, B, C  = silu(conv u)
        S_t = exp(-softplus(dt_t) exp(A_log)) S_{t-1} + softplus(dt_t) v_t B_t',   y_t = S_t C_t + D v_t
        out = out_proj rmsnorm(y silu(z))

    Args:
        d_model: width of inputs and outputs.
        d_state: N.
        head_dim: channels that share a decay; divides ``expand * d_model``.
        expand: inner width over ``d_model``.
        rng: NumPy generator of the initial values.

    Reference: dao2024
    """

    def __init__(self, d_model, *, d_state, head_dim, expand, rng):
        super().__init__()
        self.inner, self.d_state, self.head_dim = expand * d_model, d_state, head_dim
        self.n_heads = self.inner // head_dim
        self.in_proj = uniform(rng, 2 * self.inner + 2 * d_state + self.n_heads, d_model, fan_in=d_model)
        self.conv = CausalConvolution(self.inner + 2 * d_state, rng)
        self.dt_bias = step_size_bias(rng, self.n_heads)
        self.A_log = parameter(np.log(rng.uniform(1.0, 16.0, size=self.n_heads)))
        self.D = parameter(np.ones(self.n_heads))
        self.norm = parameter(np.ones(self.inner))
        self.out_proj = uniform(rng, d_model, self.inner, fan_in=self.inner)

    def forward(self, x, state=None, *, keep=False):
        """x (batch, time, d_model), state of an earlier call or None -> (y, the new state where it is to be kept)."""
        tail, S = (None, None) if state is None else state
        sizes = (self.inner, self.inner + 2 * self.d_state, self.n_heads)
        z, u, dt = (x @ self.in_proj.T).split(sizes, dim=-1)
        u, tail = self.conv(u, tail)
        v, B, C = u.split((self.inner, self.d_state, self.d_state), dim=-1)
        v = v.unflatten(-1, (self.n_heads, self.head_dim))
        dt = functional.softplus(dt + self.dt_bias)
        A = -torch.exp(self.A_log)
        if x.shape[1] <= LONGEST_SHORT:
            y, S = short_ssd(v, dt, A, B, C, S, return_last_state=keep)
        else:
            y, S = ssd(v, dt, A, B, C, h0=S, return_last_state=True)
        y = (y + self.D.unsqueeze(-1) * v).flatten(2) * functional.silu(z)
        y = self.norm * y * torch.rsqrt(y.square().mean(-1, keepdim=True) + NORM_EPS)
        return y @ self.out_proj.T, (tail, S) if keep else None


class Mamba1(torch.nn.Module):
    """One layer of Mamba-1.

        v, z     = in_proj x,   v <- silu(conv v)
        d, B, C  = x_proj v,    dt = softplus(dt_proj d + dt_bias)
        h_t = exp(-dt_t exp(A_log)) h_{t-1} + dt_t v_t B_t,   y_t = C_t . h_t + D v_t
        out = out_proj (y silu(z))

    Args:
        d_model: width of inputs and outputs.
        d_state: N.
        expand: inner width over ``d_model``.
        rng: NumPy generator of the initial values.

    Reference: gu2023
    """

    def __init__(self, d_model, *, d_state, expand, rng):
        super().__init__()
        self.inner, self.d_state, self.dt_rank = expand * d_model, d_state, math.ceil(d_model / 16)
        self.in_proj = uniform(rng, 2 * self.inner, d_model, fan_in=d_model)
        self.conv = CausalConvolution(self.inner, rng)
        self.x_proj = uniform(rng, self.dt_rank + 2 * d_state, self.inner, fan_in=self.inner)
        self.dt_proj = uniform(rng, self.inner, self.dt_rank, fan_in=self.dt_rank)
        self.dt_bias = step_size_bias(rng, self.inner)
        self.A_log = parameter(np.tile(np.log(np.arange(1.0, d_state + 1)), (self.inner, 1)))
        self.D = parameter(np.ones(self.inner))
        self.out_proj = uniform(rng, d_model, self.inner, fan_in=self.inner)

    def forward(self, x, state=None, *, keep=False):
        """x (batch, time, d_model), state of an earlier call or None -> (y, the new state where it is to be kept)."""
        tail, h = (None, None) if state is None else state
        v, z = (x @ self.in_proj.T).chunk(2, dim=-1)
        v, tail = self.conv(v, tail)
        d, B, C = (v @ self.x_proj.T).split((self.dt_rank, self.d_state, self.d_state), dim=-1)
        y, h = selective_scan(
            v, d @ self.dt_proj.T, -torch.exp(self.A_log), B, C, D=self.D, z=z, delta_bias=self.dt_bias,
            delta_softplus=True, h0=h, return_last_state=True,
        )  # fmt: skip
        return y @ self.out_proj.T, (tail, h) if keep else None
