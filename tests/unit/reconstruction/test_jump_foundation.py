"""JumpFoundation: the network of the package on chains it never saw, and where it must say no."""

import dataclasses
import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from jump_cases import DT, SWITCH, THREE, irregular_paths, paths, ratchet

import dysyr
from dysyr.core.errors import FormatError
from dysyr.reconstruction.jump_em import RateWarning
from dysyr.reconstruction.jump_em.foundation import edge_gamma, outcome
from dysyr.reconstruction.jump_em.foundation.base import base_estimate, base_in_unit
from dysyr.reconstruction.jump_em.foundation.model import JumpPosterior
from dysyr.reconstruction.jump_em.foundation.outcome import read_weights, shipped
from dysyr.reconstruction.jump_em.foundation.trained_range import log_odds_of_law, outstanding_rate, reasons_outside
from dysyr.reconstruction.jump_em.panel import Panel

OFF = ~np.eye(3, dtype=bool)


def inferred(x, dt=DT, **arguments):
    """The model of JumpFoundation from an array (path, time) of states."""
    data = dysyr.make_dataset(np.asarray(x)[..., None], dt=dt)
    return dysyr.JumpFoundation(**arguments).fit(data, progress=False).model_


@pytest.mark.parametrize("flips", [0.0, 0.05])
@pytest.mark.parametrize("q", [SWITCH, THREE, ratchet(1.0) * 0.25], ids=["two", "three", "six"])
def test_many_paths_give_the_rates(q, flips):
    x = paths(q, n_paths=300, n=40, seed=1, flips=flips)
    model = inferred(x)
    off = ~np.eye(len(q), dtype=bool)
    z = (model.rate_matrix - q)[off & (q > 0)] / model.rate_stderr[off & (q > 0)]
    assert np.abs(z).max() < 4
    assert np.sqrt((z**2).mean()) < 1.6
    assert model.label_noise == pytest.approx(flips, abs=0.01)
    assert model.source == "network"
    np.testing.assert_allclose(model.rate_matrix.sum(axis=1), 0, atol=1e-12)


def test_edges_that_are_not_there_are_seen():
    q = ratchet(1.0) * 0.25
    model = inferred(paths(q, n_paths=300, n=40, seed=2))
    off = ~np.eye(6, dtype=bool)
    assert model.edge_probability[off & (q == 0)].mean() < 0.2
    assert model.edge_probability[q > 0].mean() > 0.9
    np.testing.assert_array_equal(np.diag(model.edge_probability), 0)


def test_closer_than_ignoring_the_noise_and_than_a_constant():
    q = THREE
    data = dysyr.make_dataset(paths(q, n_paths=50, n=40, seed=3, flips=0.08)[..., None], dt=DT)
    deaf = dysyr.JumpEM().fit(data, progress=False).model_.rate_matrix
    ours = dysyr.JumpFoundation().fit(data, progress=False).model_.rate_matrix
    errors = [np.sqrt(((rates - q)[OFF] ** 2).mean()) for rates in (ours, deaf, q[OFF].mean())]
    assert errors[0] < 0.6 * errors[1]
    assert errors[0] < 0.6 * errors[2]


def test_time_shuffled_labels_are_no_such_chain():
    """A shuffle keeps how often each state is seen and nothing of the rates."""
    q = SWITCH * 0.3
    x = paths(q, n_paths=400, n=40, seed=4)
    ordered = inferred(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RateWarning)
        shuffled = inferred(np.random.default_rng(0).permuted(x, axis=1))
    assert np.abs(ordered.rate_matrix - q).max() < 0.05
    assert np.abs(shuffled.rate_matrix - q).max() > 0.15


