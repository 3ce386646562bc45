"""Training of a shallow PLRNN with generalized teacher forcing by gradient descent, from one initialisation.

The state of an attempt is a handful of arrays and numbers. It is advanced in blocks of updates; between two blocks it
can be written to a file and read back, and goes on with the same bits.
"""

import dataclasses
import math

import numpy as np

from dysyr.kernels import shallow_plrnn as kernel
from dysyr.kernels.forcing import ESTIMATORS, growth
from dysyr.kernels.optimiser import radam_step
from dysyr.reconstruction.shplrnn.draws import Draw

ALPHA_EVERY = 5
MAX_ESTIMATOR_TIMES = 40


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that fixes an attempt, beside the data and the random numbers.

    Attributes:
        latent_dim, hidden_dim, n_observed, n_inputs: M, H, N, K.
        affine, clipped: form of the model.
        n_updates: updates by gradient descent.
        n_refinements: Levenberg-Marquardt iterations after them.
        batch_size: windows per update.
        n_steps: forced steps per window.
        warm_up: steps at the start of each window that are forced but not scored.
        jitter: standard deviation of the noise on what the model is forced with during the updates, standardised units.
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
    n_refinements: int
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
        self.recipe, self.rng = recipe, rng
        shapes = recipe.shapes()
        size = sum(math.prod(shape) for shape in shapes)
        self.theta = np.zeros(size, dtype=np.float32)
        self.first, self.second = np.zeros_like(self.theta), np.zeros_like(self.theta)
        self.count = 0
        self.alpha = np.array([recipe.alpha[0]], dtype=np.float64)
        self._parameters = kernel.views(self.theta, shapes)
        self._flat_grad = np.zeros_like(self.theta)
        self._grad = kernel.views(self._flat_grad, shapes)
        self._workspace = kernel.workspace(shapes, recipe.n_steps, clipped=recipe.clipped)
        self._pattern = forcing_pattern(recipe.n_steps, recipe.interval)
        self._decay, self._centre = penalty(shapes, recipe.weight_decay)
        self._stride = 1 if recipe.estimator == "arithmetic_mean" else -(-recipe.n_steps // MAX_ESTIMATOR_TIMES)
        initialise(self._parameters, recipe, windows, rng)
        self._draw = Draw(recipe, windows, rng, recipe.batch_size, np.float32, recipe.jitter)

    @property
    def parameters(self):
        """Parameters, views into ``theta``."""
        return self._parameters

    def forcing_strength(self):
        """Strength of the next update: scheduled, or the running estimate."""
        return float(self.alpha[0])

    @property
    def over(self):
        """Whether all updates are done."""
        return self.count >= self.recipe.n_updates

    def advance(self, n_updates):
        """Run the next updates, at most to the end of the recipe.

        Args:
            n_updates: how many.

        Returns:
            (n,) float64 losses; the run stops after one that is not finite.
        """
        n_updates = min(n_updates, self.recipe.n_updates - self.count)
        losses = []
        for _ in range(n_updates):
            losses.append(self._update())
            if not math.isfinite(losses[-1]):
                break
        return np.asarray(losses)

    def _update(self):
        """Draw windows, gradient, optimiser step, forcing strength; returns the loss."""
        r, p, ws = self.recipe, self._parameters, self._workspace
        progress = self.count / r.n_updates
        if r.estimator is None:
            self.alpha[0] = exponential(r.alpha[0], r.alpha[-1], progress)
        if r.affine:
            ws.pseudo[:] = np.linalg.pinv(p.B.astype(np.float64))
        strength = self._pattern * np.float32(self.forcing_strength())
        n_seen = self._draw.fresh()
        self._flat_grad[:] = 0.0
        estimate = r.estimator is not None and self.count % ALPHA_EVERY == 0
        loss = highest = 0.0
        for b in self._draw.batch:
            loss += kernel.add_loss_and_gradient(
                p, self._grad, b.x, b.seen, b.w, max(n_seen, 1.0), b.u, strength, r.clipped, r.affine, ws
            )
            if estimate:
                highest = max(
                    highest, growth(p, ws.zbar, b.n_valid, r.clipped, ESTIMATORS.index(r.estimator), self._stride)
                )
        if r.affine and r.readout_penalty > 0:
            self._grad.B[...] += condition_gradient(p.B, r.readout_penalty)
        if estimate:
            wanted = max(0.0, 1.0 - 1.0 / highest) if highest > 0 else 0.0
            slow = r.alpha_decay * self.alpha[0] + (1 - r.alpha_decay) * wanted
            self.alpha[0] = wanted if wanted > self.alpha[0] else slow
        rate = exponential(r.learning_rate, r.learning_rate_end, progress)
        self.count += 1
        radam_step(
            self.theta, self._flat_grad, self.first, self.second, self.count, rate, self._decay, self._centre,
            r.gradient_clip,
        )  # fmt: skip
        return loss

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


def exponential(start, end, progress):
    """From start to end as progress goes from 0 to 1, geometrically; a start of 0 stays 0."""
    return start if start == end else start * (end / start) ** progress


def condition_gradient(b, strength):
    """Gradient of strength (1 - s_max / (s_min + 1e-8))^2 over the singular values of the readout B (N, M)."""
    left, singular, right = np.linalg.svd(b.astype(np.float64), full_matrices=False)
    lowest = singular[-1] + 1e-8
    ratio = singular[0] / lowest
    change = (np.outer(left[:, 0], right[0]) - ratio * np.outer(left[:, -1], right[-1])) / lowest
    return (-2 * strength * (1 - ratio) * change).astype(b.dtype)


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
    the start; with h2 = 0 all of them would meet in the mean.
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
