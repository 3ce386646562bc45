"""NeuralODE: a neural ordinary differential equation as a reconstructor."""

import dataclasses

import numpy as np

from dysyr.core.arguments import FRACTION, NOT_NEGATIVE, POSITIVE, check_arguments, number, one_of, whole, whole_from
from dysyr.core.smoothing import difference_noise, measurement_noise, smooth, smoothing_window
from dysyr.core.vector_field import enough_substeps
from dysyr.reconstruction.neural_ode.losses import Forcing, OneStep, Shooting
from dysyr.reconstruction.neural_ode.model import ACTIVATIONS, NeuralField
from dysyr.reconstruction.neural_ode.network import FieldNetwork
from dysyr.training.estimator import Task, TrainedReconstructor, rms_change
from dysyr.training.gradient import GradientTraining, Schedule
from dysyr.training.windows import Windows

ONE_STEP_SHARE = 0.5
"""Share of the updates on single sampling intervals, which are cheap, before those on segments."""
NOISE_SHARE = 0.5
"""What is left by local cubics is bent curve, not noise, where sixth differences show less than this share of it."""
N_INITIAL_STATES = 64
N_ERRORS = 2000
COUNTS = ("hidden_dim", "n_layers", "segment", "n_updates", "batch_size", "n_checks")
ADAPTIVE = ("dopri5", "tsit5", "bosh3", "dopri8")


@dataclasses.dataclass(frozen=True, eq=False)
class SmoothedTask(Task):
    """A Task that knows the curve behind noisy samples.

    Attributes:
        smoothed: list of (time, variable) standardised complete stretches, smoothed.
        noise: (variable,) standard deviation of the noise, standardised units.
    """

    smoothed: list
    noise: np.ndarray

    @classmethod
    def from_data(cls, train):
        """The task of fitting a Dataset."""
        plain = Task.from_data(train)
        windows = smoothing_window(plain.pieces)
        residual, noise = measurement_noise(plain.pieces, windows), difference_noise(plain.pieces)
        is_noisy = noise >= NOISE_SHARE * residual
        windows = [w if noisy else 1 for w, noisy in zip(windows, is_noisy, strict=True)]
        smoothed = [smooth(x, windows) for x in plain.pieces]
        return cls(**vars(plain), smoothed=smoothed, noise=np.minimum(residual, noise))

    @property
    def change(self):
        """(variable,) root mean square change from sample to sample of the smoothed data, standardised units."""
        return rms_change(self.smoothed)


