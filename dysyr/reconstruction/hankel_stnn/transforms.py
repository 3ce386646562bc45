"""Radix-2 transforms with trainable coefficients, in O(r log r), and what they cost.

One level of a transform of size s takes the halves a, b of its input to

    [a + b ; d (a - b)]

and transforms each half with the next level. At size 2 a product with a 2x2 matrix ends it, one matrix for the first
pair of every four and another for the second. All pieces of a level share their coefficients, so that a transform of
size r = 2^m has r/2 + r/4 + ... + 2 = r - 2 twiddles d and 8 numbers in two matrices: r + 6 in all. With
d_k = exp(-2 pi i k / s) and the matrix [[1, 1], [1, -1]] it is the discrete Fourier transform, in bit-reversed order:
the order of what lies between a transform and an adjoint does not matter, and no entry is moved.

Arrays are (block, row, entry); each block has its own coefficients.

Reference: aluvihare2025
"""

import numpy as np
import torch

BASE = ((1.0, 1.0), (1.0, -1.0))


def transform(x, twiddles, bases):
    """Transform rows that are zero in their second half.

    Args:
        x: (block, row, r / 2) the first half, real or complex.
        twiddles: (block, r - 2) all levels, the largest first.
        bases: (block, 2, 2, 2) matrices of the first and the second pair, entries [pair, input, output].

    Returns:
        (block, row, r), in bit-reversed order.
    """
    n_blocks, n_rows, half = x.shape
    x = torch.stack(torch.broadcast_tensors(x.to(twiddles.dtype), x * twiddles[:, None, :half]), dim=2)
    at, size = half, half
    while size > 2:
        x = x.reshape(n_blocks, n_rows, -1, 2, size // 2)
        a, b = x[:, :, :, 0], x[:, :, :, 1]
        d = twiddles[:, None, None, at : at + size // 2]
        x = torch.stack([a + b, d * (a - b)], dim=3)
        at, size = at + size // 2, size // 2
    x = x.reshape(n_blocks, n_rows, -1, 2, 2)
    return torch.einsum("bmgci,bcij->bmgcj", x, bases).reshape(n_blocks, n_rows, -1)


def adjoint(y, twiddles, bases):
    """The first half of the conjugate transpose of ``transform``, with coefficients of its own.

    Args:
        y: (block, row, r), in bit-reversed order.
        twiddles: (block, r - 2).
        bases: (block, 2, 2, 2).

    Returns:
        (block, row, r / 2).
    """
    n_blocks, n_rows, r = y.shape
    twiddles, bases = twiddles.conj(), bases.conj()
    y = torch.einsum("bmgcj,bcij->bmgci", y.reshape(n_blocks, n_rows, -1, 2, 2), bases)
    at, size = r - 2, 2
    while size < r:
        at -= size
        y = y.reshape(n_blocks, n_rows, -1, 2, size)
        a, b = y[:, :, :, 0], twiddles[:, None, None, at : at + size] * y[:, :, :, 1]
        size *= 2
        if size == r:
            return (a + b).reshape(n_blocks, n_rows, -1)
        y = torch.stack([a + b, a - b], dim=3)


def transform_matrix(twiddles, bases):
    """The matrix of a whole transform, put together level by level from dense factors; the slow twin of ``transform``.

        F_s = blkdiag(F_s/2, F_s/2) [[I, I], [D, -D]]

    Args:
        twiddles: (r - 2,) of one block.
        bases: (2, 2, 2).

    Returns:
        (r, r); row k makes entry k of the bit-reversed order.
    """
    size = twiddles.shape[0] + 2
    if size == 4:
        inner = torch.block_diag(bases[0].T, bases[1].T)
    else:
        smaller = transform_matrix(twiddles[size // 2 :], bases)
        inner = torch.block_diag(smaller, smaller)
    eye = torch.eye(size // 2, dtype=twiddles.dtype)
    d = torch.diag(twiddles[: size // 2])
    return inner @ torch.cat([torch.cat([eye, eye], dim=1), torch.cat([d, -d], dim=1)])


def bit_reversal(r):
    """(r,) int: entry i of a Fourier transform in bit-reversed order is its frequency ``bit_reversal(r)[i]``."""
    n_bits = r.bit_length() - 1
    return np.array([int(f"{i:0{n_bits}b}"[::-1], 2) for i in range(r)])


def fourier_twiddles(r):
    """(r - 2,) complex twiddles with which ``transform`` is the discrete Fourier transform."""
    sizes = [r >> level for level in range(r.bit_length() - 2)]
    return np.concatenate([np.exp(-2j * np.pi * np.arange(s // 2) / s) for s in sizes])


def n_coefficients(r):
    """Coefficients of a transform of size r: r - 2 twiddles and two matrices."""
    return r + 6


def transform_flops(r, *, is_complex, half):
    """Real additions and multiplications of a transform of size r.

    A complex product counts 6, a complex sum 2. Of real numbers a transform takes 1.5 r (log2 r - 1) + 3 r.

    Args:
        r: size.
        is_complex: complex coefficients and inputs.
        half: "none", a whole transform; "input", half of the input is zero and the rest is real; "output", only half of
            an adjoint is wanted.
    """
    add, multiply = (2, 6) if is_complex else (1, 1)
    level = r // 2 * (2 * add + multiply)
    last = {
        "none": level,
        "input": r // 2 * (2 if is_complex else 1),
        "output": r // 2 * (add + multiply),
    }[half]
    bases = r // 2 * (4 * multiply + 2 * add)
    return (r.bit_length() - 3) * level + last + bases
