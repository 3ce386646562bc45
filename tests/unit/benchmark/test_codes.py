"""Codes of free runs that are kept in records, and how alike they are."""

import numpy as np
import pytest

import dysyr
from dysyr.benchmark import codes
from dysyr.benchmark.codes import agreement_rows, agreement_table, jumps_of, short_code
from dysyr.encoding.encode import encode


@pytest.fixture(scope="module")
def tent():
    """The skew tent of slopes 1.5 and -2.2: two regions, full of words."""
    return dysyr.ALRNN.from_parameters(
        A=[1.5], W=[[-3.7]], h=[1.0], n_rectified=1, initial_states=[[0.1], [0.2]], dt=0.5
    )


def test_a_code_comes_back_from_its_record(tent):
    whole = encode(tent, n_steps=codes.N_STEPS, seed=3).jumps()
    again = jumps_of(short_code(tent, seed=3))
    assert np.array_equal(again.symbols[0], whole.symbols[0])
    assert again.dt == pytest.approx(whole.dt, rel=1e-12)
    assert again.per_time(again.metric_entropy) == pytest.approx(whole.per_time(whole.metric_entropy), rel=1e-9)


def test_no_code_where_orbits_leave_every_bound_or_stay_in_one_region(tent):
    away = dysyr.ALRNN.from_parameters(A=[2.0], W=[[0.0]], h=[1.0], n_rectified=1, initial_states=[[0.1]])
    rest = dysyr.ALRNN.from_parameters(A=[0.5], W=[[0.0]], h=[1.0], n_rectified=1, initial_states=[[0.1]])
    assert short_code(away, seed=0) is None and jumps_of(None) is None
    assert short_code(rest, seed=0)["lengths"] == str(codes.N_STEPS)
    assert jumps_of(short_code(rest, seed=0)) is None


def test_two_runs_of_one_map_agree_and_another_map_does_not(tent):
    other = dysyr.ALRNN.from_parameters(A=[1.8], W=[[-3.6]], h=[1.0], n_rectified=1, initial_states=[[0.1]], dt=0.5)
    same = [jumps_of(short_code(tent, seed=seed)) for seed in (0, 1)]
    different = [same[0], jumps_of(short_code(other, seed=0))]
    found = {name: (values, floor) for name, values, floor in agreement_rows(different, [tuple(same)])}
    assert found["regions entered"] == ([2, 2], None)
    (distance,), floor = found["word distance of two seeds, bits"]
    assert distance >= 0 and floor < 1e-3
    entropies, none = found["metric entropy, nats per time"]
    assert none is None and len(entropies) == 2
    text = agreement_table(different, [tuple(same)])
    assert "| graph agreement of two seeds | **1.00** [1.00, 1.00] | 1.00 |" in text


def test_codes_of_too_many_regions_are_not_compared(tent, monkeypatch):
    monkeypatch.setattr(codes, "MANY_SYMBOLS", 1)
    code = jumps_of(short_code(tent, seed=0))
    assert "| word distance of two seeds, bits | – | – |" in agreement_table([code, code], [(code, code)])
