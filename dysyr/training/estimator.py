"""From data to a fitted model, for methods that train a network and choose a check on validation data."""

import abc
import dataclasses
import math

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dysyr.core.checkpoint import Checkpoint
from dysyr.core.criterion import validation_criterion
from dysyr.core.dataset import sampling_interval, trajectories
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.scaler import Scaler
from dysyr.core.segments import complete_stretches


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """Training data as a network wants them.

    Attributes:
        names: of the variables.
        dt: sampling interval in system time units.
        scaler: Scaler of the variables.
        pieces: list of (time, variable) standardised complete stretches.
    """

    names: tuple
    dt: float
    scaler: Scaler
    pieces: list

    @classmethod
    def from_data(cls, train):
        """The task of fitting a Dataset.

        Raises:
            InputError: no sample follows another one, both without missing values.
        """
        series = trajectories(train)
        names = tuple(str(name) for name in train["state"].values)
        scaler = Scaler.from_data(series, names)
        pieces = [scaler.transform(x[start:stop]) for x in series for start, stop in complete_stretches(x)]
        if max((len(x) for x in pieces), default=0) < 2:
            raise InputError(
                "no sample follows another one, both without missing values", do="fill gaps or use more data"
            )
        return cls(names, sampling_interval(train), scaler, pieces)

    @property
    def change(self):
        """(variable,) root mean square change from sample to sample, standardised units."""
        return rms_change(self.pieces)


def rms_change(pieces):
    """(variable,) root mean square change from sample to sample of a list of (time, variable) stretches."""
    return np.sqrt(np.mean(np.concatenate([np.diff(x, axis=0) for x in pieces]) ** 2, axis=0))


class TrainedReconstructor(Reconstructor):
    """A network that is trained by gradients and chosen on validation data.

    Subclasses name their arguments, ``n_updates``, ``n_checks`` and ``validation_fraction`` among them.

    Class attributes:
        TASK: Task, or a subclass that holds more.
        ADVICE: what to do where no loss was finite.
    """

    handles_missing = True
    min_samples = 60
    budget = ("n_updates",)
    TASK = Task
    ADVICE = "lower learning_rate"

    @abc.abstractmethod
    def _check_arguments(self):
        """Refuse arguments that are out of range."""

    @abc.abstractmethod
    def _network(self, task):
        """A fresh network for a Task."""

    @abc.abstractmethod
    def _training(self, network, task, criterion):
        """The Training of a network."""

    @abc.abstractmethod
    def _model(self, network, task):
        """The model of a network, with states to start from."""

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Fit the model; see ``Reconstructor.fit``.

        Raises:
            InputError: arguments out of range, or data that do not suit.
            NotConverged: no check of the training found a finite loss.
        """
        self._check_arguments()
        data = self._checked(X, dt)
        train, held = self._train_and_validation(data, validation)
        task = self.TASK.from_data(train)
        place = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(train, held))
        with threadpool_limits(1):
            network = self._network(task)
            training = self._training(
                network, task, lambda network: validation_criterion(self._model(network, task), held)
            )
            disable = None if progress else True
            with tqdm(total=self.n_checks, desc=type(self).__name__, unit="check", disable=disable) as bar:
                value, iteration = training.run(checkpoint=place, bar=bar)
            if not math.isfinite(value):
                raise NotConverged("training never reached a finite loss", do=self.ADVICE)
            model = self._model(network, task)
        history = {name: np.asarray(column) for name, column in training.history.items()}
        return self._learned(model, history | {"chosen": np.array([iteration, value])}, data)
