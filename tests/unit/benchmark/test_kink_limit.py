"""The piecewise-linear fit with evenly spaced kinks."""

import numpy as np
import pytest

from dysyr.api import load_system
from dysyr.benchmark.kink_limit import map_with_even_kinks, table
from dysyr.core.errors import InputError
from dysyr.simulation.simulate import simulate


def test_its_errors_are_those_of_the_model_and_shrink_with_more_kinks():
    few, few_error = map_with_even_kinks(24)
    many, many_error = map_with_even_kinks(96)
    assert (few.hidden_dim, many.hidden_dim) == (27, 99)
    assert many_error.max() < 0.5 * few_error.max() < 0.005
    other = simulate(load_system("lorenz63"), n_steps=5_000, dt=0.01, seed=7)["x"].values[0]
    z = many.scaler.transform(other)
    error = np.sqrt(((many.step(z[:-1]) - z[1:]) ** 2).mean(axis=0))
    assert error == pytest.approx(many_error, rel=0.5)


def test_kinks_come_in_fours():
    with pytest.raises(InputError, match="four diagonals: 50; a multiple of 4"):
        map_with_even_kinks(50)


def test_kinks_lower_the_largest_exponent_and_lift_the_zero():
    lines = table([48], n_steps=20_000, n_trajectories=32).splitlines()
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells[0] == "48"
    (first, first_error), (second, second_error) = (map(float, cells[k].split("±")) for k in (2, 4))
    assert first + 3 * first_error < 0.9054
    assert second - 3 * second_error > 0
    assert float(cells[5]) == pytest.approx(0.9054, abs=0.01)
    assert "0.9054" in lines[3]
