"""Systems made in scripts: one method for each kind, with the tables of a system file as arguments."""

from dysyr.core.system_tables import equation_tables, jump_tables, open_quantum_tables


class SystemMakers:
    """The part of System that makes one from arguments; see there."""

    @classmethod
    def ode(cls, equations, *, parameters=None, initial_state=None, dt=None, transient=0.0, name="", **tables):
        """A system of ordinary differential equations.

        .. math:: dx/dt = f(x, t)

        Args:
            equations: dict from variable to the expression of its time derivative; on a lattice the keys read
                "x[i]".
            parameters: dict from name to number or expression of earlier parameters.
            initial_state: dict from variable to value or expression, or a sequence in the order of the
                equations.
            dt: sampling interval that a simulation uses by default, in time units.
            transient: time that a simulation discards by default.
            name: a name for messages and data sets.
            **tables: further tables of a system file: let, index, boundary, boundary_values, hidden, ...

        Returns:
            System.

        Raises:
            InputError: an unknown or unusable entry.
            ExpressionError: an expression that cannot be read.
        """
        return cls._made("ode", equations, parameters, initial_state, dt, transient, name, tables)

    @classmethod
    def map(cls, equations, *, parameters=None, initial_state=None, dt=1.0, transient=0.0, name="", **tables):
        """A map x -> f(x). Arguments as for ``ode``; each equation is the variable's next value."""
        return cls._made("map", equations, parameters, initial_state, dt, transient, name, tables)

    @classmethod
    def sde(
        cls, equations, *, diffusion, interpretation, parameters=None, initial_state=None, dt=None,
        transient=0.0, name="", **tables,
    ):  # fmt: skip
        """A stochastic differential equation dx = f dt + g dW. Arguments as for ``ode``, and:

        Args:
            diffusion: dict from variable to one expression (a noise of its own), or to a list (one row of a
                matrix).
            interpretation: "ito" or "stratonovich".
        """
        tables = tables | {"diffusion": diffusion, "interpretation": interpretation}
        return cls._made("sde", equations, parameters, initial_state, dt, transient, name, tables)

    @classmethod
    def pde(cls, equations, *, domain, parameters=None, initial_state=None, dt=None, transient=0.0, name="", **tables):
        """A partial differential equation on a grid. Arguments as for ``ode``, and:

        Args:
            domain: dict from coordinate to {"length", "n", "boundary"} and optionally "start", "order" (2 or
                4). The equations may hold dx(u), dxx(u), dxxx(u), dxxxx(u) and laplacian(u).
        """
        return cls._made("pde", equations, parameters, initial_state, dt, transient, name, tables | {"domain": domain})

    @classmethod
    def jump(
        cls, *, reactions=None, states=None, rates=None, parameters=None, initial_state=None, dt=None,
        transient=0.0, name="", **tables,
    ):  # fmt: skip
        """A Markov jump process: reactions over counts, or a finite set of states with rates between them.

        .. math:: x \\to x + \\nu_r \\text{ at rate } a_r(x), \\quad dp/dt = p \\, Q

        Args:
            reactions: list of dicts with "change" (dict from species to a whole number), "rate" (expression of
                species and parameters, in 1/time) and optionally "name".
            states: names of the states, instead of reactions.
            rates: dict from "open -> closed" to the expression of a rate, or a matrix (list of lists, row convention:
                entry (i, j) is the rate from i to j; the diagonal is 0 or minus the sum of the row).
            parameters: dict from name to number or expression of earlier parameters.
            initial_state: counts: dict from species to a whole number. States: the name of one, or a dict from state to
                probability; by default the stationary distribution.
            dt, transient, name: as for ``ode``.
            **tables: further tables of a system file: let, conserved, title, ...

        Returns:
            System.

        Raises:
            InputError: an unknown or unusable entry, a negative rate.
            ExpressionError: an expression that cannot be read.
        """
        return cls(jump_tables(reactions, states, rates, parameters, initial_state, dt, transient, name) | tables)

    @classmethod
    def open_quantum(
        cls, *, lattice, hamiltonian=(), jumps=(), observables=None, parameters=None, initial_state=None, dt=None,
        transient=0.0, name="", **tables,
    ):  # fmt: skip
        """An open quantum system of spins one half: a Lindblad equation on a lattice.

        .. math:: \\dot\\rho = -i [H, \\rho] + \\sum_k \\gamma_k (L_k \\rho L_k^+ - \\frac12 \\{L_k^+ L_k, \\rho\\})

        Args:
            lattice: {"shape": [4], "boundary": "periodic"} for a ring, "open" for a chain, two numbers for a torus or a
                square, or {"n_sites": 4, "edges": [[0, 1], ...]} for any graph.
            hamiltonian: list of dicts with "operator" (a Pauli string such as "ZZ", or a dict from Pauli strings to
                coefficients), "on" ("sites", "bonds", a list of sites, or a list of such lists) and "coefficient" (a
                number or an expression of parameters and t; nothing is multiplied by 1/2 or 1/4).
            jumps: list of dicts with "operator" (also "sigma_minus" and "sigma_plus"), "on" and "rate" >= 0, which
                multiplies the dissipator: the square root of the rate is inside the jump operator.
            observables: list of dicts with "name", "operator" and "on": means over the places; by default X, Y and Z of
                every site.
            parameters: dict from name to number or expression of earlier parameters.
            initial_state: "up", "down", "plus", "minus" (along z and x), "right", "left" (along y), "mixed", a Bloch
                vector, or a list with one of them for each site.
            dt, transient, name: as for ``ode``.
            **tables: further tables of a system file: let, title, ...

        Returns:
            System.

        Raises:
            InputError: an unknown or unusable entry, a Hamiltonian term that is not Hermitian, a negative rate.
            ExpressionError: an expression that cannot be read.
        """
        own = open_quantum_tables(
            lattice, hamiltonian, jumps, observables, parameters, initial_state, dt, transient, name
        )
        return cls(own | tables)

    @classmethod
    def _made(cls, kind, equations, parameters, initial_state, dt, transient, name, tables):
        return cls(equation_tables(kind, equations, parameters, initial_state, dt, transient, name) | tables)
