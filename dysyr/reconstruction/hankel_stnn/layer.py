"""The Hankel layer: blocks of products with a Hankel matrix, whose factors are trained."""

import math

import numpy as np
import torch

from dysyr.core.errors import InputError
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

TRANSFORMS = ("fourier", "real")


class HankelLayer(torch.nn.Module):
    """p blocks u_k of n numbers each from V channels x_v of n numbers, in O(n log n).

        u_k = J E^T G_k^* sum_v D_kv F E x_v / r,     r = 2 n

    E fills up with n zeros, F and G_k are radix-2 transforms with trainable coefficients, D_kv trainable diagonals, J
    turns the order round. Where F = G_k is the Fourier transform, a block is a sum of products with Hankel matrices,
    (H x)_i = sum_j h_(i+j) x_j. All blocks share F; D_k and G_k are their own.

    ``transform="fourier"`` begins with the Fourier transform and can be set to any Hankel operators. Coefficients are
    complex, and the real and the imaginary part of a product are two blocks. ``transform="real"`` has real coefficients
    of the same sparsity, which cost less, and begins with random twiddles. Parameters are real tensors; complex
    coefficients are pairs in a last axis of 2.

    Args:
        n: samples of a channel, a power of two, at least 2.
        n_blocks: p, even for Fourier transforms.
        n_channels: V.
        transform: "fourier" or "real".
        tied: G_k = F for all k; else each has coefficients of its own.
        seed: of the diagonals, and of the twiddles of real transforms.

    Raises:
        InputError: sizes that do not suit.

    Reference: aluvihare2025
    """

    def __init__(self, n, *, n_blocks=2, n_channels=1, transform="fourier", tied=False, seed=0):
        super().__init__()
        if n < 2 or n & (n - 1):
            raise InputError("the length of a Hankel layer", got=str(n), expected="a power of two, at least 2")
        if transform not in TRANSFORMS:
            raise InputError("the transform of a Hankel layer", got=repr(transform), expected=f"one of {TRANSFORMS}")
        self.is_complex, self.tied = transform == "fourier", tied
        if n_blocks < 1 or (self.is_complex and n_blocks % 2):
            raise InputError(
                "the number of blocks of a Hankel layer", got=str(n_blocks), expected="at least 1, even with 'fourier'"
            )
        self.n, self.r, self.n_blocks, self.n_channels = n, 2 * n, n_blocks, n_channels
        self.n_products = n_blocks // 2 if self.is_complex else n_blocks
        rng, n_back = np.random.default_rng(seed), 0 if tied else self.n_products
        self.twiddles, self.bases = self._transforms(1, rng)
        if not tied:
            self.back_twiddles, self.back_bases = self._transforms(n_back, rng)
        if self.is_complex:
            h = rng.normal(size=(n_blocks, n_channels, 2 * n - 1)) / math.sqrt(n * n_channels)
            self.diagonals = _parameter(self._spectrum(h))
        else:
            size = (n_blocks, n_channels, self.r)
            self.diagonals = _parameter(rng.normal(size=size) * math.sqrt(self.r / n_channels))

    def _transforms(self, count, rng):
        """Initial twiddles and bases of some transforms."""
        bases = np.broadcast_to(np.array(BASE), (count, 2, 2, 2))
        if self.is_complex:
            return _parameter(np.tile(fourier_twiddles(self.r), (count, 1))), _parameter(bases.astype(complex))
        return _parameter(rng.normal(size=(count, self.r - 2))), _parameter(bases)

    def _spectrum(self, h):
        """Diagonals (product, channel, r) of Hankel operators h (block, channel, 2 n - 1), in bit-reversed order."""
        h = h[0::2] + 1j * h[1::2]
        column = np.concatenate([h[..., self.n - 1 :: -1], np.zeros((*h.shape[:2], 1)), h[..., : self.n - 1 : -1]], -1)
        return np.fft.fft(column)[..., bit_reversal(self.r)]

    def set_hankel(self, h):
        """Make the layer exactly the given Hankel operators.

            (H x)_i = sum_j h_(i+j) x_j

        Args:
            h: (n_blocks, n_channels, 2 n - 1).

        Raises:
            InputError: another shape, or real transforms, which cannot represent them.
        """
        h = np.asarray(h, dtype=np.float64)
        shape = (self.n_blocks, self.n_channels, 2 * self.n - 1)
        if h.shape != shape:
            raise InputError("Hankel operators do not fit the layer", got=f"shape {h.shape}", expected=str(shape))
        if not self.is_complex:
            raise InputError("real transforms cannot be a given Hankel operator", do="use transform='fourier'")
        exact = dict(zip(("twiddles", "bases"), self._transforms(1, None), strict=True))
        if not self.tied:
            exact |= zip(("back_twiddles", "back_bases"), self._transforms(self.n_products, None), strict=True)
        exact["diagonals"] = _parameter(self._spectrum(h))
        with torch.no_grad():
            for name, value in exact.items():
                getattr(self, name).copy_(value)

    def _coefficient(self, name):
        value = getattr(self, name)
        return torch.view_as_complex(value) if self.is_complex else value

    def _coefficients(self):
        """(twiddles, bases) of F, and of all G."""
        front = self._coefficient("twiddles"), self._coefficient("bases")
        if self.tied:
            return front, tuple(value.expand(self.n_products, *value.shape[1:]) for value in front)
        return front, (self._coefficient("back_twiddles"), self._coefficient("back_bases"))

    def _blocks(self, u):
        """Real and imaginary part of each product as two blocks, along the first axis."""
        return torch.stack([u.real, u.imag], dim=1).flatten(0, 1) if self.is_complex else u

    def forward(self, x):
        """The fast product; x (row, channel, n) -> (block, row, n)."""
        front, back = self._coefficients()
        spectra = transform(x.reshape(1, -1, self.n), *front).reshape(len(x), self.n_channels, self.r)
        sums = torch.einsum("mvr,kvr->kmr", spectra, self._coefficient("diagonals"))
        return self._blocks(adjoint(sums, *back).flip(-1) / self.r)

    def matrix(self):
        """The product as dense matrices (block, n, channel, n), by fast products with unit vectors."""
        front, back = self._coefficients()
        eye = torch.eye(self.n, dtype=front[0].dtype)
        columns = transform(eye[None], *front)[0]
        sums = self._coefficient("diagonals")[:, :, None, :] * columns
        product = adjoint(sums.reshape(self.n_products, -1, self.r), *back).flip(-1) / self.r
        shape = (self.n_products, self.n_channels, self.n, self.n)
        return self._blocks(product.reshape(shape).permute(0, 3, 1, 2))

    def reference_matrix(self):
        """``matrix`` from dense factors, the slow twin of the fast products: (block, n, channel, n)."""
        (twiddles, bases), back = self._coefficients()
        exchange = torch.eye(self.n, dtype=twiddles.dtype).flip(0)
        fill = torch.eye(self.r, self.n, dtype=twiddles.dtype)
        f, products = transform_matrix(twiddles[0], bases[0]) @ fill, []
        for diagonals, *coefficients in zip(self._coefficient("diagonals"), *back, strict=True):
            g = exchange @ fill.T @ transform_matrix(*coefficients).conj().T / self.r
            products.append(torch.stack([g @ torch.diag(d) @ f for d in diagonals], dim=1))
        return self._blocks(torch.stack(products))

    @property
    def n_parameters(self):
        """Real numbers that are trained: q (V r + r + 6) + r + 6 with q products, twice that where they are complex.

        Tied transforms save q (r + 6).
        """
        transforms = n_coefficients(self.r) * (1 if self.tied else 1 + self.n_products)
        return (2 if self.is_complex else 1) * (transforms + self.n_products * self.n_channels * self.r)

    @property
    def n_flops(self):
        """Real additions and multiplications of the fast product of one row, factors 1 / r left out."""
        add, multiply = (2, 6) if self.is_complex else (1, 1)
        front = transform_flops(self.r, is_complex=self.is_complex, half="input")
        back = transform_flops(self.r, is_complex=self.is_complex, half="output")
        diagonals = self.r * (self.n_channels * multiply + (self.n_channels - 1) * add)
        return self.n_channels * front + self.n_products * (diagonals + back)

    @property
    def n_dense_flops(self):
        """Those of the same product with dense matrices."""
        return 2 * self.n_blocks * self.n * self.n_channels * self.n


def _parameter(values):
    """A real parameter; complex values become pairs."""
    values = np.stack([values.real, values.imag], axis=-1) if np.iscomplexobj(values) else values
    return torch.nn.Parameter(torch.tensor(np.ascontiguousarray(values), dtype=torch.float64))
