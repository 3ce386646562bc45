"""Models of jump processes: a rate matrix with its uncertainty, and what can be asked of it."""

import abc
import json

import numpy as np
import xarray as xr

from dysyr.core.arguments import generator_of
from dysyr.core.counts import check_samples, in_turn, transient_steps
from dysyr.core.dataset import as_dataset, make_dataset, times
from dysyr.core.errors import InputError
from dysyr.core.forecast_times import following
from dysyr.core.labels import labels_of
from dysyr.core.levels import signal_of
from dysyr.core.model import Model
from dysyr.core.rate_matrix import stationary_distribution, transition_matrices
from dysyr.core.rate_properties import entropy_production, mean_first_passage_times, time_scales


class RateModel(Model):
    """A jump process on finitely many states.

        dp/dt = p Q,  P(D) = exp(Q D)

    Row convention: q_ij >= 0 is the rate of the jump from i to j in 1/time, rows sum to zero. Subclasses give the
    numbers; running free and forecasting follow from them here. Data are numbers of states, in the variable ``x`` as
    in ``label``; or, where the model has ``levels``, a signal in ``x`` and the states behind it in ``label``.
    """

    @property
    @abc.abstractmethod
    def rate_matrix(self):
        """(state, state) rates in 1/time."""

    @property
    @abc.abstractmethod
    def rate_stderr(self):
        """(state, state) standard errors of the rates; 0 on the diagonal and where a rate is zero by structure."""

    @property
    @abc.abstractmethod
    def initial_distribution(self):
        """(state,) distribution of the first state of a path."""

    @property
    @abc.abstractmethod
    def state_names(self):
        """Names of the states, a tuple."""

    @property
    @abc.abstractmethod
    def label_noise(self):
        """Probability that a label of the data is not that of the true state."""

    @property
    def levels(self):
        """NormalLevels of the signal that shows the state; None where the data are labels."""
        return None

    def transition_matrix(self, dt=None):
        """exp(Q dt); dt in time units, by default the model's own."""
        return transition_matrices(self.rate_matrix, [self.dt if dt is None else dt])[0]

    def distribution(self, at, *, initial=None):
        """Distribution of the state at given times.

        Args:
            at: (time,) times after the start, in time units.
            initial: (state,) distribution at the start; by default the model's own.

        Returns:
            (time, state).
        """
        start = self.initial_distribution if initial is None else np.asarray(initial, dtype=np.float64)
        return start @ transition_matrices(self.rate_matrix, np.atleast_1d(at))

    def stationary_distribution(self):
        """(state,) distribution that stays as it is; an InputError that names the closed classes if not unique."""
        return stationary_distribution(self.rate_matrix, self.state_names)

    def time_scales(self):
        """Relaxation times, slowest first, and whether each oscillates; see ``rate_properties.time_scales``."""
        return time_scales(self.rate_matrix)

    def mean_first_passage_times(self):
        """(from, to) mean times until a state is first reached, in time units."""
        return mean_first_passage_times(self.rate_matrix)

    def entropy_production(self, distribution=None):
        """Entropy production in 1/time, by default in the stationary distribution."""
        return entropy_production(self.rate_matrix, distribution)

    def generate(self, n_steps, *, n_trajectories=1, context=None, transient=None, inputs=None, seed=0):
        """Paths on the grid of the model, exact in law: rows of exp(Q dt), no jump is approximated.

        See ``Model.generate``. Without a context, paths begin as those of the data did, in a state drawn from
        ``initial_distribution``, and ``transient`` is 0 by default, since they are not taken to be stationary. Labels
        are those of the true states: label noise belongs to the observation. Signals have theirs.
        """
        check_samples(n_steps=n_steps, n_trajectories=n_trajectories)
        _refuse_inputs(inputs)
        transient = transient_steps(transient, 0)
        rng = generator_of(seed, 0x6A756D70)
        if context is None:
            start = np.broadcast_to(self.initial_distribution, (n_trajectories, len(self.rate_matrix)))
        else:
            start = self.filtered(context)
            start = start[in_turn(len(start), n_trajectories)]
            start = start @ self.transition_matrix()
        if transient:
            start = start @ self.transition_matrix(transient * self.dt)
        states = self._paths(_drawn(start, rng), n_steps, rng)
        attrs = {"generator": self.family, "seed": int(seed), "transient_steps": transient}
        return self._dataset(states, attrs, None if self.levels is None else self.levels.drawn(states, rng))

    def forecast(self, context, *, n_steps, inputs=None, sample_seed=None):
        """Continue each trajectory of a context.

        Args:
            context: labels up to now, whatever ``as_dataset`` takes.
            n_steps: samples to predict after the last one of the context.
            inputs: None; jump processes have no external inputs.
            sample_seed: None for the most probable state at each time, and the mean of a signal; a seed to draw a path.

        Returns:
            Dataset with one trajectory per context trajectory, the first sample one dt after the last time of it.
        """
        check_samples(n_steps=n_steps)
        _refuse_inputs(inputs)
        data = self._known(context)
        p, now = self.transition_matrix(), self.filtered(data)
        if sample_seed is not None:
            rng = generator_of(sample_seed, 0x61686561)
            states = self._paths(_drawn(now @ p, rng), n_steps, rng)
            signal = None if self.levels is None else self.levels.drawn(states, rng)
            return following(self._dataset(states, {"generator": self.family}, signal), data)
        ahead = np.empty((len(now), n_steps, len(p)))
        for k in range(n_steps):
            now = ahead[:, k] = now @ p
        signal = None if self.levels is None else ahead @ self.levels.means
        return following(self._dataset(ahead.argmax(axis=2), {"generator": self.family}, signal), data)

    def filtered(self, context):
        """Distribution of the state at the last sample of each trajectory, given all of its labels or signal.

        Args:
            context: labels or a signal, whatever ``as_dataset`` takes; missing samples say nothing.

        Returns:
            (trajectory, state).

        Raises:
            InputError: labels that are no states of the model, or several signals.
        """
        data = self._known(context)
        panels = zip(self._evidence(data), times(data), strict=True)
        return np.stack([self._filter(logs, seen, t) for (logs, seen), t in panels])

    def _known(self, context):
        dt = None if isinstance(context, xr.Dataset) else self.dt
        return as_dataset(context, dt=dt, mask=True, min_samples=1)

    def pair_log_likelihood(self, data):
        """Mean log-probability of each label, or log-density of each value of a signal, given those before it.

        Args:
            data: Dataset with labels, or a signal.

        Returns:
            float, -inf where something impossible was seen; 0 where there is no second sample.
        """
        gains: list[float] = []
        for (logs, seen), t in zip(self._evidence(data), times(data), strict=True):
            self._filter(logs, seen, t, gains)
        return float(np.mean(gains)) if gains else 0.0

    def _evidence(self, data):
        """For each trajectory the log-likelihood of each sample in each state, and which samples were seen."""
        if self.levels is not None:
            return [(self.levels.log_densities(y), np.isfinite(y)) for y in signal_of(data)]
        n, rows = len(self.rate_matrix), labels_of(data)
        largest = max(int(row.max(initial=-1)) for row in rows)
        if largest >= n:
            raise InputError("a label is not a state of the model", got=str(largest), expected=f"0 to {n - 1}")
        table = np.full((n, n), self.label_noise / max(n - 1, 1))
        np.fill_diagonal(table, 1 - self.label_noise)
        with np.errstate(divide="ignore"):
            return [(np.log(table)[row], row >= 0) for row in rows]

    def _filter(self, logs, seen, t, gains=None):
        now, last = self.initial_distribution, None
        tables = {}
        for k in np.flatnonzero(seen):
            if last is not None:
                lag = float(f"{t[k] - t[last]:.10g}")
                if lag not in tables:
                    tables[lag] = self.transition_matrix(lag)
                now = now @ tables[lag]
            most = logs[k].max()
            likelihood = np.exp(logs[k] - most)
            weight = now * likelihood
            total = weight.sum()
            if gains is not None and last is not None:
                gains.append(np.log(total) + most if total > 0 else -np.inf)
            now, last = weight / total if total > 0 else likelihood / likelihood.sum(), k
        if last is not None and last < len(seen) - 1:
            now = now @ self.transition_matrix(float(t[-1] - t[last]))
        return now

    def _paths(self, states, n_steps, rng):
        """(trajectory, n_steps) states, the first column as given."""
        table = np.cumsum(self.transition_matrix(), axis=1)
        table[:, -1] = 1.0
        paths = np.empty((len(states), n_steps), dtype=np.int64)
        paths[:, 0] = states
        for k in range(1, n_steps):
            paths[:, k] = (rng.random(len(states))[:, None] >= table[paths[:, k - 1]]).sum(axis=1)
        return paths

    def _dataset(self, states, attrs, signal=None):
        absorbing = np.diag(self.rate_matrix) == 0
        status = [
            {"finite": True, "diverged_at": None, "fixed_point": bool(absorbing[path[-1]]), "cycle": None}
            for path in states
        ]
        attrs = {**attrs, "status": json.dumps(status), "states": json.dumps(list(self.state_names))}
        x = states if signal is None else signal
        return make_dataset(x[..., None], dt=self.dt, names=self.names, label=states, attrs=attrs)


def _drawn(distributions, rng):
    """One state for each row of probabilities."""
    edges = np.cumsum(distributions, axis=1)
    edges[:, -1] = 1.0
    return (rng.random(len(edges))[:, None] >= edges).sum(axis=1)


def _refuse_inputs(inputs):
    if inputs is not None:
        raise InputError("inputs were given to a model that was fitted without inputs", do="leave them out")
