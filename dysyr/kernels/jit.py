"""Compilation and its cache: the one place of dysyr that decides how a kernel is compiled and where the
result lies.

Hand-written kernels carry the decorator :func:`jit`. Generated kernels are text; :func:`load_generated`
writes that text as a module into the cache folder and imports it, because numba caches functions of files but
not of strings. No setting of numba itself is read for writing: a user's own numba code is compiled as if
dysyr were not there.
"""

import functools
import hashlib
import importlib.util
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
from numba import types

from dysyr.core.errors import DysyrError
from dysyr.kernels.cache_folder import cache_folder
from dysyr.kernels.code_cache import KernelCache

_IMPORT = re.compile(r"^\s*from dysyr\.kernels(\.[\w.]+)? import (\([^)]*\)|[^\n]*)", re.MULTILINE)

FAST = {"contract", "nsz"}
"""Fast-math flags of all kernels: fused multiply-add and unsigned zeros. NaN and infinity keep their meaning,
since divergence is detected by them, and sums keep their order, since results must not depend on the lane
blocking."""


def jit(function=None, *, fastmath=FAST, **options):
    """Compile a kernel: cached on disk, without the interpreter lock, division by zero gives infinity.

    Args:
        function: the Python function; omitted when options are given.
        fastmath: fast-math flags, see :data:`FAST`.
        **options: further options of ``numba.njit``.

    Returns:
        the compiled dispatcher, or a decorator.
    """
    if function is None:
        return functools.partial(jit, fastmath=fastmath, **options)
    return _cached(numba.njit(nogil=True, error_model="numpy", fastmath=fastmath, **options)(function))


def array_type(dtype, n_dims):
    """The numba type of a C-contiguous array, for explicit signatures."""
    return types.Array(numba.from_dtype(np.dtype(dtype)), n_dims, "C")


def first_class(dispatcher, signature):
    """Compile a kernel for one signature, so that it can be handed to other kernels as a function pointer.

    An integrator that takes the right-hand side as a pointer is compiled once for all systems, and a new
    system costs the compilation of its right-hand side only.

    Args:
        dispatcher: a kernel made by :func:`jit`.
        signature: a numba signature, e.g. ``right_hand_side(np.float64)``.

    Returns:
        the compiled function.
    """
    return _first_class(dispatcher.py_func, signature)


def right_hand_side(dtype):
    """Signature of ``rhs(t, x, p, out)``: t (lane,), x and out (dim, lane), p (parameter, lane)."""
    lanes, blocks = array_type(dtype, 1), array_type(dtype, 2)
    return types.void(lanes, blocks, blocks, blocks)


def matrix_function(dtype):
    """Signature of ``jacobian(t, x, p, out)`` and ``diffusion(t, x, p, out)``: out (dim, column, lane)."""
    lanes, blocks = array_type(dtype, 1), array_type(dtype, 2)
    return types.void(lanes, blocks, blocks, array_type(dtype, 3))


def load_generated(source, name):
    """Import generated kernel text as a module whose functions are compiled and cached across processes.

    Each top-level function of the text gets the decorator :func:`jit`. The file is named by a hash of the
    text, of the kernel modules it imports (numba's cache does not notice that a callee changed) and of the
    versions of Python, NumPy and numba. Two processes that write the same module at the same time write the
    same bytes with the same file time, so neither invalidates the other's compiled code.

    Args:
        source: text of a Python module: functions without decorators, constants, imports of kernel modules.
        name: a word for the file name, for people who look into the cache folder.

    Returns:
        the imported module.

    Raises:
        DysyrError: the cache folder cannot be written.
    """
    word = re.sub(r"\W", "_", name)
    return import_generated(_decorated(source), f"{word}_{_fingerprint(source)}")


@functools.cache
def import_generated(text, module_name):
    """Import a text as a module of a name that stands for it, from a file in the cache folder.

    Args:
        text: text of a Python module.
        module_name: its name, with a hash of everything that the compiled code depends on.

    Returns:
        the imported module.

    Raises:
        DysyrError: the cache folder cannot be written.
    """
    path = cache_folder() / f"{module_name}.py"
    if not path.exists():
        _write_once(path, text)
    spec = importlib.util.spec_from_file_location(f"dysyr_generated.{module_name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def _first_class(function, signature):
    compiled = _cached(numba.njit(nogil=True, error_model="numpy", fastmath=FAST)(function))
    compiled.compile(signature)
    compiled.disable_compile()
    return compiled


def _cached(dispatcher):
    """The dispatcher with a cache on disk."""
    function = dispatcher.py_func
    dispatcher._cache = KernelCache(function, _module_fingerprint(function.__code__.co_filename))
    return dispatcher


@functools.cache
def _module_fingerprint(path):
    return _fingerprint(Path(path).read_text(encoding="utf-8"))[:12]


def _write_once(path, text):
    """Write a file that another process sees whole or not at all, with a time that is always the same."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # numba takes a file's time for its version: the same text always bears the same time
        os.utime(temporary, (1_000_000_000, 1_000_000_000))
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise DysyrError(
            f"cannot write the generated kernel '{path}'",
            got=error.strerror,
            do="free some room or set DYSYR_CACHE_DIR",
        ) from error


def _decorated(source):
    return "from dysyr.kernels.jit import jit\n\n\n" + re.sub(r"^def ", "@jit\ndef ", source, flags=re.MULTILINE)


def _fingerprint(source):
    digest = hashlib.sha256(source.encode())
    digest.update(Path(__file__).read_bytes())
    for module in sorted(_kernel_imports(source)):
        digest.update(_kernel_text(module))
    versions = (platform.python_version(), np.__version__, numba.__version__)
    digest.update("|".join(versions).encode())
    return digest.hexdigest()[:20]


def _kernel_imports(source):
    """Names of the modules of dysyr.kernels that a text imports, directly or through one another."""
    found, waiting = set(), [source]
    while waiting:
        for package, names in _IMPORT.findall(waiting.pop()):
            listed = re.findall(r"(\w+)(?: as \w+)?", names)
            # what is imported from a package is a module, from a module it is a function: only modules are files
            modules = [package[1:], *(f"{package[1:]}.{name}" for name in listed)] if package else listed
            for module in modules:
                if module not in found and _kernel_file(module).exists():
                    found.add(module)
                    waiting.append(_kernel_text(module).decode())
    return found


def _kernel_text(module):
    return _read(_kernel_file(module))


@functools.cache
def _read(path):
    return path.read_bytes()


def _kernel_file(module):
    return Path(__file__).parent.joinpath(*module.split(".")).with_suffix(".py")
