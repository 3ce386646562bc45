"""Growth of tangent vectors of elementwise PLRNNs: known spectra, the NumPy twin, and the dispatch by family."""

import types

import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.core.scaler import Scaler
from dysyr.kernels import elementwise_plrnn_growth_reference as reference
from dysyr.kernels.elementwise_plrnn import Parameters
from dysyr.kernels.elementwise_plrnn_growth import first_vectors, tangent_growth
from dysyr.kernels.lyapunov import growth_of_map
from dysyr.kernels.model_growth import growth_of_model
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN


def parameters(rng, latent_dim, n_bases=0):
    def normal(*shape):
        return rng.normal(scale=1 / np.sqrt(latent_dim), size=shape)

    return Parameters(
        A=rng.uniform(0.3, 0.7, latent_dim),
        W=normal(latent_dim, latent_dim),
        h=normal(latent_dim),
        alpha=normal(n_bases),
        H=rng.normal(size=(latent_dim, n_bases)),
        C=np.zeros((latent_dim, 0)),
        L=np.zeros((0, latent_dim)),
        B=np.zeros((0, latent_dim)),
    )


def linear_map(diagonal):
    p = parameters(np.random.default_rng(0), len(diagonal))
    return p._replace(A=np.array(diagonal), W=np.zeros_like(p.W), h=np.zeros_like(p.h))


@pytest.mark.parametrize(
    ("latent_dim", "n_bases", "form", "batch", "n_steps", "every", "n_vectors"),
    [
        (11, 0, {"n_rectified": 2}, 17, 60, 4, None),
        (6, 0, {"n_rectified": 6}, 2, 50, 1, 3),
        (1, 0, {"n_rectified": 1}, 1, 3, 1, 1),
        (5, 4, {}, 3, 40, 2, 2),
        (4, 3, {"clipped": True}, 3, 40, 1, None),
    ],
)
def test_growth_equals_the_numpy_twin(rng, latent_dim, n_bases, form, batch, n_steps, every, n_vectors):
    p, z = parameters(rng, latent_dim, n_bases), rng.normal(size=(batch, latent_dim))
    growth = tangent_growth(p, z, n_steps, every=every, n_vectors=n_vectors, seed=3, **form)
    first = first_vectors(latent_dim, n_vectors, 3)
    expected = reference.tangent_growth(p, z, n_steps, first, every=every, **form)
    np.testing.assert_allclose(growth, expected, rtol=1e-8, atol=1e-8)


def test_the_exponents_of_a_linear_map_are_the_logarithms_of_the_moduli_of_its_eigenvalues(rng):
    values = np.array([1.2, -0.9, 0.6, 0.3])
    basis = rng.normal(size=(4, 4))
    matrix = basis @ np.diag(values) @ np.linalg.inv(basis)
    p = linear_map(np.full(4, 0.1))._replace(W=matrix - 0.1 * np.eye(4))
    settings = {"n_rectified": 0, "every": 2}
    growth = tangent_growth(p, np.zeros((1, 4)), 4000, **settings)[0, 1000:].mean(axis=0) / 2
    np.testing.assert_allclose(growth, np.log(np.abs(values)), atol=1e-10)
    leading = tangent_growth(p, np.zeros((1, 4)), 4000, n_vectors=2, **settings)[0, 1000:].mean(axis=0) / 2
    np.testing.assert_allclose(leading, np.log(np.abs(values[:2])), atol=1e-10)


def test_leading_vectors_leave_the_subspaces_that_a_map_keeps():
    """The first unit vectors of a diagonal map would stay where they are."""
    growth = tangent_growth(linear_map([0.5, 0.9, 2.0]), np.zeros((1, 3)), 400, n_rectified=0, n_vectors=2)
    np.testing.assert_allclose(growth[0, 200:].mean(axis=0), np.log([2.0, 0.9]), rtol=1e-8)


def test_an_orbit_has_the_same_bits_alone_and_among_others_and_in_short_calls(rng, monkeypatch):
    p, z = parameters(rng, 5), rng.normal(size=(33, 5))
    together = tangent_growth(p, z, 40, n_rectified=3, n_vectors=2)
    monkeypatch.setattr("dysyr.kernels.elementwise_plrnn_growth.PRODUCTS_PER_CALL", 1)
    for orbit in (0, 16, 32):
        alone = tangent_growth(p, z[orbit : orbit + 1], 40, n_rectified=3, n_vectors=2)[0]
        np.testing.assert_array_equal(together[orbit], alone)


