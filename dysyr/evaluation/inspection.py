"""A look at the data before anything is fitted."""

import dataclasses

import numpy as np

from dysyr.core.dataset import as_dataset, inputs, times, trajectories
from dysyr.core.delay_time import decorrelation_time, suggest_delay
from dysyr.core.embedding_dimension import suggest_dimension
from dysyr.core.errors import InputError
from dysyr.core.labels import count_states
from dysyr.core.measure import plain
from dysyr.core.resample import resample
from dysyr.core.segments import segments
from dysyr.core.time_grid import find_grid, irregularity
from dysyr.evaluation.dominant_period import dominant_period
from dysyr.evaluation.inspection_text import concerns, render
from dysyr.evaluation.label_inspection import holds_labels, inspect_labels
from dysyr.evaluation.noise_level import noise_level
from dysyr.evaluation.nonlinearity import NonlinearityTest, surrogate_test
from dysyr.evaluation.outliers import count_outliers
from dysyr.evaluation.requirements import REQUIREMENTS, unmet
from dysyr.evaluation.stationarity import drift_p_value

MAX_DIM_SAMPLES = 100_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class VariableInspection:
    """What was found about one variable.

    Attributes:
        name: of the variable.
        mean, sd, low, high: of the observed values, data units.
        noise: upper bound of the white measurement noise as a fraction of ``sd``; NaN where it cannot be
            told.
        noise_method: ``"differences"`` | ``"local_linear"`` | ``"none"``.
        missing: share of missing values.
        outliers: number of isolated values more than 8 robust standard deviations away.
        correlation_time: first time at which the autocorrelation is below 1/e, time units; NaN if never.
        period: dominant period, time units; NaN where the spectrum has no clear peak.
        drift_p: p value of stationarity; NaN where the series is too short for the test.
        constant: whether all values are equal.
    """

    name: str
    mean: float
    sd: float
    low: float
    high: float
    noise: float
    noise_method: str
    missing: float
    outliers: int
    correlation_time: float
    period: float
    drift_p: float
    constant: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspection:
    """What the data look like; ``str`` gives the text, ``to_dict`` the numbers.

    Attributes:
        names: of the variables.
        n_trajectories: number of trajectories.
        n_samples: samples over all trajectories.
        dt: sampling interval, time units; the median step where the times are irregular.
        regular: whether the times lie on a grid.
        duration: of all trajectories together, time units.
        longest_stretch: samples of the longest stretch without a gap.
        n_inputs: number of external inputs.
        variables: tuple of VariableInspection.
        correlation_time: the longest over the variables, time units.
        n_correlation_times: length of the data in correlation times.
        samples_per_correlation_time: its counterpart for the sampling.
        embedded: name of the variable that delay, dimension and nonlinearity refer to.
        delay: suggested embedding delay, samples.
        delay_rule: ``"mutual_information"`` | ``"autocorrelation"`` | ``"information_decay"``.
        dim: suggested embedding dimension.
        dim_rule: ``"false_neighbours"`` | ``"cao"`` | ``"none"``.
        nonlinearity: NonlinearityTest.
        methods: (name, reasons) of each method; no reasons mean that it fits.
        warnings: sentences worth reading before fitting.
        time_unit: name of the time unit, or "".
        n_states: number of discrete states that the labels name; 0 where the data are no labels.
    """

    names: tuple
    n_trajectories: int
    n_samples: int
    dt: float
    regular: bool
    duration: float
    longest_stretch: int
    n_inputs: int
    variables: tuple
    correlation_time: float
    n_correlation_times: float
    samples_per_correlation_time: float
    embedded: str
    delay: int
    delay_rule: str
    dim: int
    dim_rule: str
    nonlinearity: NonlinearityTest
    methods: tuple
    warnings: tuple
    time_unit: str = ""
    n_states: int = 0

    def to_dict(self):
        """The inspection as JSON-ready values; numbers that are not finite become None."""
        content = dataclasses.asdict(self)
        content["methods"] = {name: list(reasons) for name, reasons in self.methods}
        return plain(content)

    def __str__(self):
        return render(self)


