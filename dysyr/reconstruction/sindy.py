"""Sparse identification of nonlinear dynamics, by pysindy."""

import contextlib
import warnings

import numpy as np
import pysindy
from scipy.linalg import LinAlgWarning

from dysyr.core.arguments import FRACTION, TRUE_OR_FALSE, check_arguments, number, one_of, whole, whole_from
from dysyr.core.candidate_search import CandidateReconstructor, auto_or, combinations, options
from dysyr.core.errors import NotConverged
from dysyr.core.model import Sampled
from dysyr.core.monomials import Monomials
from dysyr.core.vector_field import VectorField, enough_substeps

FORMS = ("derivative", "weak")
THRESHOLDS = (0.01, 0.03, 0.1)
WINDOWS = (11, 21, 31)
ORIGINS = ("zero", "mean")
FAR = 5.0
"""Standard deviations of the mean from zero beyond which the mean is tried as an origin."""
TEST_POWER = 6
RIDGE = 1e-6
N_ENSEMBLE = 20
N_INITIAL_STATES = 64


class PolynomialField(Sampled, VectorField):
    """dz/dt = Theta(z) C, z = (x - origin) / sd, Theta all monomials up to a degree.

    Args:
        coefficients: C, (n_terms, variable), per system time unit.
        degree: of the monomials.
        sd: (variable,) in data units.
        origin: (variable,) where the variables are counted from, in data units.
        dt: sampling interval in system time units.
        names: observed variables.
        n_substeps: Runge-Kutta steps in dt.
        initial_states: (k, variable) states for free runs.

    Reference: brunton2016
    """

    family = "polynomial_field"
    reference = "brunton2016"

    def __init__(self, *, coefficients, degree, sd, origin, dt, names, n_substeps, initial_states):
        self.coefficients, self.degree, self.sd = np.ascontiguousarray(coefficients), int(degree), sd
        self.origin = np.asarray(origin)
        self.hold(dt=dt, names=names, initial_states=initial_states)
        self._n_substeps, self._terms = int(n_substeps), Monomials.up_to(degree, len(self.names))

    @property
    def n_substeps(self):
        return self._n_substeps

    @property
    def n_parameters(self):
        """Coefficients that are not zero."""
        return int((self.coefficients != 0).sum())

    @property
    def latent_dim(self):
        return len(self.names)

    @property
    def scale(self):
        return self.sd

    def readout(self, z):
        with np.errstate(over="ignore", invalid="ignore"):
            return z * self.sd + self.origin

    def initial(self, context, u=None):
        """The last complete sample of the context; what is missing of those after it is what the model makes of it.

        Without a complete sample the last values, and of a variable without any the mean over the initial states.
        """
        s = (np.asarray(context, dtype=np.float64) - self.origin) / self.sd
        n_times, complete = s.shape[1], np.isfinite(s).all(axis=2)
        first = np.where(complete.any(axis=1), n_times - 1 - complete[:, ::-1].argmax(axis=1), n_times - 1)
        z = np.where(complete.any(axis=1)[:, None], s[np.arange(len(s)), first], self._last_values(s))
        for t in range(first.min() + 1, n_times):
            after = np.where(np.isfinite(s[:, t]), s[:, t], self.step(z))
            z = np.where((t > first)[:, None], after, z)
        return z

    def _last_values(self, s):
        """(batch, variable) the last value of each variable that s (batch, time, variable) shows, or its mean."""
        seen = np.isfinite(s)
        last = s.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
        taken = np.take_along_axis(s, last[:, None], axis=1)[:, 0]
        return np.where(seen.any(axis=1), taken, self.initial_states.mean(axis=0))

    def derivative(self, z, u=None):
        return self._terms.values(z) @ self.coefficients

    def derivative_jacobian(self, z, u=None):
        return self._terms.slopes(z, self.coefficients)

    def data_coefficients(self):
        """(n_terms, variable) coefficients of dx/dt = Theta(x - origin) C in data units, terms as in ``terms``."""
        return self.coefficients * self.sd / np.prod(self.sd ** self._terms.powers(), axis=1)[:, None]

    def terms(self):
        """The monomials as text, in the order of the coefficients."""
        signs = np.where(self.origin > 0, "-", "+")
        counted = zip(self.names, signs, self.origin, strict=True)
        return self._terms.texts([f"({name} {sign} {abs(o):.6g})" if o else name for name, sign, o in counted])

    def equations(self, digits=4):
        """The equations in data units as text, one a variable."""
        texts = []
        for name, column in zip(self.names, self.data_coefficients().T, strict=True):
            shown = zip(column, self.terms(), strict=True)
            parts = [f"{c:.{digits}g}" + ("" if term == "1" else f" {term}") for c, term in shown if c != 0]
            texts.append(f"d{name}/dt = " + (" + ".join(parts).replace("+ -", "- ") or "0"))
        return texts

    def config(self):
        return {
            "family": self.family, "dt": self.dt, "names": list(self.names), "degree": self.degree,
            "n_substeps": self.n_substeps,
        }  # fmt: skip

    def arrays(self):
        return {
            "coefficients": self.coefficients, "sd": self.sd, "origin": self.origin,
            "initial_states": self.initial_states,
        }  # fmt: skip

    @classmethod
    def from_state(cls, config, arrays):
        return cls(**{name: config[name] for name in ("degree", "dt", "names", "n_substeps")}, **arrays)


