"""The model that JumpFoundation leaves: a rate matrix with the posterior of each rate."""

import numpy as np

from dysyr.core.arguments import generator_of, number, whole
from dysyr.core.errors import FormatError, InputError
from dysyr.reconstruction.jump_em.described import DescribedRates
from dysyr.reconstruction.jump_em.foundation import edge_gamma

ARRAYS = ("edge_probability", "shape", "mean", "initial_distribution")


class JumpPosterior(DescribedRates):
    """A jump process whose rates are known up to a posterior, edge by edge.

        P(q_ij = 0) = 1 - p_ij,    q_ij | edge ~ Gamma(shape k_ij, mean m_ij)

    The rate matrix is that of the posterior means p m. Row convention: q_ij is the rate from i to j in 1/time.

    Args:
        edge_probability: (state, state) p, 0 on the diagonal.
        shape: (state, state) k.
        mean: (state, state) m in 1/time.
        initial_distribution: (state,) distribution of the first state of a path.
        states: names of the states.
        dt: sampling interval of the data in time units.
        name: name of the observed variable.
        label_noise: probability that a label is not that of the true state.
        source: "network" or "map", what the posterior comes from.
    """

    family = "jump_posterior"
    reference = "berghaus2024"

    def __init__(
        self, edge_probability, shape, mean, initial_distribution, *, states, dt, name="state", label_noise=0.0,
        source="network",
    ):  # fmt: skip
        given = (edge_probability, shape, mean, initial_distribution)
        self._edge, self._shape, self._mean, self._initial = (np.asarray(a, dtype=np.float64) for a in given)
        self._states = tuple(str(state) for state in states)
        self._dt, self._name, self._label_noise, self._source = float(dt), str(name), float(label_noise), str(source)
        n = len(self._states)
        fits = all(a.shape == (n, n) for a in (self._edge, self._shape, self._mean)) and self._initial.shape == (n,)
        off = ~np.eye(n, dtype=bool)
        if not fits:
            raise FormatError("the arrays of a posterior of rates do not fit", got=f"{n} states")
        finite = np.isfinite(self._mean[off]).all() and (self._shape[off] > 0).all()
        if not finite or (self._mean[off] <= 0).any() or (self._edge < 0).any() or (self._edge > 1).any():
            raise FormatError(
                "the arrays of a posterior of rates are none", expected="0 <= p <= 1, finite positive means and shapes"
            )
        self._shape = np.where(off, self._shape, 1.0)
        self._edge, self._mean = (np.where(off, a, 0.0) for a in (self._edge, self._mean))
        rates = self._edge * self._mean
        self._rates = rates - np.diag(rates.sum(axis=1))
        self._off = off

    @property
    def rate_stderr(self):
        """(state, state) posterior standard deviations of the rates, sqrt(p m^2 (1 + 1/k) - (p m)^2)."""
        found = edge_gamma.mixture_stderr(self._edge, self._shape, self._mean)
        return np.where(self._off, found, 0.0)

    @property
    def edge_probability(self):
        """(state, state) posterior probability that a rate is not zero, 0 on the diagonal."""
        return self._edge

    @property
    def source(self):
        """ "network", or "map" where the data lay outside of what the network was trained on."""
        return self._source

    def rate_quantiles(self, level, *, given_edge=False):
        """Quantiles of the posterior of each rate.

        Args:
            level: within (0, 1), for instance 0.5 for medians.
            given_edge: quantiles of rates that are taken not to be zero.

        Returns:
            (state, state) rates in 1/time, 0 on the diagonal.

        Raises:
            InputError: a level outside of (0, 1).
        """
        if not (number(level) and 0 < level < 1):
            raise InputError("a level of quantiles", got=repr(level), expected="a number between 0 and 1")
        p = np.ones_like(self._edge) if given_edge else self._edge
        return np.where(self._off, edge_gamma.mixture_quantile(level, p, self._shape, self._mean), 0.0)

    def rate_interval(self, coverage, *, given_edge=False):
        """Central interval of the posterior of each rate.

        Args:
            coverage: probability within, for instance 0.95.
            given_edge: of rates that are taken not to be zero.

        Returns:
            lower and upper ends, each (state, state) in 1/time.

        Raises:
            InputError: a coverage outside of [0, 1).
        """
        if not (number(coverage) and 0 <= coverage < 1):
            raise InputError("coverage of an interval", got=repr(coverage)[:60], expected="a number from 0 to below 1")
        tail = (1 - coverage) / 2
        return tuple(self.rate_quantiles(level, given_edge=given_edge) for level in (tail, 1 - tail))

    def draw_rates(self, n_draws, *, seed=0):
        """Rate matrices of the posterior, each edge drawn independently.

        Args:
            n_draws: number of matrices.
            seed: of the draws.

        Returns:
            (draw, state, state) in 1/time, rows sum to zero.

        Raises:
            InputError: a number of draws or a seed that is none.
        """
        if not whole(n_draws, 0):
            raise InputError("n_draws", got=repr(n_draws)[:60], expected="a whole number of at least 0")
        rng = generator_of(seed, 0x65646765)
        size = (n_draws, *self._edge.shape)
        rates = rng.gamma(self._shape, self._mean / self._shape, size) * (rng.random(size) < self._edge)
        rates = np.where(self._off, rates, 0.0)
        return rates - rates.sum(axis=2)[:, :, None] * np.eye(len(self._off))

    def config(self):
        """See ``Model.config``."""
        return {
            "family": self.family, "states": list(self._states), "dt": self._dt, "name": self._name,
            "label_noise": self._label_noise, "source": self._source,
        }  # fmt: skip

    def arrays(self):
        """See ``Model.arrays``."""
        values = (self._edge, self._shape, self._mean, self._initial)
        return dict(zip(ARRAYS, values, strict=True))

    @classmethod
    def from_state(cls, config, arrays):
        """See ``Model.from_state``."""
        return cls(
            *(arrays[name] for name in ARRAYS), states=config["states"], dt=config["dt"], name=config["name"],
            label_noise=config["label_noise"], source=config["source"],
        )  # fmt: skip
