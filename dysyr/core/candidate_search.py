"""Reconstructors that are fitted in closed form, whose hyperparameters are chosen by free runs on validation data."""

import abc
import dataclasses
import math
import time

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dysyr.core.checkpoint import Checkpoint
from dysyr.core.criterion import validation_criterion
from dysyr.core.dataset import make_dataset, sampling_interval, trajectories
from dysyr.core.delay_state import delay_form
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.scaler import Scaler
from dysyr.core.segments import complete_stretches, cut, evenly_over
from dysyr.core.tall_matrix import shortened_equations

SECONDS_BETWEEN_WRITES = 5.0
N_CONTEXTS = 32
CONTEXT = 50
HORIZON = 400
MAX_VALIDATION = 2500
MOST_SAMPLES = 100_000
MOST_STRETCHES, SAMPLES_OF_A_STRETCH = 10, 10_000


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """Training data of a closed-form method.

    Attributes:
        train: Dataset.
        pieces: list of (time, variable) complete stretches, standardised by ``scaler``; of more than 100,000 samples
            those of ``spread_stretches``.
        scaler: Scaler.
        names: names of the variables, a tuple of str.
        dt: sampling interval in system time units.
        kept: dict in which a method keeps what several of its candidates share.
    """

    train: object
    pieces: list
    scaler: Scaler
    names: tuple
    dt: float
    kept: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, train):
        """The complete stretches of a Dataset."""
        names = tuple(str(name) for name in train["state"].values)
        scaler = Scaler.from_data(trajectories(train), names)
        whole = [x[start:stop] for x in trajectories(train) for start, stop in complete_stretches(x)]
        pieces = [scaler.transform(x) for x in spread_stretches(whole)]
        return cls(train, pieces, scaler, names, sampling_interval(train))

    @property
    def longest(self):
        """Samples of the longest stretch."""
        return max((len(x) for x in self.pieces), default=0)

    def pairs(self, window):
        """Windows and the samples after them, none across a gap: (n, window * variable), (n, variable)."""
        pieces = [x for x in self.pieces if len(x) > window]
        views = [np.lib.stride_tricks.sliding_window_view(x[:-1], window, axis=0).transpose(0, 2, 1) for x in pieces]
        past, after = np.concatenate(views), np.concatenate([x[window:] for x in pieces])
        return past.reshape(len(past), -1), after

    def delay_form(self, window):
        """The arguments of a ``DelayState`` that the data fix, see ``delay_state.delay_form``."""
        return delay_form(self.train, self.pieces, self.scaler, window)


