import json

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dysyr.core.dataset import as_dataset, make_dataset, times, trajectories
from dysyr.core.delay_time import (
    autocorrelation,
    average_mutual_information,
    decorrelation_time,
    mutual_information,
    suggest_delay,
)
from dysyr.core.embedding import delay_vectors, embed
from dysyr.core.embedding_dimension import neighbour_statistics, suggest_dimension
from dysyr.core.errors import InputError
from dysyr.core.neighbours import nearest_neighbours, positions_of


@pytest.fixture(scope="module")
def lorenz_x():
    """20,000 samples of x of the Lorenz system, dt 0.01."""

    def field(t, v):
        x, y, z = v
        return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]

    t = 20 + 0.01 * np.arange(20_000)
    return solve_ivp(field, (0, t[-1]), (1.0, 1.0, 20.0), "DOP853", t_eval=t, rtol=1e-8, atol=1e-8).y[0]


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, -0.9])
def test_mutual_information_of_a_gaussian_pair(rng, correlation):
    a, b = rng.normal(size=(2, 50_000))
    b = correlation * a + np.sqrt(1 - correlation**2) * b
    exact = -0.5 * np.log(1 - correlation**2)
    assert mutual_information(a, b) == pytest.approx(exact, abs=0.03)
    assert mutual_information(a, b) == pytest.approx(mutual_information(b, a), abs=1e-12)


def test_mutual_information_ignores_monotone_maps(rng):
    a, b = rng.normal(size=(2, 5000))
    b = a + 0.3 * b
    assert mutual_information(np.exp(a), b**3) == pytest.approx(mutual_information(a, b), abs=1e-12)


def test_correction_removes_the_bias_of_independent_variables(rng):
    values = [mutual_information(*rng.normal(size=(2, 400))) for _ in range(200)]
    assert np.mean(values) == pytest.approx(0.0, abs=4 * np.std(values) / np.sqrt(200) + 0.005)


def test_autocorrelation_of_an_autoregression(rng):
    x = np.zeros(200_000)
    kicks = rng.normal(size=len(x))
    for t in range(1, len(x)):
        x[t] = 0.9 * x[t - 1] + kicks[t]
    np.testing.assert_allclose(autocorrelation([x], 20), 0.9 ** np.arange(21), atol=0.03)
    assert decorrelation_time([x]) == 10
    gappy = np.where(rng.random(len(x)) < 0.3, np.nan, x)
    np.testing.assert_allclose(autocorrelation([gappy], 20), 0.9 ** np.arange(21), atol=0.03)


def test_pairs_do_not_cross_the_ends_of_trajectories():
    pieces = [np.tile([0.0, 0.0, 1.0, 1.0], 20) + 10 * (i % 2) for i in range(2)]
    joined = autocorrelation([np.concatenate(pieces)], 4)
    apart = autocorrelation(pieces, 4)
    assert apart[4] == pytest.approx(1.0, abs=1e-9)
    assert joined[4] < 0.99
    assert np.isnan(average_mutual_information([np.arange(20.0)], 10)[5:]).all()


def test_constant_variable_has_no_autocorrelation():
    with pytest.raises(InputError, match="a constant variable has no autocorrelation: 2 throughout"):
        autocorrelation([np.full(10, 2.0)], 3)


def test_delay_of_lorenz_is_the_published_one(lorenz_x):
    delay, rule = suggest_delay([lorenz_x])
    assert rule == "mutual_information"
    assert 15 <= delay <= 19, "0.16 to 0.17 time units in the literature"


def test_delay_of_maps_noise_and_oscillations(rng):
    henon = [0.1, 0.1]
    for _ in range(3000):
        henon.append(1 - 1.4 * henon[-1] ** 2 + 0.3 * henon[-2])
    assert suggest_delay([np.array(henon)])[0] == 1
    assert suggest_delay([rng.normal(size=3000)])[0] == 1
    period = 60
    delay, _ = suggest_delay([np.sin(2 * np.pi * np.arange(3000) / period)])
    assert period / 8 <= delay <= 3 * period / 8


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_dimension_of_lorenz_is_three(lorenz_x, rng, noise):
    x = lorenz_x + noise * lorenz_x.std() * rng.normal(size=len(lorenz_x))
    assert suggest_dimension([x], 17).dim == 3


def test_dimension_of_a_sine_and_a_torus_and_a_map():
    t = np.arange(8000)
    assert suggest_dimension([np.sin(0.1 * t)], 12).dim == 2
    assert suggest_dimension([np.sin(0.1 * t) + np.sin(0.1 * np.sqrt(2) * t)], 10).dim in (3, 4)
    henon = [0.1, 0.1]
    for _ in range(3000):
        henon.append(1 - 1.4 * henon[-1] ** 2 + 0.3 * henon[-2])
    assert suggest_dimension([np.array(henon)], 1).dim == 2


