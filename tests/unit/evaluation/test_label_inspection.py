"""Labels before a fit: counts, dwell times, wrong labels, which methods take them."""

import json

import numpy as np
import pytest

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.evaluation.inspection import inspect
from dysyr.evaluation.label_inspection import LabelInspection


def chain(n=4000, seed=0, stay=0.9, n_states=3):
    """A chain that stays with a probability and else goes on to the next state."""
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.uniform(size=n) > stay) % n_states


def labelled(rows, **others):
    return make_dataset([np.asarray(row, dtype=float)[:, None] for row in rows], dt=0.5, label=rows, **others)


def test_counts_by_hand():
    found = inspect(labelled([np.array([0, 0, 1, 1, 1, 0]), np.array([1, 1, 0])]))
    assert isinstance(found, LabelInspection)
    zero, one = found.states
    assert (zero.name, zero.visits, zero.exits) == ("0", 3, 1)
    assert (one.visits, one.exits) == (2, 2)
    assert zero.share == pytest.approx(4 / 9)
    assert zero.dwell_time == pytest.approx(2 * 0.5 / 1)
    assert one.dwell_time == pytest.approx(5 * 0.5 / 2)
    assert found.changes == pytest.approx(3 / 7)
    assert found.duration == pytest.approx(7 * 0.5)
    assert (found.n_paths, found.n_labels, found.missing, found.dt, found.regular) == (2, 9, 0.0, 0.5, True)
    assert "43% of neighbouring labels differ" in " ".join(found.warnings)
    assert "Visited fewer than 5 times: 0, 1" in " ".join(found.warnings)


def test_dwell_time_of_a_chain_is_the_inverse_of_its_rate():
    found = inspect(labelled([chain(20_000)]))
    for state in found.states:
        assert state.dwell_time == pytest.approx(0.5 / 0.1, rel=4 / np.sqrt(state.exits))
    assert found.warnings == ()


@pytest.mark.parametrize("seed", range(5))
def test_wrong_labels_are_noticed_and_right_ones_are_not(seed):
    rng = np.random.default_rng(seed)
    there_and_back = np.cumsum(rng.uniform(size=4000) > 0.7) % 2
    for right in (chain(seed=seed), there_and_back, rng.integers(0, 3, 4000)):
        found = inspect(labelled([right]))
        assert abs(found.lone_score) < 4
        assert not any("stand alone" in said for said in found.warnings)
    right = chain(seed=seed)
    wrong = np.where(rng.uniform(size=4000) < 0.03, rng.integers(0, 3, 4000), right)
    found = inspect(labelled([wrong]))
    assert found.lone > 3 * found.lone_expected
    assert any("label_noise='learn'" in said for said in found.warnings)


def test_expected_lone_labels_are_those_of_the_chain():
    rng = np.random.default_rng(1)
    right = np.cumsum(rng.uniform(size=50_000) > 0.7) % 2
    found = inspect(labelled([right]))
    assert found.lone_expected == pytest.approx(0.3 * 0.3, rel=0.05)


def test_states_that_are_never_seen_or_left():
    found = inspect(labelled([np.array([0, 0, 0, 0, 3, 3])]))
    assert [state.visits for state in found.states] == [1, 0, 0, 1]
    assert np.isnan(found.states[1].dwell_time)
    said = " ".join(found.warnings)
    assert "Never seen: 1, 2." in said
    assert "Never left: 3." in said


def test_missing_and_irregular_labels():
    row, t = chain(300).astype(float), np.cumsum(np.random.default_rng(0).uniform(0.1, 1, 300))
    row[10:40] = np.nan
    found = inspect(make_dataset(row[:, None], time=t, mask=True))
    assert not found.regular
    assert found.missing == pytest.approx(0.1)
    assert found.n_labels == 270
    assert found.duration == pytest.approx(t[-1] - t[0])
    assert "irregular, median lag" in str(found)
    assert "missing                  10.0%" in str(found)


def test_methods_and_names():
    system = dysyr.load_system("two_state_channel")
    found = dysyr.inspect(dysyr.simulate(system, n_trajectories=3, n_steps=50))
    assert [state.name for state in found.states] == list(json.loads(dysyr.simulate(system, n_steps=5).attrs["states"]))
    reasons = dict(found.methods)
    assert reasons["jumpem"] == reasons["jumpfoundation"] == ()
    assert reasons["shplrnn"] == ("takes measured values, not labels of states",)
    many = dict(inspect(labelled([np.arange(300) % 9])).methods)
    assert many["jumpem"] == ()
    assert many["jumpfoundation"] == ("takes at most 8 states",)
    content = json.loads(json.dumps(found.to_dict()))
    assert content["methods"]["jumpem"] == []
    assert content["states"][0]["name"] == found.states[0].name


def test_what_is_read_as_labels():
    few, many = np.arange(400) % 4, np.arange(400) % 40
    guessed = inspect(few[:, None].astype(float), dt=1.0)
    assert isinstance(guessed, LabelInspection)
    assert "whole numbers from 0 to 3 and is read as labels" in guessed.warnings[0]
    assert not isinstance(inspect(many[:, None].astype(float), dt=1.0), LabelInspection)
    assert isinstance(inspect(labelled([many])), LabelInspection)
    assert not isinstance(inspect(few[:, None] + 0.5, dt=1.0), LabelInspection)
    two = np.column_stack([few, np.sin(np.arange(400))])
    assert not isinstance(inspect(two, dt=1.0), LabelInspection)
