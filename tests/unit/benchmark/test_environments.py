"""The protocol of ten environments."""

import numpy as np
import pytest

from dysyr.benchmark.environments import ENVIRONMENTS, orbit, persistence, trajectories


def test_orbits_of_the_first_environment():
    x = orbit(*ENVIRONMENTS[0], (1.5, 1.2))
    np.testing.assert_allclose(x[1], (1.400890085, 1.344317535), atol=2e-8)
    np.testing.assert_allclose(x[10], (0.598115561, 1.015988918), atol=2e-8)
    np.testing.assert_allclose(x[19], (1.117158565, 0.607592679), atol=2e-8)


def test_starts_are_the_same_in_each_environment():
    x = trajectories(2, 5)
    assert x.shape == (10, 2, 20, 2)
    np.testing.assert_array_equal(x[:, :, 0], np.broadcast_to(x[0, :, 0], (10, 2, 2)))
    assert ((x[:, :, 0] >= 1) & (x[:, :, 0] <= 2)).all()
    assert persistence(x)[1] == pytest.approx(((x[:, :, 1:] - x[:, :, :1]) ** 2).mean())
