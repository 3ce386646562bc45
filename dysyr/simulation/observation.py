"""Observation models: what a measurement makes of the true states.

Each model is a frozen dataclass; calling it with a data set and a seed gives the observed data set. The
values before the first observation stay in ``x_true``, and ``attrs["observation"]`` lists, as JSON, the
models that were applied.
"""

import dataclasses
import json
from collections.abc import Iterable

import numpy as np

from dysyr.core.arguments import check_seed, number, whole
from dysyr.core.dataset import parts, trajectories
from dysyr.core.embedding import embed
from dysyr.core.errors import InputError
from dysyr.simulation.observation_model import ObservationModel

FUNCTIONS = {"tanh": np.tanh, "exp": np.exp, "square": np.square, "cube": lambda v: v**3, "abs": np.abs}


@dataclasses.dataclass(frozen=True)
class GaussianNoise(ObservationModel):
    """x + fraction * sd(x) * N(0, 1), independent for every value; sd per variable over all trajectories."""

    fraction: float
    stream = 1

    def __post_init__(self):
        fine = number(self.fraction) and self.fraction >= 0
        _check(fine, "noise as a fraction of the standard deviation", self.fraction, "0 or more")

    def _observed(self, ds, before, rng):
        sd = _standard_deviation(ds)
        return {"x": [x + self.fraction * sd * rng.standard_normal(x.shape) for x in before["x"]]}


@dataclasses.dataclass(frozen=True)
class PartialObservation(ObservationModel):
    """Only some of the variables, by name or index, in the given order."""

    states: tuple
    stream = 2

    def _observed(self, ds, before, rng):
        columns = [_column(state, before["names"]) for state in _tuple(self.states)]
        changed = {"x": [x[:, columns] for x in before["x"]], "names": [before["names"][c] for c in columns]}
        if before["mask"] is not None:
            changed["mask"] = [mask[:, columns] for mask in before["mask"]]
        return changed


@dataclasses.dataclass(frozen=True, eq=False)
class Readout(ObservationModel):
    """y = f(C x + b); ``matrix`` is (observed, state), ``function`` None, tanh, exp, square, cube or abs."""

    matrix: object
    offset: object = None
    function: str | None = None
    names: tuple | None = None
    stream = 3

    def _observed(self, ds, before, rng):
        matrix = np.atleast_2d(np.asarray(self.matrix, dtype=np.float64))
        n_states = len(before["names"])
        _check(matrix.shape[1] == n_states, "readout matrix", f"shape {matrix.shape}", f"(observed, {n_states})")
        allowed = ", ".join(FUNCTIONS)
        _check(self.function is None or self.function in FUNCTIONS, "readout function", self.function, allowed)
        offset = np.zeros(len(matrix)) if self.offset is None else np.asarray(self.offset, dtype=np.float64)
        f = FUNCTIONS.get(self.function, lambda v: v)
        x = [f(x @ matrix.T + offset) for x in trajectories(ds)]
        names = list(self.names) if self.names is not None else [f"y{i}" for i in range(len(matrix))]
        return {"x": x, "names": names, "mask": True if before["mask"] is not None else None}


@dataclasses.dataclass(frozen=True)
class PoissonSpikes(ObservationModel):
    """Spike counts n ~ Poisson(rate dt exp(gain w.s - gain^2 / 2)) of neurons driven by the scaled state s.

    Each neuron's weights w are a random direction of length 1, so that for Gaussian states the mean count
    per sample is ``rate * dt``. Counts are whole numbers.
    """

    n_neurons: int
    rate: float
    gain: float = 1.0
    stream = 4

    def _observed(self, ds, before, rng):
        _check(
            whole(self.n_neurons, 1) and number(self.rate) and self.rate > 0,
            "spikes",
            f"{self.n_neurons} neurons, rate {self.rate}",
            "positive",
        )
        _check(number(self.gain), "gain of spikes", self.gain, "a number")
        _check(before["dt"] is not None, "spike counts", "irregular times", "a regular grid")
        _check(before["mask"] is None, "spike counts", "missing values", "complete data: drop values afterwards")
        weights = rng.standard_normal((len(before["names"]), self.n_neurons))
        weights /= np.linalg.norm(weights, axis=0)
        counts = []
        for s in _scaled(ds):
            drive = self.gain * (s @ weights) - self.gain**2 / 2
            counts.append(rng.poisson(self.rate * before["dt"] * np.exp(np.minimum(drive, 20.0))).astype(np.int64))
        return {"x": counts, "names": [f"neuron{i}" for i in range(self.n_neurons)]}


