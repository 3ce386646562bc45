"""What the reconstructors of the PLRNN family share: from data to a fitted model."""

import abc
import dataclasses
import math

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dysyr.core.checkpoint import Checkpoint
from dysyr.core.criterion import validation_criterion
from dysyr.core.dataset import inputs, sampling_interval, trajectories
from dysyr.core.delay_time import suggest_delay
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.measure import plain
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.segments import evenly_over
from dysyr.kernels.forced_windows import views
from dysyr.reconstruction.plrnn.arguments import check
from dysyr.reconstruction.plrnn.confirmation import GAINS, confirm, with_best_gain
from dysyr.reconstruction.plrnn.long_run import N_ORBITS, trust
from dysyr.reconstruction.plrnn.search import Search
from dysyr.reconstruction.plrnn.side_by_side import run_together
from dysyr.reconstruction.plrnn.task import Task
from dysyr.reconstruction.plrnn.training import Recipe
from dysyr.reconstruction.plrnn.windows import Windows

N_BLAS_THREADS = 1
"""Sums in another order give another model; and the products are too small for a second thread to save time."""
N_INITIAL_STATES = 64
CONTEXT = 50
JITTER = 0.03
ANNEALED_ALPHA = (1.0, 0.02)
PLATEAU = 0.05


class ForcedReconstructor(Reconstructor):
    """A network of the PLRNN family, trained with teacher forcing and chosen on validation data.

    Subclasses name their arguments, all of those that this class uses among them, and give the networks to try.
    """

    handles_missing = True
    handles_inputs = True
    min_samples = 60
    budget = ("n_updates", "n_refinements", "n_generations")
    n_starts = 1
    """Initialisations of an attempt, of which the best goes on; an argument where a method needs several."""
    n_evolutions = 1
    """Evolutions of an attempt, of which the best goes on; likewise."""
    coupling_penalty = 0.0
    """An argument where there is a matrix of couplings."""
    SWEPT = None
    """Attribute in which networks differ, where several can be tried."""

    @abc.abstractmethod
    def _networks(self, n_observed):
        """The networks to try, given the number of observed variables, smallest first."""

    @abc.abstractmethod
    def _check_own_arguments(self):
        """Refuse arguments that the family does not share."""

    def _store(self, arguments):
        """Keep the constructor's arguments, ``locals()`` there, as attributes of the same names."""
        for name in self._get_param_names():
            setattr(self, name, arguments[name])

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Fit the model; see ``Reconstructor.fit``.

        Raises:
            InputError: arguments out of range, or data that do not suit.
            NotConverged: no update of any attempt gave a finite model.
        """
        data, task, networks = self._prepared(X, dt, validation)
        results = []
        for number, network in enumerate(networks):
            place = self._place(checkpoint, task, number if len(networks) > 1 else None)
            with threadpool_limits(N_BLAS_THREADS):
                search, build = self._search(network, task)
                total, disable = search.checks_in_all(), None if progress else True
                with tqdm(total=total, desc=type(self).__name__, unit="check", disable=disable) as bar:
                    found = search.run(checkpoint=place, bar=bar)
                results.append(_result(search, found, build, task))
        return self._settle(results, networks, data)

    def _prepared(self, X, dt, validation):
        """Check arguments and data.

        Returns:
            (data, task, networks): Dataset, Task, the networks to try.
        """
        check(self)
        self._check_own_arguments()
        data = self._checked(X, dt)
        task = Task.from_data(*self._train_and_validation(data, validation), self.smoothing)
        return data, task, self._networks(task.series[0].shape[1])

    def _place(self, folder, task, number):
        """The Checkpoint of the only search of a fit, or of one of several; None without a folder."""
        if folder is None:
            return None
        return Checkpoint(folder, self._fingerprint(task.train, task.raw), Checkpoint.name(number))

    def _settle(self, results, networks, data):
        """Keep the smallest network that is nearly as good as the best one; returns self.

        Args:
            results: list of Result, one for each network.
            networks: the networks.
            data: Dataset that was fitted.
        """
        quality = np.array([result.value for result in results])
        chosen = results[smallest_on_plateau(quality)]
        history = dict(chosen.history)
        if len(networks) > 1:
            history |= {self.SWEPT: np.array([getattr(network, self.SWEPT) for network in networks])}
            history["quality"] = quality
        return self._learned(chosen.model, history, data)

    def _search(self, network, task):
        """The Search for the best parameters of one network, and the function that builds a model of them."""
        recipe = self._recipe(network, task)
        windows = Windows.from_trajectories(task.series, task.drives, recipe.n_steps + 1)
        if len(windows.starts) == 0:
            raise InputError("no window of the training data has two observed samples", do="fill gaps or use more data")
        build = _builder(recipe, task)

        def distance(theta, rng):
            return task.long_run.distance_of(build(theta, 1.0, n_states=N_ORBITS, rng=rng), rng)

        def criterion(theta, alpha):
            model = build(theta, max(alpha, GAINS[0]))
            return 1.0 if model is None else validation_criterion(model, task.held)

        search = Search(
            recipe, windows, seed=self.seed, criterion=criterion, distance=distance,
            confirm=lambda candidates: confirm(
                candidates, build, task.held, is_flow=task.is_flow,
                long_run=task.long_run if recipe.n_generations else None,
            ),
            n_checks=self.n_checks, max_restarts=self.max_restarts,
            n_starts=self.n_starts if task.long_run is not None else 1, n_evolutions=self.n_evolutions,
            last_counts=trust(int(windows.observed.any(axis=1).sum())) < 1.0,
        )  # fmt: skip
        return search, build

    def _recipe(self, network, task):
        n_observed = task.series[0].shape[1]
        if self.readout == "identity" and network.latent_dim < n_observed:
            raise InputError(
                "latent_dim is too small for an identity readout", got=str(network.latent_dim),
                expected=f"at least the {n_observed} observed variables", do="raise it, or use readout='affine'",
            )  # fmt: skip
        longest = max(len(x) for x in task.series)
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
            interval = self.forcing_interval or _sparse_interval(task.series)
        elif self.forcing == "generalized" and self.alpha == "adaptive":
            estimator = self.alpha_estimator
        elif self.forcing == "generalized":
            alpha = ANNEALED_ALPHA if self.alpha == "annealed" else (float(self.alpha),)
        return Recipe(
            network=network, n_observed=n_observed, n_inputs=0 if task.drives is None else task.drives[0].shape[1],
            affine=self.readout == "affine", n_updates=self.n_updates, n_refinements=self.n_refinements,
            n_generations=self.n_generations if task.long_run is not None else 0,
            batch_size=self.batch_size, n_steps=n_steps, warm_up=self.warm_up, jitter=self._jitter(task.noise),
            learning_rate=self.learning_rate, learning_rate_end=self.learning_rate_end, estimator=estimator,
            alpha=alpha, alpha_decay=self.alpha_decay or math.exp(-60 / self.n_updates), interval=interval,
            weight_decay=self.weight_decay, readout_penalty=self.readout_penalty, gradient_clip=self.gradient_clip,
            coupling_penalty=self.coupling_penalty,
        )  # fmt: skip

    def _jitter(self, left):
        """Jitter in standard deviations, given the noise that is left in each variable."""
        if self.jitter != "auto":
            return float(self.jitter)
        return math.sqrt(max(0.0, JITTER**2 - float(np.mean(left**2))))


def fit_seeds(methods, X, *, dt=None, validation=None, checkpoints=None):
    """Fit several reconstructors that differ in their seed only; their gradient descent runs side by side.

    Each comes out bit by bit as if it had been fitted alone. One that fails leaves the others as they are.

    Args:
        methods: list of ForcedReconstructor, of one class, with the same arguments but for ``seed``.
        X, dt, validation: see ``Reconstructor.fit``.
        checkpoints: list of folders or None, one for each.

    Returns:
        list with None for each that is fitted, and the exception that its fit has raised for the others.

    Raises:
        InputError: arguments that differ, or what all fits would raise: arguments out of range, unsuitable data.
    """
    _must_differ_in_seed_only(methods)
    data, task, networks = methods[0]._prepared(X, dt, validation)
    results, errors = [[] for _ in methods], [None] * len(methods)
    for number, network in enumerate(networks):
        going = [k for k, error in enumerate(errors) if error is None]
        which = number if len(networks) > 1 else None
        places = [methods[k]._place(checkpoints and checkpoints[k], task, which) for k in going]
        with threadpool_limits(N_BLAS_THREADS):
            pairs = [methods[k]._search(network, task) for k in going]
            found = run_together([search for search, _ in pairs], places)
            for k, (search, build), one in zip(going, pairs, found, strict=True):
                try:
                    if isinstance(one, Exception):
                        raise one
                    results[k].append(_result(search, one, build, task))
                except Exception as error:
                    errors[k] = error
    for method, own, error in zip(methods, results, errors, strict=True):
        if error is None:
            method._settle(own, networks, data)
    return errors


def _must_differ_in_seed_only(methods):
    first = {"class": type(methods[0]).__name__, **plain(methods[0].get_params())}
    for method in methods:
        given = {"class": type(method).__name__, **plain(method.get_params())}
        other = [name for name in first if name != "seed" and given.get(name, "") != first[name]]
        if other:
            name = other[0]
            raise InputError(
                "reconstructors that are fitted together differ in their seed only",
                got=f"{name}={given.get(name)!r}", expected=f"like {name}={first[name]!r}",
            )  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What a search leaves behind.

    Attributes:
        value: validation criterion on the longer look.
        model: the model.
        history: dict of arrays.
    """

    value: float
    model: object
    history: dict


