import pytest
import torch

from dysyr.core.errors import DysyrError, InputError
from dysyr.kernels.scans.segment_decay import segment_decay
from dysyr.kernels.scans.state_space_duality import METHODS, ssd
from dysyr.kernels.scans.state_space_duality_reference import segment_decay as reference_decay
from dysyr.kernels.scans.state_space_duality_reference import ssd as reference

CHUNK = 16
LENGTHS = (1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5)
OPTIONAL = ("D", "z", "dt_bias", "h0")


def arguments(rng, *, batch=2, time=5, heads=2, dim=3, states=4, groups=None, dtype=torch.float64, without=()):
    def random(*shape):
        return torch.from_numpy(rng.normal(size=shape)).to(dtype)

    middle = () if groups is None else (groups,)
    given = {
        "x": random(batch, time, heads, dim),
        "dt": random(batch, time, heads) - 1,
        "A": -torch.exp(random(heads)),
        "B": random(batch, time, *middle, states),
        "C": random(batch, time, *middle, states),
        "D": random(heads),
        "z": random(batch, time, heads, dim),
        "dt_bias": random(heads),
        "h0": random(batch, heads, dim, states),
    }
    return {name: tensor.requires_grad_() for name, tensor in given.items() if name not in without}


def assert_same_as_reference(rng, given, *, tolerance, softplus=True, **how):
    """Values, and gradients of a random combination of outputs and last states."""
    ours = ssd(**given, dt_softplus=softplus, return_last_state=True, **how)
    theirs = reference(**given, dt_softplus=softplus)
    upstream = [torch.from_numpy(rng.normal(size=tensor.shape)).to(tensor.dtype) for tensor in ours]
    gradients = []
    for results in (ours, theirs):
        total = sum((tensor * weight).sum() for tensor, weight in zip(results, upstream, strict=True))
        gradients.append(torch.autograd.grad(total, list(given.values())))
    for mine, other in zip([*ours, *gradients[0]], [*theirs, *gradients[1]], strict=True):
        assert mine.shape == other.shape
        error, size = (float(tensor.detach().abs().max()) for tensor in (mine - other, other))
        assert error <= tolerance * max(size, 1e-30)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("time", LENGTHS)
def test_equals_the_loop_at_all_lengths(rng, time, method, dtype, tolerance):
    """Steps that fill up a chunk must do nothing, also where softplus and bias would give them a step size."""
    given = arguments(rng, time=time, dtype=dtype)
    assert_same_as_reference(rng, given, tolerance=tolerance, method=method, chunk=CHUNK)


@pytest.mark.parametrize("heads, groups", [(1, None), (3, None), (6, 2), (4, 4)])
@pytest.mark.parametrize("method", METHODS)
def test_equals_the_loop_with_groups(rng, heads, groups, method):
    given = arguments(rng, batch=1, time=21, heads=heads, groups=groups, dim=5)
    assert_same_as_reference(rng, given, tolerance=1e-10, method=method, chunk=CHUNK)


@pytest.mark.parametrize("left_out", [OPTIONAL, *((name,) for name in OPTIONAL)])
@pytest.mark.parametrize("softplus", [False, True])
def test_parts_may_be_left_out(rng, left_out, softplus):
    given = arguments(rng, time=19, without=left_out)
    assert_same_as_reference(rng, given, tolerance=1e-10, softplus=softplus, chunk=8)


@pytest.mark.parametrize("chunk", [1, 4, 16, 50, 64, 1000])
def test_error_does_not_depend_on_the_chunk(rng, chunk):
    given = arguments(rng, time=64, heads=1, dim=4, states=8)
    exact, last = reference(**given, dt_softplus=True)
    y, state = ssd(**given, dt_softplus=True, chunk=chunk, return_last_state=True)
    torch.testing.assert_close(y, exact, rtol=0, atol=5e-14)
    torch.testing.assert_close(state, last, rtol=0, atol=5e-14)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_by_finite_differences(rng, method):
    given = arguments(rng, batch=1, time=7, heads=2, dim=2, states=2)

    def scan(*tensors):
        named = dict(zip(given, tensors, strict=True))
        return ssd(**named, dt_softplus=True, return_last_state=True, chunk=3, method=method)

    assert torch.autograd.gradcheck(scan, list(given.values()))


@pytest.mark.parametrize("method", METHODS)
def test_streaming_equals_batch(rng, method):
    given = arguments(rng, time=40, without=("h0",))
    whole, last = ssd(**given, return_last_state=True, chunk=CHUNK, method=method)
    state, pieces = None, []
    for start in range(0, 40, 7):
        piece = {
            name: tensor[:, start : start + 7] if name in ("x", "dt", "B", "C", "z") else tensor
            for name, tensor in given.items()
        }
        y, state = ssd(**piece, h0=state, return_last_state=True, chunk=4, method=method)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(state, last, rtol=1e-11, atol=1e-11)


