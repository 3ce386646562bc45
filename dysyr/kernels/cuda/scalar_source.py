"""The processor's generated text of a system, turned into device functions of one trajectory.

The processor's functions are loops over lanes around scalar code (:mod:`dysyr.core.codegen`). A thread is one
lane, so the same scalar code stands here without the loop, in one of two forms:

* registers, for straight-line code of few variables: every component is a variable of its own,
  ``f_0, f_1, = drift(t, x_0, x_1, p_0)``
* local arrays, for lattices and larger systems: ``drift(t, x, p, i, out)`` with x and out (dim,) of the thread

Text of integrators is written once for both by :class:`Components`.
"""

import dataclasses
import re

from dysyr.core.errors import InputError

LARGEST_IN_REGISTERS = 12
LARGEST_LOCAL_BYTES = 65_536
"""Local memory of one thread; every resident thread has its own, so a card runs out of memory beyond this."""

HEADER = '''"""Generated from a system file: do not edit."""

import math

import numpy as np
from numba import cuda

from dysyr.kernels.cuda.compilation import device_function, kernel
from dysyr.kernels.cuda.random_numbers import philox_words
from dysyr.kernels.normals import normal_pair32, normal_pair64
'''

ELEMENTARY = (
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "exp", "log", "log10",
    "sqrt", "absolute", "sign", "floor",
)  # fmt: skip
"""Elementary functions that generated code calls; :mod:`dysyr.kernels.cuda.elementary` has them all."""

_LOOP = re.compile(r"^( *)for i in range\(x\.shape\[1\]\):$")


@dataclasses.dataclass(frozen=True)
class ScalarSystem:
    """A system as device code.

    Attributes:
        dtype: "float32" or "float64".
        dim: number of state components.
        n_parameters: number of parameters.
        n_noise: number of independent noises.
        diagonal: whether each variable has a noise of its own.
        in_registers: the form, see the module.
        header: imports and constants.
        drift: text of the device function ``drift``.
        diffusion: text of the device function ``diffusion``, or "" without noise.
    """

    dtype: str
    dim: int
    n_parameters: int
    n_noise: int
    diagonal: bool
    in_registers: bool
    header: str
    drift: str
    diffusion: str


def scalar_system(system_source, dtype):
    """Device code of a system.

    Args:
        system_source: text of ``dysyr.core.codegen_device.device_source``.
        dtype: "float32" or "float64", that of the text.

    Returns:
        ScalarSystem.

    Raises:
        InputError: a noise matrix of a system that does not fit registers.
    """
    header, _, functions = system_source.partition("\n\n\ndef ")
    functions = "def " + functions

    def constant(name):
        return int(re.search(rf"^{name} = (\d+)$", header, re.MULTILINE)[1])

    dim, n_noise = constant("N_DIM"), constant("N_NOISE")
    diagonal = "DIFFUSION_IS_DIAGONAL = True" in header and n_noise > 0
    straight = _body(functions, "rhs").count("for ") == 1
    in_registers = straight and dim <= LARGEST_IN_REGISTERS
    if n_noise and not diagonal and not in_registers:
        raise InputError(
            "a noise matrix is too large for a thread",
            got=f"{dim} variables and {n_noise} noises",
            expected=f"at most {LARGEST_IN_REGISTERS} variables, or a noise of its own for each variable",
            do="use device='cpu'",
        )
    parts = {"dim": dim, "n_parameters": constant("N_PARAMETERS"), "in_registers": in_registers}
    drift = _device_text(_body(functions, "rhs"), "drift", [f"f_{d}" for d in range(dim)], **parts)
    diffusion = ""
    if n_noise:
        body = _body(functions, "diffusion_diagonal" if diagonal else "diffusion")
        names = [f"f_{d}" if diagonal else f"f_{d}_{m}" for d in range(dim) for m in range(1 if diagonal else n_noise)]
        diffusion = _device_text(body, "diffusion", names, **parts)
    return ScalarSystem(
        dtype=dtype, dim=dim, n_parameters=parts["n_parameters"], n_noise=n_noise, diagonal=diagonal,
        in_registers=in_registers, header=_device_header(header, drift + diffusion, dtype), drift=drift,
        diffusion=diffusion,
    )  # fmt: skip


