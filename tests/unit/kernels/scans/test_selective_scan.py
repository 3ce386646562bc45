import functools

import pytest
import torch

from dysyr.core.errors import DysyrError, InputError
from dysyr.kernels.scans import work_parts
from dysyr.kernels.scans.buffers import Workspace
from dysyr.kernels.scans.selective_kernels import CHUNK
from dysyr.kernels.scans.selective_scan import selective_scan
from dysyr.kernels.scans.selective_scan_reference import selective_scan as reference

LENGTHS = (1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5)
OPTIONAL = ("D", "z", "delta_bias", "h0")


def arguments(rng, *, batch=2, time=5, channels=3, states=2, groups=None, dtype=torch.float64, without=()):
    def random(*shape):
        return torch.from_numpy(rng.normal(size=shape)).to(dtype)

    middle = () if groups is None else (groups,)
    given = {
        "u": random(batch, time, channels),
        "delta": random(batch, time, channels) - 1,
        "A": -torch.exp(random(channels, states)),
        "B": random(batch, time, *middle, states),
        "C": random(batch, time, *middle, states),
        "D": random(channels),
        "z": random(batch, time, channels),
        "delta_bias": random(channels),
        "h0": random(batch, channels, states),
    }
    return {name: tensor.requires_grad_() for name, tensor in given.items() if name not in without}


def assert_same_as_reference(rng, given, *, softplus, tolerance):
    """Values, and gradients of a random combination of outputs and last states."""
    ours = selective_scan(**given, delta_softplus=softplus, return_last_state=True)
    theirs = reference(**given, delta_softplus=softplus)
    upstream = [torch.from_numpy(rng.normal(size=tensor.shape)).to(tensor.dtype) for tensor in ours]
    gradients = []
    for results in (ours, theirs):
        total = sum((tensor * weight).sum() for tensor, weight in zip(results, upstream, strict=True))
        gradients.append(torch.autograd.grad(total, list(given.values())))
    for mine, other in zip([*ours, *gradients[0]], [*theirs, *gradients[1]], strict=True):
        assert mine.shape == other.shape
        error, size = (float(tensor.detach().abs().max()) for tensor in (mine - other, other))
        assert error <= tolerance * max(size, 1e-30)


def test_known_values_and_gradients():
    def column(*numbers):
        return torch.tensor(numbers, dtype=torch.float64).view(1, -1, 1)

    given = {
        "u": column(1, -0.5, 2),
        "delta": column(0.1, -0.3, 0.7),
        "A": torch.tensor([[-1.0, -2.0]], dtype=torch.float64),
        "B": torch.tensor([[[1, 0.5], [-0.5, 1], [0.25, -1]]], dtype=torch.float64),
        "C": torch.tensor([[[1, 1], [0.5, -1], [2, 1]]], dtype=torch.float64),
        "D": torch.tensor([0.3], dtype=torch.float64),
        "z": column(0.5, -1, 1.5),
        "delta_bias": torch.tensor([0.2], dtype=torch.float64),
    }
    given = {name: tensor.requires_grad_() for name, tensor in given.items()}
    out, last = selective_scan(**given, delta_softplus=True, return_last_state=True)
    expected = {
        "u": [0.793615533, -0.026450604, -0.393143282],
        "delta": [0.470824567, -0.183928577, -1.149361139],
        "A": [0.702462265, 0.002174404],
        "B": [0.523570315, 0.353352636, -0.185099788, -0.119665805, 6.088414374, 3.044207187],
        "C": [0.265900697, 0.132950349, -0.163951501, 0.054989601, 0.977149428, -3.065157422],
        "D": [2.898423805],
        "z": [1.170272938, 0.025986233, -0.318444841],
        "delta_bias": [0.470824567 - 0.183928577 - 1.149361139],
    }
    gradients = torch.autograd.grad(out.sum(), list(given.values()))
    assert out.flatten().tolist() == pytest.approx([0.492219945, -0.096624138, -0.375041537], abs=2e-9)
    assert last.flatten().tolist() == pytest.approx([0.796787291, -2.499390992], abs=2e-9)
    for name, gradient in zip(given, gradients, strict=True):
        assert gradient.flatten().tolist() == pytest.approx(expected[name], abs=3e-9), name


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("time", LENGTHS)
def test_equals_the_loop_at_all_lengths(rng, time, dtype, tolerance):
    given = arguments(rng, time=time, channels=17, states=3, dtype=dtype)
    assert_same_as_reference(rng, given, softplus=True, tolerance=tolerance)


@pytest.mark.parametrize("channels, groups", [(1, None), (16, None), (33, None), (42, 2), (6, 6), (32, 1)])
def test_equals_the_loop_at_all_widths(rng, channels, groups):
    given = arguments(rng, batch=1, time=CHUNK + 3, channels=channels, groups=groups, states=5)
    assert_same_as_reference(rng, given, softplus=True, tolerance=1e-10)


