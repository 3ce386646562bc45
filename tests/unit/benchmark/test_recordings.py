"""The page of results from finished experiments."""

import copy
import json

import pytest

from dysyr.benchmark.recordings import page, results_of, table
from dysyr.core.errors import FormatError

MEASURES = {
    "d_stsp": {"value": 0.2, "floor": 0.1, "controls": {"autoregression": 3.0}, "status": "ok"},
    "d_h": {"value": 0.08, "floor": 0.05, "controls": {"autoregression": 0.3}, "status": "ok"},
    "valid_prediction_time": {
        "value": {"nrmse": 2.0}, "controls": {"persistence": {"nrmse": 0.1}, "linear": {"nrmse": 0.5}}, "status": "ok",
    },
    "prediction_error": {
        "value": {"1": 0.001, "20": 0.25}, "status": "ok",
        "controls": {"persistence": {"1": 0.01, "20": 1.2}, "linear": {"1": 0.002, "20": 0.9}},
    },
    "lyapunov_spectrum": {"value": [0.9, 0.0, -14.0], "status": "ok", "controls": {}},
}  # fmt: skip


def metrics(verdict="plausible attractor", **values):
    measures = copy.deepcopy(MEASURES)
    for name, value in values.items():
        measures[name]["value"] = value
    return {"measures": measures, "verdict": verdict}


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_seed_stands_beside_floors_and_baselines():
    lines = table([(0, metrics()), (3, metrics("cycle", d_stsp=4.0)), (4, metrics(d_stsp=0.4))]).splitlines()
    assert cells(lines[2]) == [
        "0", "0.2 (0.1; 3)", "0.08 (0.05; 0.3)", "2 (0.1; 0.5)", "0.001 (0.01; 0.002)", "0.25 (1.2; 0.9)", "0.9",
        "plausible attractor",
    ]  # fmt: skip
    assert [cells(line)[0] for line in lines[2:]] == ["0", "3", "4", "median [range]"]
    assert cells(lines[-1])[1] == "**0.4** [0.2, 4]"
    assert cells(lines[-1])[-1] == "2 plausible attractor, 1 cycle"
    assert len({len(cells(line)) for line in lines}) == 1


def test_failures_stay_in_the_table():
    failed = {"measures": {}, "verdict": "failed"}
    lines = table([(0, failed), (1, metrics())]).splitlines()
    assert cells(lines[2])[1:] == ["–"] * 6 + ["failed"]
    assert "1 missing" in cells(lines[-1])[1]
    assert table([(0, failed)]) == "Training failed with every seed.\n"


def test_distances_that_are_not_reliable_are_left_out():
    unreliable = metrics()
    unreliable["measures"]["d_stsp"]["status"] = "not reliable: 2e+10 cells for 90 points"
    assert "D_stsp" not in table([(0, unreliable)])


def test_values_that_are_not_finite_are_dashes():
    lost = metrics(prediction_error={"1": None, "20": None}, lyapunov_spectrum=None)
    assert cells(table([(0, lost)]).splitlines()[2])[4:7] == ["– (0.01; 0.002)", "– (1.2; 0.9)", "–"]


def test_the_page_reads_what_an_experiment_left(tmp_path):
    (tmp_path / "experiment.json").write_text(
        json.dumps({"title": "A heart", "seeds": [0, 1], "reconstructors": [{"label": "shplrnn"}]})
    )
    with pytest.raises(FormatError, match="not finished: no '.*seed-0.*': run it again"):
        results_of(tmp_path)
    for seed in (0, 1):
        folder = tmp_path / "shplrnn" / f"seed-{seed}"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(metrics()))
    text = page([tmp_path], ["dysyr run heart.toml -o out/heart"])
    assert "## A heart" in text and "dysyr run heart.toml" in text and "`shplrnn`, 2 seeds:" in text
    with pytest.raises(FormatError, match="a folder that dysyr run has filled"):
        results_of(tmp_path / "shplrnn")
