"""What is SHPLRNN's own: its arguments, its ways of forcing, its restarts, its piecewise-linear map."""

import dataclasses

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import dysyr
from dysyr.reconstruction import SHPLRNN
from dysyr.reconstruction.shplrnn import draws
from dysyr.reconstruction.shplrnn.refinement import FINAL_SHARE, Refinement, n_windows
from dysyr.reconstruction.shplrnn.search import Search
from dysyr.reconstruction.shplrnn.training import (
    Attempt,
    Population,
    Recipe,
    condition_gradient,
    forcing_pattern,
    penalty,
)
from dysyr.reconstruction.shplrnn.windows import Windows

DT = 0.1
SMALL = {
    "hidden_dim": 8,
    "sequence_length": 15,
    "n_updates": 60,
    "n_refinements": 4,
    "n_checks": 3,
    "max_restarts": 0,
    "batch_size": 5,
}


def circle(n=300, seed=0):
    t = DT * np.arange(n) + seed
    return np.column_stack([np.cos(t), np.sin(t)]) + 0.01 * np.random.default_rng(seed).normal(size=(n, 2))


def recipe(**changes):
    plain = {
        "latent_dim": 2, "hidden_dim": 6, "n_observed": 2, "n_inputs": 0, "affine": False, "clipped": False,
        "n_updates": 40, "n_refinements": 0, "batch_size": 20, "n_steps": 10, "warm_up": 0, "jitter": 0.0,
        "learning_rate": 1e-3, "learning_rate_end": 1e-4, "estimator": "arithmetic_mean", "alpha": (1.0,),
        "alpha_decay": 0.9, "interval": 1, "weight_decay": 0.0, "readout_penalty": 0.0, "gradient_clip": 0.0,
    }  # fmt: skip
    return Recipe(**{**plain, **changes})


def windows(length=11):
    return Windows.from_trajectories([circle()], None, length)


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


def test_an_attempt_lowers_its_loss():
    constant = recipe(n_updates=400, learning_rate=5e-3, estimator=None, alpha=(0.2,))
    attempt = Attempt(constant, windows(), np.random.default_rng(0))
    losses = attempt.advance(400)
    assert losses[-40:].mean() < 0.2 * losses[:40].mean()


def test_blocks_of_any_size_give_the_same_bits():
    whole, pieces = (Attempt(recipe(), windows(), np.random.default_rng(1)) for _ in range(2))
    whole.advance(40)
    for n in (1, 7, 32):
        pieces.advance(n)
    np.testing.assert_array_equal(whole.theta, pieces.theta)


def test_restored_state_goes_on_with_the_same_bits():
    first = Attempt(recipe(), windows(), np.random.default_rng(2))
    first.advance(20)
    second = Attempt(recipe(), windows(), np.random.default_rng(2))
    second.restore(*first.state())
    first.advance(20)
    second.advance(20)
    np.testing.assert_array_equal(first.theta, second.theta)


@pytest.mark.parametrize("affine", [False, True])
def test_a_model_in_a_population_has_the_bits_of_one_alone(affine):
    rates = (5e-3, 1e-3, 2e-2)
    recipes = [recipe(learning_rate=rate, weight_decay=rate, affine=affine, batch_size=20) for rate in rates]
    together = Population(recipes, windows(), [np.random.default_rng(seed) for seed in range(3)])
    losses = together.advance(25)
    for m, made in enumerate(recipes):
        alone = Attempt(made, windows(), np.random.default_rng(m))
        np.testing.assert_array_equal(alone.advance(25), losses[:, m])
        np.testing.assert_array_equal(alone.theta, together.theta[m])


def test_a_model_that_diverges_stops_alone():
    recipes = [recipe(learning_rate=rate, estimator=None, alpha=(0.1,)) for rate in (5e-3, 1e30)]
    population = Population(recipes, windows(), [np.random.default_rng(seed) for seed in range(2)])
    losses = population.advance(20)
    assert population.alive.tolist() == [True, False]
    assert np.isfinite(losses[:, 0]).all() and np.isnan(losses[-1, 1])