@dataclasses.dataclass(frozen=True)
class Ordinal(ObservationModel):
    """Ratings 0, ..., n_levels - 1: how many of n_levels - 1 thresholds a value exceeds.

    The thresholds of each variable are its quantiles at equal shares; ``noise`` is the standard deviation
    of a logistic error in units of the variable's own, so that a rating follows the cumulative logit model.
    """

    n_levels: int
    noise: float = 0.0
    stream = 5

    def _observed(self, ds, before, rng):
        _check(whole(self.n_levels, 2), "number of levels", self.n_levels, "a whole number of at least 2")
        _check(number(self.noise) and self.noise >= 0, "noise of ratings", self.noise, "0 or more")
        _check(before["mask"] is None, "ratings", "missing values", "complete data: drop values afterwards")
        scaled = _scaled(ds)
        shares = np.arange(1, self.n_levels) / self.n_levels
        thresholds = np.quantile(np.concatenate(scaled), shares, axis=0)
        width = self.noise * np.sqrt(3) / np.pi
        ratings = []
        for s in scaled:
            blurred = s + width * rng.logistic(size=s.shape) if self.noise else s
            ratings.append((blurred > thresholds[:, None]).sum(axis=0).astype(np.int64))
        return {"x": ratings}


@dataclasses.dataclass(frozen=True)
class MissingAtRandom(ObservationModel):
    """Every value is missing with probability ``fraction``, independently of all else."""

    fraction: float
    stream = 6

    def _observed(self, ds, before, rng):
        fine = number(self.fraction) and 0 <= self.fraction < 1
        _check(fine, "fraction of missing values", self.fraction, "from 0 to below 1")
        return {"mask": _and(before, [rng.random(x.shape) >= self.fraction for x in before["x"]])}


@dataclasses.dataclass(frozen=True)
class MissingBlocks(ObservationModel):
    """Runs of ``length`` samples are missing, all variables at once, until ``fraction`` of the samples is."""

    fraction: float
    length: int
    stream = 7

    def _observed(self, ds, before, rng):
        fine = number(self.fraction) and 0 <= self.fraction < 1
        _check(fine, "fraction of missing samples", self.fraction, "from 0 to below 1")
        _check(whole(self.length, 1), "length of a missing block", self.length, "1 sample or more")
        masks = []
        for x in before["x"]:
            n_blocks = int(round(self.fraction * len(x) / self.length))
            free = len(x) - n_blocks * self.length
            gaps = np.sort(rng.choice(free + n_blocks, n_blocks, replace=False)) - np.arange(n_blocks)
            starts = gaps + np.arange(n_blocks) * self.length
            mask = np.ones(x.shape, dtype=bool)
            for start in starts:
                mask[start : start + self.length] = False
            masks.append(mask)
        return {"mask": _and(before, masks)}


@dataclasses.dataclass(frozen=True)
class IrregularSampling(ObservationModel):
    """A random share ``keep`` of the samples of each trajectory, in order; the times become irregular."""

    keep: float
    stream = 8

    def _observed(self, ds, before, rng):
        _check(number(self.keep) and 0 < self.keep <= 1, "share of samples to keep", self.keep, "from above 0 to 1")
        chosen = []
        for x in before["x"]:
            n_kept = max(int(round(self.keep * len(x))), 2)
            chosen.append(np.sort(rng.choice(len(x), n_kept, replace=False)))
        changed = {
            name: [part[rows] for part, rows in zip(before[name], chosen, strict=True)]
            for name in ("x", "time", "mask", "u", "x_true", "label")
            if before[name] is not None
        }
        changed.setdefault("x_true", changed["x"])
        return {**changed, "dt": before["dt"] if self.keep == 1 else None}


@dataclasses.dataclass(frozen=True)
class LabelFlips(ObservationModel):
    """Each label is replaced, with the given probability, by one of the other labels, all equally likely.

    The labels are all states of the attribute ``states``, or those that occur where it is missing. Where x is the
    label, as in a simulated chain of states, it is replaced too. The replacement never repeats the truth.
    """

    probability: float
    stream = 9

    def _observed(self, ds, before, rng):
        fine = number(self.probability) and 0 <= self.probability <= 1
        _check(fine, "probability of a flip", self.probability, "from 0 to 1")
        _check(before["label"] is not None, "label flips", "a data set without labels", "a variable 'label'")
        kinds = np.unique(np.concatenate(before["label"]))
        if "states" in before["attrs"]:
            kinds = np.arange(len(json.loads(before["attrs"]["states"])))
        _check(len(kinds) > 1, "label flips", "a single kind of label", "at least two")
        flipped = []
        for label in before["label"]:
            place = np.searchsorted(kinds, label)
            shift = rng.integers(1, len(kinds), size=label.shape)
            other = kinds[(place + shift) % len(kinds)]
            flipped.append(np.where(rng.random(label.shape) < self.probability, other, label))
        same = all(np.array_equal(x, label[:, None]) for x, label in zip(before["x"], before["label"], strict=True))
        return {"label": flipped, **({"x": [label[:, None] for label in flipped]} if same else {})}


