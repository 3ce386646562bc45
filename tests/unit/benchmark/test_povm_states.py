"""The benchmark of outcome distributions: its cells are kept, its tables name what was met."""

import json

import numpy as np
import pytest

import dysyr
from dysyr.benchmark import povm_states

TINY = {"width": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(povm_states, "SMALL", TINY)
    monkeypatch.setattr(povm_states, "STEADY", {"ring of 3": ({"n_sites": 3}, TINY)})
    monkeypatch.setattr(povm_states, "DYNAMICS", {"trapezoid": {"stepper": "trapezoid", "dt": 0.25}})
    monkeypatch.setattr(povm_states, "DESCENT", {"n_iterations": 2, "learning_rate": 2e-2})
    monkeypatch.setattr(povm_states, "SHOTS", (200,))
    monkeypatch.setattr(povm_states, "N_OBSERVED", 200)
    monkeypatch.setattr(povm_states, "SYMMETRIES", ("none",))


def test_cells_are_kept_and_tabulated(short, tmp_path):
    said = []
    found = povm_states.run(tmp_path, [0], say=lambda line, flush: said.append(line))
    assert len(said) == len(found) == len(list(tmp_path.glob("*.json"))) == 4
    assert found["steady, ring of 3, 0"]["error"] < 1e-3
    assert found["dynamics, trapezoid, 0"]["error"] < 0.05
    assert found["outcomes, 200, none, 0"]["histogram"] == pytest.approx(0.4, abs=0.1)
    place = tmp_path / "steady_ring-of-3_0.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "error": 7.0}))
    again = povm_states.run(tmp_path, [0], say=lambda line, flush: None)
    assert again["steady, ring of 3, 0"]["error"] == 7.0
    text = povm_states.tables(again, [0])
    assert "| ring of 3 | 7 |" in text
    assert "| ring of 4 by 2 steps of Adam |" in text
    assert text.count("\n## ") == 2
    cell = found["outcomes, 200, none, 0"]
    within = [sum(value <= 3 for value in cell[key]) for key in ("in_stderr", "plain_in_stderr")]
    assert f"| {within[0]} of 6 | {within[1]} of 6 |" in text


class Known:
    """A model that has the true probabilities."""

    frame = dysyr.Frame("tetra_pos")
    n_sites = 3

    def __init__(self, p):
        self.p = p

    def probabilities(self, state):
        return self.p


def test_deviations_in_standard_errors():
    ring = dysyr.load_system("tfim_decay", n_sites=3)
    p = dysyr.evolve_states(ring, [1.0], frame="tetra_pos")[0]
    data = dysyr.simulate(ring, times=[1.0], n_shots=500, seed=3)
    network, shots = povm_states.deviations(Known(p), data, p, ring.spins.lattice.bonds)
    assert max(network["in_stderr"]) < 1e-9 and network["error"] < 1e-9
    z = Known.frame.table("Z")[data["outcome"].values].mean(axis=1)
    off = abs(z.mean() - data["x"].values[0, -1, 2])
    assert shots["in_stderr"][2] == pytest.approx(off / (z.std(ddof=1) / np.sqrt(500)), rel=0.1)
    assert shots["error"] >= off - 1e-12


def test_descent_lowers_the_residual(short, monkeypatch):
    residuals = []
    for n in (1, 20):
        monkeypatch.setattr(povm_states, "DESCENT", {"n_iterations": n, "learning_rate": 2e-2})
        residuals.append(povm_states.descent_cell(0)["residual_l1"])
    assert residuals[1] < 0.3 * residuals[0]
