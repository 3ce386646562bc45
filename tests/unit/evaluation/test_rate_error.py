"""Errors of rate matrices and the coverage of their intervals."""

import numpy as np
import pytest
from jump_cases import DT, SWITCH, THREE, paths, ratchet

from dysyr.core.dataset import make_dataset
from dysyr.evaluation.label_panel import LabelPanel
from dysyr.evaluation.rate_calibration import NOMINAL, RateCalibrationMeasure, coverage
from dysyr.evaluation.rate_context import Chain, RateContext
from dysyr.evaluation.rate_error import RateErrorMeasure, RateLogErrorMeasure, rate_error, rate_log_error
from dysyr.reconstruction.jump_em.model import JumpModel


def context(q, truth, stderr=None):
    n = len(q)
    stderr = np.zeros((n, n)) if stderr is None else stderr
    model = JumpModel(q, np.full(n, 1 / n), stderr, states=[str(i) for i in range(n)], dt=DT)
    x = paths(truth, n_paths=3, n=5)
    panel = LabelPanel.from_data(make_dataset(x[..., None], dt=DT), n_states=n)
    return RateContext(panel=panel, names=model.state_names, model=model, truth=Chain(truth, np.full(n, 1 / n)))


def test_errors_that_can_be_worked_out():
    assert rate_error(THREE, THREE) == rate_log_error(THREE, THREE) == 0.0
    other = np.array([[-1.3, 1.3], [0.0, 0.0]])
    assert rate_error(other, SWITCH) == pytest.approx(np.sqrt((0.3**2 + 0.4**2) / 2), rel=1e-12)
    assert rate_log_error(other, SWITCH) == np.inf
    assert rate_log_error(3 * THREE, THREE) == pytest.approx(np.log(3), rel=1e-12)
    assert rate_error(3 * THREE, THREE) == pytest.approx(2 * np.sqrt(np.mean(THREE[THREE > 0] ** 2)), rel=1e-12)


def test_an_edge_that_the_truth_lacks_counts_in_the_absolute_error_alone():
    one_way = np.array([[-1.0, 1.0], [0.0, 0.0]])
    assert rate_log_error(SWITCH, one_way) == 0.0
    assert rate_error(SWITCH, one_way) == pytest.approx(0.4 / np.sqrt(2), rel=1e-12)


def test_the_published_constants_of_the_ratchet():
    """The best constant of the flashing ratchet scores .656, no jumps at all .926 (sheet of the method)."""
    found = RateErrorMeasure().compute(context(ratchet(1.0), ratchet(1.0)))
    assert found.value == 0.0
    assert found.controls["one_rate"] == pytest.approx(0.656, abs=1e-3)
    assert found.ceiling == pytest.approx(np.sqrt(np.mean(np.append(ratchet(1.0)[ratchet(1.0) > 0], [0] * 12) ** 2)))
    assert found.unit == "1/time"


def test_the_expected_error_is_that_of_the_standard_errors():
    stderr = np.where(np.eye(3) > 0, 0.0, 0.2)
    found = RateErrorMeasure().compute(context(THREE, THREE, stderr))
    assert found.settings["expected_by_its_standard_errors"] == pytest.approx(0.2, rel=1e-12)


def test_edges_are_found_or_missed():
    truth = np.array([[-1.0, 1.0, 0.0], [0.5, -1.5, 1.0], [0.0, 2.0, -2.0]])
    q = np.array([[-1.5, 1.2, 0.3], [0.05, -1.05, 1.0], [0.0, 2.0, -2.0]])
    found = RateLogErrorMeasure().compute(context(q, truth, np.where(np.eye(3) > 0, 0.0, 0.1)))
    counts = {key: found.settings[key] for key in found.settings if "edges" in key}
    assert counts == {"true_edges": 4, "true_edges_found": 3, "other_edges": 2, "other_edges_found": 1}
    assert found.value == pytest.approx(np.sqrt((np.log(1.2) ** 2 + np.log(0.1) ** 2) / 4), rel=1e-12)
    silent = q.copy()
    silent[1] = [0.0, -1.0, 1.0]
    assert RateLogErrorMeasure().compute(context(silent, truth)).status == "1 of 4 true edges have rate zero"


def test_intervals_cover_what_normal_errors_say():
    rng = np.random.default_rng(0)
    stderr = np.broadcast_to(np.where(np.eye(3) > 0, 0.0, 0.1), (2000, 3, 3))
    estimates = THREE + stderr * rng.normal(size=stderr.shape)
    for level, width in (("68", 1.0), ("95", 1.96)):
        share, n = coverage(estimates, stderr, THREE, width)
        assert n == 12_000
        assert share == pytest.approx(NOMINAL[level], abs=4 * np.sqrt(0.25 / n))
        assert coverage(estimates, 0.5 * stderr, THREE, width)[0] < NOMINAL[level] - 0.1


def test_calibration_leaves_out_rates_that_are_not_there_or_have_no_error():
    truth = np.array([[-1.0, 1.0, 0.0], [0.5, -1.5, 1.0], [0.0, 2.0, -2.0]])
    stderr = np.where(np.eye(3) > 0, 0.0, 0.1)
    stderr[2, 1] = np.inf
    q = truth + 0.15 * (np.arange(9).reshape(3, 3) == 1)
    q[0, 0] = -1.15
    found = RateCalibrationMeasure().compute(context(q, truth, stderr))
    assert found.n == 3
    assert found.value == {"68": pytest.approx(2 / 3), "95": 1.0}
    assert found.truth == NOMINAL
    endless = np.where(np.eye(3) > 0, 0.0, np.inf)
    found = RateCalibrationMeasure().compute(context(q, truth, endless))
    assert np.isnan(found.value["68"])
    assert found.status == "not defined: no edge has a finite standard error"
