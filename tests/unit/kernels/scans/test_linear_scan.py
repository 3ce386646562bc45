import numpy as np
import pytest
import torch

from dysyr.core.errors import DysyrError, InputError
from dysyr.kernels.scans import linear_kernels, work_parts
from dysyr.kernels.scans.linear_scan import linear_scan
from dysyr.kernels.scans.linear_scan_reference import linear_scan as reference


def random(rng, *shape, dtype=torch.float64):
    return torch.from_numpy(rng.normal(size=shape)).to(dtype)


def factors(rng, *shape, dtype=torch.float64):
    """Factors that no logarithm survives: zeros, ones, negative ones, and some above 1."""
    a = rng.uniform(-1.1, 1.1, shape)
    kind = rng.integers(0, 10, shape)
    return torch.from_numpy(np.select([kind == 0, kind == 1, kind == 2], [0.0, 1.0, -1.0], a)).to(dtype)


def gradients(h, upstream, tensors):
    return torch.autograd.grad((h * upstream).sum(), tensors)


def largest_relative_error(ours, theirs):
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1e-30)) for a, b in zip(ours, theirs, strict=True))


def test_known_values_and_gradients():
    a = torch.tensor([0.5, 2, -1, 0.25, 0, 3], dtype=torch.float64).view(1, 6, 1).requires_grad_()
    b = torch.tensor([1, -1, 2, 4, 1, 0.5], dtype=torch.float64).view(1, 6, 1).requires_grad_()
    h = linear_scan(a, b)
    assert h.flatten().tolist() == [1, 1, 1, 4.25, 1, 3.5]
    da, db = gradients(h, torch.tensor([1.0, 0, 2, -1, 0.5, 1], dtype=torch.float64).view(1, 6, 1), (a, b))
    assert db.flatten().tolist() == [-2.5, -1.75, 1.75, -1, 3.5, 1]
    assert da.flatten().tolist() == [0, -1.75, 1.75, -1, 14.875, 1]


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 15), (1, 53, 16), (3, 17, 33), (2, 5, 4, 9)])
def test_equals_the_loop(rng, shape, reverse, dtype, tolerance):
    a, b, h0 = factors(rng, *shape, dtype=dtype), random(rng, *shape, dtype=dtype), random(rng, shape[0], *shape[2:])
    inputs = [tensor.to(dtype).requires_grad_() for tensor in (a, b, h0)]
    ours, theirs = linear_scan(*inputs, reverse=reverse), reference(*inputs, reverse=reverse)
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    upstream = random(rng, *shape, dtype=dtype)
    assert largest_relative_error(gradients(ours, upstream, inputs), gradients(theirs, upstream, inputs)) < tolerance


def test_gradients_by_finite_differences(rng):
    inputs = [factors(rng, 2, 5, 3), random(rng, 2, 5, 3), random(rng, 2, 3)]
    inputs = [tensor.requires_grad_() for tensor in inputs]
    assert torch.autograd.gradcheck(linear_scan, inputs)
    assert torch.autograd.gradcheck(lambda *given: linear_scan(*given, reverse=True), inputs)


def test_streaming_equals_batch_bit_by_bit(rng):
    a, b = random(rng, 2, 40, 19), random(rng, 2, 40, 19)
    h0 = random(rng, 2, 19)
    whole = linear_scan(a, b, h0)
    for length in (1, 7, 16):
        state, pieces = h0, []
        for start in range(0, 40, length):
            pieces.append(linear_scan(a[:, start : start + length], b[:, start : start + length], state))
            state = pieces[-1][:, -1]
        assert torch.equal(torch.cat(pieces, dim=1), whole)


def test_prefix_of_a_longer_run_is_the_shorter_run(rng):
    a, b = random(rng, 2, 40, 19), random(rng, 2, 40, 19)
    assert torch.equal(linear_scan(a, b)[:, :13], linear_scan(a[:, :13], b[:, :13]))


