"""One step back: which state a piecewise-linear map took to a given one."""

import numpy as np

from dysyr.encoding.affine_words import SINGULAR

VERIFIED = 1e-9
"""A preimage counts when F takes it to the state within this, relative to 1 plus the largest coordinate."""
N_READINGS = 10


def inverse_step(model, z, guess):
    """States that one step takes to z.

        y = J_D^{-1} (z - b_D),  kept where F(y) = z

    The region D is first the guess, then the region of the y just found, up to ``N_READINGS`` times, then the guess
    with one bit flipped. Where F is not invertible this is one of several preimages.

    Args:
        model: PiecewiseLinear.
        z: (n, latent).
        guess: (n, n_bits) bool, regions to try first.

    Returns:
        y: (n, latent), NaN where no region gave a preimage.
        region: (n, n_bits) bool, of y; the guess where there is none.
    """
    y, region = np.full(z.shape, np.nan), guess.copy()
    tried, open_ = guess.copy(), np.flatnonzero(np.isfinite(z).all(axis=1))
    for _ in range(1 + N_READINGS):
        if not open_.size:
            return y, region
        candidate, good = _candidates(model, z[open_], tried[open_])
        done = open_[good]
        y[done], region[done] = candidate[good], model.region(candidate[good])
        known = np.isfinite(candidate).all(axis=1) & ~good
        own = model.region(np.where(known[:, None], candidate, 0.0))
        moves = known & (own != tried[open_]).any(axis=1)
        tried[open_[moves]] = own[moves]
        if not moves.any():
            break
        open_ = open_[~good]
    open_ = np.flatnonzero(np.isfinite(z).all(axis=1) & np.isnan(y).any(axis=1))
    for bit in range(model.n_bits):
        if not open_.size:
            break
        flipped = guess[open_].copy()
        flipped[:, bit] ^= True
        candidate, good = _candidates(model, z[open_], flipped)
        done = open_[good]
        y[done], region[done] = candidate[good], model.region(candidate[good])
        open_ = open_[~good]
    return y, region


def _candidates(model, z, region):
    """y of each region, NaN where J is singular, and whether F(y) = z."""
    jacobian, offset = model.affine(region)
    values = np.linalg.svd(jacobian, compute_uv=False)
    regular = values[:, -1] > SINGULAR * values[:, 0]
    y, good = np.full(z.shape, np.nan), np.zeros(len(z), dtype=bool)
    if regular.any():
        y[regular] = np.linalg.solve(jacobian[regular], (z - offset)[regular][..., None])[..., 0]
        size = np.abs(z[regular]).max(axis=1) + np.abs(offset[regular]).max(axis=1)
        good[regular] = np.abs(model.step(y[regular]) - z[regular]).max(axis=1) <= VERIFIED * size
    return y, good
