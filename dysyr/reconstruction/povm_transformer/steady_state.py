"""The steady state of a master equation, as a distribution over outcome strings."""

from dysyr.reconstruction.povm_transformer.gauss_newton import Damping, equation, gauss_newton_step
from dysyr.reconstruction.povm_transformer.step_report import report

SAMPLED_DAMPING = 1e-3


class SteadyState:
    """Minimises the residual of A P = 0 by Gauss-Newton steps.

    An exact sum keeps its strings. In sampled mode each step draws new ones from the present distribution and is
    judged on them.

    Args:
        state: StringState, which is changed.
        sums: Sums.
        frame: Frame.
        objective: "chi2" or "l1".
        tolerance: the chi-square residual at which an exact sum is done.

    Attributes:
        finished: whether the tolerance of an exact sum is reached, or no step helps any more.
    """

    def __init__(self, state, sums, frame, *, objective, tolerance):
        self.state, self.sums, self.frame = state, sums, frame
        self.objective, self.tolerance, self.finished = objective, tolerance, False
        self.damping = Damping() if sums.n_samples is None else Damping(1e-1, SAMPLED_DAMPING)

    def advance(self):
        """One step: dict, see ``report``."""
        total = self.sums.at(0.0, self.state)
        problem = equation(total.generator)
        log_p = self.state.log_probabilities(total.strings)
        log_p, before, after = gauss_newton_step(self.state, total, problem, log_p, self.damping, self.objective)
        row = report(self.state, total, problem, log_p, self.frame)
        if self.sums.n_samples is None:
            self.finished = row["residual_chi2"] < self.tolerance or after == before
        return row
