"""Whether CUDA kernels can run here, and an error that says what is missing where they cannot.

With the environment variable NUMBA_ENABLE_CUDASIM=1, set before the first import of numba, kernels run in
numba's simulator on the processor: slow, but with the semantics of threads, blocks and shared memory.
"""

import functools
import importlib.util

from numba.core import config

from dysyr.core.errors import InputError


def package_is_installed():
    """Whether numba-cuda is installed (numba alone brings an older copy of it, which is not used)."""
    return importlib.util.find_spec("numba_cuda") is not None


def is_simulated():
    """Whether kernels run in the simulator of this process."""
    return bool(config.ENABLE_CUDASIM)


@functools.cache
def is_available():
    """Whether kernels can run: on a device, or in the simulator."""
    if not package_is_installed():
        return False
    from numba import cuda

    return is_simulated() or cuda.is_available()


def require_package():
    """Refuse to go on without numba-cuda.

    Raises:
        InputError: it is not installed.
    """
    if not package_is_installed():
        raise InputError(
            "CUDA kernels cannot be compiled",
            got="numba-cuda is not installed",
            do="pip install 'dysyr[cuda]', or use device='cpu'",
        )


def require_device():
    """Refuse to go on where no kernel can run.

    Raises:
        InputError: numba-cuda, the driver or the device is missing.
    """
    require_package()
    if not is_available():
        raise InputError(
            "CUDA kernels cannot run",
            got="no NVIDIA driver or no device",
            expected="a device of compute capability 7.5 or more",
            do="use device='cpu', or set NUMBA_ENABLE_CUDASIM=1 to try kernels in numba's simulator",
        )


def describe_device():
    """Name, compute capability, number of multiprocessors and toolkit of the current device, for records.

    Returns:
        text.

    Raises:
        InputError: no kernel can run.
    """
    require_device()
    if is_simulated():
        return "numba's CUDA simulator"
    from numba import cuda

    device = cuda.get_current_device()
    name = device.name.decode() if isinstance(device.name, bytes) else device.name
    major, minor = device.compute_capability
    toolkit = ".".join(str(part) for part in cuda.runtime.get_version())
    return f"{name}, compute capability {major}.{minor}, {device.MULTIPROCESSOR_COUNT} multiprocessors, CUDA {toolkit}"