def inspect(data, *, dt=None, requirements=None, seed=0):
    """Noise, stationarity, sampling, nonlinearity, outliers, length, delay and dimension of a data set.

    Delay, dimension and the surrogate test are made on the first variable that varies, and at most 100,000
    of its samples. Irregular data are resampled to their median step for the quantities that need a grid. Labels of
    discrete states are looked at as such, see ``dysyr.evaluation.label_inspection.inspect_labels``.

    Args:
        data: whatever ``as_dataset`` takes.
        dt: sampling interval, where the data do not carry it.
        requirements: mapping of method name to Requirements, to say which methods fit; by default those of
            this version.
        seed: of the surrogates.

    Returns:
        Inspection, or LabelInspection.

    Raises:
        InputError: every variable is constant, or there are fewer than 12 samples without a gap.
    """
    ds = as_dataset(data, dt=dt)
    if holds_labels(ds):
        return inspect_labels(ds, requirements=requirements)
    warnings = []
    own_series, n_states = trajectories(ds), count_states(ds)
    regular = "dt" in ds.attrs
    if not regular:
        grids = [find_grid(t) for t in times(ds)]
        worst = max(grids, key=lambda grid: grid.largest / grid.smallest)
        warnings.append(
            f"The time step is not constant: {irregularity(worst)}. Most methods need dysyr.resample first."
        )
        ds = resample(ds, dt=float(np.median([grid.dt for grid in grids])))
    step = float(ds.attrs["dt"])
    pieces = [trajectories(ds)[i][a:b] for i, a, b in segments(ds)]
    names = [str(name) for name in ds["state"].values]
    if max((len(piece) for piece in pieces), default=0) < 12:
        raise InputError(
            "too few samples to be inspected",
            got=f"{max(map(len, pieces), default=0)} without a gap",
            expected="12",
        )
    variables = tuple(
        _variable(
            name, [piece[:, k] for piece in pieces], np.concatenate([x[:, k] for x in own_series]), step
        )
        for k, name in enumerate(names)
    )
    if all(v.constant for v in variables):
        raise InputError(
            "all variables are constant", got=", ".join(names), expected="something that varies in time"
        )
    first = next(k for k, v in enumerate(variables) if not v.constant)
    chosen = _thinned([piece[:, first] for piece in pieces])
    delay, delay_rule = suggest_delay(chosen)
    dim, dim_rule = _dimension(chosen, delay)
    longest = max(chosen, key=lambda x: np.isfinite(x).sum())
    test = surrogate_test(_observed_run(longest), delay=delay, dim=dim, seed=seed)

    memory = (
        np.nanmax([v.correlation_time for v in variables] or [np.nan])
        if any(np.isfinite(v.correlation_time) for v in variables)
        else np.nan
    )
    duration = step * sum(len(piece) for piece in pieces)
    drives = inputs(ds)
    facts = {
        "names": tuple(names),
        "n_trajectories": int(ds.sizes["trajectory"]),
        "n_samples": sum(len(x) for x in own_series),
        "dt": step,
        "regular": regular,
        "duration": duration,
        "longest_stretch": max(len(piece) for piece in pieces),
        "n_inputs": 0 if drives is None else drives[0].shape[1],
        "variables": variables,
        "correlation_time": float(memory),
        "n_correlation_times": float(duration / memory),
        "samples_per_correlation_time": float(memory / step),
        "embedded": names[first],
        "delay": delay,
        "delay_rule": delay_rule,
        "dim": dim,
        "dim_rule": dim_rule,
        "nonlinearity": test,
        "time_unit": str(ds.attrs.get("time_unit", "")),
        "n_states": n_states,
    }
    found = Inspection(**facts, methods=(), warnings=())
    methods = tuple((name, unmet(needs, found)) for name, needs in (requirements or REQUIREMENTS).items())
    return dataclasses.replace(found, methods=methods, warnings=tuple(warnings + concerns(found)))


def _variable(name, pieces, own, step):
    observed = own[np.isfinite(own)]
    constant = len(observed) == 0 or bool(np.ptp(observed) <= 1e-12 * np.abs(observed).max())
    noise, method = (np.nan, "none") if constant else noise_level(_thinned(pieces))
    memory = None if constant else decorrelation_time(pieces)
    longest = _observed_run(max(pieces, key=lambda x: np.isfinite(x).sum()))
    drift = np.nan if constant else drift_p_value(longest, memory)
    return VariableInspection(
        name=name,
        mean=float(observed.mean()) if len(observed) else np.nan,
        sd=float(observed.std()) if len(observed) else np.nan,
        low=float(observed.min()) if len(observed) else np.nan,
        high=float(observed.max()) if len(observed) else np.nan,
        noise=float(noise),
        noise_method=method,
        missing=float(1 - len(observed) / len(own)),
        outliers=0 if constant else count_outliers(pieces),
        correlation_time=np.nan if memory is None else float(memory * step),
        period=np.nan if constant else dominant_period(longest) * step,
        drift_p=float(drift),
        constant=constant,
    )


def _dimension(series, delay):
    try:
        chosen = suggest_dimension(series, delay)
    except InputError:
        return 1, "none"
    return chosen.dim, chosen.rule


def _thinned(pieces):
    """The first pieces with at most 100,000 samples in all."""
    kept, left = [], MAX_DIM_SAMPLES
    for piece in pieces:
        kept.append(piece[:left])
        left -= len(kept[-1])
        if left <= 0:
            break
    return kept


def _observed_run(x):
    """The longest run of observed values."""
    seen = np.flatnonzero(np.isfinite(x))
    if len(seen) == len(x):
        return x
    runs = np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1)
    return x[max(runs, key=len)]
