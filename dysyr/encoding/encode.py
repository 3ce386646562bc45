"""From models and data to symbols."""

import numbers

import numpy as np
import xarray as xr

from dysyr.core.arguments import check_seed
from dysyr.core.counts import check_counts, check_samples
from dysyr.core.dataset import as_dataset, data_hash, sampling_interval, times, trajectories
from dysyr.core.dataset import inputs as inputs_of
from dysyr.core.errors import DivergedError, InputError
from dysyr.core.known_data import known_data
from dysyr.core.model import Model, PiecewiseLinear
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.segments import segments
from dysyr.core.status import orbit_status
from dysyr.encoding.encoding import Encoding
from dysyr.encoding.relabelling import by_visits, pack_bits

PIECE = 10_000
LARGEST_LABEL = 2.0**63
STATUS_STEPS = 20_000
BATCH = 4_096
BOUND = 1e6


def encode(
    model_or_dataset, *, data=None, n_steps=100_000, n_trajectories=1, transient=None, inputs=None, max_word=10,
    missing_label=None, filter_steps=100, max_symbols=1_000, seed=0,
):  # fmt: skip
    """The symbolic code of a piecewise-linear model, or of data with discrete labels.

        s_t = region of z_t, numbered by visits, the most visited 0

    A model runs free, from the states from which ``generate`` with the same seed runs; or, where ``data`` is given, it
    is nudged along the data, and its states there are coded: the state at t is that at the end of the last
    ``filter_steps`` samples before t.

    Args:
        model_or_dataset: a PiecewiseLinear model, a fitted reconstructor with such a model, or a Dataset with the
            variable ``label``.
        data: series to follow with the model, whatever ``as_dataset`` takes; data units of the model.
        n_steps: symbols per free run.
        n_trajectories: number of free runs, at most that of the model's initial states.
        transient: steps to run and drop first; by default n_steps // 4.
        inputs: (transient + n_steps, n_inputs) external inputs of a free run.
        max_word: longest word that is counted.
        missing_label: label that stands for a missing one; words do not cross it.
        filter_steps: samples of context for each state along data.
        max_symbols: refuse codes with more symbols than this, which are too fine to count anything in.
        seed: chooses the initial states of free runs.

    Returns:
        Encoding. One symbol alone is a valid code with entropy 0.

    Raises:
        InputError: a model without regions, data without labels, labels that are no whole numbers below 2^63, no two
            consecutive symbols, too many symbols, an argument that is not for what is encoded.
        DivergedError: the free run leaves every bound.

    Reference: brenner2024
    """
    check_seed(seed)
    check_counts(max_symbols=max_symbols)
    if isinstance(model_or_dataset, Reconstructor):
        if not hasattr(model_or_dataset, "model_"):
            raise InputError("the reconstructor is not fitted", do="call fit first")
        model_or_dataset = model_or_dataset.model_
    if isinstance(model_or_dataset, xr.Dataset):
        if data is not None:
            raise InputError("data= is for models", got="a data set to encode and data=", do="leave out data=")
        return _of_labels(model_or_dataset, missing_label, max_word, max_symbols)
    model = _with_regions(model_or_dataset)
    if missing_label is not None:
        raise InputError("missing_label= is for labelled data", got="a model", do="leave it out")
    if data is not None and not (inputs is None and transient is None):
        raise InputError("inputs= and transient= are for free runs", got="data=", do="leave them out")
    if data is not None:
        return _along(model, data, filter_steps, max_word, max_symbols)
    return _free(model, n_steps, n_trajectories, transient, inputs, max_word, max_symbols, seed)


def _with_regions(model):
    if isinstance(model, PiecewiseLinear):
        return model
    if not isinstance(model, Model):
        raise InputError(
            "this cannot be encoded", got=type(model).__name__,
            expected="a piecewise-linear model, or a Dataset with discrete labels",
            do="give a label per sample with dysyr.make_dataset(x, label=...)",
        )  # fmt: skip
    raise InputError(
        "the model has no regions", got=f"{type(model).__name__}", expected="a piecewise-linear model",
        do="fit a piecewise-linear reconstructor, or label the samples of its free run with "
        "dysyr.make_dataset(x, label=...)",
    )  # fmt: skip


