"""The errors of dysyr: what happened, what was got, what was expected, what to do."""


class DysyrError(Exception):
    """Base of all errors that dysyr raises on purpose.

    The message reads ``what: got; expected: do``; parts that are not given are left out.

    Args:
        what: the fact, in lower case, without a full stop.
        got: what was found, with values and names.
        expected: what is needed, and by whom.
        do: what the reader can do about it.
    """

    def __init__(self, what, *, got=None, expected=None, do=None):
        message = what
        if got is not None:
            message += f": {got}"
        if expected is not None:
            message += f"; {expected}"
        if do is not None:
            message += f": {do}"
        super().__init__(message)


class InputError(DysyrError, ValueError):
    """Data or an argument that cannot be used as it is."""


class NoSamplingInterval(InputError):
    """Data that carry neither times nor a sampling interval."""


class ExpressionError(InputError):
    """A mathematical expression that is not of the small language dysyr reads."""


class FormatError(DysyrError):
    """A file or folder that is unreadable, foreign, corrupted or of another format."""


class DivergedError(DysyrError):
    """A computed orbit left every bound.

    Attributes:
        time: when, in system time units.
        trajectory: index of the first trajectory that diverged.
    """

    def __init__(self, what, *, time=None, trajectory=None, got=None, expected=None, do=None):
        super().__init__(what, got=got, expected=expected, do=do)
        self.time = time
        self.trajectory = trajectory


class NotConverged(DysyrError):
    """An iteration that stopped before it reached its tolerance."""
