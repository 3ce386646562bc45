"""Checks of the constructor's arguments."""

from dysyr.core.arguments import (
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    TRUE_OR_FALSE,
    check_arguments,
    number,
    one_of,
    whole,
    whole_from,
)
from dysyr.reconstruction.phyxmamba.discrepancy import ESTIMATORS
from dysyr.reconstruction.phyxmamba.mamba import LONGEST_SHORT
from dysyr.reconstruction.phyxmamba.recipe import SCHEDULES
from dysyr.training.device import check_device

CORES, PADDINGS = ("ssd", "selective"), ("history", "zeros")
COUNTS = (
    "patch_length", "n_tokens", "n_layers", "d_model", "d_state", "expand", "head_dim", "batch_size",
    "rollout_batch_size", "n_checks",
)  # fmt: skip
AUTO_OR_COUNT = ("'auto' or a whole number of at least 1", lambda v: v == "auto" if isinstance(v, str) else whole(v, 1))


def check(method):
    """Refuse arguments that are out of range, alone or together.

    Args:
        method: PhyxMamba.

    Raises:
        InputError: the first argument that is.
    """
    check_arguments(
        method,
        *((name, *whole_from(1)) for name in COUNTS),
        *((name, *whole_from(0)) for name in ("n_updates", "n_rollout_updates", "n_decoder_updates", "n_heads")),
        ("seed", *whole_from(0)),
        ("n_rollout", "a whole number of at least 1, or None", lambda v: v is None or whole(v, 1)),
        *((name, *AUTO_OR_COUNT) for name in ("dim", "delay")),
        ("padding", *one_of(PADDINGS)),
        ("core", *one_of(CORES)),
        ("schedule", *one_of(SCHEDULES)),
        ("mmd_estimator", *one_of(ESTIMATORS)),
        *((name, *TRUE_OR_FALSE) for name in ("residual", "normalise")),
        *((name, *POSITIVE) for name in ("learning_rate", "learning_rate_end", "rollout_rate", "rollout_rate_end")),
        *((name, *NOT_NEGATIVE) for name in ("weight_decay", "head_weight", "jitter")),
        *((name, *NOT_NEGATIVE) for name in ("conditional_weight", "unconditional_weight")),
        ("gradient_clip", "a positive number, or None", lambda v: v is None or (number(v) and v > 0)),
        ("dropout", "a number in [0, 1)", lambda v: number(v) and 0 <= v < 1),
        ("bandwidths", "a list of positive numbers, or None",
         lambda v: v is None or (isinstance(v, list) and len(v) > 0 and all(number(s) and s > 0 for s in v))),
        ("validation_fraction", *FRACTION),
    )  # fmt: skip
    inner, updates = method.expand * method.d_model, method.n_updates + method.n_rollout_updates
    check_arguments(
        method,
        ("n_heads", f"fewer than n_tokens = {method.n_tokens}: no patch is left for the others to learn from",
         lambda v: v < method.n_tokens),
        ("head_dim", f"a divisor of expand * d_model = {inner}", lambda v: method.core != "ssd" or inner % v == 0),
        ("n_rollout", f"a multiple of patch_length = {method.patch_length}",
         lambda v: v is None or v % method.patch_length == 0),
        ("n_updates", "at least one update in both stages together", lambda v: updates >= 1),
        ("n_checks", f"at most n_updates + n_rollout_updates = {updates}", lambda v: v <= updates),
        ("device", f"'cpu' with core 'selective', and with more than {LONGEST_SHORT} patches",
         lambda v: v != "cuda" or (method.core == "ssd" and method.n_tokens <= LONGEST_SHORT)),
    )  # fmt: skip
    check_device(method)
