import math

import pytest

from dysyr.evaluation.kaplan_yorke import kaplan_yorke_dimension


@pytest.mark.parametrize(
    "exponents, expected",
    [
        ((0.9056, 0.0, -14.5723), 2 + 0.9056 / 14.5723),
        ((-14.5723, 0.9056, 0.0), 2 + 0.9056 / 14.5723),
        ((0.41922, -1.62319), 1 + 0.41922 / 1.62319),
        ((0.0, -1.0), 1.0),
        ((-0.1, -1.0), 0.0),
        ((0.5, 0.1), 2.0),
        ((1.0, -2.0, -2.0), 1.5),
    ],
)
def test_dimension_of_known_spectra(exponents, expected):
    assert kaplan_yorke_dimension(exponents) == pytest.approx(expected, rel=1e-12)


def test_unknown_exponents_have_no_dimension():
    assert math.isnan(kaplan_yorke_dimension((math.nan, -1.0)))
