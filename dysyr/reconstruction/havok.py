"""HAVOK: linear maps of windows of delays that are forced by their last coordinate."""

import numpy as np

from dysyr.core.arguments import FRACTION, NOT_NEGATIVE, check_arguments, check_seed, one_of, whole, whole_from
from dysyr.core.candidate_search import CandidateReconstructor, auto_or, combinations, options, ridge_solution
from dysyr.core.counts import check_samples, in_turn, transient_steps
from dysyr.core.errors import NotConverged
from dysyr.core.hankel_modes import ModeState, mode_series

WINDOWS = (10, 25, 50, 100)
RANKS = (4, 8, 15, 30)
FORCES = ("replayed", "none")


class ForcedModes(ModeState):
    """v[t+1] = A v[t] + b f[t], v the first r - 1 coordinates of a window of delays and f the one after them.

    f is part of the data, so that nobody knows it ahead: the map of this model, its forecasts and its exponents take it
    for zero. ``generate`` replays the recorded f of the training data from random places on.

    Args:
        drive: b, (r - 1,).
        force: (time,) recorded f, all stretches one after the other.
        lengths: (n_stretches,) samples of each stretch; without any, f is zero in free runs too.
        others: see ``ModeState``.

    Reference: brunton2017
    """

    family = "havok"
    reference = "brunton2017"

    def __init__(self, *, drive, force, lengths, **others):
        super().__init__(**others)
        self.drive, self.force = np.ascontiguousarray(drive), np.ascontiguousarray(force)
        self.lengths = np.asarray(lengths, dtype=np.int64)

    @property
    def n_parameters(self):
        """Numbers of the map and of the directions; the recorded force is not counted."""
        return super().n_parameters + self.drive.size

    def _state(self, coordinates):
        return coordinates[..., : self.latent_dim]

    def generate(self, n_steps, *, n_trajectories=1, context=None, transient=None, inputs=None, seed=0):
        """See ``Model.generate``; the replayed force is that of another random place for each run."""
        if len(self.lengths) == 0:
            return super().generate(
                n_steps, n_trajectories=n_trajectories, context=context, transient=transient, inputs=inputs, seed=seed
            )
        check_samples(n_steps=n_steps, n_trajectories=n_trajectories)
        check_seed(seed)
        transient = transient_steps(transient, n_steps // 4 if context is None else 0)
        self._input_array(inputs, n_trajectories, n_steps)
        z = self.starts(n_trajectories, seed) if context is None else self._from_context(context)[0]
        z = z[in_turn(len(z), n_trajectories)]
        forces = [self._replayed(transient + n_steps, np.random.default_rng([int(seed), k])) for k in range(len(z))]
        orbit = np.empty((len(z), n_steps, self.latent_dim))
        for t in range(-transient, n_steps):
            z = self.step(z) + np.outer([force[t + transient] for force in forces], self.drive)
            orbit[:, max(t, 0)] = z
        return self._dataset(orbit, {"generator": self.family, "seed": int(seed), "transient_steps": transient})

    def _replayed(self, n_steps, rng):
        """Recorded force from random places on, each piece up to the end of its stretch; (n_steps,)."""
        ends, pieces, total = np.cumsum(self.lengths), [], 0
        while total < n_steps:
            at = int(rng.integers(ends[-1]))
            pieces.append(self.force[at : ends[np.searchsorted(ends, at, side="right")]])
            total += len(pieces[-1])
        return np.concatenate(pieces)[:n_steps]

    def arrays(self):
        return {**super().arrays(), "drive": self.drive, "force": self.force, "lengths": self.lengths}


class HAVOK(CandidateReconstructor):
    """Least squares of v[t+1] = A v[t] + b f[t]; see ``ForcedModes``.

    Args:
        window: samples of a window, or "auto".
        rank: r, singular directions of which the last one is the force, at most, or "auto".
        free_force: force of free runs: "replayed" from the training data, or "none".
        ridge: penalty, relative to the number of windows.
        validation_fraction: end of each trajectory that chooses what is "auto", when ``fit`` gets no validation data.
        seed: without effect.

    Reference: brunton2017
    """

    uses_seed = False

    def __init__(
        self, *, window="auto", rank="auto", free_force="replayed", ridge=1e-12, validation_fraction=0.2, seed=0
    ):  # fmt: skip
        self.window, self.rank, self.free_force, self.ridge = window, rank, free_force, ridge
        self.validation_fraction, self.seed = validation_fraction, seed

    def _check(self):
        check_arguments(
            self,
            ("window", *auto_or("a whole number of at least 2", lambda v: whole(v, 2))),
            ("rank", *auto_or("a whole number of at least 2", lambda v: whole(v, 2))),
            ("free_force", *one_of(FORCES)),
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
        if len(spread) < 2:
            raise NotConverged("windows that span one dimension leave no coordinate for a force")
        now, after = (np.concatenate([v[cut] for v in series]) for cut in (slice(None, -1), slice(1, None)))
        solved = ridge_solution(now, after[:, :-1], self.ridge).T
        replayed = self.free_force == "replayed"
        return ForcedModes(
            matrix=solved[:, :-1], drive=solved[:, -1], modes=modes, spread=spread,
            form=record.delay_form(candidate["window"]),
            force=np.concatenate([v[:, -1] for v in series]) if replayed else np.zeros(0),
            lengths=[len(v) for v in series] if replayed else [],
        )  # fmt: skip
