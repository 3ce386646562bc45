"""LatentSDE: a latent stochastic differential equation as a reconstructor."""

import dataclasses

import numpy as np
import torch

from dysyr.core.arguments import FRACTION, POSITIVE, check_arguments, none_or_whole_from, one_of, whole_from
from dysyr.core.dataset import trajectories
from dysyr.core.errors import InputError
from dysyr.reconstruction.latent_sde.bound import evidence_bound
from dysyr.reconstruction.latent_sde.model import FORM, LatentDiffusion
from dysyr.reconstruction.latent_sde.network import DIFFUSIONS, ENCODERS, LatentNetwork
from dysyr.training.estimator import Task, TrainedReconstructor
from dysyr.training.gradient import GradientTraining, Schedule
from dysyr.training.windows import Windows

N_INITIAL_STATES = 64
MOST_WINDOWS = 100_000
"""Of more windows as many are used, evenly over all; a training at the defaults draws hardly more."""
COUNTS = ("hidden_dim", "n_layers", "segment", "n_substeps", "n_updates", "batch_size", "n_checks")


@dataclasses.dataclass(frozen=True, eq=False)
class GappyTask(Task):
    """A Task that keeps the gaps.

    Attributes:
        series: list of (time, variable) standardised trajectories, NaN where missing.
    """

    series: list

    @classmethod
    def from_data(cls, train):
        """The task of fitting a Dataset."""
        plain = Task.from_data(train)
        return cls(**vars(plain), series=[plain.scaler.transform(x) for x in trajectories(train)])


class LatentSDE(TrainedReconstructor):
    """A stochastic differential equation with networks as drift and diffusion, behind noisy measurements.

        dz = h(z) dt + g(z) dW,    x = (z_1 .. z_n) + r e

    Noise that drives the system and noise of the measurements are told apart: both are learned, by the evidence lower
    bound of short windows. The posterior is a bridge to the next sample, corrected by a network that an encoder tells
    of the samples ahead; torchsde integrates it together with its divergence from the prior. The model is
    ``Probabilistic``: free runs are random paths, forecasts are distributions. A context, noisy or with gaps, is
    filtered by particles.

    Args:
        latent_dim: latent variables, at least as many as observed ones; None for as many. The further ones are hidden.
        hidden_dim: units of a hidden layer, and of the encoder.
        n_layers: hidden layers of the drift.
        encoder: "gru", backwards in time; or "cde", a neural controlled differential equation along the observed
            values, for data with many gaps.
        diffusion: "additive", or "multiplicative": g_i(z_i).
        segment: sampling intervals of a window.
        n_substeps: Euler steps in a sampling interval.
        n_updates: updates by Adam.
        batch_size: windows of an update.
        learning_rate, learning_rate_end: of Adam, exponentially from the first to the second.
        gradient_clip: bound on the norm of the gradient.
        validation_fraction: share at the end of each trajectory that is held out when ``fit`` gets no validation data.
        n_checks: looks at validation data; the parameters of the last good one are kept.
        seed: seed of initial parameters, windows and paths.

    Attributes after fit: ``model_`` (LatentDiffusion, with ``n_parameters``); ``history_`` (iteration, loss, which is
    minus the bound in nats for each value of a window, criterion per check; ``chosen``: iteration and criterion of what
    was kept); ``dt_``, ``n_features_in_``, ``provenance_``.

    Reference: li2020, kidger2020
    """

    TASK = GappyTask

    def __init__(
        self, *, latent_dim=None, hidden_dim=64, n_layers=2, encoder="gru", diffusion="additive", segment=6,
        n_substeps=4, n_updates=2000, batch_size=64, learning_rate=1e-2, learning_rate_end=1e-4, gradient_clip=1.0,
        validation_fraction=0.2, n_checks=10, seed=0,
    ):  # fmt: skip
        self.latent_dim = latent_dim
        self.hidden_dim = hidden_dim
        self.n_layers = n_layers
        self.encoder = encoder
        self.diffusion = diffusion
        self.segment = segment
        self.n_substeps = n_substeps
        self.n_updates = n_updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_end = learning_rate_end
        self.gradient_clip = gradient_clip
        self.validation_fraction = validation_fraction
        self.n_checks = n_checks
        self.seed = seed

    def _check_arguments(self):
        check_arguments(
            self,
            ("latent_dim", *none_or_whole_from(1)),
            *((name, *whole_from(1)) for name in COUNTS),
            *((name, *POSITIVE) for name in ("learning_rate", "learning_rate_end", "gradient_clip")),
            ("encoder", *one_of(ENCODERS)),
            ("diffusion", *one_of(DIFFUSIONS)),
            ("validation_fraction", *FRACTION),
            ("seed", *whole_from(0)),
        )

    def _form(self, task):
        form = {name: getattr(self, name) for name in FORM}
        if self.latent_dim is None:
            return form | {"latent_dim": len(task.names)}
        if self.latent_dim < len(task.names):
            raise InputError(
                "the latent state has fewer variables than the data", got=str(self.latent_dim),
                expected=f"latent_dim of at least {len(task.names)}, or None",
            )  # fmt: skip
        return form

    def _network(self, task):
        return LatentNetwork(len(task.names), change=task.change, seed=self.seed, **self._form(task))

    def _training(self, network, task, criterion):
        windows = Windows(task.series, self.segment + 1, "a window with its start")
        x = windows.evenly(min(len(windows.starts), MOST_WINDOWS))
        x = x[np.isfinite(x).any(axis=(1, 2))]
        prepared = torch.tensor(network.encoder.prepare(x), dtype=torch.float32)
        x = torch.tensor(x, dtype=torch.float32)
        n_values = torch.isfinite(x).sum() / len(x)

        def loss(done, rng):
            rows = torch.from_numpy(rng.integers(len(x), size=self.batch_size))
            size = (1 + self.segment * self.n_substeps, self.batch_size, network.latent_dim)
            e = torch.from_numpy(rng.standard_normal(size, dtype=np.float32))
            return -evidence_bound(network, prepared[rows], x[rows], e).mean() / n_values

        schedule = Schedule(
            self.n_updates, self.n_checks, self.learning_rate, self.learning_rate_end, self.gradient_clip
        )
        return GradientTraining(network, loss, schedule, seed=self.seed, criterion=criterion)

    def _model(self, network, task):
        chosen = Windows(task.series, self.segment + 1).evenly(N_INITIAL_STATES)
        with torch.no_grad():
            prepared = torch.tensor(network.encoder.prepare(chosen), dtype=torch.float32)
            x = torch.tensor(chosen[:, 0], dtype=torch.float32)
            seen = network.widened(torch.isfinite(x).float())
            first, _ = network.first(network.encoder(prepared)[:, 0], network.widened(torch.nan_to_num(x)), seen)
        return LatentDiffusion(
            network, form=self._form(task), length=self.segment + 1, scaler=task.scaler, dt=task.dt, names=task.names,
            initial_states=first.double().numpy(),
        )  # fmt: skip
