"""What fixes a training, beside the network, the data and the seed."""

import dataclasses

import numpy as np

SCHEDULES = ("cosine", "plateau", "constant")


@dataclasses.dataclass(frozen=True)
class Stage:
    """How one stage is trained.

    Attributes:
        n_updates: updates.
        batch_size: windows in each.
        rate, rate_end: learning rate at the begin, and where the schedule "cosine" ends.
        weight_decay: L2 gradient, in units of the parameters.
        clip: largest norm of the gradient, or None.
        n_decoder: updates at the begin in which only the decoder moves.
    """

    n_updates: int
    batch_size: int
    rate: float
    rate_end: float
    weight_decay: float = 0.0
    clip: float | None = None
    n_decoder: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that fixes a training, beside the network, the data and the seed.

    Attributes:
        stages: (teacher-forced, free-running) Stage.
        schedule: "cosine"; "plateau": the rate is halved after 5 checks without a better criterion; "constant".
        n_rollout: samples of a free run, a multiple of the patch.
        n_checks: looks at validation data, see ``goals``.
        jitter: standard deviation of noise on what the network is shown, standardised units.
        dropout: share of the embedding that is dropped, in the first stage.
        head_weight: weight of the heads in the first loss.
        conditional_weight, unconditional_weight: of the discrepancies in the second loss.
        bandwidths, estimator: see ``squared_mmd``, of samples in units of ``spread``.
        spread: (variable,) standard deviations of the data, in the units of the network.
    """

    stages: tuple
    schedule: str
    n_rollout: int
    n_checks: int
    jitter: float
    dropout: float
    head_weight: float
    conditional_weight: float
    unconditional_weight: float
    bandwidths: tuple
    estimator: str
    spread: np.ndarray

    def goals(self):
        """Updates after which there is a check: at ends of equal shares of each stage, a fifth of them in the second.

        There is always one at the end of each stage, but for a single check; never two after the same update.
        """
        first, second = (stage.n_updates for stage in self.stages)
        late = max(1, self.n_checks // 5) if second else 0
        early = self.n_checks - late if first else 0
        late = late if early else self.n_checks
        ends = [round(k * first / early) for k in range(1, early + 1)]
        ends += [first + round(k * second / late) for k in range(1, late + 1)]
        return sorted(set(ends) - {0})
