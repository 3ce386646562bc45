"""Free runs of elementwise PLRNNs against the plain step, alone and behind a fitted model."""

import re

import numpy as np
import pytest
import torch

from dysyr.core.errors import InputError
from dysyr.core.model import repeat_step
from dysyr.core.scaler import Scaler
from dysyr.kernels import elementwise_plrnn_reference as twin
from dysyr.kernels.elementwise_plrnn import Form, Parameters
from dysyr.kernels.elementwise_plrnn_run import observed_run, run
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN


def parameters(rng, latent_dim, n_bases=0, n_inputs=0):
    def normal(*shape):
        return rng.normal(scale=0.5 / np.sqrt(latent_dim), size=shape)

    return Parameters(
        A=np.full(latent_dim, 0.5),
        W=normal(latent_dim, latent_dim),
        h=normal(latent_dim),
        alpha=normal(n_bases),
        H=rng.normal(size=(latent_dim, n_bases)),
        C=normal(latent_dim, n_inputs),
        L=np.zeros((0, latent_dim)),
        B=np.zeros((0, latent_dim)),
    )


@pytest.mark.parametrize(
    ("latent_dim", "n_bases", "n_inputs", "form"),
    [
        (7, 0, 0, {"n_rectified": 7}),
        (11, 0, 2, {"n_rectified": 3}),
        (1, 0, 1, {"n_rectified": 0}),
        (5, 4, 0, {}),
        (6, 3, 1, {"clipped": True}),
    ],
)
def test_a_free_run_repeats_the_reference_step(rng, latent_dim, n_bases, n_inputs, form):
    p = parameters(rng, latent_dim, n_bases, n_inputs)
    z, u = 3 * rng.normal(size=(19, latent_dim)), rng.normal(size=(19, 25, n_inputs))
    orbit = run(p, z, 25, u if n_inputs else None, **form)
    tensors, state = Parameters(*(torch.tensor(part) for part in p)), torch.tensor(z)
    wanted = Form(latent_dim - form.get("n_rectified", 0), form.get("clipped", False), False)
    for t in range(25):
        state = twin.step(tensors, state, torch.tensor(u[:, t]) if n_inputs else None, form=wanted)
        np.testing.assert_allclose(orbit[:, t], state.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("n_steps", [0, 1, 4, 23])
def test_a_run_of_which_little_is_kept_is_the_whole_run(rng, monkeypatch, affine, n_steps):
    """Over several calls of eight steps, every third state and the readouts."""
    p, z = parameters(rng, 5), rng.normal(size=(19, 5))
    if affine:
        p = p._replace(B=rng.normal(size=(2, 5)))
    monkeypatch.setattr("dysyr.kernels.elementwise_plrnn_run.STEPS_PER_CALL", 8)
    whole = run(p, z, n_steps, n_rectified=2)
    observed, states, last = observed_run(p, z, n_steps, 3, n_observed=2, n_rectified=2)
    np.testing.assert_allclose(observed, whole @ p.B.T if affine else whole[:, :, :2], rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(states, whole[:, ::3])
    np.testing.assert_array_equal(last, whole[:, -1] if n_steps else z)


def test_a_run_that_is_lost_is_read_out_without_a_warning(rng):
    p = parameters(rng, 3)._replace(A=np.full(3, 1e200), B=np.array([[1.0, -1.0, 0.0]]))
    observed, _, last = observed_run(p, np.ones((2, 3)), 5, 2, n_observed=1, n_rectified=1)
    assert not np.isfinite(observed[:, -1]).any() and not np.isfinite(last).all()


def test_a_run_in_parts_and_from_strided_float32_arrays_has_the_same_bits(rng, monkeypatch):
    p = parameters(rng, 5, 0, 2)
    z, u = rng.normal(size=(5, 17)).T, rng.normal(size=(17, 9, 2))
    single = p._replace(W=np.asfortranarray(p.W), h=np.repeat(p.h, 2)[::2], A=p.A.astype(np.float32))
    whole = run(p._replace(A=single.A.astype(np.float64)), np.ascontiguousarray(z), 9, u, n_rectified=2)
    monkeypatch.setattr("dysyr.kernels.elementwise_plrnn_run.STEPS_PER_CALL", 4)
    np.testing.assert_array_equal(run(single, z, 9, u, n_rectified=2), whole)
    np.testing.assert_array_equal(run(single, z[16:], 9, u[16:], n_rectified=2), whole[16:])


@pytest.mark.parametrize(("n_bases", "form"), [(0, {"n_rectified": 2}), (3, {"clipped": True})])
def test_the_trajectory_of_a_model_repeats_its_step(rng, n_bases, form):
    p = parameters(rng, 4, n_bases, 2)._replace(L=rng.normal(size=(2, 2)))
    model = ElementwisePLRNN(
        p, **form, scaler=Scaler(np.zeros(2), np.ones(2)), input_scaler=Scaler(np.ones(2), np.full(2, 3.0)), dt=0.1,
        names=["a", "b"], initial_states=np.zeros((1, 4)),
    )  # fmt: skip
    z, u = rng.normal(size=(3, 4)), rng.normal(size=(3, 20, 2))
    for drive in (None, u):
        np.testing.assert_allclose(model.trajectory(z, 20, drive), repeat_step(model, z, 20, drive), rtol=1e-10)


@pytest.mark.parametrize("name", ["A", "W", "h", "alpha", "H", "C"])
def test_parameters_that_do_not_fit_together_are_refused_before_memory_is_read(rng, name):
    p = parameters(rng, 4, 3, 2)
    short = getattr(p, name)[:-1]
    with pytest.raises(InputError, match="parameters do not fit together: "):
        run(p._replace(**{name: short}), np.zeros((1, 4)), 5)


def test_states_inputs_and_forms_of_another_shape_are_refused(rng):
    p, dendritic = parameters(rng, 3, 0, 2), parameters(rng, 3, 2)
    for z in (np.zeros(3), np.zeros((2, 2))):
        with pytest.raises(InputError, match=rf"starts do not fit .* {re.escape(str(z.shape))}; \(batch, 3\)"):
            run(p, z, 4, n_rectified=1)
    with pytest.raises(InputError, match=r"inputs do not fit the run: \(2, 5, 2\); \(2, 4, 2\)"):
        run(p, np.zeros((2, 3)), 4, np.zeros((2, 5, 2)), n_rectified=1)
    with pytest.raises(InputError, match="n_steps=-1"):
        run(p, np.zeros((2, 3)), -1, n_rectified=1)
    for given, n_rectified in ((p, None), (p, 4), (p, -1), (dendritic, 1)):
        with pytest.raises(InputError, match=f"rectified units do not fit the parameters: n_rectified={n_rectified} "):
            run(given, np.zeros((2, 3)), 4, n_rectified=n_rectified)
    assert run(p, np.zeros((0, 3)), 4, n_rectified=1).shape == (0, 4, 3)