def test_noise_has_no_dimension_and_cao_sees_it(rng):
    noise = rng.normal(size=4000)
    chosen = suggest_dimension([noise], 1, max_dim=7)
    assert chosen.rule == "none"
    np.testing.assert_allclose(chosen.e2, 1.0, atol=0.1)
    _, _, e2 = neighbour_statistics([np.sin(0.1 * np.arange(4000))], 12, max_dim=4)
    assert np.abs(e2 - 1).max() > 0.5


@pytest.mark.parametrize("p", [2, np.inf])
@pytest.mark.parametrize("theiler", [0, 7])
def test_neighbours_are_those_of_brute_force(rng, p, theiler):
    points = np.cumsum(rng.normal(size=(150, 2)), axis=0)
    positions = positions_of([90, 60], theiler)
    distances, indices = nearest_neighbours(
        points, positions, np.arange(150), theiler=theiler, n_neighbours=3, p=p
    )
    table = np.linalg.norm(points[:, None] - points, ord=p, axis=2)
    table[np.abs(positions[:, None] - positions) <= theiler] = np.inf
    np.testing.assert_allclose(distances, np.sort(table, axis=1)[:, :3])
    np.testing.assert_allclose(np.take_along_axis(table, indices, axis=1), distances)


def test_segments_are_neighbours_whatever_the_theiler_window():
    positions = positions_of([5, 5], 3)
    assert positions[5] - positions[4] > 3


def test_missing_neighbours_are_marked():
    distances, indices = nearest_neighbours(np.zeros((3, 1)), np.arange(3), np.arange(3), theiler=5)
    assert np.isinf(distances).all() and (indices == -1).all()


def test_delay_vectors_hold_the_delayed_values():
    np.testing.assert_array_equal(delay_vectors(np.arange(6), 3, 2), [[0, 2, 4], [1, 3, 5]])
    with pytest.raises(
        InputError, match=r"too short to be embedded: 4 samples; more than \(dim - 1\) \* delay = 4"
    ):
        delay_vectors(np.arange(4), 3, 2)


def test_embedding_keeps_the_series_as_its_last_coordinate(rng):
    x = [rng.normal(size=n) for n in (50, 30)]
    ds = make_dataset(x, dt=0.1, names="v", u=[np.ones((n, 1)) for n in (50, 30)])
    embedded = embed(ds, dim=3, delay=4)
    assert list(embedded["state"].values) == ["v(t-8)", "v(t-4)", "v"]
    for whole, part, t in zip(x, trajectories(embedded), times(embedded), strict=True):
        np.testing.assert_array_equal(part[:, -1], whole[8:])
        np.testing.assert_array_equal(part[:, 0], whole[:-8])
        np.testing.assert_allclose(t[0], 0.8)
    assert json.loads(embedded.attrs["embedding"]) == {"variable": "v", "dim": 3, "delay": 4}
    assert embedded.attrs["dt"] == 0.1 and embedded["u"].shape == (2, 42, 1)


def test_missing_values_go_missing_in_every_vector_that_needs_them():
    x = np.arange(20.0)
    x[10] = np.nan
    embedded = embed(as_dataset(x, dt=1, mask=True), dim=2, delay=3)
    assert np.argwhere(np.isnan(trajectories(embedded)[0])).tolist() == [[7, 1], [10, 0]]


def test_automatic_embedding_records_its_choice(lorenz_x):
    embedded = embed(lorenz_x, dt=0.01)
    record = json.loads(embedded.attrs["embedding"])
    assert record["dim"] == embedded.sizes["state"] == 3
    assert record["delay_rule"] == "mutual_information" and record["dim_rule"] == "false_neighbours"


def test_embedding_wants_one_variable_and_a_grid(rng):
    with pytest.raises(InputError, match="takes one variable: a, b: choose one, variable='a'"):
        embed(make_dataset(np.ones((9, 2)), dt=1, names=["a", "b"]), dim=2, delay=1)
    with pytest.raises(InputError, match="no such variable: c; one of a, b"):
        embed(make_dataset(np.ones((9, 2)), dt=1, names=["a", "b"]), dim=2, delay=1, variable="c")
    with pytest.raises(InputError, match="delay embedding needs a regular grid"):
        embed(as_dataset(np.arange(30.0), time=np.sort(rng.uniform(0, 9, 30))))