def test_relabelling_states_relabels_the_answer():
    x = paths(THREE, n_paths=20, n=30, seed=5)
    order = np.array([2, 0, 1])
    straight, turned = inferred(x), inferred(order[x])
    turned_back = turned.rate_matrix[np.ix_(order, order)]
    np.testing.assert_allclose(turned_back, straight.rate_matrix, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(turned.initial_distribution[order], straight.initial_distribution, rtol=1e-4)


def test_another_unit_of_time_is_another_unit_of_the_rates():
    x = paths(THREE, n_paths=20, n=30, seed=6)
    seconds, milliseconds = inferred(x), inferred(x, dt=1000 * DT)
    np.testing.assert_allclose(1000 * milliseconds.rate_matrix, seconds.rate_matrix, rtol=1e-5)
    np.testing.assert_allclose(1000 * milliseconds.rate_stderr, seconds.rate_stderr, rtol=1e-5)


def test_long_records_are_rescaled():
    x = paths(THREE, n_paths=1, n=20_000, dt=0.1, seed=7)
    model = inferred(x, dt=0.1)
    assert model.source == "network"
    z = ((model.rate_matrix - THREE) / np.where(OFF, model.rate_stderr, 1))[OFF]
    assert np.abs(z).max() < 4


def panel_of(x, dt=DT):
    return Panel.from_data(dysyr.make_dataset(np.asarray(x)[..., None], dt=dt))


class TestOutstandingRates:
    """V = 2: the fastest rate is 1.85 per unit, five times the mean. Beyond the law of the training."""

    q, off, dt = ratchet(2.0), ~np.eye(6, dtype=bool), 0.025

    def panel(self, n_paths, seed):
        return panel_of(paths(self.q, n_paths=n_paths, n=100, dt=self.dt, seed=seed), self.dt)

    def answers(self, panel):
        """The first answer, and those in shorter units."""
        network, base = shipped()[0], base_estimate(panel)
        fastest = base.q[self.off].max() * base.unit
        units = base.unit / np.array([1.5, 2, 3, 4.5, 1.5 * fastest])
        return [outcome.ask(network, panel, b) for b in (base, *(base_in_unit(panel, unit) for unit in units))]

    def test_asking_again_is_closer_to_the_truth(self):
        errors = []
        for seed in range(3):
            panel = self.panel(40, seed)
            found = [outcome.infer(shipped()[0], panel, once=once) for once in (False, True)]
            errors.append([np.sqrt(((o.edge * o.mean - self.q)[self.off] ** 2).mean()) for o in found])
        assert np.mean(errors, axis=0)[0] < 0.9 * np.mean(errors, axis=0)[1]

    @pytest.mark.parametrize("seed", [1, 4])
    def test_the_fastest_rate_is_weighed_by_the_likelihood_of_paths(self, seed):
        """Clean labels: the likelihood is that of the pairs and of the first states; the noise that the base learns is
        vanishing. The first answer is taken to end at 1 per unit; its odds before are (4.5 second / fastest)^4."""
        panel = self.panel(40, seed)
        base, answers = base_estimate(panel), self.answers(panel)
        found = outcome.infer(shipped()[0], panel)
        order = np.sort(base.q[self.off])
        logs = [4 * np.log(4.5 * order[-2] / order[-1]), 0, 0, 0, 0, 0]
        for k, each in enumerate(answers):
            rates = each.edge * (np.minimum(each.mean, 1 / base.unit) if k == 0 else each.mean)
            p = scipy.linalg.expm((rates - np.diag(rates.sum(axis=1))) * panel.lags[0])
            logs[k] += (panel.counts[0] * np.log(p)).sum() + panel.first @ np.log(each.initial)
        weights = np.exp(logs - np.max(logs))
        weights /= weights.sum()
        fast = np.unravel_index(base.q.argmax(), base.q.shape)
        means = [(each.edge * each.mean)[fast] for each in answers]
        assert 0.02 < weights[0] < 0.98
        assert (found.edge * found.mean)[fast] == pytest.approx(weights @ means, rel=2e-3)
        others = self.off.copy()
        others[fast] = False
        for name in ("edge", "mean", "shape"):
            np.testing.assert_array_equal(getattr(found, name)[others], getattr(answers[0], name)[others])
        np.testing.assert_array_equal(found.initial, answers[0].initial)
        unlikely = [] if weights[0] > 0.5 else [2 * base.unit / 3 / (order[-1] * base.unit)]
        assert found.units == pytest.approx([base.unit, *unlikely])
        assert found.base.unit == base.unit

    def test_many_paths_give_the_rates(self):
        said = "stands out beyond what .* was trained on: it is asked in shorter units, too"
        with pytest.warns(RateWarning, match=said):
            model = inferred(paths(self.q, n_paths=300, n=100, dt=self.dt, seed=7), dt=self.dt)
        assert model.source == "network"
        z = ((model.rate_matrix - self.q) / np.where(self.off, model.rate_stderr, 1))[self.off]
        assert np.abs(z).max() < 4

    def test_a_grid_that_is_too_coarse_for_the_fast_rate_leads_to_the_mode(self):
        """0.7 units are a lag like others, and 1.5 or more where the fastest rate is 2/3 per unit."""
        x = paths(self.q, n_paths=300, n=15, dt=0.175, seed=7)
        said = "stands out beyond .*: its answer is not used"
        with pytest.warns(RateWarning, match=said), pytest.warns(RateWarning, match="the mean lag is"):
            model = inferred(x, dt=0.175)
        found = outcome.infer(shipped()[0], panel_of(x, 0.175))
        assert model.source == "map" and len(found.units) == 2
        assert 0.175 / found.units[0] == pytest.approx(10 / 14) and 0.175 / found.units[1] > 1.5

    def test_a_rate_within_the_law_is_left_to_the_first_answer(self):
        """It looks faster than 1, with others nearly as fast beside it: the odds are high."""
        q = np.where(self.off, 0.05, 0.0)
        q[0, 1], q[1, 0], q[2, 3] = 0.98, 0.95, 0.9
        x = paths(q - np.diag(q.sum(axis=1)), n_paths=100, n=100, dt=0.1, seed=7)
        panel = panel_of(x, 0.1)
        assert outstanding_rate(panel, base_estimate(panel)) > 1
        again, once = (outcome.infer(shipped()[0], panel, once=k) for k in (False, True))
        fastest = [(o.edge * o.mean)[self.off].max() * o.base.unit for o in (again, once)]
        assert 0 < abs(fastest[0] - fastest[1]) < 0.01 and again.units == (again.base.unit,)

    def test_the_first_answer_is_kept_when_asked_for(self):
        x = paths(self.q, n_paths=40, n=100, dt=self.dt, seed=1)
        panel = panel_of(x, self.dt)
        once = outcome.ask(shipped()[0], panel, base_estimate(panel))
        found = []
        for way, said in (("network", "its answer may be too slow"), ("map", "it is asked in shorter units, too")):
            with pytest.warns(RateWarning, match=f"stands out beyond what the network was trained on: {said}"):
                found.append(inferred(x, dt=self.dt, outside=way).rate_matrix[self.off])
        kept, default = found
        with pytest.raises(dysyr.InputError, match="outside of what the network was trained on"):
            inferred(x, dt=self.dt, outside="error")
        np.testing.assert_array_equal(kept, (once.edge * once.mean)[self.off])
        assert default.max() > 1.04 * kept.max()

    def test_what_stands_out(self):
        panel = self.panel(100, 0)
        base = base_estimate(panel)
        second, fastest = np.sort(base.q[self.off])[-2:] * base.unit
        assert outstanding_rate(panel, base) == fastest > 1
        assert log_odds_of_law(base) == pytest.approx(4 * np.log(4.5 * second / fastest))
        slow = dataclasses.replace(base, q=base.q / fastest * 0.999)
        even = dataclasses.replace(base, q=np.where(self.off, fastest, 0.0) / base.unit)
        long = dataclasses.replace(base, unit=base.unit * 0.9)
        assert [outstanding_rate(panel, each) for each in (slow, even, long)] == [0, 0, 0]

    def test_moments_of_a_mixture_are_those_of_draws(self):
        def some(edge, shape, mean):
            full = [np.array([[0.0, a], [b, 0.0]]) for a, b in (edge, shape, mean)]
            return outcome.Outcome(*full[:1], full[1] + np.eye(2), full[2], np.array([0.25, 0.75]), "base", (1.0,))

        one, other = some((0.3, 1.0), (2.0, 5.0), (1.5, 0.4)), some((0.9, 0.8), (7.0, 3.0), (0.5, 1.1))
        draws = [
            JumpPosterior(o.edge, o.shape, o.mean, o.initial, states=("a", "b"), dt=1.0).draw_rates(200_000, seed=k)
            for k, o in enumerate((one, other))
        ]
        for pair in ((0, 1), (1, 0)):
            mixed = outcome._mixed(one, (one, other), np.array([0.25, 0.75]), pair)
            values = np.concatenate([draws[0][:50_000], draws[1][:150_000]])[:, *pair]
            positive = values[values > 0]
            assert mixed.edge[pair] == pytest.approx((values > 0).mean(), abs=0.005)
            assert mixed.mean[pair] == pytest.approx(positive.mean(), rel=0.01)
            assert mixed.mean[pair] ** 2 / mixed.shape[pair] == pytest.approx(positive.var(), rel=0.02)
            assert mixed.mean[pair[::-1]] == one.mean[pair[::-1]]
        assert one.mean[0, 1] == 1.5 and one.edge[0, 1] == 0.3


def test_irregular_times():
    clocks, states = irregular_paths(THREE, n_paths=60, n=20, seed=8)
    data = dysyr.make_dataset([s[:, None] for s in states], time=clocks)
    model = dysyr.JumpFoundation().fit(data, progress=False).model_
    z = ((model.rate_matrix - THREE) / np.where(OFF, model.rate_stderr, 1))[OFF]
    assert np.abs(z).max() < 4


def test_more_paths_narrow_the_posterior():
    few, many = (inferred(paths(THREE, n_paths=n, n=30, seed=9)).rate_stderr[OFF].mean() for n in (5, 200))
    assert many < 0.35 * few


def test_more_states_than_the_network_knows():
    x = np.arange(9)[None, :].repeat(20, axis=1)
    with pytest.raises(dysyr.InputError, match=r"does not know so many states.*JumpEM"):
        inferred(x)


def test_data_outside_of_the_prior_fall_back_on_the_mode_and_say_so():
    x = np.random.default_rng(0).integers(0, 3, (40, 30))
    with pytest.warns(RateWarning, match=r"outside of what the network was trained on.*posterior mode is given"):
        model = inferred(x)
    assert model.source == "map"
    assert np.isfinite(model.rate_matrix).all()
    with pytest.raises(dysyr.InputError, match="outside of what the network was trained on"):
        inferred(x, outside="error")
    with pytest.warns(RateWarning, match="its answer may be wrong"):
        kept = inferred(x, outside="network")
    assert kept.source == "network"


def test_the_fallback_is_the_noise_aware_mode():
    x = np.random.default_rng(0).integers(0, 3, (40, 30))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RateWarning)
        model = inferred(x)
        unit = (x.shape[1] - 1) * DT / 10
        mode = dysyr.JumpEM(label_noise="learn", time_unit=_unit_of(x, unit))
        mode.fit(dysyr.make_dataset(x[..., None], dt=DT), progress=False)
    np.testing.assert_allclose(model.rate_matrix, mode.model_.rate_matrix, rtol=1e-3)


