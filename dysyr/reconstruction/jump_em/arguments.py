"""Checks of JumpEM's arguments, among themselves and against the data."""

import numpy as np

from dysyr.core.arguments import (
    NOT_NEGATIVE,
    POSITIVE,
    TRUE_OR_FALSE,
    check_arguments,
    none_or_whole_from,
    number,
    one_of,
    whole,
    whole_from,
)
from dysyr.core.errors import InputError
from dysyr.reconstruction.jump_em.direct import CORRECTIONS

EMISSIONS = ("labels", "gaussian")
ESTIMATORS = ("map", "em", "matrix_log", "counts")


def check(method):
    """Refuse arguments that are out of range or do not go together.

    Args:
        method: JumpEM.

    Raises:
        InputError: the first argument that is.
    """
    check_arguments(
        method,
        ("estimator", *one_of(ESTIMATORS)),
        ("emission", *one_of(EMISSIONS)),
        ("n_starts", *whole_from(1)),
        ("n_states", *none_or_whole_from(1)),
        ("label_noise", "None, 'learn', or a probability below 1",
         lambda v: v in (None, "learn") if v is None or isinstance(v, str) else number(v) and 0 <= v < 1),
        ("prior_shape", "a number of at least 1", lambda v: number(v) and v >= 1),
        ("prior_rate", *NOT_NEGATIVE),
        ("time_unit", "a positive number of time units, or None", lambda v: v is None or (number(v) and v > 0)),
        ("reversible", *TRUE_OR_FALSE),
        ("correction", *one_of(CORRECTIONS)),
        ("max_gap", *whole_from(0)),
        ("max_iterations", *whole_from(1)),
        ("tolerance", *POSITIVE),
        ("seed", *whole_from(0)),
    )  # fmt: skip
    if method.emission == "gaussian":
        _check_signal(method)
    if method.estimator in ("counts", "matrix_log"):
        for name in ("label_noise", "edges", "reversible"):
            if getattr(method, name) not in (None, False):
                raise InputError(
                    f"estimator='{method.estimator}' has no {name}", do="use estimator='em' or 'map'"
                )  # fmt: skip


def _check_signal(method):
    """Refuse what does not go with a signal."""
    if method.n_states is None:
        raise InputError(
            "the number of states behind a signal has to be given", got="n_states=None",
            do="give n_states, or let dysyr.select_n_states compare several",
        )  # fmt: skip
    if method.estimator in ("counts", "matrix_log"):
        raise InputError(f"estimator='{method.estimator}' takes labels only", do="use estimator='map' or 'em'")
    if method.label_noise is not None:
        raise InputError(
            "a signal has no label noise", got=f"label_noise={method.label_noise!r}", do="leave label_noise out"
        )


def check_posterior(method, *, n_draws, n_burn, seed):
    """Refuse a posterior that cannot be drawn.

    Args:
        method: JumpEM.
        n_draws: number of draws.
        n_burn: draws to drop.
        seed: of the draws.

    Raises:
        InputError: the first reason.
    """
    if method.estimator != "map" or method.prior_rate == 0:
        raise InputError(
            "a posterior needs a prior", got=f"estimator='{method.estimator}', prior_rate={method.prior_rate:g}",
            do="use estimator='map' and a positive prior_rate",
        )  # fmt: skip
    if method.reversible:
        raise InputError("no posterior is drawn of rates in detailed balance", do="leave reversible out")
    for name, value, least in (("n_draws", n_draws, 4), ("n_burn", n_burn, 0), ("seed", seed, 0)):
        if not (whole(value, least)):
            raise InputError(f"cannot use this {name}", got=repr(value), expected=f"a whole number of at least {least}")


