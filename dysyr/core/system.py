"""A dynamical system: equations, parameters, defaults and known invariants."""

import copy
from types import MappingProxyType

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.expressions import postorder
from dysyr.core.jump_process import JumpProcess
from dysyr.core.latex import system_latex
from dysyr.core.noise_kind import noise_of
from dysyr.core.slow_twin import SlowTwin
from dysyr.core.spin_system import OpenSpinSystem
from dysyr.core.system_definition import read_definition
from dysyr.core.system_file import read_system_file, write_system_file
from dysyr.core.system_makers import SystemMakers
from dysyr.core.system_schema import FORMAT
from dysyr.core.system_tables import canonical_text, parameter_values, plain_tables, resized


class System(SystemMakers):
    """A system of differential equations, a map, a stochastic or partial differential equation, a jump process, or an
    open quantum system.

    .. math:: dx/dt = f(x, t), \\quad x_{n+1} = f(x_n), \\quad dx = f(x, t) dt + g(x, t) dW

    It is made by ``System.ode``, ``.map``, ``.sde``, ``.pde``, ``.jump`` and ``.open_quantum`` in a script, or read
    from a file, and never changes; ``with_parameters`` and ``with_size`` make another one. Two systems are equal when
    their definitions are.

    Attributes:
        name: name of the catalogue file, or the given one.
        kind: "ode", "map", "sde", "pde", "jump" or "open_quantum".
        title, description, reference: texts; the reference is a key of docs/references.bib.
        fields: names of the variables as they stand in the equations.
        variables: names of all state components; on a lattice x_0, x_1, ...
        dim: number of state components.
        parameters: mapping from name to value, in the order of the definition.
        transient: time that a simulation discards, in system time units (steps for maps).
        invariants: tuple of dicts with name, value, stderr, n_zero, method and source, valid for these
            parameters only.
        hidden: mapping from variable to the terms of its equation that a hidden-term method has to find, a text, or to
            the list of what an unknown function in its equation depends on.
        has_time: whether t stands in the equations.
        n_noise: number of independent noises; 0 without noise.
        interpretation: "ito" or "stratonovich" for an sde, else None.
        noise_kind: "additive", "diagonal" (g_k depends on x_k only), "scalar", "general" or None.
        symplectic: whether the flow preserves a symplectic form, so that exponents come in pairs.
        lattice: axes, sizes and boundaries.
        jumps: the JumpProcess of kind "jump": its reactions, or its states and rates; else None.
        spins: the OpenSpinSystem of kind "open_quantum", whose variables are observables; else None.
    """

    def __init__(self, definition):
        """Use ``System.ode`` and its siblings, ``from_file`` or ``from_dict``."""
        if not isinstance(definition, dict):
            raise InputError("a definition is not a table", got=repr(definition)[:60], expected="a dict")
        definition = {"format": FORMAT} | plain_tables(definition)
        self._definition = definition
        self._trees = read_definition(definition)
        trees = self._trees
        self.name = definition.get("name", "")
        self.kind = definition["kind"]
        self.title = definition.get("title", "")
        self.description = definition.get("description", "")
        self.reference = definition.get("reference", "")
        self.fields = trees.fields
        self.lattice = trees.lattice
        self.variables = tuple(name for field in self.fields for name in self.lattice.names(field))
        self.dim = len(self.variables)
        self.parameters = MappingProxyType(trees.parameters)
        self.transient = float(definition.get("defaults", {}).get("transient", 0.0))
        self.invariants = tuple(copy.deepcopy(definition.get("invariants", [])))
        self.hidden = MappingProxyType(copy.deepcopy(definition.get("hidden", {})))
        self.interpretation = definition.get("interpretation")
        self.symplectic = definition.get("symplectic", False)
        used = postorder(trees.drift + tuple(term for row in trees.diffusion or () for term in row))
        noise: tuple[int, str | None] = (0, None) if trees.diffusion is None else noise_of(trees, self.dim)
        self.n_noise, self.noise_kind = noise
        self.jumps = None if trees.jumps is None else JumpProcess(trees)
        self.spins = None if trees.spins is None else OpenSpinSystem(trees)
        self.has_time = any(node.op == "time" for node in used) or (self.spins is not None and self.spins.has_time)
        self._twin = SlowTwin(trees)
        self._frozen = True

    def __setattr__(self, name, value):
        if getattr(self, "_frozen", False):
            raise AttributeError("a System cannot be changed: use with_parameters or with_size")
        object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, definition):
        """The system of a definition, as ``to_dict`` gives it."""
        return cls(definition)

    @classmethod
    def from_file(cls, path):
        """Read a system file (TOML).

        Raises:
            FormatError: the file is missing or no TOML.
            InputError: an unknown, missing or unusable entry; the message names the file.
        """
        return cls(read_system_file(path))

    def to_dict(self):
        """The definition: plain dicts, lists, texts and numbers."""
        return copy.deepcopy(self._definition)

    def to_file(self, path):
        """Write a system file (TOML), atomically."""
        write_system_file(path, self._definition)

    def with_parameters(self, **values):
        """The same system with other parameter values, without invariants.

        Parameters that are defined by an expression of changed ones follow.

        Raises:
            InputError: an unknown parameter or a value that is no finite number.
        """
        changed = parameter_values(values, self.parameters, self.name or "the system")
        definition = self.to_dict()
        if changed:
            definition["parameters"] |= changed
        return self._changed(definition)

    def with_size(self, **sizes):
        """The same lattice or partial differential equation with other numbers of sites.

        Raises:
            InputError: an unknown index, or a size that is too small.
        """
        return self._changed(resized(self.to_dict(), sizes, self.sizes, self.name or "the system"))

    def _changed(self, definition):
        changed = System(definition)
        same = changed._trees.parameters == self._trees.parameters and changed.sizes == self.sizes
        if not same and "invariants" in definition:
            del definition["invariants"]
            changed = System(definition)
        return changed

    @property
    def sizes(self):
        """Dict from index or size to number of sites: what ``with_size`` may change."""
        if self.spins is not None:
            return self.spins.lattice.sizes
        return dict(zip(self.lattice.indices, self.lattice.shape, strict=True))

    @property
    def equations(self):
        """Mapping from the key of an equation, or what a jump or a term does, to its text, as in the file."""
        if self.spins is not None:
            return self.spins.texts
        if self.jumps is not None:
            return MappingProxyType(self.jumps.texts)
        return MappingProxyType(self._definition["equations"])

    @property
    def trees(self):
        """The expression trees, for code generation and LaTeX."""
        return self._trees

    @property
    def dt(self):
        """Default sampling interval in system time units; 1 for maps.

        Raises:
            InputError: the system has none.
        """
        dt = self._definition.get("defaults", {}).get("dt", 1.0 if self.kind == "map" else None)
        if dt is None:
            raise InputError(f"{self.name or 'the system'} has no default dt", do="give dt=")
        return float(dt)

    @property
    def initial_state(self):
        """Default initial state, array (dim,); of a chain of states the probabilities at the start, array (states,), of
        spins their Bloch vectors, array (site, 3).

        Raises:
            InputError: the system has none.
        """
        if self.jumps is not None and self.jumps.states:
            return self.jumps.initial_distribution
        if self.spins is not None:
            return self.spins.initial_bloch()
        if not self._trees.initial:
            raise InputError(f"{self.name or 'the system'} has no default initial state", do="give initial_state=")
        values = self._twin.initial_state()
        if not np.isfinite(values).all():
            first = self.variables[int(np.flatnonzero(~np.isfinite(values))[0])]
            raise InputError(f"initial_state of {first} is not finite")
        return values

    @property
    def rate_matrix(self):
        """Rate matrix of a chain of states, row convention, array (states, states), in 1/time.

        Raises:
            InputError: the system is no jump process on finitely many states.
        """
        return self._chain().rate_matrix

    def stationary_distribution(self):
        """The distribution over the states of a chain that stays as it is, array (states,).

        Raises:
            InputError: more than one closed class (the message names them), or no chain of states.

        Reference:
            grassmann1985
        """
        return self._chain().stationary_distribution()

    @property
    def space(self):
        """Positions of the grid points of a pde: dict from coordinate to array (n,), in units of length."""
        return self._twin.space()

    def vector_field(self, x, t=0.0):
        """Time derivative, or next value of a map, from the expression tree.

        For reactions it is the drift of the counts, the sum of changes times rates (where all rates are linear, the
        derivative of the mean). This is the slow twin of the generated code.

        Args:
            x: states (..., dim).
            t: time, a number or an array (...).

        Returns:
            Array (..., dim).

        Raises:
            InputError: the last axis of x is not dim.
        """
        return self._twin.drift(self._checked(x), t)

    def diffusion(self, x, t=0.0):
        """Diffusion matrix of an sde at states x (..., dim): array (..., dim, n_noise)."""
        if self._trees.diffusion is None:
            raise InputError(f"{self.name or 'the system'} has no noise", got=f"kind {self.kind}", expected="kind sde")
        return self._twin.diffusion(self._checked(x), t)

    def jacobian(self, x, t=0.0):
        """Derivative of ``vector_field`` with respect to the state.

        .. math:: J_{jk} = \\partial f_j / \\partial x_k

        Args:
            x: states (..., dim).
            t: time, a number or an array (...).

        Returns:
            Array (..., dim, dim).
        """
        return self._twin.jacobian(self._checked(x), t)

    def divergence(self, x, t=0.0):
        """Trace of the Jacobian at states x (..., dim): array (...)."""
        return np.trace(self.jacobian(x, t), axis1=-2, axis2=-1)

    def sparsity(self):
        """Which entries of the Jacobian can differ from zero: boolean array (dim, dim)."""
        return self._twin.sparsity()

    def conserved_quantities(self, x, t=0.0):
        """Constants of motion at states x (..., dim): dict from name to array (...).

        On a lattice each is the sum over the sites.
        """
        if self.spins is not None or (self.jumps is not None and self.jumps.states):
            return {}
        return self._twin.conserved(self._checked(x), t)

    def gradient(self):
        """Partial derivatives of the drift: one dict for each field, from state node to expression."""
        return self._twin.gradient

    def latex(self):
        """The equations in LaTeX, one line for each variable, as a list of texts without dollar signs."""
        return system_latex(self)

    def __eq__(self, other):
        return isinstance(other, System) and canonical_text(self._definition) == canonical_text(other._definition)

    def __hash__(self):
        return hash(canonical_text(self._definition))

    def __repr__(self):
        values = ", ".join(f"{name}={value:.6g}" for name, value in self.parameters.items())
        return f"<System {self.name or 'unnamed'}: {self.kind}, dim {self.dim}{', ' if values else ''}{values}>"

    def __reduce__(self):
        return System, (self._definition,)

    def _chain(self):
        if self.jumps is None or not self.jumps.states:
            raise InputError(
                f"{self.name or 'the system'} has no rate matrix",
                got="reactions over counts" if self.jumps else f"kind {self.kind}",
                expected="kind jump with [states] and [rates]",
            )
        return self.jumps

    def _checked(self, x):
        if self.spins is not None:
            raise InputError(
                f"{self.name or 'the system'} has no vector field: its observables do not form a closed system",
                do="take dysyr.simulate, or system.spins for its generator",
            )  # fmt: skip
        if self.jumps is not None and self.jumps.states:
            raise InputError(
                f"{self.name or 'the system'} is a chain of states and has no vector field", do="take rate_matrix"
            )
        x = np.asarray(x, dtype=float)
        if x.ndim == 0 or x.shape[-1] != self.dim:
            raise InputError(
                f"states of {self.name or 'the system'}", got=f"shape {x.shape}", expected=f"(..., {self.dim})"
            )
        return x
