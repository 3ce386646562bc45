"""How a model was made, as far as a report needs to know."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """The fit behind a model.

    Attributes:
        method: name of the reconstructor.
        arguments: its constructor arguments, ``{name: value}``.
        curves: tuple of (title, updates, values), as the training figure takes them.
        selected: update of the chosen checkpoint, or None.
        restarts: updates at which training began again from a new start.
        criterion: value of the validation criterion at the chosen checkpoint, or None.
        facts: further (name, text) pairs, for example the number of parameters and the wall time.
        names_of_best: what the criterion is, in words.
    """

    method: str
    arguments: dict
    curves: tuple = ()
    selected: int | None = None
    restarts: tuple = ()
    criterion: float | None = None
    facts: tuple = ()
