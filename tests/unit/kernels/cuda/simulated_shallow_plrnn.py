"""The shallow PLRNN's update on a device against its reference twin: run by test_kernels_run.py."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dysyr.core.errors import InputError
from dysyr.kernels import shallow_plrnn_reference as reference
from dysyr.kernels.cuda.shallow_plrnn import flat_size, loss_and_gradient, threads_of

CASES = [
    # M, H, N, K, windows, steps, models, clipped, missing
    (3, 5, 3, 0, 2, 4, 2, False, 0.0),
    (4, 7, 2, 2, 3, 3, 1, True, 0.3),
    (5, 3, 3, 1, 1, 1, 2, False, 0.0),
    (3, 40, 1, 0, 1, 2, 1, True, 0.0),
    (33, 2, 33, 0, 1, 1, 1, False, 0.0),
]


def batch(case, dtype):
    M, H, N, K, n_windows, n_steps, n_models, _, missing = case
    rng = np.random.default_rng(1)
    flat = 0.3 * rng.normal(size=(n_models, flat_size(M, H, N, K)))
    x = rng.normal(size=(n_models, n_windows, n_steps + 1, N))
    known = (rng.random(x.shape) >= missing).astype(float)
    known[:, 0, n_steps // 2] = 0 if missing else 1
    weight = known.copy()
    weight[:, :, 1 : n_steps - 1] = 0
    weight[:, :, -1] = np.maximum(weight[:, :, -1], x.shape[1] == 1)
    seen = known * (x + 0.1 * rng.normal(size=x.shape))
    u = rng.normal(size=(n_models, n_windows, n_steps + 1, K))
    strength = 0.5 * rng.random((n_models, n_steps))
    return [array.astype(dtype) for array in (flat, known * x, seen, known, weight, u, strength)]


def twin(case, model, flat, x, seen, known, weight, u, strength):
    """Loss and gradient of one model by autograd, in float64."""
    M, H, N, K, *_, clipped, _ = case
    values = [torch.tensor(array[model].astype(float)) for array in (x, seen, known, weight)]
    leaf = torch.tensor(flat[model].astype(float), requires_grad=True)
    sizes = {"A": (M,), "W1": (M, H), "W2": (H, M), "h1": (M,), "h2": (H,), "C": (M, K), "L": (M - N, N)}
    parts, at = {}, 0
    for name, shape in sizes.items():
        size = int(np.prod(shape))
        parts[name] = leaf[at : at + size].reshape(shape)
        at += size
    assert at == flat_size(M, H, N, K)
    p = SimpleNamespace(**parts)
    inputs = torch.tensor(u[model].astype(float)) if K else None
    loss = reference.loss(
        p, *values, inputs, torch.tensor(strength[model].astype(float)), clipped=clipped, affine=False
    )
    loss.backward()
    return loss.item(), leaf.grad.numpy()


@pytest.mark.parametrize(
    "case, dtype, tolerance",
    [*((case, "float64", 1e-10) for case in CASES), *((case, "float32", 1e-5) for case in CASES[:2])],
)
def test_loss_and_gradient_equal_the_reference(case, dtype, tolerance):
    M, H, N, K, *_, clipped, _ = case
    arrays = batch(case, dtype)
    flat, x, seen, known, weight, u, strength = arrays
    loss, gradient = loss_and_gradient(flat, (M, H, N, K), x, seen, known, weight, u, strength, clipped=clipped)
    assert loss.dtype == gradient.dtype == dtype
    for model in range(flat.shape[0]):
        expected, slope = twin(case, model, *arrays)
        assert loss.copy_to_host()[model] == pytest.approx(expected, rel=tolerance)
        error = np.abs(gradient.copy_to_host()[model] - slope).max()
        assert error <= tolerance * np.abs(slope).max()


def test_models_in_one_launch_have_the_bits_of_models_alone():
    case = CASES[2]
    arrays = batch(case, "float32")
    together = loss_and_gradient(arrays[0], case[:4], *arrays[1:])
    for model in range(2):
        alone = loss_and_gradient(*(array[model : model + 1] for array in arrays[:1]), case[:4],
                                  *(array[model : model + 1] for array in arrays[1:]))  # fmt: skip
        for one, several in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one.copy_to_host()[0], several.copy_to_host()[model])


def test_a_model_whose_values_are_all_missing_has_no_loss_and_no_gradient():
    """As on the processor: the others of the launch go on."""
    case = CASES[2]
    flat, x, seen, known, weight, u, strength = batch(case, "float64")
    x[0], seen[0], known[0], weight[0] = 0, 0, 0, 0
    loss, gradient = loss_and_gradient(flat, case[:4], x, seen, known, weight, u, strength)
    assert loss.copy_to_host()[0] == 0 and not gradient.copy_to_host()[0].any()
    expected, slope = twin(case, 1, flat, x, seen, known, weight, u, strength)
    assert loss.copy_to_host()[1] == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(gradient.copy_to_host()[1], slope, rtol=0, atol=1e-10 * np.abs(slope).max())


def test_threads_of_a_block():
    assert threads_of(3, 50) == 64 and threads_of(40, 2) == 64 and threads_of(30, 512) == 512


@pytest.mark.parametrize(
    "change, match",
    [
        ({0: lambda a: a[:, :-1]}, r"parameters has another shape: \(2, 40\); \(2, 41\)"),
        ({1: lambda a: a[0]}, r"shape of x: \(2, 5, 3\); \(model, window, n_steps \+ 1, 3\)"),
        ({3: lambda a: a[:, :, :-1]}, r"known has another shape"),
        ({6: lambda a: a.astype("float32")}, "strength has another dtype: float32; float64"),
    ],
)
def test_bad_input_is_refused(change, match):
    arrays = batch(CASES[0], "float64")
    arrays = [change.get(k, lambda a: a)(array) for k, array in enumerate(arrays)]
    with pytest.raises(InputError, match=match):
        loss_and_gradient(arrays[0], CASES[0][:4], *arrays[1:])


def test_sizes_that_no_block_holds_are_refused():
    arrays = batch(CASES[0], "float64")
    with pytest.raises(InputError, match="hidden_dim 2000.*<= 1024"):
        loss_and_gradient(arrays[0], (3, 2000, 3, 0), *arrays[1:])
