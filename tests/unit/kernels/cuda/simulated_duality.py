"""State-space duality of the device against its twin in torch: run by test_kernels_run.py."""

import numpy as np
import pytest
import torch

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.duality_kernels import checkpoint_for
from dysyr.kernels.cuda.state_space_duality import MOST_DIMS, MOST_STATES, ssd, ssd_backward
from dysyr.kernels.scans import state_space_duality_reference

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
NAMES = ("x", "dt", "A", "B", "C", "D", "z", "dt_bias", "h0")
PLAIN = ("D", "z", "dt_bias", "h0")
LONG = 2 * checkpoint_for(3, 2, "float64") + 3


def case(rng, shape, n_states, groups=(), dtype="float64", without=()):
    """Inputs by name, None for those in ``without``, and derivatives of the loss by y and by the last state."""
    n_batch, n_times, n_heads, n_dims = shape
    narrow, state = (n_batch, n_times, *groups, n_states), (n_batch, n_heads, n_dims, n_states)
    inputs = {
        "x": rng.normal(size=shape), "dt": rng.normal(size=shape[:3]), "A": -rng.uniform(0.2, 2, n_heads),
        "B": rng.normal(size=narrow), "C": rng.normal(size=narrow), "D": rng.normal(size=n_heads),
        "z": rng.normal(size=shape), "dt_bias": rng.normal(size=n_heads), "h0": rng.normal(size=state),
    }  # fmt: skip
    inputs["dt"][0, 0, 0] = 25.0
    inputs = {name: None if name in without else value.astype(dtype) for name, value in inputs.items()}
    return inputs, rng.normal(size=shape).astype(dtype), rng.normal(size=state).astype(dtype)


def twin(inputs, softplus, d_y, d_last):
    """y, last state and the gradients by the reference and torch's derivatives, in float64."""
    wide = {
        name: None if value is None else torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in inputs.items()
    }
    y, last = state_space_duality_reference.ssd(**wide, dt_softplus=softplus)
    torch.autograd.backward([y, last], [torch.tensor(slope, dtype=torch.float64) for slope in (d_y, d_last)])
    gradients = [None if wide[name] is None else wide[name].grad for name in NAMES]
    return [None if tensor is None else tensor.detach().numpy() for tensor in (y, last, *gradients)]


def results_of(inputs, softplus, d_y, d_last):
    y, last, checkpoints = ssd(**inputs, dt_softplus=softplus)
    gradients = ssd_backward(**inputs, dt_softplus=softplus, checkpoints=checkpoints, d_y=d_y, d_last=d_last)
    assert gradients._fields == NAMES
    return [None if array is None else array.copy_to_host() for array in (y, last, *gradients)]


def check(inputs, softplus, d_y, d_last):
    expected = twin(inputs, softplus, d_y, d_last)
    for name, got, there in zip(
        ("y", "last", *NAMES), results_of(inputs, softplus, d_y, d_last), expected, strict=True
    ):  # fmt: skip
        if there is None:
            assert got is None, name
            continue
        assert got.dtype == d_y.dtype and got.shape == there.shape, name
        bound = TOLERANCE[got.dtype.name] * np.abs(there).max()
        np.testing.assert_allclose(got, there, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "shape, n_states, groups", [((1, 1, 1, 1), 1, ()), ((2, LONG, 1, 3), 2, ()), ((1, 2, 4, 2), 3, (2,))]
)
def test_outputs_and_gradients_equal_the_twin(shape, n_states, groups, dtype, rng):
    inputs, *slopes = case(rng, shape, n_states, groups, dtype)
    check(inputs, True, *slopes)


@pytest.mark.parametrize("without", [("D", "h0"), ("z", "dt_bias"), PLAIN], ids=" ".join)
def test_what_is_not_given_is_not_there(without, rng):
    """Step sizes as they are, of both signs, for so few steps that nothing grows."""
    inputs, *slopes = case(rng, (1, 3, 1, 2), 1, (1,), without=without)
    inputs["dt"][0, 0, 0] = 0.5
    check(inputs, False, *slopes)


