"""What the scans accept: tensors of one floating dtype on one device, in the shapes of their equations.

This is the one place that decides which device runs which method.
"""

import numbers

import torch

from dysyr.core.errors import DysyrError, InputError

DTYPES = (torch.float32, torch.float64)


def check_method(operation, method, known):
    """Refuse a method that does not exist; no other one is taken instead.

    Args:
        operation: name of the function, for the message.
        method: what the caller asked for.
        known: tuple of names.
    """
    if method not in known:
        raise InputError(
            f"{operation} has no such method", got=f"method={method!r}", expected=f"one of {', '.join(known)}"
        )


def check_tensors(operation, **tensors):
    """Refuse what is not a tensor of float32 or float64 on the CPU, or not all of one dtype.

    Args:
        operation: name of the function, for the message.
        **tensors: its arguments by name; None stands for one that was not given.
    """
    given = {name: value for name, value in tensors.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, torch.Tensor):
            raise InputError(f"{operation} computes on torch tensors", got=f"{name} is a {type(value).__name__}")
        if value.device.type != "cpu":
            raise InputError(
                f"{operation} has kernels for the CPU only",
                got=f"{name} is on '{value.device}'",
                do="move the tensors with .cpu()",
            )
        if value.layout is not torch.strided:
            raise InputError(f"{operation} needs dense tensors", got=f"{name} is {value.layout}")
        if value.dtype not in DTYPES:
            raise InputError(
                f"{operation} computes in float32 or float64", got=f"{name} is {value.dtype}", do="convert it"
            )
    dtypes = {name: value.dtype for name, value in given.items()}
    if len(set(dtypes.values())) > 1:
        listed = ", ".join(f"{name} {dtype}" for name, dtype in dtypes.items())
        raise InputError(f"{operation} needs one dtype for all tensors", got=listed, do="convert the odd ones")


def check_shape(operation, name, tensor, shape, meaning):
    """Refuse a tensor, if there is one, of another shape.

    Args:
        operation: name of the function, for the message.
        name: name of the argument.
        tensor: tensor or None.
        shape: tuple of numbers.
        meaning: what the axes are, e.g. "(batch, time, state)".
    """
    if tensor is not None and tuple(tensor.shape) != tuple(shape):
        raise InputError(
            f"{operation}: {name} has the wrong shape",
            got=f"{tuple(tensor.shape)}",
            expected=f"{tuple(shape)} = {meaning} is needed",
        )


def check_count(operation, name, value):
    """Refuse what is not a whole number of at least 1."""
    if not isinstance(value, numbers.Integral) or value < 1:
        raise InputError(f"{operation}: {name} is no count", got=f"{name}={value!r}", expected="at least 1 is needed")


def check_axes(operation, name, tensor, n_axes, meaning, *, n_more=0):
    """Refuse a tensor with another number of axes than ``n_axes``, up to ``n_axes + n_more``, or without times."""
    if not n_axes <= tensor.ndim <= n_axes + n_more or tensor.numel() == 0:
        raise InputError(
            f"{operation}: {name} has the wrong shape",
            got=f"{tuple(tensor.shape)}",
            expected=f"{meaning} is needed, each at least 1",
        )


def refuse_second_derivatives(operation):
    """Raise within a backward pass whose own graph is asked for; without a word that graph would lack terms."""
    if torch.is_grad_enabled():
        raise DysyrError(
            f"{operation} has first derivatives only",
            got="create_graph=True",
            do="leave it out, or take the reference twin",
        )
