"""What is SHPLRNN's own: its arguments, its ways of forcing, its restarts, its piecewise-linear map."""

import copy

import numpy as np
import pytest
from shplrnn_cases import DT, circle, recipe, windows
from threadpoolctl import threadpool_info, threadpool_limits

import dysyr
from dysyr.reconstruction import SHPLRNN
from dysyr.reconstruction.plrnn.evolution import Evolution
from dysyr.reconstruction.plrnn.refinement import Refinement
from dysyr.reconstruction.plrnn.search import STREAM, Search

SMALL = {
    "hidden_dim": 8,
    "sequence_length": 15,
    "n_updates": 60,
    "n_refinements": 4,
    "n_checks": 3,
    "max_restarts": 0,
    "batch_size": 5,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"clipped": True},
        {"readout": "affine", "latent_dim": 3},
        {"readout": "affine", "latent_dim": 2, "readout_penalty": 1e-3, "clipped": True},
        {"latent_dim": 4},
        {"forcing": "sparse"},
        {"forcing": "sparse", "forcing_interval": 3},
        {"forcing": "identity"},
        {"alpha": "annealed"},
        {"alpha": 0.2},
        {"n_refinements": 0},
        {"n_generations": 10},
        {"alpha_estimator": "product_upper_bound"},
        {"alpha_estimator": "explog"},
        {"alpha_estimator": "batch_maximum"},
        {"alpha_estimator": "jacobian_upper_bound"},
        {"weight_decay": 1e-4, "gradient_clip": 1.0},
        {"smoothing": None, "jitter": 0.1, "warm_up": 3},
        {"smoothing": 7},
    ],
    ids=str,
)
def test_every_option_trains(changes):
    fitted = SHPLRNN(**{**SMALL, **changes}).fit(circle(), dt=DT, progress=False)
    assert np.isfinite(fitted.history_["loss"]).all()
    assert fitted.generate(5)["x"].shape == (1, 5, 2)


def test_training_does_not_depend_on_the_number_of_threads(monkeypatch):
    seen = []
    original = Search.run

    def run(self, **arguments):
        seen.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return original(self, **arguments)

    monkeypatch.setattr(Search, "run", run)
    models = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            models.append(SHPLRNN(**SMALL).fit(circle(), dt=DT, progress=False).model_)
            after = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
        assert after == {n_threads}
    assert seen and set(seen) == {1}
    for name, value in models[0].arrays().items():
        np.testing.assert_array_equal(value, models[1].arrays()[name])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent_dim": 1}, "latent_dim is too small for an identity readout: 1; at least the 2 observed variables"),
        ({"hidden_dim": 0}, "cannot use this hidden_dim: 0; a whole number of at least 1"),
        ({"alpha": "strong"}, "cannot use this alpha: 'strong'"),
        ({"alpha": 1.5}, "cannot use this alpha"),
        ({"forcing": "soft"}, "cannot use this forcing"),
        ({"readout": "cubic"}, "cannot use this readout"),
        ({"smoothing": 4}, "cannot use this smoothing"),
        ({"jitter": -1}, "cannot use this jitter"),
        ({"sequence_length": 5000}, "sequence_length is longer than the training data: 5000; at most 239"),
        ({"warm_up": 15}, "warm_up leaves nothing to score: 15; less than 15 steps"),
        ({"device": "cuda"}, "cannot use this device"),
        ({"seed": -1}, "cannot use this seed"),
        ({"validation_fraction": 1.0}, "cannot use this validation_fraction"),
        ({"n_refinements": -1}, "cannot use this n_refinements"),
    ],
)
def test_bad_arguments_say_what_would_do(changes, message):
    with pytest.raises(dysyr.InputError, match=message):
        SHPLRNN(**{**SMALL, **changes}).fit(circle(), dt=DT, progress=False)


def search(criterion, confirm, max_restarts=2, distance=None, n_starts=1, n_evolutions=1, last_counts=False, **changes):
    return Search(
        recipe(**changes), windows(), seed=0, criterion=criterion, distance=distance, confirm=confirm, n_checks=10,
        max_restarts=max_restarts, n_starts=n_starts, n_evolutions=n_evolutions, last_counts=last_counts,
    )  # fmt: skip


