"""D_stsp and D_H against values worked out by hand."""

import math

import numpy as np
import pytest

from dysyr.core.attractor_distance import SmoothingWarning, spectrum_distance, state_space_divergence
from dysyr.core.errors import InputError

TRUTH = np.array([0.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    "generated, expected",
    [
        ([0.0, 1.0, 5.0, np.nan], 0.8239202685),
        ([9.0, -9.0, np.inf, np.nan], 12.3368252184),
        ([0.0, 0.0, 1.0, 1.0], 0.1308103357),
        ([0.0, 0.0, 0.0, 1.0], 0.0),
    ],
)
def test_divergence_of_four_points_worked_by_hand(generated, expected):
    result = state_space_divergence(TRUTH, generated, n_bins=2)
    assert result.value == pytest.approx(expected, abs=1e-9)
    assert result.ceiling == pytest.approx(12.3368252184, abs=1e-9)


def test_divergence_counts_what_is_lost():
    result = state_space_divergence(TRUTH, [0.0, 1.0, 5.0, np.nan], n_bins=2)
    assert (result.out_of_range, result.nonfinite) == (0.5, 0.25)
    assert (result.cells_truth, result.cells_generated) == (2, 2)


def test_divergence_equals_its_dense_definition():
    rng = np.random.default_rng(3)
    truth, generated = rng.normal(size=(500, 2)), rng.normal(size=(500, 2)) * 1.4
    k, a = 7, 1e-5
    sd = truth.std(axis=0, ddof=1)
    edges = [
        np.linspace(x.min() - 0.1 * s, x.max() + 0.1 * s, k + 1) for x, s in zip(truth.T, sd, strict=True)
    ]
    u = np.append(np.histogramdd(truth, edges)[0].ravel(), 0)
    v = np.histogramdd(generated, edges)[0].ravel()
    v = np.append(v, 500 - v.sum())
    p, q = ((w + a) / (500 + a * len(w)) for w in (u, v))
    expected = (p * np.log(p / q)).sum()
    assert state_space_divergence(truth, generated, n_bins=k).value == pytest.approx(expected, rel=1e-12)


def test_divergence_of_unequal_lengths_equals_its_dense_definition():
    rng = np.random.default_rng(4)
    truth, generated = rng.uniform(size=(400, 1)), rng.uniform(size=(150, 1))
    k, a = 10, 0.5
    with pytest.raises(InputError, match="truth 400, generated 150"):
        state_space_divergence(truth, generated, n_bins=k)
    sd = truth.std(ddof=1)
    edges = np.linspace(truth.min() - 0.1 * sd, truth.max() + 0.1 * sd, k + 1)
    u, v = np.append(np.histogram(truth, edges)[0], 0), np.append(np.histogram(generated, edges)[0], 0)
    v[-1] = 150 - v.sum()
    p, q = (u + a) / (400 + a * (k + 1)), (v + a) / (150 + a * (k + 1))
    with pytest.warns(SmoothingWarning):
        result = state_space_divergence(truth, generated, n_bins=k, smoothing=a, equal_length=False)
    assert result.value == pytest.approx((p * np.log(p / q)).sum(), rel=1e-12)


def test_divergence_does_not_depend_on_units_or_order():
    rng = np.random.default_rng(5)
    truth, generated = rng.normal(size=(2000, 3)), rng.normal(size=(2000, 3)) + 0.3
    value = state_space_divergence(truth, generated, n_bins=8).value
    scaled = state_space_divergence(truth * 1024 - 512, generated * 1024 - 512, n_bins=8).value
    assert scaled == pytest.approx(value, rel=1e-9)
    assert state_space_divergence(truth, rng.permutation(generated), n_bins=8).value == value


def test_cells_stay_apart_when_their_number_exceeds_64_bits():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(200, 20))
    with pytest.warns(SmoothingWarning, match="mixture"):
        result = state_space_divergence(x, x[::-1])
    assert result.cells_truth == 200
    assert result.value == pytest.approx(0.0, abs=1e-12)


def test_counts_above_16_bits_do_not_wrap():
    truth = np.r_[np.zeros(100_000), 1.0]
    assert state_space_divergence(truth, truth, n_bins=2).value == 0.0


@pytest.mark.parametrize(
    "truth, message",
    [
        (np.zeros((10, 2)), "constant in a variable"),
        (np.array([[0.0, np.nan], [1.0, 1.0]]), "not finite"),
        (np.zeros((10, 3)), "shapes"),
    ],
)
def test_divergence_refuses_a_truth_it_cannot_use(truth, message):
    with pytest.raises(InputError, match=message):
        state_space_divergence(truth, np.ones((len(truth), 2)))


def sine(periods, n=400):
    return np.sin(2 * np.pi * periods * np.arange(n) / n)


@pytest.mark.parametrize(
    "generated, expected",
    [
        (3.0 * sine(7) + 2.0, 0.0),
        (sine(11), 1.0),
        (sine(7) + sine(11), math.sqrt(1 - 1 / math.sqrt(2))),
        (np.zeros(400), 1.0),
        (np.where(np.arange(400) == 3, np.nan, sine(7)), 1.0),
    ],
)
def test_spectrum_distance_of_sines(generated, expected):
    result = spectrum_distance(sine(7), generated, dt=0.1, sigma_bins=0)
    assert result.value == pytest.approx(expected, abs=1e-7)
    assert result.flagged == ((0,) if not np.ptp(generated) > 0 else ())


def test_spectrum_distance_states_its_bandwidth_in_hz_and_in_bins():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(1000, 2)), rng.normal(size=(1000, 2))
    by_bins = spectrum_distance(x, y, dt=0.01, sigma_bins=20)
    by_hz = spectrum_distance(x, y, dt=0.01, sigma_hz=2.0)
    assert by_bins.sigma_hz == pytest.approx(2.0)
    assert by_hz.sigma_bins == pytest.approx(20.0)
    assert by_hz.value == by_bins.value == pytest.approx(by_bins.per_variable.mean())


def test_smoothing_makes_spectra_of_the_same_process_alike():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(4096, 1)), rng.normal(size=(4096, 1))
    rough = spectrum_distance(x, y, dt=1.0, sigma_bins=0).value
    smooth = spectrum_distance(x, y, dt=1.0, sigma_bins=20).value
    assert smooth < 0.2 * rough


def test_constant_variables_agree_only_with_constant_ones():
    truth = np.column_stack([sine(7), np.ones(400)])
    assert spectrum_distance(truth, truth, dt=1.0).value == 0.0
    both_vary = np.column_stack([sine(7), sine(3)])
    assert spectrum_distance(truth, both_vary, dt=1.0).per_variable.tolist() == [0.0, 1.0]


def test_spectrum_distance_refuses_unequal_lengths():
    with pytest.raises(InputError, match="truth 400, generated 399"):
        spectrum_distance(sine(7), sine(7)[:-1], dt=1.0)