@pytest.mark.parametrize("left_out", [OPTIONAL, *((name,) for name in OPTIONAL)])
@pytest.mark.parametrize("softplus", [False, True])
def test_parts_may_be_left_out(rng, left_out, softplus):
    assert_same_as_reference(rng, arguments(rng, without=left_out), softplus=softplus, tolerance=1e-10)


def test_gradients_by_finite_differences(rng):
    given = arguments(rng, batch=1, time=CHUNK + 2, channels=2, states=2)

    def scan(*tensors):
        return selective_scan(**dict(zip(given, tensors, strict=True)), delta_softplus=True, return_last_state=True)

    assert torch.autograd.gradcheck(scan, list(given.values()))


def test_gradient_of_the_last_state_alone(rng):
    given = arguments(rng, time=4)
    gradients = []
    for scan in (functools.partial(selective_scan, return_last_state=True), reference):
        _, last = scan(**given, delta_softplus=True)
        gradients.append(torch.autograd.grad(last.square().sum(), [given["h0"], given["u"]]))
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


def test_streaming_equals_batch_bit_by_bit(rng):
    given = arguments(rng, time=3 * CHUNK + 5, channels=19, without=("h0",))
    whole, last = selective_scan(**given, return_last_state=True)
    for length in (1, 7, CHUNK):
        state, pieces = None, []
        for start in range(0, whole.shape[1], length):
            piece = {
                name: tensor[:, start : start + length] if name in ("u", "delta", "B", "C", "z") else tensor
                for name, tensor in given.items()
            }
            y, state = selective_scan(**piece, h0=state, return_last_state=True)
            pieces.append(y)
        assert torch.equal(torch.cat(pieces, dim=1), whole)
        assert torch.equal(state, last)


def test_cutting_the_work_over_threads_changes_no_bit(rng, monkeypatch):
    given = arguments(rng, batch=3, time=2 * CHUNK + 3, channels=8, groups=2)

    def results():
        y = selective_scan(**given, delta_softplus=True, workspace=Workspace())
        return y, *torch.autograd.grad(y.square().sum(), list(given.values()))

    whole = results()
    monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", 2)
    monkeypatch.setattr(work_parts, "LARGEST_CALL", 1)
    assert all(torch.equal(mine, other) for mine, other in zip(results(), whole, strict=True))


def test_strong_decay_forgets_and_does_not_overflow(rng):
    given = arguments(rng, time=40, dtype=torch.float32, without=("h0",))
    given["A"] = torch.full_like(given["A"], -1e4)
    y, last = selective_scan(**given, delta_softplus=True, return_last_state=True)
    assert torch.isfinite(y).all()
    dt = torch.nn.functional.softplus(given["delta"] + given["delta_bias"])[:, -1]
    alone = (dt * given["u"][:, -1]).unsqueeze(-1) * given["B"][:, -1].unsqueeze(1)
    torch.testing.assert_close(last, alone)


def test_second_derivatives_are_refused(rng):
    given = arguments(rng)
    with pytest.raises(DysyrError, match="selective_scan has first derivatives only"):
        torch.autograd.grad(selective_scan(**given).sum(), given["u"], create_graph=True)


@pytest.mark.parametrize(
    "name, value, match",
    [
        ("u", torch.zeros(2, 5), r"u has the wrong shape: \(2, 5\); \(batch, time, channel\)"),
        ("delta", torch.zeros(2, 5, 4), r"delta has the wrong shape: \(2, 5, 4\); \(2, 5, 3\)"),
        ("A", torch.zeros(2, 3), r"A has the wrong shape: \(2, 3\); \(3, 3\) = \(channel, state\)"),
        ("B", torch.zeros(2, 5, 3), r"B has the wrong shape: \(2, 5, 3\); \(2, 5, 2\) = \(batch, time\[, group\]"),
        ("B", torch.zeros(2, 5, 2, 2), r"channels do not divide into groups: 3 channels, 2 groups"),
        ("C", torch.zeros(2, 4, 2), r"C has the wrong shape: \(2, 4, 2\); \(2, 5, 2\) = the shape of B"),
        ("D", torch.zeros(3, 1), r"D has the wrong shape: \(3, 1\); \(3,\)"),
        ("z", torch.zeros(2, 5, 1), r"z has the wrong shape"),
        ("delta_bias", torch.zeros(1), r"delta_bias has the wrong shape"),
        ("h0", torch.zeros(2, 2, 3), r"h0 has the wrong shape: \(2, 2, 3\); \(2, 3, 2\)"),
        ("A", torch.zeros(3, 2, dtype=torch.float16), "computes in float32 or float64: A is torch.float16"),
        ("method", "chunked", "no such method: method='chunked'; one of sequential"),
    ],
)
def test_bad_input_is_refused(rng, name, value, match):
    given = arguments(rng, dtype=torch.float32) | {name: value}
    if match.startswith("channels"):
        given["C"] = value
    with pytest.raises(InputError, match=match):
        selective_scan(**given)
