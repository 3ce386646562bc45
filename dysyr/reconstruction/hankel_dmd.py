"""Dynamic mode decomposition of windows of delays."""

import numpy as np

from dysyr.core.arguments import FRACTION, NOT_NEGATIVE, check_arguments, whole, whole_from
from dysyr.core.candidate_search import CandidateReconstructor, auto_or, combinations, options, ridge_solution
from dysyr.core.hankel_modes import ModeState, mode_series

WINDOWS = (5, 10, 25, 50, 100)
RANKS = (2, 4, 8, 15, 30)


class HankelModes(ModeState):
    """v[t+1] = A v[t], v the coordinates of a window of delays in its leading singular directions.

    Reference: arbabi2017
    """

    family = "hankel_dmd"
    reference = "arbabi2017"

    def _state(self, coordinates):
        return coordinates


class HankelDMD(CandidateReconstructor):
    """Least squares of v[t+1] = A v[t]; see ``HankelModes``.

    The map is linear: free runs decay, oscillate or grow, and are never chaotic.

    Args:
        window: samples of a window, or "auto".
        rank: singular directions that are kept, at most, or "auto".
        ridge: penalty, relative to the number of windows.
        validation_fraction: end of each trajectory that chooses what is "auto", when ``fit`` gets no validation data.
        seed: without effect.

    Reference: arbabi2017, tu2014
    """

    uses_seed = False

    def __init__(self, *, window="auto", rank="auto", ridge=1e-12, validation_fraction=0.2, seed=0):
        self.window, self.rank, self.ridge = window, rank, ridge
        self.validation_fraction, self.seed = validation_fraction, seed

    def _check(self):
        check_arguments(
            self,
            ("window", *auto_or("a whole number of at least 1", lambda v: whole(v, 1))),
            ("rank", *auto_or("a whole number of at least 1", lambda v: whole(v, 1))),
            ("ridge", *NOT_NEGATIVE),
            ("validation_fraction", *FRACTION),
            ("seed", *whole_from(0)),
        )

    def _candidates(self, record):
        made = combinations(window=options(self.window, WINDOWS), rank=options(self.rank, RANKS))
        possible = [one for one in made if one["window"] < record.longest]
        return [one for one in possible if self.rank != "auto" or one["rank"] <= one["window"] * len(record.names)]

    def _fit_candidate(self, candidate, record):
        modes, spread, series = mode_series(record, candidate["window"], candidate["rank"])
        now, after = (np.concatenate([v[cut] for v in series]) for cut in (slice(None, -1), slice(1, None)))
        matrix = ridge_solution(now, after, self.ridge).T
        return HankelModes(matrix=matrix, modes=modes, spread=spread, form=record.delay_form(candidate["window"]))
