"""From labels and a rate model to the context that the measures of rates are computed from."""


import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.json_attribute import json_attribute
from dysyr.core.measure import Measure
from dysyr.evaluation.label_panel import LabelPanel
from dysyr.evaluation.rate_context import Chain, RateContext

LABEL_OBSERVATIONS = ("LabelFlips", "MissingAtRandom", "MissingBlocks")


def assemble_rates(data, *, model=None, runs=None, system=None, settings, seed=0):
    """The context of an evaluation of rates.

    Args:
        data: Dataset of labels that the model was not fitted to.
        model: RateModel; or None, and then
        runs: Dataset of labels of free runs.
        system: System of kind jump with finitely many states behind the data, or None.
        settings: EvaluationSettings.
        seed: of draws and simulations.

    Returns:
        RateContext.

    Raises:
        InputError: states that do not fit one another, or a system without a rate matrix.
    """
    truth = None if system is None else _true_chain(system, data)
    if model is not None:
        own = tuple(model.state_names)
    else:
        n = max(LabelPanel.from_data(each).n_states for each in (runs, data))
        own = state_names(runs) or _numbered(n if truth is None else max(n, len(truth.rates)))
    names = _common_names(own, {
        "labels": state_names(data), "system": None if system is None else tuple(system.jumps.states),
    })  # fmt: skip
    return RateContext(
        panel=LabelPanel.from_data(data, n_states=len(names)), names=names, model=model,
        runs=None if runs is None else LabelPanel.from_data(runs, n_states=len(names)), truth=truth, seed=seed,
        settings=settings,
    )  # fmt: skip


def compute_rates(context, measures, *, required=False):
    """The measures of a context.

    Args:
        context: RateContext.
        measures: members of ``RATE_MEASURES``.
        required: whether the measures were asked for by name; those that do not apply are otherwise left out.

    Returns:
        dict name -> Measure.

    Raises:
        InputError: a measure was asked for that does not apply; the message says what it needs.
    """
    found: dict[str, Measure] = {}
    for measure in measures:
        lacking = measure.lacking(context)
        if lacking is None:
            found[measure.name] = measure.compute(context)
        elif required:
            raise InputError(f"measure {measure.name} does not apply", expected=f"it needs {lacking}")
    return found


def state_names(data):
    """Names of the states as the attributes of a data set give them; None where they do not."""
    return tuple(json_attribute(data, "states", [])) or None


def _common_names(own, others):
    """The names of the states; where one side only has numbers the names of the other."""
    names = own
    for what, given in others.items():
        if given is None or given == names:
            continue
        if len(given) == len(names) and names == _numbered(len(names)):
            names = given
        elif len(given) != len(names) or given != _numbered(len(given)):
            raise InputError(
                f"the states of the {what} are not those of the model", got=", ".join(given),
                expected=", ".join(names), do="give both the same states in the same order",
            )  # fmt: skip
    return names


def _numbered(n):
    return tuple(str(i) for i in range(n))


def _true_chain(system, data):
    """``Chain`` of the system, seen as the data were."""
    if system.jumps is None or not system.jumps.states:
        raise InputError(
            "the system has no rate matrix", got=f"{system.name or 'a system'} of kind {system.kind}"
            + (" with reactions over counts" if system.jumps is not None else ""),
            expected="kind jump with [states] and [rates]",
        )  # fmt: skip
    applied = json_attribute(data, "observation", [])
    odd = [observation["model"] for observation in applied if observation["model"] not in LABEL_OBSERVATIONS]
    if odd:
        raise InputError("the labels were observed in a way that has no label noise", got=", ".join(odd))
    kept, n = 1.0, len(system.jumps.states)
    for observation in applied:
        flips = observation.get("probability", 0.0) if observation["model"] == "LabelFlips" else 0.0
        kept = kept * (1 - flips) + (1 - kept) * flips / (n - 1)
    transient = json_attribute(data, "solver", {}).get("transient", 0.0)
    start = np.asarray(system.jumps.initial_distribution)
    return Chain(system.rate_matrix, start, 1 - kept).after(transient)
