"""What every measure of rates is computed from: held-out labels, the model's rates, and the truth's where known."""

import dataclasses
import functools

import numpy as np

from dysyr.core.dataset import trajectories
from dysyr.core.errors import InputError
from dysyr.core.rate_matrix import checked_rate_matrix, transition_matrices
from dysyr.evaluation.empirical_rates import EmpiricalRates, empirical_rates
from dysyr.evaluation.label_panel import LabelPanel
from dysyr.evaluation.label_paths import noise_matrix
from dysyr.evaluation.rate_draws import rate_draws
from dysyr.evaluation.settings import EvaluationSettings


@dataclasses.dataclass(frozen=True, eq=False)
class Chain:
    """A jump process on finitely many states, and how it is observed.

    Attributes:
        rates: (state, state) rate matrix, row convention, in 1/time.
        initial: (state,) distribution at the start of a path.
        label_noise: probability that a label is that of another state.
    """

    rates: np.ndarray
    initial: np.ndarray
    label_noise: float = 0.0

    def after(self, time):
        """The same chain, started when the time has passed."""
        return dataclasses.replace(self, initial=self.initial @ transition_matrices(self.rates, [float(time)])[0])

    def reports(self, panel):
        """(instant, state) probability of each label at the instants of a panel."""
        law = np.empty((len(panel.instants), panel.n_states))
        for k, (paths, columns) in enumerate(panel.instants):
            instants, counts = np.unique(panel.clock[paths, columns], return_counts=True)
            p = self.initial @ transition_matrices(self.rates, instants)
            law[k] = counts @ p / counts.sum()
        return law @ noise_matrix(panel.n_states, self.label_noise)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RateContext:
    """Everything that is compared.

    Attributes:
        panel: LabelPanel of the truth: labels that the model was not fitted to.
        names: names of the states.
        model: the evaluated RateModel; None where free runs were given.
        runs: LabelPanel of the free runs; None where a model was given.
        truth: ``Chain`` behind the labels; None where it is not known.
        seed: drives draws, simulations and controls.
        settings: ``EvaluationSettings``.
    """

    panel: LabelPanel
    names: tuple
    model: object = None
    runs: LabelPanel | None = None
    truth: Chain | None = None
    seed: int = 0
    settings: EvaluationSettings = dataclasses.field(default_factory=EvaluationSettings)

    def __post_init__(self):
        n = self.panel.n_states
        sizes = {"names": len(self.names)}
        sizes |= {} if self.model is None else {"model": len(self.model.rate_matrix)}
        sizes |= {} if self.truth is None else {"truth": len(self.truth.rates)}
        sizes |= {} if self.runs is None else {"runs": self.runs.n_states}
        wrong = [f"{size} in the {what}" for what, size in sizes.items() if size != n]
        if wrong:
            raise InputError("numbers of states differ", got=", ".join(wrong), expected=f"{n}, as the labels have")
        if (self.model is None) == (self.runs is None):
            raise InputError("rates are evaluated by a model or by free runs", got="both or neither", expected="one")

    @functools.cached_property
    def chain(self):
        """``Chain`` of the model; None where free runs were given."""
        if self.model is None:
            return None
        model = self.model
        return Chain(checked_rate_matrix(model.rate_matrix), model.initial_distribution, float(model.label_noise))

    @functools.cached_property
    def draws(self):
        """(draw, state, state) rate matrices that the model's standard errors allow; see ``rate_draws``."""
        return rate_draws(self.chain.rates, self.model.rate_stderr, self.settings.n_rate_draws, self.seed)

    @functools.cached_property
    def data_rates(self) -> EmpiricalRates | None:
        """Rates estimated from the held-out labels alone; None where they do not allow it."""
        noisy = self.chain is not None and self.chain.label_noise > 0
        return None if noisy else empirical_rates(self.panel, seed=self.seed)

    @functools.cached_property
    def run_rates(self) -> EmpiricalRates | None:
        """Rates estimated from the free runs in the same way."""
        return empirical_rates(self.runs, seed=self.seed)

    @property
    def off_diagonal(self):
        """(state, state) bool."""
        return ~np.eye(self.panel.n_states, dtype=bool)


def holds_labels(data):
    """Whether the values of a data set are numbers of states: a variable ``label`` that equals its only variable.

    Args:
        data: Dataset.
    """
    if "label" not in data or data.sizes["state"] != 1:
        return False
    rows = zip(trajectories(data), data["label"].values, strict=True)
    return all(np.array_equal(x[:, 0][np.isfinite(x[:, 0])], row[: len(x)][np.isfinite(x[:, 0])]) for x, row in rows)
