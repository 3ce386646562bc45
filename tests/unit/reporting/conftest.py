import json

import numpy as np
import pytest

from dysyr.core.dataset import make_dataset
from dysyr.core.measure import Measure
from dysyr.core.provenance import provenance
from dysyr.evaluation.forecasts import make_forecasts
from dysyr.evaluation.verdict import RuleLine, Verdict
from dysyr.reporting.card import Card

_FINITE = {"finite": True, "diverged_at": None, "fixed_point": False, "cycle": None}


def _torus(n, n_variables, phase=0.0):
    """A quasi-periodic orbit: any number of variables, no simulator needed."""
    t = 0.05 * np.arange(n) + phase
    waves = [
        np.sin(t) + 0.3 * np.sin(np.sqrt(2) * t),
        np.cos(t),
        np.sin(np.sqrt(3) * t + 1),
        np.cos(2 * t),
        np.sin(t / 2),
    ]
    return np.stack([waves[i % 5] * (1 + i // 5) for i in range(n_variables)], axis=1)


def _make_card(*, n=600, n_variables=3, measures=None, statuses=None, runs=None, **changes):
    names = [f"x{i}" for i in range(n_variables)]
    truth = _torus(n, n_variables)
    runs = np.stack([_torus(n, n_variables, phase=1.0 + k) for k in range(3)]) if runs is None else runs
    forecasts = make_forecasts(
        lambda contexts, starts, steps: np.repeat(contexts[:, -1:], steps, axis=1), truth, dt=0.05, names=names,
        context_length=20, horizon=60, n_contexts=8,
    )  # fmt: skip
    given = {
        "measures": _default_measures() if measures is None else measures,
        "verdict": Verdict(
            "plausible attractor",
            (
                RuleLine("D_stsp 0.2 is 4 floors", True),
                RuleLine("too short", None),
                RuleLine("outside", False),
            ),
        ),
        "truth": make_dataset(truth, dt=0.05, names=names),
        "runs": make_dataset(
            runs,
            dt=0.05,
            names=names,
            mask=True,
            attrs={"status": json.dumps(statuses or [_FINITE] * len(runs))},
        ),
        "forecasts": forecasts,
        "model": object(),
        "provenance": provenance(seed=3, data_hash="abc", command="dysyr run x.toml -o out/"),
        "label": "SHPLRNN",
    }
    return Card(**{**given, **changes})


def _default_measures():
    return {
        measure.name: measure
        for measure in (
            Measure(
                name="d_stsp", kind="distance", value=0.2, stderr=0.02, floor=0.05, floor_range=(0.02, 0.1),
                ceiling=16.0, controls={"short_loop": 12.0, "time_shuffled": 0.0}, n=600, dt=0.05,
                settings={"n_bins": 30}, runs=(0.18, 0.22),
            ),
            Measure(
                name="valid_prediction_time", kind="forecast", better="higher", value={"nrmse": 2.0, "smape": 1.0},
                floor={"nrmse": 5.0, "smape": 4.0}, ceiling={"nrmse": 0.1, "smape": 0.1}, n=8, dt=0.05,
                settings={"nrmse_threshold": 0.4},
            ),
            Measure(
                name="lyapunov_spectrum", kind="invariant", better="match", unit="1/time", value=[0.9, 0.0, -14.0],
                stderr=[0.01, 0.001, 0.2], truth=[0.906, 0.0, -14.57], n=600, dt=0.05,
            ),
            Measure(
                name="correlation_dimension", kind="invariant", better="match", value=float("nan"), truth=2.05,
                n=600, dt=0.05,
            ),
        )
    }  # fmt: skip


@pytest.fixture(scope="session")
def torus():
    """Function that gives a quasi-periodic orbit."""
    return _torus


@pytest.fixture(scope="session")
def make_card():
    """Function that gives a card; keywords replace its parts."""
    return _make_card


@pytest.fixture(scope="session")
def finite():
    """The status of a run that went well."""
    return dict(_FINITE)


@pytest.fixture
def card():
    """A card of three variables with every kind of measure."""
    return _make_card()