def _of_labels(ds, missing_label, max_word, max_symbols):
    ds = as_dataset(ds, min_samples=1)
    if "label" not in ds:
        raise InputError(
            "the data have no labels", got=", ".join(map(str, ds.data_vars)), expected="an integer variable label",
            do="give a label per sample with dysyr.make_dataset(x, label=...), or encode a piecewise-linear model",
        )  # fmt: skip
    labels = ds["label"].values
    if labels.dtype.kind not in "iuf":
        raise InputError("labels are not whole numbers", got=f"dtype {labels.dtype}", expected="integers")
    known = ~np.isnan(labels) if labels.dtype.kind == "f" else np.ones(labels.shape, dtype=bool)
    with np.errstate(invalid="ignore"):
        odd = known & ~((np.abs(labels.astype(np.float64)) < LARGEST_LABEL) & (labels % 1 == 0))
    if odd.any():
        raise InputError(
            "labels are not whole numbers below 2^63", got=str(labels[odd][0]), expected="integers, NaN where missing"
        )
    if missing_label is not None:
        if isinstance(missing_label, bool) or not isinstance(missing_label, numbers.Real) or missing_label % 1 != 0:
            raise InputError("missing_label is not a whole number", got=repr(missing_label)[:60])
        known &= labels != missing_label
    dt, clock, series = sampling_interval(ds, needed_by="a symbolic code"), times(ds), trajectories(ds)
    stretches, observed, starts, owners = [], [], [], []
    for i, start, stop in segments(ds):
        seen = known[i, start:stop].astype(np.int8)
        edges = np.flatnonzero(np.diff(np.r_[0, seen, 0])) + start
        for a, b in edges.reshape(-1, 2):
            stretches.append(labels[i, a:b].astype(np.int64))
            observed.append(series[i][a:b])
            starts.append(float(clock[i][a]))
            owners.append(i)
    symbols, original = by_visits(stretches, max_symbols)
    source = {"kind": "labels", "data_hash": _series_hash(ds)}
    names = tuple(str(label) for label in original[:, 0])
    variables = tuple(str(name) for name in ds["state"].values)
    return Encoding(
        symbols, tuple(starts), tuple(owners), dt, names, None, max_word, source, tuple(observed), variables
    )  # fmt: skip


def _free(model, n_steps, n_trajectories, transient, drive, max_word, max_symbols, seed):
    check_samples(n_steps=n_steps, n_trajectories=n_trajectories)
    transient = n_steps // 4 if transient is None else transient
    if isinstance(transient, bool) or not isinstance(transient, (int, np.integer)) or transient < 0:
        raise InputError("transient is not a number of steps", got=repr(transient))
    n_starts = len(np.unique(model.initial_states, axis=0))
    if n_trajectories > n_starts:
        raise InputError(
            "there would be free runs that repeat each other", got=f"{n_trajectories} runs",
            expected=f"at most {n_starts}, one for each of the model's initial states", do="ask for fewer, longer ones",
        )  # fmt: skip
    z = model.starts(n_trajectories, seed)
    u = _drive(model, drive, n_trajectories, transient + n_steps)
    codes, observed = [], []
    edges = [*range(0, transient, PIECE), *range(transient, transient + n_steps, PIECE), transient + n_steps]
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        orbit = model.trajectory(z, b - a, None if u is None else u[:, a:b])
        z = orbit[:, -1]
        x = model.readout(orbit)
        _stay_bounded(x, model, a)
        if a >= transient:
            codes.append(pack_bits(model.region(orbit)))
            observed.append(x)
    codes, observed = np.concatenate(codes, axis=1), np.concatenate(observed, axis=1)
    symbols, packed = by_visits(list(codes), max_symbols)
    source = {
        "kind": "free run", "model": model.family, "seed": int(seed), "transient_steps": int(transient),
        "status": [orbit_status(run[-STATUS_STEPS:], model.scale) for run in observed],
    }  # fmt: skip
    n = len(symbols)
    return _of_regions(model, symbols, packed, (0.0,) * n, tuple(range(n)), max_word, source, tuple(observed))


