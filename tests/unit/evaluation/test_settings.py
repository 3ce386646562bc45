"""Settings of an evaluation that cannot be."""

import pytest

from dysyr.core.errors import InputError
from dysyr.evaluation.settings import EvaluationSettings


@pytest.mark.parametrize("order", [1, 9, 25])
def test_patterns_of_one_sample_or_of_too_many_are_refused(order):
    with pytest.raises(InputError, match=f"permutation_order is not a length of patterns: {order}; 2 to 8"):
        EvaluationSettings(permutation_order=order)


def test_a_single_step_is_a_tuple_of_one():
    assert EvaluationSettings(prediction_steps=5).prediction_steps == (5,)
