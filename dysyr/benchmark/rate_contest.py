"""Estimates of rates from one panel by every method, errors beside the truth, and contexts to try them on."""

import dataclasses

import numpy as np

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.core.rate_matrix import stationary_distribution, transition_matrices
from dysyr.reconstruction.jump_em.direct import logarithm_rates, naive_rates
from dysyr.reconstruction.jump_em.foundation.base import UNITS_PER_DURATION, climb_of
from dysyr.reconstruction.jump_em.foundation.estimator import answer
from dysyr.reconstruction.jump_em.foundation.outcome import infer
from dysyr.reconstruction.jump_em.foundation.prior import draw_context, draw_process
from dysyr.reconstruction.jump_em.foundation.trained_range import reasons_outside
from dysyr.reconstruction.jump_em.maximisation import maximise
from dysyr.reconstruction.jump_em.panel import Panel

METHODS = (
    "constant", "naive counts", "matrix logarithm", "maximum likelihood", "MAP", "noise-aware MAP", "JumpFoundation",
)  # fmt: skip
LEVELS = (0.68, 0.95)
TOLERANCE, MOST_EVALUATIONS = 1e-5, 1000
FEW, VANISHING = 90, 1e-4
CONSTANT_SEED, N_CONSTANT = 20_000, 4000


def prior_mean():
    """Mean rate of the published prior, the best constant, in units of a tenth of the duration."""
    rng = np.random.default_rng(CONSTANT_SEED)
    rates = [each.q[~np.eye(len(each.q), dtype=bool)] for each in (draw_process(rng) for _ in range(N_CONSTANT))]
    return float(np.concatenate(rates).mean())


def estimates(panel, network, constant, only=METHODS):
    """Rates off the diagonal by each method, and the posterior of the network.

    Args:
        panel: Panel.
        network: PairNetwork.
        constant: the constant answer, in the panel's time unit.
        only: names of the methods.

    Returns:
        dict method -> (state, state) rates, or None where it has no answer; and JumpPosterior, the answer of
        JumpFoundation as it is set by default.
    """
    n = panel.n_states
    likely = (panel.times_before > 0).all() and panel.jumps.sum() > 0
    outcome = infer(network, panel)
    model, _ = answer(panel, outcome, reasons_outside(panel, outcome.base.noise, outcome.units))
    ways = {
        "constant": lambda: np.full((n, n), constant),
        "naive counts": lambda: naive_rates(panel)[0],
        "matrix logarithm": lambda: logarithm_rates(panel, "weighted"),
        "maximum likelihood": lambda: _climbed(panel, has_prior=False, learns=False) if likely else None,
        "MAP": lambda: _climbed(panel, learns=False),
        "noise-aware MAP": lambda: _climbed(panel),
        "JumpFoundation": lambda: model.rate_matrix,
    }
    found = {}
    for name in only:
        try:
            found[name] = ways[name]()
        except InputError:
            found[name] = None
    return found, model


def _climbed(panel, **goal):
    """The converged maximum: steps until no rate changes by more than a part in 100,000.

    A noise below 1e-4 that still shrinks is held where it is, since it would go on to shrink for ever.
    """
    goal, start = climb_of(panel, panel.duration / UNITS_PER_DURATION, **goal)
    learns = goal.learns_noise
    found = maximise(goal, start, tolerance=TOLERANCE, max_iterations=MOST_EVALUATIONS if not learns else FEW)
    if learns and not found.converged:
        goal = dataclasses.replace(goal, learns_noise=found.at.noise > VANISHING)
        found = maximise(goal, found.at, tolerance=TOLERANCE, max_iterations=MOST_EVALUATIONS)
    return found.at.q


def judged(q, panel, network, constant, only=METHODS):
    """What is kept of one context.

    Args:
        q: (state, state) true rates.
        panel: Panel of it.
        network: PairNetwork.
        constant: the constant answer.
        only: names of the methods.

    Returns:
        dict of plain values: ``errors`` (method -> root mean squared error off the diagonal, None without an answer),
        ``inside`` ((level,) numbers of true rates of edges inside their interval), ``edges``, ``right`` (pairs rightly
        said to be an edge or none), ``pairs``, ``noise`` as learned, and ``source``, "network" or "map".
    """
    off = ~np.eye(len(q), dtype=bool)
    found, model = estimates(panel, network, constant, only)
    errors = {
        name: None if rates is None else float(np.sqrt(((rates - q)[off] ** 2).mean())) for name, rates in found.items()
    }
    present = off & (q > 0)
    inside = []
    for level in LEVELS:
        low, high = model.rate_interval(level, given_edge=True)
        inside.append(int(((q >= low) & (q <= high))[present].sum()))
    right = ((model.edge_probability > 0.5) == present)[off]
    return {
        "errors": errors, "inside": inside, "edges": int(present.sum()), "right": int(right.sum()),
        "pairs": int(off.sum()), "noise": model.label_noise, "source": model.source,
    }  # fmt: skip


def prior_context(n_paths, noise, seed, *, n_states=None, regular=None):
    """True rates and Panel of an unseen draw of the published prior."""
    rng = np.random.default_rng([seed, n_paths, int(1000 * noise), 0x756E73])
    process = draw_process(rng, n_states=n_states)
    return process.q, draw_context(rng, process, n_paths=n_paths, noise=noise, regular=regular)


def ratchet_context(q, n_paths, noise, seed, *, regular=True, duration=2.5, n_samples=100):
    """Panel of a stationary chain, on a regular grid or with each path at sorted uniform times of its own.

    Args:
        q: (state, state) rates.
        n_paths: number of paths.
        noise: probability that a label is moved to another state.
        seed: of everything.
        regular: whether the grid is regular.
        duration: of a path.
        n_samples: samples of a path; half as many where times are irregular.

    Returns:
        Panel.
    """
    rng, n = np.random.default_rng([seed, n_paths, int(regular)]), len(q)
    size = n_samples if regular else n_samples // 2
    x = np.empty((n_paths, size), dtype=np.int64)
    x[:, 0] = rng.choice(n, n_paths, p=stationary_distribution(q))
    if regular:
        at = np.linspace(0.0, duration, size)
        tables = np.broadcast_to(transition_matrices(q, [at[1]])[0], (n_paths, n, n))
    else:
        at = np.sort(rng.uniform(0, duration, (n_paths, size)), axis=1)
    for k in range(1, size):
        if not regular:
            tables = transition_matrices(q, at[:, k] - at[:, k - 1])
        steps = np.cumsum(tables[np.arange(n_paths), x[:, k - 1]], axis=1)
        steps[:, -1] = 1.0
        x[:, k] = (rng.random(n_paths)[:, None] >= steps).sum(axis=1)
    moved = rng.random(x.shape) < noise
    x[moved] = (x[moved] + rng.integers(1, n, moved.sum())) % n
    if regular:
        return Panel.from_data(make_dataset(x[..., None], dt=float(at[1])), n_states=n)
    return Panel.from_data(make_dataset(list(x[..., None]), time=list(at)), n_states=n)
