"""What the models of jump processes of this package share: what they hold, under the names of the contract."""

from dysyr.core.rate_model import RateModel


class DescribedRates(RateModel):
    """A RateModel whose numbers and names are kept as they are.

    Subclasses set ``_rates`` (state, state), ``_initial`` (state,), ``_states``, ``_name``, ``_dt`` and
    ``_label_noise``.
    """

    @property
    def names(self):
        """Name of the observed variable, the number of the state or a signal that shows it."""
        return (self._name,)

    @property
    def dt(self):
        """Sampling interval in time units."""
        return self._dt

    @property
    def rate_matrix(self):
        """(state, state) rates in 1/time, rows sum to zero."""
        return self._rates

    @property
    def initial_distribution(self):
        """(state,) distribution of the first state of a path."""
        return self._initial

    @property
    def state_names(self):
        """Names of the states."""
        return self._states

    @property
    def label_noise(self):
        """Probability that a label of the data is not that of the true state."""
        return self._label_noise
