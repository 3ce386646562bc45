"""What a report tells about the training of a model."""

import numpy as np
import pytest

import dysyr
from dysyr.reporting.training import training_of


def trained(**history):
    made = dysyr.SHPLRNN(hidden_dim=7)
    made.provenance_ = {"data_hash": "abc", "command": "dysyr fit"}
    made.history_ = {"update": np.array([10, 20, 10]), "attempt": np.array([0, 0, 1]), **history}
    return made


def test_curves_that_vary_are_shown_and_the_criterion_always():
    training = training_of(trained(
        loss=np.array([3.0, 2.0, np.nan]), alpha=np.array([0.5, 0.5, 0.5]), criterion=np.array([1.0, 1.0, 1.0]),
        lost=np.full(3, np.nan), smoothing=np.array([1.0, 2.0]),
    ))  # fmt: skip
    titles = [title for title, _, _ in training.curves]
    assert titles == ["training loss", "validation criterion (0 perfect, 1 useless)"]
    np.testing.assert_array_equal(training.curves[0][1], [10, 20, 30])
    assert training.restarts == (20,)
    assert training.changed == ("hidden_dim",)
    assert training.facts == (("training data (sha256)", "abc"), ("fitted by", "dysyr fit"))


def test_the_kept_checkpoint_is_found_in_its_attempt():
    criterion = np.array([0.3, 0.2, 0.1])
    training = training_of(trained(criterion=criterion, chosen=np.array([1, 10, 0.15])))
    assert (training.selected, training.criterion) == (30, 0.15)
    training = training_of(trained(criterion=criterion))
    assert (training.selected, training.criterion) == (30, 0.1)
    assert training_of(trained(criterion=criterion, chosen=np.array([1, 20, 0.15]))).selected is None


@pytest.mark.parametrize("history", [{}, {"update": np.array([])}])
def test_a_method_without_a_history_has_no_curves(history):
    made = trained()
    made.history_ = history
    training = training_of(made)
    assert training.curves == () and training.selected is None
    assert training.method == "SHPLRNN"
