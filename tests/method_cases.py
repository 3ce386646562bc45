"""For each reconstructor: data that it should manage, small settings, and how to interrupt it."""

import dataclasses
from types import ModuleType
from typing import Any

import numpy as np
from jump_cases import THREE, paths

from dysyr.core import candidate_search
from dysyr.reconstruction import (
    ALRNN,
    GRU,
    HAVOK,
    LSTM,
    PLRNN,
    SHPLRNN,
    DendPLRNN,
    HankelDMD,
    HankelStNN,
    HiddenTerms,
    JumpEM,
    JumpFoundation,
    KoopmanVAE,
    LatentSDE,
    LinearAR,
    NeuralODE,
    NextGenReservoir,
    Persistence,
    PhyxMamba,
    ReservoirComputer,
    SINDy,
)
from dysyr.reconstruction.hidden_terms import work
from dysyr.reconstruction.jump_em import maximisation
from dysyr.reconstruction.koopman_vae import training as window_training
from dysyr.reconstruction.phyxmamba import training as patch_training
from dysyr.reconstruction.plrnn import search
from dysyr.training import loop

DT = 0.1


def spiral(n=400, seed=0):
    """Two sines with a phase, a linear system."""
    rng = np.random.default_rng(seed)
    t = DT * np.arange(n) + rng.uniform(0, 6)
    return np.column_stack([np.cos(t), 2 * np.sin(t) + 5]) + 1e-3 * rng.normal(size=(n, 2))


def labels(n=400, seed=0):
    """A chain of three states as a column of numbers."""
    return paths(THREE, n_paths=1, n=n, dt=DT, seed=seed)[0][:, None].astype(float)


def noise_like(x):
    """Independent normal numbers of the same mean and spread."""
    return np.random.default_rng(0).normal(size=x.shape) * x.std(axis=0) + x.mean(axis=0)


def shuffled(x):
    """The same rows in another order."""
    return np.random.default_rng(0).permutation(x)


def error_against_persistence(made):
    """Largest error of ten predicted samples, and that of the last sample of the context repeated."""
    series = spiral(200, seed=9)
    ahead = made.forecast(series[:100], n_steps=10)["x"].values[0]
    return np.abs(ahead - series[100:110]).max(), np.abs(series[99] - series[100:110]).max()


def error_against_frequencies(made):
    """Share of wrong next labels over fifty contexts, and that of always the most frequent one."""
    series = labels(1000, seed=9)
    contexts, following = series[:1000].reshape(50, 20, 1)[:, :-1], series.reshape(50, 20)[:, -1]
    ahead = made.forecast(contexts, n_steps=1)["x"].values[:, 0, 0]
    frequent = np.bincount(series[:, 0].astype(int)).argmax()
    return (ahead != following).mean(), (following != frequent).mean()


@dataclasses.dataclass(frozen=True)
class Case:
    """What the conformance suite needs to know of a method.

    Attributes:
        settings: arguments with which a fit takes about a second.
        longer: settings with which forecasts should be good.
        shorter: settings for fits whose quality does not matter.
        make: function (n, seed) -> (n, variables) samples DT apart.
        useless: function that takes from samples what a model could learn.
        forecast_errors: function of a fitted method -> (its error, that of a plain guess).
        unsuitable: list of (data, message of the refusal); ``constant`` data among them.
        module: where the interruptible function lies, and ``SECONDS_BETWEEN_WRITES``.
        owner, function: the object that holds the function called once per piece of work, and its name.
        n_pieces: function of history_ -> pieces of work after which a fit can be interrupted.
    """

    settings: dict
    longer: dict
    shorter: dict
    make: Any
    useless: Any
    forecast_errors: Any
    unsuitable: list
    module: ModuleType
    owner: Any
    function: str
    n_pieces: Any


def delays():
    """The case of a method for windows of delays."""
    constant = np.column_stack([np.ones(400), np.sin(np.arange(400))])
    return Case(
        settings={"window": 16, "n_blocks": 2, "n_rollout": 4, "n_windows": 100, "n_iterations": 40, "n_checks": 4},
        longer={"n_iterations": 100}, shorter={"n_iterations": 4}, make=spiral, useless=noise_like,
        forecast_errors=error_against_persistence,
        unsuitable=[(np.zeros((10, 2)), "too few samples"), (constant, "constant")], module=loop,
        owner=loop.Training, function="_check", n_pieces=lambda history: len(history["loss"]) - 1,
    )  # fmt: skip


def patches():
    """The case of a method for patches of delay windows."""
    constant = np.column_stack([np.ones(400), np.sin(np.arange(400))])
    return Case(
        settings={
            "n_tokens": 3, "d_model": 16, "d_state": 4, "head_dim": 16, "n_layers": 1, "n_updates": 150, "n_heads": 1,
            "n_rollout": 10, "n_rollout_updates": 10, "batch_size": 32, "rollout_batch_size": 16, "n_checks": 4,
        },
        longer={"n_updates": 300}, shorter={"n_updates": 4}, make=spiral, useless=noise_like,
        forecast_errors=error_against_persistence,
        unsuitable=[(np.zeros((10, 2)), "too few samples"), (constant, "constant")], module=patch_training,
        owner=patch_training.Training, function="_check", n_pieces=lambda history: len(history["loss"]) - 1,
    )  # fmt: skip


