"""Commands for states of open quantum systems, and states beside exact ones."""

import json

import numpy as np
import pytest

import dysyr
from dysyr.evaluation.local_expectations import (
    exact_expectations,
    measured_expectations,
    model_expectations,
    shot_errors,
)

SMALL = ["--set", "width=8", "--set", "n_layers=1", "--set", "n_heads=2", "--set", "hidden_dim=8"]


class Done:
    """What a command left behind."""

    def __init__(self, code, out, err):
        self.exit_code, self.output = code, out + err


TINY = {"width": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}


@pytest.fixture
def command(run):
    return lambda *words: Done(*run(*words))


@pytest.fixture(scope="module")
def ring():
    return dysyr.load_system("tfim_decay", n_sites=3)


@pytest.fixture(scope="module")
def path(ring):
    return dysyr.POVMTransformer(**TINY, dt=0.1).solve(ring, times=[0.1, 0.2], progress=False)


def test_solve_for_a_steady_state(command, tmp_path):
    words = ["solve", "povmtransformer", "tfim_decay", "--parameter", "n_sites=3", "-o", str(tmp_path / "run"), *SMALL]
    done = command(*words, "--seed", "2")
    assert done.exit_code == 0, done.output
    assert "residual_l1" in done.output and "steady" in done.output and "trace dist." in done.output
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Transverse-field Ising ring with decay (ring of 3 sites)" in page and "Whole states" in page
    again = command("report", str(tmp_path / "run"), "-o", str(tmp_path / "again.html"))
    assert again.exit_code == 0 and (tmp_path / "again.html").read_text() == page
    found = dysyr.load(tmp_path / "run")
    assert found.seed == 2 and found.width == 8
    z, _ = found.model_.estimate("Z", [(0,), (1,), (2,)])
    exact = dysyr.steady_state(dysyr.load_system("tfim_decay", n_sites=3))
    assert z == pytest.approx(exact[3, 0, 0], abs=0.01)
    again = command(*words)
    assert again.exit_code == 1 and "is not empty" in again.output
    done = command("evaluate", str(tmp_path / "run"), "--truth", "tfim_decay", "-o", str(tmp_path / "m.json"))
    assert done.exit_code == 1 and "the model is of another system: 4 sites; 3 spins" in done.output


