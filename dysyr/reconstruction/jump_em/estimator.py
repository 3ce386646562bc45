"""JumpEM: the rate matrix of a jump process from paths that are seen at given times only."""

import dataclasses
from types import SimpleNamespace

import numpy as np
from scipy.stats import chi2
from tqdm import tqdm

from dysyr.core.checkpoint import Checkpoint
from dysyr.core.reconstructor import Reconstructor
from dysyr.reconstruction.jump_em.arguments import (
    check,
    check_edges_balance,
    check_panel,
    check_posterior,
    permitted_edges,
)
from dysyr.reconstruction.jump_em.diagnosis import diagnose, diagnose_levels, warn
from dysyr.reconstruction.jump_em.direct import logarithm_rates, naive_rates
from dysyr.reconstruction.jump_em.information import standard_errors
from dysyr.reconstruction.jump_em.level_prior import LevelPrior
from dysyr.reconstruction.jump_em.likelihood import Parameters, expect
from dysyr.reconstruction.jump_em.maximisation import FIRST_NOISE, Goal, Maximum, first_rates, maximise
from dysyr.reconstruction.jump_em.model import JumpModel
from dysyr.reconstruction.jump_em.panel import Panel
from dysyr.reconstruction.jump_em.posterior import sample
from dysyr.reconstruction.jump_em.signal import SignalPanel
from dysyr.reconstruction.jump_em.starts import best, in_order, labellings, screened

UNITS_PER_DURATION = 10.0
PRIOR_MODE = 0.25
MOST_UNITS, SAME_UNIT = 5, 0.9


