"""Models that draw whole windows: what they can be asked without a claim to be a map of states."""

import abc
import json

import numpy as np

from dysyr.core.arguments import generator_of
from dysyr.core.counts import check_samples, transient_steps
from dysyr.core.dataset import make_dataset, parts, trajectories
from dysyr.core.errors import InputError
from dysyr.core.forecast_times import following
from dysyr.core.known_data import known_data
from dysyr.core.model import Model
from dysyr.core.status import orbit_status

N_DRAWS = 16


class WindowGenerator(Model):
    """A model that draws windows of a fixed length, all samples at once.

    It is no map of states, and so it has no Lyapunov exponents and makes no claim about attractors. Subclasses draw
    windows, freely or given what was observed of them; running free, forecasting and imputation follow from that here.
    """

    @property
    @abc.abstractmethod
    def window(self):
        """Samples of a window."""

    @property
    @abc.abstractmethod
    def scale(self):
        """(observed,) standard deviation of the training data, in data units."""

    def modes(self):
        """Modes of the latent dynamics, see ``koopman.modes``; None for a model that has none."""
        return None

    @abc.abstractmethod
    def draw(self, n_windows, n_steps, rng):
        """Windows in data units.

        Args:
            n_windows: how many.
            n_steps: samples of each; beyond ``window`` the model goes on by a rule of its own.
            rng: NumPy generator.

        Returns:
            (n_windows, n_steps, observed).

        Raises:
            InputError: more samples than a window has, from a model without a rule by which to go on.
        """

    @abc.abstractmethod
    def draw_given(self, seen, n_draws, rng):
        """Windows that agree with what was observed.

        Args:
            seen: (batch, time, observed) in data units, NaN where not observed; time may exceed ``window`` as in
                ``draw``.
            n_draws: windows for each.
            rng: NumPy generator.

        Returns:
            (n_draws, batch, time, observed); samples that were observed are those of the model too, near the data but
            not equal to them.
        """

    def generate(self, n_steps, *, n_trajectories=1, context=None, transient=None, inputs=None, seed=0):
        """Draw windows; see ``Model.generate``.

        Without a context each trajectory is a window of its own, which begins where windows of the data begin; what
        goes beyond the length of a window goes on by the rule of the model. After a context each trajectory is one
        possible continuation. Windows have no transient: the samples that are to be dropped are drawn, too.
        """
        check_samples(n_steps=n_steps, n_trajectories=n_trajectories)
        _refuse_inputs(inputs)
        rng, dropped = generator_of(seed, 0x77696E), transient_steps(transient, 0)
        if context is None:
            x = self.draw(n_trajectories, dropped + n_steps, rng)
        else:
            past = self._past(context, dropped + n_steps)
            n_draws = -(-n_trajectories // len(past))
            x = self._continued(past, dropped + n_steps, n_draws, rng).reshape(-1, dropped + n_steps, len(self.names))
            x = x[: max(n_trajectories, len(past))]
        return self._dataset(x[:, dropped:], {"seed": int(seed), "transient_steps": dropped})

    def forecast(self, context, *, n_steps, inputs=None, n_draws=N_DRAWS, seed=0):
        """Continue each trajectory of a context; see ``Model.forecast``.

        Args:
            context: data up to now; the end of it that fits into a window with what is to be foretold is used.
            n_steps: samples to predict after the last one of the context.
            inputs: None; windows have no external inputs.
            n_draws: possible continuations of each, at least 2.
            seed: of the draws.

        Returns:
            Dataset; ``x`` is the mean over the draws, and ``spread`` (trajectory, time, state) their standard
            deviation: the uncertainty of a single future, not of the mean.
        """
        check_samples(n_steps=n_steps)
        _refuse_inputs(inputs)
        data = known_data(self, context)
        draws = self._continued(self._past(data, n_steps), n_steps, _checked(n_draws), _rng(seed))
        ahead = following(self._dataset(draws.mean(axis=0), {}), data)
        return ahead.assign(spread=(ahead["x"].dims, draws.std(axis=0, ddof=1)))

    def impute(self, data, *, n_draws=N_DRAWS, seed=0):
        """Fill what is missing.

        Windows are laid over each trajectory half a window apart, and a missing sample is drawn in the window in whose
        middle it comes nearest to lie.

        Args:
            data: whatever ``as_dataset`` takes, NaN or masked where missing; trajectories at least a window long.
            n_draws: possible values of each, at least 2.
            seed: of the draws.

        Returns:
            The Dataset, its times and attributes too, without missing values: observed ones as they were, the others
            the mean over the draws; and ``spread``, their standard deviation, zero where a value was observed.
        """
        data = known_data(self, data)
        filled, spread = [], []
        for k, x in enumerate(trajectories(data)):
            if len(x) < self.window:
                raise InputError(
                    "a trajectory is shorter than a window", got=f"{len(x)} samples", expected=f"{self.window}"
                )
            starts = np.unique(np.append(np.arange(0, len(x) - self.window, max(self.window // 2, 1)),
                                         len(x) - self.window))  # fmt: skip
            pieces = x[starts[:, None] + np.arange(self.window)]
            draws = self.draw_given(pieces, _checked(n_draws), generator_of(seed, 0x696D70, k))
            middle = starts + (self.window - 1) / 2
            home = np.abs(np.arange(len(x))[:, None] - middle).argmin(axis=1)
            at = home, np.arange(len(x)) - starts[home]
            missing = np.isnan(x)
            filled.append(np.where(missing, draws.mean(axis=0)[at], x))
            spread.append(np.where(missing, draws.std(axis=0, ddof=1)[at], 0.0))
        longest = max(map(len, filled))
        given = parts(data)
        attrs = {**given["attrs"], "generator": self.family}
        whole = make_dataset(**{**given, "x": filled, "mask": None, "names": self.names, "attrs": attrs})
        padded = np.stack([np.pad(s, ((0, longest - len(s)), (0, 0))) for s in spread])
        return whole.assign(spread=(whole["x"].dims, padded))

    def _past(self, context, n_steps):
        """(batch, time, observed) the end of each context that a window has room for, NaN before its begin."""
        room = max(self.window - n_steps, self.window // 2, 1)
        series = trajectories(known_data(self, context))
        past = np.full((len(series), room, len(self.names)), np.nan)
        for row, x in zip(past, series, strict=True):
            row[max(room - len(x), 0) :] = x[-room:]
        return past

    def _continued(self, past, n_steps, n_draws, rng):
        """(n_draws, batch, n_steps, observed) continuations."""
        ahead = np.full((len(past), n_steps, past.shape[2]), np.nan)
        return self.draw_given(np.concatenate([past, ahead], axis=1), n_draws, rng)[:, :, past.shape[1] :]

    def _dataset(self, x, attrs):
        status = [orbit_status(run, self.scale) for run in x]
        attrs = {"generator": self.family, "window": self.window, **attrs, "status": json.dumps(status)}
        return make_dataset(x, dt=self.dt, names=self.names, mask=None if np.isfinite(x).all() else True, attrs=attrs)


def _rng(seed):
    return generator_of(seed, 0x616865)


def _checked(n_draws):
    if isinstance(n_draws, bool) or not isinstance(n_draws, (int, np.integer)) or n_draws < 2:
        raise InputError("n_draws", got=repr(n_draws), expected="a whole number of at least 2")
    return int(n_draws)


def _refuse_inputs(inputs):
    if inputs is not None:
        raise InputError("inputs were given to a model that was fitted without inputs", do="leave them out")
