"""The compiled form of a system: its generated functions as pointers for the integrators, and its parameters
as lanes."""

import functools

import numpy as np

from dysyr.core.codegen import kernel_source
from dysyr.core.errors import InputError
from dysyr.kernels.elementary import with_own_functions
from dysyr.kernels.fused_growth import fused_growth_function, fused_growth_source
from dysyr.kernels.fused_source import fused_function, fused_map_function, fused_map_source, fused_source
from dysyr.kernels.jit import first_class, load_generated, matrix_function, right_hand_side
from dysyr.kernels.ode_pointer import FunctionPointer
from dysyr.kernels.ode_views import with_windows


class CompiledSystem:
    """Generated code of a system for one dtype; each function is compiled when it is first asked for.

    Args:
        system: the System.
        dtype: "float64" or "float32".

    Raises:
        InputError: the equations have unknown terms.
    """

    def __init__(self, system, dtype="float64"):
        if system.trees.unknown:
            raise InputError(
                f"{system.name or 'the system'} has unknown terms in the equations of "
                + ", ".join(system.trees.unknown),
                do="find them with HiddenTerms first, or take the [hidden] section out to run the known part alone",
            )
        self.system = system
        self.dtype = np.dtype(dtype)
        source = with_own_functions(kernel_source(system, dtype=self.dtype.name), self.dtype.name)
        self.source = with_windows(source)
        self.module = load_generated(self.source, system.name or system.kind)
        self._fused = {}

    @functools.cached_property
    def rhs(self):
        """Compiled f(t, x, p, out)."""
        return first_class(self.module.rhs, right_hand_side(self.dtype))

    @functools.cached_property
    def rhs_pointer(self):
        """The address of ``rhs``, for integrators."""
        return FunctionPointer(self.rhs, right_hand_side(self.dtype))

    @functools.cached_property
    def diffusion(self):
        """Compiled g(t, x, p, out)."""
        return first_class(self.module.diffusion, matrix_function(self.dtype))

    def fused_integrator(self, tableau):
        """Compiled fixed-step integrator of this system and method, see :mod:`dysyr.kernels.fused_source`."""
        if tableau.name not in self._fused:
            text = fused_source(self.source, tableau, self.dtype.name)
            module = load_generated(text, f"{self.system.name or self.system.kind}_{tableau.name}")
            self._fused[tableau.name] = first_class(module.integrate, fused_function(self.dtype))
        return self._fused[tableau.name]

    def fused_growth(self, tableau, n_vectors):
        """Compiled fixed-step growth of tangent vectors, see :mod:`dysyr.kernels.fused_growth`."""
        key = tableau.name, n_vectors
        if key not in self._fused:
            text = fused_growth_source(self.source, tableau, n_vectors)
            module = load_generated(text, f"{self.system.name or self.system.kind}_growth_{tableau.name}")
            self._fused[key] = first_class(module.grow, fused_growth_function())
        return self._fused[key]

    @functools.cached_property
    def fused_iterator(self):
        """Compiled iterator of this map, see :mod:`dysyr.kernels.fused_source`."""
        text = fused_map_source(self.source, self.dtype.name)
        module = load_generated(text, f"{self.system.name or self.system.kind}_iterated")
        return first_class(module.iterate, fused_map_function(self.dtype))

    def parameter_lanes(self, n_lanes):
        """Parameters of n_lanes trajectories, array (parameter, lane)."""
        values = np.array(list(self.system.parameters.values()), self.dtype)
        return np.repeat(values[:, None], n_lanes, axis=1)

    def evaluate(self, t, x):
        """f at lanes: t (lane,), x (dim, lane) -> (dim, lane)."""
        x = np.ascontiguousarray(x, self.dtype)
        out = np.empty_like(x)
        self.rhs(np.ascontiguousarray(t, self.dtype), x, self.parameter_lanes(x.shape[1]), out)
        return out
