"""Next-generation reservoir computing: regression on polynomials of a few delays."""

import math

import numpy as np

from dysyr.core.arguments import FRACTION, NOT_NEGATIVE, check_arguments, number, whole, whole_from
from dysyr.core.candidate_search import CandidateReconstructor, auto_or, combinations, options, ridge_solution
from dysyr.core.delay_state import DelayState
from dysyr.core.errors import InputError
from dysyr.core.monomials import Monomials

N_DELAYS = (1, 2, 3)
SPACINGS = (1, 2, 4)
JITTERS = (1e-4, 1e-3, 1e-2)
MAX_TERMS = 400


class PolynomialDelays(DelayState):
    """s[t+1] = s[t] + Theta(s[t - (k-1) m], ..., s[t - m], s[t]) W in standardised units.

    Args:
        n_delays: k, samples that are used.
        spacing: m, samples between them.
        degree: of the monomials Theta.
        weights: W, (n_terms, variable).
        form: the other arguments, see ``DelayState``.

    Reference: gauthier2021
    """

    family = "polynomial_delays"
    reference = "gauthier2021"

    def __init__(self, *, n_delays, spacing, degree, weights, **form):
        super().__init__(**form)
        self.n_delays, self.spacing, self.degree = int(n_delays), int(spacing), int(degree)
        self.weights = np.ascontiguousarray(weights)
        self._columns = used_columns(n_delays, spacing, len(self.names))
        self._terms = Monomials.up_to(degree, len(self._columns))

    @property
    def n_parameters(self):
        """Real numbers that were fitted."""
        return self.weights.size

    def following(self, z):
        return z[:, -len(self.names) :] + self._terms.values(z[:, self._columns]) @ self.weights

    def following_jacobian(self, z):
        n_variables = len(self.names)
        whole = np.zeros((len(z), n_variables, self.latent_dim))
        whole[:, :, self._columns] = self._terms.slopes(z[:, self._columns], self.weights)
        whole[:, :, -n_variables:] += np.eye(n_variables)
        return whole

    def config(self):
        own = {"n_delays": self.n_delays, "spacing": self.spacing, "degree": self.degree}
        return {**self.delay_config(), **own}

    def arrays(self):
        return {**self.delay_arrays(), "weights": self.weights}

    @classmethod
    def from_state(cls, config, arrays):
        own = {name: config[name] for name in ("n_delays", "spacing", "degree")}
        return cls(weights=arrays["weights"], **own, **cls.from_delay_state(config, arrays))


class NextGenReservoir(CandidateReconstructor):
    """Ridge regression of the change of the state on all monomials of a few delays; see ``PolynomialDelays``.

    Args:
        n_delays: samples that are used, or "auto".
        spacing: samples between them, or "auto".
        degree: largest degree of the monomials, or "auto".
        jitter: standard deviation of noise on the past samples in the fit, in those of the data, or "auto"; it keeps
            free runs on the attractor, since next samples have no noise.
        ridge: penalty, relative to the number of samples.
        validation_fraction: end of each trajectory that chooses what is "auto", when ``fit`` gets no validation data.
        seed: of the jitter.

    Reference: gauthier2021
    """

    def __init__(
        self, *, n_delays="auto", spacing="auto", degree="auto", jitter="auto", ridge=1e-9, validation_fraction=0.2,
        seed=0,
    ):  # fmt: skip
        self.n_delays, self.spacing, self.degree, self.jitter, self.ridge = (
            n_delays, spacing, degree, jitter, ridge
        )  # fmt: skip
        self.validation_fraction, self.seed = validation_fraction, seed

    def _check(self):
        positive = ("a whole number of at least 1", lambda v: whole(v, 1))
        check_arguments(
            self,
            ("n_delays", *auto_or(*positive)),
            ("spacing", *auto_or(*positive)),
            ("degree", *auto_or(*positive)),
            ("jitter", *auto_or("a number of at least 0", lambda v: number(v) and v >= 0)),
            ("ridge", *NOT_NEGATIVE),
            ("validation_fraction", *FRACTION),
            ("seed", *whole_from(0)),
        )

    def _candidates(self, record):
        made = combinations(
            n_delays=options(self.n_delays, N_DELAYS), spacing=options(self.spacing, SPACINGS),
            degree=options(self.degree, (2, 3)), jitter=options(self.jitter, JITTERS),
        )  # fmt: skip
        possible = [one for one in made if (one["n_delays"] - 1) * one["spacing"] + 1 < record.longest]
        sensible = [one for one in possible if self._is_sensible(one, len(record.names))]
        if possible and not sensible:
            raise InputError(
                "too many variables for what NextGenReservoir chooses among",
                got=f"{len(record.names)} variables", expected=f"at most {MAX_TERMS} monomials",
                do="set n_delays and degree, or keep the leading principal components",
            )  # fmt: skip
        return sensible

    def _is_sensible(self, candidate, n_variables):
        """Whether, for what is chosen here, terms are few and no candidate is there twice."""
        n_delays, spacing, degree = (candidate[name] for name in ("n_delays", "spacing", "degree"))
        repeated = n_delays == 1 and spacing > 1 and self.spacing == "auto"
        n_terms = math.comb(n_delays * n_variables + degree, degree)
        return not repeated and (n_terms <= MAX_TERMS or "auto" not in (self.n_delays, self.degree))

    def _fit_candidate(self, candidate, record):
        n_delays, spacing, degree = (candidate[name] for name in ("n_delays", "spacing", "degree"))
        window, n_variables = (n_delays - 1) * spacing + 1, len(record.names)
        past, after = record.pairs(window)
        past = past + candidate["jitter"] * np.random.default_rng([self.seed, 0x6A69]).normal(size=past.shape)
        columns = used_columns(n_delays, spacing, n_variables)
        inputs = Monomials.up_to(degree, len(columns)).values(past[:, columns])
        weights = ridge_solution(inputs, after - past[:, -n_variables:], self.ridge)
        return PolynomialDelays(
            n_delays=n_delays, spacing=spacing, degree=degree, weights=weights, **record.delay_form(window)
        )  # fmt: skip


def used_columns(n_delays, spacing, n_variables):
    """Where the used samples lie in a window: whole numbers, (n_delays * n_variables,)."""
    return (np.arange(n_delays)[:, None] * spacing * n_variables + np.arange(n_variables)).ravel()
