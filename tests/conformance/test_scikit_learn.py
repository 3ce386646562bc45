"""scikit-learn's own checks of estimators; docs/architecture.md says why some do not hold for series."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

import dysyr
from dysyr.core.errors import InputError

ARCHITECTURE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"


class UnitSteps:
    """The data of the checks are arrays of 10 to 100 rows and bear no sampling interval."""

    min_samples = 2

    def fit(self, X, y=None):
        return super().fit(X, y, dt=1.0, progress=False)


class LinearAR(UnitSteps, dysyr.LinearAR):
    pass


class Persistence(UnitSteps, dysyr.Persistence):
    pass


class SINDy(UnitSteps, dysyr.SINDy):
    pass


class ReservoirComputer(UnitSteps, dysyr.ReservoirComputer):
    pass


ESTIMATORS = [LinearAR(), Persistence(), SINDy(degree=1, order=2), ReservoirComputer(n_units=20, washout=2)]


def listed():
    """``{check: reason}`` of the table in the documentation."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`check_\w+`(?:, )?)+) \| (.+) \|$", text, flags=re.MULTILINE)
    return {name: reason for names, reason in rows for name in re.findall(r"check_\w+", names)}


@parametrize_with_checks(ESTIMATORS)
def test_checks_of_scikit_learn(estimator, check):
    name = check.func.__name__
    if name in listed():
        with pytest.raises((AssertionError, InputError)):
            check(estimator)
    elif name == "check_methods_sample_order_invariance":  # shuffles with the global generator
        state = np.random.get_state()
        check(estimator)
        np.random.set_state(state)
    else:
        check(estimator)


@pytest.mark.parametrize("made", ESTIMATORS, ids=lambda made: type(made).__name__)
def test_what_is_fitted_is_known(made):
    made = clone(made)
    with pytest.raises(NotFittedError):
        check_is_fitted(made)
    with pytest.raises(InputError, match=f"this {type(made).__name__} is not fitted: call fit first"):
        made.generate(3)
    x = np.random.default_rng(0).normal(size=(60, 2))
    check_is_fitted(made.fit(x))
    assert made.n_features_in_ == 2
    with pytest.raises(InputError, match="variables"):
        made.score(x[:, :1])
