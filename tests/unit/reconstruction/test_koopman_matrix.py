"""The Koopman matrix against cases that can be worked out by hand, its spectrum and the penalties on it."""

import numpy as np
import pytest
import torch

from dysyr.reconstruction.koopman_vae import koopman

ROTATION = np.array([[0.9, 0.2], [-0.2, 0.9]])
ROTATION_OF_THREE = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def run(matrix, z0, n):
    z = [np.asarray(z0, dtype=float)]
    for _ in range(n - 1):
        z.append(z[-1] @ matrix)
    return torch.tensor(np.stack(z))[None]


def test_the_matrix_of_a_linear_map_is_found():
    z = run(ROTATION, [1.0, 0.3], 40)
    found = koopman.fit(*koopman.transitions(z)).numpy()
    np.testing.assert_allclose(found, ROTATION, atol=5e-6)
    modes = koopman.modes(ROTATION, dt=0.5)
    np.testing.assert_allclose(modes["modulus"], 0.921954446, rtol=1e-8)
    np.testing.assert_allclose(np.abs(modes["frequency"]) * 2 * np.pi * 0.5, 0.218668946, rtol=1e-8)
    np.testing.assert_allclose(modes["decay_rate"], -np.log(0.921954446) / 0.5, rtol=1e-7)


def test_a_small_case_is_exact(monkeypatch):
    monkeypatch.setattr(koopman, "RIDGE", 0.0)
    z = torch.tensor([[[1.0, 2.0], [2.0, 2.0], [3.0, 1.0]]])
    np.testing.assert_allclose(koopman.fit(*koopman.transitions(z)), [[1.0, -1.0], [0.5, 1.5]], rtol=1e-12)
    line = torch.tensor([[[1.0], [2.0], [3.0]]])
    matrix = koopman.fit(*koopman.transitions(line))
    assert matrix.item() == pytest.approx(1.6)
    assert koopman.prediction_error(line, matrix, form="published").item() == pytest.approx(0.1 / 3.577708764)
    assert koopman.prediction_error(line, matrix).item() == pytest.approx(0.1 / 6.5)


def test_only_the_published_error_falls_when_the_latent_space_shrinks():
    z = torch.tensor(np.random.default_rng(0).normal(size=(5, 12, 3)))
    for form, scales in (("relative", 1.0), ("published", 0.1)):
        whole, shrunk = (
            koopman.prediction_error(s * z, koopman.fit(*koopman.transitions(s * z)), n_steps=2, form=form).item()
            for s in (1.0, 0.1)
        )
        assert shrunk == pytest.approx(scales * whole, rel=1e-9)


def test_errors_of_two_steps_are_those_of_the_square():
    z = run(ROTATION, [1.0, 0.3], 10)
    other = torch.tensor(ROTATION + 0.1 * np.eye(2))
    one = (z[:, :-1] @ other - z[:, 1:]).square().mean() / z[:, 1:].square().mean()
    two = (z[:, :-2] @ other @ other - z[:, 2:]).square().mean() / z[:, 2:].square().mean()
    assert koopman.prediction_error(z, other, n_steps=2).item() == pytest.approx((one + two).item(), rel=1e-12)


def test_a_collapsed_latent_space_has_a_matrix_and_a_gradient():
    z = torch.zeros(3, 8, 4, requires_grad=True)
    koopman.fit(*koopman.transitions(z)).sum().backward()
    assert torch.isfinite(z.grad).all()
    flat = (torch.ones(3, 8, 1) * torch.arange(4.0)).requires_grad_()
    koopman.prediction_error(flat, koopman.fit(*koopman.transitions(flat))).backward()
    assert torch.isfinite(flat.grad).all()


def test_penalties_are_those_of_the_eigenvalues():
    rotation = torch.tensor(ROTATION)
    assert koopman.spectral_penalty(rotation, "unit_circle", 2).item() == pytest.approx(0.006091109, rel=1e-6)
    assert koopman.spectral_penalty(rotation, "stable", 2).item() == 0.0
    mixed = torch.diag(torch.tensor([1.3, 0.8, 1.1, 0.2], dtype=torch.float64))
    assert koopman.spectral_penalty(mixed, "unit_circle", 1).item() == pytest.approx((0.09 + 0.01) / 4)
    assert koopman.spectral_penalty(mixed, "stable", 1).item() == pytest.approx((0.09 + 0.01) / 4)


def constrained(matrix, constraint, n_unit):
    return koopman.constrained(torch.tensor(np.asarray(matrix)), constraint, n_unit).numpy()


def test_constrained_matrices_have_the_wanted_eigenvalues_and_the_same_vectors():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(5, 5)) / 2
    values, vectors = np.linalg.eig(matrix)
    circle = constrained(matrix, "unit_circle", 5)
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(circle)), 1.0, rtol=1e-9)
    for value, vector in zip(values, vectors.T, strict=True):
        np.testing.assert_allclose(circle @ vector, value / abs(value) * vector, atol=1e-9)
    stable = constrained(3 * matrix, "stable", 1)
    np.testing.assert_allclose(
        np.sort(np.abs(np.linalg.eigvals(stable))), np.sort(np.minimum(np.abs(3 * values), 1.0)), rtol=1e-9
    )
    np.testing.assert_array_equal(constrained(matrix, None, 5), matrix)


def test_the_gradient_of_a_constrained_matrix_is_that_of_differences():
    matrix = torch.tensor(np.random.default_rng(3).normal(size=(3, 3)) + 2 * ROTATION_OF_THREE, requires_grad=True)
    for constraint in ("unit_circle", "stable"):
        assert torch.autograd.gradcheck(lambda m, name=constraint: koopman.constrained(m, name, 2), matrix)


def test_a_complex_pair_is_not_parted():
    moduli = np.abs(np.linalg.eigvals(constrained(ROTATION, "unit_circle", 1)))
    np.testing.assert_allclose(moduli, 1.0, rtol=1e-12)


def test_states_are_rolled_by_powers_of_the_matrix():
    z = torch.tensor([[1.0, 2.0], [0.5, -1.0]])
    found = koopman.rolled(z, torch.tensor(ROTATION), 5)
    for k in range(5):
        wanted = z.numpy() @ np.linalg.matrix_power(ROTATION, k)
        np.testing.assert_allclose(found[:, k], wanted, rtol=1e-6)
    assert found.dtype == z.dtype


def test_a_dead_mode_decays_at_once():
    modes = koopman.modes(np.diag([1.0, 0.0]), dt=1.0)
    assert modes["decay_rate"].tolist() == [0.0, np.inf]
