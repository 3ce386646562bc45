"""Every reconstructor can be searched by successive halving."""

import numpy as np
import pytest
from method_cases import CASES, DT

import dysyr
from dysyr.reconstruction import METHODS

LONG = [method for method in METHODS if method.budget and method is not dysyr.GRU]


@pytest.mark.parametrize(
    "method",
    [pytest.param(method, marks=pytest.mark.slow if method in LONG else (), id=method.__name__) for method in METHODS],
)
def test_a_search_over_seeds(method, tmp_path):
    case, said = CASES[method], []
    made = method(**{**case.settings, **case.shorter})
    found = dysyr.tune(made, case.make(400, 0), {"seed": [3, 1, 2, 0]}, out=tmp_path, dt=DT, workers=0, say=said.append)
    assert (found.table["why"] == "").all(), found.table["why"].tolist()
    expected = ["1/1"] * 2 + ["1/3"] * 2 if method.budget else ["1/1"] * 4
    assert found.table["length"].tolist() == expected
    assert sum(line.startswith("rung") for line in said) == 1 + bool(method.budget)
    assert found.reconstructor.seed == found.best["seed"]
    assert {**found.reconstructor.get_params(), "seed": 0} == {**made.get_params(), "seed": 0}, "trained in full"
    assert found.reconstructor.generate(5)["x"].shape[1:] == (5, found.reconstructor.n_features_in_)
    if not made.uses_seed:
        assert found.best == {"seed": 3}, "of equal ones the first"
        assert np.ptp(found.table["criterion"]) == 0
