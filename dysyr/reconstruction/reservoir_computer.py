"""Echo state networks: a random recurrent network whose readout alone is fitted, by ridge regression."""

import numpy as np

from dysyr.core.arguments import FRACTION, POSITIVE, check_arguments, number, whole_from
from dysyr.core.candidate_search import CandidateReconstructor, auto_or, combinations, options, ridge_solution
from dysyr.core.model import Sampled, StateSpace, repeat_step
from dysyr.core.monomials import Monomials
from dysyr.core.scaler import Scaler

MEMORIES = ((0.3, 1.0), (0.9, 0.5))
INPUT_SCALINGS = (0.05, 0.15, 0.5)
JITTERS = (3e-5, 3e-4, 1e-2)
BIAS = 0.5
START_RIDGE = 1e-6
N_INITIAL_STATES = 64
ROWS_AT_ONCE = 20_000
"""Of the features, which are twice as many as units, in the sums of their products."""


class ReservoirModel(Sampled, StateSpace):
    """A reservoir that is fed its own predictions, in standardised units s.

        r[t+1] = (1 - a) r[t] + a tanh(W r[t] + V s[t] + b)
        s[t+1] = C (1, r[t+1], r[t+1]^2)

    The state is (r[t], s[t]). A context drives the reservoir; r before its first sample is the regression of r on the
    products of up to two variables of one sample, from the training data.

    Args:
        recurrent: W, (n_units, n_units).
        inputs: V, (n_units, variable).
        bias: b, (n_units,).
        leak: a, in (0, 1].
        readout: C, (1 + 2 n_units, variable).
        start: (1 + variable + variable (variable + 1) / 2, n_units) the regression for the first sample.
        scaler: Scaler.
        dt: sampling interval in system time units.
        names: observed variables.
        initial_states: (k, n_units + variable) states for free runs.

    Reference: jaeger2004, pathak2018
    """

    family = "reservoir"
    reference = "pathak2018"

    def __init__(self, *, recurrent, inputs, bias, leak, readout, start, scaler, dt, names, initial_states):
        self.recurrent, self.inputs, self.bias, self.weights, self.start = (
            np.ascontiguousarray(array) for array in (recurrent, inputs, bias, readout, start)
        )
        self.leak = float(leak)
        self.hold(scaler=scaler, dt=dt, names=names, initial_states=initial_states)
        self._products = Monomials.up_to(2, len(self.names))

    @property
    def n_units(self):
        """Number of units of the reservoir."""
        return len(self.recurrent)

    @property
    def n_parameters(self):
        """Real numbers that were fitted; those of the reservoir are drawn."""
        return self.weights.size

    @property
    def latent_dim(self):
        return self.n_units + len(self.names)

    def readout(self, z):
        with np.errstate(over="ignore", invalid="ignore"):
            return self.scaler.inverse(z[..., self.n_units :])

    def initial(self, context, u=None):
        """The state at the end of a context that drives the reservoir; what is missing is taken from its predictions.

        A context without a complete sample begins with that in which missing values are means.
        """
        s = self.scaler.transform(np.asarray(context, dtype=np.float64))
        complete = np.isfinite(s).all(axis=2)
        first = np.where(complete.any(axis=1), complete.argmax(axis=1), 0)
        begun = np.nan_to_num(s[np.arange(len(s)), first])
        z = np.concatenate([self._products.values(begun) @ self.start, begun], axis=1)
        for t in range(1, s.shape[1]):
            after = self.step(z)
            after[:, self.n_units :] = np.where(np.isfinite(s[:, t]), s[:, t], after[:, self.n_units :])
            z = np.where((t > first)[:, None], after, z)
        return z

    def step(self, z, u=None):
        with np.errstate(over="ignore", invalid="ignore"):
            r = drive(z[:, : self.n_units], z[:, self.n_units :], self.recurrent, self.inputs, self.bias, self.leak)
            return np.concatenate([r, readout_features(r) @ self.weights], axis=1)

    def jacobian(self, z, u=None):
        n = self.n_units
        r, s = z[:, :n], z[:, n:]
        h = np.tanh(r @ self.recurrent.T + s @ self.inputs.T + self.bias)
        slope = (self.leak * (1.0 - h * h))[:, :, None]
        of_units = slope * np.concatenate([self.recurrent, self.inputs], axis=1)
        of_units[:, np.arange(n), np.arange(n)] += 1.0 - self.leak
        after = (1.0 - self.leak) * r + self.leak * h
        linear, square = self.weights[1 : n + 1], self.weights[n + 1 :]
        readout = linear.T + 2.0 * after[:, None, :] * square.T
        return np.concatenate([of_units, readout @ of_units], axis=1)

    def trajectory(self, z, n_steps, u=None):
        return repeat_step(self, z, n_steps)

    def config(self):
        return {"family": self.family, "dt": self.dt, "names": list(self.names), "leak": self.leak}

    def arrays(self):
        return {
            "recurrent": self.recurrent, "inputs": self.inputs, "bias": self.bias, "readout": self.weights,
            "start": self.start, "scaler_mean": self.scaler.mean, "scaler_sd": self.scaler.sd,
            "initial_states": self.initial_states,
        }  # fmt: skip

    @classmethod
    def from_state(cls, config, arrays):
        arrays = dict(arrays)
        scaler = Scaler(arrays.pop("scaler_mean"), arrays.pop("scaler_sd"))
        return cls(leak=config["leak"], dt=config["dt"], names=config["names"], scaler=scaler, **arrays)


