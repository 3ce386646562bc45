"""Steps towards the steady state and in time: orders of convergence, analytic solutions, small rings."""

import numpy as np
import pytest
import torch
from povm_cases import SMALL, every, random_state, spin

import dysyr
from dysyr.core.povm import Frame
from dysyr.reconstruction.povm_transformer.gauss_newton import (
    Damping,
    damped_steps,
    equation,
    gauss_newton_step,
    ratio_gradients,
)
from dysyr.reconstruction.povm_transformer.local_generator import LocalGenerator
from dysyr.reconstruction.povm_transformer.outcome_strings import keys_of
from dysyr.reconstruction.povm_transformer.site_orders import site_orders
from dysyr.reconstruction.povm_transformer.steady_state import SteadyState
from dysyr.reconstruction.povm_transformer.step_report import report
from dysyr.reconstruction.povm_transformer.string_state import new_state
from dysyr.reconstruction.povm_transformer.sums import Sums, check_exact, exact_sum, probability_tensor, sampled_sum
from dysyr.reconstruction.povm_transformer.time_steps import projection_step, trapezoid_step, variational_step
from dysyr.reconstruction.povm_transformer.variational_rates import variational_rates

FRAME = Frame()
STEPS = {
    "trapezoid": lambda *arguments: trapezoid_step(*arguments, 1e-20),
    "projection": lambda *arguments: projection_step(*arguments, 1e-20),
    "variational": lambda *arguments: variational_step(*arguments, np.inf, 1e-12),
}


def sums_of(system, n_samples=None):
    return Sums(lambda t: LocalGenerator(system, FRAME, t), not system.spins.has_time, n_samples, 0)


def evolved(system, stepper, n_steps, t_end):
    """(probabilities at the end, reports), from the state of the file."""
    n = system.spins.n_sites
    state, sums = new_state(n, FRAME.log_probabilities(system.spins.initial_bloch()), **SMALL), sums_of(system)
    dt, rows = t_end / n_steps, []
    for k in range(n_steps):
        rows.append(STEPS[stepper](state, sums, k * dt, dt, FRAME))
    return probability_tensor(state), rows


@pytest.mark.parametrize(("stepper", "order"), [("trapezoid", 2), ("projection", 2), ("variational", 3)])
@pytest.mark.parametrize("driven", [False, True], ids=["constant", "driven"])
def test_order_of_convergence(stepper, order, driven):
    """One spin, of which the network represents every state."""
    field = [{"operator": "X", "on": "sites", "coefficient": "3*cos(2*t)" if driven else "3"}]
    one = spin(hamiltonian=field)
    exact = dysyr.evolve_states(one, [0.4], frame="tetra_pos", tolerance=1e-13)[0]
    errors = [np.abs(evolved(one, stepper, n, 0.4)[0] - exact).max() for n in ((4, 8) if order == 2 else (8, 16))]
    assert errors[1] < 1e-2
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.4)


def test_one_spin_along_the_analytic_solution():
    """H = 3 X and dephasing: <Y> and <Z> rotate with frequency sqrt(35) and decay with rate 1."""
    p, rows = evolved(spin(), "variational", 40, 0.5)
    bloch = [(FRAME.table(letter) * p).sum() for letter in "XYZ"]
    assert bloch == pytest.approx([0.0, -0.61505460, 0.11227666], abs=1e-5)
    assert max(row["variational_error"] for row in rows) < 1e-8


def test_a_variational_step_is_divided_until_its_error_is_small():
    one = dysyr.load_system("tfim_decay", n_sites=3)
    exact = dysyr.evolve_states(one, [0.1], frame="tetra_pos")[0]
    found = []
    for tolerance in (np.inf, 1e-6, 1e-10):
        state, sums = new_state(3, FRAME.log_probabilities(one.spins.initial_bloch()), **SMALL), sums_of(one)
        row = variational_step(state, sums, 0.0, 0.1, FRAME, tolerance, 1e-8)
        found.append((np.abs(probability_tensor(state) - exact).sum(), row["n_parts"], row["step_error"]))
    errors, parts, said = zip(*found, strict=True)
    assert parts[0] == 1 < parts[1] < parts[2]
    assert errors[0] > 10 * errors[2] and errors[2] < 2e-3
    assert said[0] > said[1] > said[2]
    assert said[2] <= parts[2] * 1e-5