@pytest.mark.parametrize(("warm_up", "jitter"), [(0, 0.0), (3, 0.1)])
def test_windows_cut_at_hard_forced_steps_give_the_same_losses(monkeypatch, warm_up, jitter):
    """Where the whole state is replaced nothing crosses the step, so pieces of a window are as good as the window."""
    sparse = recipe(estimator=None, interval=4, batch_size=3, warm_up=warm_up, jitter=jitter)
    cut = Attempt(sparse, windows(), np.random.default_rng(0))
    assert draws.n_pieces(sparse, windows(), 3) == 3
    monkeypatch.setattr(draws, "n_pieces", lambda *_: 1)
    whole = Attempt(sparse, windows(), np.random.default_rng(0))
    assert (cut._population._draw.n_steps, whole._population._draw.n_steps) == (4, 10)
    np.testing.assert_allclose(cut.advance(5), whole.advance(5), rtol=2e-5)
    np.testing.assert_allclose(cut.theta, whole.theta, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "changes", [{"latent_dim": 3}, {"affine": True}, {"alpha": (0.5,)}, {"estimator": "explog"}, {"batch_size": 16}]
)
def test_windows_stay_whole_where_cutting_is_not_exact_or_saves_nothing(changes):
    sparse = recipe(**{"estimator": None, "interval": 5, "batch_size": 3, **changes})
    assert draws.n_pieces(sparse, windows(), sparse.batch_size) == 1
    gappy = dataclasses.replace(windows(), observed=np.zeros_like(windows().observed))
    assert draws.n_pieces(recipe(estimator=None, interval=5, batch_size=3), gappy, 3) == 1


def test_a_population_of_unlike_models_is_refused():
    unlike = [recipe(), recipe(batch_size=7)]
    with pytest.raises(dysyr.InputError, match="models of a population share 'batch_size': 7 for model 1"):
        Population(unlike, windows(), [np.random.default_rng(0)] * 2)


def test_a_population_needs_models_and_a_generator_for_each():
    with pytest.raises(dysyr.InputError, match="0 recipes, 0 generators; at least one"):
        Population([], windows(), [])
    with pytest.raises(dysyr.InputError, match="2 recipes, 1 generators"):
        Population([recipe()] * 2, windows(), [np.random.default_rng(0)])


@pytest.mark.parametrize("strengths", [(1.0, 0.5), (0.5, 1.0)])
def test_hard_and_soft_forcing_do_not_share_windows_that_are_cut(strengths):
    rngs = [np.random.default_rng(0)] * 2
    unlike = [recipe(estimator=None, interval=4, batch_size=3, alpha=(alpha,)) for alpha in strengths]
    with pytest.raises(dysyr.InputError, match=rf"alpha=\({strengths[1]},\) for model 1; like .* two populations"):
        Population(unlike, windows(), rngs)
    whole = [dataclasses.replace(made, batch_size=16) for made in unlike]
    assert Population(whole, windows(), rngs).advance(1).shape == (1, 2)


def begun(n_refinements=6, **changes):
    """A refinement of a hundred updates."""
    made = recipe(n_updates=100, n_refinements=n_refinements, **changes)
    attempt = Attempt(made, windows(), np.random.default_rng(4))
    attempt.advance(100)
    return Refinement(made, windows(), np.random.default_rng(5), attempt.theta, attempt.forcing_strength())


def test_refinement_never_raises_the_error_and_does_what_descent_does_not():
    held = begun(n_refinements=20, estimator=None, alpha=(0.2,))
    costs = held.advance(20)
    assert held.over
    assert (np.diff(costs) <= 0).all()
    descent = Attempt(recipe(n_updates=1000, estimator=None, alpha=(0.2,)), windows(), np.random.default_rng(4))
    assert costs[-1] < 0.5 * descent.advance(1000)[-50:].mean()


def test_refinement_of_a_linear_problem_is_least_squares():
    """Without hidden slopes and with every state forced, A and h1 solve a linear regression."""
    made = recipe(estimator=None, alpha=(1.0,), n_refinements=12, hidden_dim=1)
    theta = np.zeros(sum(int(np.prod(shape)) for shape in made.shapes()))
    theta[-1] = -100.0
    held = Refinement(made, windows(), np.random.default_rng(0), theta, 1.0)
    held.advance(12)
    groups = zip(held._draw.batch.x, held._draw.n_valid, strict=True)
    x = np.concatenate([lanes[:, :, :n].transpose(2, 0, 1) for lanes, n in groups])
    assert len(x) == len(windows().starts)
    for d in range(2):
        now, after = x[:, :-1, d].ravel(), x[:, 1:, d].ravel()
        slope, shift = np.polyfit(now, after, 1)
        assert held.theta[d] == pytest.approx(slope, abs=1e-6)
        assert held.theta[-3 + d] == pytest.approx(shift, abs=1e-6)


def test_refinement_leaves_the_readout_alone_and_obeys_the_penalty():
    loose, tight = (begun(affine=True, latent_dim=3, weight_decay=decay) for decay in (0.0, 100.0))
    for held in (loose, tight):
        before = held.theta[-6:].copy()
        held.advance(6)
        np.testing.assert_array_equal(held.theta[-6:], before)
    assert np.abs(tight.theta[3:-6]).max() < 0.05 < np.abs(loose.theta[3:-6]).max()
    np.testing.assert_allclose(tight.theta[:3], 1, atol=0.05)