def test_the_last_state_goes_on(rng):
    """Two halves, the second from the last state of the first, are the whole, bit by bit."""
    inputs, *_ = case(rng, (1, 4, 1, 2), 3, dtype="float32", without=("D",))
    whole, last, _ = ssd(**inputs, dt_softplus=True)
    halves, state = [], inputs["h0"]
    for times in (slice(0, 2), slice(2, 4)):
        half = {name: inputs[name][:, times] for name in ("x", "dt", "B", "C", "z")}
        y, state, _ = ssd(**inputs | half | {"h0": state}, dt_softplus=True)
        halves.append(y.copy_to_host())
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), whole.copy_to_host())
    np.testing.assert_array_equal(state.copy_to_host(), last.copy_to_host())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_staged_of_each_size_fits_a_block(dtype):
    for n_dims in (1, 64, 100, MOST_DIMS):
        for n_states in (1, 64, MOST_STATES):
            reals = 2 * checkpoint_for(n_dims, n_states, dtype) * (n_dims + n_states)
            assert reals * np.dtype(dtype).itemsize <= 48 * 1024


def bad(**changed):
    """A call with some inputs replaced."""
    inputs = {
        "x": np.ones((1, 2, 3, 2)), "dt": np.ones((1, 2, 3)), "A": np.ones(3), "B": np.ones((1, 2, 4)),
        "C": np.ones((1, 2, 4)),
    }  # fmt: skip
    return lambda: ssd(**inputs | changed)


@pytest.mark.parametrize(
    "call, match",
    [
        (bad(x=np.ones((1, 2, 3))), r"shape of x: \(1, 2, 3\); \(batch, time, head, dim\)"),
        (bad(x=np.ones((1, 0, 3, 2))), r"shape of x: \(1, 0, 3, 2\)"),
        (bad(x=np.ones((1, 2, 3, 2), int)), "dtype of x: int64; float32 or float64"),
        (bad(dt=np.ones((1, 2, 4))), r"dt has another shape: \(1, 2, 4\); \(1, 2, 3\)"),
        (bad(A=np.ones(3, "float32")), "A has another dtype: float32; float64"),
        (bad(A=None), "A is not an array: NoneType"),
        (bad(B=[1.0]), "dtype of B: list"),
        (bad(B=np.ones((1, 2))), r"shape of B: \(1, 2\); \(batch, time, state\) or \(batch, time, group, state\)"),
        (bad(B=np.ones((1, 2, 2, 4))), "heads do not divide into groups: 3 heads, 2 groups in B and C"),
        (bad(C=np.ones((1, 2, 1, 4))), r"C has another shape: \(1, 2, 1, 4\); \(1, 2, 4\)"),
        (bad(B=np.ones((1, 2, 129))), "number of states: 129; at most 128"),
        (bad(x=np.ones((1, 2, 3, 257))), "dims of a head: 257; at most 256"),
        (bad(h0=np.ones((1, 3, 4, 2))), r"h0 has another shape: \(1, 3, 4, 2\); \(1, 3, 2, 4\)"),
        (bad(z=torch.ones(1, 2, 3, 2).double()), "z is no array of NumPy or of the device: Tensor"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()


def test_checkpoints_of_another_length_are_refused(rng):
    inputs, d_y, d_last = case(rng, (1, 2, 1, 2), 3)
    arguments = inputs | {"dt_softplus": True, "d_y": d_y, "d_last": d_last}
    with pytest.raises(InputError, match=r"checkpoints has another shape: \(1, 2, 1, 3, 2\); \(1, 1, 1, 3, 2\)"):
        ssd_backward(**arguments, checkpoints=np.zeros((1, 2, 1, 3, 2)))