def test_solve_over_times_as_json(command, tmp_path):
    out = str(tmp_path / "run")
    done = command("solve", "povmtransformer", "tfim_decay", "--times", "0.1,0.2", "-o", out, *SMALL, "--set", "dt=0.1",
               "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    comparison = json.loads(done.output)["comparison"]
    assert [state["time"] for state in comparison["states"]] == [0.1, 0.2]
    assert comparison["max_error"] < 0.02
    done = command("evaluate", out, "--truth", "tfim_decay", "-o", str(tmp_path / "m.json"), "--json")
    assert json.loads((tmp_path / "m.json").read_text())["max_error"] == comparison["max_error"]
    words = ["solve", "povmtransformer", "tfim_decay", "--times", "0.1,0.2", "-o", out, *SMALL, "--set", "dt=0.1"]
    resumed = command(*words, "--resume")
    assert resumed.exit_code == 0, resumed.output


def test_states_are_no_series(command, path, ring, tmp_path):
    path.save(tmp_path / "run")
    for words in (["generate", "-o", "x.nc", "--n-steps", "3"],
                  ["forecast", "--context", "c.nc", "-o", "x.nc", "--n-steps", "3"]):  # fmt: skip
        done = command(words[0], str(tmp_path / "run"), *words[1:])
        assert done.exit_code == 1
        assert "holds states of spins, no model of a series: compare them: dysyr evaluate" in done.output
    for one in (path, path.model_):
        with pytest.raises(
            dysyr.InputError, match="evaluate is for models of series: states of spins: take dysyr.comp"
        ):
            dysyr.evaluate(one, ring)
    dysyr.save(path, tmp_path / "saved")
    assert dysyr.load(tmp_path / "saved").model_.times.tolist() == [0.1, 0.2]


def test_fit_to_outcomes(command, tmp_path):
    data, out = str(tmp_path / "samples.nc"), str(tmp_path / "run")
    assert command("simulate", "tfim_decay", "-o", data, "--t-end", "0.5", "--n-shots", "300").exit_code == 0
    done = command("fit", "povmtransformer", data, "-o", out, *SMALL, "--set", "n_updates=10", "--set", "n_folds=2")
    assert done.exit_code == 0, done.output
    assert dysyr.load(out).model_.n_sites == 4
    assert "  measured " in done.output and "report.html" in done.output
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Model - exact (s.e.)" in page and "Transverse-field Ising ring" in page
    assert command("report", out, "--truth", data, "-o", str(tmp_path / "again.html")).exit_code == 0
    assert (tmp_path / "again.html").read_text() == page
    done = command("evaluate", out, "--truth", data, "--json")
    assert done.exit_code == 0 and len(json.loads(done.output)["measured"]["model_off"]) == 6
    for words in (["evaluate", out, "--truth", "tfim_decay"], ["report", out, "-o", str(tmp_path / "x.html")]):
        done = command(*words)
        assert done.exit_code == 1
        assert "fitted to outcomes, and a system does not tell when they were measured" in done.output
    done = command("evaluate", out, "--truth", data, "--measures", "d_stsp")
    assert done.exit_code == 2 and "--measures is not for states of spins" in done.output
    done = command("fit", "povmtransformer", data, "-o", str(tmp_path / "other"), "--dt", "0.1")
    assert done.exit_code == 2 and "--dt is not for outcomes of measurements" in done.output


@pytest.mark.parametrize(
    ("words", "match", "code"),
    [
        (["solve", "shplrnn", "tfim_decay"], "dysyr has no method 'shplrnn'", 2),
        (["solve", "povmtransformer", "tfim_decay", "--set", "widht=8"], "did you mean 'width'", 2),
        (["solve", "povmtransformer", "tfim_decay", "--parameter", "gama=1"], "did you mean 'gamma'", 2),
        (["solve", "povmtransformer", "tfim_decay", "--times", "0.1,x"], "numbers separated by commas: '0.1,x'", 2),
        (["solve", "povmtransformer", "lorenz63"], "solves systems of kind open_quantum", 1),
    ],
)
def test_a_solution_that_was_asked_for_wrongly(command, tmp_path, words, match, code):
    done = command(*words, "-o", str(tmp_path / "run"))
    assert done.exit_code == code
    assert match in done.output


def test_states_beside_exact_ones(ring, path):
    found = dysyr.compare_states(path, ring)
    exact = dysyr.simulate(ring, times=[0.1, 0.2])["x"].values[0]
    for k, one in enumerate(found.states):
        assert [one["exact"][letter] for letter in "XYZ"] == pytest.approx(exact[k, :3], abs=1e-8)
        assert one["max_error"] == max(abs(one["values"][s] - one["exact"][s]) for s in "XYZ") < 0.01
        assert 0 < one["total_variation"] <= one["trace_distance"] < 0.05
        assert one["exact"]["ZZ_connected"] == pytest.approx(exact[k, 3] - exact[k, 2] ** 2, abs=1e-8)
        assert one["values"]["spread"] < 1e-10
    assert found.max_error == max(one["max_error"] for one in found.states)
    assert str(found).count("\n") == 3
    with pytest.raises(dysyr.InputError, match="the model has times of its own"):
        dysyr.compare_states(path, ring, times=[0.1])
    with pytest.raises(dysyr.InputError, match="the model is of another system: kind ode; 3 spins"):
        dysyr.compare_states(path, dysyr.load_system("lorenz63"))
    assert dysyr.compare_states(path, ring, exact=False).max_error is None
    with pytest.raises(dysyr.InputError, match="states are compared for models of outcomes: int"):
        dysyr.compare_states(3, ring)


def test_expectations_from_samples(ring, path):
    ends = ring.spins.lattice.bonds
    exact = model_expectations(path.model_, ends)
    sampled = model_expectations(path.model_, ends, n_shots=20_000, seed=1)
    assert (np.abs(sampled.sites - exact.sites).mean(axis=1) < 4 * np.sqrt(3 / 20_000)).all()
    assert sampled.site_stderr == pytest.approx(np.full(3, np.sqrt(3 / 60_000)), rel=0.25)
    assert (np.abs(sampled.bonds.mean(axis=1) - exact.bonds.mean(axis=1)) < 4 * sampled.bond_stderr).all()
    assert exact.site_stderr.tolist() == [0, 0, 0]


def test_expectations_of_a_product_state():
    r = np.einsum("a,b->ab", [1, 0.1, 0.2, 0.3], [1, -0.1, 0.5, 0.7])
    values = exact_expectations(r, [(0, 1)]).values()
    assert values["X"] == pytest.approx(0) and values["Z"] == pytest.approx(0.5)
    assert values["YY_connected"] == pytest.approx(0)
    assert values["spread"] == pytest.approx(0.2)
    assert set(exact_expectations(r, []).values()) == {"X", "Y", "Z", "spread"}


def test_standard_errors_of_known_states():
    """The variances of single shots that the sheet of frames gives: 3 for each Pauli of a mixed spin, 3, 3, 2 of up."""
    frame = dysyr.Frame("tetra_pos")
    up = np.exp(frame.log_probabilities(np.array([[0.0, 0.0, 1.0]])))[0]
    site, bond = shot_errors(frame, up, [], 100)
    assert site == pytest.approx(np.sqrt(np.array([3, 3, 2]) / 100)) and bond.tolist() == [0, 0, 0]
    ends = [(0, 1), (1, 2), (2, 0)]
    site, bond = shot_errors(frame, np.full((4, 4, 4), 4.0**-3), ends, 1000)
    assert site == pytest.approx(np.full(3, np.sqrt(3 / 3000)))
    assert bond == pytest.approx(np.full(3, np.sqrt(9 / 3000)))


def test_averages_of_shots_have_these_errors(ring):
    ends, frame = ring.spins.lattice.bonds, dysyr.Frame("tetra_pos")
    p = dysyr.evolve_states(ring, [0.5], frame="tetra_pos")[0]
    drawn = [measured_expectations(frame, frame.sample(p, 200, np.random.default_rng(s)), ends) for s in range(300)]
    site, bond = shot_errors(frame, p, ends, 200)
    assert np.std([one.sites.mean(axis=1) for one in drawn], axis=0) == pytest.approx(site, rel=0.15)
    assert np.std([one.bonds.mean(axis=1) for one in drawn], axis=0) == pytest.approx(bond, rel=0.15)
    assert np.mean([one.site_stderr for one in drawn], axis=0) == pytest.approx(site, rel=0.05)


def test_names_of_results_without_an_output(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["simulate", "tfim_decay", "--set", "n_sites=3", "--t-end", "0.1", "--n-shots", "20"]
    assert command(*words).exit_code == 0
    assert dysyr.read_dataset("tfim_decay.nc").sizes["site"] == 3
    again = command(*words)
    assert again.exit_code == 1 and "'tfim_decay.nc' is there already; a new file: give its name" in again.output
    more = ["--set", "n_updates=5", "--set", "n_folds=2", *SMALL]
    assert command("fit", "povmtransformer", "tfim_decay.nc", *more).exit_code == 0
    assert (tmp_path / "povmtransformer-tfim_decay" / "report.html").exists()
    again = command("solve", "povmtransformer", "tfim_decay")
    assert again.exit_code == 1 and "'povmtransformer-tfim_decay' is not empty" in again.output