class JumpEM(Reconstructor):
    """Rates of a jump process on finitely many states, from labels or a signal at regular or irregular times.

        l(Q) = sum_D sum_ij C^D_ij ln exp(Q D)_ij

    The jumps between two samples are not seen; their expected number and the time spent in each state are computed
    exactly, and maximise the likelihood, or the posterior under a Gamma prior, by expectation-maximisation. With label
    noise the chain behind the labels is hidden, and forward and backward passes give the expected pairs. So it is
    behind a signal that is normal about a level of its own in each state; means and standard deviations are learned,
    and states are numbered by ascending mean.

    Row convention: q_ij is the rate from i to j in 1/time. Times between neighbouring samples may all differ. For
    labels nothing is drawn at random; for a signal ``seed`` chooses starts.

    Args:
        estimator: "map" (posterior mode), "em" (maximum likelihood), "matrix_log", or "counts" (naive).
        emission: "labels", or "gaussian" for a signal, such as the current through a channel ("map" and "em").
        n_states: number of states; by default one more than the largest label. A signal needs it.
        n_starts: number of starts for a signal, of which the best goes on.
        label_noise: probability that a label is that of another state, each equally; None for none, "learn" to
            estimate it, which needs paths of at least three samples.
        prior_shape: shape a of the Gamma prior of each rate ("map").
        prior_rate: its rate b, for rates per ``time_unit``.
        time_unit: unit of the prior in time units; by default a tenth of the longest trajectory, and less where a state
            is left more than n - 1 times in it, see ``unit`` in ``history_``.
        reversible: whether the rates are in detailed balance, p_i q_ij = p_j q_ji ("map" and "em").
        edges: list of (from, to), the only rates that may differ from zero ("map" and "em").
        correction: "weighted" or "diagonal", what is done to negative rates ("matrix_log").
        max_gap: longest run of missing samples that a pair may span, its lag then being longer.
        max_iterations: most evaluations of the likelihood.
        tolerance: relative change of every rate in one step at which the iteration ends.
        seed: chooses starts for a signal beyond the first eight; else recorded, not used.

    Learned: ``model_`` (a ``RateModel`` with standard errors), ``history_`` with ``objective`` and ``log_likelihood``
    of each accepted step and ``visits`` of each state; after ``fit`` also ``warnings_`` (tuple of str).

    Reference: kalbfleisch1985, bladt2005
    """

    handles_irregular = True
    handles_missing = True
    uses_seed = False
    min_samples = 2
    min_path_samples = 1

    def __init__(
        self, estimator="map", *, emission="labels", n_states=None, n_starts=6, label_noise=None, prior_shape=1.85,
        prior_rate=3.5, time_unit=None, reversible=False, edges=None, correction="weighted", max_gap=0,
        max_iterations=3000, tolerance=1e-8, seed=0,
    ):  # fmt: skip
        self.estimator = estimator
        self.emission = emission
        self.n_states = n_states
        self.n_starts = n_starts
        self.label_noise = label_noise
        self.prior_shape = prior_shape
        self.prior_rate = prior_rate
        self.time_unit = time_unit
        self.reversible = reversible
        self.edges = edges
        self.correction = correction
        self.max_gap = max_gap
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Estimate the rates; see ``Reconstructor.fit``.

        ``validation`` is not needed: there is one maximum to climb to, and nothing to choose.

        Raises:
            InputError: arguments out of range, or data that do not suit.

        Warns:
            RateWarning: states that were not seen or not left, several closed classes, too coarse sampling, no
                convergence.
        """
        check(self)
        data = self._checked(X, dt)
        if self.emission == "gaussian":
            return self._fit_signal(data, progress, checkpoint)
        panel = Panel.from_data(data, n_states=self.n_states, max_gap=self.max_gap)
        permitted = permitted_edges(self.edges, panel.n_states)
        check_panel(self, panel, permitted)
        if self.estimator in ("counts", "matrix_log"):
            found, errors = self._direct(panel, permitted)
            noise_error = 0.0
        else:
            found, goal = self._climbed(panel, permitted, data, progress, checkpoint)
            errors, noise_error = standard_errors(goal, found.at)
        self.warnings_ = diagnose(
            panel, found.at.q, has_prior=self.estimator == "map", converged=found.converged
        )  # fmt: skip
        warn(self.warnings_)
        model = JumpModel(
            found.at.q, found.at.initial, errors, states=panel.states, dt=panel.dt, name=panel.name,
            label_noise=found.at.noise, label_noise_stderr=noise_error,
        )  # fmt: skip
        history = {**found.history, "visits": panel.visits, "converged": np.array([int(found.converged)])}
        return self._learned(model, history, data)

    def posterior(self, X, *, dt=None, n_draws=1000, n_burn=100, seed=0, progress=True):
        """Draws from the posterior of the rates, and of the learned label noise or of the levels of a signal.

        Gibbs sampling: hidden paths given rates, rates given paths, from the fitted ones on. For a signal the states of
        its samples are hidden as well. Given them, means and standard deviations of levels are drawn; their prior is
        normal-inverse-gamma, weak and scaled to the signal, with standard deviation s over all n samples, mean c:

            m | sd ~ N(c, 1000 sd^2),    sd^2 ~ InverseGamma(3 / 2, 0.003 s^2 / 2),    sd >= 0.001 s

        so that a level is a priori as far from c as the signal, and its standard deviation anything from the smallest
        one that ``fit`` allows, which bounds draws as well. In each draw states are numbered by ascending mean, as in
        the fit, and rates with them.

        Args:
            X: labels or the signal, mostly those of ``fit``; whatever ``as_dataset`` takes.
            dt: sampling interval in time units, where X does not carry it.
            n_draws: number of draws, at least 4.
            n_burn: draws to drop first.
            seed: whole number of at least 0.
            progress: show a progress bar when standard error is a terminal.

        Returns:
            RatePosterior.

        Raises:
            InputError: no fit, no prior, detailed balance, for which no conjugate draws are known here, or numbers out
                of range.

        Reference: bladt2005, gelman2013
        """
        model = self._fitted()
        check_posterior(self, n_draws=n_draws, n_burn=n_burn, seed=seed)
        panel_class = SignalPanel if self.emission == "gaussian" else Panel
        panel = panel_class.from_data(self._checked(X, dt), n_states=len(model.state_names), max_gap=self.max_gap)
        permitted = permitted_edges(self.edges, panel.n_states)
        level_prior = None
        if self.emission == "gaussian":
            level_prior = LevelPrior.weak(panel)
        else:
            check_panel(self, panel, permitted)
        goal = self._goal(panel, permitted, float(self.history_["unit"][0]))
        at = Parameters(model.rate_matrix, model.label_noise, model.initial_distribution, model.levels)
        limits = {"n_draws": n_draws, "n_burn": n_burn, "seed": seed}
        return sample(goal, at, **limits, progress=progress, level_prior=level_prior)

    @property
    def converged_(self):
        """Whether the iteration came to rest; closed forms always do."""
        self._fitted()
        return bool(self.history_["converged"][0])

    @property
    def label_noise_p_value_(self):
        """Chance of an improvement by label noise as large as the one found, if there was none.

        A likelihood ratio on the boundary of the parameter: half of the chi-square law of one degree of freedom, half
        of the mass at zero. None where label noise was not learned.
        """
        self._fitted()
        if "label_noise_ratio" not in self.history_:
            return None
        ratio = float(self.history_["label_noise_ratio"][0])
        return float(0.5 * chi2.sf(ratio, 1)) if ratio > 0 else 1.0

    def _fit_signal(self, data, progress, checkpoint):
        panel = SignalPanel.from_data(data, n_states=self.n_states, max_gap=self.max_gap)
        permitted = permitted_edges(self.edges, panel.n_states)
        check_edges_balance(self, permitted)

        def from_labels(labelled):
            return first_rates(labelled, permitted, self.reversible)

        labels = labellings(panel, self.n_starts, self.seed)
        goal = self._goal(panel, permitted, self._unit(panel.labelled(labels[min(1, len(labels) - 1)])))
        with tqdm(desc="JumpEM", unit="step", disable=None if progress else True) as bar:
            candidates = []
            for each in labels:
                candidates.append(screened(goal, each, from_labels))
                bar.update()
            start = best(candidates, panel, keeps_order=self.edges is not None)
            unit = self._unit(panel, *_expected(panel, start))
            goal = self._goal(panel, permitted, unit)
            place = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(data))
            limits = {"tolerance": self.tolerance, "max_iterations": self.max_iterations}
            found = maximise(goal, start, checkpoint=place, bar=bar, **limits)
        at = in_order(found.at) if self.edges is None else found.at
        errors, level_errors = standard_errors(goal, at)
        jumps, times = _expected(panel, at)
        weights = expect(panel, at).moments[0]
        seen = SimpleNamespace(states=panel.states, lags=panel.lags, visits=np.round(weights), jumps=jumps)
        self.warnings_ = diagnose(seen, at.q, has_prior=self.estimator == "map", converged=found.converged)
        self.warnings_ += diagnose_levels(panel, at, level_errors, weights)
        warn(self.warnings_)
        model = JumpModel(
            at.q, at.initial, errors, states=panel.states, dt=panel.dt, name=panel.name, levels=at.levels,
            levels_stderr=level_errors,
        )  # fmt: skip
        history = {**found.history, "visits": weights, "unit": np.array([unit])}
        history["converged"] = np.array([int(found.converged)])
        return self._learned(model, history, data)

    def _direct(self, panel, permitted):
        """Maximum and standard errors of an estimate in closed form."""
        if self.estimator == "counts":
            q, errors = naive_rates(panel)
        else:
            q = logarithm_rates(panel, self.correction)
        at = Parameters(q, 0.0, panel.first / panel.first.sum())
        value = np.array([expect(panel, at).log_likelihood])
        if self.estimator == "matrix_log":
            errors, _ = standard_errors(Goal(panel, permitted, 1.0, 0.0, False), at)
        return Maximum(at, {"objective": value, "log_likelihood": value}, True), errors

    def _climbed(self, panel, permitted, data, progress, checkpoint):
        """The Maximum, and the Goal it is of."""
        learns = self.label_noise == "learn"
        noise = FIRST_NOISE if learns else float(self.label_noise or 0.0)
        nothing = np.zeros((panel.n_states, panel.n_states))
        unit = self._unit(panel, nothing, panel.times_before) if noise else self._unit(panel)
        goal = self._goal(panel, permitted, unit)
        start = Parameters(first_rates(panel, permitted, self.reversible), noise, panel.first / panel.first.sum())
        place = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(data))
        with tqdm(desc="JumpEM", unit="step", disable=None if progress else True) as bar:
            limits = {"tolerance": self.tolerance, "max_iterations": self.max_iterations}
            found = maximise(goal, start, checkpoint=place, bar=bar, **limits)
            if noise and self.estimator == "map":
                # Wrong labels are jumps that are none: the unit goes by the jumps that a climb believes in.
                for _ in range(MOST_UNITS):
                    shorter = self._unit(panel, *_expected(panel, found.at))
                    if shorter > SAME_UNIT * unit:
                        break
                    goal, unit = self._goal(panel, permitted, shorter), shorter
                    found = maximise(goal, found.at, bar=bar, **limits)
            found.history["unit"] = np.array([unit])
            if learns:
                clean = dataclasses.replace(goal, learns_noise=False)
                without = maximise(clean, dataclasses.replace(start, noise=0.0), bar=bar, **limits)
                ratio = 2 * (found.history["objective"][-1] - without.history["objective"][-1])
                found.history["label_noise_ratio"] = np.array([ratio])
        return found, goal

    def _goal(self, panel, permitted, unit):
        """What is to be maximised, with the unit of time of the prior."""
        has_prior = self.estimator == "map"
        shape = float(self.prior_shape) if has_prior else 1.0
        time = float(self.prior_rate) * unit if has_prior else 0.0
        return Goal(panel, permitted, shape, time, self.label_noise == "learn", self.reversible)

    def _unit(self, panel, jumps=None, times=None):
        """Unit of time of the prior.

        U / (1 + max(0, r U - (n - 1)) / (m (n - 1))), with U a tenth of the longest path, r the rate at which the
        fastest state is left, one standard error below the naive one, and m = 0.25 the mode of the default prior. It is
        U for what the prior was made for; in long records m (n - 1) / r, with which the most probable rate of leaving
        is r.

        Args:
            panel: Panel, or SignalPanel.
            jumps: (state, state) jumps between the states; by default those of the labels.
            times: (state,) times in them.
        """
        if self.time_unit is not None:
            return float(self.time_unit)
        unit = panel.duration / UNITS_PER_DURATION
        if jumps is None:
            jumps, times = panel.jumps, panel.times_before
        exits, seen = jumps.sum(axis=1), times > 0
        rates = (exits - np.sqrt(exits))[seen] / times[seen]
        most = panel.n_states - 1
        return float(unit / (1 + max(0.0, rates.max(initial=0.0) * unit - most) / (PRIOR_MODE * most)))


def _expected(panel, at):
    """(state, state) expected jumps and (state,) expected times."""
    found = expect(panel, at)
    rates = at.q - np.diag(np.diag(at.q))
    return np.maximum(rates * found.s, 0.0), np.diag(found.s)
