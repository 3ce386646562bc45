"""What trainings make of long records takes a few times their bytes at most, see ``core/test_long_records.py``."""

import tracemalloc

import numpy as np
import pytest

from dysyr.core.dataset import make_dataset
from dysyr.core.scaler import Scaler
from dysyr.reconstruction.koopman_vae.encoder_regular import RecurrentEncoder
from dysyr.reconstruction.koopman_vae.windows import WindowSet
from dysyr.reconstruction.latent_sde import LatentSDE, latent_sde
from dysyr.reconstruction.phyxmamba import PhyxMamba
from dysyr.reconstruction.plrnn.estimator import _contexts
from dysyr.training.estimator import Task
from dysyr.training.windows import Windows

N, DT = 200_000, 0.1


def record():
    t = DT * np.arange(N)
    noise = 1e-2 * np.random.default_rng(0).normal(size=(N, 3))
    return np.column_stack([np.cos(t), np.sin(0.7 * t), np.sin(1.9 * t)]) + noise


MADE = {
    "training data": (Task.from_data, 4),
    "places of windows": (lambda data: Windows([data["x"].values[0]], 200), 2),
    "a set of windows": (lambda data: WindowSet(data, 24, Scaler(np.zeros(3), np.ones(3)), RecurrentEncoder), 5),
    "contexts": (_contexts, 2),
    "units of a decoder": (lambda data: PhyxMamba()._unit([data["x"].values[0]]), 2.5),
}
"""What is made of a data set, and how many times its bytes that takes at most."""


@pytest.mark.parametrize("name", MADE)
def test_memory(name):
    make, most = MADE[name]
    data = make_dataset(record(), dt=DT)
    tracemalloc.start()
    try:
        make(data)
        assert tracemalloc.get_traced_memory()[1] < most * data["x"].nbytes
    finally:
        tracemalloc.stop()


def test_of_very_many_windows_latent_sde_takes_some(monkeypatch):
    """As many, evenly over all, as if the others were not there."""
    asked = []
    evenly = Windows.evenly
    monkeypatch.setattr(latent_sde, "MOST_WINDOWS", 50)
    monkeypatch.setattr(Windows, "evenly", lambda self, count: asked.append(count) or evenly(self, count))
    LatentSDE(n_updates=1, n_checks=1, hidden_dim=4, batch_size=4).fit(record()[:300], dt=DT, progress=False)
    assert asked[0] == 50
