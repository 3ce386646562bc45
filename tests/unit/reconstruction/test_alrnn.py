"""What is the own of ALRNN: arguments, choice of P, checkpoints."""

import numpy as np
import pytest
from shplrnn_cases import DT, circle

import dysyr
from dysyr.reconstruction.plrnn import alrnn
from dysyr.reconstruction.plrnn.estimator import smallest_on_plateau

SMALL = {
    "latent_dim": 4, "sequence_length": 15, "forcing_interval": 5, "n_updates": 60, "n_refinements": 3,
    "n_generations": 10, "n_checks": 3, "max_restarts": 0, "batch_size": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"n_rectified": 0},
        {"n_rectified": 4, "readout": "affine", "readout_penalty": 1e-3},
        {"forcing": "generalized"},
        {"forcing": "generalized", "alpha": 0.1, "weight_decay": 1e-4},
        {"forcing": "identity", "gradient_clip": 1.0, "coupling_penalty": 0.1},
        {"latent_dim": None, "n_rectified": 1},
    ],
    ids=str,
)
def test_every_option_trains(changes):
    fitted = dysyr.ALRNN(**{**SMALL, **changes}).fit(circle(), dt=DT, progress=False)
    assert np.isfinite(fitted.history_["loss"]).all()
    assert fitted.generate(5)["x"].shape == (1, 5, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_starts": 0}, "cannot use this n_starts: 0; a whole number of at least 1"),
        ({"n_evolutions": 0}, "cannot use this n_evolutions: 0; a whole number of at least 1"),
        ({"coupling_penalty": -1}, "cannot use this coupling_penalty: -1; a number of at least 0"),
        ({"n_rectified": -1}, "ALRNN cannot use this n_rectified: -1; 'auto' or a whole number"),
        ({"n_rectified": "many"}, "cannot use this n_rectified: 'many'"),
        ({"n_rectified": 5}, "more rectified units than units: n_rectified=5; at most latent_dim=4"),
        ({"latent_dim": 1, "n_rectified": 1}, "latent_dim is too small"),
        ({"n_generations": -1}, "cannot use this n_generations"),
    ],
)
def test_bad_arguments_say_what_would_do(changes, message):
    with pytest.raises(dysyr.InputError, match=message):
        dysyr.ALRNN(**{**SMALL, **changes}).fit(circle(), dt=DT, progress=False)


def test_the_smallest_on_the_plateau_is_chosen():
    assert smallest_on_plateau(np.array([0.5, 0.2, 0.17, 0.16])) == 1
    assert smallest_on_plateau(np.array([0.5, 0.4, 0.3, 0.1])) == 3
    assert smallest_on_plateau(np.array([0.1, 0.4])) == 0


def test_automatic_choice_reports_quality_against_rectified_units(monkeypatch, tmp_path):
    monkeypatch.setattr(alrnn, "LADDER", (1, 2, 8))
    made = dysyr.ALRNN(**{**SMALL, "n_rectified": "auto"}).fit(circle(), dt=DT, progress=False, checkpoint=tmp_path)
    assert made.history_["n_rectified"].tolist() == [1, 2]
    quality = made.history_["quality"]
    assert quality.shape == (2,) and (quality < 1).all()
    assert made.model_.n_rectified == [1, 2][smallest_on_plateau(quality)]
    again = dysyr.ALRNN(**{**SMALL, "n_rectified": "auto"}).fit(circle(), dt=DT, progress=False, checkpoint=tmp_path)
    np.testing.assert_array_equal(again.model_.parameters.W, made.model_.parameters.W)
    assert len(list(tmp_path.glob("checkpoint_*.safetensors"))) == 2


def test_no_evolution_with_external_inputs():
    u = np.random.default_rng(0).normal(size=(1, 300, 1))
    data = dysyr.make_dataset(circle()[None], dt=DT, names=("x", "y"), u=u)
    fitted = dysyr.ALRNN(**SMALL).fit(data, progress=False)
    assert fitted.history_["update"].max() == SMALL["n_updates"] + SMALL["n_refinements"]
