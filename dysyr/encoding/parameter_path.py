"""A line between two models of one form, along which parameters change together."""

from dysyr.core.errors import InputError


def parameter_path(first, last):
    """Models whose arrays are (1 - t) times those of the first plus t times those of the last.

    Args:
        first: a StateSpace model; those between start from its initial states.
        last: a model of the same form: class, sampling interval, variables and sizes of arrays agree.

    Returns:
        Function of t in [0, 1] that gives a model.

    Raises:
        InputError: models of different forms.
    """
    if type(first) is not type(last):
        raise InputError(
            "no line leads from one model to the other", got=f"{type(first).__name__} and {type(last).__name__}",
            expected="models of one class",
        )  # fmt: skip
    start, end, config = first.arrays(), last.arrays(), first.config()
    other = last.config()
    differing = [name for name in config if name != "filter_gain" and config[name] != other.get(name)]
    differing += [name for name in start if name != "initial_states" and start[name].shape != end[name].shape]
    if differing:
        raise InputError(
            "no line leads from one model to the other", got="they differ in " + ", ".join(differing),
            expected="models of one form",
        )  # fmt: skip

    def model_at(t):
        between = {name: (1.0 - t) * start[name] + t * end[name] for name in start if name != "initial_states"}
        return type(first).from_state(config, {**between, "initial_states": start["initial_states"]})

    return model_at
