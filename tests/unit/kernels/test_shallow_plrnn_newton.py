"""Newton's method in time against the fused loop over time."""

import numpy as np
import pytest
import torch

import dysyr
from dysyr.kernels import forced_windows as forced
from dysyr.kernels import shallow_plrnn
from dysyr.kernels.shallow_plrnn_newton import forced_states
from dysyr.kernels.vector_code import LANES

N_STEPS = 40


def case(clipped, n_inputs=1, alpha=0.3):
    """A model with 16 windows: parameters of tensors, arguments of forced_states, states and gradient of the loop."""
    shapes = shallow_plrnn.shapes(4, 15, 4, n_inputs, False)
    rng = np.random.default_rng(0)
    flat = rng.normal(scale=0.3, size=forced.n_parameters(shapes))
    forced.views(flat, shapes).A[:] = 0.8
    batch = forced.empty_batch(shapes, 1, N_STEPS + 1, np.float64)
    batch.x[:] = batch.seen[:] = rng.normal(size=batch.x.shape)
    batch.observed[:] = batch.counts[:, 1:] = 1
    batch.u[:] = rng.normal(size=batch.u.shape)
    strength = np.full((1, N_STEPS), alpha)
    ws = shallow_plrnn.workspace(shapes, N_STEPS, np.float64, clipped=clipped)
    grad, losses = np.zeros((1, flat.size)), np.zeros(1)
    count = np.array([batch.counts.sum()])
    shallow_plrnn.add_loss_and_gradient(
        flat[None], grad, forced.offsets(shapes), np.zeros(1, np.int64), batch, count, strength, clipped, False, ws,
        losses,
    )  # fmt: skip
    x, u = (torch.tensor(part[0].transpose(2, 0, 1).copy()) for part in (batch.x, batch.u))
    p = shallow_plrnn.Parameters(
        *(torch.tensor(part.copy(), requires_grad=True) for part in forced.views(flat, shapes))
    )
    arguments = (x[:, 0], x[:, :-1], torch.full((LANES, N_STEPS, 4), alpha, dtype=x.dtype), u[:, 1:])
    return p, arguments, x, ws.z[0, 1:].transpose(2, 0, 1), forced.views(grad[0], shapes)


@pytest.mark.parametrize("clipped", [False, True])
def test_states_and_gradients_are_those_of_the_fused_loop(clipped):
    p, arguments, x, states, gradient = case(clipped)
    solution = forced_states(p, *arguments, clipped=clipped, start=x[:, 1:])
    np.testing.assert_allclose(solution.states.detach().numpy(), states, rtol=0, atol=1e-12)
    assert 1 <= solution.n_iterations <= 12
    assert solution.residual < 1e-12
    assert solution.parallel == "newton"
    ((solution.states - x[:, 1:]) ** 2).mean().backward()
    for name, part, tensor in zip(p._fields, gradient, p, strict=True):
        if part.size:
            np.testing.assert_allclose(tensor.grad.numpy(), part, rtol=0, atol=1e-10, err_msg=name)


def free_chaos():
    """A logistic-like tent map x -> 1 - 2 |x - 1/2| as a network, that runs freely."""
    shapes = shallow_plrnn.shapes(1, 2, 1, 0, False)
    p = forced.views(torch.zeros(forced.n_parameters(shapes), dtype=torch.float64), shapes)
    p.W1[:], p.W2[:], p.h2[:] = torch.tensor([[1.9, -3.8]]), torch.ones(2, 1), torch.tensor([0.0, -0.5])
    none = torch.zeros(1, 200, 1, dtype=torch.float64)
    return p, torch.full((1, 1), 0.2345, dtype=torch.float64), none, none


def test_free_chaos_does_not_converge_and_only_auto_falls_back():
    with pytest.raises(dysyr.NotConverged, match="50 rounds"):
        forced_states(*free_chaos())
    fallen = forced_states(*free_chaos(), parallel="auto")
    assert fallen.parallel == "sequential"
    np.testing.assert_array_equal(fallen.states, forced_states(*free_chaos(), parallel="sequential").states)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z0": torch.zeros(LANES, 5)}, r"z0 has the wrong shape: \(16, 5\); \(16, 4\)"),
        ({"z0": torch.zeros(3, 4)}, r"z0 has the wrong shape: \(3, 4\); \(16, 4\)"),
        ({"zbar": torch.zeros(LANES, N_STEPS, 3)}, r"zbar has the wrong shape: \(16, 40, 3\); \(16, 40, 4\)"),
        ({"forcing": torch.zeros(LANES, N_STEPS - 1, 4)}, r"forcing has the wrong shape: \(16, 39, 4\); \(16, 40, 4\)"),
        ({"u": torch.zeros(LANES, 1, 1)}, r"u has the wrong shape: \(16, 1, 1\); \(16, 40, 1\)"),
        ({"u": torch.zeros(LANES, N_STEPS, 1).numpy()}, "u is a ndarray"),
        ({"forcing": torch.full((LANES, N_STEPS, 4), 1.5)}, "strengths are shares: 1.5 to 1.5; 0 to 1"),
        ({"forcing": torch.full((LANES, N_STEPS, 4), torch.nan)}, "strengths are shares: nan"),
        ({"parallel": "scan"}, "parallel='scan'"),
    ],
)
def test_bad_input_is_refused(changes, message):
    p, arguments, *_ = case(False)
    given = dict(zip(("z0", "zbar", "forcing", "u"), arguments, strict=True))
    changes = {name: value.double() if isinstance(value, torch.Tensor) else value for name, value in changes.items()}
    with pytest.raises(dysyr.InputError, match=message):
        forced_states(p, **{**given, **changes})


def test_one_dtype_is_needed():
    p, (z0, *others), *_ = case(False)
    with pytest.raises(dysyr.InputError, match="one dtype .* z0 torch.float32"):
        forced_states(p, z0.float(), *others)
