"""SHPLRNN: the shallow PLRNN as a reconstructor."""

import hashlib
import json
import math

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dysyr.core.criterion import forecast_error, validation_criterion
from dysyr.core.dataset import as_dataset, data_hash, inputs, sampling_interval, trajectories
from dysyr.core.delay_time import suggest_delay
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.scaler import Scaler
from dysyr.core.segments import split
from dysyr.core.smoothing import remaining_noise, smooth, smoothing_window
from dysyr.kernels.forced_windows import views
from dysyr.kernels.forcing import ESTIMATORS
from dysyr.kernels.model_growth import growth_of_model
from dysyr.reconstruction.plrnn.checkpoint import Checkpoint
from dysyr.reconstruction.plrnn.search import Search
from dysyr.reconstruction.plrnn.shallow_model import ShallowPLRNN
from dysyr.reconstruction.plrnn.training import Recipe
from dysyr.reconstruction.plrnn.windows import Windows

N_BLAS_THREADS = 1
"""Sums in another order give another model; and the products are too small for a second thread to save time."""
N_INITIAL_STATES = 64
CONTEXT = 50
JITTER = 0.03
CONFIRMATION_RUNS = 10
CONFIRMATION_TRANSIENT = 200_000
EXPONENT_RUNS = 16
EXPONENT_STEPS = 30_000
EXPONENT_WEIGHT = 100
GAINS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
ANNEALED_ALPHA = (1.0, 0.02)
FORCINGS = ("generalized", "sparse", "identity")
READOUTS = ("identity", "affine")


