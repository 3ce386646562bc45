"""The benchmark of ALRNN against the number of its rectified units: what it says about a model, and its tables."""

import json

import numpy as np
import pytest

import dysyr
from dysyr.benchmark import rectified_units
from dysyr.benchmark.equilibria import Equilibrium
from dysyr.benchmark.rectified_units import (
    codes_table,
    n_in_use,
    nearest,
    page,
    points_table,
    quality_table,
    run_task,
)

RECORD = {
    "system": "lorenz63", "n_rectified": 2, "noise": 0.05, "seed": 0, "failure": None, "seconds": 61.0,
    "d_stsp": 1.5, "d_h": 0.1, "exponents": [0.91, 0.01, -1.2, -3.0], "floors": [0.06, 0.05], "n_collapsed": 1,
    "visits": [0.7, 0.2995, 0.0005], "verdict": "wrong attractor", "n_fixed_points": 3, "spurious_stable": [],
    "equilibria": [{"state": [0.0, 0.0], "distance": 0.25, "leading": [[0.09, 10.2], [0.2, 9.0]]}],
}  # fmt: skip


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_per_seed_and_the_median_below():
    worse = {**RECORD, "seed": 1, "d_stsp": 3.5, "exponents": None, "n_collapsed": 0, "visits": [1.0],
             "verdict": "plausible attractor"}  # fmt: skip
    lines = quality_table([RECORD, worse]).splitlines()
    assert cells(lines[2]) == ["0", "1.50", "0.100", "0.910 0.0100 −1.20", "1 of 10", "2", "wrong attractor", "61"]
    assert cells(lines[3])[3] == "–"
    assert cells(lines[4]) == [
        "median [range]", "**2.50** [1.50, 3.50]", "**0.100** [0.100, 0.100]", "**0.910** [0.910, 0.910]",
        "**0.500** [0, 1]", "**1.50** [1, 2]", "1 wrong attractor, 1 plausible attractor", "",
    ]  # fmt: skip
    assert cells(lines[5])[1:3] == ["0.0600", "0.0500"]


def test_a_failed_seed_says_why_and_has_no_part_in_the_median():
    failed = {"seed": 1, "failure": "training never reached a finite model"}
    lines = quality_table([RECORD, failed]).splitlines()
    assert cells(lines[3])[:2] == ["1", "training never reached a finite model"]
    assert cells(lines[4])[1] == "**1.50** [1.50, 1.50]"
    assert points_table([failed]) == ""


def test_a_region_hardly_visited_is_not_in_use():
    assert n_in_use(RECORD) == 2
    assert n_in_use({"visits": [0.999, 0.001]}) == 2


def test_stable_fixed_points_are_told_with_their_seeds():
    stable = {**RECORD, "seed": 7, "spurious_stable": [{"observed": [1.0, 2.0], "distance": 0.4}] * 2}
    text = points_table([RECORD, stable])
    assert "which the system does not have: 2 in 1 of 2 models (seeds 7), **0.400** [0.400, 0.400] sd off" in text
    assert cells(text.splitlines()[2]) == [
        "(0, 0)", "**0.250** [0.250, 0.250]", "0.0900 ± 10.2i", "**0.200** [0.200, 0.200]", "**9.00** [9.00, 9.00]",
    ]  # fmt: skip
    assert "does not have: 0 in 0 of 1 models." in points_table([RECORD])


def test_the_nearest_fixed_point_with_its_leading_exponent():
    """The skew tent of slopes 1.5 and -2.2 has fixed points -2 and 0.3125."""
    model = dysyr.ALRNN.from_parameters(A=[1.5], W=[[-3.7]], h=[1.0], n_rectified=1, dt=0.5)
    truth = np.array([[-2.0], [2.0]])
    near = Equilibrium(np.array([0.5125]), np.array([1.0 + 2.0j]))
    found = nearest(near, dysyr.fixed_points(model), truth)
    assert found["distance"] == pytest.approx(0.1)
    assert found["observed"] == pytest.approx([0.3125])
    assert found["leading"][0] == [1.0, 2.0]
    assert found["leading"][1] == pytest.approx([np.log(2.2) / 0.5, np.pi / 0.5])
    none = nearest(near, (), truth)
    assert none["distance"] is None and none["leading"][1] is None


