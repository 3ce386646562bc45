"""Floors, ceilings and controls of the distances on Lorenz-63, against values measured independently.

dt = 0.01, common scaling, noise-free, 30 bins. The expected values come from another simulation and another
implementation, with their standard deviation over 30 ordered pairs where they have one.
"""

import numpy as np
import pytest

from dysyr.api import evaluate
from dysyr.core.attractor_distance import spectrum_distance, state_space_divergence
from dysyr.core.catalogue import catalogue_system
from dysyr.core.dataset import make_dataset, trajectories
from dysyr.core.mixture_distance import mixture_divergence
from dysyr.core.surrogates import phase_surrogate
from dysyr.evaluation.controls import negative_controls
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.simulation.simulate import simulate

pytestmark = pytest.mark.slow

DT = 0.01
PAIRS = [(i, j) for i in range(6) for j in range(6) if i != j]


def six_truths(seed):
    """(6, 100000, 3) standardised by one mean and standard deviation."""
    data = simulate(catalogue_system("lorenz63"), n_steps=100_000, dt=DT, n_trajectories=6, seed=seed)
    x = np.stack(trajectories(data))
    return (x - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))


@pytest.fixture(scope="module")
def truths():
    """Six trajectories, see ``six_truths``."""
    return six_truths(0)


@pytest.fixture(scope="module")
def groups(truths):
    """Three times six trajectories, where the mean over six depends much on which they are."""
    return [truths, six_truths(1), six_truths(2)]


@pytest.fixture
def noise():
    return np.random.default_rng(4)


def d_stsp(truth, other):
    return state_space_divergence(truth, other).value


def d_h(truth, other, sigma_bins=20):
    return spectrum_distance(truth, other, dt=DT, sigma_bins=sigma_bins).value


@pytest.mark.parametrize(
    "n, mean, sd", [(100_000, 0.056, 0.023), (10_000, 0.75, 0.45)], ids=["100k", "10k"]
)
def test_floor_of_d_stsp(truths, n, mean, sd):
    values = [d_stsp(truths[i, :n], truths[j, :n]) for i, j in PAIRS]
    assert np.mean(values) == pytest.approx(mean, abs=sd)
    assert np.std(values) < 2 * sd


@pytest.mark.filterwarnings("ignore:smoothing holds")
def test_a_thousand_points_are_useless_at_30_bins(truths):
    starts = range(0, 100_000, 10_000)
    values = [d_stsp(truths[i, at : at + 1000], truths[j, at : at + 1000]) for at in starts for i, j in PAIRS]
    assert np.mean(values) == pytest.approx(8.9, abs=2.7)
    assert np.mean(values) > 0.5 * state_space_divergence(truths[0, :1000], truths[1, :1000]).ceiling


@pytest.mark.parametrize(
    "n, ceiling, cells", [(100_000, 16.33, 1536), (10_000, 14.03, 1228)], ids=["100k", "10k"]
)
def test_ceiling_and_occupied_cells(truths, n, ceiling, cells):
    result = state_space_divergence(truths[0, :n], truths[1, :n])
    assert result.ceiling == pytest.approx(ceiling, abs=0.15)
    assert result.cells_truth == pytest.approx(cells, rel=0.08)
    far = np.full((n, 3), 1e3)
    assert d_stsp(truths[0, :n], far) == result.ceiling
    collapsed = np.broadcast_to(truths[0, :n].mean(axis=0), (n, 3))
    assert d_stsp(truths[0, :n], collapsed) == pytest.approx(ceiling, abs=0.2)


@pytest.mark.parametrize(
    "n, sigma_bins, expected, tolerance",
    [
        (100_000, 0, 0.460, 0.02), (100_000, 1, 0.248, 0.02), (100_000, 20, 0.056, 0.012),
        (10_000, 0, 0.449, 0.04), (10_000, 1, 0.258, 0.04), (10_000, 20, 0.042, 0.02),
    ],
)  # fmt: skip
def test_floor_of_d_h(truths, n, sigma_bins, expected, tolerance):
    values = [d_h(truths[i, :n], truths[j, :n], sigma_bins) for i, j in PAIRS]
    assert np.mean(values) == pytest.approx(expected, abs=tolerance)


def test_white_noise(truths, noise):
    white = noise.normal(size=(100_000, 3)) * truths[0].std(axis=0) + truths[0].mean(axis=0)
    result = state_space_divergence(truths[0], white)
    assert result.value == pytest.approx(3.48, abs=0.25)
    assert result.out_of_range == pytest.approx(0.023, abs=0.008)
    assert d_h(truths[0], white) == pytest.approx(0.878, abs=0.01)


