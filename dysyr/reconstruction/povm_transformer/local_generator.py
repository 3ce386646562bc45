"""The generator of an open system in a frame, applied to a distribution that is known string by string."""

import numpy as np
from scipy import sparse

from dysyr.reconstruction.povm_transformer.outcome_strings import N_OUTCOMES, keys_of, places, strings_of

SMALL = 1e-12
"""Entries of a local generator below this are zero."""


class LocalGenerator:
    """Rows of the generator A of dP/dt = A P, which couples strings that differ on the sites of one term.

    .. math:: (A P)(a) = \\sum_b A_{ab} P(b), \\quad A = \\sum_S A_S

    Terms on the same sites are put together, and terms whose sites lie in those of another one go into it, so that
    strings are named once as far as they can.

    Args:
        system: System of kind open_quantum.
        frame: Frame.
        t: time, for strengths that depend on it.

    Attributes:
        n_sites: N.
        blocks: dict from ascending sites to an array (4^k, 4^k), row = outcome that gains, column = outcome that it
            comes from.

    Reference:
        luo2022
    """

    def __init__(self, system, frame, t=0.0):
        spins = system.spins
        self.n_sites = spins.n_sites
        strengths = spins.strengths(t)
        blocks = {}
        for number, sites, generator in spins.local_generators():
            if strengths[number] != 0.0:
                order = tuple(np.argsort(sites))
                key = tuple(sites[k] for k in order)
                matrix = _permuted(strengths[number] * frame.generator(generator), order)
                blocks[key] = blocks.get(key, 0.0) + matrix
        self.blocks = _folded(blocks)
        self._parts = _irreducible(blocks)

    def rows(self, strings, representatives=None):
        """The part of A that a set of strings asks for.

        Args:
            strings: int64 array (string, site), all different.
            representatives: function of numbers of strings -> numbers of strings of the same probability, or None.

        Returns:
            (strings (m, site) that they gain from, the given ones first; sparse array A (string, m)).
        """
        strings = np.asarray(strings, dtype=np.int64)
        own = keys_of(strings)
        stride = places(self.n_sites)
        row, key, value = [np.arange(len(own))], [own], [np.zeros(len(own))]
        for sites, matrix in self.blocks.items():
            k = len(sites)
            local = stride[list(sites)]
            outcomes = strings_of(np.arange(N_OUTCOMES**k), k) @ local
            gains = strings[:, list(sites)] @ places(k)
            rest = own - strings[:, list(sites)] @ local
            for gain in range(N_OUTCOMES**k):
                at = np.flatnonzero(gains == gain)
                sources = np.flatnonzero(np.abs(matrix[gain]) > SMALL)
                row.append(np.repeat(at, len(sources)))
                key.append((rest[at, None] + outcomes[sources]).ravel())
                value.append(np.tile(matrix[gain, sources], len(at)))
        row, key, value = (np.concatenate(parts) for parts in (row, key, value))
        if representatives is not None:
            distinct, inverse = np.unique(key, return_inverse=True)
            key = representatives(distinct)[inverse]
        known, inverse = np.unique(key, return_inverse=True)
        # the given strings come first, in their order
        n = len(own)
        place = np.full(len(known), -1)
        place[inverse[:n]] = np.arange(n)
        others = np.flatnonzero(place < 0)
        place[others] = n + np.arange(len(others))
        matrix = sparse.csr_array((value, (row, place[inverse])), shape=(n, n + len(others)))
        matrix.sum_duplicates()
        return np.concatenate([strings, strings_of(known[others], self.n_sites)]), matrix

    def is_invariant(self, order):
        """Whether the generator stays the same where what acts on site j acts on site order[j] instead."""
        moved = {}
        for sites, matrix in self._parts.items():
            images = [int(order[site]) for site in sites]
            turn = tuple(np.argsort(images))
            moved[tuple(images[k] for k in turn)] = _permuted(matrix, turn)
        if moved.keys() != self._parts.keys():
            return False
        return all(np.allclose(matrix, self._parts[sites], atol=1e-10) for sites, matrix in moved.items())


def _permuted(matrix, turn):
    """A generator on k sites with site j in the place of the present site turn[j]."""
    k = len(turn)
    tensor = matrix.reshape((N_OUTCOMES,) * (2 * k))
    return tensor.transpose([*turn, *(k + j for j in turn)]).reshape(matrix.shape)


def _folded(blocks):
    """Blocks of which none acts on sites that all lie in another one's."""
    whole = [sites for sites in blocks if not any(set(sites) < set(others) for others in blocks)]
    total = {sites: np.array(blocks[sites]) for sites in whole}
    for sites, matrix in blocks.items():
        if sites in total:
            continue
        home = next(others for others in whole if set(sites) < set(others))
        rest = [site for site in home if site not in sites]
        wide = np.kron(matrix, np.eye(N_OUTCOMES ** len(rest)))
        total[home] += _permuted(wide, tuple(([*sites, *rest]).index(site) for site in home))
    return total


def _irreducible(blocks):
    """The same sum in parts of which none acts as the identity on one of its sites; those parts are unique."""
    parts = {}
    for sites, matrix in blocks.items():
        k = len(sites)
        rest = {(): matrix.reshape((N_OUTCOMES,) * (2 * k))}
        for j in range(k):
            # split off the mean over the diagonal of site j, for each part so far
            found = {}
            for kept, tensor in rest.items():
                at = len(kept)
                mean = np.trace(tensor, axis1=at, axis2=at + tensor.ndim // 2) / N_OUTCOMES
                identity = np.tensordot(np.eye(N_OUTCOMES), mean, axes=0)
                half = tensor.ndim // 2
                identity = np.moveaxis(identity, [0, 1], [at, at + half])
                found[kept] = found.get(kept, 0.0) + mean
                found[(*kept, j)] = tensor - identity
            rest = found
        for kept, tensor in rest.items():
            key = tuple(sites[j] for j in kept)
            size = N_OUTCOMES ** len(kept)
            parts[key] = parts.get(key, 0.0) + tensor.reshape(size, size)
    return {sites: part for sites, part in parts.items() if np.abs(part).max() > SMALL}
