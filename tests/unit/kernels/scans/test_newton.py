import pytest
import torch

from dysyr.core.errors import DysyrError, InputError, NotConverged
from dysyr.kernels.scans import newton_reference as reference
from dysyr.kernels.scans.newton import parallel_newton, piecewise_linear_newton

TIMES = torch.arange(1, 51, dtype=torch.float64).view(1, -1, 1)
ZERO = torch.zeros(1, 1, dtype=torch.float64)


def driven(y, x):
    return torch.tanh(0.8 * y + torch.sin(0.3 * x))


def slope(y, x):
    return (0.8 * (1 - driven(y, x) ** 2)).unsqueeze(-1)


def lorenz63(y):
    x1, x2, x3 = y.unbind(-1)
    return torch.stack([10 * (x2 - x1), x1 * (28 - x3) - x2, x1 * x2 - 8 / 3 * x3], dim=-1)


def chaotic(y, x):
    step = 0.01
    k1 = lorenz63(y)
    k2 = lorenz63(y + step / 2 * k1)
    k3 = lorenz63(y + step / 2 * k2)
    k4 = lorenz63(y + step * k3)
    return y + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def chaotic_jacobian(y, x):
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        rows = [torch.autograd.grad(component.sum(), y, retain_graph=True)[0] for component in chaotic(y, x).unbind(-1)]
    return torch.stack(rows, dim=-2)


class Network:
    """z_t = A s + W relu(V s + h) + b x_t with s = (1 - strength) z_{t-1} + strength seen_t: a forced PLRNN."""

    def __init__(self, rng, *, batch=3, n_steps=40, dim=4, hidden=11, strength=0.3, gain=1.0):
        def random(*shape):
            return torch.from_numpy(rng.normal(size=shape))

        self.W = (gain * random(dim, hidden) / hidden**0.5).requires_grad_()
        self.V = (random(hidden, dim) / dim**0.5).requires_grad_()
        self.A, self.h = (random(dim) * 0.3).requires_grad_(), random(hidden).requires_grad_()
        self.seen, self.z0 = random(batch, n_steps, dim), random(batch, dim).requires_grad_()
        self.strength, self.n_steps = strength, n_steps

    @property
    def parameters(self):
        return self.W, self.V, self.A, self.h, self.z0

    def linearise(self, z, part):
        kept = 1 - self.strength
        s = kept * z + self.strength * self.seen[:, part]
        mask = s @ self.V.T + self.h > 0
        gate = mask.to(z.dtype)
        step = torch.diag(self.A) + torch.einsum("ih,bth,hj->btij", self.W, gate, self.V)
        given = self.strength * self.seen[:, part]
        c = torch.einsum("btij,btj->bti", step, given) + (gate * self.h) @ self.W.T
        return kept * step, c, mask


def test_known_values_and_rounds():
    solution = parallel_newton(driven, slope, TIMES, ZERO)
    y = solution.states.flatten()
    assert y[[0, 1, 49]].tolist() == pytest.approx([0.287207658, 0.660899253, 0.882534745], abs=1e-9)
    assert solution.n_iterations == 5
    assert solution.parallel == "newton"
    assert solution.residual < 1e-15


def test_errors_fall_as_known_and_the_prefix_is_exact():
    exact = reference.states(driven, TIMES, ZERO).flatten()
    expected_errors, expected_prefix = (4.3e-1, 6.2e-2, 6.5e-4, 7.5e-8), (1, 2, 3, 6)
    start = torch.zeros(1, 50, 1, dtype=torch.float64)
    for error, prefix in zip(expected_errors, expected_prefix, strict=True):
        # a tolerance that any finite iterate meets stops before the first round: what is returned is one round on
        start = parallel_newton(driven, slope, TIMES, ZERO, start=start, tolerance=1e9).states
        distance = (start.flatten() - exact).abs()
        assert float(distance.max()) == pytest.approx(error, rel=0.02)
        assert int((distance < 1e-15).to(torch.int64).cumprod(0).sum()) == prefix
    last = parallel_newton(driven, slope, TIMES, ZERO, start=start).states
    assert float((last.flatten() - exact).abs().max()) < 1e-15


