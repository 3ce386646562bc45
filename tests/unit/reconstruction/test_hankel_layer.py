"""Trainable radix-2 transforms and the Hankel layer: exactness, gradients, counts."""

import numpy as np
import pytest
import torch
from scipy.linalg import hankel
from scipy.optimize import least_squares

import dysyr
from dysyr.reconstruction.hankel_stnn import HankelLayer
from dysyr.reconstruction.hankel_stnn.transforms import (
    BASE,
    adjoint,
    bit_reversal,
    fourier_twiddles,
    n_coefficients,
    transform,
    transform_flops,
    transform_matrix,
)

SIZES = [2, 4, 8, 64]


def perturbed(n, **options):
    """A layer away from its beginning."""
    layer, rng = HankelLayer(n, **options), np.random.default_rng(1)
    with torch.no_grad():
        for value in layer.parameters():
            value += torch.tensor(0.3 * rng.normal(size=value.shape))
    return layer


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("r", [4, 8, 16, 128])
def test_exact_twiddles_make_the_fourier_transform(r):
    x = normal(1, 3, r // 2)
    twiddles = torch.tensor(fourier_twiddles(r))[None]
    bases = torch.tensor(np.broadcast_to(np.array(BASE, dtype=complex), (1, 2, 2, 2)).copy())
    found = transform(torch.tensor(x), twiddles, bases).numpy()
    wanted = np.fft.fft(np.concatenate([x, np.zeros_like(x)], axis=2))
    np.testing.assert_allclose(found, wanted[..., bit_reversal(r)], atol=1e-12)
    back = adjoint(torch.tensor(found), twiddles, bases).numpy() / r
    np.testing.assert_allclose(back, x, atol=1e-12)
    matrix = transform_matrix(twiddles[0], bases[0]).numpy()
    np.testing.assert_allclose(matrix, np.fft.fft(np.eye(r))[bit_reversal(r)], atol=1e-12)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("n", SIZES)
def test_any_hankel_operators_are_met_exactly(n, tied):
    h, x = normal(4, 3, 2 * n - 1), normal(5, 3, n, seed=1)
    layer = HankelLayer(n, n_blocks=4, n_channels=3, tied=tied)
    layer.set_hankel(h)
    matrices = [[hankel(row[:n], row[n - 1 :]) for row in block] for block in h]
    wanted = np.stack([sum(x[:, v] @ m.T for v, m in enumerate(block)) for block in matrices])
    np.testing.assert_allclose(layer(torch.tensor(x)).detach().numpy(), wanted, atol=1e-12)
    dense = np.array(matrices).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(layer.matrix().detach().numpy(), dense, atol=1e-12)


def test_a_product_by_hand():
    layer = HankelLayer(2)
    layer.set_hankel([[[1.0, 2.0, 3.0]], [[0.0, 0.0, 1.0]]])
    found = layer(torch.tensor([[[1.0, -1.0]]], dtype=torch.float64)).detach().numpy()
    np.testing.assert_allclose(found[:, 0], [[-1.0, -1.0], [0.0, -1.0]], atol=1e-14)
    spectrum = torch.view_as_complex(layer.diagonals.detach()).numpy()[0, 0].real
    assert np.allclose(spectrum[bit_reversal(4)].real[[0, 2]], [6.0, -2.0])


@pytest.mark.parametrize("options", [{"transform": "real", "n_blocks": 3}, {"transform": "fourier", "n_blocks": 4}])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("n", SIZES)
def test_fast_products_are_those_of_the_dense_twin(n, tied, options):
    """Values, and gradients of all parameters and of the input."""
    layer = perturbed(n, tied=tied, n_channels=2, **options)
    x, weight = torch.tensor(normal(5, 2, n), requires_grad=True), torch.tensor(normal(options["n_blocks"], 5, n))
    wanted = [*layer.parameters(), x]
    fast = layer(x)
    twin = torch.einsum("bivj,mvj->bmi", layer.reference_matrix(), x)
    scale = float(twin.detach().abs().max())
    torch.testing.assert_close(fast, twin, atol=1e-12 * scale, rtol=0)
    torch.testing.assert_close(layer.matrix(), layer.reference_matrix(), atol=1e-12 * scale, rtol=0)
    slopes = [torch.autograd.grad((weight * value).sum(), wanted) for value in (fast, twin)]
    for a, b in zip(*slopes, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12 * max(1.0, float(b.abs().max())), rtol=0)


@pytest.mark.parametrize("transform", ["real", "fourier"])
def test_gradients_are_those_of_finite_differences(transform):
    layer = perturbed(4, transform=transform, n_channels=2)
    names, values = zip(*layer.named_parameters(), strict=True)

    def product(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), x)

    x = torch.tensor(normal(2, 2, 4), requires_grad=True)
    assert torch.autograd.gradcheck(product, (x, *values))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("transform", ["real", "fourier"])
