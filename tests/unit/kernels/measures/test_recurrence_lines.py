import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.kernels.measures import recurrence_lines_reference as reference
from dysyr.kernels.measures.recurrence_lines import recurrence_lines


@pytest.mark.parametrize(("n", "theiler"), [(2, 1), (7, 3), (63, 1), (64, 9), (65, 1), (200, 5)])
@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.5, 2.0, np.inf])
def test_lines_equal_the_numpy_twin_also_where_distances_equal_the_threshold(rng, n, theiler, threshold):
    for x in (np.round(rng.normal(size=(n, 2)), 1), rng.normal(size=(n, 1)).astype(np.float32)):
        for found, expected in zip(
            recurrence_lines(x, threshold, theiler=theiler),
            reference.recurrence_lines(x, threshold, theiler=theiler),
            strict=True,
        ):
            np.testing.assert_array_equal(found, expected)


def test_lines_of_a_constant_series_have_every_length_once():
    diagonals, verticals = recurrence_lines(np.zeros((5, 1)), 0.0)
    assert diagonals.tolist() == [0, 1, 1, 1, 1, 0]
    assert verticals.tolist() == [0, 2, 2, 2, 2, 0]


def test_a_plot_in_parts_is_the_plot(rng, monkeypatch):
    x = rng.normal(size=(150, 2))
    whole = recurrence_lines(x, 0.7)
    monkeypatch.setattr("dysyr.kernels.measures.recurrence_lines.PAIRS_PER_CALL", 1)
    np.testing.assert_array_equal(np.stack(recurrence_lines(x, 0.7)), np.stack(whole))


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="not negative: -0.5"):
        recurrence_lines(np.zeros((5, 1)), -0.5)
    for theiler in (0, 1.5):
        with pytest.raises(InputError, match=f"theiler={theiler}; a whole number of samples, at least 1"):
            recurrence_lines(np.zeros((5, 1)), 0.5, theiler=theiler)
    with pytest.raises(InputError, match="wrong type: int64"):
        recurrence_lines(np.zeros((5, 1), dtype=int), 0.5)