@dataclasses.dataclass(frozen=True)
class GaussianEmission(ObservationModel):
    """y = mean_s + sd_s N(0, 1) in state s, such as the current through a channel; the label is no longer seen."""

    means: tuple
    sds: tuple
    name: str = "current"
    stream = 11

    def _observed(self, ds, before, rng):
        means, sds = (np.asarray(v, dtype=np.float64) for v in (self.means, self.sds))
        _check(before["label"] is not None, "emissions", "a data set without labels", "a variable 'label'")
        labels = before["label"]
        n_needed = 1 + max(int(label.max()) for label in labels)
        shapes = f"{means.shape} means, {sds.shape} standard deviations"
        _check(
            means.ndim == 1 and means.shape == sds.shape and means.size >= n_needed, "emissions", shapes,
            f"one mean and one standard deviation for each state, {n_needed} at least",
        )  # fmt: skip
        _check((sds >= 0).all() and np.isfinite([means, sds]).all(), "emissions", f"{means}, {sds}", "finite, sds >= 0")
        y = [(means[label] + sds[label] * rng.standard_normal(label.shape))[:, None] for label in labels]
        mask = None if before["mask"] is None else [m.all(axis=1)[:, None] for m in before["mask"]]
        return {"x": y, "names": [self.name], "label": None, "mask": mask}


@dataclasses.dataclass(frozen=True)
class DelayEmbedding(ObservationModel):
    """Delay vectors (x(t - (dim-1) delay), ..., x(t - delay), x(t)) of one variable; ``delay`` in samples."""

    dim: int
    delay: int
    variable: str | int = 0
    stream = 10

    def _observed(self, ds, before, rng):
        embedded = parts(embed(ds, dim=self.dim, delay=self.delay, variable=self.variable))
        if embedded["x_true"] is None:
            embedded["x_true"] = [x[(self.dim - 1) * self.delay :] for x in before["x"]]
        return embedded


MODELS = (
    GaussianNoise, PartialObservation, Readout, PoissonSpikes, Ordinal, MissingAtRandom, MissingBlocks,
    IrregularSampling, LabelFlips, GaussianEmission, DelayEmbedding,
)  # fmt: skip


def observe(ds, *, observation_noise=0.0, observe=None, seed=0):
    """Turn a clean simulation into data.

    The observation models are applied in order, then Gaussian noise.

    Args:
        ds: Dataset.
        observation_noise: standard deviation of additive Gaussian noise, as a fraction of each variable's
            own.
        observe: variables to observe (a name or index, or several), one observation model, or a sequence of
            models.
        seed: whole number.

    Returns:
        Dataset with ``x_true``, or the data set as it is when there is nothing to do.

    Raises:
        InputError: unknown variables or settings that make no sense.
    """
    _check(
        number(observation_noise) and observation_noise >= 0, "observation_noise", repr(observation_noise),
        "a number of at least 0",
    )  # fmt: skip
    check_seed(seed)
    for model in _models(observe):
        ds = model(ds, seed)
    if observation_noise:
        ds = GaussianNoise(float(observation_noise))(ds, seed)
    return ds


def _models(wanted):
    if wanted is None:
        return []
    if isinstance(wanted, (str, int, np.integer)):
        return [PartialObservation((wanted,))]
    if isinstance(wanted, ObservationModel):
        return [wanted]
    wanted = list(wanted) if isinstance(wanted, Iterable) else [None]
    if all(isinstance(item, ObservationModel) for item in wanted):
        return wanted
    if all(isinstance(item, (str, int, np.integer)) for item in wanted):
        return [PartialObservation(tuple(wanted))]
    raise InputError(
        "cannot observe this",
        got=repr(wanted),
        expected="names or indices of variables, or observation models",
    )


def _standard_deviation(ds):
    return np.nanstd(np.concatenate(trajectories(ds)), axis=0)


def _scaled(ds):
    """Trajectories with mean 0 and standard deviation 1 per variable; constant variables become 0."""
    series = trajectories(ds)
    values = np.concatenate(series)
    sd = values.std(axis=0)
    return [(x - values.mean(axis=0)) / np.where(sd > 0, sd, 1.0) for x in series]


def _and(before, masks):
    if before["mask"] is None:
        return masks
    return [old & new for old, new in zip(before["mask"], masks, strict=True)]


def _column(state, names):
    if isinstance(state, (int, np.integer)) and -len(names) <= state < len(names):
        return int(state) % len(names)
    if state in names:
        return names.index(state)
    raise InputError("unknown variable to observe", got=str(state), expected=f"one of {', '.join(names)}")


def _tuple(states):
    return (states,) if isinstance(states, (str, int, np.integer)) else tuple(states)


def _check(fine, what, got, expected):
    if not fine:
        raise InputError(what, got=str(got), expected=expected)
