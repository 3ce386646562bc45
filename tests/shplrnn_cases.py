"""A small recipe and windows on a noisy circle, for tests of SHPLRNN's training."""

import numpy as np

from dysyr.reconstruction.plrnn.shallow_network import ShallowNetwork
from dysyr.reconstruction.plrnn.training import Recipe
from dysyr.reconstruction.plrnn.windows import Windows

DT = 0.1


def circle(n=300, seed=0):
    t = DT * np.arange(n) + seed
    return np.column_stack([np.cos(t), np.sin(t)]) + 0.01 * np.random.default_rng(seed).normal(size=(n, 2))


def recipe(**changes):
    plain = {
        "network": ShallowNetwork(2, 6, False), "n_observed": 2, "n_inputs": 0, "affine": False, "n_updates": 40,
        "n_refinements": 0, "n_generations": 0, "batch_size": 20, "n_steps": 10, "warm_up": 0, "jitter": 0.0,
        "learning_rate": 1e-3, "learning_rate_end": 1e-4, "estimator": "arithmetic_mean", "alpha": (1.0,),
        "alpha_decay": 0.9, "interval": 1, "weight_decay": 0.0, "readout_penalty": 0.0, "gradient_clip": 0.0,
    }  # fmt: skip
    return Recipe(**{**plain, **changes})


def windows(length=11):
    return Windows.from_trajectories([circle()], None, length)
