"""The contract of all reconstructors: scikit-learn's, with a generative model as the thing that is learned."""

import abc
import hashlib
import json

from sklearn.base import BaseEstimator

from dysyr.core.criterion import validation_criterion
from dysyr.core.dataset import as_dataset, data_hash, in_order, sampling_interval, trajectories
from dysyr.core.errors import InputError
from dysyr.core.known_data import data_at
from dysyr.core.provenance import provenance
from dysyr.core.run_folder import write_run
from dysyr.core.segments import split


class Estimator(BaseEstimator):
    """What all methods share: arguments as scikit-learn has them, a run folder, a fingerprint of a fit."""

    def save(self, path):
        """Write a run folder that ``dysyr.load`` reads; see ``run_folder``.

        Args:
            path: folder, new, empty, or an earlier run.
        """
        model = self._fitted()
        write_run(
            path, method=type(self).__name__, parameters=self.get_params(), model=model, history=self.history_,
            provenance=self.provenance_,
        )  # fmt: skip

    def _fitted(self):
        if not hasattr(self, "model_"):
            raise InputError(f"this {type(self).__name__} is not fitted", do="call fit first")
        return self.model_

    def _fingerprint(self, *known):
        """Text that is equal exactly when arguments and ``known``, Datasets and texts, are equal."""
        settings = json.dumps(self.get_params(), sort_keys=True, default=lambda v: getattr(v, "tolist", v.__repr__)())
        told = (text if isinstance(text, str) else data_hash(text) for text in known)
        return hashlib.sha256("|".join([settings, *told]).encode()).hexdigest()


class Reconstructor(Estimator, abc.ABC):
    """Fits a generative model of the dynamics to data.

    The constructor only stores named arguments, ``seed`` among them; ``fit`` returns self; what is learned ends in
    an underscore: ``model_`` (a Model), ``history_`` (dict of arrays), ``provenance_`` (dict), ``dt_``,
    ``n_features_in_``.

    Class attributes:
        handles_irregular: takes data without a constant sampling interval.
        handles_missing: takes data with missing values.
        handles_inputs: takes data with external inputs.
        draws_windows: its model is a WindowGenerator, judged by windows of as many samples as its argument ``window``.
        uses_seed: another seed gives another fit; ask a method that was made, some arguments draw and some do not.
        min_samples: fewest samples in all.
        min_path_samples: fewest samples of a trajectory.
        budget: names of the arguments that say how long a fit trains, which ``tune`` shortens alike; none where a fit
            is in closed form or stops by itself.
    """

    handles_irregular = False
    handles_missing = False
    handles_inputs = False
    draws_windows = False
    uses_seed = True
    min_samples = 20
    min_path_samples = 2
    budget: tuple[str, ...] = ()

    @abc.abstractmethod
    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Fit the model.

        Args:
            X: data, whatever ``as_dataset`` takes.
            y: ignored, for pipelines.
            dt: sampling interval in system time units, where X does not carry it.
            validation: data for the choice of a checkpoint; by default the end of each trajectory of X.
            progress: show a progress bar when standard error is a terminal.
            checkpoint: folder in which an interrupted fit is resumed, bit for bit.

        Returns:
            self.

        Raises:
            InputError: the data do not suit the method.
        """

    def generate(self, n_steps, *, n_trajectories=1, context=None, transient=None, inputs=None, seed=0):
        """Let the fitted model run free; see ``Model.generate``."""
        return self._fitted().generate(
            n_steps, n_trajectories=n_trajectories, context=context, transient=transient, inputs=inputs, seed=seed
        )

    def forecast(self, context, *, n_steps, inputs=None):
        """Continue a context with the fitted model; see ``Model.forecast``."""
        return self._fitted().forecast(context, n_steps=n_steps, inputs=inputs)

    def score(self, X, y=None):
        """Minus the shared validation criterion on X; higher is better, 0 is perfect, -1 useless.

        Args:
            X: data that were not fitted, whatever ``as_dataset`` takes.
            y: ignored.
        """
        model = self._fitted()
        return -validation_criterion(model, in_order(data_at(X, model.dt, "the model"), model.names))

    def _checked(self, X, dt):
        """X as a Dataset that this method can use."""
        data = as_dataset(X, dt=dt, min_samples=self.min_path_samples)
        name = type(self).__name__
        if not self.handles_irregular:
            sampling_interval(data, needed_by=name)
        if "u" in data and not self.handles_inputs:
            raise InputError(f"{name} does not take external inputs", do="drop the variable 'u'")
        n_samples = sum(len(x) for x in trajectories(data))
        if n_samples < self.min_samples:
            raise InputError("too few samples", got=str(n_samples), expected=f"{name} needs {self.min_samples}")
        return data

    def _train_and_validation(self, data, validation):
        """Data to fit and data to choose by: as given, or the end of each trajectory, ``validation_fraction`` of it."""
        if validation is None:
            return split(data, (1 - self.validation_fraction, self.validation_fraction))
        held = data_at(validation, sampling_interval(data), "the training set")
        held = in_order(held, [str(name) for name in data["state"].values])
        if held.sizes["state"] != data.sizes["state"]:
            raise InputError(
                "validation data have other variables than the training data", got=str(held.sizes["state"]),
                expected=str(data.sizes["state"]),
            )  # fmt: skip
        return data, held

    def restored(self, model, history, provenance):
        """Set what ``fit`` leaves behind, from a run folder.

        Args:
            model: Model.
            history: dict of arrays.
            provenance: dict.

        Returns:
            self.
        """
        self.model_ = model
        self.history_ = history
        self.dt_ = model.dt
        self.n_features_in_ = len(model.names)
        self.provenance_ = provenance
        return self

    def _learned(self, model, history, data):
        origin = provenance(seed=self.seed, data_hash=data_hash(data))
        origin |= {key: data.attrs[key] for key in ("embedding", "reading", "resampled") if key in data.attrs}
        return self.restored(model, history, origin)
