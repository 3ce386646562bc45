"""Checks of the constructor's arguments that the reconstructors of the family share."""

from dysyr.core.arguments import (
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    check_arguments,
    none_or_whole_from,
    number,
    one_of,
    whole,
    whole_from,
)
from dysyr.kernels.forcing import ESTIMATORS

FORCINGS = ("generalized", "sparse", "identity")
READOUTS = ("identity", "affine")


def check(reconstructor):
    """Refuse shared arguments that are out of range.

    Args:
        reconstructor: ForcedReconstructor.

    Raises:
        InputError: the first argument that is.
    """
    check_arguments(
        reconstructor,
        *((name, *whole_from(1)) for name in ("batch_size", "n_updates", "n_checks")),
        *((name, *none_or_whole_from(1)) for name in ("latent_dim", "sequence_length", "forcing_interval")),
        *((name, *whole_from(0)) for name in ("n_refinements", "n_generations", "warm_up", "max_restarts", "seed")),
        *((name, *NOT_NEGATIVE) for name in ("weight_decay", "readout_penalty", "gradient_clip")),
        *((name, *POSITIVE) for name in ("learning_rate", "learning_rate_end")),
        ("smoothing", "'auto', an odd whole number of at least 1, or None",
         lambda v: v in (None, "auto") or (whole(v, 1) and v % 2 == 1)),
        ("device", "'cpu'", lambda v: v == "cpu"),
        ("readout", *one_of(READOUTS)),
        ("forcing", *one_of(FORCINGS)),
        ("alpha_estimator", *one_of(ESTIMATORS)),
        ("jitter", "'auto' or a number of at least 0",
         lambda v: v == "auto" if isinstance(v, str) else number(v) and v >= 0),
        ("alpha", "'adaptive', 'annealed' or a number in [0, 1]", _is_alpha),
        ("alpha_decay", "a number in (0, 1), or None", lambda v: v is None or (number(v) and 0 < v < 1)),
        ("validation_fraction", *FRACTION),
    )  # fmt: skip


def _is_alpha(value):
    return value in ("adaptive", "annealed") if isinstance(value, str) else number(value) and 0 <= value <= 1
