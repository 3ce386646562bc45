"""All words of a period: one solve for each, dropped at the first point that leaves the word."""

import numpy as np

from dysyr.encoding.affine_words import LARGE, MAX_GROWTH, agree, fixed_point, size_of, solve_words
from dysyr.encoding.necklaces import lyndon_words

SCREEN = 1e-6
"""A point this near to a border, relative to its size, is left to the accurate solve."""


class AffineBlocks:
    """The maps of all regions, and of all words of half a period, from which those of longer words follow.

    A word is cut into two blocks of half its length (and one letter more where it is odd), so that its map takes one or
    two products instead of period - 1.

    Args:
        model: PiecewiseLinear with 2^n_bits regions, few enough to list.
        period: length of the words.
    """

    def __init__(self, model, period):
        self.switches = model.switches
        self.n_letters = 1 << model.n_bits
        self.bits = bits_of(np.arange(self.n_letters), model.n_bits)
        self.jacobians, self.offsets = model.affine(self.bits)
        self.norms = _norm_bounds(self.jacobians)
        self.size = np.abs(self.offsets).max(initial=0.0)
        self.half = max(1, period // 2)
        self.block_jacobians, self.block_offsets = self.jacobians, self.offsets
        for _ in range(1, self.half):
            first, second = self.block_jacobians, self.block_offsets
            self.block_jacobians = (self.jacobians[None] @ first[:, None]).reshape(-1, *first.shape[1:])
            carried = (self.jacobians[None] @ second[:, None, :, None])[..., 0] + self.offsets
            self.block_offsets = carried.reshape(-1, second.shape[1])

    def compose(self, words):
        """(J, b) of words of letters (n, period)."""
        powers = self.n_letters ** np.arange(self.half - 1, -1, -1)
        index = words[:, : self.half] @ powers
        jacobian, offset = self.block_jacobians[index], self.block_offsets[index]
        done = self.half
        while done < words.shape[1]:
            if words.shape[1] - done >= self.half:
                index = words[:, done : done + self.half] @ powers
                maps, shifts = self.block_jacobians, self.block_offsets
                done += self.half
            else:
                index, maps, shifts = words[:, done], self.jacobians, self.offsets
                done += 1
            factor = maps[index]
            jacobian, offset = factor @ jacobian, (factor @ offset[..., None])[..., 0] + shifts[index]
        return jacobian, offset

    def candidates(self, words):
        """Words that may have a real orbit, and words whose system is singular.

        Words whose products grow too much for this quick test are kept for the accurate one, as are those of large
        products that look singular.

        Args:
            words: (n, period) letters.

        Returns:
            kept, singular: indices into ``words``.
        """
        with np.errstate(over="ignore"):
            small = np.flatnonzero(self.norms[words].prod(axis=1) < MAX_GROWTH)
        large = np.setdiff1d(np.arange(len(words)), small, assume_unique=True)
        jacobian, offset = self.compose(words[small])
        z, singular = fixed_point(jacobian, offset)
        doubtful = singular & (np.abs(jacobian).max(axis=(1, 2)) > LARGE)
        alive, z = np.flatnonzero(~singular), z[~singular]
        for i in range(words.shape[1]):
            if not len(alive):
                break
            letter = words[small[alive], i]
            size = np.maximum(self.size, np.abs(z).max(axis=1))
            stays = agree(self.switches(z)[:, None], self.bits[letter][:, None], size, SCREEN)
            alive, z, letter = alive[stays], z[stays], letter[stays]
            z = (self.jacobians[letter] @ z[..., None])[..., 0] + self.offsets[letter]
        return np.concatenate([small[alive], small[doubtful], large]), small[singular & ~doubtful]


def search_all_words(model, period):
    """Words of a period that have a real orbit, among all words.

    Args:
        model: PiecewiseLinear.
        period: length of the words.

    Returns:
        found: (n, period, n_bits) bool.
        singular: (n, period, n_bits) bool.
        n_words: how many words were tested.
    """
    if period == 1:
        return _search_regions(model)
    blocks = AffineBlocks(model, period)
    found, singular, n_words = [], [], 0
    size = max(1, 2_000_000 // model.latent_dim**2)
    for words in lyndon_words(blocks.n_letters, period):
        n_words += len(words)
        for start in range(0, len(words), size):
            piece = words[start : start + size]
            kept, stuck = blocks.candidates(piece)
            good, more = real_words(model, blocks.bits[piece[kept]])
            found.append(good)
            singular += [blocks.bits[piece[stuck]], more]
    return _stack(found, period, model), _stack(singular, period, model), n_words


def real_words(model, words):
    """Those of some words whose orbit is real, and those that are singular, by the accurate solve."""
    if not len(words):
        return words, words
    points, singular = solve_words(model, words, cyclic=True)
    return words[agree(model.switches(points), words, size_of(points))], words[singular]


def bits_of(letters, n_bits):
    """Bits (n, n_bits) of numbers (n,), the first bit the most significant."""
    return (np.asarray(letters)[:, None] >> np.arange(n_bits - 1, -1, -1) & 1).astype(bool)


def _search_regions(model):
    found, singular, n_letters = [], [], 1 << model.n_bits
    for start in range(0, n_letters, 1 << 14):
        words = bits_of(np.arange(start, min(start + (1 << 14), n_letters)), model.n_bits)[:, None]
        good, stuck = real_words(model, words)
        found.append(good)
        singular.append(stuck)
    return _stack(found, 1, model), _stack(singular, 1, model), n_letters


def _norm_bounds(jacobians):
    """max(1, sqrt(|J|_1 |J|_inf)), which bounds the spectral norm, for each matrix."""
    absolute = np.abs(jacobians)
    return np.maximum(1.0, np.sqrt(absolute.sum(axis=-1).max(axis=-1) * absolute.sum(axis=-2).max(axis=-1)))


def _stack(pieces, period, model):
    return np.concatenate([np.zeros((0, period, model.n_bits), dtype=bool), *pieces])