class Components:
    """Writes lines for all components of a state, in the form of a system.

    A template is a function of a component's subscript and number: ``lambda s, d: f"y{s} = x{s} + h*f{s}"``
    gives ``y_0 = x_0 + h*f_0`` and so on in registers, and a loop over ``y[d] = x[d] + h*f[d]`` in arrays.

    Args:
        system: ScalarSystem.
    """

    def __init__(self, system):
        self.system = system

    def arrays(self, names):
        """Lines that make the local arrays of these names; none in registers."""
        if self.system.in_registers:
            return []
        return [f"{name} = cuda.local.array(N_DIM, REAL)" for name in names]

    def each(self, *templates):
        """Lines for every component."""
        if self.system.in_registers:
            return [template(f"_{d}", str(d)) for d in range(self.system.dim) for template in templates]
        return ["for d in range(N_DIM):", *("    " + template("[d]", "d") for template in templates)]

    def evaluate(self, function, time, state, result):
        """Lines ``result = function(time, state)`` with function drift or diffusion."""
        if not self.system.in_registers:
            return [f"{function}({time}, {state}, p, i, {result})"]
        several = function == "diffusion" and not self.system.diagonal
        subscripts = [
            f"{d}_{m}" if several else f"{d}"
            for d in range(self.system.dim)
            for m in range(self.system.n_noise if several else 1)
        ]
        arguments = [time, *(f"{state}_{d}" for d in range(self.system.dim)), *self.parameters()]
        return [f"{', '.join(f'{result}_{s}' for s in subscripts)}, = {function}({', '.join(arguments)})"]

    def parameters(self):
        return [f"p_{k}" for k in range(self.system.n_parameters)]

    def load(self):
        """Lines that load the state and the parameters of lane i."""
        lines = self.each(lambda s, d: f"x{s} = states[{d}, i]")
        if not self.system.in_registers:
            return lines
        return lines + [f"{name} = p[{name[2:]}, i]" for name in self.parameters()]

    def finite(self, target):
        """Lines that set ``target`` to whether the state is finite."""
        return [f"{target} = True", *self.each(lambda s, d: f"{target} = {target} and abs(x{s}) < INFINITE")]


def check_local_size(system, n_arrays):
    """Refuse a system whose local arrays are too large for a thread.

    Raises:
        InputError: more than LARGEST_LOCAL_BYTES.
    """
    size = 0 if system.in_registers else n_arrays * system.dim * (4 if system.dtype == "float32" else 8)
    if size > LARGEST_LOCAL_BYTES:
        raise InputError(
            "the system is too large for one thread a trajectory",
            got=f"{system.dim} variables, {size:,} bytes for each trajectory",
            expected=f"at most {LARGEST_LOCAL_BYTES:,} bytes",
            do="use device='cpu', a method of fewer stages, or float32",
        )


def indented(lines, depth):
    """The lines, ``depth`` levels further to the right."""
    return ["    " * depth + line for line in lines]


def _body(functions, name):
    """Lines of one generated function, without its head."""
    found = re.search(rf"^def {name}\(t, x, p, out\):\n((?:    .*\n?)+)", functions, re.MULTILINE)
    return found[1].rstrip("\n") + "\n"


def _device_text(body, name, results, *, dim, n_parameters, in_registers):
    lines = []
    dedent = None
    for line in body.rstrip("\n").split("\n"):
        loop = _LOOP.match(line)
        if loop:
            dedent = len(loop[1])
        elif dedent is not None and line.startswith(" " * (dedent + 4)):
            lines.append(line[4:])
        else:
            dedent = None
            lines.append(line)
    text = re.sub(r"\bt\[i\]", "t", "\n".join(lines))
    if not in_registers:
        text = re.sub(r"\b(x|out)\[([^\[\]]*), i\]", r"\1[\2]", text)
        return f"@device_function\ndef {name}(t, x, p, i, out):\n{text}\n"
    text = re.sub(r"\b(x|p)\[(\d+), i\]", r"\1_\2", text)
    text = re.sub(r"\bout\[(\d+), i\]", r"f_\1", text)
    text = re.sub(r"\bout\[(\d+), (\d+), i\]", r"f_\1_\2", text)
    arguments = ", ".join(["t", *(f"x_{d}" for d in range(dim)), *(f"p_{k}" for k in range(n_parameters))])
    return f"@device_function\ndef {name}({arguments}):\n{text}\n    return {', '.join(results)},\n"


def _device_header(header, functions, dtype):
    """Imports, elementary functions of the device and the constants of the processor's text."""
    used = sorted(set(re.findall(rf"\b({'|'.join(ELEMENTARY)})\(", functions)))
    constants = re.findall(r"^(?:N_DIM = .*|K\d+ = .*)$", header, re.MULTILINE)
    lines = [HEADER]
    if used:
        lines.append(f"from dysyr.kernels.cuda.elementary import {', '.join(used)}\n")
    lines += [f"REAL = np.{dtype}", "INFINITE = REAL(np.inf)", "NOT_A_NUMBER = REAL(np.nan)", *constants]
    return "\n".join(lines) + "\n"
