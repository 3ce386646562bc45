"""Seeds that are fitted side by side: the same bits as alone, and errors that stay where they are."""

import numpy as np
import pytest
from shplrnn_cases import circle, recipe, windows
from sklearn.base import clone

import dysyr
from dysyr.reconstruction.plrnn import fit_seeds, search, side_by_side
from dysyr.reconstruction.plrnn.search import Search
from dysyr.reconstruction.plrnn.side_by_side import advance_together
from dysyr.reconstruction.plrnn.training import Attempt, Population

SHORT = {"n_updates": 12, "n_checks": 3, "sequence_length": 12, "batch_size": 20, "max_restarts": 0}
METHODS = {
    "adaptive": dysyr.SHPLRNN(hidden_dim=5, n_refinements=3, **SHORT),
    "affine": dysyr.SHPLRNN(latent_dim=3, hidden_dim=4, readout="affine", n_refinements=0, **SHORT),
    "starts": dysyr.ALRNN(latent_dim=4, n_starts=2, n_generations=2, n_evolutions=2, **SHORT),
    "sizes": dysyr.ALRNN(latent_dim=4, n_rectified="auto", n_starts=1, n_generations=0, **SHORT),
    "splines": dysyr.DendPLRNN(latent_dim=4, n_bases=2, n_refinements=3, **SHORT),
    "rectifiers": dysyr.PLRNN(latent_dim=4, n_refinements=0, n_generations=2, **SHORT),
}


def seeds(method, n=3):
    return [clone(method).set_params(seed=seed) for seed in range(n)]


def fitted(method, **options):
    return method.fit(circle(140), dt=0.1, progress=False, **options)


def assert_same(one, other):
    """The same model and the same history, bit by bit."""
    for mine, yours in ((one.model_.arrays(), other.model_.arrays()), (one.history_, other.history_)):
        assert mine.keys() == yours.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], yours[name], err_msg=name)


@pytest.fixture
def joint(monkeypatch):
    """Sizes of the populations that are advanced together, as they are."""
    sizes = []

    def counting(attempts, *rest):
        sizes.append(len(attempts))
        return advance_together(attempts, *rest)

    monkeypatch.setattr(side_by_side, "advance_together", counting)
    return sizes


@pytest.mark.parametrize("name", METHODS)
def test_seeds_have_the_bits_of_one_alone(name, joint):
    together = seeds(METHODS[name])
    assert fit_seeds(together, circle(140), dt=0.1) == [None, None, None]
    assert joint and set(joint) <= {2, 3}
    for one, alone in zip(together, seeds(METHODS[name]), strict=True):
        assert_same(one, fitted(alone))


def test_seeds_that_begin_anew_at_different_times(joint, monkeypatch):
    """A criterion that depends on the seed and the attempt alone says who has to begin anew, and how often."""
    attempts = {0: 1, 1: 3, 2: 2}
    confirmed = Search._confirmed

    def judged(self, losses, bar=None):
        self.criterion = lambda theta, alpha: 0.1 if self.number + 1 >= attempts[self.seed] else 0.9
        original(self, losses, bar)

    original = Search.judge
    monkeypatch.setattr(Search, "judge", judged)
    monkeypatch.setattr(Search, "_confirmed", lambda self: confirmed(self) or True)
    method = clone(METHODS["adaptive"]).set_params(max_restarts=3, n_refinements=0)
    together = seeds(method)
    assert fit_seeds(together, circle(140), dt=0.1) == [None, None, None]
    assert joint == [3, 3, 3, 2, 2, 2]
    for one, alone in zip(together, seeds(method), strict=True):
        assert one.history_["attempt"][-1] + 1 == attempts[one.seed]
        assert_same(one, fitted(alone))


@pytest.mark.parametrize("changes", [{}, {"estimator": None, "alpha": (0.8, 0.1)}])
def test_an_attempt_that_diverges_ends_where_it_would_end_alone(changes):
    rates = (5e-3, 1e30, 1e-3)

    def attempts():
        return [
            Attempt(recipe(learning_rate=rate, **changes), windows(), np.random.default_rng(m))
            for m, rate in enumerate(rates)
        ]

    together, alone = attempts(), attempts()
    for n in (3, 20):
        going = [m for m in range(3) if together[m].population.alive[0]]
        losses = advance_together([together[m] for m in going], windows(), n)
        for m, own in zip(going, losses, strict=True):
            np.testing.assert_array_equal(own, alone[m].advance(n))
    assert [attempt.count for attempt in together] == [attempt.count for attempt in alone]
    assert alone[1].count < 23 == alone[0].count
    for one, other in zip(together, alone, strict=True):
        for name in Population.STATE:
            np.testing.assert_array_equal(getattr(one.population, name), getattr(other.population, name))


