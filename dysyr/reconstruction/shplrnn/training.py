"""Training of a shallow PLRNN with generalized teacher forcing: one attempt from one initialisation.

The state of an attempt is a handful of arrays and numbers. It is advanced in blocks of updates; between two blocks it
can be written to a file and read back, and goes on with the same bits.
"""

import dataclasses
import math

import numpy as np

from dysyr.kernels import shallow_plrnn as kernel
from dysyr.kernels.forcing import ESTIMATORS
from dysyr.kernels.shallow_plrnn_training import run_updates

UPDATES_PER_CALL = 100
ALPHA_EVERY = 5
MAX_ESTIMATOR_TIMES = 40
NOISE_POOL = 2**16


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that fixes an attempt, beside the data and the random numbers.

    Attributes:
        latent_dim, hidden_dim, n_observed, n_inputs: M, H, N, K.
        affine, clipped: form of the model.
        n_updates: updates in all.
        batch_size: windows per update.
        n_steps: forced steps per window.
        warm_up: steps at the start of each window that are forced but not scored.
        jitter: standard deviation of the noise on what the model is forced with, standardised units.
        learning_rate, learning_rate_end: exponential schedule.
        estimator: name of a forcing estimator, or None.
        alpha: (start, end) of an exponential schedule, or one constant; the start value of the adaptive one.
        alpha_decay: gamma of the adaptive forcing strength.
        interval: steps between two forced steps, 1 for generalized forcing.
        weight_decay: strength of the quadratic penalty on all parameters of the recurrence (A pulled to 1).
        readout_penalty: strength of the penalty on the condition number of an affine readout.
        gradient_clip: bound on the norm of the gradient, 0 for none.
    """

    latent_dim: int
    hidden_dim: int
    n_observed: int
    n_inputs: int
    affine: bool
    clipped: bool
    n_updates: int
    batch_size: int
    n_steps: int
    warm_up: int
    jitter: float
    learning_rate: float
    learning_rate_end: float
    estimator: str | None
    alpha: tuple
    alpha_decay: float
    interval: int
    weight_decay: float
    readout_penalty: float
    gradient_clip: float

    def shapes(self):
        """Shapes of the parameters."""
        return kernel.shapes(self.latent_dim, self.hidden_dim, self.n_observed, self.n_inputs, self.affine)


class Attempt:
    """One training run from one initialisation.

    Args:
        recipe: Recipe.
        windows: Windows.
        rng: numpy Generator; draws the initial parameters first, then the windows.
    """

    def __init__(self, recipe, windows, rng):
        self.recipe, self.windows, self.rng = recipe, windows, rng
        shapes = recipe.shapes()
        size = sum(math.prod(shape) for shape in shapes)
        self.theta = np.zeros(size, dtype=np.float32)
        self.first, self.second = np.zeros_like(self.theta), np.zeros_like(self.theta)
        self.count = 0
        self.alpha = np.array([recipe.alpha[0]], dtype=np.float64)
        self._parameters = kernel.views(self.theta, shapes)
        self._flat_grad = np.zeros_like(self.theta)
        self._grad = kernel.views(self._flat_grad, shapes)
        self._workspace = kernel.workspace(shapes, recipe.n_steps)
        lanes = kernel.LANES
        self._x = np.zeros((recipe.n_steps + 1, recipe.n_observed, lanes), dtype=np.float32)
        self._seen = np.zeros_like(self._x)
        self._w = np.zeros((2, *self._x.shape), dtype=np.float32)
        self._u = np.zeros((recipe.n_steps + 1, recipe.n_inputs, lanes), dtype=np.float32)
        self._strength = np.zeros(recipe.n_steps, dtype=np.float32)
        self._pattern = forcing_pattern(recipe.n_steps, recipe.interval)
        self._decay, self._centre = penalty(shapes, recipe.weight_decay)
        initialise(self._parameters, recipe, windows, rng)
        self._noise = rng.standard_normal(NOISE_POOL).astype(np.float32)

    @property
    def parameters(self):
        """Parameters, views into ``theta``."""
        return self._parameters

    def advance(self, n_updates):
        """Run the next updates, at most to the end of the recipe.

        Args:
            n_updates: how many.

        Returns:
            (n,) float64 losses; the run stops after a block in which one was not finite.
        """
        r = self.recipe
        losses = []
        n_updates = min(n_updates, r.n_updates - self.count)
        padded = -(-r.batch_size // kernel.LANES) * kernel.LANES
        while n_updates > 0:
            block = min(UPDATES_PER_CALL, n_updates)
            starts = np.zeros((block, padded), dtype=np.int64)
            starts[:, : r.batch_size] = self.rng.choice(self.windows.starts, (block, r.batch_size))
            starts[:, r.batch_size :] = starts[:, :1]
            offsets = self.rng.integers(0, NOISE_POOL, (block, padded))
            out = np.empty(block)
            adaptive = r.estimator is not None
            run_updates(
                self._parameters, self.theta, self._grad, self._flat_grad, self.first, self.second, self._decay,
                self._centre, self.windows.data, self.windows.observed, self.windows.drive, starts,
                r.batch_size,
                r.warm_up, np.float32(r.jitter), self._noise, offsets, self._x, self._seen, self._w, self._u,
                self._strength, self._pattern, self.alpha,
                ESTIMATORS.index(r.estimator) if adaptive else -1, ALPHA_EVERY, r.alpha_decay,
                -(-r.n_steps // MAX_ESTIMATOR_TIMES) if r.estimator != "arithmetic_mean" else 1,
                self._schedule(block), self.count, r.clipped, r.affine, r.readout_penalty, r.gradient_clip,
                self._workspace, out,
            )  # fmt: skip
            self.count += block
            n_updates -= block
            losses.append(out)
            if not (np.isfinite(out).all() and np.isfinite(self.theta).all()):
                break
        return np.concatenate(losses) if losses else np.empty(0)

    def _schedule(self, block):
        """(block, 2) learning rate and scheduled alpha (NaN where alpha is adaptive) of the next updates."""
        r = self.recipe
        progress = (self.count + np.arange(block)) / r.n_updates
        rates = np.full((block, 2), np.nan)
        rates[:, 0] = r.learning_rate * (r.learning_rate_end / r.learning_rate) ** progress
        if r.estimator is None:
            start, end = r.alpha[0], r.alpha[-1]
            rates[:, 1] = start if start == end else start * (end / start) ** progress
        return rates

    def state(self):
        """Arrays and JSON-ready numbers from which ``restore`` goes on with the same bits."""
        arrays = {"theta": self.theta, "first": self.first, "second": self.second, "alpha": self.alpha}
        numbers = {"count": self.count, "rng": self.rng.bit_generator.state}
        return {name: value.copy() for name, value in arrays.items()}, numbers

    def restore(self, arrays, numbers):
        """Take up a state made by ``state``."""
        for name in ("theta", "first", "second", "alpha"):
            getattr(self, name)[:] = arrays[name]
        self.count = numbers["count"]
        self.rng.bit_generator.state = numbers["rng"]


def forcing_pattern(n_steps, interval):
    """1 at the steps that are forced: every ``interval``-th, never the first (its state is the data's anyway)."""
    pattern = np.zeros(n_steps, dtype=np.float32)
    pattern[interval::interval] = 1.0
    return pattern


def penalty(shapes, weight_decay):
    """(strength, centre) per parameter: A is pulled to 1, the rest of the recurrence to 0, L and B not at all."""
    size = sum(math.prod(shape) for shape in shapes)
    decay, centre = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
    strengths, centres = kernel.views(decay, shapes), kernel.views(centre, shapes)
    for name in ("A", "W1", "W2", "h1", "h2", "C"):
        getattr(strengths, name)[...] = weight_decay
    centres.A[:] = 1.0
    return decay, centre


def initialise(p, recipe, windows, rng):
    """Initial parameters, in place.

    A is the diagonal of K / lambda_max(K) with K = R'R/M + I, R standard normal; W1 ~ U(+-1/sqrt H),
    W2 ~ U(+-1/sqrt M), h1 = 0; C, L Glorot-uniform; B Kaiming-normal.

    Plain form: h2[k] = -W2[k] zbar for a random state zbar of the data, so that each kink passes through the data from
    the start (with h2 = 0 all of them meet in the mean; on Lorenz-63 that ends at twice the D_stsp).
    Clipped form: h2 ~ U(+-1/sqrt H); 0 would switch the hidden layer off.

    Reference: hess2023; the placing of kinks is dysyr's own
    """
    m, h = recipe.latent_dim, recipe.hidden_dim
    random = rng.standard_normal((m, m))
    k = random.T @ random / m + np.eye(m)
    p.A[:] = np.diag(k) / np.linalg.eigvalsh(k)[-1]
    p.W1[:] = rng.uniform(-1, 1, p.W1.shape) / math.sqrt(h)
    p.W2[:] = rng.uniform(-1, 1, p.W2.shape) / math.sqrt(m)
    p.h1[:] = 0.0
    for part in (p.C, p.L):
        if part.size:
            part[:] = rng.uniform(-1, 1, part.shape) * math.sqrt(6 / sum(part.shape))
    if p.B.size:
        p.B[:] = rng.standard_normal(p.B.shape) * math.sqrt(2 / m)
    if recipe.clipped:
        p.h2[:] = rng.uniform(-1, 1, p.h2.shape) / math.sqrt(h)
    else:
        x = windows.data[rng.choice(windows.starts, h)]
        states = x @ np.linalg.pinv(p.B).T if recipe.affine else np.concatenate([x, x @ p.L.T], axis=1)
        p.h2[:] = -(p.W2 * states).sum(axis=1)
