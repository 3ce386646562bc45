"""Paths of stochastic differential equations dx = f dt + g dW."""

import dataclasses

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.jit import first_class, right_hand_side
from dysyr.kernels.lane_blocks import in_short_calls, run_blocks
from dysyr.kernels.philox import key_of
from dysyr.kernels.stochastic import EULER_MARUYAMA, HEUN, MILSTEIN, SRI, diagonal_integrator
from dysyr.kernels.stochastic_general import general_integrator
from dysyr.simulation.divergence import raise_diverged

BLOCK_BYTES = 64_000
"""Working set of a block of paths: about a first-level cache, since the normals of a step are used at once."""

WIDEST_BLOCK = 512
"""Most paths in a block: enough to hide the cost of the calls of a step."""


@dataclasses.dataclass(frozen=True)
class StochasticMethod:
    """What a method of integration is for.

    Attributes:
        number: the method's number in the kernel.
        interpretation: "ito" or "stratonovich", the solution it converges to (they agree for additive noise).
        diagonal: whether it needs a noise of its own for each variable, that depends on this variable only.
        substeps: steps in each sampling interval by default.
        strong_order: order of convergence of the paths.
    """

    number: int
    interpretation: str
    diagonal: bool
    substeps: int
    strong_order: float


METHODS = {
    "euler_maruyama": StochasticMethod(EULER_MARUYAMA, "ito", False, 10, 0.5),
    "milstein": StochasticMethod(MILSTEIN, "ito", True, 10, 1.0),
    "sri": StochasticMethod(SRI, "ito", True, 4, 1.5),
    "heun": StochasticMethod(HEUN, "stratonovich", False, 10, 0.5),
}
"""Strong orders hold for any noise; Euler-Maruyama has 1.0 for additive, Heun 1.0 for diagonal or scalar
noise."""


def default_method(system):
    """ "sri" where the noise is diagonal and Ito or additive, else the general method of the
    interpretation."""
    if system.noise_kind == "additive" or system.interpretation == "ito":
        return "sri" if _is_diagonal(system) else "euler_maruyama"
    return "heun"


def check_method(system, name):
    """Refuse a method that does not converge to the solution of this equation.

    Raises:
        InputError: the interpretation or the form of the noise does not fit.
    """
    method = METHODS[name]
    if system.noise_kind != "additive" and method.interpretation != system.interpretation:
        raise InputError(
            f"method '{name}' converges to another solution than {system.name or 'the system'} means",
            got=f"a {method.interpretation} method",
            expected=f"interpretation = '{system.interpretation}'",
            do=f"take method='{default_method(system)}'",
        )
    if method.diagonal and not _is_diagonal(system):
        raise InputError(
            f"method '{name}' needs a noise for each variable, that depends on this variable alone",
            got=f"{system.noise_kind} noise with {system.n_noise} sources for {system.dim} variables",
            do=f"take method='{default_method(system)}'",
        )


def integrate_paths(compiled, method, x0, times, substeps, seed, first_step=0, keep=True):
    """Paths at given times.

    Args:
        compiled: CompiledSystem of an sde.
        method: a key of METHODS.
        x0: (trajectory, dim) states at times[0].
        times: (time,) ascending times in system time units.
        substeps: steps in each interval.
        seed: seed of the noise; path k depends on the seed and on k only.
        first_step: number of the first step, in the counter of the random numbers.
        keep: whether to return all times or the last one only.

    Returns:
        array (trajectory, time, dim) that starts with x0, or (trajectory, dim).

    Raises:
        DivergedError: a path is no longer finite.
        InputError: the states at the start have another shape.

    Reference:
        kloeden1992, rossler2010
    """
    dtype, system = compiled.dtype, compiled.system
    x0, times = np.asarray(x0), np.ascontiguousarray(times, float)
    if x0.ndim != 2 or x0.shape[0] == 0 or x0.shape[1] != system.dim:
        raise InputError("initial states", got=f"shape {x0.shape}", expected=f"(trajectory, {system.dim})")
    n, dim = x0.shape
    low, high = key_of(seed)
    number = METHODS[method].number
    if system.trees.diagonal:
        integrate, form = diagonal_integrator(dtype), ()
        diffusion = first_class(compiled.module.diffusion_diagonal, right_hand_side(dtype))
        n_rows = 12 * dim if number == SRI else 6 * dim
    else:
        integrate, form, diffusion = general_integrator(dtype), (system.n_noise,), compiled.diffusion
        n_rows = 4 * dim + (2 * dim + 1) * system.n_noise

    def work(first, last, stopped):
        x = np.array(x0[first:last].T, dtype, order="C")
        out = np.empty((times.size if keep else 1, dim, last - first), dtype)
        out[0] = x
        broken = np.full(last - first, -1)
        p = compiled.parameter_lanes(last - first)

        def advance(begin, end):
            integrate(
                number, compiled.rhs, diffusion, times, begin, end, substeps, first_step, int(low), int(high), first,
                *form, x, p, keep, out[1:], broken,
            )  # fmt: skip

        in_short_calls(advance, times.size - 1, stopped)
        return out, broken, x

    blocks = run_blocks(work, n, _block_width(n, dtype.itemsize * n_rows))
    broken = np.concatenate([block[1] for block in blocks])
    final = np.concatenate([block[2] for block in blocks], axis=1).T
    if (broken >= 0).any():
        left = np.where(broken >= 0, times[broken], np.inf)
        raise_diverged(system, left, final, f"take more substeps than {substeps}, or look at initial_state")
    if not keep:
        return final
    out = blocks[0][0] if len(blocks) == 1 else np.concatenate([block[0] for block in blocks], axis=2)
    return out.transpose(2, 0, 1)


def _block_width(n_paths, bytes_per_path):
    """Paths per block, a multiple of 16: as few blocks as fit the cache, of about equal width."""
    widest = min(max(BLOCK_BYTES // bytes_per_path, 1), WIDEST_BLOCK)
    n_blocks = -(-n_paths // widest)
    return -(-n_paths // (16 * n_blocks)) * 16


def _is_diagonal(system):
    return system.noise_kind in ("diagonal", "additive") and system.trees.diagonal
