"""Arrays on the device: checks at the border of the kernels, and sums in a fixed order."""

import numpy as np
from numba import cuda

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.compilation import configured, kernel
from dysyr.kernels.cuda.device import require_device


def on_device(name, values, shape, dtype):
    """An array on the device; an array that lies there already (also a torch tensor) is not copied.

    Args:
        name: how the caller's documentation calls it.
        values: numpy array, device array, or anything with ``__cuda_array_interface__``.
        shape: expected shape.
        dtype: expected dtype, numpy.float32 or numpy.float64.

    Returns:
        C-contiguous device array.

    Raises:
        InputError: another shape or dtype, a tensor of the processor, or strides that are not contiguous.
    """
    require_device()
    if hasattr(values, "__cuda_array_interface__") and not _is_numbas(values):
        values = cuda.as_cuda_array(values)
    if isinstance(values, np.ndarray):
        values = np.ascontiguousarray(values)
    if not hasattr(values, "shape") or not hasattr(values, "dtype"):
        raise InputError(f"{name} is not an array", got=type(values).__name__, expected=f"shape {shape}")
    if tuple(values.shape) != tuple(shape):
        raise InputError(f"{name} has another shape", got=str(tuple(values.shape)), expected=str(tuple(shape)))
    if _dtype_name(values) != np.dtype(dtype).name:
        raise InputError(f"{name} has another dtype", got=_dtype_name(values), expected=np.dtype(dtype).name)
    if isinstance(values, np.ndarray):
        return cuda.to_device(values)
    if not _is_numbas(values):
        raise InputError(
            f"{name} is no array of NumPy or of the device", got=type(values).__name__, do="pass it as a NumPy array"
        )
    if not values.is_c_contiguous():
        raise InputError(f"{name} is not contiguous", got=f"strides {values.strides}", do="copy it")
    return values


def float_dtype(name, values):
    """The dtype of an array.

    Raises:
        InputError: neither float32 nor float64.
    """
    text = _dtype_name(values)
    if text not in ("float32", "float64"):
        raise InputError(f"dtype of {name}", got=text, expected="float32 or float64")
    return np.dtype(text)


def _is_numbas(values):
    """Whether an array on the device is of numba's own type; ``cuda.is_cuda_array`` is true of any other's too."""
    return getattr(values, "__cuda_ndarray__", False)


def _dtype_name(values):
    """As NumPy calls it, also that of a torch tensor; the type's name where there is no dtype."""
    return str(getattr(values, "dtype", type(values).__name__)).removeprefix("torch.")


@kernel
def sum_over_first(partial, total):
    """total[j] = sum_k partial[k, j], in the order of k: the same bits in each run."""
    j = cuda.grid(1)
    if j < total.shape[0]:
        value = partial[0, j]
        for k in range(1, partial.shape[0]):
            value += partial[k, j]
        total[j] = value


def summed(partial):
    """Sum of a device array over its first axis, as a new device array."""
    shape = partial.shape[1:]
    flat = partial.reshape(partial.shape[0], int(np.prod(shape)))
    total = cuda.device_array(flat.shape[1], partial.dtype)
    threads = 64
    configured(sum_over_first, -(-flat.shape[1] // threads), threads)(flat, total)
    return total.reshape(*shape)