def _unit_of(x, unit):
    """The unit that JumpFoundation chose."""
    return base_estimate(Panel.from_data(dysyr.make_dataset(x[..., None], dt=DT))).unit


def test_unvisited_states_get_the_prior_and_a_warning():
    x = paths(SWITCH, n_paths=30, n=30, seed=10)
    with pytest.warns(RateWarning, match="state 2 was never seen"):
        model = inferred(x, n_states=3)
    assert np.isfinite(model.rate_matrix).all()
    assert (model.rate_stderr[2, :2] > 0.3 * model.rate_matrix[2, :2]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"n_states": 1}, "n_states"), ({"n_states": True}, "n_states"), ({"outside": "guess"}, "outside"),
     ({"max_gap": -1}, "max_gap")],
)  # fmt: skip
def test_bad_arguments(arguments, message):
    with pytest.raises(dysyr.InputError, match=f"cannot use this {message}"):
        inferred(paths(THREE, n_paths=3, n=10), **arguments)


def test_one_sample_is_refused():
    with pytest.raises(dysyr.InputError, match="too few samples"):
        inferred([[0]])
    with pytest.raises(dysyr.InputError, match="no path has two neighbouring samples"):
        inferred([[0], [1], [1]])


def test_pairs_alone_leave_no_noise_to_learn():
    """Two samples are also less than a tenth of a path: the prior knows nothing of such data."""
    with pytest.warns(RateWarning, match="mean lag is 10 units"):
        model = inferred(paths(THREE, n_paths=400, n=2, seed=11))
    assert model.label_noise == 0
    assert model.source == "map"


