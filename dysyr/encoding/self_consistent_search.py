"""Periodic orbits by iteration: solve for a word, read the word of the solution, repeat until they agree.

This is Newton's method by multiple shooting for z_{i+1} = F(z_i): the Jacobians at the present points are those of
their regions, and in a piecewise-linear map the linearised system is that of the word. It finds orbits without a list
of words and proves nothing about those it does not find. The idea is that of SCYFI (Eisenmann et al. 2023); starts here
come from near returns of a free run, from short runs from a box around it, and from visited regions put together.
"""

import numpy as np

from dysyr.encoding.affine_words import agree, size_of, solve_words


def starting_words(model, run, period, *, n_starts, box, rng):
    """Words to start from: near returns, words of runs from a box, visited regions at random, a third each.

    Args:
        model: PiecewiseLinear.
        run: FreeRun.
        period: length of the words.
        n_starts: number of words.
        box: width of the box relative to the attractor's.
        rng: generator.

    Returns:
        (about n_starts, period, n_bits) bool.
    """
    share = -(-n_starts // 3)
    low, high = run.box(box)
    z = rng.uniform(low, high, (share, model.latent_dim))
    path = np.empty((share, period, model.latent_dim))
    for i in range(period):
        path[:, i] = z
        z = model.step(z)
    finite = np.isfinite(path).all(axis=(1, 2))
    mixed = run.regions[rng.integers(len(run.regions), size=(share, period))]
    return np.concatenate([run.closest_returns(period, share), model.region(path[finite]), mixed])


def search_from(model, words, *, n_iterations):
    """Iterate words to self-consistency.

    A word that was tried before leads where it led, so the start ends there.

    Args:
        model: PiecewiseLinear.
        words: (n, period, n_bits) bool.
        n_iterations: largest number of solves per start.

    Returns:
        found: (m, period, n_bits) bool.
        singular: (m, period, n_bits) bool.
        n_words: how many distinct words were tested.
    """
    seen, found, singular = set(), [words[:0]], [words[:0]]
    for _ in range(n_iterations):
        words = _unseen(words, seen)
        if not len(words):
            break
        points, stuck = solve_words(model, words)
        singular.append(words[stuck])
        words, points = words[~stuck], points[~stuck]
        if not len(words):
            break
        switches = model.switches(points)
        good = agree(switches, words, size_of(points))
        found.append(words[good])
        words = switches[~good] > 0
    return np.concatenate(found), np.concatenate(singular), len(seen)


def _unseen(words, seen):
    """Words not in the set, each once; they are added to it."""
    if not len(words):
        return words
    keep = []
    for i, key in enumerate(map(bytes, np.packbits(words.reshape(len(words), words[:1].size), axis=1))):
        if key not in seen:
            seen.add(key)
            keep.append(i)
    return words[keep]