def test_residuals_of_a_step_are_those_of_its_equation():
    one = dysyr.load_system("tfim_decay")
    dense = LocalGenerator(one, FRAME).rows(every(4))[1].toarray()
    state, sums = random_state(4, scale=0.1), sums_of(one)
    before = probability_tensor(state).ravel()
    row = trapezoid_step(state, sums, 0.0, 0.1, FRAME, 1e-4)
    after = probability_tensor(state).ravel()
    left = after - 0.05 * dense @ after - before - 0.05 * dense @ before
    assert row["residual_l1"] == pytest.approx(np.abs(left).sum(), rel=1e-8)
    assert row["residual_chi2"] == pytest.approx((left**2 / after).sum(), rel=1e-8)
    assert row["residual_chi2"] < 1e-2
    lowest = np.linalg.eigvalsh(FRAME.density_matrix(after.reshape((4,) * 4)))[0]
    assert row["smallest_eigenvalue"] == pytest.approx(lowest, abs=1e-10)
    assert np.isnan(row["effective_samples"])


def test_negative_targets_of_a_projection_are_counted():
    state, sums = new_state(1, FRAME.log_probabilities([[0, 0, 1.0]]), **SMALL), sums_of(spin(initial_state="up"))
    assert projection_step(state, sums, 0.0, 0.02, FRAME, 1e-10)["negative_weight"] == 0
    state = new_state(1, FRAME.log_probabilities([[0, 0, 1.0]]), **SMALL)
    assert 0.1 < projection_step(state, sums, 0.0, 0.24, FRAME, 1e-10)["negative_weight"] < 0.2
    with pytest.raises(dysyr.DysyrError, match="the step is too long for a projection: dt = 2, .*% of the target"):
        projection_step(state, sums, 0.0, 2.0, FRAME, 1e-10)


def test_a_collapse_is_an_error():
    state, sums = new_state(1, FRAME.log_probabilities([[0, 1.0, 0]]), **SMALL), sums_of(spin())
    problem, log_p = equation(sums.at(0.0, state).generator), np.array([0.0, -800.0, -800.0, -800.0])
    with pytest.raises(dysyr.DysyrError, match="the distribution has collapsed: .*: shorten dt, raise cutoff"):
        problem.ratios(log_p, log_p)
    with pytest.raises(dysyr.DysyrError, match="parts of a step became too short: .*: raise cutoff or tolerance"):
        variational_step(state, sums, 0.0, 0.5, FRAME, 1e-30, 1e-12)