def test_the_page_counts_the_weights_of_the_package():
    page = Path(dysyr.__file__).parents[1] / "docs" / "methods" / "jumpfoundation.md"
    n_weights = sum(part.numel() for part in shipped()[0].parameters())
    assert f"{n_weights:,} weights" in page.read_text(encoding="utf-8")


def test_files_that_are_no_weights(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="no weights of JumpFoundation"):
        read_weights(tmp_path / "weights.safetensors")
    with pytest.raises(FormatError, match="no weights of JumpFoundation"):
        dysyr.JumpFoundation(weights=str(tmp_path / "none")).fit(np.arange(9.0)[:, None] % 2, dt=1.0)


def test_weights_of_another_prior_are_refused(tmp_path, monkeypatch):
    network, known = shipped()
    outcome.write_weights(tmp_path / "w.safetensors", network, known["training"])
    assert read_weights(tmp_path / "w.safetensors")[1]["training"] == known["training"]
    monkeypatch.setattr(outcome, "VERSION", 99)
    with pytest.raises(FormatError, match="weights of another prior"):
        read_weights(tmp_path / "w.safetensors")


class TestPosterior:
    """The law of a rate that may be zero."""

    edge, shape, mean = (
        np.array([[0.0, value], [other, 0.0]]) for value, other in ((0.3, 1.0), (2.0, 5.0), (1.5, 0.4))
    )

    def model(self):
        return JumpPosterior(self.edge, self.shape, self.mean, [0.5, 0.5], states=("a", "b"), dt=0.1)

    def test_moments_are_those_of_draws(self):
        draws = self.model().draw_rates(200_000, seed=1)
        np.testing.assert_allclose(draws.mean(axis=0), self.model().rate_matrix, atol=0.01)
        np.testing.assert_allclose(
            draws.std(axis=0)[[0, 1], [1, 0]], self.model().rate_stderr[[0, 1], [1, 0]], rtol=0.01
        )
        np.testing.assert_allclose(draws.sum(axis=2), 0, atol=1e-12)
        assert (draws[:, 0, 1] == 0).mean() == pytest.approx(0.7, abs=0.005)

    def test_quantiles_are_those_of_draws(self):
        model, draws = self.model(), self.model().draw_rates(200_000, seed=2)
        assert model.rate_quantiles(0.5)[0, 1] == 0
        for level in (0.1, 0.5, 0.9):
            expected = np.quantile(draws[:, 1, 0], level)
            assert model.rate_quantiles(level)[1, 0] == pytest.approx(expected, rel=0.01)
        assert model.rate_quantiles(0.9)[0, 1] == pytest.approx(np.quantile(draws[:, 0, 1], 0.9), rel=0.02)

    def test_interval_given_the_edge_is_that_of_the_gamma_law(self):
        low, high = self.model().rate_interval(0.9, given_edge=True)
        law = scipy.stats.gamma(2.0, scale=0.75)
        assert (low[0, 1], high[0, 1]) == pytest.approx(law.ppf([0.05, 0.95]))
        np.testing.assert_allclose(edge_gamma.gamma_interval(0.9, 2.0, 1.5), law.ppf([0.05, 0.95]))

    @pytest.mark.parametrize("level", [0, 1, -0.5, "half", [0.1, 0.9]])
    def test_levels_beyond_a_probability(self, level):
        with pytest.raises(dysyr.InputError, match="level of quantiles"):
            self.model().rate_quantiles(level)

    @pytest.mark.parametrize(("ask", "message"), [
        (lambda model: model.rate_interval("most"), "coverage of an interval: 'most'"),
        (lambda model: model.rate_interval(1), "coverage of an interval: 1"),
        (lambda model: model.draw_rates(-1), "n_draws: -1"),
        (lambda model: model.draw_rates(3, seed=0.5), "seed is not a whole number"),
    ])  # fmt: skip
    def test_what_is_no_coverage_and_no_number_of_draws(self, ask, message):
        with pytest.raises(dysyr.InputError, match=message):
            ask(self.model())

    def test_arrays_that_do_not_fit(self):
        with pytest.raises(FormatError, match="do not fit"):
            JumpPosterior(self.edge, self.shape, self.mean, [1.0], states=("a", "b"), dt=0.1)
        with pytest.raises(FormatError, match="are none"):
            JumpPosterior(2 * self.edge, self.shape, self.mean, [0.5, 0.5], states=("a", "b"), dt=0.1)


