"""Each negative control, each kind of failure and the truth itself get the verdict they deserve."""

import numpy as np
import pytest

from dysyr.core.measure import Measure
from dysyr.evaluation import MEASURES, select_measures
from dysyr.evaluation.controls import negative_controls
from dysyr.evaluation.verdict import decide

JUDGED = ("d_stsp", "d_stsp_mixture", "d_h", "lyapunov_spectrum", "divergence_rate")
EXPONENTS = Measure(
    name="lyapunov_spectrum", kind="invariant", value=[0.41922, -1.62319], stderr=[0.0002, 0.0002]
)


def verdict_of(context):
    measures = {measure.name: measure.compute(context) for measure in select_measures(JUDGED)}
    return decide(context, {name: measure for name, measure in measures.items() if measure is not None})


@pytest.fixture(scope="module")
def judge(henon_truths, make_context):
    def judge_runs(runs, **fields):
        fields = {"references": henon_truths[11:31], "truth_exponents": EXPONENTS, **fields}
        fields.setdefault("reference_kind", "simulated")
        return verdict_of(make_context(henon_truths[0], runs, **fields))

    return judge_runs


def failing(verdict):
    return " | ".join(line.text for line in verdict.lines if line.passed is False)


def test_independent_truth_is_indistinguishable(judge, henon_truths):
    verdict = judge(henon_truths[1:11])
    assert verdict.verdict == "indistinguishable at this length"
    assert all(line.passed for line in verdict.lines)


def test_a_slightly_wrong_parameter_is_plausible_but_not_indistinguishable(judge, orbits_of_henon):
    verdict = judge(orbits_of_henon(5000, 10, seed=3, a=1.396))
    assert verdict.verdict == "plausible attractor"
    assert "above the 95 % range" in failing(verdict)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("time_shuffled", "wrong attractor"),
        ("phase_surrogate", "wrong attractor"),
        ("autoregression", "wrong attractor"),
        ("white_noise", "wrong attractor"),
        ("short_loop", "cycle"),
    ],
)
def test_negative_controls_fail(judge, henon_truths, name, expected):
    runs = [negative_controls(henon_truths[0], seed=seed)[name] for seed in range(10)]
    assert judge(runs).verdict == expected


def test_a_copy_of_the_truth_is_not_indistinguishable_from_it(judge, henon_truths):
    verdict = judge(np.repeat(henon_truths[:1], 10, axis=0))
    assert verdict.verdict == "plausible attractor"
    assert "closer than independent truth can be" in failing(verdict)


def test_one_diverged_run_is_enough(judge, henon_truths):
    runs = np.array(henon_truths[1:11])
    runs[4, 3000:] = np.nan
    verdict = judge(runs)
    assert verdict.verdict == "diverged"
    assert failing(verdict) == "1 of 10 free runs diverged"


@pytest.mark.parametrize(
    "n_resting, expected", [(10, "fixed point"), (6, "fixed point"), (5, "wrong attractor")]
)
def test_runs_that_come_to_rest(judge, henon_truths, n_resting, expected):
    runs = np.array(henon_truths[1:11])
    runs[:n_resting] = [0.63, 0.19]
    verdict = judge(runs)
    assert verdict.verdict == expected
    assert f"{n_resting} of 10 free runs came to rest" in failing(verdict)


def test_few_runs_do_not_suffice(judge, henon_truths):
    assert judge(henon_truths[1:8]).verdict == "too few runs"


def test_a_short_truth_decides_nothing(henon_truths, make_context):
    noise = np.random.default_rng(0).normal(size=(12, 60, 3))
    context = make_context(noise[0], noise[1:11])
    verdict = verdict_of(context)
    assert verdict.verdict == "undecidable at this length"
    assert any("cannot decide" in line.text and line.passed is None for line in verdict.lines)


def test_where_linear_noise_passes_too_nothing_is_decided(make_context):
    # A noisy oscillation of 300 samples: its linear autoregression has the same states and spectrum.
    rng = np.random.default_rng(2)
    x = np.zeros((11, 300, 1))
    for t in range(2, 300):
        x[:, t] = 1.6 * x[:, t - 1] - 0.8 * x[:, t - 2] + rng.normal(size=(11, 1))
    verdict = verdict_of(make_context(x[0], x[1:]))
    assert verdict.verdict == "undecidable at this length"
    assert "cannot decide" in verdict.lines[-1].text and "autoregression" in verdict.lines[-1].text


def test_two_halves_do_not_prove_a_model_indistinguishable(henon_truths, make_context):
    context = make_context(henon_truths[0], henon_truths[1:11], truth_exponents=EXPONENTS)
    verdict = verdict_of(context)
    assert verdict.verdict == "plausible attractor"
    assert any("20 are needed" in line.text and line.passed is None for line in verdict.lines)


