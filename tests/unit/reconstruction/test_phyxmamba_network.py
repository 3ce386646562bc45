"""The network of PhyxMamba: delay vectors, patches, the residual stack, heads, causality, growth from kept states."""

import dataclasses

import numpy as np
import pytest
import torch

from dysyr.reconstruction.phyxmamba import PhyxMamba
from dysyr.reconstruction.phyxmamba.network import PatchNetwork, Shape, positions

SHAPE = Shape(
    n_variables=2, dim=3, delay=2, patch=3, n_tokens=4, padding="history", core="ssd", n_layers=2, d_model=8,
    d_state=4, expand=2, head_dim=4, n_heads=2, residual=True,
)  # fmt: skip


def network(**changes):
    shape = dataclasses.replace(SHAPE, **changes)
    unit = np.linspace(0.5, 2.0, shape.patch * shape.n_variables).reshape(shape.patch, shape.n_variables)
    return PatchNetwork(shape, unit, np.random.default_rng(1)).double()


def window(shape, batch=2, seed=0, extra=0):
    size = (batch, shape.window + extra, shape.n_variables)
    return torch.tensor(np.random.default_rng(seed).normal(size=size))


def test_tokens_are_delay_vectors_in_the_stated_order():
    net = network()
    x = window(SHAPE)
    tokens = net.tokens(x).reshape(2, 4, 2, 3, 3)
    for token in range(4):
        for v in range(2):
            for i in range(3):
                for p in range(3):
                    t = SHAPE.history + token * 3 + p - (2 - i) * 2
                    assert (tokens[:, token, v, i, p] == x[:, t, v]).all()


def test_zero_padding_is_there_for_comparison_only():
    """30 samples, m = 3, tau = 7: the oldest coordinate is padded at 14 of them, the middle one at 7."""
    net = network(padding="zeros", delay=7, patch=10, n_tokens=3)
    tokens = net.tokens(torch.ones(1, 30, 2, dtype=torch.float64)).reshape(3, 2, 3, 10)
    zeros = (tokens == 0).sum(dim=(0, 3))
    assert zeros.tolist() == [[14, 7, 0], [14, 7, 0]]
    assert not (network(delay=7, patch=10, n_tokens=3).tokens(torch.ones(1, 44, 2, dtype=torch.float64)) == 0).any()


def test_stack_as_written():
    net = network()
    e = torch.tensor(np.random.default_rng(2).normal(size=(2, 4, 8)))
    first, _ = net.layers[0](e)
    second, _ = net.layers[1](e - (first @ net.back_weight.T + net.back_bias))
    torch.testing.assert_close(net.stack(e)[0], first + second)


@pytest.mark.parametrize("residual", [True, False])
def test_decoder_order_unit_and_last_sample(residual):
    net = network(residual=residual)
    h, last = torch.ones(1, 8, dtype=torch.float64), torch.tensor([[3.0, -2.0]], dtype=torch.float64)
    flat = (net.decode_weight.sum(dim=1) + net.decode_bias).reshape(2, 3)
    expected = flat.T * net.unit + (last if residual else 0.0)
    torch.testing.assert_close(net.decode(h, last)[0], expected)


def test_positions():
    code = positions(3, 4)
    np.testing.assert_allclose(code[2], [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)])
    assert positions(2, 5).shape == (2, 5)


def test_forward_is_the_last_of_the_teacher_forced_patches():
    net, x = network(), window(SHAPE)
    predicted, later = net.teacher_forced(x)
    assert predicted.shape == (2, 4, 3, 2)
    assert [patch.shape for patch in later] == [(2, 3, 3, 2), (2, 2, 3, 2)]
    torch.testing.assert_close(net(x), predicted[:, -1])


def test_no_patch_sees_what_it_predicts():
    """A changed sample changes no patch that is predicted before the patch that holds it."""
    net, x = network(), window(SHAPE)
    other = x.clone()
    other[:, SHAPE.history + 7] += 1.0
    (a, later_a), (b, later_b) = net.teacher_forced(x), net.teacher_forced(other)
    torch.testing.assert_close(a[:, :2], b[:, :2], rtol=0, atol=0)
    assert (a[:, 2:] - b[:, 2:]).abs().amax(dim=(0, 2, 3)).min() > 1e-6
    for k, (one, two) in enumerate(zip(later_a, later_b, strict=True), 1):
        torch.testing.assert_close(one[:, : max(0, 2 - k)], two[:, : max(0, 2 - k)], rtol=0, atol=0)
        assert (one[:, 2 - k :] - two[:, 2 - k :]).abs().max() > 1e-6


def test_every_head_gets_a_gradient():
    net, x = network(), window(SHAPE)
    _, later = net.teacher_forced(x)
    sum(patch.square().mean() for patch in later).backward()
    for head in net.heads:
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in head.parameters())


def test_head_as_written():
    net = network()
    head, rng = net.heads[0], np.random.default_rng(5)
    before, e = (torch.tensor(rng.normal(size=(1, 3, 8))) for _ in range(2))
    rms = [u / torch.sqrt((u**2).mean(-1, keepdim=True) + 1e-6) for u in (before, e)]
    joined = torch.cat([head.norm * u for u in rms], dim=-1) @ head.join_weight.T + head.join_bias
    torch.testing.assert_close(head(before, e), head.layer(joined)[0])


@pytest.mark.parametrize("core", ["ssd", "selective"])
@pytest.mark.parametrize("padding", ["history", "zeros"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-5)])
def test_growing_from_kept_states_equals_recomputation(core, padding, dtype, tolerance):
    net = network(core=core, padding=padding).to(dtype)
    shape = net.shape
    x = window(shape).to(dtype)
    first = shape.history + shape.patch
    patch, cache = net.begin(x[:, :first])
    torch.testing.assert_close(patch, net(x[:, :first]), rtol=tolerance, atol=tolerance)
    for stop in range(first + shape.patch, shape.window + 1, shape.patch):
        patch, cache = net.grow(x[:, :stop], cache)
        torch.testing.assert_close(patch, net(x[:, :stop]), rtol=tolerance, atol=tolerance)
    assert cache[1] == shape.n_tokens


@pytest.mark.parametrize(
    ("system", "V", "heads", "total", "without"),
    [
        ("lorenz63", 3, 3, 7_021_766, 3_828_350),
        ("rossler", 3, 3, 4_207_727, 1_014_311),
        ("lorenz96", 5, 3, 6_090_153, 2_896_737),
    ],
)
def test_published_sizes_have_the_published_numbers_of_parameters(system, V, heads, total, without):
    method = PhyxMamba.published(system, n_heads=heads)
    shape = method._shape(V, method.delay, method.dim)
    for n_heads, expected in ((heads, total), (0, without)):
        net = PatchNetwork(dataclasses.replace(shape, n_heads=n_heads), np.ones((shape.patch, V)), Zeros())
        assert sum(p.numel() for p in net.parameters()) == expected


class Zeros:
    """A generator of nothing, where only shapes count."""

    def uniform(self, *bounds, size):
        return np.ones(size, dtype=np.float32)