def test_likelihood_of_an_answer_has_its_noise():
    """A sum over all hidden paths of four samples."""
    x = np.array([[0, 1, 1, 0], [1, 1, 0, 0]])
    panel = panel_of(x)
    edge, mean = np.array([[0, 0.8], [1.0, 0]]), np.array([[0, 0.5], [0.3, 0]])
    base = dataclasses.replace(base_estimate(panel), noise=0.1)
    one = outcome.Outcome(edge, np.ones((2, 2)), mean, np.array([0.6, 0.4]), base, (1.0,))
    q, total = np.array([[-0.4, 0.4], [0.3, -0.3]]), 0.0
    p, seen = scipy.linalg.expm(q * DT), np.array([[0.9, 0.1], [0.1, 0.9]])
    for path in x:
        chances = [
            one.initial[h[0]] * np.prod(p[h[:-1], h[1:]]) * np.prod(seen[h, path])
            for h in map(np.array, itertools.product((0, 1), repeat=4))
        ]
        total += np.log(sum(chances))
    assert outcome._log_likelihood(panel, one) == pytest.approx(total, rel=1e-9)


def test_reasons_to_stay_outside_are_said_one_by_one():
    panel = panel_of(paths(THREE, n_paths=30, n=40))
    unit = base_estimate(panel).unit
    assert reasons_outside(panel, 0.02, [unit]) == []
    assert "30 % of the labels seem to be wrong" in reasons_outside(panel, 0.3, [unit])[0]
    assert "mean lag is 0.001 units" in reasons_outside(panel, 0.3, [DT * 1000, unit])[-1]
    assert "mean lag is 2 units" in reasons_outside(panel, 0.02, [unit, DT / 2])[-1]