class NeuralODE(TrainedReconstructor):
    """A network as the vector field of a differential equation, trained through the solver.

        ds/dt = (change / dt) f(s)

    in standardised units; f has ``n_layers`` hidden layers and ``change`` is the root mean square change from sample to
    sample. The first half of the updates fits single sampling intervals, the second half segments of several, by
    multiple shooting (each segment has a start of its own, which is trained, and has to end where the next one
    begins) or by generalized teacher forcing. The model is a ``VectorField``. Smoothing by local cubics tells how noisy
    the data are; a context is filtered accordingly.

    Args:
        hidden_dim: units of a hidden layer.
        n_layers: hidden layers.
        activation: "silu", "softplus" or "tanh".
        training: "shooting" or "forcing".
        segment: sampling intervals of a segment.
        continuity: weight of the gaps between segments, for "shooting".
        alpha: share of the data in the state after each sampling interval, for "forcing".
        solver: classical Runge-Kutta steps in a sampling interval, or an adaptive solver of torchdiffeq by its name:
            "dopri5", "tsit5", "bosh3" or "dopri8".
        n_updates: updates by Adam.
        batch_size: segments of an update.
        learning_rate, learning_rate_end: of Adam, exponentially from the first to the second.
        gradient_clip: bound on the norm of the gradient.
        validation_fraction: share at the end of each trajectory that is held out when ``fit`` gets no validation data.
        n_checks: looks at validation data; the parameters of the last good one are kept.
        seed: seed of initial parameters and segments.

    Attributes after fit: ``model_`` (NeuralField, with ``n_parameters``); ``history_`` (iteration, loss, criterion per
    check; ``chosen``: iteration and criterion of what was kept); ``dt_``, ``n_features_in_``, ``provenance_``.

    Reference: chen2018
    """

    TASK = SmoothedTask
    ADVICE = "lower learning_rate, or shorten segment"

    def __init__(
        self, *, hidden_dim=64, n_layers=2, activation="silu", training="shooting", segment=5, continuity=1.0,
        alpha=0.1, solver=1, n_updates=4000, batch_size=64, learning_rate=1e-2, learning_rate_end=1e-5,
        gradient_clip=1.0, validation_fraction=0.2, n_checks=10, seed=0,
    ):  # fmt: skip
        self.hidden_dim = hidden_dim
        self.n_layers = n_layers
        self.activation = activation
        self.training = training
        self.segment = segment
        self.continuity = continuity
        self.alpha = alpha
        self.solver = solver
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
            *((name, *whole_from(1)) for name in COUNTS),
            *((name, *POSITIVE) for name in ("learning_rate", "learning_rate_end", "gradient_clip")),
            ("activation", *one_of(tuple(ACTIVATIONS))),
            ("training", *one_of(("shooting", "forcing"))),
            ("solver", f"a whole number of at least 1, or one of {ADAPTIVE}", lambda v: whole(v, 1) or v in ADAPTIVE),
            ("continuity", *NOT_NEGATIVE),
            ("alpha", "a number in [0, 1]", lambda v: number(v) and 0 <= v <= 1),
            ("validation_fraction", *FRACTION),
            ("seed", *whole_from(0)),
        )

    def _network(self, task):
        widths = (len(task.names), *(self.n_layers * [self.hidden_dim]), len(task.names))
        return FieldNetwork(widths, self.activation, change=task.change, seed=self.seed)

    def _training(self, field, task, criterion):
        form = {"solver": self.solver, "batch_size": self.batch_size}
        one_step = OneStep(field, task.smoothed, **form)
        if self.training == "shooting":
            whole_loss = Shooting(
                field, task.pieces, task.smoothed, task.noise, n=self.segment, continuity=self.continuity, **form
            )
        else:
            whole_loss = Forcing(field, task.pieces, n=self.segment, alpha=self.alpha, **form)
        n_one_step = round(ONE_STEP_SHARE * self.n_updates)
        schedule = Schedule(
            self.n_updates, self.n_checks, self.learning_rate, self.learning_rate_end, self.gradient_clip
        )
        return GradientTraining(
            whole_loss, lambda done, rng: (one_step if done < n_one_step else whole_loss)(rng), schedule,
            seed=self.seed, criterion=lambda trained: criterion(trained.field),
        )  # fmt: skip

    def _model(self, field, task):
        layers = [(w.detach().numpy(), b.detach().numpy()) for w, b in zip(field.weights, field.biases, strict=True)]
        form = {
            "activation": self.activation, "change": task.change, "noise": task.noise, "scaler": task.scaler,
            "dt": task.dt, "names": task.names,
            "initial_states": Windows(task.smoothed, 1).evenly(N_INITIAL_STATES)[:, 0],
        }  # fmt: skip
        pairs = Windows(task.smoothed, 2).evenly(N_ERRORS)

        def build(n_substeps, error=None):
            return NeuralField(layers, n_substeps=n_substeps, error=error, **form)

        n_substeps = self.solver
        if isinstance(self.solver, str):
            n_substeps = enough_substeps(build, pairs[:, 0])
        missed = build(n_substeps).step(pairs[:, 0]) - pairs[:, 1]
        error = np.sqrt((missed**2).mean(axis=0))
        return build(n_substeps, np.where(np.isfinite(error), error, 1.0))