def test_a_short_loop_and_an_early_divergence(truths):
    loops = [np.resize(truths[0, at : at + 75], truths[0].shape) for at in range(0, 100_000, 5_000)]
    assert np.mean([d_stsp(truths[0], loop) for loop in loops]) == pytest.approx(14.97, abs=0.6)
    lost = np.array(truths[1])
    lost[10_000:] = np.nan
    assert d_stsp(truths[0], lost) == pytest.approx(2.88, abs=0.4)
    assert d_stsp(truths[0], lost) > 3 * state_space_divergence(
        truths[0], truths[1, :10_000], equal_length=False
    ).value


def test_scaling_must_be_shared(groups):
    own = [[(x - x.mean(axis=0)) / x.std(axis=0) for x in truths] for truths in groups]
    shared = np.mean([d_stsp(truths[i], truths[j]) for truths in groups for i, j in PAIRS])
    separate = np.mean([d_stsp(truths[i], truths[j]) for truths in own for i, j in PAIRS])
    assert separate == pytest.approx(0.27, abs=0.12)
    assert separate > 2 * shared


def test_what_each_distance_is_blind_to(truths, noise):
    shuffled, surrogate = noise.permutation(truths[0]), phase_surrogate(truths[0], noise)
    assert d_stsp(truths[0], shuffled) == 0.0
    assert d_h(truths[0], shuffled) == pytest.approx(0.877, abs=0.01)
    assert d_stsp(truths[0], surrogate) == pytest.approx(2.56, abs=0.3)
    assert d_h(truths[0], surrogate) < 1e-6


def test_replaying_noisy_training_data(truths, noise):
    noisy = truths[1] + 0.05 * noise.normal(size=truths[1].shape)
    assert d_stsp(truths[0], noisy) == pytest.approx(0.12, abs=0.05)


@pytest.mark.parametrize(
    "variance, floor, collapse, white",
    [(1.0, (0.001, 0.012), 0.56, 0.13), (0.3, (0.001, 0.03), 3.2, 0.46), (0.1, (0.005, 0.08), 12.3, 0.92)],
)
def test_mixtures(groups, noise, variance, floor, collapse, white):
    pairs, truths = [(0, 1), (2, 3), (4, 5), (1, 4)], groups[0]
    floors = [mixture_divergence(six[i], six[j], variance=variance).value for six in groups for i, j in pairs]
    assert floor[0] < np.mean(floors) < floor[1]
    gaussian = noise.normal(size=(10_000, 3))
    results = [mixture_divergence(truths[i], gaussian, variance=variance) for i in range(4)]
    assert np.mean([r.collapse for r in results]) == pytest.approx(collapse, rel=0.25)
    assert np.mean([r.value for r in results]) == pytest.approx(white, rel=0.3)


@pytest.fixture(scope="module")
def data():
    return simulate(catalogue_system("lorenz63"), n_steps=100_000, dt=DT)


JUDGED = ("d_stsp", "d_h", "divergence_rate")


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
def test_verdict_on_each_negative_control(data, name, expected):
    truth = trajectories(data)[0]
    runs = make_dataset([negative_controls(truth, seed=seed)[name] for seed in range(10)], dt=DT)
    assert evaluate(runs, data, measures=JUDGED).verdict.verdict == expected


@pytest.mark.parametrize(
    "rho, expected", [(28.0, "indistinguishable at this length"), (29.0, "plausible attractor")]
)
def test_verdict_on_a_parameter_three_percent_off(data, rho, expected):
    system = catalogue_system("lorenz63").with_parameters(rho=rho)
    runs = simulate(system, n_steps=100_000, dt=DT, n_trajectories=10, seed=77)
    card = evaluate(runs, data, measures=JUDGED)
    assert card.verdict.verdict == expected
    if rho == 29.0:
        assert card.measures["d_stsp"].value == pytest.approx(0.33, abs=0.05)
        failed = [line.text for line in card.verdict.lines if line.passed is False]
        assert len(failed) == 2 and all("above the 95 % range" in text for text in failed)


def test_settings_reach_the_measures(data):
    settings = EvaluationSettings(n_truth_pairs=3, sigma_hz=0.1)
    runs = simulate(catalogue_system("lorenz63"), n_steps=20_000, dt=DT, n_trajectories=2, seed=5)
    card = evaluate(runs, data, measures=("d_h",), settings=settings)
    assert card.measures["d_h"].settings["sigma_bins"] == pytest.approx(0.1 * 20_000 * DT)
    assert card.measures["d_h"].settings["floor_pairs"] == 3
    assert card.verdict.verdict == "undecidable at this length"
    assert any("phase surrogate" in line.text for line in card.verdict.lines if line.passed is None)
