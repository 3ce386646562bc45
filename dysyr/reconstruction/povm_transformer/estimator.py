"""POVMTransformer: states of open quantum systems from measured outcomes, or from the master equation."""

import hashlib
import json
import time

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dysyr.core.arguments import NOT_NEGATIVE, POSITIVE, check_arguments, one_of, time_array, whole, whole_from
from dysyr.core.checkpoint import Checkpoint
from dysyr.core.dataset import read_dataset
from dysyr.core.errors import InputError
from dysyr.core.povm import FRAMES, Frame
from dysyr.core.state_reconstructor import StateReconstructor
from dysyr.reconstruction.povm_transformer.local_generator import LocalGenerator
from dysyr.reconstruction.povm_transformer.model import SIZES, POVMState
from dysyr.reconstruction.povm_transformer.outcome_likelihood import OutcomeLikelihood
from dysyr.reconstruction.povm_transformer.outcome_strings import checked_outcomes
from dysyr.reconstruction.povm_transformer.site_orders import SYMMETRIES, check_symmetric, largest_orders, site_orders
from dysyr.reconstruction.povm_transformer.solution import STEPPERS, Evolution, SteadyRun
from dysyr.reconstruction.povm_transformer.steady_state import SteadyState
from dysyr.reconstruction.povm_transformer.string_state import new_state
from dysyr.reconstruction.povm_transformer.sums import EXACT_SITES, Sums, check_exact
from dysyr.training.device import check_device

SECONDS_BETWEEN_WRITES = 5.0
OBJECTIVES = ("chi2", "l1")
MODES = ("auto", "exact", "sampled")