def first_of(candidates):
    return candidates[0].criterion, candidates[0]


def test_a_good_attempt_is_the_only_one():
    made = search(lambda theta, alpha: 0.1, first_of)
    made.run()
    assert set(made.history["attempt"]) == {0}


def test_an_attempt_without_a_good_check_is_followed_by_another():
    made = search(lambda theta, alpha: 0.9, first_of)
    made.run()
    assert [made.history["attempt"].count(k) for k in (0, 1, 2)] == [10, 10, 10]


def test_an_attempt_ends_with_its_refinement():
    made = search(lambda theta, alpha: 0.1, first_of, n_refinements=7)
    made.run()
    assert made.history["update"] == [*range(4, 41, 4), 43, 46, 47]
    assert made.history["loss"][-1] < made.history["loss"][9]


def test_a_refinement_that_diverges_ends_a_good_attempt(monkeypatch):
    monkeypatch.setattr(Refinement, "_iterate", lambda self: np.inf)
    made = search(lambda theta, alpha: 0.1, first_of, n_refinements=7)
    made.run()
    assert set(made.history["attempt"]) == {0}
    assert made.history["update"][-2:] == [40, 40]


def test_the_start_nearest_to_the_data_goes_on():
    """Three starts with distances 0.5, 0.2 and 0.4; the second one is refined, and counts on where it was."""
    distances, ends = iter([0.5, 0.2, 0.4]), []

    def distance(theta, rng):
        ends.append(theta.copy())
        return next(distances)

    made = search(lambda theta, alpha: 0.1, first_of, distance=distance, n_starts=3, n_refinements=7)
    assert made.checks_in_all() == 33
    made.run()
    assert made.history["attempt"] == [0] * 10 + [1] * 10 + [2] * 10 + [1] * 3
    assert made.history["update"][-4:] == [40, 43, 46, 47]
    assert made.checks_done() == 33
    assert len({end.tobytes() for end in ends}) == 3
    first = Refinement(recipe(n_refinements=7), windows(), np.random.default_rng([0, 0, STREAM, 1]), ends[1],
                       made.history["alpha"][19])  # fmt: skip
    first.advance(7)
    np.testing.assert_array_equal(first.theta, made.trainer.theta)


@pytest.mark.parametrize("n_evolutions", [1, 2])
def test_what_an_evolution_ends_with_is_a_candidate_where_few_samples_rank_by_chance(n_evolutions):
    """All checks of gradient descent rank before those of the evolution, and ten are kept."""
    def ends(last_counts):
        made = search(
            lambda theta, alpha: 0.1 if made.stage == 0 else 0.5 + 1e-3 * len(made.history["update"]), first_of,
            max_restarts=0, distance=lambda theta, rng: 0.0, n_evolutions=n_evolutions, last_counts=last_counts,
            n_generations=70,
        )  # fmt: skip
        made.run()
        return {candidate.update for candidate in made.candidates}, made.history["update"]

    kept, updates = ends(False)
    assert 110 not in kept
    kept, updates = ends(True)
    assert 110 in kept and 110 in updates


