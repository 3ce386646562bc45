"""The tables of the benchmark that shows where a method stops working."""

import copy
import json
import sys

from dysyr.benchmark import robustness
from dysyr.benchmark.robustness import code_table, limits, table

CONTROLS = {
    "persistence": {"nrmse": 0.1, "20": 1.2}, "climatology": {"nrmse": 0.0, "20": 1.0},
    "linear": {"nrmse": 0.5, "20": 0.3},
}  # fmt: skip
GOOD = {
    "system": "lorenz63", "condition": {"name": "base", "n": 1000, "noise": 0.05, "scalar": False}, "failure": None,
    "seconds": 10.0, "verdict": "plausible attractor",
    "measures": {
        "d_stsp": {"value": 0.1, "floor": 0.05, "controls": {"autoregression": 2.5}},
        "d_h": {"value": 0.1, "floor": 0.05, "controls": {"autoregression": 0.3}},
        "valid_prediction_time": {"value": {"nrmse": 2.0}, "controls": CONTROLS},
        "prediction_error": {"value": {"20": 0.001}, "controls": CONTROLS},
        "lyapunov_spectrum": {"value": [0.9, 0.0], "truth": [0.905, 0.0]},
    },
}  # fmt: skip


def record(condition="base", **values):
    made = copy.deepcopy(GOOD)
    made["condition"]["name"] = condition
    for name, value in values.items():
        made["measures"][name]["value"] = value
    return made


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_good_method_beats_all():
    assert cells(limits([record(), record()]).splitlines()[2]) == ["base", "2 of 2; beats all"]


def test_each_baseline_that_is_ahead_of_the_median_is_named():
    worse = record("noisy", d_stsp=2.6, valid_prediction_time={"nrmse": 0.3}, prediction_error={"20": 1.1})
    lines = limits([record(), worse]).splitlines()
    assert cells(lines[3])[0] == "noisy"
    assert cells(lines[3])[1].split("; ") == [
        "1 of 1", "D_stsp: linear", "valid time: linear", "error at 20 steps: climatology, linear"
    ]  # fmt: skip


def test_only_good_verdicts_are_counted():
    words = ("indistinguishable at this length", "wrong attractor", "undecidable at this length", "cycle")
    records = [{**record(), "verdict": word} for word in words]
    assert cells(limits(records).splitlines()[2])[1] == "1 of 4; beats all"


def test_failed_seeds_and_lost_forecasts_count_as_worse_than_everything():
    failed = {**record(), "failure": "diverged", "measures": None}
    lost = record(prediction_error={"20": None})
    found = cells(limits([record(), failed, failed]).splitlines()[2])[1]
    assert found.startswith("1 of 3; D_stsp: linear; D_H: linear")
    assert cells(limits([failed]).splitlines()[2])[1].count("linear") == 4
    assert cells(limits([record(), lost, lost]).splitlines()[2])[1] == (
        "3 of 3; error at 20 steps: persistence, climatology, linear"
    )


def test_the_table_has_medians_ranges_and_baselines():
    row = cells(table([record(), record(d_stsp=0.3), record(d_stsp=0.2)]).splitlines()[-1])
    assert row[:2] == ["lorenz63", "0 of 3"]
    assert row[2] == "**0.200** [0.100, 0.300] (0.0500; 2.50)"
    assert row[3] == "**0.100** [0.100, 0.100] (0.0500; 0.300)"
    assert row[5] == "**2.00** [2.00, 2.00] (0.100; 0.500)"
    assert row[7] == "3 plausible attractor"
    lost = record(prediction_error={"20": None})
    assert cells(table([record(), lost, lost]).splitlines()[-1])[6] == "**∞** [0.00100, ∞] (1.20; 0.300)"


def test_an_archive_of_finished_tasks_makes_the_page(tmp_path, monkeypatch, capsys):
    archive = tmp_path / "robustness.jsonl"
    archive.write_text("".join(
        json.dumps({"task": f"shplrnn-lorenz63-base-{seed}", "result": record(d_stsp=0.1 * seed)}) + "\n"
        for seed in (1, 2, 3)
    ))  # fmt: skip
    given = ["-o", str(tmp_path / "out"), "--systems", "lorenz63", "--processes", "0", "--archive", str(archive)]
    monkeypatch.setattr(sys, "argv", ["robustness", *given, "--write", str(tmp_path / "page.md")])
    robustness.main()
    assert "| lorenz63 | 0 of 3 | **0.200** [0.100, 0.300]" in (tmp_path / "page.md").read_text()
    assert len(archive.read_text().splitlines()) == 3


def with_codes(condition, *codes):
    return {**record(condition), "codes": list(codes)}


ALTERNATING = {"symbols": " ".join(["0 1"] * 500), "lengths": " ".join(["3 2"] * 500), "dt": 0.5}
MEMORYLESS = {"symbols": " ".join(["0 1 0 2 1 2"] * 200), "lengths": " ".join(["3 2 4 1 2 3"] * 200), "dt": 0.5}


def test_codes_of_seeds_are_compared_beside_two_runs_of_one_model():
    lines = code_table([with_codes("base", ALTERNATING, ALTERNATING)] * 2 + [record()]).splitlines()
    assert cells(lines[2])[:4] == ["base", "lorenz63", "2 of 3", "**2.00** [2, 2]"]
    assert cells(lines[2])[6] == "**1.00** [1.00, 1.00] (1.00)"
    other = code_table([with_codes("base", ALTERNATING, None), with_codes("base", MEMORYLESS, None)]).splitlines()
    agreement = float(cells(other[2])[6].split("**")[1])
    assert agreement < 0.5 and "(" not in cells(other[2])[6]


def test_a_seed_that_never_leaves_its_region_has_no_code_and_other_methods_no_table():
    rest = {"symbols": "0", "lengths": "25000", "dt": 0.5}
    lines = code_table([with_codes("base", rest, rest), with_codes("base", ALTERNATING, None)]).splitlines()
    assert cells(lines[2])[2:] == ["1 of 2", *[""] * 6]
    assert code_table([record(), {**record(), "codes": None}]) == ""


def test_a_task_of_a_model_with_regions_keeps_its_codes(monkeypatch):
    monkeypatch.setattr(robustness, "N_TEST", 2_000)
    small = {"latent_dim": 5, "n_updates": 100, "n_generations": 0, "n_starts": 1, "max_restarts": 0, "n_checks": 2}
    made = robustness.run_task("lorenz63", robustness.Condition("short", n=1_000), 0, "alrnn", small)
    assert made["failure"] is None and len(made["codes"]) == 2
    linear = robustness.run_task("lorenz63", robustness.Condition("short", n=1_000), 0, "linearar", {})
    assert linear["codes"] is None
