"""Kernels compiled to PTX, which needs no device: types are sound, float32 stays float32, nothing spills."""

import functools
import importlib.util
import re
import shutil
import subprocess

import numpy as np
import pytest

if importlib.util.find_spec("numba_cuda") is None:
    pytest.skip("numba-cuda is not installed: pip install 'dysyr[cuda]'", allow_module_level=True)

from numba import types

from dysyr.core.catalogue import catalogue_system
from dysyr.core.codegen import kernel_source
from dysyr.core.codegen_device import device_source
from dysyr.core.errors import InputError
from dysyr.core.system import System
from dysyr.kernels import tableau
from dysyr.kernels.cuda import device
from dysyr.kernels.cuda.adaptive_source import adaptive_source
from dysyr.kernels.cuda.affine_scan import affine_scan_kernels, blocking_for
from dysyr.kernels.cuda.compilation import load_device_module, ptx_of
from dysyr.kernels.cuda.device_arrays import sum_over_first
from dysyr.kernels.cuda.duality_kernels import duality_kernels, step_kernels
from dysyr.kernels.cuda.fixed_step_source import map_source, runge_kutta_source
from dysyr.kernels.cuda.linear_scan import linear_scan_kernels
from dysyr.kernels.cuda.peak import multiply_add
from dysyr.kernels.cuda.scalar_source import scalar_system
from dysyr.kernels.cuda.selective_scan import selective_scan_kernels
from dysyr.kernels.cuda.shallow_plrnn import shallow_plrnn_kernels
from dysyr.kernels.cuda.stochastic_source import stochastic_source
from dysyr.kernels.fused_source import fused_source
from dysyr.kernels.tableau_dop853 import DOP853

DTYPES = ["float32", "float64"]
INTEGER = types.int64


def arrays(dtype, *n_dims):
    return [types.Array(getattr(types, dtype), n, "C") for n in n_dims]


def integers(n_dims):
    return types.Array(INTEGER, n_dims, "C")


def fixed_signature(dtype, *further):
    times, blocks, cube = arrays(dtype, 1, 2, 3)
    counts = [INTEGER] * 4
    return types.void(times, times, *counts, blocks, blocks, types.boolean, cube, integers(1), *further)


def adaptive_signature(dtype):
    lanes, blocks, cube = arrays(dtype, 1, 2, 3)
    real = getattr(types, dtype)
    return types.void(
        lanes, lanes, lanes, real, real, INTEGER, blocks, blocks, types.boolean, lanes, lanes, lanes, lanes,
        integers(1), integers(1), integers(2), cube,
    )  # fmt: skip


@functools.cache
def generated(name, text, signature):
    return ptx_of(load_device_module(text, name).integrate, signature)


def scalar(name, dtype):
    return scalar_system(device_source(catalogue_system(name), dtype), dtype)


def check_width(ptx, dtype):
    assert ".entry" in ptx
    assert (".f64" in ptx) == (dtype == "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name, method", [("lorenz63", tableau.RK4), ("lorenz63", tableau.TSIT5), ("lorenz63", DOP853),
                     ("lorenz96", tableau.RK4)],
    ids=lambda value: getattr(value, "name", value),
)  # fmt: skip
def test_fixed_step_integrators(name, method, dtype):
    ptx = generated(name, runge_kutta_source(scalar(name, dtype), method), fixed_signature(dtype))
    check_width(ptx, dtype)
    assert "fma.rn" in ptx


