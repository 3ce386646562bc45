"""Maximum mean discrepancy: hand-computed values, estimators, gradients."""

import math

import numpy as np
import pytest
import torch

import dysyr
from dysyr.reconstruction.phyxmamba.discrepancy import median_bandwidth, rational_quadratic, squared_mmd


def points(*rows):
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(("squared_distance", "value"), [(0, 4.0), (1, 1.3142281387), (4, 0.5341359902)])
def test_kernel_at_known_distances(squared_distance, value):
    kernel = rational_quadratic(points([0.0, 0.0]), points([math.sqrt(squared_distance), 0.0]))
    assert kernel.item() == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "value"),
    [
        (points([0.0]), points([1.0]), 5.371543722559),
        (points([0.0], [1.0]), points([1.0], [3.0]), 1.863943856205),
        (points([0.0, 0.0], [1.0, 2.0]), points([1.0, 1.0]), 4.032595200410),
        (points([0.3], [1.0]), points([0.3], [1.0]), 0.0),
    ],
)
def test_values_of_small_samples(x, y, value):
    assert squared_mmd(x, y).item() == pytest.approx(value, abs=1e-10)


def test_loop_over_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))

    def k(a, b):
        return sum(s**2 / (s**2 + ((a - b) ** 2).sum()) for s in (0.5, 2.0))

    cross = np.mean([k(a, b) for a in x for b in y])
    for estimator, keep in (("v", lambda i, j: True), ("u", lambda i, j: i != j)):
        within = [np.mean([k(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if keep(i, j)]) for z in (x, y)]
        ours = squared_mmd(torch.tensor(x), torch.tensor(y), bandwidths=(0.5, 2.0), estimator=estimator)
        assert ours.item() == pytest.approx(sum(within) - 2 * cross, abs=1e-12)


def test_the_unbiased_estimator_has_mean_zero_for_one_law_and_the_other_does_not():
    rng = np.random.default_rng(1)
    x, y = (torch.tensor(rng.normal(size=(4000, 6, 2))) for _ in range(2))
    values = squared_mmd(x, y, estimator="u")
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(4000)
    assert squared_mmd(x, y).mean() > 0.3


def test_leading_axes_are_one_value_each_and_gradients_flow():
    rng = np.random.default_rng(2)
    x, y = torch.tensor(rng.normal(size=(3, 7, 2))), torch.tensor(rng.normal(size=(3, 5, 2)), requires_grad=True)
    values = squared_mmd(x, y)
    for k in range(3):
        torch.testing.assert_close(values[k], squared_mmd(x[k], y[k]))
    assert torch.autograd.gradcheck(lambda y: squared_mmd(x, y), (y,))


def test_the_kernel_keeps_its_derivative_only_where_it_is_asked_for():
    x, y = points([0.0, 0.0], [1.0, 0.5]), points([0.5, 1.0], [2.0, 0.0])
    assert not rational_quadratic(x, y).requires_grad
    y.requires_grad_()
    rational_quadratic(x, y, (0.5, 2.0)).sum().backward()
    away = y.detach()[None] - x[:, None]
    squares = (away**2).sum(-1, keepdim=True)
    slope = sum(-s * s / (s * s + squares) ** 2 for s in (0.5, 2.0))
    torch.testing.assert_close(y.grad, (2 * slope * away).sum(0))


def test_a_sample_against_itself_is_never_negative():
    x = torch.tensor(np.random.default_rng(3).normal(size=(50, 3)), dtype=torch.float32)
    assert squared_mmd(x, x.clone()).item() >= 0.0


def test_median_distance_as_bandwidth():
    assert median_bandwidth(points([0.0, 0.0], [3.0, 4.0], [0.0, 0.5])) == pytest.approx(math.hypot(3, 3.5))


@pytest.mark.parametrize(
    ("n", "estimator", "message"),
    [(5, "w", r"squared_mmd has no such estimator: 'w'; one of \('v', 'u'\)"), (1, "u", "U-statistic needs pairs")],
)
def test_what_cannot_be_computed_is_refused(n, estimator, message):
    with pytest.raises(dysyr.InputError, match=message):
        squared_mmd(torch.zeros(n, 1), torch.zeros(n, 1), estimator=estimator)
