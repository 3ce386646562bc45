"""The expressions of a system, read from its definition."""

from dataclasses import dataclass, field

from dysyr.core.jump_definition import JumpTrees
from dysyr.core.lattice import Lattice
from dysyr.core.open_quantum_definition import SpinTrees


@dataclass(frozen=True)
class Trees:
    """The expressions of a system.

    Attributes:
        fields: names of the state variables; on a lattice each has one value at every site.
        lattice: a Lattice; without axes where there is none.
        written: dict from field to its equation as written, for LaTeX.
        let: dict from name to intermediate as written, for LaTeX.
        drift: one expression for each field: time derivative, or next value.
        diffusion: one row of expressions for each field; None where there is no noise.
        written_diffusion: the same as written.
        diagonal: True where each variable has a noise of its own.
        boundary_values: dict from field to the two expressions beyond a fixed edge.
        initial: dict from field to expression; empty where none is given.
        hidden: dict from field to the hidden terms of its equation as written.
        unknown: dict from field to the arguments of an unknown function in its equation, as written.
        conserved: dict from name to expression.
        grids: dict from coordinate of a pde to Grid.
        parameters: dict from name to float.
        jumps: JumpTrees of a jump process, else None. Its drift is that of the counts; a chain has none.
        spins: SpinTrees of an open quantum system, else None; its fields are the observables.
    """

    fields: tuple
    lattice: Lattice
    written: dict
    let: dict
    drift: tuple
    diffusion: tuple | None
    written_diffusion: tuple | None
    diagonal: bool
    boundary_values: dict
    initial: dict
    hidden: dict
    conserved: dict
    grids: dict
    parameters: dict
    jumps: JumpTrees | None = None
    spins: SpinTrees | None = None
    unknown: dict = field(default_factory=dict)