class SINDy(CandidateReconstructor):
    """Sequentially thresholded least squares (pysindy's ``STLSQ``) of dx/dt on monomials; see ``PolynomialField``.

    * ``form="derivative"``: derivatives by centred differences (pysindy's ``FiniteDifference``);
    * ``form="weak"``: no derivatives, but integrals against test functions phi over all windows of w samples,

        - int phi' x dt = int phi Theta(x) dt C,   phi(s) = (1 - s^2)^6,  s in [-1, 1]

      by the trapezoidal rule, whose error is tiny since phi and its first five derivatives vanish at the ends;
    * ``ensemble=True``: median of the coefficients over 20 bootstrap samples of the equations (``EnsembleOptimizer``).

    Variables are divided by their standard deviation, and time by the inverse root mean square of the derivatives, so
    that thresholds mean the same in all units. Powers of a variable that is far from zero for its spread (a temperature
    in kelvins) can hardly be told apart: such data may have their monomials counted from the mean.

    Args:
        degree: largest degree of the monomials, or "auto" for 2 or 3.
        form: "derivative", "weak", or "auto".
        threshold: smallest coefficient that is kept, in these units, or "auto".
        window: w, or "auto".
        order: of the differences, an even number.
        ensemble: see above.
        origin: where variables are counted from, ``"zero"`` (terms as a textbook has them), ``"mean"``, or "auto":
            zero, and the mean as well where one variable has its mean more than 5 standard deviations from zero.
        validation_fraction: end of each trajectory that chooses what is "auto", when ``fit`` gets no validation data.
        seed: of the ensemble; without effect else.

    Reference: brunton2016, messenger2021, fasel2022, desilva2020
    """

    def __init__(
        self, *, degree=2, form="auto", threshold="auto", window="auto", order=8, ensemble=False, origin="auto",
        validation_fraction=0.2, seed=0,
    ):  # fmt: skip
        self.degree, self.form, self.threshold, self.window, self.order = degree, form, threshold, window, order
        self.ensemble, self.origin, self.validation_fraction, self.seed = ensemble, origin, validation_fraction, seed

    @property
    def uses_seed(self):
        """An ensemble is drawn, all else is not."""
        return bool(self.ensemble)

    def _check(self):
        check_arguments(
            self,
            ("degree", *auto_or("a whole number of at least 1", lambda v: whole(v, 1))),
            ("form", *one_of((*FORMS, "auto"))),
            ("threshold", *auto_or("a number of at least 0", lambda v: number(v) and v >= 0)),
            ("window", *auto_or("a whole number of at least 5", lambda v: whole(v, 5))),
            ("order", "an even number from 2 on", lambda v: whole(v, 2) and v % 2 == 0),
            ("ensemble", *TRUE_OR_FALSE),
            ("origin", *one_of((*ORIGINS, "auto"))),
            ("validation_fraction", *FRACTION),
            ("seed", *whole_from(0)),
        )

    def _candidates(self, record):
        ways, far = [], (np.abs(record.scaler.mean) > FAR * record.scaler.sd).any()
        if self.form in ("auto", "derivative") and self.order < record.longest:
            ways.append(("derivative", self.order))
        if self.form in ("auto", "weak"):
            ways += [("weak", window) for window in options(self.window, WINDOWS) if window <= record.longest]
        return combinations(
            degree=options(self.degree, (2, 3)), way=ways, threshold=options(self.threshold, THRESHOLDS),
            origin=options(self.origin, ORIGINS if far else ORIGINS[:1]),
        )  # fmt: skip

    def _fit_candidate(self, candidate, record):
        sd, degree = record.scaler.sd, candidate["degree"]
        origin = record.scaler.mean if candidate["origin"] == "mean" else np.zeros_like(sd)
        pieces = [x + (record.scaler.mean - origin) / sd for x in record.pieces]
        terms, (form, length) = Monomials.up_to(degree, len(sd)), candidate["way"]
        make = differences if form == "derivative" else integrals
        pairs = [make(z, terms, record.dt, length) for z in pieces if len(z) >= length + (form == "derivative")]
        inputs, slopes = (np.concatenate(column) for column in zip(*pairs, strict=True))
        rate = np.sqrt(np.mean(slopes**2))
        coefficients = rate * self._sparse(inputs, slopes / rate, candidate["threshold"])
        states = np.concatenate(pieces)
        chosen = states[np.unique(np.linspace(0, len(states) - 1, N_INITIAL_STATES).astype(int))]

        def build(n_substeps):
            return PolynomialField(
                coefficients=coefficients, degree=degree, sd=sd, origin=origin, dt=record.dt, names=record.names,
                n_substeps=n_substeps, initial_states=chosen,
            )  # fmt: skip

        return build(enough_substeps(build, chosen))

    def _sparse(self, inputs, slopes, threshold):
        """(n_terms, variable) coefficients by pysindy."""
        optimiser = pysindy.STLSQ(threshold=threshold, alpha=RIDGE)
        if self.ensemble:
            optimiser = pysindy.EnsembleOptimizer(optimiser, bagging=True, n_models=N_ENSEMBLE)
        with warnings.catch_warnings(), seeded(self.seed):
            warnings.filterwarnings("ignore", "Sparsity parameter is too big", UserWarning)
            warnings.simplefilter("ignore", LinAlgWarning)
            optimiser.fit(inputs, slopes)
        coefficients = np.array(optimiser.coef_, dtype=np.float64).T
        if not np.isfinite(coefficients).all() or not coefficients.any():
            raise NotConverged("no term is above the threshold", got=f"{threshold:g}", do="lower it")
        return coefficients


def differences(z, terms, dt, order):
    """Theta(z) and dz/dt by centred differences at the samples that have them; z (time, variable)."""
    slopes = np.asarray(pysindy.FiniteDifference(order=order, drop_endpoints=True)(z, dt))
    inside = np.isfinite(slopes).all(axis=1)
    return terms.values(z[inside]), slopes[inside]


def integrals(z, terms, dt, window):
    """int phi Theta(z) dt and - int phi' z dt over all windows, divided by int phi dt; z (time, variable)."""
    s = np.linspace(-1.0, 1.0, window)
    phi = (1 - s * s) ** TEST_POWER
    slope = -2 * TEST_POWER * s * (1 - s * s) ** (TEST_POWER - 1) / (dt * (window - 1) / 2)

    def integral(values, weights):
        return np.lib.stride_tricks.sliding_window_view(values, window, axis=0) @ (weights / phi.sum())

    return integral(terms.values(z), phi), integral(z, -slope)


@contextlib.contextmanager
def seeded(seed):
    """NumPy's global generator, which pysindy's ensembles draw from, in a known state; afterwards as before."""
    before = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        np.random.set_state(before)
