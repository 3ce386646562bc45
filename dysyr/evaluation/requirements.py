"""What a method asks of the data."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Requirements:
    """What a method needs before it can be expected to work.

    Attributes:
        min_samples: samples in the longest gap-free stretch.
        min_correlation_times: length of the data in correlation times.
        min_samples_per_correlation_time: density of sampling.
        handles_irregular: takes times off a grid.
        handles_missing: takes missing values.
        handles_inputs: takes external inputs.
        max_noise: measurement noise as a fraction of the standard deviation.
        max_states: for methods that take labels of discrete states and nothing else, how many; None for all others.
    """

    min_samples: int = 2
    min_correlation_times: float = 0.0
    min_samples_per_correlation_time: float = 0.0
    handles_irregular: bool = False
    handles_missing: bool = False
    handles_inputs: bool = False
    max_noise: float = 1.0
    max_states: int | None = None


REQUIREMENTS = {
    "shplrnn": Requirements(
        min_samples=60, min_correlation_times=20, handles_missing=True, handles_inputs=True, max_noise=0.6
    ),
    "alrnn": Requirements(
        min_samples=60, min_correlation_times=20, handles_missing=True, handles_inputs=True, max_noise=0.6
    ),
    "dendplrnn": Requirements(
        min_samples=60, min_correlation_times=20, handles_missing=True, handles_inputs=True, max_noise=0.6
    ),
    "plrnn": Requirements(
        min_samples=60, min_correlation_times=20, handles_missing=True, handles_inputs=True, max_noise=0.6
    ),
    "hankelstnn": Requirements(min_samples=60, min_correlation_times=20, handles_missing=True, max_noise=0.6),
    "lstm": Requirements(min_samples=60, min_correlation_times=20, handles_missing=True, max_noise=0.6),
    "gru": Requirements(min_samples=60, min_correlation_times=20, handles_missing=True, max_noise=0.6),
    "neuralode": Requirements(min_samples=60, min_correlation_times=20, handles_missing=True, max_noise=0.6),
    "latentsde": Requirements(min_samples=60, min_correlation_times=20, handles_missing=True, max_noise=0.9),
    "reservoircomputer": Requirements(min_samples=60, min_correlation_times=20, handles_missing=True, max_noise=0.3),
    "nextgenreservoir": Requirements(min_samples=60, min_correlation_times=10, handles_missing=True, max_noise=0.1),
    "sindy": Requirements(
        min_samples=60, min_correlation_times=10, min_samples_per_correlation_time=2, handles_missing=True,
        max_noise=0.1,
    ),
    "hankeldmd": Requirements(min_samples=60, handles_missing=True),
    "havok": Requirements(min_samples=60, min_correlation_times=20, handles_missing=True, max_noise=0.1),
    "linearar": Requirements(min_samples=60, handles_missing=True),
    "persistence": Requirements(min_samples=60, handles_missing=True),
    "hiddenterms": Requirements(min_samples=4, handles_irregular=True, handles_missing=True, max_noise=0.6),
    "phyxmamba": Requirements(min_samples=60, min_correlation_times=20, handles_missing=True, max_noise=0.6),
    "koopmanvae": Requirements(min_samples=20, min_correlation_times=20, handles_missing=True, max_noise=0.6),
    "jumpem": Requirements(handles_irregular=True, handles_missing=True, max_states=50),
    "jumpfoundation": Requirements(handles_irregular=True, handles_missing=True, max_states=8),
}


def unmet(needs, found):
    """Reasons against a method, none if it fits.

    Args:
        needs: Requirements.
        found: Inspection.

    Returns:
        tuple of str.
    """
    noise = max((v.noise for v in found.variables if not v.constant and v.noise == v.noise), default=0.0)
    missing = any(v.missing > 0 for v in found.variables)
    reasons = []
    if needs.max_states is not None and not 2 <= found.n_states <= needs.max_states:
        reasons.append(f"needs labels of 2 to {needs.max_states} discrete states, numbered from 0")
    if found.longest_stretch < needs.min_samples:
        reasons.append(f"needs {needs.min_samples} samples without a gap, there are {found.longest_stretch}")
    if found.n_correlation_times < needs.min_correlation_times:
        reasons.append(
            f"needs {needs.min_correlation_times:g} correlation times, not {found.n_correlation_times:.3g}"
        )
    if found.samples_per_correlation_time < needs.min_samples_per_correlation_time:
        reasons.append(f"needs {needs.min_samples_per_correlation_time:g} samples per correlation time")
    if not found.regular and not needs.handles_irregular:
        reasons.append("needs a constant time step: resample first")
    if missing and not needs.handles_missing:
        reasons.append("takes no missing values")
    if found.n_inputs and not needs.handles_inputs:
        reasons.append("takes no external inputs")
    if noise > needs.max_noise:
        reasons.append(f"too noisy: {noise:.0%} of the spread is unpredictable")
    if any(v.constant for v in found.variables):
        reasons.append("leave the constant variables out")
    return tuple(reasons)


def unmet_by_labels(needs, found):
    """Reasons against a method for labels of discrete states, none if it fits.

    Args:
        needs: Requirements.
        found: LabelInspection.

    Returns:
        tuple of str.
    """
    if needs.max_states is None:
        return ("takes measured values, not labels of states",)
    reasons = []
    if found.n_states > needs.max_states:
        reasons.append(f"takes at most {needs.max_states} states")
    if not found.regular and not needs.handles_irregular:
        reasons.append("needs a constant time step: resample first")
    if found.missing and not needs.handles_missing:
        reasons.append("takes no missing values")
    return tuple(reasons)
