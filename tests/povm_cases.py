"""Outcome distributions that the tests of POVMTransformer share."""

import numpy as np
import torch

import dysyr
from dysyr.reconstruction.povm_transformer.outcome_strings import strings_of
from dysyr.reconstruction.povm_transformer.string_state import new_state

SMALL = {"width": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 8}
UNIFORM = np.log(0.25)


def every(n_sites):
    """All strings, the last site changing fastest."""
    return strings_of(np.arange(4**n_sites), n_sites)


def random_state(n_sites, orders=None, seed=0, scale=0.5):
    """A StringState of two layers, far from a product."""
    state = new_state(n_sites, np.full((n_sites, 4), UNIFORM), orders, **SMALL)
    noise = np.random.default_rng(seed).normal(size=state.n_parameters)
    state.set_theta(state.theta + scale * torch.tensor(noise))
    return state


def spin(**changes):
    """One spin: H = 3 X, jump operator Z with rate 1, begins at +y."""
    return dysyr.System.open_quantum(
        **{
            "lattice": {"shape": [1], "boundary": "open"},
            "hamiltonian": [{"operator": "X", "on": "sites", "coefficient": "3"}],
            "jumps": [{"operator": "Z", "on": "sites", "rate": "1"}],
            "observables": [{"name": "Y", "operator": "Y", "on": "sites"}],
            "initial_state": "right", "dt": 0.05, **changes,
        }
    )  # fmt: skip


def magnetisation(model, letter, state=-1, **more):
    """(value, standard error) of the mean over sites."""
    return model.estimate(letter, [(site,) for site in range(model.n_sites)], state=state, **more)