@pytest.mark.parametrize("method, dtype", [(tableau.TSIT5, "float64"), (tableau.TSIT5, "float32"), (DOP853, "float32")])
def test_adaptive_integrators(method, dtype):
    text = adaptive_source(scalar("lorenz63", dtype), method)
    check_width(generated("lorenz63", text, adaptive_signature(dtype)), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_maps(dtype):
    check_width(generated("henon", map_source(scalar("henon", dtype)), fixed_signature(dtype)), dtype)


@pytest.mark.parametrize(
    "method, dtype",
    [(method, "float32") for method in ("euler_maruyama", "milstein", "sri", "heun")] + [("sri", "float64")],
)
def test_stochastic_integrators_multiply_words_of_32_bits(method, dtype):
    text = stochastic_source(scalar("stochastic_lotka_volterra", dtype), method)
    ptx = generated("stochastic_lotka_volterra", text, fixed_signature(dtype, *[INTEGER] * 4))
    check_width(ptx, dtype)
    assert ptx.count("mul.hi.u32") >= 15, "ten rounds of two, less those of a counter that is zero"


@pytest.mark.parametrize("dtype", DTYPES)
def test_elementary_functions_compile(dtype):
    """All functions of the language; float32 needs float64 only for sin, cos and tan of huge arguments."""
    names = ["exp", "log", "log10", "sqrt", "tanh", "sinh", "cosh", "asin", "acos", "atan", "abs", "sign", "floor"]
    terms = [f"{name}(0.1*x)" for name in names] + ["atan2(x, 2)", "sigmoid(x)", "abs(x)**0.7", "max(x, 1)"]
    for equation, wide in ((" + ".join(terms), False), ("sin(x) + cos(x) + tan(x)", True)):
        system = System.ode({"x": equation})
        text = map_source(scalar_system(device_source(system, dtype), dtype))
        ptx = generated("elementary", text, fixed_signature(dtype))
        check_width(ptx, "float64" if wide else dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scans(dtype):
    flat, blocks, cube, states = arrays(dtype, 1, 2, 3, 4)
    linear = linear_scan_kernels(dtype)
    forward, backward = [cube, cube, blocks, cube], [cube, cube, blocks, cube, cube, cube, blocks]
    inputs = [cube, cube, blocks, cube, cube, flat, flat, cube, cube]
    selective = selective_scan_kernels(dtype, 16)
    for kernel, arguments in [
        (linear.forward, forward), (linear.backward, backward), (selective.forward, [*inputs, cube, cube, states]),
        (selective.backward, [*inputs, states, *[cube] * 5, states, states, cube, blocks, blocks, cube]),
        (sum_over_first, [blocks, flat]), (multiply_add, [flat, INTEGER, flat]),
    ]:  # fmt: skip
        check_width(ptx_of(kernel, types.void(*arguments)), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_affine_scan(dtype):
    blocks, cube, matrices = arrays(dtype, 2, 3, 4)
    forward, backward = affine_scan_kernels(dtype, 20, blocking_for(20, dtype))
    check_width(ptx_of(forward, types.void(matrices, cube, blocks, cube)), dtype)
    check_width(ptx_of(backward, types.void(matrices, cube, blocks, cube, matrices, cube, blocks)), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_state_space_duality(dtype):
    flat, blocks, steps, heads, states = arrays(dtype, 1, 2, 3, 4, 5)
    inputs, narrow = [heads, steps, steps], [heads, heads]
    kernels = duality_kernels(dtype, 12, 7, True)
    for kernel, arguments in [
        (step_kernels(dtype, True), [flat] * 6),
        (kernels.forward, [*inputs, *narrow, flat, heads, heads, heads, heads, states]),
        (kernels.backward, [*inputs, steps, flat, *narrow, flat, heads, states, *[heads] * 3, steps, heads, heads,
                            blocks, blocks, blocks, heads]),
        (kernels.columns_forward, [*inputs, heads, heads, heads, states]),
        (kernels.columns_backward, [*inputs, heads, heads, heads, states]),
    ]:  # fmt: skip
        check_width(ptx_of(kernel, types.void(*arguments)), dtype)


def plrnn_ptx(dtype, sizes, clipped=False):
    flat, blocks, cube = arrays(dtype, 1, 2, 3)
    update, weigh = shallow_plrnn_kernels(dtype, *sizes, clipped)
    check_width(ptx_of(weigh, types.void(cube, INTEGER, flat)), dtype)
    return ptx_of(update, types.void(blocks, *[cube] * 5, blocks, flat, cube, cube, cube, blocks, cube))


@pytest.mark.parametrize("dtype", DTYPES)
def test_shallow_plrnn(dtype):
    check_width(plrnn_ptx(dtype, (5, 37, 3, 2), clipped=True), dtype)


@pytest.fixture
def resources(tmp_path):
    """Function of PTX: (registers, bytes of spilled stores) as ptxas reports them."""
    ptxas = shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")
    if ptxas is None:
        pytest.skip("ptxas is not installed (it comes with the CUDA toolkit)")

    def of(ptx):
        path = tmp_path / "kernel.ptx"
        report = assemble(ptxas, ptx, path)
        newest = re.search(r"current version is '([\d.]+)'", report)
        if newest:
            report = assemble(ptxas, re.sub(r"\.version [\d.]+", f".version {newest[1]}", ptx), path)
        assert "Used" in report, report
        registers, spilled = re.search(r"Used (\d+) registers", report), re.search(r"(\d+) bytes spill stores", report)
        return int(registers[1]), int(spilled[1])

    return of


def assemble(ptxas, ptx, path):
    path.write_text(ptx)
    command = [ptxas, "-arch=sm_90", "-v", str(path), "-o", str(path.with_suffix(".cubin"))]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("dtype, most", [("float32", 40), ("float64", 72)])
@pytest.mark.parametrize("method", [tableau.RK4, tableau.TSIT5, DOP853], ids=lambda method: method.name)
def test_lorenz63_stays_in_registers(method, dtype, most, resources):
    ptx = generated("lorenz63", runge_kutta_source(scalar("lorenz63", dtype), method), fixed_signature(dtype))
    registers, spilled = resources(ptx)
    assert registers <= most and spilled == 0


def test_weights_of_a_plrnn_stay_in_registers(resources):
    """512 threads may have 128 registers each; a block that needs more could not be launched."""
    for sizes, most_spilled in (((20, 200, 20, 0), 0), ((30, 512, 30, 0), 256)):
        registers, spilled = resources(plrnn_ptx("float32", sizes))
        threads = 32 * -(-sizes[1] // 32)
        assert registers * threads <= 65_536 and spilled <= most_spilled


def test_the_device_integrates_the_text_of_the_processor():
    """The straight-line code of the right-hand side is the same, name by name."""
    source = kernel_source(catalogue_system("lorenz63"), "float32")
    processor = fused_source(source, tableau.RK4, "float32")
    drift = scalar_system(source, "float32").drift
    lines = [line for line in drift.split("\n") if re.match(r"    f_\d = ", line)]
    assert len(lines) == 3
    for line in lines:
        assert re.sub(r"\bf_(\d) =", r"f\1 =", line) in processor


def test_without_a_device_the_error_says_so(monkeypatch):
    monkeypatch.setattr(device, "is_available", lambda: False)
    with pytest.raises(InputError, match="no NVIDIA driver or no device.*use device='cpu'"):
        device.require_device()


def test_without_the_package_the_error_says_so(monkeypatch):
    monkeypatch.setattr(device, "package_is_installed", lambda: False)
    with pytest.raises(InputError, match=r"numba-cuda is not installed: pip install 'dysyr\[cuda\]'"):
        device.require_device()


def test_a_large_noise_matrix_is_refused():
    n = 13
    system = System.sde(
        {f"x{k}": f"-x{k}" for k in range(n)}, diffusion={f"x{k}": ["0.1", "x0"] for k in range(n)},
        interpretation="stratonovich",
    )  # fmt: skip
    with pytest.raises(InputError, match="13 variables and 2 noises; at most 12 variables"):
        scalar_system(device_source(system, "float64"), "float64")


def test_constants_have_the_type_of_the_kernel():
    text = runge_kutta_source(scalar("lorenz63", "float32"), tableau.TSIT5)
    module = load_device_module(text, "lorenz63")
    assert all(type(module.__dict__[name]) is np.float32 for name in ("A1_0", "B_0", "C1", "INFINITE"))
