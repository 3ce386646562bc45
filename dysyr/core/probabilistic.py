"""Models of random dynamics: what they can be asked beyond a single path."""

import abc

import numpy as np

from dysyr.core.arguments import generator_of
from dysyr.core.counts import check_counts, check_samples, transient_steps
from dysyr.core.dataset import trajectories
from dysyr.core.errors import InputError
from dysyr.core.forecast_times import following
from dysyr.core.known_data import known_data
from dysyr.core.model import Model, observed_orbits

N_DRAWS = 64
N_PARTICLES = 256


class Probabilistic(Model):
    """A model of a random process: latent states move at random, and the samples are measured with noise.

    It is no map of states: a free run is one path of many, a forecast is a distribution, and Lyapunov exponents are
    not asked of it. Subclasses give paths, the law of the state after a context and the likelihood; running free,
    forecasting and sampling follow from that here.
    """

    @property
    @abc.abstractmethod
    def latent_dim(self):
        """Dimension of the latent state z."""

    @property
    @abc.abstractmethod
    def initial_states(self):
        """(k, latent) states among the data to start free runs from."""

    @property
    @abc.abstractmethod
    def scale(self):
        """(observed,) standard deviation of the training data, in data units."""

    @property
    @abc.abstractmethod
    def memory(self):
        """Samples at the end of a context that say all of the state."""

    @abc.abstractmethod
    def paths(self, z, n_steps, rng):
        """Random states after z; z (row, latent), NumPy generator -> (row, n_steps, latent)."""

    @abc.abstractmethod
    def readout(self, z):
        """Noise-free observation in data units; z (..., latent) -> (..., observed)."""

    @abc.abstractmethod
    def measured(self, x, rng):
        """Noise-free observations (..., observed) with noise of measurements, in data units."""

    @abc.abstractmethod
    def filtered(self, x, n_draws, rng):
        """What is known of the state at the end of contexts, and how likely they are.

        Args:
            x: (row, time, observed) in data units, NaN where missing.
            n_draws: draws of each state.
            rng: NumPy generator.

        Returns:
            (z, log_likelihood): (row, n_draws, latent) draws of the last state, and (row,) estimates, in nats, of the
            logarithm of the density of x in data units.
        """

    def generate(self, n_steps, *, n_trajectories=1, context=None, transient=None, inputs=None, seed=0):
        """Noise-free observations of random paths; see ``Model.generate``.

        After a context each trajectory starts from a draw of the state at its end.
        """
        check_samples(n_steps=n_steps, n_trajectories=n_trajectories)
        _refuse(inputs)
        transient = transient_steps(transient, n_steps // 4 if context is None else 0)
        rng = generator_of(seed, 0x67656E)
        if context is not None:
            ends = self._ends(context, n_trajectories, rng)
            z = ends.transpose(1, 0, 2).reshape(-1, self.latent_dim)[: max(n_trajectories, len(ends))]
        else:
            pool = self.initial_states
            z = pool[rng.choice(len(pool), n_trajectories, replace=n_trajectories > len(pool))]
        x = self.readout(self.paths(z, transient + n_steps, rng)[:, transient:])
        return observed_orbits(
            self, x, {"generator": self.family, "seed": int(seed), "transient_steps": transient}
        )

    def forecast(self, context, *, n_steps, inputs=None, n_draws=N_DRAWS, seed=0):
        """Continue each trajectory of a context; see ``Model.forecast``.

        Args:
            context: data up to now.
            n_steps: samples to predict after the last one of the context.
            inputs: None; there are no external inputs.
            n_draws: possible continuations of each, at least 2.
            seed: of the draws.

        Returns:
            Dataset; ``x`` is the mean over the draws, and ``spread`` (trajectory, time, state) their standard
            deviation: the uncertainty of a single future, not of the mean.
        """
        _refuse(inputs)
        data = known_data(self, context)
        draws = self.sample(data, n_steps=n_steps, n_draws=n_draws, with_noise=False, seed=seed)
        with np.errstate(invalid="ignore", over="ignore"):
            ahead = following(observed_orbits(self, draws.mean(axis=0), {"generator": self.family}), data)
            return ahead.assign(spread=(ahead["x"].dims, draws.std(axis=0, ddof=1)))

    def sample(self, context, *, n_steps, n_draws=N_DRAWS, with_noise=True, seed=0):
        """Draws from the predictive distribution of what follows a context.

        Args:
            context: data up to now, possibly noisy or with missing values; whatever ``as_dataset`` takes.
            n_steps: samples after the last one of the context.
            n_draws: draws, at least 2.
            with_noise: whether the noise of measurements is part of what is predicted.
            seed: of the draws.

        Returns:
            (n_draws, trajectory, n_steps, observed) in data units.
        """
        check_samples(n_steps=n_steps, n_draws=n_draws)
        if n_draws < 2:
            raise InputError("n_draws", got=repr(n_draws), expected="a whole number of at least 2")
        rng = generator_of(seed, 0x616865)
        ends = self._ends(context, n_draws, rng)
        x = self.readout(self.paths(ends.reshape(-1, self.latent_dim), n_steps, rng))
        x = self.measured(x, rng) if with_noise else x
        return x.reshape(len(ends), n_draws, n_steps, -1).swapaxes(0, 1)

    def log_likelihood(self, data, *, n_particles=N_PARTICLES, seed=0):
        """Logarithm of the density of each trajectory under the model, by a particle filter.

        The estimate of the density is unbiased, that of its logarithm errs to the low side, the less the more
        particles there are.

        Args:
            data: whatever ``as_dataset`` takes; missing values are integrated out.
            n_particles: particles.
            seed: of the particles.

        Returns:
            (trajectory,) in nats, of densities in data units.

        Reference: gordon1993
        """
        check_counts(n_particles=n_particles)
        rng = generator_of(seed, 0x6C696B)
        return np.array([self.filtered(x[None], n_particles, rng)[1][0] for x in trajectories(known_data(self, data))])

    def _ends(self, context, n_draws, rng):
        """(trajectory, n_draws, latent) draws of the state at the end of each trajectory of a context."""
        series = [x[-self.memory :] for x in trajectories(known_data(self, context))]
        ends = np.empty((len(series), n_draws, self.latent_dim))
        for length in sorted({len(x) for x in series}):
            alike = [i for i, x in enumerate(series) if len(x) == length]
            ends[alike] = self.filtered(np.stack([series[i] for i in alike]), n_draws, rng)[0]
        return ends


def _refuse(inputs):
    if inputs is not None:
        raise InputError("inputs were given to a model that was fitted without inputs", do="leave them out")
