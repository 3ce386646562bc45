"""The work of a fit, piece by piece: rounds of training of each member, then rounds of the search for terms."""

import time

import numpy as np
import torch

from dysyr.core.errors import InputError, NotConverged
from dysyr.reconstruction.hidden_terms.collocation import Collocation
from dysyr.reconstruction.hidden_terms.formula import front_table, term_table
from dysyr.reconstruction.hidden_terms.polish import polish
from dysyr.reconstruction.hidden_terms.refinement import Fits, Refinement
from dysyr.reconstruction.hidden_terms.regression import first_sets, samples_of
from dysyr.reconstruction.hidden_terms.selection import MOST_ROUNDS, Ranked, Search, inclusion, pareto_front
from dysyr.reconstruction.hidden_terms.shooting import Shooting
from dysyr.reconstruction.hidden_terms.solver import Solver
from dysyr.reconstruction.hidden_terms.training import STREAM, Recipe, Scales, train_round

SECONDS_BETWEEN_WRITES = 5.0


class Work:
    """One fit.

    Args:
        method: HiddenTerms, for its arguments.
        problem: HalfKnown.
        segments: Segments.
        terms: tuple of Term, the library.
        interval: sampling interval of the data in system time units.

    Attributes:
        ranked: Ranked sets of terms, once the search has begun.
    """

    def __init__(self, method, problem, segments, terms, interval):
        self.method, self.problem, self.segments, self.terms = method, problem, segments, terms
        self.interval, self.free = interval, tuple(method.free or ())
        self.start, self.fit_states = given_states(method.initial, problem.system, segments)
        networks = Shooting if method.mode == "solver" else Collocation
        self.collocation = networks(
            problem, segments, terms, start=self.start, hard=method.conditions == "hard", n_points=method.n_collocation,
            width=method.width, hidden_width=method.hidden_width, rng=self._rng(0),
        )  # fmt: skip
        self.recipe = Recipe(method.n_adam, method.n_iterations, method.n_rounds, problem.system.kind == "pde")
        self.members, self.ranked, self.searching = [], None, True
        self.round, self.theta, self.scales = 0, self.collocation.initial(self._rng(1, 0)), None
        self.history = {n: [] for n in ("member", "round", "data_loss", "residual_loss", "criterion", "n_sets")}
        self._search = None

    @property
    def n_rounds(self):
        """Rounds of training in all, and the most of the search."""
        return self.method.n_members * len(self.recipe.rounds) + MOST_ROUNDS

    @property
    def finished(self):
        return self.ranked is not None and not self.searching

    def run(self, *, checkpoint=None, bar=None):
        """Do all that is left to be done.

        Args:
            checkpoint: Checkpoint that is read first and written every few seconds, or None.
            bar: progress bar.
        """
        if checkpoint is not None and (saved := checkpoint.read()) is not None:
            self._restore(*saved)
        bar.update(len(self.history["round"]) + len(self.history["criterion"]))
        written = time.monotonic()
        while not self.finished:
            self._piece()
            bar.update(1)
            if checkpoint is not None and (self.finished or time.monotonic() - written > SECONDS_BETWEEN_WRITES):
                checkpoint.write(*self._state())
                written = time.monotonic()

    def _piece(self):
        """One round of training, or of the search."""
        if len(self.members) < self.method.n_members:
            return self._train()
        if self.ranked is None:
            self.ranked = self._first()
        else:
            self.ranked, better = self.search.improve(self.ranked)
            self.searching = better and len(self.history["criterion"]) < MOST_ROUNDS
        self.history["criterion"].append(float(self.ranked.criterion[0]))
        self.history["n_sets"].append(len(self.ranked.criterion))
        return None

    def _train(self):
        member = len(self.members)
        found = train_round(
            self.collocation, self.recipe, self.round, self.theta, self.scales, self._rng(2, member, self.round)
        )
        if not np.isfinite(found[2:]).all():
            raise NotConverged(
                f"the networks of member {member} have no finite loss after round {self.round}",
                do="look at the known part along the data: it may leave the range of numbers there",
            )
        self.theta, self.scales = found[:2]
        for name, value in zip(self.history, (member, self.round, *found[2:]), strict=False):
            self.history[name].append(float(value))
        self.round += 1
        if self.round == len(self.recipe.rounds):
            self.members.append((self.theta, self.scales))
            self.round, self.theta, self.scales = 0, self.collocation.initial(self._rng(1, member + 1)), None

    @property
    def search(self):
        """Search through the solver, made when it is first needed."""
        if self._search is None:
            samples = self._samples()
            sizes = [samples[0][name].sizes() for name in self.problem.arguments]
            full, names = self.problem.completed(self.terms, np.zeros(len(self.terms)), guarded=True)
            free = self.free
            values = np.array([abs(self.problem.system.parameters[name]) or 1.0 for name in free])
            refinement = Refinement(
                Solver(full, (*names, *free), self.segments), fit_states=self.fit_states,
                sizes=np.concatenate([*sizes, values]), noise=self._noise(),
            )  # fmt: skip
            always = np.arange(len(names) + len(free)) >= len(names)
            self._search = Search(refinement, self.terms, len(self.problem.arguments), always)
        return self._search

    def result(self):
        """What was found.

        Returns:
            (JSON-ready dict, completed System, (state, dim) states along the data).
        """
        search, n_terms = self.search, len(self.terms)
        refinement, fits = search.refinement, self.ranked.fits
        best = polish(refinement, fits.masks[0], fits.values[0], fits.states[0])
        chosen = np.flatnonzero(fits.masks[0, :n_terms])
        weights = inclusion(self.ranked)
        terms = [self.terms[k] for k in chosen]
        free = dict(zip(self.free, best.values[n_terms:], strict=True))
        fields, in_space = tuple(self.problem.arguments), self.problem.system.kind == "pde"
        scale = refinement.solver.segments.scale[:: self.problem.system.lattice.n_sites]
        misfit = (refinement.counts * np.log(np.maximum(fits.squares, refinement.floor**2))).sum(axis=1)
        found = {
            "terms": term_table(terms, best.values[chosen], best.stderr[chosen], weights[chosen]),
            "parameters": {
                name: {"value": float(value), "stderr": float(error)}
                for (name, value), error in zip(free.items(), best.stderr[n_terms:], strict=True)
            },
            "front": front_table(self.ranked, pareto_front(self.ranked, self.terms, misfit), self.terms, fields, scale),
            "rivals": front_table(self.ranked, range(min(5, len(fits.masks))), self.terms, fields, scale),
            "chi_square": list(best.chi_square),
            "relative_error": [float(e) for e in np.sqrt(best.squares) / scale],
        }  # fmt: skip
        completed, _ = self.problem.completed(
            terms, best.values[chosen], free, start=None if in_space else best.states[0], dt=self.interval,
            title="Completed by HiddenTerms",
        )  # fmt: skip
        inside = np.arange(self.segments.times.shape[1]) <= self.segments.times.argmax(axis=1)[:, None]
        return found, completed, best.solution[inside]

    def network_arrays(self):
        """Arrays of the hidden networks and their scales, one row a member."""
        own = [self.collocation.split(theta)[1] for theta, _ in self.members]
        arrays = {f"theta_{name}": np.stack([part[name] for part in own]) for name in self.problem.arguments}
        scales = [scale.arrays() for _, scale in self.members]
        return arrays | {name: np.stack([s[name] for s in scales]) for name in scales[0]}

    def history_arrays(self):
        """dict of arrays."""
        return {name: np.asarray(column, dtype=np.float64) for name, column in self.history.items()}

    def _first(self):
        masks, values = first_sets(self._samples(), list(self.problem.arguments), self.method.n_sets)
        if not masks.any():
            raise InputError(
                "no term of the library is a number all along the data",
                got=", ".join(term.text for term in self.terms[:5]), do="give another library by degree and functions",
            )  # fmt: skip
        free = [self.problem.system.parameters[name] for name in self.free]
        n_free = (len(masks), len(free))
        masks = np.concatenate([masks, np.zeros(n_free, dtype=bool)], axis=1)
        values = np.concatenate([values, np.broadcast_to(free, n_free)], axis=1)
        states = self.start if not self.fit_states else self._surrogate_states()
        return self.search.begin(masks, values, np.tile(states[None], (len(masks), 1, 1)))

    def _samples(self):
        return [samples_of(self.collocation, theta, scales, self.terms, self._rng(3)) for theta, scales in self.members]

    def _surrogate_states(self):
        theta, _ = self.members[0]
        with torch.no_grad():
            at = torch.tensor(self.segments.times[:, :1, None])
            return self.collocation.surrogate.values(torch.tensor(theta), at)[:, 0].numpy()

    def _noise(self):
        noise, n_fields = self.method.noise, len(self.problem.system.fields)
        if noise is None:
            return None
        values = np.full(n_fields, float(noise)) if np.ndim(noise) == 0 else np.asarray(noise, dtype=np.float64)
        if len(values) != n_fields:
            raise InputError("noise", got=f"{len(values)} numbers", expected=f"one for each of {n_fields} variables")
        return values

    def _rng(self, *stream):
        return np.random.default_rng([self.method.seed, STREAM, *stream])

    def _state(self):
        arrays = {"theta": self.theta}
        arrays |= {f"history_{name}": np.asarray(column, dtype=np.float64) for name, column in self.history.items()}
        for k, (theta, scales) in enumerate(self.members):
            arrays |= {f"member{k}_theta": theta} | {f"member{k}_{n}": v for n, v in scales.arrays().items()}
        if self.scales is not None:
            arrays |= {f"current_{n}": v for n, v in self.scales.arrays().items()}
        if self.ranked is not None:
            fits = self.ranked.fits
            arrays |= {
                "masks": fits.masks, "values": fits.values, "states": fits.states, "squares": fits.squares,
                "criterion": self.ranked.criterion,
            }  # fmt: skip
        return arrays, {"round": self.round, "n_members": len(self.members), "searching": self.searching}

    def _restore(self, arrays, numbers):
        def under(prefix):
            return {n.removeprefix(prefix): v for n, v in arrays.items() if n.startswith(prefix)}

        self.theta, self.round, self.searching = arrays["theta"], numbers["round"], numbers["searching"]
        self.history = {name: list(arrays[f"history_{name}"]) for name in self.history}
        self.members = []
        for k in range(numbers["n_members"]):
            own = under(f"member{k}_")
            self.members.append((own.pop("theta"), Scales.from_arrays(own)))
        current = under("current_")
        self.scales = Scales.from_arrays(current) if current else None
        if "masks" in arrays:
            fits = Fits(*(arrays[name] for name in ("masks", "values", "states", "squares")))
            self.ranked = Ranked(fits, arrays["criterion"])


def given_states(initial, system, segments):
    """Initial states that are exact, and whether they are fitted instead.

    Args:
        initial: "auto", "fitted", "data" or "system".
        system: System of the known part.
        segments: Segments.

    Returns:
        ((segment, dim) or None, bool).

    Raises:
        InputError: initial states that are asked for and not there.
    """
    in_space = system.kind == "pde"
    if initial == "auto":
        initial = "system" if in_space else "fitted"
    if initial == "fitted":
        if in_space:
            raise InputError(
                "initial='fitted' is for equations in time", expected="initial='system' or 'data' for kind pde"
            )
        return None, True
    if initial == "system":
        return np.tile(system.initial_state, (len(segments.times), 1)), False
    first = segments.values[:, 0]
    if not np.isfinite(first).all():
        raise InputError(
            "initial='data' needs a first sample without missing values",
            got=f"{int((~np.isfinite(first)).sum())} missing", do="take initial='fitted' or 'system'",
        )  # fmt: skip
    return first, False