def test_a_task_from_training_to_tables(tmp_path, monkeypatch):
    for name, value in (("N_TRAIN", 3_000), ("N_TEST", 3_000), ("TAIL", 1_000), ("N_TAILS", 2)):
        monkeypatch.setattr(rectified_units, name, value)
    small = {"latent_dim": 5, "n_updates": 200, "n_generations": 2, "n_starts": 1, "max_restarts": 0, "n_checks": 2}
    folders = [tmp_path / f"lorenz63-P2-noise0-seed{seed}" for seed in (0, 1)]
    records = [run_task("lorenz63", 2, 0.0, seed, small, folders[seed]) for seed in (0, 1)]
    assert all(record["failure"] is None for record in records)
    assert len(records[0]["equilibria"]) == 3
    assert sum(records[0]["visits"]) == pytest.approx(1.0)
    seconds = records[0]["seconds"]
    again = run_task("lorenz63", 2, 0.0, 0, small, folders[0])
    assert again["seconds"] == seconds
    assert json.dumps(again["exponents"]) == json.dumps(records[0]["exponents"])
    text = page(tmp_path, records)
    assert text.startswith("## lorenz63, P = 2, clean")


def test_arguments_that_do_not_fit_are_a_failure_of_the_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(rectified_units, "N_TRAIN", 500)
    monkeypatch.setattr(rectified_units, "N_TEST", 500)
    record = run_task("lorenz63", 9, 0.0, 0, {"latent_dim": 5}, tmp_path / "run")
    assert "more rectified units than units" in record["failure"]
    assert not (tmp_path / "run" / "config.json").exists()


def test_codes_of_one_map_agree_and_collapsed_models_have_none(tmp_path, monkeypatch):
    """The jump code of two regions alternates: no entropy, one graph."""
    tent = dysyr.ALRNN.from_parameters(A=[1.8], W=[[-3.6]], h=[1.0], n_rectified=1, initial_states=[[0.1], [0.2]])
    monkeypatch.setattr(rectified_units, "load", lambda folder: tent)
    monkeypatch.setattr(rectified_units, "N_TEST", 5_000)
    lines = codes_table(tmp_path, [RECORD, {**RECORD, "seed": 1}]).splitlines()
    table = {cells(line)[0]: cells(line)[1:] for line in lines[2:]}
    assert table["regions entered"] == ["**2.00** [2, 2]", "–"]
    assert float(table["metric entropy, nats per time"][0].split("**")[1]) < 1e-3
    assert table["graph agreement of two seeds"] == ["**1.00** [1.00, 1.00]", "1.00"]
    assert codes_table(tmp_path, [RECORD, {**RECORD, "visits": [1.0, 0.0]}]) == ""


def test_the_command_takes_a_number_of_seeds_for_each_cell_and_repeats_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(rectified_units, "codes_table", lambda out, records: "")
    for system, p, seed in (("lorenz63", 2, 0), ("lorenz63", 2, 1), ("rossler", 1, 0)):
        name = f"{system}-P{p}-noise0.05-seed{seed}.json"
        (tmp_path / name).write_text(json.dumps({**RECORD, "system": system, "n_rectified": p, "seed": seed}))
    words = ["--cells", "lorenz63:2", "rossler:1", "--noises", "0.05", "--seeds", "2", "1"]
    asked = ["x", "-o", str(tmp_path), *words, "--write", str(tmp_path / "page.md")]
    monkeypatch.setattr("sys.argv", asked)
    rectified_units.main()
    text = (tmp_path / "page.md").read_text()
    assert "--seeds 2 1 --write" in text
    first, second = text.split("## ")[1:]
    assert first.startswith("lorenz63, P = 2, 5 % noise") and "\n| 1 |" in first
    assert second.startswith("rossler, P = 1, 5 % noise") and "\n| 1 |" not in second
