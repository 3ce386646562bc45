"""HiddenTerms: the missing terms of a half-known equation, from few data."""

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dysyr.core.checkpoint import Checkpoint
from dysyr.core.dataset import times
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.system import System
from dysyr.core.system_tables import canonical_text, plain_tables
from dysyr.core.vector_field import enough_substeps
from dysyr.reconstruction.hidden_terms.arguments import check
from dysyr.reconstruction.hidden_terms.given_system import half_known_system
from dysyr.reconstruction.hidden_terms.identifiability import distinguishable
from dysyr.reconstruction.hidden_terms.model import HiddenTermsModel
from dysyr.reconstruction.hidden_terms.problem import HalfKnown
from dysyr.reconstruction.hidden_terms.segments import check_whole, segments_of
from dysyr.reconstruction.hidden_terms.work import Work

N_INITIAL_STATES = 64


class HiddenTerms(Reconstructor):
    """Finds the terms that are missing in a system of differential equations, as a formula.

        du/dt = known(u) + F(u),    F unknown

    A network U(t) for the solution and a network F are trained together: U has to meet the data, and its derivative the
    equation at collocation points. The values of F are regressed on a library of terms; sets of terms are then fitted
    to the data *through the solver*, compared by an information criterion, and improved by exchanging terms. The result
    is a system that can be simulated, with standard errors.

    Args:
        system: what is known: the path of a system file, the name of a system, a definition (dict) or a System, each
            with a [hidden] section. None: nothing is known, each equation is an unknown function of all variables.
        mode: "collocation" (networks trained at collocation points) or "solver" (universal differential equation: F
            inside a solver over short windows, multiple shooting; equations in time only).
        degree: degree of the polynomials in the library of terms.
        functions: further terms, texts such as "sin(x)" or "x/(1 + x)", for each hidden function.
        form: "formula", or "network" to let the model run with the mean of the hidden networks.
        free: names of parameters of the known part that are fitted too. Terms of the library that cannot be told from
            them are left out, with a warning.
        initial: initial states: "fitted", "data" (the first sample is exact), "system" (the initial state of the file
            is exact); "auto" is "fitted", and "system" for equations in space.
        conditions: "hard" (given initial states and boundaries are built into the surrogate) or "soft" (terms of the
            loss).
        noise: standard deviation of the measurement errors in data units, one number or one for each variable; None to
            estimate it.
        n_members: networks that are trained, each from its own first parameters.
        width: units in each of two layers of U.
        hidden_width: units in each of two layers of F.
        n_collocation: collocation points of each segment.
        n_adam: steps of Adam.
        n_iterations: iterations of L-BFGS.
        n_rounds: rounds in which these are made, with new weights of the losses in each; in space points follow the
            residual.
        n_sets: sets of terms, about, with which the search begins.
        segment: samples after which a longer trajectory is cut, each piece with its own initial state; equations in
            time only.
        n_segments: most pieces, evenly spread where there are more.
        seed: seed of networks and collocation points.

    Attributes after fit: ``model_`` (HiddenTermsModel: ``terms``, ``front``, ``formula()``, ``system``); ``history_``
    (``member``, ``round``, ``data_loss``, ``residual_loss`` of each round of training, ``criterion`` and ``n_sets`` of
    each round of the search); ``dt_``, ``n_features_in_``, ``provenance_``. ``save`` also writes the found system as
    ``system.toml``.

    Reference: podina2023, rackauckas2020
    """

    handles_irregular = True
    handles_missing = True
    min_samples = 4
    budget = ("n_adam", "n_iterations")

    def __init__(
        self, system=None, *, mode="collocation", degree=3, functions=None, form="formula", free=None, initial="auto",
        conditions="hard", noise=None, n_members=2, width=24, hidden_width=12, n_collocation=150, n_adam=300,
        n_iterations=400, n_rounds=2, n_sets=200, segment=50, n_segments=16, seed=0,
    ):  # fmt: skip
        self.system = system
        self.mode = mode
        self.degree = degree
        self.functions = functions
        self.form = form
        self.free = free
        self.initial = initial
        self.conditions = conditions
        self.noise = noise
        self.n_members = n_members
        self.width = width
        self.hidden_width = hidden_width
        self.n_collocation = n_collocation
        self.n_adam = n_adam
        self.n_iterations = n_iterations
        self.n_rounds = n_rounds
        self.n_sets = n_sets
        self.segment = segment
        self.n_segments = n_segments
        self.seed = seed

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Find the terms; see ``Reconstructor.fit``.

        ``validation`` is not needed: sets of terms are compared by an information criterion on all data.

        Raises:
            InputError: arguments out of range, a system that cannot be completed, or data that do not suit.
            NotConverged: training diverged, or no set of terms has a solution along the data.

        Warns:
            UserWarning: terms of the library that cannot be told from a free parameter, or columns of a field that may
                be the whole of a coarser grid.
        """
        check(self)
        data = self._checked(X, dt)
        names = tuple(str(name) for name in data["state"].values)
        problem = HalfKnown(half_known_system(self.system, names))
        in_space = problem.system.kind == "pde"
        if in_space and (self.form == "network" or self.mode == "solver"):
            raise InputError(
                "form='network' and mode='solver' are for equations in time", got="kind pde",
                do="take form='formula' and mode='collocation'",
            )  # fmt: skip
        cut = (None, None) if in_space else (self.segment, self.n_segments)
        if self.initial == "system":
            check_whole(data, cut[0])
        segments = segments_of(data, problem.system, length=cut[0], n_segments=cut[1])
        terms = distinguishable(
            problem, problem.library(self.degree, tuple(self.functions or ())), tuple(self.free or ()), segments
        )
        place = None
        if checkpoint is not None:
            text = canonical_text(plain_tables(self._definition(problem)))
            place = Checkpoint(checkpoint, self._fingerprint(data, text))
        clock = np.concatenate([np.diff(t) for t in times(data)])
        interval = float(data.attrs.get("dt", np.median(clock)))
        work = Work(self, problem, segments, terms, interval)
        with (
            threadpool_limits(1),
            tqdm(
                total=work.n_rounds, desc=type(self).__name__, unit="round", disable=None if progress else True
            ) as bar,
        ):
            work.run(checkpoint=place, bar=bar)
            if not np.isfinite(work.ranked.criterion[0]):
                raise NotConverged(
                    "no set of terms has a solution along the data", do="shorten segment, or lower degree"
                )
            model = self._model(work, problem, segments)
        return self._learned(model, work.history_arrays(), data)

    def save(self, path):
        """Write a run folder, see ``Reconstructor.save``, and in it the found system as ``system.toml``."""
        given = self.system
        try:
            if isinstance(given, System):
                self.system = given.to_dict()
            super().save(path)
        finally:
            self.system = given
        self.model_.system.to_file(f"{path}/system.toml")

    def _definition(self, problem):
        return problem.given.to_dict()

    def _fingerprint(self, *known):
        """As in ``Reconstructor``; the system counts by its definition, which is among ``known``, not by its name."""
        given, self.system = self.system, None
        try:
            return super()._fingerprint(*known)
        finally:
            self.system = given

    def _model(self, work, problem, segments):
        found, completed, states = work.result()
        form = {
            "form": self.form, "found": found, "networks": work.network_arrays(), "width": self.hidden_width,
            "dt": work.interval, "scale": segments.scale,
        }  # fmt: skip
        pool = states[np.unique(np.linspace(0, len(states) - 1, N_INITIAL_STATES).astype(int))]

        def build(n_substeps):
            return HiddenTermsModel(
                completed, problem.given.to_dict(), n_substeps=n_substeps, initial_states=pool, **form
            )

        return build(enough_substeps(build, pool))
