"""What the network says of panels, in numbers of the data's time unit; and the shipped weights."""

import dataclasses
import functools
import hashlib
import importlib.resources
import json
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch

from dysyr.core.errors import FormatError
from dysyr.reconstruction.jump_em.foundation.base import base_estimate, base_in_unit
from dysyr.reconstruction.jump_em.foundation.network import new_network
from dysyr.reconstruction.jump_em.foundation.prior import LARGEST_RATE, VERSION
from dysyr.reconstruction.jump_em.foundation.statistics import codes_of, log_starts, statistics_of
from dysyr.reconstruction.jump_em.foundation.trained_range import log_odds_of_law, outstanding_rate
from dysyr.reconstruction.jump_em.likelihood import Parameters, expect

WEIGHTS = "jump_foundation.safetensors"
SHORTER = (1.5, 2.0, 3.0, 4.5)
"""Shortenings of the unit where a rate seems to exceed the law of the training."""
FASTEST = 2 / 3
"""Rate per unit that is made of it in one more."""


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """Posterior of a panel.

    Attributes:
        edge: (state, state) probability that the rate is not zero, 0 on the diagonal.
        shape: (state, state) shape of the Gamma law of a rate that is not zero.
        mean: (state, state) mean of that law in 1/time.
        initial: (state,) distribution of the first state.
        base: Base, the estimate that the network corrects, before any shortening of its unit.
        units: of the first answer, and of one in which the fastest rate is slow where the first answer is unlikely, in
            time units of the data.
    """

    edge: np.ndarray
    shape: np.ndarray
    mean: np.ndarray
    initial: np.ndarray
    base: object
    units: tuple


def infer(network, panel, *, once=False, checkpoint=None):
    """The Outcome of a panel.

    The law of the training knows hardly any process with few rates above 1 per unit and slow ones beside them, and the
    network holds the fast ones down. Where the fastest rate exceeds 1 and four times the mean, the network is asked
    again in shorter units. That rate then has the edge probability and the moments of the mixture of all answers a,
    weighted with

        w_a ~ L(p_a m_a),    w_0 ~ odds L(p_0 min(m_0, 1 per unit))

    while all other rates stay as in the first answer, 0. L is the likelihood of the data under the rates of an answer,
    with its label noise and its law of first states, ``odds`` see ``log_odds_of_law``.

    Args:
        network: PairNetwork.
        panel: Panel.
        once: take the law of the training at its word, and never ask again.
        checkpoint: Checkpoint of the climb to the base, or None.

    Returns:
        Outcome.
    """
    base = base_estimate(panel, checkpoint=checkpoint)
    first = ask(network, panel, base)
    fastest = outstanding_rate(panel, base)
    if once or fastest == 0.0:
        return first
    others = [ask(network, panel, base_in_unit(panel, base.unit / f)) for f in (*SHORTER, fastest / FASTEST)]
    within = dataclasses.replace(first, mean=np.minimum(first.mean, LARGEST_RATE / base.unit))
    weights = np.array([_log_likelihood(panel, each) for each in (within, *others)])
    weights[0] += log_odds_of_law(base)
    weights = np.exp(weights - weights.max())
    pair = np.unravel_index(base.q.argmax(), base.q.shape)
    return _mixed(first, (first, *others), weights / weights.sum(), pair)


def _log_likelihood(panel, outcome):
    """Of a panel under the means of an Outcome."""
    rates = outcome.edge * outcome.mean
    q = rates - np.diag(rates.sum(axis=1))
    return expect(panel, Parameters(q, outcome.base.noise, outcome.initial)).log_likelihood


def _mixed(first, answers, weights, pair):
    """The first Outcome, with the moments of the rate of a pair of states those of a mixture of answers."""
    edge, shape, mean = np.array([(each.edge[pair], each.shape[pair], each.mean[pair]) for each in answers]).T
    there, total = weights @ edge, weights @ (edge * mean)
    square = weights @ (edge * mean**2 * (1 + 1 / shape))
    change = {"edge": there, "mean": total / there}
    change["shape"] = change["mean"] ** 2 / (square / there - change["mean"] ** 2)
    changed = {name: getattr(first, name).copy() for name in change}
    for name, value in change.items():
        changed[name][pair] = value
    units = first.units if weights[0] > 0.5 else (*first.units, *answers[-1].units)
    return dataclasses.replace(first, **changed, units=units)


def ask(network, panel, base):
    """The Outcome of the network in the unit of a Base, whatever the rates."""
    codes = codes_of(statistics_of(panel, base))
    with torch.no_grad():
        given = (torch.as_tensor(part)[None] for part in (codes.pairs, codes.states, codes.whole))
        logit, shift, log_spread, correction = (part[0].double().numpy() for part in network(*given))
    off = ~np.eye(panel.n_states, dtype=bool)
    shape = np.exp(-2 * (np.log(codes.spread) + log_spread))
    mean = np.exp(codes.log_rates + codes.spread * shift) / base.unit
    start = log_starts(base.first) + correction
    initial = np.exp(start - start.max())
    return Outcome(
        np.where(off, 1 / (1 + np.exp(-logit)), 0.0), np.where(off, shape, 1.0), np.where(off, mean, 0.0),
        initial / initial.sum(), base, (base.unit,),
    )  # fmt: skip


def write_weights(path, network, said):
    """Write a network with what is to be known of it.

    Args:
        path: file to write.
        network: PairNetwork.
        said: JSON-ready dict: seed, numbers of contexts and updates, losses.
    """
    about = {"prior_version": str(VERSION), "sizes": json.dumps(network.sizes), "training": json.dumps(said)}
    Path(path).write_bytes(safetensors.torch.save({k: v.contiguous() for k, v in network.state_dict().items()}, about))


def read_weights(path):
    """A network, and what is known of it.

    Args:
        path: file of ``write_weights``.

    Returns:
        PairNetwork in evaluation mode, and dict with ``prior_version``, ``sizes``, ``training`` and ``sha256``.

    Raises:
        FormatError: not such a file, or weights of another prior.
    """
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = new_network(**json.loads(about["sizes"]))
        network.load_state_dict(arrays)
        known = {"prior_version": int(about["prior_version"]), "training": json.loads(about["training"])}
    except (OSError, safetensors.SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise FormatError("these are no weights of JumpFoundation", got=f"{path}: {error}") from error
    if known["prior_version"] != VERSION:
        raise FormatError(
            "weights of another prior", got=f"version {known['prior_version']}", expected=f"version {VERSION}",
            do="train them again: dysyr pretrain jump -o weights/",
        )  # fmt: skip
    with open(path, "rb") as file:
        known["sha256"] = hashlib.sha256(file.read()).hexdigest()
    return network.eval(), {**known, "sizes": network.sizes}


@functools.lru_cache(maxsize=4)
def shipped(path=None):
    """The weights of the package, or those of a file: what ``read_weights`` returns, read once."""
    if path is not None:
        return read_weights(path)
    with importlib.resources.as_file(importlib.resources.files(__package__) / WEIGHTS) as place:
        return read_weights(place)
