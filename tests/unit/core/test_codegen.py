import numba
import numpy as np
import pytest
from generated_code import GeneratedCode, relative_error

from dysyr.core.codegen import UNROLLED, kernel_source
from dysyr.core.codegen_torch import torch_source
from dysyr.core.errors import InputError
from dysyr.core.system import System

BOUNDARIES = ("periodic", "reflecting", "fixed")


def ring(n, boundary):
    """Two coupled fields with neighbours up to two sites away, the index, parameters and an intermediate."""
    return System.ode(
        {
            "x[i]": "(x[i+1] - x[i-2])*x[i-1] - q[i+1] + F + 0.01*i*y[i]",
            "y[i]": "sin(x[i+2]) - y[i]**3 + i % 2",
        },
        let={"q": "x[i]*y[i-1]*cos(i)"},
        parameters={"F": 8.0},
        index={"i": n},
        boundary=boundary,
        boundary_values={"x": ["F/4", 2], "y": 0.5},
    )


def sheet(n, m, boundary):
    return System.ode(
        {
            "x[i,j]": "(x[i+1,j] - x[i-1,j-1])*x[i,j+2] - x[i,j]*y[i,j] + F + 0.01*i*y[i-1,j] - j",
            "y[i,j]": "sin(x[i+1,j+1]) - y[i,j]**3",
        },
        parameters={"F": 8.0},
        index={"i": n, "j": m},
        boundary=boundary,
        boundary_values={"x": ["F", 2], "y": 0.5},
    )


NOISY = System.sde(
    {
        "x": "-x**3 - x**p + where(y > 0 and not x < 1, sin(y)**2, -abs(y))",
        "y": "-(x - y)*(x - (y - t)) - (-x)**2",
    },
    diffusion={"x": "0.3*x", "y": "s"},
    interpretation="ito",
    parameters={"p": 2.0, "s": 0.1},
)
CORRELATED = System.sde(
    {"x": "-x", "y": "y"},
    diffusion={"x": ["0.3*x", "x*y"], "y": ["s", "y*sin(x)"]},
    interpretation="stratonovich",
    parameters={"s": 0.1},
)
NOISY_RING = System.sde(
    {"x[i]": "x[i+1] - x[i]"},
    diffusion={"x[i]": "x[i]*x[i+2]"},
    interpretation="ito",
    index={"i": UNROLLED + 2},
    boundary="reflecting",
)


