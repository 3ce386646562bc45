"""Elementary functions: error in ulp over the whole range, limits, and loops that vectorise without calls."""

import re

import mpmath
import numba
import numpy as np
import pytest

from dysyr.core.codegen import kernel_source
from dysyr.core.errors import InputError
from dysyr.core.system import System
from dysyr.kernels import elementary32, elementary64
from dysyr.kernels.bits import bits_of, from_bits
from dysyr.kernels.elementary import REPLACED, with_own_functions
from dysyr.kernels.elementary32 import TURNS32
from dysyr.kernels.elementary64 import TURNS64
from dysyr.kernels.jit import jit, load_generated

LIBM = (
    "sin", "cos", "sincos", "tan", "exp", "exp2", "expm1", "log", "log10", "log1p", "pow", "tanh", "sinh", "cosh",
    "floor",
)  # fmt: skip
INF, NAN = np.inf, np.nan
# name without width: exact function, largest error in ulp
FUNCTIONS = {
    "exp": (mpmath.exp, 1.5),
    "expm1_": (mpmath.expm1, 2.5),
    "log": (mpmath.log, 1),
    "log10_": (mpmath.log10, 2.5),
    "sin": (mpmath.sin, 3),
    "cos": (mpmath.cos, 3),
    "tan": (mpmath.tan, 5),
    "sinh": (mpmath.sinh, 3),
    "cosh": (mpmath.cosh, 3),
    "tanh": (mpmath.tanh, 3),
}
LARGER_BOUNDS_IN_FLOAT32 = {"sin": 4, "cos": 4, "tan": 6}
SPECIAL = {
    "exp": {0: 1, INF: INF, -INF: 0, 1e30: INF, -1e30: 0},
    "expm1_": {0: 0, INF: INF, -INF: -1},
    "log": {0: -INF, 1: 0, INF: INF, -1: NAN, -INF: NAN},
    "log10_": {0: -INF, 1: 0, INF: INF, -1: NAN},
    "sin": {0: 0, INF: NAN, -INF: NAN, 1e9: NAN},
    "cos": {0: 1, INF: NAN, -1e9: NAN},
    "tan": {0: 0, INF: NAN},
    "sinh": {0: 0, INF: INF, -INF: -INF, 1e30: INF},
    "cosh": {0: 1, INF: INF, -INF: INF},
    "tanh": {0: 0, INF: 1, -INF: -1, 1e30: 1},
}
LOOP = """
from dysyr.kernels.elementary{width} import {name}{width}


def loop_{name}({given}, out):
    for i in range(x.size):
        out[i] = {name}{width}({each})
"""
LOOPS = {
    width: "".join(
        [LOOP.format(width=width, name=name, given="x", each="x[i]") for name in FUNCTIONS]
        + [LOOP.format(width=width, name="pow", given="x, y", each="x[i], y[i]")]
    )
    for width in (64, 32)
}


def loop(name, width):
    """The function in a loop, compiled; the text's fingerprint covers the functions, so that none is out of date."""
    return getattr(load_generated(LOOPS[width], f"elementary{width}"), f"loop_{name}")


def apply(name, *arguments):
    arguments = [np.ascontiguousarray(a) for a in arguments]
    out = np.empty_like(arguments[0])
    loop(name, 8 * out.itemsize)(*arguments, out)
    return out


def largest_error(values, exact):
    """Largest distance of the values from exact numbers, in units of the last place of the rounded exact number."""
    worst = 0.0
    for value, number in zip(values, exact, strict=True):
        with np.errstate(over="ignore"):
            rounded = values.dtype.type(number)
        if np.isinf(rounded) or np.isinf(value):
            assert value == rounded
            continue
        worst = max(worst, float(abs(mpmath.mpf(float(value)) - number) / mpmath.mpf(float(np.spacing(abs(rounded))))))
    return worst


def both_signs(rng, low, high, n):
    return rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(low, high, n)