@pytest.mark.parametrize("parallel", ["newton", "auto", "sequential"])
def test_gradients_are_those_through_the_loop(rng, parallel):
    weight = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    x = TIMES.clone().requires_grad_()
    y0 = torch.full((1, 1), 0.3, dtype=torch.float64, requires_grad=True)

    def f(y, x):
        return torch.tanh(weight * y + torch.sin(0.3 * x))

    def jacobian(y, x):
        return (weight * (1 - f(y, x) ** 2)).unsqueeze(-1)

    upstream = torch.from_numpy(rng.normal(size=(1, 50, 1)))
    ours = parallel_newton(f, jacobian, x, y0, parallel=parallel)
    assert ours.parallel == ("newton" if parallel == "auto" else parallel)
    theirs = reference.states(f, x, y0)
    torch.testing.assert_close(ours.states, theirs, rtol=1e-12, atol=1e-12)
    for mine, other in zip(
        torch.autograd.grad((ours.states * upstream).sum(), (weight, x, y0)),
        torch.autograd.grad((theirs * upstream).sum(), (weight, x, y0)),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


def test_free_chaos_takes_about_as_many_rounds_as_steps_and_is_refused():
    y0 = torch.tensor([[-5.0, -8.0, 17.0]], dtype=torch.float64)
    x = torch.zeros(1, 300, 1, dtype=torch.float64)
    with pytest.raises(NotConverged, match=r"50 rounds over 300 time steps: residual .* chaotic recurrence that runs"):
        parallel_newton(chaotic, chaotic_jacobian, x, y0)
    assert issubclass(NotConverged, DysyrError)
    patient = parallel_newton(chaotic, chaotic_jacobian, x, y0, max_iterations=300)
    assert 200 <= patient.n_iterations <= 300
    loop = parallel_newton(chaotic, chaotic_jacobian, x, y0, parallel="auto")
    assert (loop.parallel, loop.n_iterations) == ("sequential", 0)
    torch.testing.assert_close(patient.states, loop.states, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("n_steps", [1, 2, 40])
def test_piecewise_linear_is_exact_with_exact_gradients(rng, n_steps):
    network = Network(rng, n_steps=n_steps)
    ours = piecewise_linear_newton(network.linearise, network.z0, n_steps)
    theirs = reference.piecewise_linear_states(network.linearise, network.z0, n_steps)
    assert ours.n_iterations <= min(n_steps, 20)
    assert ours.residual < 1e-14
    torch.testing.assert_close(ours.states, theirs, rtol=1e-12, atol=1e-12)
    upstream = torch.from_numpy(rng.normal(size=theirs.shape))
    for mine, other in zip(
        torch.autograd.grad((ours.states * upstream).sum(), network.parameters),
        torch.autograd.grad((theirs * upstream).sum(), network.parameters),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


def test_start_at_the_solution_needs_one_round(rng):
    network = Network(rng)
    solved = piecewise_linear_newton(network.linearise, network.z0, 40)
    again = piecewise_linear_newton(network.linearise, network.z0, 40, start=solved.states)
    assert again.n_iterations == 1
    assert torch.equal(again.states, solved.states)


def test_stronger_forcing_needs_fewer_rounds(rng):
    rounds = []
    for strength in (0.1, 0.4, 0.8):
        network = Network(rng, n_steps=100, strength=strength)
        rounds.append(piecewise_linear_newton(network.linearise, network.z0, 100).n_iterations)
    assert rounds == sorted(rounds, reverse=True) and rounds[0] > rounds[-1]


def test_masks_that_still_change_are_reported(rng):
    network = Network(rng, n_steps=200, strength=0.0, gain=4.0)
    with pytest.raises(NotConverged, match=r"after 10 rounds over 200 time steps: masks change at \d+ time steps, the"):
        piecewise_linear_newton(network.linearise, network.z0, 200, max_iterations=10)
    auto = piecewise_linear_newton(network.linearise, network.z0, 200, max_iterations=10, parallel="auto")
    loop = piecewise_linear_newton(network.linearise, network.z0, 200, parallel="sequential")
    assert auto.parallel == loop.parallel == "sequential"
    assert torch.equal(auto.states, loop.states)


@pytest.mark.parametrize("gain", [20.0, float("nan")])
def test_states_that_leave_every_bound_are_not_taken_for_a_solution(rng, gain):
    """Masks of iterates that were kept within bounds are not those of the states."""
    network = Network(rng, n_steps=60, strength=0.0, gain=gain)
    with pytest.raises(NotConverged, match=r"after \d+ rounds over 60 time steps: states beyond 1e\+08 or not finite"):
        piecewise_linear_newton(network.linearise, network.z0, 60)
    auto = piecewise_linear_newton(network.linearise, network.z0, 60, parallel="auto")
    theirs = reference.piecewise_linear_states(network.linearise, network.z0, 60)
    assert auto.parallel == "sequential" and not bool((theirs.detach().abs() < 1e8).all())
    torch.testing.assert_close(auto.states, theirs, rtol=1e-9, atol=0, equal_nan=True)


def test_one_mask_for_each_time():
    """A tent map, whose state is on one of two pieces."""

    def linearise(z, part):
        right = (z > 0.5).squeeze(-1)
        slope = torch.where(right, -0.9, 0.9).to(z.dtype)
        return slope[..., None, None], torch.where(right, 0.9, 0.0).to(z.dtype)[..., None], right

    ours = piecewise_linear_newton(linearise, ZERO + 0.3, 12)
    torch.testing.assert_close(ours.states, reference.piecewise_linear_states(linearise, ZERO + 0.3, 12))


@pytest.mark.parametrize(
    "change, match",
    [
        ({"parallel": "always"}, "no such choice: parallel='always'; one of"),
        ({"max_iterations": 0}, "max_iterations is no count: max_iterations=0; at least 1"),
        ({"max_iterations": 2.5}, "max_iterations=2.5"),
        ({"tolerance": float("nan")}, "no such tolerance: tolerance=nan; a number above 0"),
        ({"tolerance": "1e-6"}, "no such tolerance: tolerance='1e-6'"),
        ({"y0": torch.zeros(1, dtype=torch.float64)}, r"y0 has the wrong shape: \(1,\); \(batch, state\)"),
        ({"y0": torch.zeros(2, 1, dtype=torch.float64)}, r"y0 has the wrong shape: \(2, 1\); \(1, 1\)"),
        ({"x": TIMES.float()}, "one dtype for all tensors: x torch.float32, y0 torch.float64"),
        ({"x": TIMES[0]}, r"x has the wrong shape: \(50, 1\); \(batch, time, input\)"),
        ({"start": ZERO}, r"start has the wrong shape: \(1, 1\); \(1, 50, 1\)"),
        ({"jacobian": driven}, r"jacobian returned the wrong thing: \(1, 50, 1\) torch.float64; \(1, 50, 1, 1\)"),
        ({"f": lambda y, x: None}, "f returned the wrong thing: NoneType"),
    ],
)
def test_bad_input_is_refused(change, match):
    with pytest.raises(InputError, match=match):
        parallel_newton(**({"f": driven, "jacobian": slope, "x": TIMES, "y0": ZERO} | change))


def test_bad_pieces_are_refused(rng):
    network = Network(rng)
    with pytest.raises(InputError, match=r"c of linearise has the wrong shape: \(3, 40, 4, 4\); \(3, 40, 4\)"):
        piecewise_linear_newton(
            lambda z, part: (network.linearise(z, part)[0], network.linearise(z, part)[0], None), network.z0, 40
        )
    with pytest.raises(InputError, match=r"another mask: NoneType; booleans of shape \(3, 40\) and further axes"):
        piecewise_linear_newton(lambda z, part: (*network.linearise(z, part)[:2], None), network.z0, 40)
    with pytest.raises(InputError, match="n_steps is no count: n_steps=0"):
        piecewise_linear_newton(network.linearise, network.z0, 0)