def check(system, rng, tolerance=1e-12, **how):
    code = GeneratedCode(system, **how)
    x, v, t = rng.normal(size=(3, system.dim)), rng.normal(size=(3, system.dim)), rng.normal(size=3)
    jacobian = system.jacobian(x, t)
    assert relative_error(code("rhs", x, t), system.vector_field(x, t)) < tolerance
    assert relative_error(code("jacobian", x, t), jacobian) < tolerance
    assert relative_error(code("jvp", x, t, v), np.einsum("ljk,lk->lj", jacobian, v)) < tolerance
    assert relative_error(code("divergence", x, t), np.trace(jacobian, axis1=1, axis2=2)) < tolerance
    return code


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("n", [3, UNROLLED // 2, UNROLLED // 2 + 1, 20])
def test_lattices_unrolled_and_looped(n, boundary, rng):
    check(ring(n, boundary), rng)


@pytest.mark.parametrize(
    "boundary", [*BOUNDARIES, {"i": "fixed", "j": "reflecting"}, {"i": "reflecting", "j": "fixed"}]
)
@pytest.mark.parametrize("shape", [(2, 3), (4, 5)])
def test_lattices_with_two_indices(shape, boundary, rng):
    check(sheet(*shape, boundary), rng)


def test_unrolled_and_looped_code_agree(rng, monkeypatch):
    system = ring(6, "fixed")
    x, t = rng.normal(size=(3, 12)), np.zeros(3)
    unrolled = GeneratedCode(system)
    monkeypatch.setattr("dysyr.core.codegen.UNROLLED", 0)
    looped = GeneratedCode(system)
    for name in ("rhs", "jacobian", "divergence"):
        assert relative_error(unrolled(name, x, t), looped(name, x, t)) < 1e-14


@pytest.mark.parametrize("system", [NOISY, CORRELATED, NOISY_RING], ids=["diagonal", "matrix", "lattice"])
def test_noise(system, rng):
    code = check(system, rng)
    x, t, h = rng.normal(size=(3, system.dim)), np.zeros(3), 1e-5
    g = system.diffusion(x, t)
    assert relative_error(code("diffusion", x, t), g) < 1e-14
    drift = np.zeros_like(x)
    for k in range(system.n_noise):
        column = g[:, :, k]
        ahead, behind = (system.diffusion(x + s * h * column, t)[:, :, k] for s in (1, -1))
        drift += 0.5 * (ahead - behind) / (2 * h)
    assert relative_error(code("noise_drift", x, t), drift) < 1e-8


def test_constants_of_a_module_describe_the_noise():
    kinds = {NOISY: "diagonal", CORRELATED: "general", NOISY_RING: "general"}
    for system, kind in kinds.items():
        constants = GeneratedCode(system).constants
        assert constants["NOISE_KIND"] == system.noise_kind == kind
        assert constants["DIFFUSION_IS_DIAGONAL"] == (system is not CORRELATED)
        assert (constants["N_DIM"], constants["N_NOISE"]) == (system.dim, system.n_noise)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_compiled_code_equals_its_twin(dtype, rng):
    tolerance = {"float64": 1e-12, "float32": 2e-5}[dtype]
    check(NOISY, rng, tolerance, dtype=dtype, decorate=numba.njit(error_model="numpy"))
    check(ring(9, "fixed"), rng, tolerance, dtype=dtype, decorate=numba.njit(error_model="numpy"))


def test_a_float32_kernel_computes_nothing_in_float64():
    array, lanes = numba.float32[:, ::1], numba.float32[::1]
    every = System.ode(
        {
            "x": "tanh(x) + sech(x) + sigmoid(x) + abs(x)*sign(y) + floor(x) + sqrt(y) + log(y) + 0.1",
            "y": "min(x, y) + x % 2 + x**p + x**5 - x**-2 + where(x > 1 and not y > 2, 1/x, t)",
        },
        parameters={"p": 2.5},
    )
    for system in (every, NOISY, ring(9, "fixed")):
        names = {}
        exec(compile(kernel_source(system, "float32"), "generated", "exec"), names)
        for name in ("rhs", "jvp"):
            arguments = (lanes, array, array, array) + ((array,) if name == "jvp" else ())
            compiled = numba.njit(arguments, error_model="numpy")(names[name])
            code = "".join(compiled.inspect_llvm().values())
            assert "double" not in code, [line for line in code.splitlines() if "double" in line][:5]


def test_names_of_the_user_clash_with_nothing(rng):
    names = [
        "x",
        "p",
        "out",
        "v",
        "i",
        "np",
        "c0",
        "c1",
        "K0",
        "s_x",
        "p_p",
        "t_i",
        "lambda_",
        "range",
        "N_DIM",
        "rhs",
    ]
    equations = {name: f"sin({name})*{names[k - 1]} - e*abs + {name}**2" for k, name in enumerate(names)}
    system = System.ode(
        {name: text.replace("abs", "q") for name, text in equations.items()},
        parameters={"e": 2.0, "float": 1.0},
        let={"q": "x*i"},
    )
    check(system, rng)


def test_small_powers_are_products():
    text = kernel_source(System.ode({"x": "x**5 - x**-2"}))
    assert "**" not in text and "s_x*s_x" in text


def test_a_shared_expression_is_computed_once():
    text = kernel_source(System.ode({"x": "exp(x*y)*x", "y": "exp(x*y)*y"}))
    rhs = text[text.index("def rhs") : text.index("def jvp")]
    assert rhs.count("exp(") == 1


def test_other_dtypes_are_refused():
    with pytest.raises(InputError, match="float64 or float32"):
        kernel_source(NOISY, "float16")


@pytest.mark.parametrize(
    "system", [NOISY, ring(4, "fixed"), sheet(3, 4, "reflecting")], ids=["where", "ring", "sheet"]
)
def test_torch_function(system, rng):
    import torch

    names = {}
    exec(compile(torch_source(system), "generated", "exec"), names)
    x, t = rng.normal(size=(2, 3, system.dim)), rng.normal(size=(2, 3))
    p = list(system.parameters.values())
    value = names["rhs"](torch.tensor(t), torch.tensor(x), p)
    assert relative_error(value.numpy(), system.vector_field(x, t)) < 1e-13
    single = names["rhs"](0.0, torch.tensor(x, dtype=torch.float32), p)
    assert single.dtype == torch.float32
    many = torch.tensor(p, dtype=torch.float64).expand(3, len(p))
    assert torch.equal(names["rhs"](0.5, torch.tensor(x), many), names["rhs"](0.5, torch.tensor(x), p))