def arguments_of(name, dtype, rng):
    """Finite arguments over the whole range of the function, denormals included."""
    info = np.finfo(dtype)
    smallest, largest = np.log10(float(info.smallest_subnormal)), np.log10(float(info.max))
    top = np.log(float(info.max))
    if name in ("log", "log10_"):
        near_one = 1 + both_signs(rng, np.log10(info.eps), -0.6, 500)
        x = np.concatenate([10.0 ** rng.uniform(smallest + 1, largest, 700), near_one, rng.uniform(0.2, 3, 500)])
    elif name in ("sin", "cos", "tan"):
        last = TURNS64 if dtype == np.float64 else TURNS32
        near_zeros = np.floor(rng.uniform(-0.6, 0.6, 600) * last) * np.pi / 2
        x = np.concatenate([rng.uniform(-7, 7, 500), rng.uniform(-last, last, 500), near_zeros])
        x = np.concatenate([x, both_signs(rng, smallest, np.log10(last), 500)])
        x = x[abs(x) < last]
    else:
        low = np.log(float(info.tiny)) if name == "tanh" else np.log(float(info.smallest_subnormal))
        x = np.concatenate([rng.uniform(-1, 1, 500), rng.uniform(-25, 25, 500), rng.uniform(low, top, 500)])
        x = np.concatenate([x, both_signs(rng, smallest, 0, 500)])
    x = x.astype(dtype)
    return x[np.isfinite(x)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_the_stated_bound(name, dtype):
    exact, bound = FUNCTIONS[name]
    if dtype == np.float32:
        bound = LARGER_BOUNDS_IN_FLOAT32.get(name, bound)
    x = arguments_of(name, dtype, np.random.default_rng(1))
    with mpmath.workprec(200):
        error = largest_error(apply(name, x), [exact(mpmath.mpf(float(v))) for v in x])
    assert 0 < error <= bound


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(name, dtype):
    x = np.array([*SPECIAL[name], NAN], dtype)
    expected = np.array([*SPECIAL[name].values(), NAN], dtype)
    np.testing.assert_array_equal(apply(name, x), expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_error_of_powers(dtype):
    rng = np.random.default_rng(2)
    info = np.finfo(dtype)
    top = np.log(float(info.max))
    for limit, bound in ((30.0, 1.0), (top, 8.0)):
        x = np.concatenate([10.0 ** rng.uniform(np.log10(float(info.tiny)), np.log10(float(info.max)), 1000)])
        x = np.concatenate([x, 10.0 ** rng.uniform(-1, 1, 1000)]).astype(dtype)
        y = (rng.uniform(-limit, limit, x.size) / np.log(x.astype(float))).astype(dtype)
        with mpmath.workprec(200):
            exact = [mpmath.power(mpmath.mpf(float(a)), mpmath.mpf(float(b))) for a, b in zip(x, y, strict=True)]
            assert 0 < largest_error(apply("pow", x, y), exact) <= bound


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_special_powers_are_numpys(dtype):
    info = np.finfo(dtype)
    values = [0.0, 1.0, 2.0, 0.5, 3.0, info.max, info.tiny, info.smallest_subnormal, 1 + info.eps, INF]
    values = np.array([*values, *(-v for v in values), NAN], dtype)
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    # the processor's fast-math flags leave the sign of zero open
    x, y, expected = (a[(x != 0) | ~np.signbit(x)] for a in (x, y, expected))
    np.testing.assert_allclose(apply("pow", x, y), expected, rtol=2 * info.eps, atol=0)


@pytest.mark.parametrize(
    "width, name", [(64, name) for name in (*FUNCTIONS, "pow")] + [(32, name) for name in ("exp", "log", "sin", "pow")]
)
def test_loops_vectorise_and_call_nothing(width, name):
    apply(name, *[np.ones(3, f"float{width}")] * (2 if name == "pow" else 1))
    kernel = loop(name, width)
    if kernel.stats.cache_hits:
        # code from the disk cache has no text: compile it once more
        kernel = recompiled(kernel)
    ((_, assembly),) = kernel.inspect_asm().items()
    assert not called(assembly) & {stem + end for stem in LIBM for end in ("", "f")}
    if re.search(r"%[yz]mm", assembly):
        kind = "pd" if width == 64 else "ps"
        assert re.search(rf"\bv?f?n?m(?:ul|add|sub)\w*{kind}\b.*%[yz]mm", assembly)


def test_a_call_is_noticed():
    @numba.njit
    def with_a_call(x):
        return np.exp(x)

    with_a_call(1.0)
    ((_, assembly),) = with_a_call.inspect_asm().items()
    assert "exp" in called(assembly)


def recompiled(kernel):
    again = numba.njit(nogil=True, error_model="numpy", fastmath=kernel.targetoptions["fastmath"])(kernel.py_func)
    again.compile(kernel.signatures[0])
    return again


def called(assembly):
    """Names of the functions whose address is used."""
    lines = [line for line in assembly.splitlines() if re.match(r"\s*(?:call|jmp|bl|b|mov\w*|lea\w*|adrp|ldr)\s", line)]
    return {word for line in lines for word in re.findall(r"[A-Za-z_]\w*", line)}


def test_bits_there_and_back():
    @jit
    def there_and_back(x):
        return bits_of(x), from_bits(bits_of(x))

    for number, word in ((np.float64, np.uint64), (np.float32, np.uint32)):
        assert there_and_back(number(-1.5)) == (number(-1.5).view(word), -1.5)


def test_generated_text_gets_these_functions():
    text = "import numpy as np\n\nsin = np.sin\nsqrt = np.sqrt\npower = np.power\nK0 = np.float32(1.0)\n"
    assert with_own_functions(text, "float32") == (
        "import numpy as np\n\nfrom dysyr.kernels.elementary32 import sin32 as sin\nsqrt = np.sqrt\n"
        "from dysyr.kernels.elementary32 import pow32 as power\nK0 = np.float32(1.0)\n"
    )
    for name, own in REPLACED.items():
        assert hasattr(np, name) and hasattr(elementary64, f"{own}64") and hasattr(elementary32, f"{own}32")
    with pytest.raises(InputError, match="dtype of elementary functions: 'int8'.*float64 or float32"):
        with_own_functions(text, "int8")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_system_has_the_same_values_with_these_functions(dtype):
    system = System.ode({"x": "sin(3*x) + exp(-y**2) + log(2 + cos(y))", "y": "tanh(x*y) + sinh(0.3*x)/cosh(y)"})
    plain = kernel_source(system, dtype)
    own = with_own_functions(plain, dtype)
    assert "np.sin" in plain and not re.search(r"np\.(?!float|pi)\w+$", own, re.MULTILINE)
    x = np.random.default_rng(0).normal(size=(2, 37)).astype(dtype)
    t, p, out = np.zeros(37, dtype), np.empty((0, 37), dtype), [np.empty_like(x), np.empty_like(x)]
    for text, result in zip((plain, own), out, strict=True):
        load_generated(text, "elementary_system").rhs(t, x, p, result)
    np.testing.assert_allclose(out[1], out[0], rtol=20 * np.finfo(dtype).eps, atol=10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("width", [64, 32])
def test_cuda_code_holds_one_width_only(width):
    cuda = pytest.importorskip("numba.cuda")
    pytest.importorskip("numba_cuda")
    real = getattr(numba, f"float{width}")
    module = {32: elementary32, 64: elementary64}[width]
    sine, power = getattr(module, f"sin{width}"), getattr(module, f"pow{width}")

    def kernel(x, out):
        i = cuda.grid(1)
        out[i] = power(x[i], sine(x[i]))

    text = cuda.compile(
        kernel, numba.void(real[::1], real[::1]), device=False, abi="numba", cc=(9, 0), output="ptx"
    )[0]
    assert (".f64" in text) == (width == 64)