def drive(r, s, recurrent, inputs, bias, leak):
    """The reservoir one step on; r (batch, n_units), s (batch, variable) -> (batch, n_units)."""
    return (1.0 - leak) * r + leak * np.tanh(r @ recurrent.T + s @ inputs.T + bias)


def readout_features(r):
    """(1, r, r^2); r (batch, n_units) -> (batch, 1 + 2 n_units)."""
    return np.concatenate([np.ones((len(r), 1)), r, r * r], axis=1)


class ReservoirComputer(CandidateReconstructor):
    """Echo state network with ridge regression of the readout; see ``ReservoirModel`` for the equations.

    Args:
        n_units: units of the reservoir.
        spectral_radius: largest modulus of the eigenvalues of W, or "auto".
        input_scaling: standard deviation of the entries of V, or "auto".
        leak: a in (0, 1], or "auto".
        jitter: standard deviation of the noise on the samples that drive the reservoir in the fit, in those of the
            data, or "auto"; the samples to be predicted have none.
        ridge: penalty of the readout, relative to the number of samples.
        washout: samples at the beginning of each stretch without gaps that are not fitted.
        validation_fraction: end of each trajectory that chooses what is "auto", when ``fit`` gets no validation data.
        seed: of the reservoir.

    Reference: jaeger2004, pathak2018
    """

    def __init__(
        self, *, n_units=300, spectral_radius="auto", input_scaling="auto", leak="auto", jitter="auto", ridge=1e-10,
        washout=20, validation_fraction=0.2, seed=0,
    ):  # fmt: skip
        self.n_units, self.spectral_radius, self.input_scaling = n_units, spectral_radius, input_scaling
        self.leak, self.jitter, self.ridge, self.washout = leak, jitter, ridge, washout
        self.validation_fraction, self.seed = validation_fraction, seed

    def _check(self):
        check_arguments(
            self,
            ("n_units", *whole_from(1)),
            ("spectral_radius", *auto_or("a number of at least 0", lambda v: number(v) and v >= 0)),
            ("input_scaling", *auto_or("a positive number", lambda v: number(v) and v > 0)),
            ("leak", *auto_or("a number in (0, 1]", lambda v: number(v) and 0 < v <= 1)),
            ("jitter", *auto_or("a number of at least 0", lambda v: number(v) and v >= 0)),
            ("ridge", *POSITIVE),
            ("washout", *whole_from(0)),
            ("validation_fraction", *FRACTION),
            ("seed", *whole_from(0)),
        )

    def _candidates(self, record):
        if record.longest < self.washout + 2:
            return []
        memories = [
            {"spectral_radius": options(self.spectral_radius, (radius,))[0], "leak": options(self.leak, (leak,))[0]}
            for radius, leak in MEMORIES
        ]
        if memories[0] == memories[1]:
            memories.pop()
        others = combinations(
            input_scaling=options(self.input_scaling, INPUT_SCALINGS), jitter=options(self.jitter, JITTERS)
        )  # fmt: skip
        return [{**memory, **other} for memory in memories for other in others]

    def _fit_candidate(self, candidate, record):
        fixed, r, s, gram, moment = self._driven(candidate, record)
        penalty = self.ridge * len(r) * np.eye(len(gram))
        chosen = np.unique(np.linspace(0, len(r) - 1, N_INITIAL_STATES).astype(int))
        return ReservoirModel(
            **fixed, leak=candidate["leak"], readout=np.linalg.solve(gram + penalty, moment),
            start=ridge_solution(Monomials.up_to(2, s.shape[1]).values(s), r, START_RIDGE), scaler=record.scaler,
            dt=record.dt, names=record.names, initial_states=np.concatenate([r, s], axis=1)[chosen],
        )  # fmt: skip

    def _driven(self, candidate, record):
        """The drawn arrays, states r[t] and samples s[t] after the washout, and the sums of their products."""
        rng = np.random.default_rng([self.seed, 0x65636F])
        n, n_variables = self.n_units, len(record.names)
        recurrent = rng.normal(size=(n, n))
        recurrent *= candidate["spectral_radius"] / np.abs(np.linalg.eigvals(recurrent)).max()
        fixed = {
            "recurrent": recurrent, "inputs": candidate["input_scaling"] * rng.normal(size=(n, n_variables)),
            "bias": rng.uniform(-BIAS, BIAS, n),
        }  # fmt: skip
        pieces = [x for x in record.pieces if len(x) > self.washout + 1]
        s = np.concatenate([x[self.washout :] for x in pieces])
        r, gram, moment, end = np.empty((len(s), n)), 0.0, 0.0, 0
        for x in pieces:
            noisy, state = x + candidate["jitter"] * rng.normal(size=x.shape), np.zeros((1, n))
            begin, end = end, end + len(x) - self.washout
            for t in range(len(x)):
                state = drive(state, noisy[t - 1 : t], leak=candidate["leak"], **fixed) if t else state
                if t >= self.washout:
                    r[begin + t - self.washout] = state
            for at in range(begin, end, ROWS_AT_ONCE):
                some = slice(at, min(at + ROWS_AT_ONCE, end))
                features = readout_features(r[some])
                gram, moment = gram + features.T @ features, moment + features.T @ s[some]
        return fixed, r, s, gram, moment