@pytest.mark.parametrize("largest_call", [1, 100])
def test_cutting_the_work_over_threads_changes_no_bit(rng, monkeypatch, largest_call):
    shape = (3, 29, linear_kernels.WIDTH + 5)
    inputs = [random(rng, *shape).requires_grad_() for _ in range(2)]
    upstream = random(rng, *shape)

    def results(reverse):
        h = linear_scan(*inputs, reverse=reverse)
        return h, *gradients(h, upstream, inputs)

    whole = [*results(False), *results(True)]
    monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", 2)
    monkeypatch.setattr(work_parts, "LARGEST_CALL", largest_call * linear_kernels.WIDTH)
    parts = [*results(False), *results(True)]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(parts, whole, strict=True))


def test_strided_inputs(rng):
    a, b = random(rng, 5, 3, 2).transpose(0, 2), random(rng, 2, 3, 10)[..., ::2]
    torch.testing.assert_close(linear_scan(a, b), reference(a, b))


def test_out_is_filled(rng):
    a, b = random(rng, 2, 7, 3), random(rng, 2, 7, 3)
    out = torch.full_like(a, torch.nan)
    assert linear_scan(a, b, out=out) is out
    assert torch.equal(out, linear_scan(a, b))


def test_second_derivatives_are_refused(rng):
    a, b = random(rng, 1, 3, 2).requires_grad_(), random(rng, 1, 3, 2).requires_grad_()
    with pytest.raises(DysyrError, match="first derivatives only: create_graph=True"):
        torch.autograd.grad(linear_scan(a, b).sum(), a, create_graph=True)


@pytest.mark.parametrize(
    "change, match",
    [
        ({"a": np.zeros((2, 3, 4))}, "linear_scan computes on torch tensors: a is a ndarray"),
        ({"a": torch.zeros(2, 3)}, r"a has the wrong shape: \(2, 3\); \(batch, time, state ...\) is needed"),
        ({"a": torch.zeros(2, 0, 4), "b": torch.zeros(2, 0, 4)}, r"a has the wrong shape: \(2, 0, 4\)"),
        ({"b": torch.zeros(2, 3, 5)}, r"b has the wrong shape: \(2, 3, 5\); \(2, 3, 4\) = the shape of a"),
        ({"h0": torch.zeros(2, 3, 4)}, r"h0 has the wrong shape: \(2, 3, 4\); \(2, 4\) = \(batch, state ...\)"),
        ({"b": torch.zeros(2, 3, 4, dtype=torch.float64)}, "one dtype for all tensors: a torch.float32, b torch.fl"),
        ({"a": torch.zeros(2, 3, 4, dtype=torch.complex64)}, "float32 or float64: a is torch.complex64"),
        ({"a": torch.zeros(2, 3, 4, device="meta")}, r"kernels for the CPU only: a is on 'meta': move the tensors"),
        ({"a": torch.zeros(2, 3, 4).to_sparse()}, "dense tensors: a is torch.sparse_coo"),
        ({"method": "blelloch"}, "no such method: method='blelloch'; one of sequential"),
        ({"out": torch.zeros(2, 4, 3).transpose(1, 2)}, "out= must be contiguous"),
        ({"a": torch.zeros(2, 3, 4).requires_grad_(), "out": torch.zeros(2, 3, 4)}, "out= has no gradients"),
    ],
)
def test_bad_input_is_refused(change, match):
    given = {"a": torch.zeros(2, 3, 4), "b": torch.zeros(2, 3, 4), **change}
    with pytest.raises(InputError, match=match):
        linear_scan(**given)


def test_out_may_not_overlap_an_input():
    a, b, memory = torch.zeros(2, 3, 4), torch.zeros(2, 3, 4), np.zeros((3, 3, 4), np.float32)
    halves = torch.from_numpy(memory[:2]), torch.from_numpy(memory[1:])
    for given in ({"b": b, "out": b}, {"b": halves[0], "out": halves[1]}, {"b": halves[1], "out": halves[0]}):
        with pytest.raises(InputError, match="share no memory with the inputs: memory of b"):
            linear_scan(a, **given)


def test_out_may_lie_beside_an_input(rng):
    memory = random(rng, 3, 2, 5, 4)
    expected = linear_scan(memory[0].clone(), memory[2].clone())
    assert torch.equal(linear_scan(memory[0], memory[2], out=memory[1]), expected)
