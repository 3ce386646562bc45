import pytest
import torch

from dysyr.core.errors import DysyrError, InputError
from dysyr.kernels.scans import work_parts
from dysyr.kernels.scans.affine_scan import affine_scan
from dysyr.kernels.scans.affine_scan_reference import affine_scan as reference
from dysyr.kernels.scans.linear_scan import linear_scan


def random(rng, *shape, dtype=torch.float64):
    return torch.from_numpy(rng.normal(size=shape)).to(dtype)


def arguments(rng, batch, time, n, dtype=torch.float64):
    A = random(rng, batch, time, n, n, dtype=dtype) / n**0.5
    A[:, ::3, 0] = 0
    given = A, random(rng, batch, time, n, dtype=dtype), random(rng, batch, n, dtype=dtype)
    return [tensor.requires_grad_() for tensor in given]


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("batch, time, n", [(1, 1, 1), (2, 2, 3), (3, 17, 5), (1, 9, 16), (2, 12, 37)])
def test_equals_the_loop(rng, batch, time, n, dtype, tolerance):
    given = arguments(rng, batch, time, n, dtype)
    upstream = random(rng, batch, time, n, dtype=dtype)
    results = []
    for scan in (affine_scan, reference):
        h = scan(*given)
        results.append([h.detach(), *torch.autograd.grad((h * upstream).sum(), given)])
    for ours, theirs in zip(*results, strict=True):
        assert float((ours - theirs).abs().max()) <= tolerance * max(float(theirs.abs().max()), 1e-30)


def test_diagonal_matrices_are_the_elementwise_scan(rng):
    a, b = random(rng, 2, 20, 4), random(rng, 2, 20, 4)
    torch.testing.assert_close(affine_scan(torch.diag_embed(a), b), linear_scan(a, b), rtol=1e-13, atol=1e-13)


def test_steps_compose_as_pairs(rng):
    A, b, h0 = (tensor.detach() for tensor in arguments(rng, 1, 2, 3))
    A2, A1, b2, b1 = A[:, 1], A[:, 0], b[:, 1], b[:, 0]
    joined = affine_scan((A2 @ A1).unsqueeze(1), (torch.einsum("bij,bj->bi", A2, b1) + b2).unsqueeze(1), h0)
    torch.testing.assert_close(joined[:, -1], affine_scan(A, b, h0)[:, -1])


def test_gradients_by_finite_differences(rng):
    given = arguments(rng, 2, 4, 3)
    assert torch.autograd.gradcheck(affine_scan, given)
    assert torch.autograd.gradcheck(lambda b: affine_scan(given[0].detach(), b), given[1])


def test_streaming_equals_batch_bit_by_bit(rng):
    A, b, h0 = (tensor.detach() for tensor in arguments(rng, 2, 20, 18))
    first = affine_scan(A[:, :7], b[:, :7], h0)
    second = affine_scan(A[:, 7:], b[:, 7:], first[:, -1])
    assert torch.equal(torch.cat([first, second], dim=1), affine_scan(A, b, h0))


def test_cutting_the_work_over_threads_changes_no_bit(rng, monkeypatch):
    given = arguments(rng, 3, 20, 5)

    def results():
        h = affine_scan(*given)
        return h, *torch.autograd.grad(h.square().sum(), given)

    whole = results()
    monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", 2)
    monkeypatch.setattr(work_parts, "LARGEST_CALL", 400)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(results(), whole, strict=True))


def test_second_derivatives_are_refused(rng):
    A, b, h0 = arguments(rng, 1, 2, 2)
    with pytest.raises(DysyrError, match="affine_scan has first derivatives only"):
        torch.autograd.grad(affine_scan(A, b, h0).sum(), b, create_graph=True)


@pytest.mark.parametrize(
    "change, match",
    [
        ({"A": torch.zeros(2, 3, 4, 5)}, r"A has the wrong shape: \(2, 3, 4, 5\); \(2, 3, 4, 4\)"),
        ({"b": torch.zeros(3, 4)}, r"b has the wrong shape: \(3, 4\); \(batch, time, state\)"),
        ({"h0": torch.zeros(4)}, r"h0 has the wrong shape: \(4,\); \(2, 4\) = \(batch, state\)"),
        ({"b": torch.zeros(2, 3, 4, dtype=torch.int64)}, "float32 or float64: b is torch.int64"),
        ({"method": "newton"}, "no such method: method='newton'; one of sequential"),
    ],
)
def test_bad_input_is_refused(change, match):
    with pytest.raises(InputError, match=match):
        affine_scan(**({"A": torch.zeros(2, 3, 4, 4), "b": torch.zeros(2, 3, 4)} | change))
