"""LSTM and GRU: gated recurrent networks as reconstructors."""

import numpy as np
import torch

from dysyr.core.arguments import FRACTION, NOT_NEGATIVE, POSITIVE, check_arguments, none_or_whole_from, whole_from
from dysyr.core.errors import InputError
from dysyr.reconstruction.recurrent_net.model import PARAMETERS, GatedModel
from dysyr.reconstruction.recurrent_net.network import GatedNetwork
from dysyr.training.estimator import TrainedReconstructor
from dysyr.training.gradient import GradientTraining, Schedule
from dysyr.training.windows import Windows

N_INITIAL_STATES = 64
CONTEXT = 50
SEQUENCE_LENGTH = 100
COUNTS = ("hidden_dim", "n_updates", "batch_size", "n_checks")
TORCH_NAMES = (
    "recurrence.weight_ih_l0", "recurrence.weight_hh_l0", "recurrence.bias_ih_l0", "recurrence.bias_hh_l0",
    "readout.weight", "readout.bias",
)  # fmt: skip


class GatedReconstructor(TrainedReconstructor):
    """What LSTM and GRU share: all but the cell, which subclasses name as ``CELL``."""

    CELL = None

    def __init__(
        self, *, hidden_dim=64, sequence_length=None, warm_up=10, jitter=0.0, n_updates=3000, batch_size=32,
        learning_rate=1e-2, learning_rate_end=1e-5, gradient_clip=1.0, validation_fraction=0.2, n_checks=10, seed=0,
    ):  # fmt: skip
        self.hidden_dim = hidden_dim
        self.sequence_length = sequence_length
        self.warm_up = warm_up
        self.jitter = jitter
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
            *((name, *whole_from(0)) for name in ("warm_up", "seed")),
            ("sequence_length", *none_or_whole_from(1)),
            ("jitter", *NOT_NEGATIVE),
            ("validation_fraction", *FRACTION),
        )  # fmt: skip

    def _network(self, task):
        return GatedNetwork(self.CELL, len(task.names), self.hidden_dim, change=task.change, seed=self.seed)

    def _training(self, network, task, criterion):
        length = self.sequence_length or min(SEQUENCE_LENGTH, max(len(x) for x in task.pieces) - 1)
        if self.warm_up >= length:
            raise InputError(
                "warm_up leaves nothing to score", got=str(self.warm_up),
                expected=f"less than the {length} samples of a sequence",
            )  # fmt: skip
        windows = Windows(task.pieces, length + 1, "a sequence with the sample after it")

        def loss(done, rng):
            drawn = windows.draw_any(self.batch_size, rng)
            s = drawn[:, :-1] + self.jitter * rng.normal(size=drawn[:, :-1].shape)
            predicted = network(torch.tensor(s, dtype=torch.float32))
            error = (predicted - torch.tensor(drawn[:, 1:], dtype=torch.float32)) / network.change
            return (error[:, self.warm_up :] ** 2).mean()

        schedule = Schedule(
            self.n_updates, self.n_checks, self.learning_rate, self.learning_rate_end, self.gradient_clip
        )
        return GradientTraining(network, loss, schedule, seed=self.seed, criterion=criterion)

    def _model(self, network, task):
        trained = {name: value.detach().numpy() for name, value in network.named_parameters()}
        form = {
            "parameters": {name: trained[own] for name, own in zip(PARAMETERS, TORCH_NAMES, strict=True)},
            "cell": self.CELL, "change": task.change, "scaler": task.scaler, "dt": task.dt, "names": task.names,
        }  # fmt: skip
        length = min(CONTEXT, max(len(x) for x in task.pieces))
        contexts = task.scaler.inverse(Windows(task.pieces, length).evenly(N_INITIAL_STATES))
        bare = GatedModel(**form, initial_states=np.zeros((1, 1)))
        return GatedModel(**form, initial_states=bare.initial(contexts))


class LSTM(GatedReconstructor):
    """A long short-term memory that predicts the next sample, and then runs on its own predictions.

        (h[t+1], c[t+1]) = cell(s[t], h[t], c[t]),     s[t+1] = s[t] + change * (R h[t+1] + r)

    in standardised units, ``change`` being the root mean square change from sample to sample. It is trained with
    teacher forcing: every sample of a sequence is shown, with noise if wanted, and the next one is to be predicted. The
    state of the model is (h, c, s); a context fills the memory.

    Args:
        hidden_dim: units of the cell.
        sequence_length: samples shown in a sequence; by default 100, or what the longest stretch of the data allows.
        warm_up: steps at the start of each sequence that are not scored, while the memory fills.
        jitter: standard deviation of noise on the samples that are shown, in standard deviations of the data.
        n_updates: updates by Adam.
        batch_size: sequences of an update.
        learning_rate, learning_rate_end: of Adam, exponentially from the first to the second.
        gradient_clip: bound on the norm of the gradient.
        validation_fraction: share at the end of each trajectory that is held out when ``fit`` gets no validation data.
        n_checks: looks at validation data; the parameters of the last good one are kept.
        seed: seed of initial parameters, sequences and noise.

    Attributes after fit: ``model_`` (GatedModel, with ``n_parameters``); ``history_`` (iteration, loss, criterion per
    check; ``chosen``: iteration and criterion of what was kept); ``dt_``, ``n_features_in_``, ``provenance_``.

    Reference: hochreiter1997
    """

    CELL = "lstm"


class GRU(GatedReconstructor):
    """A gated recurrent unit that predicts the next sample, and then runs on its own predictions.

        h[t+1] = cell(s[t], h[t]),     s[t+1] = s[t] + change * (R h[t+1] + r)

    Equations, training, arguments and attributes are those of ``LSTM``, but for the cell, which has three gates and no
    memory beside h.

    Args:
        hidden_dim, sequence_length, warm_up, jitter, n_updates, batch_size: see ``LSTM``.
        learning_rate, learning_rate_end, gradient_clip, validation_fraction, n_checks, seed: see ``LSTM``.

    Reference: cho2014
    """

    CELL = "gru"