def windows():
    """The case of a method that draws windows."""
    constant = np.column_stack([np.ones(400), np.sin(np.arange(400))])
    return Case(
        settings={"window": 16, "latent_dim": 4, "hidden_dim": 8, "n_updates": 80, "n_checks": 3, "batch_size": 32},
        longer={"n_updates": 400}, shorter={"n_updates": 20}, make=spiral, useless=noise_like,
        forecast_errors=error_against_persistence,
        unsuitable=[(np.zeros((10, 2)), "too few samples"), (constant, "constant")], module=window_training,
        owner=window_training.Training, function="_check", n_pieces=lambda history: len(history["update"]) - 1,
    )  # fmt: skip


def state_space(settings):
    """The case of a method for continuous series."""
    constant = np.column_stack([np.ones(400), np.sin(np.arange(400))])
    return Case(
        settings={**SHORT, **settings}, longer={"n_updates": 1500}, shorter={"n_updates": 50}, make=spiral,
        useless=noise_like, forecast_errors=error_against_persistence,
        unsuitable=[(np.zeros((10, 2)), "too few samples"), (constant, "constant")],
        module=search, owner=search.Search, function="check", n_pieces=lambda history: len(history["update"]) - 1,
    )  # fmt: skip


def trained(settings, *, longer):
    """The case of a method of ``dysyr.training``."""
    constant = np.column_stack([np.ones(400), np.sin(np.arange(400))])
    return Case(
        settings={"hidden_dim": 8, "n_updates": 60, "n_checks": 4, "batch_size": 16, **settings},
        longer={"n_checks": 1, **longer}, shorter={"n_updates": 4, "n_checks": 1}, make=spiral, useless=noise_like,
        forecast_errors=error_against_persistence,
        unsuitable=[(np.zeros((10, 2)), "too few samples"), (constant, "constant")],
        module=loop, owner=loop.Training, function="_check", n_pieces=lambda history: len(history["loss"]) - 1,
    )  # fmt: skip


def closed_form(settings):
    """The case of a method that is fitted in closed form; settings leave it at least three candidates."""
    return dataclasses.replace(
        state_space({}), settings=settings, longer={}, shorter={}, module=candidate_search, owner=candidate_search,
        function="score_candidate", n_pieces=lambda history: len(history["score"]) - 1,
    )  # fmt: skip


def equations():
    """The case of the method for half-known equations; nothing is known of the spiral."""
    constant = np.column_stack([np.ones(400), np.sin(np.arange(400))])
    return Case(
        settings={
            "degree": 1, "n_members": 1, "width": 8, "hidden_width": 4, "n_collocation": 20, "n_adam": 10,
            "n_iterations": 20, "n_rounds": 1, "n_sets": 10, "segment": 25, "n_segments": 3,
        },
        longer={}, shorter={}, make=spiral, useless=noise_like, forecast_errors=error_against_persistence,
        unsuitable=[(np.zeros((3, 2)), "too few samples"), (constant, "constant")],
        module=work, owner=work.Work, function="_piece",
        n_pieces=lambda history: len(history["round"]) + len(history["criterion"]) - 1,
    )  # fmt: skip


def jumps(unsuitable):
    """The case of a method for labels of states."""
    return Case(
        settings={}, longer={}, shorter={}, make=labels, useless=shuffled, forecast_errors=error_against_frequencies,
        unsuitable=unsuitable, module=maximisation, owner=maximisation, function="_cycle",
        n_pieces=lambda history: len(history["objective"]) // 3,
    )  # fmt: skip


SHORT = {
    "sequence_length": 20, "n_updates": 400, "n_refinements": 6, "n_generations": 0, "n_checks": 4, "max_restarts": 0,
    "learning_rate": 5e-3,
}  # fmt: skip
ELEMENTWISE = {"latent_dim": 6, "forcing_interval": 5, "batch_size": 32}
CASES = {
    SHPLRNN: state_space({"hidden_dim": 8}),
    ALRNN: state_space({**ELEMENTWISE, "n_rectified": 2, "n_generations": 10}),
    DendPLRNN: state_space({**ELEMENTWISE, "n_bases": 3}),
    PLRNN: state_space({**ELEMENTWISE, "forcing_interval": 10}),
    HankelStNN: delays(),
    PhyxMamba: patches(),
    KoopmanVAE: windows(),
    LSTM: trained({"sequence_length": 20, "warm_up": 5}, longer={"n_updates": 300, "hidden_dim": 16}),
    GRU: trained({"sequence_length": 20, "warm_up": 5}, longer={"n_updates": 300, "hidden_dim": 16}),
    NeuralODE: trained({"segment": 3}, longer={"n_updates": 300}),
    LatentSDE: trained({"segment": 4, "n_substeps": 2}, longer={"n_updates": 300}),
    ReservoirComputer: closed_form({"n_units": 40, "input_scaling": 0.15}),
    NextGenReservoir: closed_form({"degree": 2, "spacing": 1}),
    SINDy: closed_form({"form": "weak", "window": 15}),
    HankelDMD: closed_form({"window": 25}),
    HAVOK: closed_form({"window": 25}),
    LinearAR: closed_form({"ridge": 1e-6}),
    Persistence: closed_form({"period": "auto"}),
    HiddenTerms: equations(),
    JumpEM: jumps([(np.zeros((1, 1)), "too few samples"), (np.zeros((400, 1)), "only one state")]),
    JumpFoundation: jumps(
        [(np.zeros((1, 1)), "too few samples"), (np.zeros((400, 1)), "only one state"),
         (np.arange(400)[:, None] % 9.0, "does not know so many states")]
    ),
}  # fmt: skip
