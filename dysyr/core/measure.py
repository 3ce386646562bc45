"""A number with its context."""

import dataclasses
import math

from dysyr.core.errors import InputError

KINDS = ("distance", "forecast", "invariant")
DIRECTIONS = ("lower", "higher", "match")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """One measured quantity and what it takes to read it.

    A score means nothing alone: ``floor`` is the best that can be reached at this length (independent truth
    against truth, or the true system's own forecast), ``ceiling`` what a model that knows nothing reaches, and
    ``stderr`` the spread of the mean over independent free runs.

    Attributes:
        name: for example ``"d_stsp"``.
        kind: ``"distance"`` | ``"forecast"`` | ``"invariant"``.
        value: a number, a list (spectra) or a ``{name: number}`` mapping.
        stderr: standard error of ``value``, of the same form; None where there is none.
        truth: the same quantity of the truth (invariants), same form as ``value``.
        truth_stderr: its standard error.
        floor: best attainable value at this length.
        floor_range: (low, high), the 95 % range of the floor over independent pairs.
        ceiling: value of a model that knows nothing.
        controls: scores of named negative controls at the same length and settings.
        unit: for example ``"1/time"``; empty for pure numbers.
        better: ``"lower"`` | ``"higher"`` | ``"match"``.
        status: ``"ok"``, or what is wrong with the value in a few words.
        n: number of samples behind the value.
        dt: sampling interval in system time units.
        settings: every setting that the value depends on.
        runs: the value of each free run, before averaging.
    """

    name: str
    kind: str
    value: object
    stderr: object = None
    truth: object = None
    truth_stderr: object = None
    floor: object = None
    floor_range: object = None
    ceiling: object = None
    controls: dict = dataclasses.field(default_factory=dict)
    unit: str = ""
    better: str = "lower"
    status: str = "ok"
    n: int = 0
    dt: float = math.nan
    settings: dict = dataclasses.field(default_factory=dict)
    runs: tuple = ()

    def __post_init__(self):
        if self.kind not in KINDS:
            raise InputError(f"unknown kind of measure '{self.name}'", got=self.kind, expected=f"one of {KINDS}")
        if self.better not in DIRECTIONS:
            raise InputError(
                f"unknown direction of measure '{self.name}'", got=self.better, expected=f"one of {DIRECTIONS}"
            )

    def to_dict(self):
        """The measure as JSON-ready values; numbers that are not finite become None.

        Returns:
            dict with the keys of a measure in ``metrics.json``.
        """
        fields = dataclasses.asdict(self)
        fields.pop("name")
        return plain(fields)


def plain(value):
    """A value made of dict, list, str, bool, int, float and None only; not finite becomes None.

    Args:
        value: nested mappings, sequences, NumPy scalars and arrays.

    Returns:
        The same content in plain Python types.
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return str(value)