def _along(model, data, filter_steps, max_word, max_symbols):
    ds = known_data(model, data, needed_by="a symbolic code")
    series, drives, clock = trajectories(ds), inputs_of(ds), times(ds)
    check_counts(filter_steps=filter_steps)
    codes, observed, starts, owners = [], [], [], []
    for i, start, stop in segments(ds):
        u = None if drives is None else drives[i][start:stop]
        states = _states_along(model, series[i][start:stop], u, filter_steps)
        codes.append(pack_bits(model.region(states)))
        observed.append(model.readout(states))
        starts.append(float(clock[i][start]))
        owners.append(i)
    symbols, packed = by_visits(codes, max_symbols)
    source = {
        "kind": "along data",
        "model": model.family,
        "data_hash": _series_hash(ds),
        "filter_steps": int(filter_steps),
    }
    return _of_regions(model, symbols, packed, tuple(starts), tuple(owners), max_word, source, tuple(observed))


def _series_hash(ds):
    """Fingerprint of the series alone, by which codes of the same samples are told, whatever their labels."""
    return data_hash(ds.drop_vars("label", errors="ignore"))


def _states_along(model, x, u, filter_steps):
    """(time, latent) states at the ends of contexts of at most ``filter_steps`` samples."""
    width = min(filter_steps, len(x))
    with np.errstate(over="ignore", invalid="ignore"):
        states = [model.initial(x[None, : t + 1], None if u is None else u[None, : t + 1]) for t in range(width - 1)]
        for first in range(0, len(x) - width + 1, BATCH):
            rows = np.arange(first, min(first + BATCH, len(x) - width + 1))[:, None] + np.arange(width)
            states.append(model.initial(x[rows], None if u is None else u[rows]))
    states = np.concatenate(states)
    bad = ~np.isfinite(states).all(axis=1)
    if bad.any():
        raise DivergedError(
            "the model diverges although the data pull it", time=float(np.argmax(bad) * model.dt),
            got=f"state not finite {np.argmax(bad)} samples into a stretch", do="use fewer filter_steps, or fit again",
        )  # fmt: skip
    return states


def _stay_bounded(x, model, done):
    """Refuse a piece of free runs that leaves 1e6 standard deviations of the data."""
    with np.errstate(invalid="ignore", over="ignore"):
        bad = ~(np.abs(x) < BOUND * model.scale).all(axis=2)
    if bad.any():
        i, t = np.argwhere(bad)[np.argmin(np.argwhere(bad)[:, 1])]
        raise DivergedError(
            "the free run diverges", time=float((done + t) * model.dt), trajectory=int(i),
            got=f"run {i} leaves {BOUND:g} standard deviations of the data after {done + t} steps",
            expected="a code needs a bounded orbit", do="try another seed, or pass data= to code the states along data",
        )  # fmt: skip


def _drive(model, drive, batch, n_steps):
    if model.n_inputs == 0:
        if drive is not None:
            raise InputError("inputs were given to a model that was fitted without inputs", do="leave them out")
        return None
    shape = (n_steps, model.n_inputs)
    if drive is None or np.shape(drive)[-2:] != shape:
        raise InputError(
            "the model needs its external inputs", got="none" if drive is None else f"shape {np.shape(drive)}",
            expected=f"{shape}, transient and n_steps together", do="pass inputs=, or data= that carries them",
        )  # fmt: skip
    return np.broadcast_to(np.asarray(drive, dtype=np.float64), (batch, *shape))


def _of_regions(model, symbols, packed, starts, owners, max_word, source, observed):
    bits = np.unpackbits(packed.view(np.uint8), axis=1, count=model.n_bits, bitorder="little").astype(bool)
    names = tuple("".join("1" if bit else "0" for bit in row) for row in bits)
    return Encoding(symbols, starts, owners, float(model.dt), names, bits, max_word, source, observed, model.names)
