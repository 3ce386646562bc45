"""Fitted PLRNN, almost-linear and dendritic models: their map, its affine pieces, their files."""

import numpy as np
import pytest

import dysyr
from dysyr.core.model import repeat_step
from dysyr.core.scaler import Scaler
from dysyr.kernels.elementwise_plrnn import Parameters
from dysyr.reconstruction import ElementwisePLRNN
from dysyr.reconstruction.plrnn.recurrent_model import RecurrentModel

M, N, N_BASES = 5, 2, 3


def made(n_rectified=2, n_bases=0, clipped=False, n_inputs=0, seed=0):
    rng = np.random.default_rng(seed)
    parts = Parameters(
        rng.uniform(0.2, 0.6, M), 0.2 * rng.normal(size=(M, M)), rng.normal(size=M), rng.normal(size=n_bases),
        rng.normal(size=(M, n_bases)), rng.normal(size=(M, n_inputs)), rng.normal(size=(M - N, N)), np.zeros((0, M)),
    )  # fmt: skip
    return ElementwisePLRNN(
        parts, n_rectified=None if n_bases else n_rectified, clipped=clipped, dt=0.1, names=("x", "y"),
        scaler=Scaler(np.array([1.0, -2.0]), np.array([2.0, 3.0])), initial_states=rng.normal(size=(3, M)),
        input_scaler=Scaler(np.zeros(n_inputs), np.ones(n_inputs)) if n_inputs else None,
    )  # fmt: skip


FORMS = [
    {"n_rectified": 0}, {"n_rectified": 2}, {"n_rectified": M}, {"n_bases": N_BASES},
    {"n_bases": N_BASES, "clipped": True},
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_map_is_the_affine_piece_of_its_region(form):
    model = made(**form)
    z = 2 * np.random.default_rng(1).normal(size=(50, M))
    matrices, offsets = model.affine(model.region(z))
    assert model.region(z).shape == (50, model.n_bits)
    np.testing.assert_allclose(np.einsum("bij,bj->bi", matrices, z) + offsets, model.step(z), atol=1e-12)
    np.testing.assert_array_equal(model.jacobian(z), matrices)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_jacobian_is_that_of_finite_differences(form):
    model, eps = made(**form), 1e-6
    for z in np.random.default_rng(2).normal(size=(5, M)):
        ahead, behind = model.step(z + eps * np.eye(M)), model.step(z - eps * np.eye(M))
        np.testing.assert_allclose((ahead - behind).T / (2 * eps), model.jacobian(z[None])[0], atol=1e-8)


@pytest.mark.parametrize("form", [*FORMS, {"n_inputs": 2}], ids=str)
def test_compiled_runs_repeat_the_step(form):
    model = made(**form)
    u = np.random.default_rng(3).normal(size=(3, 40, 2)) if model.n_inputs else None
    np.testing.assert_allclose(
        model.trajectory(model.initial_states, 40, u), repeat_step(model, model.initial_states, 40, u), rtol=1e-9
    )  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_run_of_which_little_is_kept(form):
    """The same as of the family's other models, which make the whole orbit."""
    model = made(**form)
    own, plain = (
        run(model, model.initial_states, 40, 7) for run in (ElementwisePLRNN.observed_run, RecurrentModel.observed_run)
    )  # fmt: skip
    for mine, other in zip(own, plain, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_model_comes_back_from_its_state(form):
    model = made(**form)
    again = ElementwisePLRNN.from_state(model.config(), model.arrays())
    np.testing.assert_array_equal(again.generate(20)["x"], model.generate(20)["x"])
    assert (again.n_rectified, again.clipped) == (model.n_rectified, model.clipped)


def test_states_that_left_the_numbers_are_read_out_without_a_warning():
    own = made()
    model = ElementwisePLRNN(
        own.parameters._replace(B=np.array([[1.0, -1.0, 0, 0, 0], [0, 1.0, 0, 0, 0]])), n_rectified=2, dt=0.1,
        names=own.names, scaler=own.scaler, initial_states=own.initial_states,
    )  # fmt: skip
    z = np.zeros((2, M))
    z[1, :2] = np.inf
    found = model.standardised_readout(z)
    np.testing.assert_array_equal(found[0], 0.0)
    assert np.isnan(found[1]).any()


def test_parameters_are_all_numbers_that_were_fitted():
    assert made().n_parameters == M + M**2 + M + (M - N) * N
    assert made(n_bases=N_BASES).n_parameters == M + M**2 + M + N_BASES + M * N_BASES + (M - N) * N


def test_a_model_of_no_rectified_units_is_linear():
    model = made(n_rectified=0)
    z = np.random.default_rng(4).normal(size=(2, M))
    np.testing.assert_allclose(
        model.step(z.sum(axis=0, keepdims=True))[0] - model.step(z[:1])[0] - model.step(z[1:])[0],
        -model.parameters.h, atol=1e-12,
    )  # fmt: skip
    assert model.n_bits == 0


def test_a_skew_tent_from_parameters():
    model = dysyr.ALRNN.from_parameters(A=[1.5], W=[[-3.7]], h=[1.0], n_rectified=1)
    np.testing.assert_allclose(model.step(np.array([[-2.0], [0.3125]])), [[-2.0], [0.3125]])
    assert model.names == ("z1",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"A": [1.0], "W": [[1.0, 2.0]], "h": [0.0], "n_rectified": 1}, "do not fit together: A .1,., W .1, 2."),
        ({"A": [1.0], "W": [[1.0]], "h": [0.0], "n_rectified": 2}, "not a number of units: 2; 0 to 1"),
        ({"A": [1.0], "W": [[1.0]], "h": [0.0], "n_rectified": 1, "n_observed": 2}, "n_observed is not a number"),
        ({"A": [1.0], "W": [[1.0]], "h": [0.0], "n_rectified": None}, "exclude each other"),
    ],
)
def test_arrays_that_make_no_model(arguments, message):
    with pytest.raises(dysyr.InputError, match=message):
        dysyr.ALRNN.from_parameters(**arguments)
