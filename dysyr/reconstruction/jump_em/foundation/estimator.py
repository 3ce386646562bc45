"""JumpFoundation: the posterior of the rates of a jump process, in milliseconds, from a network trained once."""

import numpy as np

from dysyr.core.arguments import check_arguments, one_of, whole, whole_from
from dysyr.core.checkpoint import Checkpoint
from dysyr.core.errors import InputError
from dysyr.core.reconstructor import Reconstructor
from dysyr.reconstruction.jump_em.diagnosis import diagnose, warn
from dysyr.reconstruction.jump_em.foundation.base import climb_of
from dysyr.reconstruction.jump_em.foundation.model import JumpPosterior
from dysyr.reconstruction.jump_em.foundation.outcome import infer, shipped
from dysyr.reconstruction.jump_em.foundation.trained_range import outstanding_rate, reasons_outside
from dysyr.reconstruction.jump_em.information import standard_errors
from dysyr.reconstruction.jump_em.maximisation import maximise
from dysyr.reconstruction.jump_em.panel import Panel

MOST_STATES = 8
OUTSIDE = ("map", "network", "error")
CONVERGED, MOST_EVALUATIONS = 1e-8, 3000
SMALLEST_CV, LARGEST_CV = 1e-3, 10.0


class JumpFoundation(Reconstructor):
    """Rates of a jump process on 2 to 8 states, with their posterior, by a network trained on such processes.

        P(q_ij = 0) = 1 - p_ij,    q_ij | edge ~ Gamma(shape k_ij, mean m_ij)

    Nothing is fitted to the data but a starting point, the posterior mode with label noise learned; the network, which
    is part of the package, turns it and the statistics of the data into p, k and m. Times are made dimensionless first,
    and relabelling the states relabels the answer. Label noise need not be known; paths need at least three samples for
    it to be found.

    Args:
        n_states: number of states, at most 8; by default one more than the largest label.
        outside: what to do where the data lie outside of the prior: "map" (say so, and give the noise-aware posterior
            mode with its standard errors instead; where a rate stands out beyond the prior, ask the network again in
            shorter units), "network" (say so, and keep its first answer), "error".
        max_gap: longest run of missing samples that a pair may span, its lag then being longer.
        weights: file of ``dysyr pretrain jump``; by default the network of the package.
        seed: recorded, not used.

    Learned: ``model_`` (a ``JumpPosterior``), ``history_`` of the climb to the starting point with ``visits`` of each
    state; after ``fit`` also ``warnings_`` (tuple of str).

    Reference: berghaus2024, bladt2005
    """

    handles_irregular = True
    handles_missing = True
    uses_seed = False
    min_samples = 2
    min_path_samples = 1

    def __init__(self, *, n_states=None, outside="map", max_gap=0, weights=None, seed=0):
        self.n_states = n_states
        self.outside = outside
        self.max_gap = max_gap
        self.weights = weights
        self.seed = seed

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Infer the rates; see ``Reconstructor.fit``. ``validation`` is not needed, nothing is chosen.

        Raises:
            InputError: arguments out of range, more than 8 states, or data that do not suit.

        Warns:
            RateWarning: data outside of the prior, states that were not seen or not left, too coarse sampling.
        """
        self._check()
        data = self._checked(X, dt)
        panel = Panel.from_data(data, n_states=self.n_states, max_gap=self.max_gap)
        if panel.n_states > MOST_STATES:
            raise InputError(
                "the network does not know so many states", got=str(panel.n_states), expected=f"2 to {MOST_STATES}",
                do="use JumpEM(label_noise='learn')",
            )  # fmt: skip
        network, known = shipped(self.weights)
        place = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(known["sha256"], data))
        found = infer(network, panel, once=self.outside == "network", checkpoint=place)
        reasons = reasons_outside(panel, found.base.noise, found.units)
        too_fast = self._said_of_a_rate(panel, found.base, reasons)
        if (reasons or too_fast) and self.outside == "error":
            raise InputError(
                "the data lie outside of what the network was trained on", got="; ".join([*too_fast, *reasons]),
                do="use JumpEM(label_noise='learn')",
            )  # fmt: skip
        model, converged = answer(panel, found, reasons if self.outside == "map" else [])
        said = diagnose(panel, model.rate_matrix, has_prior=True, converged=converged)
        given = "the posterior mode is given instead" if self.outside == "map" else "its answer may be wrong"
        outside = tuple(f"outside of what the network was trained on, {reason}: {given}" for reason in reasons)
        self.warnings_ = (*too_fast, *outside, *said)
        warn(self.warnings_)
        return self._learned(model, {**found.base.history, "visits": panel.visits}, data)

    def _said_of_a_rate(self, panel, base, reasons):
        """What is said of a rate that stands out, a list of at most one str."""
        fastest = outstanding_rate(panel, base)
        if fastest == 0.0:
            return []
        if self.outside == "network":
            answer = "its answer may be too slow"
        else:
            answer = "its answer is not used" if reasons else "it is asked in shorter units, too"
        rate = f"a rate of {fastest:.3g} per unit of {base.unit:.3g} time units"
        return [f"{rate} stands out beyond what the network was trained on: {answer}"]

    def _check(self):
        check_arguments(
            self,
            ("n_states", "2 to 8, or None", lambda v: v is None or whole(v, 2)),
            ("outside", *one_of(OUTSIDE)),
            ("max_gap", *whole_from(0)),
        )


def answer(panel, found, reasons):
    """The posterior to be given, and whether it converged.

    Args:
        panel: Panel.
        found: Outcome of the network.
        reasons: why the network should not be believed; if any, the answer is the converged posterior mode.

    Returns:
        JumpPosterior, and bool.
    """
    if reasons:
        return _mode(panel, found.base.unit)
    model = JumpPosterior(
        found.edge, found.shape, found.mean, found.initial, states=panel.states, dt=panel.dt, name=panel.name,
        label_noise=found.base.noise,
    )  # fmt: skip
    return model, True


def _mode(panel, unit):
    """The converged posterior mode as a posterior with certain edges, and whether it converged.

    A Gamma law with the mode as its mean and the standard error as its standard deviation stands for each rate.
    """
    goal, start = climb_of(panel, unit)
    found = maximise(goal, start, tolerance=CONVERGED, max_iterations=MOST_EVALUATIONS)
    errors, _ = standard_errors(goal, found.at)
    off = goal.permitted
    mean = np.where(off, found.at.q, 1.0)
    cv = np.clip(np.where(off, errors, 1.0) / mean, SMALLEST_CV, LARGEST_CV)
    model = JumpPosterior(
        off.astype(float), cv**-2.0, np.where(off, mean, 0.0), found.at.initial, states=panel.states, dt=panel.dt,
        name=panel.name, label_noise=found.at.noise, source="map",
    )  # fmt: skip
    return model, found.converged
