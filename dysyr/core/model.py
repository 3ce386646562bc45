"""Models: what a fitted method leaves behind, and what can be asked of it."""

import abc
import json

import numpy as np

from dysyr.core.arguments import check_seed, generator_of
from dysyr.core.counts import check_samples, in_turn, transient_steps
from dysyr.core.dataset import inputs, make_dataset, trajectories
from dysyr.core.errors import InputError
from dysyr.core.forecast_times import following
from dysyr.core.known_data import known_data
from dysyr.core.status import orbit_status

MOST_STATE_VALUES = 4_000_000
"""Of the states of orbits that stand in memory at once, 32 MB; what is observed of them is kept."""


class Model(abc.ABC):
    """An autonomous object that runs without its trainer and without data at hand.

    It speaks data units. ``family`` names the class in a run folder; ``config`` and ``arrays`` hold all it needs.
    ``reference`` is what to cite for the method, a key of docs/references.bib.
    """

    family: str | None = None
    reference: str | None = None

    @property
    @abc.abstractmethod
    def names(self):
        """Names of the observed variables, a tuple."""

    @property
    @abc.abstractmethod
    def dt(self):
        """Sampling interval in system time units."""

    @abc.abstractmethod
    def config(self):
        """JSON-ready dict that, with ``arrays``, rebuilds the model."""

    @abc.abstractmethod
    def arrays(self):
        """dict of NumPy arrays that, with ``config``, rebuilds the model."""

    @classmethod
    @abc.abstractmethod
    def from_state(cls, config, arrays):
        """The model that ``config`` and ``arrays`` describe."""

    @abc.abstractmethod
    def generate(self, n_steps, *, n_trajectories=1, context=None, transient=None, inputs=None, seed=0):
        """Let the model run free.

        Args:
            n_steps: samples to return per trajectory.
            n_trajectories: number of independent runs, each from its own initial state; those of a context in turn,
                each once at least.
            context: data to start from (whatever ``as_dataset`` takes); by default the model's own initial states.
            transient: steps to run and drop first; by default 0 after a context, n_steps // 4 otherwise.
            inputs: (n_steps + transient, n_inputs) external inputs, or (trajectory, ..., n_inputs).
            seed: chooses initial states and drives any randomness of the model.

        Returns:
            Dataset (trajectory, time, state) in data units; ``attrs["status"]`` is a JSON list with one status per
            trajectory (see ``orbit_status``).
        """

    @abc.abstractmethod
    def forecast(self, context, *, n_steps, inputs=None):
        """Continue each trajectory of a context.

        Args:
            context: data up to now, possibly noisy or with missing values; whatever ``as_dataset`` takes.
            n_steps: samples to predict after the last sample of the context.
            inputs: external inputs during the forecast, (n_steps, n_inputs) or (trajectory, n_steps, n_inputs).

        Returns:
            Dataset with one trajectory per context trajectory, the first sample one dt after the last time of it.
        """


class Sampled:
    """What most models hold of the samples they were fitted to; a base beside ``Model`` that answers for it."""

    def hold(self, *, dt, names, scaler=None, initial_states=()):
        """Keep the sampling interval, the names of the variables, their Scaler, and states for free runs."""
        self._dt, self._names, self.scaler = float(dt), tuple(str(name) for name in names), scaler
        self._initial_states = np.asarray(initial_states, dtype=np.float64)

    @property
    def names(self):
        return self._names

    @property
    def dt(self):
        return self._dt

    @property
    def initial_states(self):
        return self._initial_states

    @property
    def scale(self):
        return self.scaler.sd