def test_gradients_of_ratios_are_differences():
    state = random_state(3, scale=0.1)
    one = dysyr.load_system("tfim_decay", n_sites=3)
    total = sampled_sum(state, LocalGenerator(one, FRAME), 5, np.random.default_rng(0))
    problem, log_p = equation(total.generator), state.log_probabilities(total.strings)
    reference = log_p[: total.n].copy()
    rows = ratio_gradients(state, total.strings, problem.matrix, log_p, reference)
    along, h, theta = np.random.default_rng(1).normal(size=state.n_parameters), 1e-5, state.theta
    ends = []
    for sign in (1, -1):
        state.set_theta(theta + sign * h * torch.tensor(along))
        ends.append(problem.ratios(state.log_probabilities(total.strings), reference))
    np.testing.assert_allclose(rows @ along, (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-6)


def test_variational_rates_solve_the_normal_equations():
    rng = np.random.default_rng(0)
    for n_parameters in (4, 30):
        gradients, rates, weights = rng.normal(size=(12, n_parameters)), rng.normal(size=12), rng.uniform(1, 2, 12)
        found, left = variational_rates(gradients, rates, weights, 1e-9)
        share = np.sqrt(weights / weights.sum())
        centred, change = (a - share**2 @ a for a in (gradients, rates))
        best = np.linalg.lstsq(share[:, None] * centred, share * change, rcond=None)[0]
        np.testing.assert_allclose(found, best, atol=1e-8)
        np.testing.assert_allclose(left, change - centred @ best, atol=1e-8)
        # a large cutoff leaves weak directions alone, and few samples whatever drowns in their noise
        assert np.linalg.norm(variational_rates(gradients, rates, weights, 1.0)[0]) < np.linalg.norm(found)
        assert np.linalg.norm(variational_rates(gradients, rates, weights, 1e-9, 2)[0]) < np.linalg.norm(found)


@pytest.mark.parametrize("objective", ["chi2", "l1"])
def test_steady_state_of_a_ring(objective):
    ring = dysyr.load_system("tfim_decay", n_sites=3)
    exact = dysyr.steady_state(ring, frame="tetra_pos")
    orders = site_orders((3,), "periodic", "lattice")
    state = new_state(3, np.full((3, 4), np.log(0.25)), orders, **SMALL)
    steady = SteadyState(state, sums_of(ring), FRAME, objective=objective, tolerance=1e-12)
    residuals = []
    for _ in range(25):
        residuals.append(steady.advance())
        if steady.finished:
            break
    assert np.abs(probability_tensor(state) - exact).sum() / 2 < (1e-5 if objective == "chi2" else 3e-3)
    assert residuals[-1]["residual_l1"] < 1e-2 * residuals[0]["residual_l1"]


def test_objectives_are_the_residuals_they_name():
    ring = dysyr.load_system("tfim_decay", n_sites=3)
    state = random_state(3, scale=0.1)
    total = exact_sum(state, LocalGenerator(ring, FRAME))
    problem, log_p = equation(total.generator), state.log_probabilities(total.strings)
    row = report(state, total, problem, log_p, FRAME)
    for objective, name in (("chi2", "residual_chi2"), ("l1", "residual_l1")):
        theta = state.theta
        _, before, after = gauss_newton_step(state, total, problem, log_p, Damping(), objective)
        state.set_theta(theta)
        assert before == pytest.approx(row[name], rel=2e-2 if objective == "l1" else 1e-10)
        assert after < before


def test_sampled_sums_estimate_exact_ones():
    ring = dysyr.load_system("tfim_decay", n_sites=4)
    state = random_state(4, scale=0.1)
    generator = LocalGenerator(ring, FRAME)
    exact, sampled = exact_sum(state, generator), sampled_sum(state, generator, 4000, np.random.default_rng(0))
    found = []
    for total in (exact, sampled):
        log_p = state.log_probabilities(total.strings)
        ratios = equation(total.generator).ratios(log_p, log_p[: total.n])
        v = total.weights(log_p)
        assert v.sum() == pytest.approx(1.0)
        found.append((v @ ratios**2, np.sqrt((v @ ratios**4 - (v @ ratios**2) ** 2) / 4000)))
    (a, _), (b, error) = found
    assert abs(a - b) < 4 * error
    assert sampled.effective_size(state.log_probabilities(sampled.strings)) == pytest.approx(4000)
    drifted = random_state(4, scale=0.3, seed=1)
    assert sampled.effective_size(drifted.log_probabilities(sampled.strings)) < 2000
    assert len(np.unique(keys_of(sampled.strings))) == len(sampled.strings)


def test_exact_sums_that_do_not_fit():
    state = new_state(9, np.zeros((9, 4)), width=32, n_layers=2, n_heads=4, hidden_dim=64)
    with pytest.raises(dysyr.InputError, match=r"9 sites are too many for an exact sum: about .* GB needed"):
        check_exact(state)
    check_exact(new_state(6, np.zeros((6, 4)), site_orders((6,), "periodic", "lattice"), **SMALL))
    check_exact(new_state(9, np.zeros((9, 4)), site_orders((3, 3), "periodic", "translations"), **SMALL))


@pytest.mark.parametrize(("n", "n_parameters"), [(5, 9), (9, 5), (6, 6)])
def test_damped_steps_minimise_the_damped_squares(n, n_parameters):
    """min |J d - R|^2 + damping |d|^2 as an ordinary least-squares problem."""
    rng = np.random.default_rng(n)
    rows, residual = rng.normal(size=(n, n_parameters)), rng.normal(size=n)
    wide = np.vstack([rows, np.sqrt(0.3) * np.eye(n_parameters)])
    expected = np.linalg.lstsq(wide, np.concatenate([residual, np.zeros(n_parameters)]), rcond=None)[0]
    assert damped_steps(rows, residual)(0.3) == pytest.approx(expected, rel=1e-9)