class SHPLRNN(Reconstructor):
    """Shallow piecewise-linear RNN with generalized teacher forcing.

        z[t+1] = A * s[t] + W1 relu(W2 s[t] + h2) + h1 + C u[t+1],     s[t] = (1 - alpha) z[t] + alpha zbar[t]

    z (M,) is the latent state, zbar the state that the data show, alpha the forcing strength during training; the
    fitted model runs with alpha = 0. The clipped form subtracts relu(W2 s) and has bounded orbits where |A| < 1.

    Args:
        latent_dim: M; by default the number of observed variables.
        hidden_dim: number H of hidden units.
        clipped: the clipped form.
        readout: ``"identity"`` (the first N units are the data) or ``"affine"`` (x = B z with B learned).
        forcing: ``"generalized"``; ``"sparse"`` (replace the state every ``forcing_interval`` steps); ``"identity"``
            (replace it at every step: one-step prediction).
        alpha: generalized forcing strength: ``"adaptive"`` (from the Jacobians along the data), ``"annealed"`` (from 1
            to 0.02), or a constant in [0, 1].
        alpha_estimator: estimator of the adaptive strength, one of ``kernels.forcing.ESTIMATORS``.
        alpha_decay: how slowly the running estimate of the adaptive strength sinks, in (0, 1); by default so that it
            forgets its start within a twelfth of the training.
        forcing_interval: steps between two forced steps of sparse forcing; by default from the autocorrelation and
            mutual information of the data.
        sequence_length: forced steps per window; by default 200, or a quarter of the longest trajectory if that is
            less.
        warm_up: steps at the start of each window that are forced but not scored, where the noise of the first sample
            should not teach the model to contract.
        batch_size: windows per update.
        n_updates: updates of an attempt by gradient descent.
        n_refinements: Levenberg-Marquardt iterations after them; an adaptive alpha sinks to a twentieth in the second
            half. Cheap up to some 1,500 parameters; beyond, the cost grows with the cube of their number.
        learning_rate: first learning rate of RAdam.
        learning_rate_end: last one; exponential in between.
        weight_decay: strength of the quadratic penalty (A is pulled to 1).
        readout_penalty: strength of the penalty on the condition number of an affine readout.
        gradient_clip: bound on the norm of the gradient; 0 for none.
        smoothing: ``"auto"`` trains on local cubic fits of the samples, with the window by which neighbours predict a
            sample best (none where the data are no smooth curve); a whole odd number sets the window; None trains on
            the samples as they are. White noise in the forcing signal teaches the model to contract.
        jitter: standard deviation, in standard deviations of the data, of fresh noise on what the model is forced with
            (never on what it has to predict). It shows the model states beside the attractor; without any, clean data
            leave open what happens there, and models collapse. ``"auto"`` fills up to 0.03 what noise smoothing leaves.
            Refinements, which start from a model that has seen it, do without.
        validation_fraction: share at the end of each trajectory that is held out when ``fit`` gets no validation data.
        n_checks: validation checks during the updates of an attempt.
        max_restarts: further attempts after one that collapsed.
        device: ``"cpu"``; nothing else exists yet.
        seed: seed of initial parameters and windows.

    Attributes after fit: ``model_`` (ShallowPLRNN); ``history_`` (update, attempt, loss, alpha, criterion per check,
    ``chosen``: attempt, update and criterion of the model that was kept, ``smoothing``: window per variable); ``dt_``,
    ``n_features_in_``, ``provenance_``.

    Reference: hess2023
    """

    handles_missing = True
    handles_inputs = True
    min_samples = 60

    def __init__(
        self, *, latent_dim=None, hidden_dim=50, clipped=False, readout="identity", forcing="generalized",
        alpha="adaptive", alpha_estimator="arithmetic_mean", alpha_decay=None, forcing_interval=None,
        sequence_length=None, warm_up=0, batch_size=48, n_updates=2_000, n_refinements=40, learning_rate=3e-3,
        learning_rate_end=3e-6, weight_decay=0.0, readout_penalty=0.0, gradient_clip=0.0, smoothing="auto",
        jitter="auto", validation_fraction=0.2, n_checks=20, max_restarts=2, device="cpu", seed=0,
    ):  # fmt: skip
        self.latent_dim = latent_dim
        self.hidden_dim = hidden_dim
        self.clipped = clipped
        self.readout = readout
        self.forcing = forcing
        self.alpha = alpha
        self.alpha_estimator = alpha_estimator
        self.alpha_decay = alpha_decay
        self.forcing_interval = forcing_interval
        self.sequence_length = sequence_length
        self.warm_up = warm_up
        self.batch_size = batch_size
        self.n_updates = n_updates
        self.n_refinements = n_refinements
        self.learning_rate = learning_rate
        self.learning_rate_end = learning_rate_end
        self.weight_decay = weight_decay
        self.readout_penalty = readout_penalty
        self.gradient_clip = gradient_clip
        self.smoothing = smoothing
        self.jitter = jitter
        self.validation_fraction = validation_fraction
        self.n_checks = n_checks
        self.max_restarts = max_restarts
        self.device = device
        self.seed = seed

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Fit the model; see ``Reconstructor.fit``.

        Raises:
            InputError: arguments out of range, or data that do not suit.
            NotConverged: no update of any attempt gave a finite model.
        """
        self._check_arguments()
        data = self._checked(X, dt)
        train, held = self._train_and_validation(data, validation)
        names = tuple(str(name) for name in train["state"].values)
        smoothing = self._smoothing_windows(trajectories(train))
        left = remaining_noise(trajectories(train), smoothing)
        train, smooth_held = _smoothed(train, smoothing), _smoothed(held, smoothing)
        scaler = Scaler.from_data(trajectories(train), names)
        drives = inputs(train)
        input_scaler = (
            None if drives is None else Scaler.from_data(drives, [str(name) for name in train["input"].values])
        )
        series = [scaler.transform(x) for x in trajectories(train)]
        recipe = self._recipe(series, drives, self._jitter(left / scaler.sd))
        scaled_drives = None if drives is None else [input_scaler.transform(u) for u in drives]
        windows = Windows.from_trajectories(series, scaled_drives, recipe.n_steps + 1)
        if len(windows.starts) == 0:
            raise InputError("no window of the training data has two observed samples", do="fill gaps or use more data")
        contexts = _contexts(train)

        def build(theta, gain):
            parts = [part.copy() for part in views(theta.astype(np.float64), recipe.shapes())]
            form = {"scaler": scaler, "input_scaler": input_scaler, "dt": sampling_interval(train), "names": names,
                    "clipped": recipe.clipped}  # fmt: skip
            bare = ShallowPLRNN(parts, initial_states=np.zeros((1, recipe.latent_dim)), filter_gain=gain, **form)
            states = bare.initial(*contexts)
            states = states[np.isfinite(states).all(axis=1)]
            if len(states) == 0:
                return None
            return ShallowPLRNN(parts, initial_states=states, filter_gain=gain, **form)

        def criterion(theta, alpha):
            model = build(theta, max(alpha, GAINS[0]))
            return 1.0 if model is None else validation_criterion(model, smooth_held)

        is_flow = drives is None and any(window > 1 for window in smoothing)

        def confirm(candidates):
            return _confirm(candidates, build, smooth_held, is_flow=is_flow)

        file = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(train, held))
        with threadpool_limits(N_BLAS_THREADS):
            search = Search(
                recipe, windows, seed=self.seed, criterion=criterion, confirm=confirm, n_checks=self.n_checks,
                max_restarts=self.max_restarts,
            )  # fmt: skip
            total, disable = search.checks_in_all(), None if progress else True
            with tqdm(total=total, desc=type(self).__name__, unit="check", disable=disable) as bar:
                value, best = search.run(checkpoint=file, bar=bar)
            if best is None:
                raise NotConverged(
                    "training never reached a finite model", got=f"{search.number + 1} attempts",
                    do="lower learning_rate, or set gradient_clip=10",
                )  # fmt: skip
            model = _with_best_gain(best.theta, build, held)
        chosen = (best.attempt, best.update, value)
        history = {name: np.asarray(column) for name, column in search.history.items()}
        return self._learned(model, {**history, "chosen": np.array(chosen), "smoothing": np.array(smoothing)}, data)

    def _check_arguments(self):
        for name in ("hidden_dim", "batch_size", "n_updates", "n_checks"):
            _require(name, getattr(self, name), "a whole number of at least 1", lambda v: _whole(v) and v >= 1)
        for name in ("latent_dim", "sequence_length", "forcing_interval"):
            _require(name, getattr(self, name), "a whole number of at least 1, or None",
                     lambda v: v is None or (_whole(v) and v >= 1))  # fmt: skip
        _require("n_refinements", self.n_refinements, "a whole number of at least 0", lambda v: _whole(v) and v >= 0)
        for name in ("weight_decay", "readout_penalty", "gradient_clip"):
            _require(name, getattr(self, name), "a number of at least 0", lambda v: _number(v) and v >= 0)
        for name in ("learning_rate", "learning_rate_end"):
            _require(name, getattr(self, name), "a positive number", lambda v: _number(v) and v > 0)
        _require("warm_up", self.warm_up, "a whole number of at least 0", lambda v: _whole(v) and v >= 0)
        _require("smoothing", self.smoothing, "'auto', an odd whole number of at least 1, or None",
                 lambda v: v in (None, "auto") or (_whole(v) and v >= 1 and v % 2 == 1))  # fmt: skip
        _require("max_restarts", self.max_restarts, "a whole number of at least 0", lambda v: _whole(v) and v >= 0)
        _require("seed", self.seed, "a whole number of at least 0", lambda v: _whole(v) and v >= 0)
        _require("clipped", self.clipped, "True or False", lambda v: isinstance(v, (bool, np.bool_)))
        _require("device", self.device, "'cpu'", lambda v: v == "cpu")
        _require("readout", self.readout, f"one of {READOUTS}", lambda v: v in READOUTS)
        _require("forcing", self.forcing, f"one of {FORCINGS}", lambda v: v in FORCINGS)
        _require("alpha_estimator", self.alpha_estimator, f"one of {ESTIMATORS}", lambda v: v in ESTIMATORS)
        _require("jitter", self.jitter, "'auto' or a number of at least 0",
                 lambda v: v == "auto" if isinstance(v, str) else _number(v) and v >= 0)  # fmt: skip
        _require("alpha", self.alpha, "'adaptive', 'annealed' or a number in [0, 1]", _is_alpha)
        _require("alpha_decay", self.alpha_decay, "a number in (0, 1), or None",
                 lambda v: v is None or (_number(v) and 0 < v < 1))  # fmt: skip
        _require("validation_fraction", self.validation_fraction, "a number in (0, 1)",
                 lambda v: _number(v) and 0 < v < 1)  # fmt: skip

    def _train_and_validation(self, data, validation):
        if validation is None:
            return split(data, (1 - self.validation_fraction, self.validation_fraction))
        held = as_dataset(validation, dt=sampling_interval(data), mask=True)
        if held.sizes["state"] != data.sizes["state"]:
            raise InputError(
                "validation data have other variables than the training data", got=str(held.sizes["state"]),
                expected=str(data.sizes["state"]),
            )  # fmt: skip
        return data, held

    def _recipe(self, series, drives, jitter):
        n_observed = series[0].shape[1]
        latent_dim = self.latent_dim or n_observed
        if self.readout == "identity" and latent_dim < n_observed:
            raise InputError(
                "latent_dim is too small for an identity readout", got=str(latent_dim),
                expected=f"at least the {n_observed} observed variables", do="raise it, or use readout='affine'",
            )  # fmt: skip
        longest = max(len(x) for x in series)
        if self.sequence_length is not None and self.sequence_length + 1 > longest:
            raise InputError(
                "sequence_length is longer than the training data", got=str(self.sequence_length),
                expected=f"at most {longest - 1}", do="leave it out for an automatic choice",
            )  # fmt: skip
        n_steps = self.sequence_length or max(5, min(200, longest // 4))
        if self.warm_up >= n_steps:
            raise InputError(
                "warm_up leaves nothing to score", got=str(self.warm_up), expected=f"less than {n_steps} steps"
            )
        estimator, alpha, interval = None, (1.0,), 1
        if self.forcing == "sparse":
            interval = self.forcing_interval or _sparse_interval(series)
        elif self.forcing == "generalized" and self.alpha == "adaptive":
            estimator = self.alpha_estimator
        elif self.forcing == "generalized":
            alpha = ANNEALED_ALPHA if self.alpha == "annealed" else (float(self.alpha),)
        return Recipe(
            latent_dim=latent_dim, hidden_dim=self.hidden_dim, n_observed=n_observed,
            n_inputs=0 if drives is None else drives[0].shape[1], affine=self.readout == "affine",
            clipped=bool(self.clipped), n_updates=self.n_updates, n_refinements=self.n_refinements,
            batch_size=self.batch_size, n_steps=n_steps, warm_up=self.warm_up, jitter=jitter,
            learning_rate=self.learning_rate, learning_rate_end=self.learning_rate_end, estimator=estimator,
            alpha=alpha, alpha_decay=self.alpha_decay or math.exp(-60 / self.n_updates), interval=interval,
            weight_decay=self.weight_decay, readout_penalty=self.readout_penalty, gradient_clip=self.gradient_clip,
        )  # fmt: skip

    def _smoothing_windows(self, series):
        n_variables = series[0].shape[1]
        if self.smoothing is None:
            return [1] * n_variables
        return smoothing_window(series) if self.smoothing == "auto" else [self.smoothing] * n_variables

    def _jitter(self, left):
        """Jitter in standard deviations, given the noise that is left in each variable."""
        if self.jitter != "auto":
            return float(self.jitter)
        return math.sqrt(max(0.0, JITTER**2 - float(np.mean(left**2))))

    def _fingerprint(self, train, held):
        settings = json.dumps(self.get_params(), sort_keys=True, default=float)
        return hashlib.sha256("|".join([settings, data_hash(train), data_hash(held)]).encode()).hexdigest()


def _smoothed(data, smoothing):
    """A data set with each trajectory smoothed."""
    if all(window == 1 for window in smoothing):
        return data
    values = data["x"].values.astype(np.float64)
    for i, x in enumerate(trajectories(data)):
        values[i, : len(x)] = np.where(np.isfinite(x), smooth(x, smoothing), values[i, : len(x)])
    return data.assign(x=(data["x"].dims, values))


def _confirm(candidates, build, held, *, is_flow):
    """The best candidate on a longer look: more free runs, after a long burn-in that shows late collapses.

    Where the data are samples of a smooth flow, one exponent has to be zero, and the smallest of them, per hundred
    steps, is added to the criterion.

    Returns:
        (value, candidate); (inf, None) where no candidate is finite.
    """
    best = (np.inf, None)
    for candidate in candidates:
        model = build(candidate.theta, max(candidate.alpha, GAINS[0]))
        if model is None:
            continue
        value = validation_criterion(model, held, n_runs=CONFIRMATION_RUNS, transient=CONFIRMATION_TRANSIENT)
        if is_flow and value < 1:
            value += EXPONENT_WEIGHT * _smallest_exponent(model)
        if value < best[0]:
            best = (value, candidate)
    return best


def _with_best_gain(theta, build, raw):
    """The model with the filter gain that forecasts best from contexts as they were measured."""
    models = [model for model in (build(theta, gain) for gain in GAINS) if model is not None]
    return min(models, key=lambda model: forecast_error(model, raw))


def _smallest_exponent(model):
    """Smallest absolute Lyapunov exponent per step, from sixteen orbits; 1 where an orbit is lost."""
    starts = model.trajectory(model.initial_states[:EXPONENT_RUNS], EXPONENT_STEPS // 4)[:, -1]
    growth = growth_of_model(model, starts, EXPONENT_STEPS)[:, EXPONENT_STEPS // 10 :]
    exponents = growth.mean(axis=(0, 1))
    return float(np.abs(exponents).min()) if np.isfinite(exponents).all() else 1.0


def _contexts(train):
    """Up to 64 contexts of the training data, (batch, time, N), and their inputs (batch, time, K) or None."""
    series, drives = trajectories(train), inputs(train)
    length = min(CONTEXT, max(len(x) for x in series))
    begins = [x[: max(0, len(x) - length + 1)] for x in series]
    places = [(i, at) for i, x in enumerate(begins) for at in np.flatnonzero(~np.isnan(x).any(axis=1))]
    places = places or [(i, at) for i, x in enumerate(begins) for at in range(len(x))]
    chosen = [places[k] for k in np.unique(np.linspace(0, len(places) - 1, N_INITIAL_STATES).astype(int))]
    context = np.stack([series[i][at : at + length] for i, at in chosen])
    return context, None if drives is None else np.stack([drives[i][at : at + length] for i, at in chosen])


def _sparse_interval(series):
    """Median over the variables of the delay at which they stop predicting themselves."""
    delays = [suggest_delay([x[:, d] for x in series])[0] for d in range(series[0].shape[1])]
    return max(1, int(np.median(delays)))


def _require(name, value, expected, allowed):
    if not allowed(value):
        raise InputError(f"SHPLRNN cannot use this {name}", got=repr(value), expected=expected)


def _is_alpha(value):
    return value in ("adaptive", "annealed") if isinstance(value, str) else _number(value) and 0 <= value <= 1


def _whole(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _number(value):
    return (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and math.isfinite(value)
    )