def permitted_edges(edges, n_states):
    """Which rates may differ from zero.

    Args:
        edges: list of pairs (from, to) of state numbers, or None for all.
        n_states: number of states.

    Returns:
        (state, state) bool.

    Raises:
        InputError: pairs that are none.
    """
    if edges is None:
        return ~np.eye(n_states, dtype=bool)
    permitted = np.zeros((n_states, n_states), dtype=bool)
    for pair in edges:
        good = len(pair) == 2 and all(whole(i, 0) and i < n_states for i in pair) and pair[0] != pair[1]
        if not good:
            raise InputError(
                "edges are no pairs of states", got=repr(pair), expected=f"(from, to), each from 0 to {n_states - 1}"
            )
        permitted[pair[0], pair[1]] = True
    if not permitted.any():
        raise InputError("no edge is permitted", got="edges=[]", do="leave edges out to permit all")
    return permitted


def check_edges_balance(method, permitted):
    """Refuse edges in one direction only where rates are to be in detailed balance.

    Args:
        method: JumpEM.
        permitted: (state, state) bool.

    Raises:
        InputError: an edge without its reverse.
    """
    one_way = np.argwhere(permitted & ~permitted.T)
    if method.reversible and len(one_way):
        i, j = one_way[0]
        raise InputError(
            "rates in detailed balance need both directions", got=f"edges has ({i}, {j}) without ({j}, {i})",
            do="add it, or leave reversible out",
        )  # fmt: skip


def check_panel(method, panel, permitted):
    """Refuse data that the arguments do not suit.

    Args:
        method: JumpEM.
        panel: Panel.
        permitted: (state, state) bool.

    Raises:
        InputError: label noise that cannot be learned, data without a maximum of the likelihood where there is no
            prior, or a pair of labels that the permitted edges forbid.
    """
    if method.label_noise == "learn" and panel.longest < 3:
        raise InputError(
            "label noise cannot be learned from pairs", got=f"the longest path has {panel.longest} samples",
            expected="at least 3: mistakes show where a label changes and changes back",
            do="give label_noise as a number",
        )  # fmt: skip
    check_edges_balance(method, permitted)
    if isinstance(method.label_noise, (int, float)) and method.label_noise >= 1 - 1 / panel.n_states:
        raise InputError(
            "labels with this label_noise say nothing", got=repr(method.label_noise),
            expected=f"less than {1 - 1 / panel.n_states:.3g} for {panel.n_states} states",
        )  # fmt: skip
    lost = np.flatnonzero(panel.times_before == 0)
    if method.estimator == "em" and len(lost):
        raise InputError(
            f"nothing is known of what follows state {panel.states[lost[0]]}",
            got=f"{len(lost)} of {panel.n_states} states have no sample after them",
            expected="maximum likelihood has no value for their rates", do="use estimator='map', or fewer states",
        )  # fmt: skip
    if method.estimator == "em":
        _check_jumps(method, panel)
    if not method.label_noise:
        reach = permitted | np.eye(panel.n_states, dtype=bool)
        for _ in range(panel.n_states):
            reach = (reach.astype(np.float64) @ reach) > 0
        impossible = np.argwhere((panel.counts.sum(axis=0) > 0) & ~reach)
        if len(impossible):
            i, j = (panel.states[k] for k in impossible[0])
            raise InputError(
                "the permitted edges forbid what was seen", got=f"{i} followed by {j}",
                do="permit a way between them, or give label_noise='learn'",
            )  # fmt: skip


def _check_jumps(method, panel):
    """Refuse data in which the likelihood has no maximum."""
    if panel.jumps.sum() == 0:
        raise InputError(
            "no jump was seen", got=f"{len(panel.offsets) - 1} paths without a change of label",
            expected="the likelihood is largest if nothing ever jumps", do="use estimator='map'",
        )  # fmt: skip
    one_way = np.flatnonzero((panel.jumps.sum(axis=0) == 0) | (panel.jumps.sum(axis=1) == 0))
    if method.reversible and len(one_way):
        raise InputError(
            f"state {panel.states[one_way[0]]} was never seen to be entered, or never left",
            expected="detailed balance needs jumps both ways, or a prior",
            do="use estimator='map', or leave reversible out",
        )  # fmt: skip
