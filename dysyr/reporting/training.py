"""How a model was made, as far as a report needs to know."""

import dataclasses
import inspect

import numpy as np

_TITLES = {
    "loss": "training loss",
    "criterion": "validation criterion (0 perfect, 1 useless)",
    "alpha": "forcing strength α",
    "log_likelihood": "log-likelihood of a fitted outcome (nats)",
    "held_out": "log-likelihood of a held-out outcome (nats)",
}
_CLOCKS = ("update", "attempt")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """The fit behind a model.

    Attributes:
        method: name of the reconstructor.
        arguments: its constructor arguments, ``{name: value}``.
        changed: names of the arguments that differ from their defaults.
        curves: tuple of (title, updates, values), as the training figure takes them.
        selected: update of the chosen checkpoint, or None.
        restarts: updates at which training began again from a new start.
        criterion: value of the validation criterion at the chosen checkpoint, or None.
        facts: further (name, text) pairs, for example the hash of the training data.
    """

    method: str
    arguments: dict
    changed: tuple = ()
    curves: tuple = ()
    selected: int | None = None
    restarts: tuple = ()
    criterion: float | None = None
    facts: tuple = ()


def training_of(reconstructor):
    """What a fitted reconstructor tells about its training.

    Its ``history_`` holds arrays of equal length: ``update`` counts updates within an attempt, ``attempt``
    numbers the attempts, ``criterion`` is the validation criterion, and any other array that varies is a curve.
    ``chosen``, where it is there, holds attempt, update and criterion of the checkpoint that was kept; the attempt is
    left out where there is but one.

    Args:
        reconstructor: a fitted Reconstructor.

    Returns:
        Training.
    """
    history = {name: np.asarray(values, dtype=np.float64) for name, values in reconstructor.history_.items()}
    method, arguments = type(reconstructor).__name__, reconstructor.get_params()
    facts = tuple(_facts(reconstructor))
    defaults = inspect.signature(type(reconstructor)).parameters
    changed = tuple(name for name, value in arguments.items() if value != defaults[name].default)
    if "update" not in history or not len(history["update"]):
        return Training(method=method, arguments=arguments, changed=changed, facts=facts)
    updates, restarts = _running_count(history["update"], history.get("attempt"))
    curves = tuple(
        (_TITLES.get(name, name.replace("_", " ")), updates, values)
        for name, values in history.items()
        if name not in _CLOCKS and values.shape == updates.shape and _varies(name, values)
    )
    chosen, criterion = _chosen(history)
    return Training(
        method=method,
        arguments=arguments,
        changed=changed,
        curves=curves,
        selected=None if chosen is None else int(updates[chosen]),
        restarts=restarts,
        criterion=criterion,
        facts=facts,
    )


def _varies(name, values):
    """Whether a curve says anything: finite somewhere and, but for the criterion, not the same everywhere."""
    known = values[np.isfinite(values)]
    return len(known) > 0 and (name == "criterion" or np.ptp(known) > 0 or len(known) == 1)


def _chosen(history):
    """(row of the kept checkpoint, its criterion): as ``chosen`` says, else where the criterion is lowest."""
    if "chosen" in history:
        *attempt, update, criterion = history["chosen"]
        same_attempt = history["attempt"] == attempt[0] if attempt and "attempt" in history else True
        rows = np.flatnonzero((history["update"] == update) & same_attempt)
        return (int(rows[0]), float(criterion)) if len(rows) else (None, float(criterion))
    criterion = history.get("criterion")
    if criterion is None or np.isnan(criterion).all():
        return None, None
    row = int(np.nanargmin(criterion))
    return row, float(criterion[row])


def _running_count(update, attempt):
    """Updates counted through all attempts, and where others were taken up; an attempt may go on after others."""
    if attempt is None:
        return update, ()
    count, done, total, taken_up = np.empty(len(update)), {}, 0.0, []
    for i, (here, number) in enumerate(zip(update, attempt, strict=True)):
        if i and number != attempt[i - 1]:
            taken_up.append(int(total))
        total += here - done.get(number, 0.0)
        done[number], count[i] = here, total
    return count, tuple(taken_up)


def _facts(reconstructor):
    known = reconstructor.provenance_
    if known.get("data_hash"):
        yield "training data (sha256)", known["data_hash"]
    if known.get("command"):
        yield "fitted by", known["command"]
