"""Experiments and commands on chains of states: data to report."""

import json

import pytest
from jump_cases import THREE, irregular_paths
from typer.testing import CliRunner

from dysyr.cli import app
from dysyr.core.dataset import make_dataset, save_dataset
from dysyr.core.system import System
from dysyr.experiment import read_experiment, run_experiment
from dysyr.experiment_data import make_data

CHAIN = """
format = 1
kind = "jump"
title = "A chain of three states"
[parameters]
k = 1.0
[states]
names = ["shut", "open", "blocked"]
[rates]
"shut -> open" = "k"
"open -> shut" = "0.4*k"
"open -> blocked" = "0.6*k"
"blocked -> open" = "0.5*k"
[defaults]
dt = 0.5
transient = 0.0
"""
EXPERIMENT = """
title = "Rates of a chain"
seeds = [0]
[system]
name = "chain.toml"
[simulate]
n_steps = 30
n_trajectories = 40
[[reconstructor]]
method = "jumpem"
[[reconstructor]]
method = "jumpem"
label = "counts"
estimator = "counts"
[evaluate]
n_rate_draws = 20
markov_simulations = 99
n_truth_pairs = 5
"""


@pytest.fixture
def experiment(tmp_path):
    (tmp_path / "chain.toml").write_text(CHAIN)
    (tmp_path / "rates.toml").write_text(EXPERIMENT)
    return read_experiment(tmp_path / "rates.toml")


def test_a_chain_of_ones_own_runs_from_file_to_report(experiment, tmp_path):
    result = run_experiment(experiment, tmp_path / "out", say=lambda line: None)
    assert {row.label for row in result.comparison.rows} == {"jumpem", "counts"}
    assert result.card.measures["rate_error"].value < 0.5
    assert result.card.rates.names == ("shut", "open", "blocked")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Rates of a chain" in page
    assert "Are the labels Markov?" in page
    assert "Ranked by the mean of the ranks in rate error" in page
    scores = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert {method["label"] for method in scores["methods"]} == {"jumpem", "counts"}


def test_the_system_of_a_chain_is_its_own_reference(experiment):
    data = make_data(experiment)
    assert isinstance(data.reference, System)
    assert data.reference.rate_matrix[0, 1] == 1.0


def test_commands_report_on_irregular_labels(tmp_path):
    runner = CliRunner()
    for seed, name in ((1, "train"), (2, "test")):
        clocks, states = irregular_paths(THREE, n_paths=25, n=20, seed=seed)
        data = make_dataset([row[:, None] for row in states], time=clocks, label=states)
        save_dataset(data, tmp_path / f"{name}.nc")
    run, truth, page = (str(tmp_path / name) for name in ("run", "test.nc", "page.html"))
    assert runner.invoke(app, ["fit", "jumpem", str(tmp_path / "train.nc"), "-o", run]).exit_code == 0
    made = runner.invoke(app, ["report", run, "--truth", truth, "-o", page])
    assert made.exit_code == 0, made.output
    assert "Occupation over time" in (tmp_path / "page.html").read_text()
    scored = runner.invoke(app, ["evaluate", run, "--truth", truth, "--json"])
    assert scored.exit_code == 0, scored.output
    assert "hellinger" in json.loads(scored.stdout)["measures"]
    refused = runner.invoke(app, ["evaluate", run, "--truth", truth, "--measures", "d_stsp"])
    assert refused.exit_code != 0
