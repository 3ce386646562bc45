"""Tau-leaping: many firings of reactions in one step, while no rate changes by more than a small share."""

import numpy as np

from dysyr.core.derivative import gradient
from dysyr.core.errors import DivergedError, InputError
from dysyr.core.evaluator import evaluate
from dysyr.core.expressions import postorder
from dysyr.core.system_definition import MAX_COUNT

TOLERANCE = 0.03
"""Largest relative change of a rate in a leap, by default."""

FEW_FIRINGS = 10
"""A reaction that can fire fewer times than this before it has used up something is critical: one at a time."""

LEAST_EVENTS = 10
"""Where a leap would hold fewer events than this on average, the next event is drawn exactly instead."""

LARGEST_MEAN = 1e18
"""Of a Poisson number that NumPy draws; counts end long before."""

LEAP_WORD = 3
"""Word of the random stream."""


def leap_paths(system, times, start, transient, seed, tolerance, most_steps):
    """Paths of reactions at given times, approximately.

    .. math:: K_r \\sim \\text{Poisson}(a_r(x) \\tau), \\quad x \\to x + \\sum_r \\nu_r K_r, \\quad
        \\tau = \\min_i \\min \\left( \\frac{b_i}{|\\mu_i|}, \\frac{b_i^2}{\\sigma_i^2},
        \\frac{2 \\epsilon}{\\|J\\|} \\right), \\quad
        b_i = \\max(\\epsilon x_i / g_i, 1)

    with the drift μ and the variance σ^2 per time of the counts, over reactions that are not critical, and the order
    g_i of the rates that depend on species i: the sum of abs(x_j ∂a/∂x_j)/a over their species, which is 1 for n, 2 for
    n m and 2 + 1/(n - 1) for n (n - 1). The last bound, with the largest row sum of the drift's Jacobian J, is not in
    the reference: near an equilibrium, where the drift vanishes, the others allow leaps over which counts would settle,
    and fluctuations come out too large. A leap that would make a count negative is drawn again with half the time. All
    paths step side by side, each with a τ of its own.

    Args:
        system: System of reactions.
        times: (time,) ascending sampling times >= 0; leaps end at them.
        start: (trajectory, species) counts at time -transient.
        transient: time before 0.
        seed: seed of one NumPy generator for all paths together.
        tolerance: ε, the largest relative change of a rate.
        most_steps: most steps of a path.

    Returns:
        (integer array (trajectory, time, species), number of steps of all paths).

    Raises:
        InputError: a rate that is negative or not finite.
        DivergedError: more steps than allowed.

    Reference:
        cao2006
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, LEAP_WORD])))
    orders, changes = _Orders(system), system.jumps.stoichiometry.astype(float)
    x = np.array(start, dtype=float)
    out = np.zeros((len(x), len(times), x.shape[1]), np.int64)
    t, sample, steps = np.full(len(x), -float(transient)), np.zeros(len(x), int), np.zeros(len(x), int)
    shrink = np.ones(len(x))
    going = np.arange(len(x))
    while True:
        there = t[going] >= times[sample[going]]
        out[going[there], sample[going[there]]] = x[going[there]]
        sample[going[there]] += 1
        going = going[sample[going] < len(times)]
        if not going.size:
            break
        if (steps[going] >= most_steps).any():
            k = int(going[np.argmax(steps[going])])
            raise DivergedError(
                f"a path of {system.name or 'the system'} runs away", time=float(t[k]), trajectory=k,
                got=f"more than {most_steps} steps at t = {t[k]:.6g}",
                do="simulate a shorter time, or raise max_events",
            )  # fmt: skip
        moved, after, fine = _step(
            system, orders, changes, x[going], times[sample[going]] - t[going], shrink[going], tolerance, rng
        )
        shrink[going] = np.where(fine, 1.0, shrink[going] / 2)
        x[going[fine]] = moved[fine]
        t[going] = np.where(~fine, t[going], np.where(np.isinf(after), times[sample[going]], t[going] + after))
        steps[going] += 1
    return out, int(steps.sum())


def _step(system, orders, changes, x, left, shrink, tolerance, rng):
    """One step of each path: counts after it, its time (infinite: up to the sample), and whether it can be taken."""
    rates = system.jumps.propensities(x)
    if not ((rates >= 0) & (rates < np.inf)).all():
        path, r = np.argwhere(~((rates >= 0) & (rates < np.inf)))[0]
        raise InputError(
            f"rate of {system.jumps.names[r]} is negative or not finite", got=f"{rates[path, r]:g} at counts {x[path]}",
            expected="rates >= 0 at all counts that can be reached", do="write where(condition, rate, 0)",
        )  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        firings = np.where(changes < 0, np.floor(x[:, None, :] / -np.minimum(changes, -1.0)), np.inf).min(axis=-1)
        critical = (rates > 0) & (firings < FEW_FIRINGS)
        smooth = np.where(critical, 0.0, rates)
        bound = np.maximum(tolerance * x / orders(x, rates), 1.0)
        longest = np.minimum(bound / np.abs(smooth @ changes), bound**2 / (smooth @ changes**2))
        longest = np.where(orders.reactant, longest, np.inf).min(axis=-1)
        settling = 2 * tolerance / np.abs(system.jacobian(x)).sum(axis=-1).max(axis=-1)
        longest = np.minimum(np.minimum(longest, settling), left) * shrink
        exact = longest < LEAST_EVENTS / rates.sum(axis=-1)
        alone = np.where(exact[:, None], rates, np.where(critical, rates, 0.0))
        wait = rng.standard_exponential(len(x)) / alone.sum(axis=-1)
    leap = np.where(exact, np.inf, longest)
    fires = (wait <= leap) & (wait < left)
    after = np.minimum(np.minimum(wait, leap), left)
    mean = np.where(exact[:, None], 0.0, smooth) * after[:, None]
    counts = rng.poisson(np.minimum(mean, LARGEST_MEAN)).astype(float)
    alone_fired = (counts == 0).all(axis=-1)
    sums = np.cumsum(alone, axis=-1)
    chosen = (sums <= rng.random(len(x))[:, None] * sums[:, -1:]).sum(axis=-1)
    counts[fires, chosen[fires]] += 1
    moved = x + counts @ changes
    fine = (moved >= 0).all(axis=-1)
    impossible = ~fine & alone_fired
    if impossible.any():
        raise InputError(
            f"a reaction of {system.name or 'the system'} makes a count negative",
            got=f"counts {x[impossible][0]} before it",
            expected="a rate that vanishes where its reaction would take more than there is",
        )  # fmt: skip
    if moved.max() > MAX_COUNT:
        raise DivergedError(f"a path of {system.name or 'the system'} runs away", got="counts beyond 2^53")
    return moved, np.where(after < left, after, np.inf), fine


class _Orders:
    """g_i of the species, from the derivatives of the rates."""

    def __init__(self, system):
        self.fields, self.parameters = system.fields, system.parameters
        rates = system.jumps.trees.rates
        sources = tuple(node for node in postorder(rates) if node.op == "state")
        self.rows = gradient(rates, sources)
        inside = [{node.value[0] for node in postorder((rate,)) if node.op == "state"} for rate in rates]
        self.depends = np.array([[field in names for field in self.fields] for names in inside])
        self.reactant = self.depends.any(axis=0)

    def __call__(self, x, rates):
        """Array (path, species), at least 1."""

        def leaf(node):
            if node.op == "parameter":
                return self.parameters[node.value]
            return x[:, self.fields.index(node.value[0])]

        order = np.zeros_like(rates)
        for r, row in enumerate(self.rows):
            for source, slope in zip(row, evaluate(tuple(row.values()), leaf), strict=True):
                order[:, r] += np.abs(leaf(source) * slope)
        order = np.divide(order, rates, out=np.zeros_like(order), where=rates > 0)
        return np.maximum(np.where(self.depends, order[:, :, None], 0.0).max(axis=1), 1.0)