class StateSpace(Model):
    """A model z[t+1] = F(z[t], u[t+1]), x[t] = O(z[t]), batched, NumPy float64.

    Subclasses give the map; running free and forecasting follow from it here.
    """

    @property
    @abc.abstractmethod
    def latent_dim(self):
        """Dimension of the latent state z."""

    @property
    def n_inputs(self):
        """Number of external inputs."""
        return 0

    @property
    @abc.abstractmethod
    def initial_states(self):
        """(k, latent) states on or near the attractor to start free runs from."""

    @property
    @abc.abstractmethod
    def scale(self):
        """(observed,) standard deviation of the training data, in data units."""

    @abc.abstractmethod
    def initial(self, context, u=None):
        """Latent state at the end of a context.

        Args:
            context: (batch, time, observed) in data units, NaN where missing.
            u: (batch, time, n_inputs) inputs over the context.

        Returns:
            (batch, latent).
        """

    @abc.abstractmethod
    def step(self, z, u=None):
        """One step of the map; z (batch, latent), u (batch, n_inputs) -> (batch, latent)."""

    @abc.abstractmethod
    def jacobian(self, z, u=None):
        """dF/dz at z (batch, latent) -> (batch, latent, latent)."""

    @abc.abstractmethod
    def readout(self, z):
        """Observation in data units; z (..., latent) -> (..., observed)."""

    @abc.abstractmethod
    def trajectory(self, z, n_steps, u=None):
        """The n_steps states after z; z (batch, latent) -> (batch, n_steps, latent)."""

    def kernel(self):
        """(family, arrays) of a compiled kernel that runs the same map, or None."""
        return None

    def numpy_source(self):
        """The text of a Python module that makes the same steps with NumPy alone.

        It has ``step(z)``, ``readout(z)``, ``initial(x)`` for one sample, ``generate(n_steps, z)``, and the arrays of
        the model, ``initial_states`` among them; ``step`` and ``generate`` take inputs ``u`` where the model has some.

        Raises:
            InputError: a model that has no such form.
        """
        raise InputError("the model cannot be written as a NumPy module", got=self.family)

    def starts(self, n_trajectories, seed):
        """(n_trajectories, latent) states to start free runs from, drawn from ``initial_states``.

        None is drawn twice as long as there are enough.
        """
        rng = generator_of(seed, 0x67656E)
        pool = self.initial_states
        return pool[rng.choice(len(pool), n_trajectories, replace=n_trajectories > len(pool))]

    def generate(self, n_steps, *, n_trajectories=1, context=None, transient=None, inputs=None, seed=0):
        """See ``Model.generate``."""
        check_samples(n_steps=n_steps, n_trajectories=n_trajectories)
        check_seed(seed)
        transient = transient_steps(transient, n_steps // 4 if context is None else 0)
        if context is not None:
            z, _ = self._from_context(context)
            z = z[in_turn(len(z), n_trajectories)]
        else:
            z = self.starts(n_trajectories, seed)
        u = self._input_array(inputs, len(z), transient + n_steps)
        if transient:
            z = self._advance(z, transient, None if u is None else u[:, :transient])
        x = self._observed(z, n_steps, None if u is None else u[:, transient:])
        attrs = {"generator": self.family, "seed": int(seed), "transient_steps": transient}
        return observed_orbits(self, x, attrs)

    def forecast(self, context, *, n_steps, inputs=None):
        """See ``Model.forecast``."""
        check_samples(n_steps=n_steps)
        z, data = self._from_context(context)
        u = self._input_array(inputs, len(z), n_steps)
        return following(observed_orbits(self, self._observed(z, n_steps, u), {"generator": self.family}), data)

    def _advance(self, z, n_steps, u):
        """The state n_steps after z, in pieces that keep memory small."""
        done = 0
        while done < n_steps:
            piece = min(10_000, n_steps - done)
            z = self.trajectory(z, piece, None if u is None else u[:, done : done + piece])[:, -1]
            done += piece
        return z

    def _observed(self, z, n_steps, u):
        """Observations of the n_steps states after z, (batch, n_steps, observed); the states stand there in pieces."""
        x = np.empty((len(z), n_steps, len(self.names)))
        piece = max(1, MOST_STATE_VALUES // (len(z) * self.latent_dim))
        for at in range(0, n_steps, piece):
            some = slice(at, min(at + piece, n_steps))
            orbit = self.trajectory(z, some.stop - at, None if u is None else u[:, some])
            x[:, some], z = self.readout(orbit), orbit[:, -1]
        return x

    def _from_context(self, context):
        data = known_data(self, context)
        series = trajectories(data)
        drives = inputs(data)
        states = [self.initial(x[None], None if drives is None else drives[i][None])[0] for i, x in enumerate(series)]
        return np.stack(states), data

    def _input_array(self, u, batch, n_steps):
        if self.n_inputs == 0:
            if u is not None:
                raise InputError("inputs were given to a model that was fitted without inputs", do="leave them out")
            return None
        if u is None:
            raise InputError(
                "the model needs its external inputs", got="none",
                expected=f"an array (n_steps, {self.n_inputs}), here {n_steps} steps with the transient",
            )  # fmt: skip
        u = np.asarray(u, dtype=np.float64)
        u = np.broadcast_to(u, (batch, *u.shape)) if u.ndim == 2 else u
        if u.ndim != 3 or u.shape[0] != batch or u.shape[1] < n_steps or u.shape[2] != self.n_inputs:
            raise InputError(
                "external inputs do not fit", got=f"shape {u.shape}",
                expected=f"({batch}, at least {n_steps}, {self.n_inputs})",
            )  # fmt: skip
        u = np.ascontiguousarray(u[:, :n_steps])
        if not np.isfinite(u).all():
            raise InputError(
                "external inputs have values that are no numbers", got=f"{(~np.isfinite(u)).sum()} of {u.size}",
                expected="what drives the model at each step", do="fill the gaps first",
            )  # fmt: skip
        return u

    def _dataset(self, orbit, attrs):
        return observed_orbits(self, self.readout(orbit), attrs)


class PiecewiseLinear(StateSpace):
    """A state-space model whose map is affine inside each region: F(z) = J z + b.

    A region is named by bits, each of which says on which side of a switching surface z lies. Not every word of bits
    needs to name a region that exists.
    """

    @property
    @abc.abstractmethod
    def n_bits(self):
        """Number of switching surfaces."""

    @abc.abstractmethod
    def switches(self, z):
        """Signed functions of the state whose positive sign is the bit; z (..., latent) -> (..., n_bits)."""

    @abc.abstractmethod
    def affine(self, region):
        """(J, b) of regions: bits (..., n_bits) -> (..., latent, latent), (..., latent)."""

    def region(self, z):
        """Region bits; z (..., latent) -> (..., n_bits) bool."""
        return self.switches(z) > 0


def observed_orbits(model, x, attrs):
    """Dataset of orbits x (trajectory, time, observed) in data units, with the status of each.

    Args:
        model: Model with ``scale``.
        x: what it made.
        attrs: what to note of how.
    """
    attrs = {**attrs, "status": json.dumps([orbit_status(run, model.scale) for run in x])}
    mask = None if np.isfinite(x).all() else True
    return make_dataset(x, dt=model.dt, names=model.names, mask=mask, attrs=attrs)


def continued_state(model, context, initial):
    """The state at the end of contexts whose last samples may be missing: up to there the model goes on by itself.

    Args:
        model: StateSpace without inputs.
        context: (batch, time, observed) in data units, NaN where missing.
        initial: function of contexts (batch, time, observed), which end with a sample that shows something or show
            nothing at all -> (batch, latent).

    Returns:
        (batch, latent).
    """
    shows = np.isfinite(context).any(axis=2)
    missing = np.where(shows.any(axis=1), shows[:, ::-1].argmax(axis=1), 0)
    z = np.empty((len(context), model.latent_dim))
    for n in np.unique(missing):
        rows = missing == n
        z[rows] = initial(context[rows, : context.shape[1] - n])
        if n:
            z[rows] = model.trajectory(z[rows], int(n))[:, -1]
    return z


def repeat_step(model, z, n_steps, u=None):
    """``n_steps`` states after z by calling ``model.step``; the plain form of ``StateSpace.trajectory``.

    Args:
        model: a StateSpace.
        z: (batch, latent).
        n_steps: number of steps.
        u: (batch, n_steps, n_inputs) or None.

    Returns:
        (batch, n_steps, latent).
    """
    orbit = np.empty((len(z), n_steps, model.latent_dim))
    for t in range(n_steps):
        z = model.step(z, None if u is None else u[:, t])
        orbit[:, t] = z
    return orbit
