"""Open quantum systems from QuTiP's objects and back.

QuTiP has the rate inside the collapse operator: c = sqrt(gamma) L. Both put up first, and site 0 is the first factor.

Reference:
    johansson2012
"""

import itertools

import numpy as np

from dysyr.core.errors import DysyrError, InputError
from dysyr.core.pauli import LETTERS, MAX_SUPPORT, pauli_coefficients
from dysyr.core.system import System

SMALL = 1e-13
"""Coefficients of Pauli strings that are smaller, relative to the largest, are rounding."""


def from_qutip(hamiltonian, c_ops=(), *, args=None, lattice=None, **arguments):
    """A system from a Hamiltonian and collapse operators of QuTiP.

    Args:
        hamiltonian: Qobj on spins one half, or a list such as [H0, [H1, "cos(w*t)"]] with coefficients as texts; None
            where there is none.
        c_ops: list of Qobj, rates inside.
        args: dict from name to number, for the coefficients.
        lattice: as in ``System.open_quantum``; by default a graph whose bonds are the pairs that a term couples.
        **arguments: further arguments of ``System.open_quantum``: initial_state, observables, dt, name, ...

    Returns:
        System, whose terms are named by Pauli strings.

    Raises:
        InputError: objects that are not on spins one half, a Hamiltonian that is not Hermitian, a coefficient that is
            no text, or an operator on too many sites at once.
        DysyrError: QuTiP is not installed.
    """
    qutip = _qutip()
    parts = hamiltonian if isinstance(hamiltonian, list) else [hamiltonian]
    parts = [part for part in parts if part is not None]
    n_sites, terms, jumps = None, [], []
    for part in parts:
        operator, text = part if isinstance(part, list) and len(part) == 2 else (part, None)
        if text is not None and not isinstance(text, str):
            raise InputError("coefficient of a Hamiltonian", got=type(text).__name__, expected="a text: 'cos(w*t)'")
        n_sites, found = _strings(operator, n_sites, qutip)
        for sites, string, value in found:
            if abs(value.imag) > SMALL * max(1.0, abs(value)):
                raise InputError("the Hamiltonian is not Hermitian", got=f"coefficient {value:.3g} of {string}")
            strength = float(value.real) if text is None else f"{float(value.real)!r}*({text})"
            terms.append({"operator": string, "on": list(sites), "coefficient": strength})
    for operator in c_ops:
        n_sites, found = _strings(operator, n_sites, qutip, identity=True)
        sites = sorted(set().union(*(own for own, _, _ in found)))
        if len(sites) > MAX_SUPPORT:
            raise InputError("a collapse operator acts on too many sites", got=str(sites), expected=f"{MAX_SUPPORT}")
        sites = sites or [0]
        table = {}
        for own, string, value in found:
            letters = dict(zip(own, string, strict=True))
            table["".join(letters.get(site, "I") for site in sites)] = [float(value.real), float(value.imag)]
        if table:
            jumps.append({"operator": table, "on": sites, "rate": 1.0})
    if n_sites is None:
        raise InputError("neither a Hamiltonian nor collapse operators", expected="objects of QuTiP on spins one half")
    if lattice is None:
        pairs = {pair for term in (*terms, *jumps) for pair in itertools.combinations(sorted(term["on"]), 2)}
        lattice = {"n_sites": n_sites, "edges": [list(pair) for pair in sorted(pairs)]}
    return System.open_quantum(lattice=lattice, hamiltonian=terms, jumps=jumps, parameters=args, **arguments)


def to_qutip(system):
    """The Hamiltonian and collapse operators of a system as objects of QuTiP.

    Args:
        system: System of kind open_quantum.

    Returns:
        (H, c_ops) for ``qutip.mesolve``: a Qobj and a list of Qobj with the square roots of the rates inside; where
        strengths depend on time, a QobjEvo and a list of QobjEvo.

    Raises:
        InputError: another kind of system.
        DysyrError: QuTiP is not installed.
    """
    qutip = _qutip()
    spins = getattr(system, "spins", None)
    if spins is None:
        raise InputError("to_qutip is for systems of kind open_quantum", got=f"kind {system.kind}")
    dims = [[2] * spins.n_sites] * 2

    def as_qobj(matrix):
        return qutip.Qobj(matrix.tocsr(), dims=dims)

    if not spins.has_time:
        return as_qobj(spins.hamiltonian_matrix()), [as_qobj(jump) for jump in spins.jump_matrices()]
    n = len(spins.hamiltonian)

    def strength(k, root):
        return lambda t: np.sqrt(spins.strengths(t)[k]) if root else spins.strengths(t)[k]

    parts = [
        [as_qobj(sum(spins.embedded(term.operator, sites) for sites in term.places)), strength(k, False)]
        for k, term in enumerate(spins.hamiltonian)
    ]
    c_ops = [
        qutip.QobjEvo([[as_qobj(spins.embedded(term.operator, sites)), strength(n + k, True)]])
        for k, term in enumerate(spins.jumps) for sites in term.places
    ]  # fmt: skip
    return qutip.QobjEvo(parts) if parts else qutip.qzero([2] * spins.n_sites), c_ops


def _strings(operator, n_sites, qutip, identity=False):
    """(number of sites, list of (sites, letters on them, coefficient)) of an operator of QuTiP."""
    if not isinstance(operator, qutip.Qobj):
        raise InputError("an operator that is no Qobj", got=type(operator).__name__)
    own = len(operator.dims[0]) if operator.isoper else 0
    if operator.dims != [[2] * own, [2] * own] or own == 0:
        raise InputError("a Qobj that is not on spins one half", got=f"dims {operator.dims}", expected="[[2], [2]]")
    if n_sites not in (None, own):
        raise InputError("operators on different numbers of spins", got=f"{n_sites} and {own}")
    coefficients = pauli_coefficients(operator.full())
    largest = np.abs(coefficients).max()
    found = []
    for index in np.argwhere(np.abs(coefficients) > SMALL * max(largest, 1e-300)):
        sites = tuple(int(site) for site in np.flatnonzero(index))
        value = complex(coefficients[tuple(index)])
        if not sites and not identity:
            continue
        if len(sites) > MAX_SUPPORT:
            raise InputError("an operator on too many sites at once", got=str(len(sites)), expected=f"{MAX_SUPPORT}")
        found.append((sites, "".join(LETTERS[index[site]] for site in sites), value))
    return own, found


def _qutip():
    try:
        import qutip
    except ImportError:
        raise DysyrError("QuTiP is not installed", do="pip install 'dysyr[quantum]'") from None
    return qutip