def test_refinement_leaves_a_diverging_model_as_it_is():
    held = begun()
    held.theta[:] = 1e60
    before = held.theta.copy()
    assert not np.isfinite(held.advance(1)).any()
    np.testing.assert_array_equal(held.theta, before)


def test_refinement_goes_on_with_the_same_bits():
    whole, first = begun(), begun()
    whole.advance(6)
    first.advance(2)
    second = Refinement(whole.recipe, windows(), np.random.default_rng(5), np.zeros_like(whole.theta), 1.0)
    second.restore(*first.state())
    second.advance(4)
    np.testing.assert_array_equal(whole.theta, second.theta)


def test_an_estimated_strength_sinks_in_the_second_half_and_a_constant_one_stays():
    held = begun(n_refinements=8, alpha_decay=0.99)
    start = held.forcing_strength()
    strengths = [start]
    for _ in range(8):
        held.advance(1)
        strengths.append(held.forcing_strength())
    assert strengths[:5] == [start] * 5
    assert (np.diff(strengths[4:]) < 0).all()
    assert strengths[-1] == pytest.approx(FINAL_SHARE * start)
    constant = begun(estimator=None, alpha=(0.3,))
    constant.advance(5)
    assert constant.forcing_strength() == 0.3


def test_windows_of_a_refinement_are_enough_but_not_dear():
    plain = recipe(n_steps=200, n_observed=3, latent_dim=3)
    assert n_windows(plain, 356) == 320
    assert n_windows(plain, 800) == 80
    assert n_windows(plain, 8000) * 600 >= 8 * 8000
    assert n_windows(plain, 8000) * 600 < 9 * 8000 + 16 * 600


def test_adaptive_strength_bounds_the_jacobian_of_the_batch():
    attempt = Attempt(recipe(alpha_decay=1e-9), windows(), np.random.default_rng(3))
    attempt.advance(40)
    p = attempt.parameters
    bound = np.abs(p.A).max() + np.linalg.norm(p.W1, 2) * np.linalg.norm(p.W2, 2)
    assert 0 <= attempt.forcing_strength() <= 1 - 1 / bound + 1e-6


def test_sparse_pattern_and_schedule():
    np.testing.assert_array_equal(forcing_pattern(7, 3), [0, 0, 0, 1, 0, 0, 1])
    np.testing.assert_array_equal(forcing_pattern(4, 1), [0, 1, 1, 1])
    annealed = Attempt(recipe(estimator=None, alpha=(1.0, 0.01)), windows(), np.random.default_rng(0))
    annealed.advance(20)
    assert annealed.forcing_strength() == pytest.approx(0.01 ** (19 / 40))


def test_penalty_pulls_the_diagonal_to_one_and_spares_the_readout():
    shapes = recipe(affine=True, latent_dim=3).shapes()
    decay, centre = penalty(shapes, 0.5)
    assert centre[:3].tolist() == [1, 1, 1]
    assert centre[3:].sum() == 0
    assert (decay[:-6] == 0.5).all()
    assert (decay[-6:] == 0).all()


def test_condition_gradient_is_the_derivative():
    b = np.random.default_rng(0).normal(size=(4, 3))

    def value(matrix):
        singular = np.linalg.svd(matrix, compute_uv=False)
        return 0.7 * (1 - singular[0] / (singular[-1] + 1e-8)) ** 2

    gradient, h = condition_gradient(b, 0.7), 1e-6
    for index in np.ndindex(b.shape):
        shift = np.zeros_like(b)
        shift[index] = h
        assert gradient[index] == pytest.approx((value(b + shift) - value(b - shift)) / (2 * h), rel=1e-4)


def test_windows_never_cross_trajectories_and_reach_the_last_sample():
    found = Windows.from_trajectories([circle(30), circle(12), circle(5)], None, 10)
    assert found.starts.tolist() == [*range(21), *range(30, 33), 42]
    assert found.observed[42:].sum() == 10
    assert found.data.shape == (52, 2)


def test_windows_begin_where_something_is_seen():
    x = circle(20)
    x[3:8] = np.nan
    found = Windows.from_trajectories([x], None, 5)
    assert not set(range(3, 8)) & set(found.starts.tolist())
    assert (found.data[3:8] == 0).all()


def search(criterion, confirm, max_restarts=2, **changes):
    return Search(
        recipe(**changes), windows(), seed=0, criterion=criterion, confirm=confirm, n_checks=10,
        max_restarts=max_restarts,
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