def _result(search, found, build, task):
    """The Result of a search.

    Args:
        search: Search that has ended.
        found: (value, Candidate) that it returned.
        build: function (theta, filter gain) -> model.
        task: Task.

    Raises:
        NotConverged: no update of any attempt gave a finite model.
    """
    value, best = found
    if best is None:
        raise NotConverged(
            "training never reached a finite model", got=f"{search.number + 1} attempts",
            do="lower learning_rate, or set gradient_clip=10",
        )  # fmt: skip
    model = with_best_gain(best.theta, build, task.raw)
    history = {name: np.asarray(column) for name, column in search.history.items()}
    history["chosen"] = np.array((best.attempt, best.update, value))
    history["smoothing"] = np.array(task.smoothing)
    return Result(value, model, history)


def smallest_on_plateau(quality):
    """Index of the first network whose criterion is within 0.05 of the best.

    Args:
        quality: (n,) criteria, lower is better, smallest network first.
    """
    return int(np.flatnonzero(quality <= quality.min() + PLATEAU)[0])


def _builder(recipe, task):
    """Function (theta, filter gain) -> model with states to start from, None where none of them is finite.

    With ``n_states`` and ``rng`` it takes as many of the states, drawn by rng.
    """
    contexts = _contexts(task.train)
    form = {
        "scaler": task.scaler, "input_scaler": task.input_scaler, "dt": sampling_interval(task.train),
        "names": tuple(str(name) for name in task.train["state"].values), **recipe.network.model_form(),
    }  # fmt: skip

    def build(theta, gain, *, n_states=N_INITIAL_STATES, rng=None):
        chosen = slice(None)
        if n_states < len(contexts[0]):
            chosen = rng.choice(len(contexts[0]), n_states, replace=False)
        parts = [part.copy() for part in views(theta.astype(np.float64), recipe.shapes())]
        model = recipe.network.MODEL
        bare = model(parts, initial_states=np.zeros((1, recipe.latent_dim)), filter_gain=gain, **form)
        states = bare.initial(*(None if part is None else part[chosen] for part in contexts))
        states = states[np.isfinite(states).all(axis=1)]
        return model(parts, initial_states=states, filter_gain=gain, **form) if len(states) else None

    return build


def _contexts(train):
    """Up to 64 contexts of the training data, (batch, time, N), and their inputs (batch, time, K) or None."""
    series, drives = trajectories(train), inputs(train)
    length = min(CONTEXT, max(len(x) for x in series))
    begins = [x[: max(0, len(x) - length + 1)] for x in series]
    chosen = evenly_over([np.flatnonzero(~np.isnan(x).any(axis=1)) for x in begins], N_INITIAL_STATES)
    chosen = chosen or evenly_over([np.arange(len(x)) for x in begins], N_INITIAL_STATES)
    context = np.stack([series[i][at : at + length] for i, at in chosen])
    return context, None if drives is None else np.stack([drives[i][at : at + length] for i, at in chosen])


def _sparse_interval(series):
    """Median over the variables of the delay at which they stop predicting themselves."""
    delays = [suggest_delay([x[:, d] for x in series])[0] for d in range(series[0].shape[1])]
    return max(1, int(np.median(delays)))
