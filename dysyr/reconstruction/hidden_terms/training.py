"""Joint training of surrogate and hidden function: rounds of Adam and L-BFGS, between which weights and points adapt.

A round begins with new collocation points and new weights and ends with parameters, so a training can go on after any
round with the same bits.
"""

import dataclasses

import numpy as np
import torch
from scipy.optimize import minimize

STREAM = 0x48696465
MEMORY = 30
LEARNING_RATE = 5e-3
SMALLEST = 1e-12
MOST_RATIO = 1e3
N_SCALE_POINTS = 512


@dataclasses.dataclass(frozen=True)
class Scales:
    """Units of the hidden functions.

    Attributes:
        rate: (field,) size of the time derivatives.
        centre, spread: dict from hidden field to (argument,) mean and standard deviation of its arguments.
    """

    rate: np.ndarray
    centre: dict
    spread: dict

    def arrays(self):
        """dict of arrays, for a checkpoint or a model."""
        return {
            "rate": self.rate, **{f"centre_{n}": v.numpy() for n, v in self.centre.items()},
            **{f"spread_{n}": v.numpy() for n, v in self.spread.items()},
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays):
        """The scales that ``arrays`` wrote."""
        parts = {
            kind: {n.removeprefix(f"{kind}_"): torch.tensor(v) for n, v in arrays.items() if n.startswith(f"{kind}_")}
            for kind in ("centre", "spread")
        }
        return cls(arrays["rate"], **parts)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How long to train.

    Attributes:
        n_adam: steps of Adam.
        n_iterations: iterations of L-BFGS in all.
        n_rounds: rounds over which they are spread.
        resample: whether points of the later rounds follow the residual.
    """

    n_adam: int
    n_iterations: int
    n_rounds: int
    resample: bool

    @property
    def rounds(self):
        """Kinds of rounds with their iterations: the surrogate alone, Adam, then L-BFGS."""
        share = -(-self.n_iterations // self.n_rounds)
        return (
            ("surrogate", max(20, self.n_iterations // 2)),
            ("adam", self.n_adam),
            *[("lbfgs", share)] * self.n_rounds,
        )


def train_round(collocation, recipe, number, theta, scales, rng):
    """One round.

    Args:
        collocation: Collocation.
        recipe: Recipe.
        number: of the round, from 0.
        theta: (parameter,) flat parameters.
        scales: Scales; None in round 0, which makes them.
        rng: generator of this round alone.

    Returns:
        (theta, Scales, data loss, residual loss) after it.
    """
    kind, n_iterations = recipe.rounds[number]
    if kind == "surrogate":
        theta = _lbfgs(lambda t: collocation.data_loss(t) + collocation.condition_loss(t), theta, n_iterations)
        scales = _scales(collocation, theta, rng)
    else:
        density = _density(collocation, theta, scales) if recipe.resample and number > 1 else None
        points = collocation.points(rng, density)
        parts = (
            collocation.data_loss, lambda t: collocation.residual_loss(t, points, scales), collocation.condition_loss,
        )  # fmt: skip
        weights = _weights(parts, theta)

        def loss(t):
            return sum(w * part(t) for w, part in zip(weights, parts, strict=True) if w)

        theta = (_adam if kind == "adam" else _lbfgs)(loss, theta, n_iterations)
    with torch.no_grad():
        final = torch.tensor(theta)
        misfit = collocation.data_loss(final).item()
        residual = collocation.residual_loss(final, collocation.points(rng), scales).item()
    return theta, scales, misfit, residual


def _weights(parts, theta):
    """Weights that give the gradients of all terms the size of the largest one, as a geometric mean with equal weights.

    Reference: wang2021
    """
    sizes = []
    for part in parts:
        t = torch.tensor(theta, requires_grad=True)
        value = part(t)
        if not torch.is_tensor(value) or not value.requires_grad:
            sizes.append(0.0)
            continue
        (gradient,) = torch.autograd.grad(value, t)
        sizes.append(float(gradient.norm()))
    sizes = np.array(sizes)
    ratio = np.sqrt(sizes.max() / np.maximum(sizes, SMALLEST * max(sizes.max(), SMALLEST)))
    return np.where(sizes > 0, np.minimum(ratio, MOST_RATIO), 0.0)


def _density(collocation, theta, scales):
    def density(points):
        with torch.no_grad():
            r = collocation.residual(torch.tensor(theta), points, scales)
        return r.abs().mean(dim=2).numpy()

    return density


def _scales(collocation, theta, rng):
    """Units from the surrogate that was fitted to the data alone; medians, since it may swing between them."""
    with torch.no_grad():
        rate, _, arguments = collocation.equation_parts(
            torch.tensor(theta), collocation.points(rng, size=N_SCALE_POINTS)
        )
    size = 1.4826 * rate.abs().flatten(0, 1).median(dim=0).values.numpy()
    slowest = collocation.surrogate.scale.numpy() / collocation.segments.duration.max()
    centre, spread = {}, {}
    for name, inputs in arguments.items():
        flat = inputs.flatten(0, 1)
        centre[name] = flat.median(dim=0).values
        deviation = 1.4826 * (flat - centre[name]).abs().median(dim=0).values
        spread[name] = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    return Scales(np.maximum(size, slowest), centre, spread)


def _gradient(loss):
    def function(theta):
        t = torch.tensor(theta, requires_grad=True)
        value = loss(t)
        (gradient,) = torch.autograd.grad(value, t)
        number = value.item()
        if not np.isfinite(number):
            return 1e300, np.zeros_like(theta)
        return number, np.nan_to_num(gradient.numpy())

    return function


def _lbfgs(loss, theta, n_iterations):
    options = {"maxiter": n_iterations, "maxfun": 2 * n_iterations, "maxcor": MEMORY, "ftol": 1e-13, "gtol": 1e-12}
    return minimize(_gradient(loss), theta, jac=True, method="L-BFGS-B", options=options).x


def _adam(loss, theta, n_iterations):
    t = torch.tensor(theta, requires_grad=True)
    optimiser = torch.optim.Adam([t], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(n_iterations, 1))
    best, kept = np.inf, theta
    for _ in range(n_iterations):
        optimiser.zero_grad(set_to_none=True)
        value = loss(t)
        number = value.item()
        if not np.isfinite(number):
            break
        if number < best:
            best, kept = number, t.detach().numpy().copy()
        value.backward()
        optimiser.step()
        schedule.step()
    return kept