def test_starts_of_a_second_attempt_are_counted_on():
    made = search(lambda theta, alpha: 0.9, first_of, max_restarts=1, distance=lambda theta, rng: 0.0, n_starts=2)
    made.run()
    assert made.history["attempt"] == [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10


def test_a_start_that_diverges_leaves_the_others():
    made = search(lambda theta, alpha: 0.1, first_of, distance=lambda theta, rng: 0.0, n_starts=2, n_refinements=4)
    made.trainer.theta[:] = np.nan
    made.run()
    assert made.history["attempt"] == [0] + [1] * 12
    made = search(lambda theta, alpha: 0.1, first_of, max_restarts=0, distance=lambda theta, rng: 0.0, n_starts=2,
                  n_refinements=4)  # fmt: skip
    for _ in range(10):
        made.check()
    made.trainer.theta[:] = np.nan
    made.run()
    assert made.history["attempt"] == [0] * 10 + [1] + [0] * 2


def evolved_thrice(judged, looked):
    """A search with three evolutions of twelve generations, which end at the distances in ``judged``."""
    known, ends = {}, []
    made = search(
        lambda theta, alpha: 0.1, lambda candidates: looked.extend(candidates) or first_of(candidates),
        distance=lambda theta, rng: known.get(theta.tobytes(), float(theta[0])), n_evolutions=3, n_generations=12,
        estimator=None, alpha=(0.2,),
    )  # fmt: skip
    own = made._end_evolution

    def end(alive):
        known[made.trainer.theta.tobytes()] = judged[len(ends)]
        ends.append(made.trainer.theta.copy())
        return own(alive)

    made._end_evolution = end
    return made, ends


def test_the_evolution_that_ends_nearest_to_the_data_leaves_its_candidates():
    looked = []
    made, ends = evolved_thrice([0.5, 0.2, 0.4], looked)
    assert made.checks_in_all() == 10 + 3 * 2
    made.run()
    assert made.history["update"][10:] == [50, 52, 62, 64, 74, 76]
    assert len({end.tobytes() for end in ends}) == 3
    late = {candidate.update: candidate.theta for candidate in looked if candidate.update > 40}
    assert set(late) == {62, 64}
    np.testing.assert_array_equal(late[64], ends[1])


@pytest.mark.parametrize("judged", [[0.5, 0.2, 0.4], [0.2, 0.5, 0.4]])
def test_evolutions_go_on_with_the_same_bits(judged):
    """A state in the middle of the second evolution, taken up by another search."""
    whole, _ = evolved_thrice(judged, [])
    value, best = whole.run()
    first, _ = evolved_thrice(judged, [])
    while first.history["update"][-1:] != [62]:
        first.check()
    second, ends = evolved_thrice(judged, [])
    ends.append(None)
    second.restore(*copy.deepcopy(first.state()))
    again_value, again = second.run()
    assert (again_value, again.update) == (value, best.update)
    np.testing.assert_array_equal(again.theta, best.theta)
    for name, column in whole.history.items():
        np.testing.assert_array_equal(second.history[name], column, err_msg=name)
    assert [c.update for c in second.candidates] == [c.update for c in whole.candidates]


def test_evolutions_that_are_all_lost_leave_what_was_there(monkeypatch):
    monkeypatch.setattr(Evolution, "_generation", lambda self: np.nan)
    looked = []
    made, ends = evolved_thrice([0.5, 0.2, 0.4], looked)
    made.run()
    assert len(ends) == 3
    assert looked and max(candidate.update for candidate in looked) == 40


def test_checks_are_counted_for_the_bar():
    made = search(lambda theta, alpha: 0.9, first_of, n_refinements=7, max_restarts=1)
    assert (made.checks_done(), made.checks_in_all()) == (0, 13)

    class Bar:
        ticks = []

        def update(self, n):
            self.ticks.append(n)

        def set_postfix(self, **numbers):
            assert set(numbers) == {"loss", "alpha", "validation", "refresh"}

        def reset(self):
            self.ticks.append("reset")

    made.run(bar=Bar())
    assert Bar.ticks == [0, *[1] * 13, "reset", *[1] * 13]
    assert made.checks_done() == 13


def test_an_attempt_that_collapses_on_a_longer_look_is_followed_by_another():
    looked = []

    def confirm(candidates):
        looked.append(len(candidates))
        return (0.9 if len(looked) == 1 else 0.1), candidates[0]

    made = search(lambda theta, alpha: 0.1, confirm)
    value, best = made.run()
    assert set(made.history["attempt"]) == {0, 1}
    assert value == 0.1
    assert len(looked) == 2
    assert [candidate.attempt for candidate in made.candidates].count(0) == 1


def test_settled_checkpoints_come_first():
    values = iter([0.01, 0.02] + [0.2] * 8)
    made = search(lambda theta, alpha: next(values), first_of)
    _, best = made.run()
    assert best.criterion == 0.2
    assert best.update >= 24
    assert made.candidates[-1].update < 24