def test_a_seed_that_fails_leaves_the_others(monkeypatch):
    original = Search.judge

    def judge(self, losses, bar=None):
        if self.seed == 1 and self.trainer.count > 4:
            raise np.linalg.LinAlgError("singular")
        original(self, losses, bar)

    monkeypatch.setattr(Search, "judge", judge)
    first, second, third = seeds(METHODS["adaptive"])
    errors = fit_seeds([first, second, third], circle(140), dt=0.1)
    assert [type(error) for error in errors] == [type(None), np.linalg.LinAlgError, type(None)]
    assert not hasattr(second, "model_")
    for one, alone in zip((first, third), seeds(METHODS["adaptive"])[::2], strict=True):
        assert_same(one, fitted(alone))


def test_a_seed_without_a_finite_model_is_the_error_of_a_fit_alone(monkeypatch):
    def finished(searches, checkpoints):
        found = side_by_side.run_together(searches, checkpoints)
        return [(np.inf, None), *found[1:]]

    monkeypatch.setattr("dysyr.reconstruction.plrnn.estimator.run_together", finished)
    errors = fit_seeds(seeds(METHODS["adaptive"], 2), circle(140), dt=0.1)
    assert isinstance(errors[0], dysyr.NotConverged) and errors[1] is None
    assert "training never reached a finite model: 1 attempts" in str(errors[0])


def test_an_error_of_the_population_is_found_out_one_by_one(monkeypatch):
    original, tried = Population.advance, []

    def advance(self, n_updates):
        if len(self.recipes) > 1:
            [rng.standard_normal(3) for rng in self.rngs]
            raise np.linalg.LinAlgError("one of three")
        tried.append(self)
        if self.rngs[0].bit_generator.seed_seq.entropy[0] == 2:
            raise np.linalg.LinAlgError("the third")
        return original(self, n_updates)

    monkeypatch.setattr(Population, "advance", advance)
    made = seeds(METHODS["adaptive"])
    errors = fit_seeds(made, circle(140), dt=0.1)
    assert errors[:2] == [None, None] and str(errors[2]) == "the third"
    monkeypatch.setattr(Population, "advance", original)
    for one, alone in zip(made[:2], seeds(METHODS["adaptive"]), strict=False):
        assert_same(one, fitted(alone))


def test_interrupted_seeds_go_on(tmp_path, monkeypatch):
    folders = [tmp_path / str(seed) for seed in range(3)]
    original, calls = Search.judge, []

    def judge(self, losses, bar=None):
        calls.append(self.seed)
        if len(calls) == 8:
            raise KeyboardInterrupt
        original(self, losses, bar)

    monkeypatch.setattr(search, "SECONDS_BETWEEN_WRITES", 0.0)
    monkeypatch.setattr(Search, "judge", judge)
    with pytest.raises(KeyboardInterrupt):
        fit_seeds(seeds(METHODS["adaptive"]), circle(140), dt=0.1, checkpoints=folders)
    n = len(calls)
    together = seeds(METHODS["adaptive"])
    fit_seeds(together[:2], circle(140), dt=0.1, checkpoints=folders[:2])
    fitted(together[2], checkpoint=folders[2])
    whole = [fitted(alone) for alone in seeds(METHODS["adaptive"])]
    checks = [len(one.history_["update"]) for one in whole]
    assert len(calls) - n == sum(checks) - 6 + sum(checks)
    for one, alone in zip(together, whole, strict=True):
        assert_same(one, alone)


def test_a_damaged_checkpoint_is_the_error_of_its_seed(tmp_path):
    folders = [tmp_path / str(seed) for seed in range(2)]
    folders[0].mkdir()
    (folders[0] / "checkpoint.safetensors").write_text("no")
    errors = fit_seeds(seeds(METHODS["adaptive"], 2), circle(140), dt=0.1, checkpoints=folders)
    assert isinstance(errors[0], dysyr.FormatError) and errors[1] is None


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (dysyr.SHPLRNN(hidden_dim=6, **SHORT), "hidden_dim=6; like hidden_dim=5"),
        (dysyr.ALRNN(**SHORT), "class='ALRNN'; like class='SHPLRNN'"),
    ],
)
def test_only_the_seed_may_differ(other, message):
    with pytest.raises(dysyr.InputError, match=f"fitted together differ in their seed only: {message}"):
        fit_seeds([dysyr.SHPLRNN(hidden_dim=5, **SHORT), other], circle(140), dt=0.1)


def test_what_would_stop_every_seed_is_raised():
    with pytest.raises(dysyr.InputError, match="cannot use this hidden_dim"):
        fit_seeds(seeds(dysyr.SHPLRNN(hidden_dim=0)), circle(140), dt=0.1)
