"""Draws of the levels of a signal given the states: the normal law with its conjugate prior.

    sd_s^2 ~ InverseGamma(d / 2, d v / 2),    sd_s >= smallest,    m_s | sd_s ~ N(c, sd_s^2 / k)

With n samples of mean y and sum of squared deviations S in state s, its level has the same law with

    k + n,    (k c + n y) / (k + n),    d + n,    d v + S + k n (y - c)^2 / (k + n)

in place of k, c, d and d v.

Reference:
    gelman2013
"""

import dataclasses

import numpy as np

from dysyr.core.levels import NormalLevels

DEGREES = 3.0
"""Worth of the prior in samples: the fewest whole number for which draws of an unvisited state have a variance."""


@dataclasses.dataclass(frozen=True, eq=False)
class LevelPrior:
    """Normal-inverse-gamma prior of the level of a state, the same for all states and independent among them.

    Attributes:
        centre: c, of the means, in units of the signal.
        strength: k, worth of that centre in samples.
        degrees: d, worth of the variance in samples.
        variance: v, in squared units of the signal.
        smallest_sd: smallest standard deviation; the prior is cut off there.
    """

    centre: float
    strength: float
    degrees: float
    variance: float
    smallest_sd: float

    @classmethod
    def weak(cls, panel):
        """A weak prior, scaled to the signal.

        Standard deviations are about the geometric mean of the signal's and of the smallest that a fit allows, and the
        worth k of the centre is chosen so that, whatever the deviation, a level is as far from the mean of the signal
        as its samples are: a t law of three degrees of freedom with the spread of the signal. To the squared deviations
        of a state this adds some thousandths of the variance of the signal.

        Args:
            panel: SignalPanel.

        Returns:
            LevelPrior.
        """
        return cls(
            centre=float(panel.values.mean()), strength=panel.smallest_sd / panel.scale, degrees=DEGREES,
            variance=panel.smallest_sd * panel.scale, smallest_sd=panel.smallest_sd,
        )  # fmt: skip

    def drawn(self, values, states, n_states, rng):
        """Levels given the state of each sample.

        Args:
            values: (n_samples,) signal.
            states: (n_samples,) numbers of states; one that is not among them is drawn from the prior.
            n_states: number of states.
            rng: NumPy generator.

        Returns:
            NormalLevels.

        Reference: gelman2013
        """
        n = np.bincount(states, minlength=n_states)
        y = np.bincount(states, values, n_states) / np.maximum(n, 1)
        squares = np.bincount(states, (values - y[states]) ** 2, n_states)
        worth = self.strength + n
        scale = self.degrees * self.variance + squares + self.strength * n / worth * (y - self.centre) ** 2
        precision = np.array(
            [_gamma_below((self.degrees + n[s]) / 2, scale[s] / 2, self.smallest_sd**-2, rng) for s in range(n_states)]
        )
        means = (self.strength * self.centre + n * y) / worth
        return NormalLevels(means + rng.standard_normal(n_states) / np.sqrt(worth * precision), precision**-0.5)


def _gamma_below(shape, rate, largest, rng):
    """A draw from Gamma(shape, rate) given that it is at most ``largest``, by rejection, exactly.

    Where that is in the lower tail, draws x = t u^(1 / (shape - t)) below t = rate largest are accepted with
    probability (x / t)^t exp(t - x), which is near one close to t, where nearly all of the law is.
    """
    top = rate * largest
    if top > shape - np.sqrt(shape):
        while True:
            x = rng.gamma(shape)
            if x <= top:
                return x / rate
    while True:
        x = top * (1 - rng.random()) ** (1 / (shape - top))
        if np.log1p(-rng.random()) < top * np.log(x / top) + top - x:
            return x / rate
