"""The contract of methods whose model is a distribution over outcomes: fitted to samples, or found from an equation."""

import abc

from dysyr.core.provenance import provenance as made_by
from dysyr.core.reconstructor import Estimator


class StateReconstructor(Estimator, abc.ABC):
    """Finds the state of an open quantum system, from measured outcomes or from its master equation.

    As with a ``Reconstructor``, the constructor only stores named arguments, ``seed`` among them, ``fit`` and ``solve``
    return self, and what is learned ends in an underscore: ``model_`` (an OutcomeModel), ``history_`` (dict of arrays),
    ``provenance_`` (dict).
    """

    @abc.abstractmethod
    def fit(self, X, y=None, *, progress=True, checkpoint=None):
        """Fit a distribution to measured outcomes.

        Args:
            X: Dataset with a variable ``outcome`` (shot, site), a NetCDF file of one, or whole numbers (shot, site).
            y: ignored, for pipelines.
            progress: show a progress bar when standard error is a terminal.
            checkpoint: folder in which an interrupted fit is resumed, bit for bit.

        Returns:
            self.

        Raises:
            InputError: the data do not suit the method.
        """

    @abc.abstractmethod
    def solve(self, system, *, times=None, initial_state=None, progress=True, checkpoint=None):
        """Solve the master equation of a system.

        Args:
            system: System of kind open_quantum.
            times: (time,) ascending times >= 0, in system time units; None for the steady state.
            initial_state: product state at time 0, by default that of the system.
            progress, checkpoint: as for ``fit``.

        Returns:
            self.

        Raises:
            InputError: the system does not suit the method.
        """

    def score(self, X, y=None):
        """Mean log-likelihood of an outcome string under the (last) state, in nats; higher is better.

        Args:
            X: outcomes that were not fitted, as for ``fit``.
            y: ignored.
        """
        return float(self._fitted().log_probabilities(self._outcomes(X)).mean())

    def sample(self, n_shots, *, state=-1, seed=0):
        """Outcomes of the fitted distribution; see ``OutcomeModel.sample``."""
        return self._fitted().sample(n_shots, state=state, seed=seed)

    def restored(self, model, history, provenance):
        """Set what ``fit`` and ``solve`` leave behind, from a run folder.

        Args:
            model: OutcomeModel.
            history: dict of arrays.
            provenance: dict.

        Returns:
            self.
        """
        self.model_, self.history_, self.provenance_ = model, history, provenance
        self.n_features_in_ = model.n_sites
        return self

    @abc.abstractmethod
    def _outcomes(self, X):
        """Outcomes as an int64 array (shot, site)."""

    def _learned(self, model, history, data_hash):
        return self.restored(model, history, made_by(seed=self.seed, data_hash=data_hash))
