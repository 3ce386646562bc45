"""The search for the best model: attempts, checkpoints chosen on validation data, restarts of collapsed attempts."""

import dataclasses
import time

import numpy as np

from dysyr.reconstruction.plrnn.evolution import Evolution
from dysyr.reconstruction.plrnn.refinement import Refinement
from dysyr.reconstruction.plrnn.training import Attempt

N_KEPT = 10
SETTLED = 0.6
GOOD_ENOUGH = 0.35
REFINEMENTS_PER_CHECK = 3
GENERATIONS_PER_CHECK = 10
SECONDS_BETWEEN_WRITES = 5.0
STREAM = 0x53485052
EVOLUTION = 2
"""Number of the stage."""
N_JUDGED = 6
"""Draws of orbits that tell which of several evolutions ended nearest to the data."""


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A checkpoint worth keeping.

    Attributes:
        criterion: validation criterion when it was taken.
        attempt: number of the initialisation, over all attempts.
        update: number of updates, refinements and generations made.
        alpha: forcing strength then.
        theta: (n,) flat parameters.
    """

    criterion: float
    attempt: int
    update: int
    alpha: float
    theta: np.ndarray


class Search:
    """Trains attempt after attempt until one is good enough.

    An attempt is gradient descent, refinement and evolution, one after the other; gradient descent from ``n_starts``
    initialisations, of which the one whose free runs are nearest to the data goes on; ``n_evolutions`` evolutions from
    there, of which the one whose free runs end nearest to the data leaves its candidates. A check after every
    ``n_updates / n_checks`` updates, every third refinement and every tenth generation scores the model on validation
    data. The ten best checkpoints are kept, those of the first 60 % of the updates after all others, because what
    scores well before the learning rate has sunk often does so by chance. Gradient descent is given up when a loss is
    not finite, and refinement and evolution end there. A finished attempt is followed by another when its best
    criterion, or that of the longer look at its candidates, is above 0.35, up to
    ``max_restarts`` times.

    Args:
        recipe: Recipe.
        windows: Windows.
        seed: seed; attempt k draws from (seed, k).
        criterion: function (theta, alpha) -> float, lower is better.
        distance: function (theta, rng) -> distance of free runs from the training data, see ``Evolution``.
        confirm: function (candidates) -> (value, best candidate), the criterion on a longer look.
        n_checks: checks per attempt.
        max_restarts: how many further attempts there may be.
        n_starts: initialisations of an attempt.
        n_evolutions: evolutions of an attempt, where there is any generation.
        last_counts: whether the model that an evolution ends with is a candidate whatever its rank: validation data of
            few samples rank by chance.
    """

    def __init__(
        self, recipe, windows, *, seed, criterion, distance, confirm, n_checks, max_restarts, n_starts=1,
        n_evolutions=1, last_counts=False,
    ):  # fmt: skip
        self.recipe, self.windows, self.seed = recipe, windows, seed
        self.criterion, self.distance, self.confirm = criterion, distance, confirm
        self.max_restarts, self.n_starts, self.n_evolutions = max_restarts, n_starts, n_evolutions
        self.last_counts = last_counts
        self.stages = (
            ("updates", recipe.n_updates, -(-recipe.n_updates // n_checks)),
            ("refinements", recipe.n_refinements, REFINEMENTS_PER_CHECK),
            ("generations", recipe.n_generations, GENERATIONS_PER_CHECK),
        )
        self.candidates = []
        self.history = {"update": [], "attempt": [], "loss": [], "alpha": [], "criterion": []}
        self.finished = False
        self.result = None
        self._begin(0)

    def run(self, *, checkpoint=None, bar=None):
        """Search to the end.

        Args:
            checkpoint: Checkpoint that is read first and written every few seconds, or None.
            bar: progress bar with ``update`` and ``set_postfix``, or None.

        Returns:
            (value, Candidate) of the longer look; (inf, None) when no update ever gave a finite model.
        """
        if checkpoint is not None and (saved := checkpoint.read()) is not None:
            self.restore(*saved)
        if bar is not None:
            bar.update(self.checks_done())
        written = time.monotonic()
        while not self.finished:
            self.check(bar)
            if checkpoint is not None and (self.finished or time.monotonic() - written > SECONDS_BETWEEN_WRITES):
                checkpoint.write(*self.state())
                written = time.monotonic()
        return self.result or self.confirm(self.candidates)

    def _begin(self, number, start=0):
        self.number, self.start, self.stage = number, start, 0
        self.trainer = Attempt(self.recipe, self.windows, self._rng(*((4, start) if start else ())))
        self.evolution, self.origin, self.before, self.evolved, self.nearest = 0, [], [], [], None
        if start == 0:
            self.best_here, self.best_start = 1.0, []

    def _rng(self, *stream):
        return np.random.default_rng([self.seed, self.number, STREAM, *stream])

    def _end_start(self, alive):
        """Remember the initialisation that has come nearest to the data, and begin the next one, if there is any."""
        if self.n_starts == 1:
            return False
        if alive:
            theta = self.trainer.theta.astype(np.float64)
            value = self.distance(theta, self._rng(5))
            if not self.best_start or value < self.best_start[0].criterion:
                alpha = self.trainer.forcing_strength()
                self.best_start = [Candidate(value, self._index(), self._count(), alpha, theta)]
        if self.start + 1 == self.n_starts:
            return False
        self._begin(self.number, self.start + 1)
        return True

    def _go_on(self, stage):
        """Begin a later stage where the last one has ended."""
        theta, alpha = self.trainer.theta, self.trainer.forcing_strength()
        if self.stage == 0 and self.best_start:
            best = self.best_start[0]
            theta, alpha, self.start = best.theta, best.alpha, best.attempt % self.n_starts
        self.stage = stage
        if stage == 1:
            self.trainer = Refinement(self.recipe, self.windows, self._rng(1), theta, alpha)
        else:
            self.origin = [Candidate(self.best_here, self._index(), self._count(), alpha, theta.copy())]
            self.before = self.candidates
            self._evolve()

    def _evolve(self):
        """Begin an evolution where gradient descent and refinement have ended, with the candidates from there."""
        rngs = [self._rng(2), self._rng(3, *([self.evolution] if self.evolution else []))]
        self.candidates = list(self.before)
        theta, alpha = self.origin[0].theta, self.origin[0].alpha
        self.trainer = Evolution(self.recipe, self.windows, rngs, theta, alpha, self.distance)

    def _end_evolution(self, alive):
        """Keep the candidates of the evolution that ended nearest to the data; whether there is another to follow."""
        if alive and self.last_counts:
            value, theta = self.history["criterion"][-1], self.trainer.theta.copy()
            last = Candidate(value, self._index(), self._count(), self.trainer.forcing_strength(), theta)
            others = [c for c in self.candidates if (c.attempt, c.update) != (last.attempt, last.update)]
            self.candidates = [*others, last]
        if self.n_evolutions == 1:
            return False
        if alive:
            value = np.mean([self.distance(self.trainer.theta, self._rng(6, k)) for k in range(N_JUDGED)])
            if self.nearest is None or value < self.nearest:
                self.nearest, self.evolved = float(value), self.candidates
        self.evolution += 1
        if self.evolution < self.n_evolutions:
            self._evolve()
            return True
        self.candidates = self.evolved or self.candidates
        return False

    def _next_stage(self):
        """The next stage that has anything to do, or None."""
        return next((k for k in range(self.stage + 1, len(self.stages)) if self.stages[k][1]), None)

    def checks_in_all(self):
        """Number of checks of an attempt that runs to its end."""
        checks = [-(-total // every) for _, total, every in self.stages]
        return self.n_starts * checks[0] + checks[1] + self.n_evolutions * checks[2]

    def checks_done(self):
        """Number of checks that this attempt has behind it."""
        return sum(index // self.n_starts == self.number for index in self.history["attempt"])

    def _index(self):
        """Number of the initialisation that is being trained, over all attempts."""
        return self.number * self.n_starts + self.start

    def _count(self):
        """Updates, refinements and generations so far, those of earlier evolutions among them."""
        before = sum(total for _, total, _ in self.stages[: self.stage]) + self.evolution * self.recipe.n_generations
        return before + self.trainer.count

    @property
    def block(self):
        """Updates, iterations or generations until the next check."""
        return self.stages[self.stage][2]

    def check(self, bar=None):
        """Advance to the next check, and judge it."""
        self.judge(self.trainer.advance(self.block), bar)

    def judge(self, losses, bar=None):
        """Score what the trainer has reached, keep it, and decide how to go on.

        Args:
            losses: (n,) losses since the last check.
            bar: progress bar, or None.
        """
        alive = bool(np.isfinite(losses).all() and np.isfinite(self.trainer.theta).all())
        alpha = self.trainer.forcing_strength()
        value = self.criterion(self.trainer.theta, alpha) if alive else 1.0
        if alive:
            self._keep(Candidate(value, self._index(), self._count(), alpha, self.trainer.theta.copy()))
        self.best_here = min(self.best_here, value)
        loss = float(losses.mean()) if alive else float("nan")
        for column, entry in zip(
            self.history.values(), (self._count(), self._index(), loss, alpha, value), strict=True
        ):  # fmt: skip
            column.append(entry)
        if bar is not None:
            bar.update(1)
            bar.set_postfix(loss=f"{loss:.3g}", alpha=f"{alpha:.2g}", validation=f"{value:.3f}", refresh=False)
        if alive and not self.trainer.over:
            return
        if self.stage == 0 and self._end_start(alive):
            return
        if self.stage == EVOLUTION and self._end_evolution(alive):
            return
        following, alive = self._next_stage(), alive or (self.stage == 0 and bool(self.best_start))
        if alive and following is not None:
            self._go_on(following)
            return
        finished = alive or self.stage > 0
        if self.number >= self.max_restarts or (finished and self.best_here <= GOOD_ENOUGH and self._confirmed()):
            self.finished = True
            return
        self._begin(self.number + 1)
        if bar is not None:
            bar.reset()

    def _confirmed(self):
        """Whether the best candidate also holds on a longer look; if not, only that one is kept."""
        self.result = value, best = self.confirm(self.candidates)
        if value <= GOOD_ENOUGH:
            return True
        self.result, self.candidates = None, [] if best is None else [best]
        return False

    def _keep(self, candidate):
        settled = SETTLED * self.recipe.n_updates
        ranked = sorted([*self.candidates, candidate], key=lambda c: (c.update < settled, c.criterion))
        self.candidates = ranked[:N_KEPT]

    def state(self):
        """Arrays and JSON-ready numbers from which ``restore`` goes on with the same bits."""
        arrays, numbers = self.trainer.state()
        for name, candidates in self._lists().items():
            arrays |= {f"{name}_{i}": candidate.theta for i, candidate in enumerate(candidates)}
            numbers[name] = [[c.criterion, c.attempt, c.update, c.alpha] for c in candidates]
        for name, column in self.history.items():
            arrays[f"history_{name}"] = np.asarray(column, dtype=np.float64)
        numbers |= {
            "attempt": self.number,
            "start": self.start,
            "stage": self.stage,
            "evolution": self.evolution,
            "nearest": self.nearest,
            "best_here": self.best_here,
            "finished": self.finished,
        }
        return arrays, numbers

    def _lists(self):
        return {name: getattr(self, name) for name in ("best_start", "origin", "before", "evolved", "candidates")}

    def restore(self, arrays, numbers):
        """Take up a state made by ``state``."""
        self._begin(numbers["attempt"], numbers["start"])
        if numbers["stage"]:
            self._go_on(numbers["stage"])
        for name in self._lists():
            rows = enumerate(numbers[name])
            setattr(self, name, [Candidate(*row, arrays[f"{name}_{i}"].copy()) for i, row in rows])
        self.trainer.restore(arrays, numbers)
        self.evolution, self.nearest = numbers["evolution"], numbers["nearest"]
        self.best_here, self.finished = numbers["best_here"], numbers["finished"]
        self.history = {name: list(arrays[f"history_{name}"]) for name in self.history}