class POVMTransformer(StateReconstructor):
    """State of an open quantum system as a distribution over measured outcomes, by an autoregressive transformer.

    .. math:: P(a) = \\frac1K \\sum_k \\prod_j p(a_{\\sigma_k(j)} | a_{\\sigma_k(1)} \\ldots a_{\\sigma_k(j-1)}), \\quad
              \\frac{dP}{dt} = A P

    ``fit`` takes outcomes, ``solve`` a system: its steady state, or its states over time. Probabilities and samples are
    exact. P may stand for a matrix with negative eigenvalues; the smallest one is reported in ``history_``.

    Args:
        frame: what is measured: "tetra_pos", "tetra" or "pauli4". ``fit`` refuses outcomes of another one.
        symmetry: orders in which the sites are read: "none", "translations" or "lattice" (all of the lattice's
            symmetry); "auto" takes the largest one that the system and the initial state have, and "none" for outcomes.
        shape, boundary: of the lattice of outcomes, as in a system file, where ``symmetry`` is to be used on them.
        width, n_layers, n_heads, hidden_dim: of the network, see ``CausalTransformer``.
        mode: "exact" sums over all strings, "sampled" over ``n_samples`` of them; "auto" is exact up to six sites.
        n_samples: samples of a step in sampled mode.
        objective: residual of the steady state, "chi2" or "l1".
        n_iterations: most Gauss-Newton steps towards the steady state.
        tolerance: chi-square residual at which the steady state, or the fit within a step in time, is done; square of
            the relative change of probabilities that a part of a "variational" step may be wrong by.
        stepper: "variational" (Runge-Kutta 3(2) along the variational principle), "trapezoid" or "projection".
        dt: longest step in time, in system time units; None for the system's own.
        cutoff: relative eigenvalue of the Fisher matrix below which "variational" leaves directions alone.
        n_updates: most updates of ``fit``.
        learning_rate: of ``fit``.
        n_folds: parts of the outcomes that are left out in turn to choose when ``fit`` stops.
        seed: of everything random.
        device: "cpu" or "cuda", for ``solve``.

    Reference:
        luo2022, reh2021
    """

    def __init__(
        self, *, frame="tetra_pos", symmetry="auto", shape=None, boundary=None, width=32, n_layers=2, n_heads=4,
        hidden_dim=64, mode="auto", n_samples=1000, objective="chi2", n_iterations=60, tolerance=1e-8,
        stepper="variational", dt=None, cutoff=1e-6, n_updates=400, learning_rate=5e-4, n_folds=5, seed=0, device="cpu",
    ):  # fmt: skip
        self.frame = frame
        self.symmetry = symmetry
        self.shape = shape
        self.boundary = boundary
        self.width = width
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.hidden_dim = hidden_dim
        self.mode = mode
        self.n_samples = n_samples
        self.objective = objective
        self.n_iterations = n_iterations
        self.tolerance = tolerance
        self.stepper = stepper
        self.dt = dt
        self.cutoff = cutoff
        self.n_updates = n_updates
        self.learning_rate = learning_rate
        self.n_folds = n_folds
        self.seed = seed
        self.device = device

    def fit(self, X, y=None, *, progress=True, checkpoint=None):
        """Fit a distribution to measured outcomes; see ``StateReconstructor.fit``.

        Raises:
            InputError: arguments out of range, no outcomes, too few, or of another frame.
        """
        _check(self)
        outcomes = self._outcomes(X)
        if len(outcomes) < 2 * self.n_folds:
            raise InputError("too few shots", got=str(len(outcomes)), expected=f"at least {2 * self.n_folds}")
        orders = self._orders_of_outcomes(outcomes.shape[1])
        run = OutcomeLikelihood(
            outcomes, orders, self._sizes(), n_folds=self.n_folds, n_updates=self.n_updates,
            learning_rate=float(self.learning_rate), seed=self.seed,
        )  # fmt: skip
        source = _hash(outcomes)
        self._run(run, self._fingerprint("fit", source), checkpoint, progress, self.n_updates)
        model = POVMState(run.state_of_best().theta.numpy()[None], orders, sizes=self._sizes(), frame=Frame(self.frame))
        history = {name: np.asarray(column, dtype=float) for name, column in run.history.items()}
        return self._learned(model, history | {"chosen": np.array([float(run.best[1]), run.best[0]])}, source)

    def solve(self, system, *, times=None, initial_state=None, progress=True, checkpoint=None):
        """Solve the master equation; see ``StateReconstructor.solve``.

        Raises:
            InputError: arguments out of range, another kind of system, a symmetry it does not have, too many spins for
                an exact sum, or an initial state in which an outcome has probability zero.
        """
        _check(self)
        spins = getattr(system, "spins", None)
        if spins is None:
            raise InputError("POVMTransformer solves systems of kind open_quantum", got=f"kind {system.kind}")
        if times is None and spins.has_time:
            raise InputError("no steady state", got="strengths that depend on t", do="give times=")
        if times is None and initial_state is not None:
            raise InputError("a steady state has no initial state", do="leave it out, or give times=")
        frame, times = Frame(self.frame), None if times is None else _checked_times(times)
        bloch = np.zeros((spins.n_sites, 3)) if times is None else spins.initial_bloch(initial_state)
        starts = frame.log_probabilities(bloch)
        orders = self._orders_of_system(system, frame, bloch)
        state = new_state(spins.n_sites, starts, orders, seed=self.seed, **self._sizes()).to(self.device)
        exact = self.mode == "exact" or (self.mode == "auto" and spins.n_sites <= EXACT_SITES)
        if exact:
            check_exact(state)
        constant = None if spins.has_time else LocalGenerator(system, frame)
        sums = Sums(
            lambda t: LocalGenerator(system, frame, t) if constant is None else constant, constant is not None,
            None if exact else self.n_samples, self.seed,
        )  # fmt: skip
        if times is None:
            steady = SteadyState(state, sums, frame, objective=self.objective, tolerance=float(self.tolerance))
            run = SteadyRun(steady, self.n_iterations)
        else:
            dt = system.dt if self.dt is None else float(self.dt)
            run = Evolution(
                state, sums, frame, times, dt=dt, stepper=self.stepper, tolerance=float(self.tolerance),
                cutoff=float(self.cutoff),
            )  # fmt: skip
        definition = system.to_dict()
        what = json.dumps([definition, None if times is None else times.tolist(), bloch.tolist()], sort_keys=True)
        self._run(run, self._fingerprint("solve", what), checkpoint, progress, run.n_steps)
        model = POVMState(
            run.thetas(), orders, sizes=self._sizes(), frame=frame, times=() if times is None else times,
            system=definition,
        )  # fmt: skip
        history = {name: np.asarray(column, dtype=float) for name, column in run.history.items()}
        return self._learned(model, history, None)

    def _run(self, run, fingerprint, checkpoint, progress, total):
        """Advance to the end, writing a checkpoint every few seconds."""
        place = None if checkpoint is None else Checkpoint(checkpoint, fingerprint)
        if place is not None and (saved := place.read()) is not None:
            run.restore(*saved)
        written = time.monotonic()
        with threadpool_limits(1), tqdm(total=total, desc="POVMTransformer", disable=None if progress else True) as bar:
            while not run.finished:
                row = run.advance()
                bar.update(1)
                if row:
                    bar.set_postfix(residual=f"{row['residual_l1']:.3g}", refresh=False)
                if place is not None and (run.finished or time.monotonic() - written > SECONDS_BETWEEN_WRITES):
                    place.write(*run.saved())
                    written = time.monotonic()

    def _sizes(self):
        return {name: int(getattr(self, name)) for name in SIZES}

    def _outcomes(self, X):
        if isinstance(X, str) or hasattr(X, "__fspath__"):
            X = read_dataset(X)
        if hasattr(X, "data_vars"):
            if "outcome" not in X:
                raise InputError(
                    "the data have no outcomes", do="simulate with n_shots=, or give an array (shot, site)"
                )
            if (measured := X.attrs.get("frame", self.frame)) != self.frame:
                raise InputError(
                    "the outcomes are of another frame", got=f"'{measured}'", expected=f"'{self.frame}'",
                    do=f"make the method with frame='{measured}'",
                )  # fmt: skip
            X = X["outcome"].values
        return checked_outcomes(X)

    def _orders_of_outcomes(self, n_sites):
        if self.symmetry in ("auto", "none"):
            return np.arange(n_sites)[None]
        if self.shape is None or int(np.prod(self.shape)) != n_sites:
            raise InputError(
                f"symmetry '{self.symmetry}' of outcomes needs the shape of the lattice", got=repr(self.shape),
                expected=f"the numbers of rows and columns of {n_sites} sites",
            )  # fmt: skip
        return site_orders(tuple(self.shape), self.boundary, self.symmetry)

    def _orders_of_system(self, system, frame, bloch):
        lattice, generator = system.spins.lattice, LocalGenerator(system, frame)
        if self.symmetry == "auto":
            return largest_orders(lattice, generator, bloch)
        orders = site_orders(lattice.shape, lattice.boundary, self.symmetry)
        check_symmetric(orders, generator, bloch)
        return orders