def test_parameters_are_as_many_as_the_formula_says(transform, tied):
    layer = HankelLayer(64, n_blocks=6, n_channels=3, transform=transform, tied=tied)
    assert layer.n_parameters == sum(value.numel() for value in layer.parameters())
    assert n_coefficients(128) == 134
    one = layer.twiddles.numel() + layer.bases.numel()
    assert one == n_coefficients(128) * (2 if transform == "fourier" else 1)


class Counted:
    """A number that counts the operations made with it; ``size`` is 1 for real, 2 for complex, 0 for zero."""

    flops = 0

    def __init__(self, size):
        self.size = size

    def __add__(self, other):
        if self.size and other.size:
            Counted.flops += max(self.size, other.size)
        return Counted(max(self.size, other.size))

    __sub__ = __add__

    def __mul__(self, other):
        Counted.flops += {0: 0, 1: 1, 2: 2, 4: 6}[self.size * other.size]
        return Counted(max(self.size, other.size) if self.size and other.size else 0)


def recursive(x, d, widen):
    """A transform of a list by the definition, two halves at a time."""
    if len(x) == 2:
        return [d * x[0] + d * x[1], d * x[0] + d * x[1]]
    half = len(x) // 2
    top = [a + b for a, b in zip(x[:half], x[half:], strict=True)]
    bottom = [d * (a - b) for a, b in zip(x[:half], x[half:], strict=True)]
    return recursive([widen(a) for a in top], d, widen) + recursive([widen(a) for a in bottom], d, widen)


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("r", [4, 8, 64])
def test_operations_are_those_that_are_made(r, is_complex):
    size = 2 if is_complex else 1
    coefficient = Counted(size)
    for half, x in (
        ("none", [Counted(size)] * r),
        ("input", [Counted(1)] * (r // 2) + [Counted(0)] * (r // 2)),
    ):
        Counted.flops = 0
        recursive(x, coefficient, lambda a: Counted(size))
        assert transform_flops(r, is_complex=is_complex, half=half) == Counted.flops
    if not is_complex:
        assert transform_flops(r, is_complex=False, half="none") == 1.5 * r * (np.log2(r) - 1) + 3 * r
    saved = r // 2 * size
    whole, cut = (transform_flops(r, is_complex=is_complex, half=half) for half in ("none", "output"))
    assert whole - cut == saved


def test_a_layer_costs_what_its_parts_cost():
    layer = HankelLayer(64, n_blocks=3, n_channels=2, transform="real")
    front, back = (transform_flops(128, is_complex=False, half=half) for half in ("input", "output"))
    assert layer.n_flops == 2 * front + 3 * (back + 128 * (2 + 1))
    assert layer.n_flops * 5 < layer.n_dense_flops == 2 * 3 * 64 * 2 * 64


def test_a_tied_layer_learns_a_hankel_operator():
    """From random diagonals, by examples y = H x, with all coefficients free."""
    n, h = 4, normal(2, 1, 7)
    layer, goal = HankelLayer(n, tied=True, seed=3), HankelLayer(n, tied=True)
    goal.set_hankel(h)
    x = torch.tensor(normal(10, 1, n, seed=5))

    def residuals(theta):
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(torch.tensor(theta), layer.parameters())
            return (layer(x) - goal(x)).numpy().ravel()

    start = torch.nn.utils.parameters_to_vector(layer.parameters()).detach().numpy().copy()
    assert np.abs(residuals(start)).max() > 0.1
    residuals(least_squares(residuals, start, xtol=1e-12).x)
    matrix = layer.matrix().detach().numpy()
    for k in range(2):
        np.testing.assert_allclose(matrix[k, :, 0], hankel(h[k, 0, :n], h[k, 0, n - 1 :]), atol=1e-6)


@pytest.mark.parametrize("transform", ["real", "fourier"])
def test_blocks_differ(transform):
    rows = HankelLayer(8, n_blocks=4, transform=transform).matrix().detach().reshape(32, 8)
    assert np.linalg.matrix_rank(rows.numpy().reshape(4, 64)) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 12}, "length of a Hankel layer: 12; a power of two, at least 2"),
        ({"n": 1}, "length of a Hankel layer: 1"),
        ({"n": 8, "transform": "cosine"}, "transform of a Hankel layer: 'cosine'; one of"),
        ({"n": 8, "n_blocks": 3}, "number of blocks of a Hankel layer: 3; at least 1, even with 'fourier'"),
        ({"n": 8, "n_blocks": 0, "transform": "real"}, "number of blocks of a Hankel layer: 0"),
    ],
)
def test_sizes_that_do_not_suit(options, message):
    with pytest.raises(dysyr.InputError, match=message):
        HankelLayer(**options)


def test_operators_that_do_not_suit():
    with pytest.raises(dysyr.InputError, match=r"do not fit the layer: shape \(2, 1, 4\); \(2, 1, 7\)"):
        HankelLayer(4).set_hankel(np.zeros((2, 1, 4)))
    with pytest.raises(dysyr.InputError, match="real transforms cannot be a given Hankel operator"):
        HankelLayer(4, transform="real").set_hankel(np.zeros((2, 1, 7)))
