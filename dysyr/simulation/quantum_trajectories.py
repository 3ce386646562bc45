"""Monte-Carlo wave functions: paths of pure states with jumps, whose mean is the density matrix.

.. math:: \\dot\\psi = K \\psi, \\quad K = -i H - \\frac12 \\sum_k L_k^+ L_k

Between jumps the norm falls; a jump comes where its square reaches a uniform random number, and jump k has the share
|L_k ψ|^2. The wave function within a step is a Taylor polynomial, so that the square of its norm is a polynomial too
and the time of a jump is a root of it.

Reference:
    dalibard1992
"""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.pauli import PAULI

MOST_SPINS = 16
UNITS_OF_A_STEP = 2.0
"""Length of a step in units of the inverse of the norm of K."""

N_TERMS = 26
"""Terms of the series: 2^26 / 26! is 2e-19."""

BLOCK_BYTES = 2e8
BISECTIONS = 60


def trajectories(system, clock, starts, n_trajectories, transient, seed):
    """Expectation values of the observables along paths of pure states.

    Args:
        system: System of kind open_quantum with constant strengths, up to 16 spins.
        clock: (time,) ascending times, in system time units.
        starts: list of one or of n_trajectories initial states: Bloch vectors (site, 3), or wave functions (2^N,).
        n_trajectories: number of paths.
        transient: the paths start at time -transient.
        seed: seed of the jumps; path k depends on the seed and on k only.

    Returns:
        (array (trajectory, time, observable), number of jumps of all paths).

    Raises:
        InputError: too many spins, or strengths that depend on time.
    """
    spins = system.spins
    if spins.n_sites > MOST_SPINS:
        raise InputError(
            f"{spins.n_sites} spins are too many for trajectories",
            got=f"{16 * N_TERMS * 2.0**spins.n_sites / 1e9:.2g} GB for each path",
            expected=f"at most {MOST_SPINS} spins",
        )  # fmt: skip
    if spins.has_time:
        raise InputError("method 'trajectories' needs strengths that do not depend on t", do="take method='dop853'")
    jumps = spins.jump_matrices()
    drift = -1j * spins.hamiltonian_matrix()
    for jump in jumps:
        drift = drift - 0.5 * (jump.conj().T @ jump)
    drift = drift.tocsr()
    norm = max(abs(drift).sum(axis=0).max(), 1e-300)
    observables = spins.observable_matrices()
    width = int(max(1, min(512, BLOCK_BYTES // (16 * 2**spins.n_sites * N_TERMS))))
    out = np.empty((n_trajectories, len(clock), len(observables)))
    n_jumps = 0
    for first in range(0, n_trajectories, width):
        lanes = range(first, min(first + width, n_trajectories))
        draws = [np.random.default_rng([seed, 3, k]) for k in lanes]
        psi = np.stack(
            [_wave(starts[k if len(starts) > 1 else 0], rng) for k, rng in zip(lanes, draws, strict=True)], axis=1
        )
        below = np.array([rng.random() for rng in draws])
        t = -float(transient)
        for o, instant in enumerate(clock):
            n_steps = int(np.ceil((instant - t) * norm / UNITS_OF_A_STEP))
            for _ in range(n_steps):
                n_jumps += _step(drift, jumps, psi, below, (instant - t) / n_steps, draws)
            t = float(instant)
            weight = np.sum(np.abs(psi) ** 2, axis=0)
            for k, observable in enumerate(observables):
                value = np.sum(psi.conj() * (observable @ psi), axis=0).real
                out[first : first + psi.shape[1], o, k] = value / weight
    return out, n_jumps


def _step(drift, jumps, psi, below, step, draws):
    """Advance wave functions (state, path) by a step, in place; returns the number of jumps."""
    left, active, n_jumps = np.full(psi.shape[1], step), np.arange(psi.shape[1]), 0
    while active.size:
        terms = [psi[:, active]]
        for k in range(1, N_TERMS):
            terms.append((drift @ terms[-1]) / k)
        after = _polynomial(terms, left[active])
        low = np.sum(np.abs(after) ** 2, axis=0) < below[active]
        psi[:, active[~low]] = after[:, ~low]
        active, terms = active[low], [term[:, low] for term in terms]
        if not active.size:
            break
        at = _crossing(terms, left[active], below[active])
        before = _polynomial(terms, at)
        left[active] -= at
        images = [jump @ before for jump in jumps]
        shares = np.cumsum([np.sum(np.abs(image) ** 2, axis=0) for image in images], axis=0)
        for column, path in enumerate(active):
            choice = draws[path].random() * shares[-1, column]
            k = min(int(np.searchsorted(shares[:, column], choice, side="right")), len(jumps) - 1)
            image = images[k][:, column]
            psi[:, path] = image / np.linalg.norm(image)
            below[path] = draws[path].random()
        n_jumps += active.size
    return n_jumps


def _polynomial(terms, times):
    """Sum of terms_k times^k, (state, path), by Horner's rule."""
    total = terms[-1]
    for term in reversed(terms[:-1]):
        total = term + total * times
    return total


def _crossing(terms, longest, below):
    """When the square of the norm, a falling polynomial, reaches a number: array (path,)."""
    stacked = np.stack(terms)
    gram = np.einsum("ksp,lsp->klp", stacked.conj(), stacked, optimize=True).real
    n = len(terms)
    coefficients = np.zeros((2 * n - 1, below.size))
    for k in range(n):
        coefficients[k : k + n] += gram[k]
    low, high = np.zeros_like(longest), longest.copy()
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        value = coefficients[-1]
        for row in coefficients[-2::-1]:
            value = row + value * middle
        above = value >= below
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2


def _wave(start, rng):
    """A wave function: the given one, or a product of eigenstates of the spins, drawn where a spin is mixed."""
    if start.ndim == 1:
        return start.astype(complex)
    psi = np.ones(1, complex)
    for vector in start:
        length = np.linalg.norm(vector)
        axis = vector / length if length > 1e-12 else np.array([0.0, 0.0, 1.0])
        sign = 1.0 if length >= 1 - 1e-12 or rng.random() < (1 + length) / 2 else -1.0
        values, states = np.linalg.eigh(np.einsum("k,kij->ij", sign * axis, PAULI[1:]))
        psi = np.kron(psi, states[:, int(np.argmax(values))])
    return psi
