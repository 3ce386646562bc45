"""Judges: against torch's own GRU, apart from each other, and what they can tell."""

import numpy as np
import pytest
import torch

from dysyr.evaluation.post_hoc import Judges, Recipe, accuracies, prediction_errors

QUICK = Recipe(n_hidden=4, n_iterations=120, batch_size=32)


def test_each_judge_is_the_gru_of_torch():
    judges = Judges(3, 2, 4, np.random.default_rng(0))
    x = torch.tensor(np.random.default_rng(1).normal(size=(3, 5, 7, 2)), dtype=torch.float32)
    found = judges(x)
    for k in range(3):
        with torch.random.fork_rng(devices=[]):
            twin = torch.nn.GRU(2, 4, batch_first=True)
        with torch.no_grad():
            twin.weight_ih_l0.copy_(judges.inward[k].T)
            twin.weight_hh_l0.copy_(judges.recurrent[k].T)
            twin.bias_ih_l0.copy_(judges.inward_bias[k, 0])
            twin.bias_hh_l0.copy_(judges.recurrent_bias[k, 0])
            states = twin(x[k])[0]
        wanted = states @ judges.readout[k] + judges.offset[k]
        torch.testing.assert_close(found[k], wanted[..., 0], atol=1e-5, rtol=1e-5)


def walks(n, drift, seed):
    return np.cumsum(drift + np.random.default_rng(seed).normal(size=(n, 10, 2)), axis=1)


def test_judges_tell_what_differs_and_nothing_else():
    same = (walks(300, 0.0, 0), walks(300, 0.0, 1), walks(200, 0.0, 2), walks(200, 0.0, 3))
    other = (walks(300, 0.0, 0), walks(300, 1.0, 1), walks(200, 0.0, 2), walks(100, 1.0, 3))
    scores = accuracies([same, other], QUICK, seed=0)
    assert abs(scores[0] - 0.5) < 0.12
    assert scores[1] > 0.9


def test_judges_side_by_side_do_not_touch_each_other():
    """The first of two judges is the same whatever the second one sees."""
    a, b, c, d = (walks(60, 0.2 * k, k) for k in range(4))
    short = Recipe(n_hidden=4, n_iterations=5, batch_size=16)
    first, _ = accuracies([(a, b, c, d), (a, b, c, d)], short, seed=0)
    again, other = accuracies([(a, b, c, d), (10 * d, c, b, a)], short, seed=0)
    assert first == again
    assert first != other


def test_prediction_is_as_good_as_the_rule_allows():
    """The last variable repeats the first one a step later: errors vanish; where it is noise they are its spread."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.2, 0.8, size=(500, 10, 2))
    rule = x.copy()
    rule[:, 1:, 1] = rule[:, :-1, 0]
    errors = prediction_errors([(rule, rule[:100]), (x, x[:50])], Recipe(4, 400, 64), seed=0)
    assert errors[0] < 0.03
    assert errors[1] == pytest.approx(0.15, abs=0.02)


def test_a_single_variable_is_foretold_from_itself():
    x = np.repeat(np.random.default_rng(0).uniform(0.2, 0.8, size=(300, 1, 1)), 6, axis=1)
    assert prediction_errors([(x, x)], Recipe(4, 300, 64), seed=0)[0] < 0.05
