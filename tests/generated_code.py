"""Run generated kernel text as plain Python, or through a decorator, beside its slow twin."""

import numpy as np

from dysyr.core.codegen import kernel_source


class GeneratedCode:
    """The functions of one generated module on freshly made arrays.

    Args:
        system: a System.
        dtype: "float64" or "float32".
        decorate: applied to each function, for example numba.njit.
    """

    def __init__(self, system, dtype="float64", decorate=lambda function: function):
        names = {}
        exec(compile(kernel_source(system, dtype), "generated", "exec"), names)
        self.functions = {name: decorate(f) for name, f in names.items() if hasattr(f, "__code__")}
        self.constants = {name: value for name, value in names.items() if name.isupper()}
        self.system = system
        self.dtype = dtype

    def __call__(self, name, x, t, v=None):
        """The function at states x (lane, dim), as (lane, ...) in float64."""
        lanes, dim = x.shape
        noise = self.constants["N_NOISE"]
        shapes = {"jacobian": (dim, dim, lanes), "divergence": (lanes,), "diffusion": (dim, noise, lanes)}
        out = np.full(shapes.get(name, (dim, lanes)), np.nan, dtype=self.dtype)
        p = np.array(list(self.system.parameters.values()), dtype=self.dtype)
        p = np.ascontiguousarray(np.broadcast_to(p[:, None], (p.size, lanes)))
        columns = [np.ascontiguousarray(a.T, dtype=self.dtype) for a in (x, v) if a is not None]
        with np.errstate(all="ignore"):
            self.functions[name](np.asarray(t, dtype=self.dtype), columns[0], p, *columns[1:], out)
        return np.moveaxis(out, -1, 0).astype(float)


def states_near(system, rng, lanes=5):
    """Random states around the initial state, (lane, dim), and times (lane,)."""
    start = system.initial_state
    spread = 0.05 * np.abs(start) + 0.02
    return start + spread * rng.normal(size=(lanes, system.dim)), rng.uniform(0.0, 10.0, size=lanes)


def relative_error(a, b):
    """Largest difference of two arrays over the size of the second."""
    return np.max(np.abs(a - b)) / (1.0 + np.max(np.abs(b)))
