"""What is computed of long records takes a few times their bytes at most: no copy of each window, no list of places."""

import tracemalloc

import numpy as np

from dysyr.core import criterion
from dysyr.core.dataset import make_dataset
from dysyr.core.delay_state import delay_form
from dysyr.core.embedding_dimension import suggest_dimension
from dysyr.core.linear_delays import LinearDelays
from dysyr.core.scaler import Scaler
from dysyr.core.window_generator import WindowGenerator

N, DT = 200_000, 0.1
MOST = 3
"""Times the bytes of the data."""


def record():
    t = DT * np.arange(N)
    noise = 1e-2 * np.random.default_rng(0).normal(size=(N, 3))
    return np.column_stack([np.cos(t), np.sin(0.7 * t), np.sin(1.9 * t)]) + noise


def times_the_data(x, function):
    """Most bytes that a function has taken at once, in units of those of the data."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()


class Still(WindowGenerator):
    """Windows that stay where they begin."""

    family, names, dt, window, scale = "still", ("a", "b", "c"), DT, 64, np.ones(3)

    def draw(self, n_windows, n_steps, rng):
        return np.repeat(rng.normal(size=(n_windows, 1, 3)), n_steps, axis=1)

    def draw_given(self, seen, n_draws, rng):
        return np.zeros((n_draws, *seen.shape))

    def config(self):
        return {}

    def arrays(self):
        return {}

    @classmethod
    def from_state(cls, config, arrays):
        return cls()


def test_the_measure_sees_a_copy_of_all_windows():
    x = record()[:20_000]
    view = np.lib.stride_tricks.sliding_window_view(x, 64, axis=0)
    assert 63 < times_the_data(x, view.copy) < 65


def test_states_to_start_from_are_cut_out_alone():
    x = record()
    data, scaler = make_dataset(x, dt=DT), Scaler.from_data([x])
    assert times_the_data(x, lambda: delay_form(data, [scaler.transform(x)], scaler, 64)) < MOST


def test_errors_of_forecasts_need_contexts_alone():
    x = record()
    data, scaler = make_dataset(x, dt=DT), Scaler.from_data([x])
    model = LinearDelays(weights=np.eye(3), offset=np.zeros(3), **delay_form(data, [x], scaler, 1))
    assert times_the_data(x, lambda: criterion.forecast_error(model, data)) < MOST


def test_the_criterion_of_windows_is_bounded():
    """Twenty thousand windows, whatever the length of the data: five times these here."""
    x = record()
    data = make_dataset(x, dt=DT)
    bound = criterion.MAX_SAMPLES * Still.window * 3 * 8 / x.nbytes
    assert times_the_data(x, lambda: criterion.window_criterion(Still(), data)) < 5 * bound < 0.6 * Still.window


def test_an_embedding_dimension_needs_the_delay_vectors_that_it_looks_at():
    x = record()[:, :1]
    assert times_the_data(x, lambda: suggest_dimension([x[:, 0]], 8)) < 4 * MOST
