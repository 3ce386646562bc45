"""From region bits or labels to symbols 0, 1, ... in order of visits."""

import numpy as np

from dysyr.core.errors import InputError


def pack_bits(bits):
    """Bits (..., n_bits) as little-endian words (..., n_words) uint64, for fast comparison."""
    packed = np.packbits(bits, axis=-1, bitorder="little")
    width = max(-(-packed.shape[-1] // 8), 1) * 8
    whole = np.zeros((*packed.shape[:-1], width), dtype=np.uint8)
    whole[..., : packed.shape[-1]] = packed
    return whole.view(np.uint64)


def by_visits(stretches, max_symbols):
    """Number codes by how often they occur, the most frequent 0; equal counts in order of the code.

    Args:
        stretches: list of (time,) or (time, n_words) integer arrays.
        max_symbols: largest alphabet allowed.

    Returns:
        tuple of (time,) int64 symbols, one per stretch, and (n_symbols, n_words) the code of each symbol.

    Raises:
        InputError: no samples, or more symbols than allowed.
    """
    lengths = [len(stretch) for stretch in stretches]
    if not sum(lengths):
        raise InputError("there is nothing to encode", got="no sample that is not missing")
    codes = np.concatenate(stretches)
    codes = codes[:, None] if codes.ndim == 1 else codes
    if codes.shape[1] == 1:
        distinct, rank, counts = np.unique(codes[:, 0], return_inverse=True, return_counts=True)
        distinct = distinct[:, None]
    else:
        distinct, rank, counts = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    if len(distinct) > max_symbols:
        raise InputError(
            "too many symbols for a code", got=f"{len(distinct)} in {len(codes)} samples",
            expected=f"at most max_symbols={max_symbols}",
            do="use a model with fewer switching units (an almost-linear RNN), or coarser labels",
        )  # fmt: skip
    order = np.argsort(-counts, kind="stable")
    symbol_of = np.empty(len(order), dtype=np.int64)
    symbol_of[order] = np.arange(len(order))
    symbols = symbol_of[rank.reshape(-1)]
    return tuple(np.split(symbols, np.cumsum(lengths)[:-1])), np.ascontiguousarray(distinct[order])