def _check(method):
    """Refuse arguments that are out of range.

    Raises:
        InputError: the first argument that is.
    """
    check_arguments(
        method,
        ("frame", *one_of(FRAMES)),
        ("symmetry", *one_of(("auto", *SYMMETRIES))),
        ("mode", *one_of(MODES)),
        ("objective", *one_of(OBJECTIVES)),
        ("stepper", *one_of(STEPPERS)),
        *((name, *whole_from(1)) for name in ("n_layers", "n_heads", "hidden_dim", "n_iterations", "n_updates")),
        ("width", "an even multiple of n_heads", lambda v: whole(v, 2) and v % 2 == 0 and v % method.n_heads == 0),
        *((name, *whole_from(2)) for name in ("n_samples", "n_folds")),
        ("tolerance", *POSITIVE),
        ("cutoff", *NOT_NEGATIVE),
        ("learning_rate", *POSITIVE),
        ("dt", POSITIVE[0] + ", or None", lambda v: v is None or POSITIVE[1](v)),
        ("seed", *whole_from(0)),
    )
    check_device(method)


def _checked_times(times):
    times = time_array(times)
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all() or (np.diff(times, prepend=0.0) < 0).any():
        raise InputError("times", got=f"shape {times.shape}", expected="ascending finite times >= 0")
    return times


def _hash(outcomes):
    return hashlib.sha256(repr(outcomes.shape).encode() + outcomes.tobytes()).hexdigest()