def spread_stretches(pieces, most=MOST_SAMPLES):
    """The pieces, or where they have more than ``most`` samples, as many in stretches spread over them.

    Memory and time of a fit in closed form grow with the samples; its error is below that of the form long before.

    Args:
        pieces: list of (time, variable).
        most: largest number of samples.

    Returns:
        list of (time, variable) views: of each piece up to ten stretches at equal distances, one for each 10,000
        samples of the piece, the first from its begin and the last to its end; of a shorter piece one, from its begin.
        No stretch is shorter than 1,000 samples, or than its piece; where that makes too many samples, pieces are left
        out, evenly over all.
    """
    total = sum(len(x) for x in pieces)
    if total <= most:
        return pieces
    kept, room, least = [], 0, SAMPLES_OF_A_STRETCH // 10
    for x in pieces:
        n = min(MOST_STRETCHES, max(1, len(x) // SAMPLES_OF_A_STRETCH))
        length, room = max(len(x) * most // (total * n), min(least, len(x))), room + len(x) * most
        if n * length * total <= room:
            kept += [x[start : start + length] for start in np.linspace(0, len(x) - length, n).astype(int)]
            room -= n * length * total
    return kept


class CandidateReconstructor(Reconstructor):
    """Fits a model in closed form for each of several candidates and keeps the best one.

        score = (validation_criterion + drift) / 2

    in [0, 1], on up to 2500 samples a trajectory that were not fitted, see ``drift_of_forecasts``. Candidates are all
    combinations of the hyperparameters that the user leaves open; one that cannot be fitted scores infinity.
    ``history_`` holds ``criterion``, ``drift`` and ``score`` of each candidate, the numbers among their
    hyperparameters, and ``chosen``. Of more than 100,000 samples that many are used, in stretches spread over the data.

    Subclasses name their arguments, ``validation_fraction`` and ``seed`` among them.
    """

    handles_missing = True
    min_samples = 60

    @abc.abstractmethod
    def _check(self):
        """Refuse arguments that are out of range."""

    @abc.abstractmethod
    def _candidates(self, record):
        """list of dict, hyperparameters of each candidate that the data allow, the simplest first."""

    @abc.abstractmethod
    def _fit_candidate(self, candidate, record):
        """The Model of one candidate.

        Raises:
            NotConverged: this candidate has no model.
        """

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Fit the model; see ``Reconstructor.fit``.

        Raises:
            InputError: arguments out of range, or data that do not suit.
            NotConverged: no candidate has a model.
        """
        self._check()
        data = self._checked(X, dt)
        train, held = self._train_and_validation(data, validation)
        record, held = Record.of(train), shortened(held)
        candidates = self._candidates(record)
        if not candidates:
            raise InputError(
                f"the data are too short for every candidate of {type(self).__name__}",
                got=f"complete stretches of up to {record.longest} samples", do="shorten the memory of the method",
            )  # fmt: skip
        place = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(train, held))
        disable = None if progress else True
        with (
            threadpool_limits(1),
            tqdm(total=len(candidates), desc=type(self).__name__, unit="candidate", disable=disable) as bar,
        ):
            scores = self._scores(candidates, record, held, place, bar)
            best = int(np.argmin(scores.mean(axis=1)))
            if not math.isfinite(scores[best].mean()):
                raise NotConverged(f"no candidate of {type(self).__name__} gave a model", do="look at the data")
            model = self._fit_candidate(candidates[best], record)
        history = {"criterion": scores[:, 0], "drift": scores[:, 1], "score": scores.mean(axis=1)}
        history |= {f"candidate_{name}": column for name, column in _numbers(candidates).items()}
        return self._learned(model, {**history, "chosen": np.array([best])}, data)

    def _scores(self, candidates, record, held, place, bar):
        """(n_candidates, 2) criterion and drift of each candidate; those that a checkpoint holds are not repeated."""
        done = np.empty((0, 2))
        if place is not None and (saved := place.read()) is not None:
            done = saved[0]["scores"]
        bar.update(len(done))
        written = time.monotonic()
        for candidate in candidates[len(done) :]:
            done = np.concatenate([done, [score_candidate(self, candidate, record, held)]])
            bar.update(1)
            if place is not None and (
                len(done) == len(candidates) or time.monotonic() - written > SECONDS_BETWEEN_WRITES
            ):
                place.write({"scores": done}, {"n_candidates": len(candidates)})
                written = time.monotonic()
        return done


def shortened(data):
    """The first 2500 samples of each trajectory, which are enough to choose a candidate."""
    lengths = [len(x) for x in trajectories(data)]
    if max(lengths) <= MAX_VALIDATION:
        return data
    return cut(data, [(i, 0, min(n, MAX_VALIDATION)) for i, n in enumerate(lengths)])


def score_candidate(method, candidate, record, held):
    """(criterion, drift) of one candidate on validation data; (inf, inf) where it has no model."""
    try:
        model = method._fit_candidate(candidate, record)
    except NotConverged:
        return math.inf, math.inf
    return validation_criterion(model, held), drift_of_forecasts(model, held)


def drift_of_forecasts(model, data):
    """How fast forecasts leave the truth: the error over a long horizon, saturating at one standard deviation.

        drift = < min(1, sqrt(mean_d ((x_d(t) - y_d(t)) / sd_d)^2)) >

    averaged over up to 32 contexts of up to 50 samples and all steps of a horizon of up to 400; where the error grows
    exponentially, one minus it is proportional to the time for which a forecast can be used.

    Args:
        model: a Model.
        data: Dataset in data units.

    Returns:
        float in [0, 1]; 1 where the data are too short.
    """
    series = trajectories(data)
    sd = np.nanstd(np.concatenate(series), axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    longest = max(len(x) for x in series)
    context = max(1, min(CONTEXT, longest // 4))
    horizon = min(HORIZON, longest // 2)
    places = [
        context + np.flatnonzero(np.isfinite(x[context - 1 : max(0, len(x) - horizon)]).all(axis=1)) for x in series
    ]
    chosen = evenly_over(places, N_CONTEXTS)
    if not chosen or horizon < 1:
        return 1.0
    past = np.stack([series[i][at - context : at] for i, at in chosen])
    contexts = make_dataset(past, dt=sampling_interval(data), names=model.names, mask=True)
    future = np.stack([series[i][at : at + horizon] for i, at in chosen])
    ahead = model.forecast(contexts, n_steps=horizon)["x"].values
    seen = np.isfinite(future)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.where(seen, ((ahead - future) / sd) ** 2, 0.0).sum(axis=2) / np.maximum(seen.sum(axis=2), 1)
    error = np.minimum(np.sqrt(np.nan_to_num(squares, nan=np.inf)), 1.0)
    return float(error[seen.any(axis=2)].mean()) if seen.any() else 1.0


def auto_or(expected, allowed):
    """The end of a rule for ``check_arguments``: "auto", or a value that is allowed."""
    return f"'auto' or {expected}", lambda v: v == "auto" if isinstance(v, str) else allowed(v)


def options(value, automatic):
    """The values among which a hyperparameter is chosen: those of "auto", or the one that was given."""
    return tuple(automatic) if isinstance(value, str) and value == "auto" else (value,)


def combinations(**options):
    """list of dict, every combination of the options, the first ones vary slowest."""
    names, found = list(options), [{}]
    for name in names:
        found = [{**one, name: value} for one in found for value in options[name]]
    return found


def ridge_solution(inputs, targets, ridge):
    """W of least |inputs W - targets|^2 / n + ridge |W|^2, by a singular value decomposition.

    Very many equations are shortened first, see ``shortened_equations``.

    Args:
        inputs: (n, n_inputs).
        targets: (n, n_targets).
        ridge: at least 0.

    Returns:
        (n_inputs, n_targets).
    """
    size, n = max(inputs.shape), len(inputs)
    inputs, targets = shortened_equations(inputs, targets)
    u, s, v = np.linalg.svd(inputs, full_matrices=False)
    kept = s > np.finfo(np.float64).eps * size * s[0]
    gain = s[kept] / (s[kept] ** 2 + ridge * n)
    return v[kept].T @ (gain[:, None] * (u[:, kept].T @ targets))


def _numbers(candidates):
    """Columns of the hyperparameters that are numbers in every candidate."""
    return {
        name: np.array([float(one[name]) for one in candidates])
        for name in candidates[0]
        if all(isinstance(one.get(name), (int, float)) for one in candidates)
    }
