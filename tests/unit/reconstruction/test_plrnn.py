"""What is the own of PLRNN: the form of the model, what it refuses."""

import numpy as np
import pytest
from shplrnn_cases import DT, circle

import dysyr

SMALL = {
    "latent_dim": 4, "sequence_length": 15, "forcing_interval": 5, "n_updates": 60, "n_refinements": 3,
    "n_generations": 10, "n_checks": 3, "max_restarts": 0, "batch_size": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"readout": "identity"},
        {"readout_penalty": 1e-3, "latent_dim": 1},
        {"forcing": "generalized"},
        {"forcing": "generalized", "alpha": "annealed", "weight_decay": 1e-4},
        {"forcing": "identity", "gradient_clip": 1.0},
        {"latent_dim": None},
    ],
    ids=str,
)
def test_every_option_trains(changes):
    fitted = dysyr.PLRNN(**{**SMALL, **changes}).fit(circle(), dt=DT, progress=False)
    assert np.isfinite(fitted.history_["loss"]).all()
    assert fitted.generate(5)["x"].shape == (1, 5, 2)
    model = fitted.model_
    assert model.n_bits == model.n_rectified == model.latent_dim == (fitted.latent_dim or 2)
    assert not model.clipped and model.parameters.alpha.size == 0
    assert model.reference == "koppe2019"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent_dim": 1, "readout": "identity"}, "too small for an identity readout: 1; at least the 2 observed"),
        ({"latent_dim": 2.5}, "PLRNN cannot use this latent_dim: 2.5; a whole number of at least 1, or None"),
        ({"readout": "linear"}, "PLRNN cannot use this readout: 'linear'"),
        ({"n_refinements": -1}, "cannot use this n_refinements: -1"),
    ],
)
def test_bad_arguments_say_what_would_do(changes, message):
    with pytest.raises(dysyr.InputError, match=message):
        dysyr.PLRNN(**{**SMALL, **changes}).fit(circle(), dt=DT, progress=False)


def test_dendrites_and_rectified_units_are_no_arguments():
    with pytest.raises(TypeError, match="n_rectified"):
        dysyr.PLRNN(n_rectified=2)
    with pytest.raises(TypeError, match="n_bases"):
        dysyr.PLRNN(n_bases=2)
