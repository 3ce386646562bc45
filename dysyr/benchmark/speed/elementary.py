"""Contests of elementary functions and random numbers, in arrays that lie in the first-level cache."""

import functools

import numpy as np

from dysyr.benchmark.speed.contest import REPEATS, Contest, Disagreement, Share
from dysyr.kernels.jit import load_generated

LENGTH = 1024
FUNCTIONS = ("exp", "log", "sin", "tanh", "pow")
IN_TORCH = ("exp", "log", "sin", "tanh")
TOLERANCE_IN_ULP = 16
_NUMPY = {"pow": "power"}

_LOOP = """
def own_{name}(repeats, x, y, out):
    for r in range(repeats):
        for i in range(x.size):
            out[i] = {name}{width}({arguments})


def other_{name}(repeats, x, y, out):
    for r in range(repeats):
        for i in range(x.size):
            out[i] = np.{numpy}({arguments})
"""

_DRAW = """
import numpy as np
from dysyr.kernels.normals import fill_normals{width}


def draw(n_steps, words, out):
    for k in range(n_steps):
        fill_normals{width}(np.uint64(1), np.uint64(0), np.uint64(k), np.uint64(0), np.uint64(0), words, out)
"""


def contests(*, quick):
    """Contests of elementary functions and of normal numbers.

    Args:
        quick: few repeats.

    Yields:
        Contest or Share.
    """
    passes, repeats = (200, 3) if quick else (2_000, REPEATS)
    for width in (32, 64):
        for name in FUNCTIONS:
            yield _against_libm(name, width, passes, repeats)
        for name in IN_TORCH:
            yield _against_torch(name, width, passes, repeats)
        yield from _normals(width, passes, repeats)


def _against_libm(name, width, passes, repeats):
    x, y = _arguments(name, width)
    run = functools.partial(_run, width, name, passes, x, y)
    return Contest(
        job=f"{name} in a compiled loop", size=f"{LENGTH:,} numbers x {passes:,}, float{width}",
        baseline="the same loop with the function of libm",
        ours=functools.partial(run, "own"), theirs=functools.partial(run, "other"), compare=_close,
        goal=2.0 if name == "pow" else 3.0, floor=1.5, repeats=repeats,
    )  # fmt: skip


def _against_torch(name, width, passes, repeats):
    import torch

    x, y = _arguments(name, width)
    tensor, out, function = torch.from_numpy(x), torch.empty(LENGTH, dtype=_torch_type(width)), getattr(torch, name)

    def theirs():
        for _ in range(passes):
            function(tensor, out=out)
        return out.numpy()

    return Contest(
        job=f"{name} in a compiled loop", size=f"{LENGTH:,} numbers x {passes:,}, float{width}",
        baseline=f"torch.{name} with out", ours=functools.partial(_run, width, name, passes, x, y, "own"),
        theirs=theirs, compare=_close, repeats=repeats, note="torch's figure includes one call for each array",
    )  # fmt: skip


def _normals(width, passes, repeats):
    """Normal numbers of the integrators: the rate, and NumPy's Philox and torch's generator."""
    import torch

    dtype = np.dtype(f"float{width}")
    words, out = np.empty((4, LENGTH // 4), np.uint32), np.empty((4, LENGTH // 4), dtype)
    draw = load_generated(_DRAW.format(width=width), f"draw{width}").draw
    generator, buffer = np.random.Generator(np.random.Philox(1)), np.empty(LENGTH, dtype)
    other = torch.Generator().manual_seed(1)
    tensor = torch.empty(LENGTH, dtype=_torch_type(width))

    def ours():
        draw(passes, words, out)
        return out

    def with_numpy():
        for _ in range(passes):
            generator.standard_normal(out=buffer, dtype=dtype)
        return buffer

    def with_torch():
        for _ in range(passes):
            tensor.normal_(generator=other)
        return tensor.numpy()

    size = f"{LENGTH:,} numbers x {passes:,}, float{width}"
    yield Share(
        job="normal numbers, Philox and Box-Muller", size=size, limit="a rate", ours=ours, work=LENGTH * passes,
        unit="G normals/s", capacity=None, goal=0.21, floor=0.1, goal_is_rate=True, repeats=repeats,
    )  # fmt: skip
    for baseline, theirs in (("numpy Generator(Philox), ziggurat", with_numpy), ("torch normal_", with_torch)):
        yield Contest(
            job="normal numbers, Philox and Box-Muller", size=size, baseline=baseline, ours=ours, theirs=theirs,
            compare=_both_normal, repeats=repeats,
        )  # fmt: skip


def _torch_type(width):
    import torch

    return getattr(torch, f"float{width}")


def _arguments(name, width):
    rng = np.random.default_rng(1)
    x = rng.uniform(-10, 10, LENGTH)
    if name in ("log", "pow"):
        x = np.exp(0.5 * x)
    return x.astype(f"float{width}"), rng.uniform(-3, 3, LENGTH).astype(f"float{width}")


def _run(width, name, passes, x, y, which):
    out = np.empty_like(x)
    getattr(_loops(width), f"{which}_{name}")(passes, x, y, out)
    return out


@functools.cache
def _loops(width):
    head = ["import numpy as np", *(f"from dysyr.kernels.elementary{width} import {name}{width}" for name in FUNCTIONS)]
    loops = [
        _LOOP.format(
            name=name, width=width, numpy=_NUMPY.get(name, name), arguments="x[i], y[i]" if name == "pow" else "x[i]"
        )
        for name in FUNCTIONS
    ]
    return load_generated("\n".join(head) + "\n\n" + "\n".join(loops), f"elementary_speed{width}")


def _close(ours, theirs):
    """Compare values in units of the last place.

    Raises:
        Disagreement: more than TOLERANCE_IN_ULP apart.
    """
    apart = float(np.max(np.abs(ours.astype(float) - theirs) / np.spacing(np.abs(theirs))))
    if not apart <= TOLERANCE_IN_ULP:
        raise Disagreement("values differ", got=f"{apart:.1f} ulp", expected=f"at most {TOLERANCE_IN_ULP}")
    return f"within {apart:.1f} ulp"


def _both_normal(ours, theirs):
    """Compare both samples with the normal distribution.

    Raises:
        Disagreement: Kolmogorov and Smirnov's test refuses one.
    """
    from scipy import stats

    chances = [float(stats.kstest(np.ravel(sample).astype(float), "norm").pvalue) for sample in (ours, theirs)]
    if min(chances) < 1e-4:
        raise Disagreement("samples are not normal", got=f"p = {min(chances):.1e}", expected="at least 1e-4")
    return f"both normal, p = {chances[0]:.2f} and {chances[1]:.2f}"
