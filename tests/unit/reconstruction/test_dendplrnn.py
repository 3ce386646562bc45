"""What is the own of DendPLRNN: arguments, the form of the model, where it starts."""

import numpy as np
import pytest
from shplrnn_cases import DT, circle, recipe, windows

import dysyr
from dysyr.reconstruction.plrnn.training import Attempt

SMALL = {
    "latent_dim": 4, "n_bases": 3, "sequence_length": 15, "forcing_interval": 5, "n_updates": 60, "n_refinements": 3,
    "n_generations": 10, "n_checks": 3, "max_restarts": 0, "batch_size": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"clipped": True},
        {"clipped": False, "n_bases": 1},
        {"clipped": np.True_, "readout": "affine", "readout_penalty": 1e-3},
        {"forcing": "generalized"},
        {"forcing": "generalized", "alpha": 0.1, "weight_decay": 1e-4},
        {"forcing": "identity", "gradient_clip": 1.0},
        {"latent_dim": None},
    ],
    ids=str,
)
def test_every_option_trains(changes):
    fitted = dysyr.DendPLRNN(**{**SMALL, **changes}).fit(circle(), dt=DT, progress=False)
    assert np.isfinite(fitted.history_["loss"]).all()
    assert fitted.generate(5)["x"].shape == (1, 5, 2)
    model, asked = fitted.model_, fitted.get_params()
    assert model.parameters.H.shape == (asked["latent_dim"] or 2, asked["n_bases"])
    assert model.clipped is bool(asked["clipped"])
    assert model.n_rectified is None
    assert model.n_bits == model.latent_dim * (asked["n_bases"] + model.clipped)
    assert model.reference == "brenner2022"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_bases": 0}, "DendPLRNN cannot use this n_bases: 0; a whole number of at least 1"),
        ({"n_bases": 2.0}, "cannot use this n_bases: 2.0"),
        ({"n_bases": True}, "cannot use this n_bases: True"),
        ({"clipped": "yes"}, "DendPLRNN cannot use this clipped: 'yes'; True or False"),
        ({"clipped": 1}, "cannot use this clipped: 1"),
        ({"latent_dim": 1}, "latent_dim is too small for an identity readout: 1; at least the 2 observed variables"),
        ({"latent_dim": 0}, "DendPLRNN cannot use this latent_dim: 0"),
        ({"forcing": "none"}, "DendPLRNN cannot use this forcing: 'none'"),
        ({"n_generations": -1}, "cannot use this n_generations: -1"),
    ],
)
def test_bad_arguments_say_what_would_do(changes, message):
    with pytest.raises(dysyr.InputError, match=message):
        dysyr.DendPLRNN(**{**SMALL, **changes}).fit(circle(), dt=DT, progress=False)


def test_kinks_start_within_the_data_and_slopes_as_in_the_paper():
    (network,) = dysyr.DendPLRNN(latent_dim=40, n_bases=25)._networks(2)
    p = Attempt(recipe(network=network), windows(), np.random.default_rng(0)).parameters
    assert np.abs(p.alpha).max() <= 1 / np.sqrt(25) and np.abs(p.alpha).max() > 0.15
    assert np.abs(p.H).max() < 1.1 and p.H.min() < -0.9 and p.H.max() > 0.9
    np.testing.assert_array_equal(np.diag(p.W), 0)
    np.testing.assert_array_equal(p.h, 0)
    matrix = np.diag(p.A) + p.W
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-6)
    eigenvalues = np.linalg.eigvalsh(matrix)
    assert eigenvalues.min() > 0 and eigenvalues.max() == pytest.approx(1.0, abs=1e-5)


def test_orbits_of_the_clipped_form_are_bounded_where_a_is_small():
    """|phi(s)_m| <= sum_b |alpha_b H_mb|, so |z| cannot exceed (|h| + |W| max|phi|) / (1 - |A|) for long."""
    fitted = dysyr.DendPLRNN(**{**SMALL, "clipped": True}).fit(circle(), dt=DT, progress=False)
    model = fitted.model_
    p = model.parameters
    p.A[:] = np.clip(p.A, -0.9, 0.9)
    most = np.abs(p.H) @ np.abs(p.alpha)
    bound = (np.abs(p.h) + np.abs(p.W) @ most) / (1 - np.abs(p.A))
    far = 1e3 * np.random.default_rng(0).normal(size=(20, 4))
    assert (np.abs(model.trajectory(far, 400)[:, -1]) <= bound + 1e-9).all()


def test_a_piecewise_linear_map_is_found_again_from_its_orbit():
    """Two units that rectify each other, exponent 0.27: kinks, slopes and bias come back, in standardised units."""
    a, w, h = np.array([-0.89, 0.64]), np.array([[0.0, 2.47], [-1.69, 0.0]]), np.array([-0.93, 1.08])
    series = np.empty((2000, 2))
    series[0] = 0.2, 0.1
    for t in range(1999):
        series[t + 1] = a * series[t] + w @ np.maximum(series[t], 0.0) + h
    fitted = dysyr.DendPLRNN(
        latent_dim=2, n_bases=1, clipped=False, forcing="identity", sequence_length=20, jitter=0.0, n_updates=2000,
        n_refinements=40, n_generations=0, max_restarts=0,
    ).fit(series, dt=1.0, progress=False)  # fmt: skip
    p, scaler = fitted.model_.parameters, fitted.model_.scaler
    assert fitted.history_["smoothing"].tolist() == [1, 1]
    np.testing.assert_allclose(p.H[:, 0], -scaler.mean / scaler.sd, atol=1e-6)
    np.testing.assert_allclose(p.A, a, atol=1e-6)
    np.testing.assert_allclose(p.W * p.alpha, w * scaler.sd / scaler.sd[:, None], atol=1e-6)
    z = scaler.transform(series)
    np.testing.assert_allclose(fitted.model_.step(z[:-1]), z[1:], atol=1e-6)
