"""Training of a network of the PLRNN family with teacher forcing by gradient descent, from one initialisation.

The state of an attempt is a handful of arrays and numbers. It is advanced in blocks of updates; between two blocks it
can be written to a file and read back, and goes on with the same bits.
"""

import dataclasses
import math

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels import forced_windows as forced
from dysyr.kernels.forcing import ESTIMATORS
from dysyr.kernels.optimiser import radam_rows
from dysyr.reconstruction.plrnn.draws import Draw, n_pieces

ALPHA_EVERY = 5
MAX_ESTIMATOR_TIMES = 40
MOST_COUPLING = 0.05
"""Coupling of a unit to itself that is not penalised."""


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that fixes an attempt, beside the data and the random numbers.

    Attributes:
        network: the family and its sizes, ShallowNetwork or ElementwiseNetwork.
        n_observed, n_inputs: N, K.
        affine: whether there is a readout matrix.
        n_updates: updates by gradient descent.
        n_refinements: Levenberg-Marquardt iterations after them.
        n_generations: generations of the evolution towards long-run statistics after those.
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
        coupling_penalty: strength of the penalty on the coupling of units to themselves, see ``coupling_gradient``.
    """

    network: object
    n_observed: int
    n_inputs: int
    affine: bool
    n_updates: int
    n_refinements: int
    n_generations: int
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
    coupling_penalty: float = 0.0

    def shapes(self):
        """Shapes of the parameters."""
        return self.network.shapes(self.n_observed, self.n_inputs, self.affine)

    @property
    def latent_dim(self):
        """M."""
        return self.network.latent_dim


class Population:
    """Training runs of several models side by side, which share data, sizes and the number of updates.

    Each model draws its own windows and keeps its own forcing strength, moments and learning rate: model k comes out
    bit by bit as if it had been trained alone. A model whose loss is no longer finite stops, the others go on.

    Args:
        recipes: list of Recipe, alike but for what OWN names.
        windows: Windows.
        rngs: numpy Generators, one for each; each draws the initial parameters first, then the windows.
        noise: (model, n) pools of noise, where the generators have drawn these and the parameters earlier.

    Raises:
        InputError: recipes that differ in what the models have to share, are none, or have no generators.

    Attributes:
        theta: (model, n) float32 flat parameters.
        alpha: (model,) forcing strengths.
        alive: (model,) whether the last loss was finite.
        count: updates made.
    """

    OWN = ("learning_rate", "learning_rate_end", "alpha", "alpha_decay", "weight_decay", "readout_penalty",
           "gradient_clip", "coupling_penalty")  # fmt: skip
    STATE = ("theta", "first", "second", "alpha", "alive")
    """What a model consists of between two updates, beside its generator and the number of updates."""

    def __init__(self, recipes, windows, rngs, *, noise=None):
        if not len(recipes) == len(rngs) > 0:
            got = f"{len(recipes)} recipes, {len(rngs)} generators"
            raise InputError("each model of a population has a generator of its own", got=got, expected="at least one")
        _must_be_alike(recipes, self.OWN)
        _must_be_cut_alike(recipes, windows)
        self.recipes, self.rngs = recipes, rngs
        common = recipes[0]
        shapes, n_models = common.shapes(), len(recipes)
        self._shapes, self._offsets = shapes, forced.offsets(shapes)
        self.theta = np.zeros((n_models, forced.n_parameters(shapes)), dtype=np.float32)
        self.first, self.second, self._gradient = (np.zeros_like(self.theta) for _ in range(3))
        self.alpha = np.array([recipe.alpha[0] for recipe in recipes], dtype=np.float64)
        self.alive, self.count = np.ones(n_models, dtype=bool), 0
        penalties = [penalty(shapes, recipe.weight_decay, recipe.network.PENALISED) for recipe in recipes]
        self._decay, self._centre = np.stack([decay for decay, _ in penalties]), penalties[0][1]
        self._clip = np.array([recipe.gradient_clip for recipe in recipes])
        self._stride = 1 if common.estimator == "arithmetic_mean" else -(-common.n_steps // MAX_ESTIMATOR_TIMES)
        if noise is None:
            for m, (recipe, rng) in enumerate(zip(recipes, rngs, strict=True)):
                initialise(self.parameters(m), recipe, windows, rng)
        self._draw = Draw(common, windows, rngs, common.batch_size, np.float32, common.jitter, noise=noise)
        self._pattern = forcing_pattern(self._draw.n_steps, self._draw.interval)
        self._workspace = common.network.workspace(shapes, self._draw.n_steps, n_models=n_models)
        self._losses = np.zeros(n_models)
        forced.check(shapes, self.theta, self._draw.owner, self._draw.batch, self._strength(), self._workspace)

    @classmethod
    def joined(cls, populations, windows):
        """Populations that have made the same number of updates, as one that goes on from a copy of their states.

        Their generators are shared: only one of the two may go on.
        """
        recipes, rngs = ([one for p in populations for one in getattr(p, name)] for name in ("recipes", "rngs"))
        made = cls(recipes, windows, rngs, noise=np.concatenate([p._draw.noise for p in populations]))
        for name in cls.STATE:
            getattr(made, name)[:] = np.concatenate([getattr(p, name) for p in populations])
        made.count = populations[0].count
        return made

    def parameters(self, model):
        """Parameters of one model, views into ``theta``."""
        return forced.views(self.theta[model], self._shapes)

    @property
    def over(self):
        """Whether all updates are done."""
        return self.count >= self.recipes[0].n_updates

    def advance(self, n_updates):
        """Run the next updates, at most to the end of the recipes.

        Args:
            n_updates: how many.

        Returns:
            (n, model) float64 losses, NaN for models that have stopped; the run ends when none is left.
        """
        n_updates = min(n_updates, self.recipes[0].n_updates - self.count)
        losses = []
        for _ in range(n_updates):
            losses.append(self._update())
            if not self.alive.any():
                break
        return np.array(losses).reshape(-1, len(self.recipes))

    def _update(self):
        """Draw windows, gradients, optimiser step, forcing strengths; returns the losses."""
        common, ws, draw = self.recipes[0], self._workspace, self._draw
        progress = self.count / common.n_updates
        if common.estimator is None:
            scheduled = [exponential(r.alpha[0], r.alpha[-1], progress) for r in self.recipes]
            self.alpha[:] = np.where(self.alive, scheduled, self.alpha)
        if common.affine:
            for m in np.flatnonzero(self.alive):
                ws.pseudo[m] = np.linalg.pinv(self.parameters(m).B.astype(np.float64))
        strength = self._strength()
        draw.fresh()
        self._gradient[:] = 0.0
        common.network.add_loss_and_gradient(
            self.theta, self._gradient, self._offsets, draw.owner, draw.batch, draw.count, strength,
            common.network.form, common.affine, ws, self._losses,
        )  # fmt: skip
        self.alive &= np.isfinite(self._losses)
        if common.affine:
            for m in np.flatnonzero(self.alive):
                if self.recipes[m].readout_penalty > 0:
                    change = forced.views(self._gradient[m], self._shapes).B
                    change[...] += condition_gradient(self.parameters(m).B, self.recipes[m].readout_penalty)
        for m in np.flatnonzero(self.alive):
            if self.recipes[m].coupling_penalty > 0:
                p, change = self.parameters(m), forced.views(self._gradient[m], self._shapes)
                slope = coupling_gradient(p.A, p.W, self.recipes[m].coupling_penalty)
                change.A[...] += slope
                change.W[np.diag_indices(len(slope))] += slope
        if common.estimator is not None and self.count % ALPHA_EVERY == 0:
            self._estimate_forcing()
        rates = np.array([exponential(r.learning_rate, r.learning_rate_end, progress) for r in self.recipes])
        self.count += 1
        radam_rows(
            self.theta, self._gradient, self.first, self.second, self.count, rates, self._decay, self._centre,
            self._clip, self.alive,
        )  # fmt: skip
        return np.where(self.alive, self._losses, np.nan)

    def _strength(self):
        """Forcing strength of each step of each model."""
        return self.alpha.astype(np.float32)[:, None] * self._pattern

    def _estimate_forcing(self):
        """Adaptive strength: jumps up to what the current windows ask for, sinks slowly."""
        common, draw = self.recipes[0], self._draw
        target = draw.batch.seen
        if common.affine:
            target = self._workspace.pseudo[draw.owner][:, None] @ target
        highest = np.zeros(len(self.recipes))
        for group, model in enumerate(draw.owner):
            if self.alive[model]:
                sigma = common.network.growth(
                    self.parameters(model), target[group], common.n_steps, draw.n_valid[group], common.network.form,
                    ESTIMATORS.index(common.estimator), self._stride,
                )  # fmt: skip
                highest[model] = max(highest[model], sigma)
        for m in np.flatnonzero(self.alive):
            recipe = self.recipes[m]
            wanted = max(0.0, 1.0 - 1.0 / highest[m]) if highest[m] > 0 else 0.0
            slow = recipe.alpha_decay * self.alpha[m] + (1 - recipe.alpha_decay) * wanted
            self.alpha[m] = wanted if wanted > self.alpha[m] else slow


class Attempt:
    """One training run from one initialisation: a population of one that can be written down and taken up again.

    Args:
        recipe: Recipe.
        windows: Windows.
        rng: numpy Generator; draws the initial parameters first, then the windows.

    Attributes:
        population: Population of one.
        theta: (n,) float32 flat parameters.
    """

    def __init__(self, recipe, windows, rng):
        self.recipe, self.rng = recipe, rng
        self.population = Population([recipe], windows, [rng])
        self.theta = self.population.theta[0]

    @property
    def parameters(self):
        """Parameters, views into ``theta``."""
        return self.population.parameters(0)

    @property
    def count(self):
        """Updates made."""
        return self.population.count

    @property
    def over(self):
        """Whether all updates are done."""
        return self.population.over

    def forcing_strength(self):
        """Strength of the next update: scheduled, or the running estimate."""
        return float(self.population.alpha[0])

    def advance(self, n_updates):
        """Run the next updates, at most to the end of the recipe.

        Args:
            n_updates: how many.

        Returns:
            (n,) float64 losses; the run stops after one that is not finite.
        """
        return self.population.advance(n_updates)[:, 0]

    def state(self):
        """Arrays and JSON-ready numbers from which ``restore`` goes on with the same bits."""
        arrays = {name: value.copy() for name, value in self._arrays().items()}
        return arrays, {"count": self.count, "rng": self.rng.bit_generator.state}

    def restore(self, arrays, numbers):
        """Take up a state made by ``state``."""
        for name, value in self._arrays().items():
            value[:] = arrays[name]
        self.population.count = numbers["count"]
        self.rng.bit_generator.state = numbers["rng"]

    def _arrays(self):
        p = self.population
        return {"theta": p.theta[0], "first": p.first[0], "second": p.second[0], "alpha": p.alpha}


def _must_be_alike(recipes, own):
    first = dataclasses.asdict(recipes[0])
    for k, recipe in enumerate(recipes):
        for name, value in dataclasses.asdict(recipe).items():
            if name not in own and value != first[name]:
                raise InputError(
                    f"models of a population share '{name}'", got=f"{value!r} for model {k}", expected=repr(first[name])
                )  # fmt: skip


def _must_be_cut_alike(recipes, windows):
    """Windows are cut where forcing is hard, which the forcing strength of each model decides."""
    pieces = [n_pieces(recipe, windows, recipe.batch_size) for recipe in recipes]
    for k, n in enumerate(pieces):
        if n != pieces[0]:
            raise InputError(
                "models of a population are all forced with strength 1, or none is, where that cuts windows",
                got=f"alpha={recipes[k].alpha} for model {k}", expected=f"like alpha={recipes[0].alpha}",
                do="train them in two populations",
            )  # fmt: skip


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


def coupling_gradient(a, w, strength):
    """Gradient of strength |relu(A + diag W - 0.05)| by A, which is that by diag W too.

    Args:
        a: (M,) A.
        w: (M, M) W.
        strength: of the penalty.

    Returns:
        (M,); zero where no unit couples to itself by more than 0.05.
    """
    over = np.maximum(a + np.diag(w) - MOST_COUPLING, 0.0)
    norm = np.sqrt((over * over).sum())
    return strength * over / norm if norm > 0 else np.zeros_like(over)


def forcing_pattern(n_steps, interval):
    """1 at the steps that are forced: every ``interval``-th, never the first (its state is the data's anyway)."""
    pattern = np.zeros(n_steps, dtype=np.float32)
    pattern[interval::interval] = 1.0
    return pattern


def penalty(shapes, weight_decay, names):
    """(strength, centre) per parameter: those of the recurrence are pulled, A to 1, the others to 0."""
    size = sum(math.prod(shape) for shape in shapes)
    decay, centre = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
    strengths, centres = forced.views(decay, shapes), forced.views(centre, shapes)
    for name in names:
        getattr(strengths, name)[...] = weight_decay
    centres.A[:] = 1.0
    return decay, centre


def initialise(p, recipe, windows, rng):
    """Initial parameters, in place: C, L Glorot-uniform; B Kaiming-normal; the rest as the network wants it.

    Args:
        p: Parameters of the network.
        recipe: Recipe.
        windows: Windows.
        rng: numpy Generator.
    """

    def states(n):
        x = windows.data[rng.choice(windows.starts, n)]
        return x @ np.linalg.pinv(p.B).T if recipe.affine else np.concatenate([x, x @ p.L.T], axis=1)

    for part in (p.C, p.L):
        if part.size:
            part[:] = rng.uniform(-1, 1, part.shape) * math.sqrt(6 / sum(part.shape))
    if p.B.size:
        p.B[:] = rng.standard_normal(p.B.shape) * math.sqrt(2 / recipe.latent_dim)
    recipe.network.initialise(p, states, rng)
