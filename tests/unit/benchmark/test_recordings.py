"""The page of results from finished experiments."""

import copy
import json

import pytest

from dysyr.benchmark.recordings import page, results_of, table
from dysyr.core.errors import FormatError, InputError

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
    return {"measures": measures, "verdict": verdict, "provenance": {"stamp": {"arguments": {"n_updates": 10}}}}


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_seed_stands_beside_floors_and_baselines():
    lines = table([(0, metrics()), (3, metrics("cycle", d_stsp=4.0)), (4, metrics(d_stsp=0.4))]).splitlines()
    assert cells(lines[2]) == [
        "0", "0.200 (0.100; 3.00)", "0.0800 (0.0500; 0.300)", "2.00 (0.100; 0.500)", "0.00100 (0.0100; 0.00200)",
        "0.250 (1.20; 0.900)", "0.900", "plausible attractor",
    ]  # fmt: skip
    assert [cells(line)[0] for line in lines[2:]] == ["0", "3", "4", "median [range]"]
    assert cells(lines[-1])[1] == "**0.400** [0.200, 4.00]"
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


def test_errors_that_are_not_finite_count_as_infinite():
    lost = metrics("diverged", prediction_error={"1": 0.5, "20": None}, lyapunov_spectrum=None)
    lines = table([(0, lost), (1, lost), (2, metrics())]).splitlines()
    assert cells(lines[2])[4:7] == ["0.500 (0.0100; 0.00200)", "∞ (1.20; 0.900)", "–"]
    assert cells(lines[-1])[5] == "**∞** [0.250, ∞]"


def test_measures_that_were_not_asked_for_have_no_column():
    few = metrics()
    del few["measures"]["prediction_error"], few["measures"]["valid_prediction_time"]
    assert cells(table([(0, few)]).splitlines()[0]) == [
        "seed", "D_stsp (floor; linear)", "D_H (floor; linear)", "largest exponent", "verdict"
    ]  # fmt: skip


def test_the_page_reads_what_an_experiment_left(tmp_path):
    (tmp_path / "experiment.json").write_text(
        json.dumps({
            "title": "A heart", "seeds": [0, 1],
            "reconstructors": [{"label": "shplrnn", "method": "shplrnn", "n_updates": 10}],
        })
    )  # fmt: skip
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
    with pytest.raises(InputError, match="commands and folders differ: 2 commands; 1"):
        page([tmp_path], ["a", "b"])
    other = metrics()
    other["provenance"]["stamp"]["arguments"]["n_updates"] = 60
    (tmp_path / "shplrnn" / "seed-1" / "metrics.json").write_text(json.dumps(other))
    with pytest.raises(FormatError, match="seed-1/metrics.json' was made with another n_updates: 60; 10"):
        results_of(tmp_path)