def test_strong_decay_neither_overflows_nor_loses_gradients(rng):
    given = arguments(rng, time=100, dtype=torch.float32)
    given["A"] = torch.full_like(given["A"], -300.0).requires_grad_()
    y = ssd(**given, dt_softplus=True)
    gradients = torch.autograd.grad(y.square().sum(), list(given.values()))
    assert all(torch.isfinite(tensor).all() for tensor in (y, *gradients))


def test_segment_sums_are_known():
    sums = segment_decay(torch.tensor([1.0, 2, 3], dtype=torch.float64)).log()
    expected = torch.tensor([[0, -torch.inf, -torch.inf], [2, 0, -torch.inf], [5, 3, 0]], dtype=torch.float64)
    torch.testing.assert_close(sums, expected)


@pytest.mark.parametrize("shape", [(1,), (2, 3), (3, 1, 16), (2, 17), (1, 53)])
def test_segment_decay_equals_the_masked_square(rng, shape):
    a = torch.from_numpy(-rng.exponential(size=shape)).requires_grad_()
    upstream = torch.from_numpy(rng.normal(size=(*shape, shape[-1])))
    ours, theirs = segment_decay(a), reference_decay(a)
    torch.testing.assert_close(ours, theirs, rtol=1e-14, atol=1e-15)
    gradients = [torch.autograd.grad((decay * upstream).sum(), a)[0] for decay in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-14)


def test_old_numbers_in_fresh_memory_do_not_matter(monkeypatch):
    """Memory that is to be filled may hold NaN from its last user."""
    a = torch.full((3, 5), -0.5, requires_grad=True)
    (expected,) = torch.autograd.grad(reference_decay(a).sum(), a)
    monkeypatch.setattr(torch, "empty", lambda shape, *, dtype: torch.full(shape, torch.nan, dtype=dtype))
    torch.testing.assert_close(torch.autograd.grad(segment_decay(a).sum(), a)[0], expected)


def test_segment_sums_do_not_cancel():
    a = torch.full((64,), -1e-3)
    a[0] = -1e6
    torch.testing.assert_close(segment_decay(a)[-1, 1:], torch.exp(-1e-3 * torch.arange(62.0, -1, -1)))


def test_second_derivatives_are_refused(rng):
    given = arguments(rng, time=20)
    with pytest.raises(DysyrError, match="has first derivatives only"):
        torch.autograd.grad(ssd(**given, chunk=4).sum(), given["dt"], create_graph=True)
    with pytest.raises(DysyrError, match="segment_decay has first derivatives only"):
        torch.autograd.grad(segment_decay(given["A"]).sum(), given["A"], create_graph=True)


@pytest.mark.parametrize(
    "change, match",
    [
        ({"x": torch.zeros(2, 5, 6)}, r"x has the wrong shape: \(2, 5, 6\); \(batch, time, head, dim\)"),
        ({"dt": torch.zeros(2, 5, 3)}, r"dt has the wrong shape: \(2, 5, 3\); \(2, 5, 2\) = \(batch, time, head\)"),
        ({"A": torch.zeros(2, 4)}, r"A has the wrong shape: \(2, 4\); \(2,\) = \(head,\)"),
        ({"B": torch.zeros(2, 4, 4)}, r"B has the wrong shape: \(2, 4, 4\); \(2, 5, 4\)"),
        ({"C": torch.zeros(2, 5, 3)}, r"C has the wrong shape: \(2, 5, 3\); \(2, 5, 4\) = the shape of B"),
        ({"B": torch.zeros(2, 5, 3, 4), "C": torch.zeros(2, 5, 3, 4)}, "heads do not divide into groups: 2 heads, 3 g"),
        ({"D": torch.zeros(3)}, "D has the wrong shape"),
        ({"z": torch.zeros(2, 5, 2)}, "z has the wrong shape"),
        ({"dt_bias": torch.zeros(1)}, "dt_bias has the wrong shape"),
        ({"h0": torch.zeros(2, 2, 4, 3)}, r"h0 has the wrong shape: \(2, 2, 4, 3\); \(2, 2, 3, 4\)"),
        ({"chunk": 0}, "ssd: chunk is no count: chunk=0; at least 1"),
        ({"chunk": 2.5}, "chunk is no count: chunk=2.5"),
        ({"method": "triton"}, "no such method: method='triton'; one of chunked, sequential"),
        ({"dt": torch.zeros(2, 5, 2, dtype=torch.bfloat16)}, "float32 or float64: dt is torch.bfloat16"),
    ],
)
def test_bad_input_is_refused(rng, change, match):
    with pytest.raises(InputError, match=match):
        ssd(**(arguments(rng, dtype=torch.float32) | change))


@pytest.mark.parametrize(
    "a, match",
    [
        (torch.ones(3, dtype=torch.int64), "segment_decay computes in float32 or float64: a is torch.int64"),
        (torch.ones(3, 0), r"a has the wrong shape: \(3, 0\); \(..., step\) is needed, each at least 1"),
        (torch.tensor(1.0), r"a has the wrong shape: \(\)"),
        ([1.0], "computes on torch tensors: a is a list"),
    ],
)
def test_segments_of_anything_else_are_refused(a, match):
    with pytest.raises(InputError, match=match):
        segment_decay(a)