def test_a_direction_sent_to_zero_has_minus_infinity_and_the_others_their_rates():
    growth = tangent_growth(linear_map([0.5, 0.0, -2.0]), np.ones((2, 3)), 5, n_rectified=1)
    expected = np.array([np.log(0.5), -np.inf, np.log(2.0)])
    np.testing.assert_allclose(growth, np.broadcast_to(expected, growth.shape), rtol=1e-14)


def test_an_orbit_that_leaves_all_numbers_gives_nan_from_then_on_and_the_others_go_on():
    z = np.array([[0.0, 0.0], [1e78, 0.0], [0.0, 1e-90]])
    growth = tangent_growth(linear_map([1e80, 1e80]), z, 5, n_rectified=1)
    assert np.isnan(growth[1, 3:]).all()
    np.testing.assert_allclose(growth[1, :2], np.log(1e80), rtol=1e-14)
    np.testing.assert_allclose(growth[[0, 2], :4], np.log(1e80), rtol=1e-14)


@pytest.mark.parametrize(("n_bases", "form"), [(0, {"n_rectified": 2}), (3, {"clipped": True})])
def test_exponents_of_a_model_are_those_of_its_step_and_jacobian(rng, n_bases, form):
    p = parameters(rng, 4, n_bases)
    p.W[:] *= 0.4
    model = ElementwisePLRNN(
        p, **form, scaler=Scaler(np.zeros(4), np.ones(4)), dt=1.0, names=list("abcd"), initial_states=np.zeros((1, 4))
    )  # fmt: skip
    z = rng.normal(size=(2, 4))
    slow = growth_of_map(model.step, model.jacobian, z, 3000)[0][:, 1000:].mean(axis=1)
    np.testing.assert_allclose(growth_of_model(model, z, 3000)[:, 1000:].mean(axis=1), slow, atol=5e-3)
    leading = growth_of_model(model, z, 3000, n_vectors=2, seed=1)
    assert leading.shape == (2, 3000, 2)
    np.testing.assert_allclose(leading[:, 1000:].mean(axis=1), slow[:, :2], atol=5e-3)


def test_models_without_a_compiled_kernel_give_as_many_vectors_as_are_asked_for():
    matrix = np.array([[1.1, 0.3], [0.0, 0.5]])
    model = types.SimpleNamespace(
        latent_dim=2, kernel=lambda: None, step=lambda z: z @ matrix.T, jacobian=lambda z: matrix[None]
    )  # fmt: skip
    whole = growth_of_model(model, np.ones((1, 2)), 30, seed=2)
    one = growth_of_model(model, np.ones((1, 2)), 30, n_vectors=1, seed=2)
    assert one.shape == (1, 30, 1)
    np.testing.assert_allclose(one, whole[:, :, :1], rtol=1e-12, err_msg="but for the rounding of one vector alone")
    for n_vectors in (0, 3):
        with pytest.raises(InputError, match=f"no such number of tangent vectors: {n_vectors}; 1 to 2"):
            growth_of_model(model, np.ones((1, 2)), 30, n_vectors=n_vectors)


def test_bad_input_is_refused(rng):
    p = parameters(rng, 3)
    with pytest.raises(InputError, match=r"starts do not fit the model: shape \(3,\); \(batch, 3\)"):
        tangent_growth(p, np.zeros(3), 10, n_rectified=1)
    for n_steps, every in ((10, 3), (-4, 2), (4, 0)):
        with pytest.raises(InputError, match=f"n_steps={n_steps}, every={every}"):
            tangent_growth(p, np.zeros((1, 3)), n_steps, every=every, n_rectified=1)
    for n_vectors in (0, 4):
        with pytest.raises(InputError, match=f"no such number of tangent vectors: {n_vectors}; 1 to 3"):
            tangent_growth(p, np.zeros((1, 3)), 10, n_vectors=n_vectors, n_rectified=1)
    assert tangent_growth(p, np.zeros((0, 3)), 5, n_rectified=1).shape == (0, 5, 3)