def test_a_model_with_the_wrong_sign_is_wrong_whatever_its_scores(judge, henon_truths, henon_model, quick):
    class Contracting(henon_model):
        def jacobian(self, z, u=None):
            return 0.1 * super().jacobian(z)

    good = judge(henon_truths[1:11], model=henon_model(), dt=0.5, settings=quick)
    assert good.verdict == "indistinguishable at this length"
    bad = judge(henon_truths[1:11], model=Contracting(), dt=0.5, settings=quick)
    assert bad.verdict == "wrong attractor"
    assert "signs of the leading exponents (+, -)" in failing(bad)


def cycles(n_orbits, radius=1.0, n=2000):
    phase = np.linspace(0, 5, n_orbits)[:, None] + 0.0712 * np.arange(n)
    return radius * np.stack([np.cos(phase), np.sin(phase)], axis=-1)


@pytest.mark.parametrize(
    "radius, expected", [(1.0, "indistinguishable at this length"), (1.3, "wrong attractor")]
)
def test_a_truth_that_is_a_cycle_asks_for_the_same_cycle(make_context, radius, expected):
    exponents = Measure(name="lyapunov_spectrum", kind="invariant", value=[0.0, -0.5])
    noise = 0.02 * np.random.default_rng(1).normal(size=(31, 2000, 2))
    truths = cycles(31) + noise
    runs = cycles(10, radius) if radius != 1.0 else truths[21:]
    context = make_context(truths[0], runs, references=truths[1:21], truth_exponents=exponents)
    assert verdict_of(context).verdict == expected


def test_noise_may_hide_that_the_truth_is_a_cycle(make_context):
    """Of data alone: clean cycles are seen, noisy ones are not told from what cycles; another radius is no excuse."""
    clean, noise = cycles(1)[0], 0.02 * np.random.default_rng(1).normal(size=(2000, 2))
    seen = verdict_of(make_context(clean, cycles(10)))
    assert any("the truth is a cycle; 10 of 10" in line.text for line in seen.lines)
    hidden = verdict_of(make_context(clean + noise, cycles(10)))
    assert hidden.verdict == "undecidable at this length"
    assert "the free runs end in a cycle, and behind its noise of 0.02" in hidden.lines[-1].text
    assert verdict_of(make_context(clean + noise, cycles(10, radius=1.3))).verdict == "cycle"


def test_a_loop_of_chaotic_data_is_a_cycle(make_context, henon_truths):
    loop = [negative_controls(henon_truths[0], seed=seed)["short_loop"] for seed in range(10)]
    noisy = henon_truths[0] + 0.01 * np.random.default_rng(0).normal(size=henon_truths[0].shape)
    assert verdict_of(make_context(noisy, loop)).verdict == "cycle"


@pytest.mark.parametrize("place, expected", [(0.7, "plausible attractor"), (0.6, "wrong attractor")])
def test_a_truth_that_rests_asks_for_the_same_place(make_context, place, expected):
    context = make_context(np.full((200, 2), 0.7), np.full((10, 200, 2), place))
    assert verdict_of(context).verdict == expected


def test_the_place_of_rest_is_judged_for_each_variable_in_its_own_unit(make_context):
    truth = np.tile([1.0, 0.5], (500, 1))
    for unit in (1.0, 1e5):
        for place, expected in (([1.0, 0.502], "plausible attractor"), ([1.0, 0.6], "wrong attractor")):
            runs = np.tile(np.array(place) * [unit, 1.0], (10, 500, 1))
            assert decide(make_context(truth * [unit, 1.0], runs), {}).verdict == expected
    decay = np.exp(-np.arange(500.0) / 10)[:, None]
    assert decide(make_context(decay, np.full((10, 500, 1), 1e-9)), {}).verdict == "plausible attractor"


def test_a_resting_truth_and_a_moving_model_differ(make_context, henon_truths):
    context = make_context(np.full((200, 2), 0.7), henon_truths[:10, :200])
    assert verdict_of(context).verdict == "wrong attractor"


def test_what_is_lacking_to_judge_by_is_said(make_context, henon_truths):
    still = np.column_stack([henon_truths[0, :500], np.ones(500)])
    runs = np.stack([np.column_stack([run[:500], np.ones(500)]) for run in henon_truths[1:11]])
    for context, why in ((make_context(henon_truths[0], henon_truths[1:11]), "not computed"),
                         (make_context(still, runs), "a variable of the truth is constant")):
        verdict = decide(context, {})
        assert verdict.verdict == "undecidable at this length"
        assert verdict.lines[-1].text == f"no D_stsp and no D_H to judge by: {why}"


def test_measures_have_different_names():
    names = [measure.name for measure in MEASURES]
    assert len(set(names)) == len(names)
