"""Compilation for CUDA: the one place that decides how device code is compiled and where generated text lies.

Device functions are inlined before code is generated, which also lets a kernel be compiled to PTX where there
is no device. Fused multiply-add is on and no other fast-math flag, as on the processor.
"""

import functools
import hashlib
import platform
import re
import warnings
from pathlib import Path

import numba
import numba_cuda
import numpy as np
from numba import cuda

from dysyr.kernels.cuda.device import is_simulated
from dysyr.kernels.jit import import_generated

PTX_TARGET = (9, 0)
"""Compute capability for which kernels are compiled where there is no device."""



def kernel(function=None, *, threads=None):
    """Make a kernel, cached on disk; it may call device functions of its own module only, since the cache does
    not notice that a callee elsewhere changed (:func:`load_device_module` does).

    Args:
        function: the Python function; omitted when options are given.
        threads: most threads of a block with which it is launched. A kernel of many registers needs it, as the
            registers of all threads of a block must be there at once.

    Returns:
        the kernel, or a decorator.
    """
    if function is None:
        return functools.partial(kernel, threads=threads)
    if is_simulated():
        return cuda.jit(function)
    return cuda.jit(cache=True, launch_bounds=threads)(function)


def configured(compiled, blocks, threads):
    """The kernel, to be called with its arguments on a grid; numba's warning that a small grid leaves a card
    idle is not for the user of a small ensemble."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*under-utilization.*")
        return compiled[blocks, threads]


def device_function(function):
    """Make a device function, inlined where it is called."""
    return cuda.jit(device=True, inline="always")(function)


def load_device_module(source, name):
    """Import generated device code as a module in the cache folder.

    The file is named by a hash of the text, of all kernel modules (device code takes scalar functions of the
    processor's) and of the versions of the compilers, so that a change of any of them compiles anew.

    Args:
        source: text of a Python module with its decorators.
        name: a word for the file name.

    Returns:
        the imported module.

    Raises:
        DysyrError: the cache folder cannot be written.
    """
    module_name = f"{re.sub(r'[^0-9A-Za-z_]', '_', name)}_cuda_{_fingerprint(source)}"
    return import_generated(source, module_name)


def ptx_of(function, signature):
    """PTX text of a kernel for PTX_TARGET; needs no device.

    Args:
        function: a kernel made by :func:`kernel`.
        signature: numba signature, returning void.

    Returns:
        text.
    """
    bounds = function.targetoptions.get("launch_bounds")
    return cuda.compile(
        function.py_func, signature, device=False, abi="numba", cc=PTX_TARGET, output="ptx", launch_bounds=bounds
    )[0]


def _fingerprint(source):
    digest = hashlib.sha256(source.encode())
    folder = Path(__file__).parent
    for path in (*sorted(folder.glob("*.py")), *sorted(folder.parent.glob("*.py"))):
        digest.update(path.read_bytes())
    versions = (platform.python_version(), np.__version__, numba.__version__, numba_cuda.__version__)
    digest.update("|".join(versions).encode())
    return digest.hexdigest()[:20]
