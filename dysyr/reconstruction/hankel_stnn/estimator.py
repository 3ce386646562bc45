"""From data to a fitted map of delay windows, for any network of dense layers."""

import abc
import math

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dysyr.core.arguments import FRACTION, NOT_NEGATIVE, TRUE_OR_FALSE, check_arguments, number, whole, whole_from
from dysyr.core.checkpoint import Checkpoint
from dysyr.core.criterion import validation_criterion
from dysyr.core.dataset import trajectories
from dysyr.core.delay_state import delay_form
from dysyr.core.errors import NotConverged
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.scaler import Scaler
from dysyr.core.segments import complete_stretches
from dysyr.reconstruction.hankel_stnn.rollouts import rollout, set_readout
from dysyr.reconstruction.hankel_stnn.training import Recipe, RolloutTraining
from dysyr.training.windows import Windows

N_MEMORY_WINDOWS = 1000
N_MEMORY_ROLLOUTS = 200


class DelayReconstructor(Reconstructor):
    """A map of windows of delays, trained on its own rollouts and chosen on validation data.

    Subclasses name their arguments, all of those that this class uses among them, and give network and model.
    """

    handles_missing = True
    min_samples = 60
    budget = ("n_iterations",)

    @abc.abstractmethod
    def _network(self, n_variables, memory):
        """A fresh network, a torch module with ``layers``, ``readout`` and ``offset``."""

    @abc.abstractmethod
    def _model(self, network, form):
        """The model of a network; ``form`` holds the other arguments of a ``DelayModel``."""

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Fit the model; see ``Reconstructor.fit``.

        Raises:
            InputError: arguments out of range, or data that do not suit.
            NotConverged: no check of the training found a finite loss.
        """
        check(self)
        data = self._checked(X, dt)
        train, held = self._train_and_validation(data, validation)
        names = tuple(str(name) for name in train["state"].values)
        scaler = Scaler.from_data(trajectories(train), names)
        pieces = [scaler.transform(x[start:stop]) for x in trajectories(train) for start, stop in complete_stretches(x)]
        form = delay_form(train, pieces, scaler, self.window, self.n_rollout)
        recipe = self._recipe(pieces)
        form |= {"change": recipe.change, "residual": recipe.residual}

        def criterion(network):
            return validation_criterion(self._model(network, form), held)

        place = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(train, held))
        with threadpool_limits(1):
            memory = self._memory(pieces, recipe)
            network = self._network(len(names), memory)
            training = RolloutTraining(network, pieces, recipe, seed=self.seed, criterion=criterion)
            disable = None if progress else True
            with tqdm(total=self.n_checks, desc=type(self).__name__, unit="check", disable=disable) as bar:
                value, iteration = training.run(checkpoint=place, bar=bar)
            if not math.isfinite(value):
                raise NotConverged("training never reached a finite loss", do="raise jitter, or shorten n_rollout")
            model = self._model(network, form)
        history = {name: np.asarray(column) for name, column in training.history.items()}
        history |= {"chosen": np.array([iteration, value]), "memory": np.array([float(memory)])}
        return self._learned(model, history, data)

    def _recipe(self, pieces):
        change = np.ones(pieces[0].shape[1])
        if self.residual:
            change = np.sqrt(np.mean(np.concatenate([np.diff(x, axis=0) for x in pieces]) ** 2, axis=0))
        return Recipe(
            window=self.window, n_rollout=self.n_rollout, n_windows=self.n_windows, n_iterations=self.n_iterations,
            n_checks=self.n_checks, jitter=float(self.jitter), residual=bool(self.residual), change=change,
        )  # fmt: skip

    def _memory(self, pieces, recipe):
        """The decay of the taper with which least squares of the readout alone gives the best rollouts."""
        if self.memory != "auto":
            return float(self.memory)
        steps = self.n_rollout
        drawn = Windows(pieces, self.window + steps).draw(N_MEMORY_WINDOWS + N_MEMORY_ROLLOUTS, self._rng(0))
        noise = recipe.jitter * self._rng(1).normal(size=drawn[:, : self.window].shape)
        noisy = np.concatenate([drawn[:, : self.window] + noise, drawn[:, self.window :]], axis=1)
        fitted, scored = noisy[N_MEMORY_ROLLOUTS:, : self.window + 1], noisy[:N_MEMORY_ROLLOUTS]
        fitted = fitted if len(fitted) else noisy[:, : self.window + 1]
        candidates = [2.0**k for k in range(self.window.bit_length() - 1)]
        errors = []
        for memory in candidates:
            network = self._network(pieces[0].shape[1], memory)
            set_readout(network, fitted, recipe.change, recipe.residual)
            with torch.no_grad():
                start, change = torch.tensor(scored[:, : self.window]), torch.tensor(recipe.change)
                ahead = rollout(network.layers(), start, steps, change, recipe.residual).numpy()
            errors.append(np.minimum(np.abs(ahead - scored[:, self.window :]), 1.0).mean())
        return candidates[int(np.argmin(errors))]

    def _rng(self, *stream):
        return np.random.default_rng([self.seed, 0x6D656D, *stream])


def check(reconstructor):
    """Refuse arguments that the delay reconstructors share and that are out of range.

    Raises:
        InputError: the first argument that is.
    """
    check_arguments(
        reconstructor,
        *((name, *whole_from(1)) for name in ("n_rollout", "n_windows", "n_iterations", "n_checks")),
        ("window", "a power of two, at least 2", lambda v: whole(v, 2) and v & (v - 1) == 0),
        ("seed", *whole_from(0)),
        ("jitter", *NOT_NEGATIVE),
        ("memory", "'auto' or a positive number", lambda v: v == "auto" if isinstance(v, str) else number(v) and v > 0),
        ("validation_fraction", *FRACTION),
        ("residual", *TRUE_OR_FALSE),
        ("activation", "'tanh', 'relu' or 'identity'", lambda v: v in ("tanh", "relu", "identity")),
    )
