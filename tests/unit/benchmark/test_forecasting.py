"""The protocol of forecasts: its data, its scores and its table."""

import json
import sys

import numpy as np
import pytest

from dysyr.benchmark import forecasting, forecasting_page, forecasting_protocol
from dysyr.benchmark.forecasting import METHODS, run_all
from dysyr.benchmark.forecasting_page import leaders, page, table
from dysyr.benchmark.forecasting_protocol import dimension_of, scores, training_data, true_forecasts


@pytest.fixture
def orbit():
    return forecasting_protocol.test_data("lorenz63", 0.0, n_test=3)


def test_thirty_samples_make_a_nominal_lyapunov_time(orbit):
    contexts, truth = orbit
    assert contexts.shape == (3, 30, 3)
    assert truth.shape == (3, 900, 3)
    data = training_data("lorenz96", 0.0, 0)
    assert data["x"].shape == (1, 29_000, 5)
    assert data.attrs["dt"] == pytest.approx(1 / (30 * 1.3362))
    other = training_data("lorenz96", 0.0, 1)
    assert not np.allclose(data["x"].values[0, :50], other["x"].values[0, :50])


def test_noise_is_on_the_contexts_alone(orbit):
    noisy, truth = forecasting_protocol.test_data("lorenz63", 0.05, n_test=3)
    np.testing.assert_array_equal(truth, orbit[1])
    size = ((noisy - orbit[0]) / orbit[1].std(axis=(0, 1))).std()
    assert 0.03 < size < 0.07


def test_scores_of_a_perfect_and_of_a_late_failure(orbit):
    truth = orbit[1]
    sd = truth.std(axis=(0, 1))
    best = scores("lorenz63", truth, truth, sd)
    assert best["vpt"] == 10.0
    assert best["vpt_long"] == 30.0
    assert best["valid_time"] == pytest.approx(30 * 0.9056 / 0.8917)
    assert best["smape_10"] == best["d_frac"] == best["d_stsp_raw"] == best["first_step"] == 0.0
    late = truth.copy()
    late[:, 60:] = np.nan
    found = scores("lorenz63", truth, late, sd)
    assert found["diverged"] == 3
    assert found["valid_time"] == pytest.approx(2 * 0.9056 / 0.8917)
    assert 2 < found["vpt"] < 2.5
    assert found["vpt_long"] == found["vpt"]
    assert found["smape_1"] == 0.0
    assert found["smape_10"] == pytest.approx(200 * 240 / 300)
    assert found["d_stsp_sd"] == np.inf
    assert found["dimension"] == 0.0


def test_dimension_is_that_of_late_samples():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, size=(60, 900))
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=2)
    circle[:, :300] = rng.normal(size=(60, 300, 2))
    assert dimension_of(circle) == pytest.approx(1.0, abs=0.05)
    assert dimension_of(np.zeros((60, 900, 2))) == 0.0


def test_true_equations_go_on_from_the_last_sample(orbit):
    contexts, truth = orbit
    ahead = true_forecasts("lorenz63", contexts, 60)
    np.testing.assert_allclose(ahead, truth[:, :60], atol=1e-6)
    contexts = contexts.copy()
    contexts[0, -1] = 1e200
    ahead = true_forecasts("lorenz63", contexts, 5)
    assert np.isnan(ahead[0]).all()
    np.testing.assert_allclose(ahead[1:], truth[1:, :5], atol=1e-6)


def kept_records(folder, label, n_failed=0, **changes):
    folder.mkdir(exist_ok=True)
    made = scores("lorenz63", *(2 * [np.cumsum(np.ones((2, 900, 3)), axis=1)]), np.ones(3))
    for seed in range(3):
        record = {
            "system": "rossler",
            "noise": 0.0,
            "method": label,
            "seed": seed,
            "made_by": forecasting.settings(label, "rossler"),
        }
        failure = {"failure": "no"} if seed < n_failed else {"failure": None, "seconds": 3.0, "parameters": 12_345}
        text = json.dumps(record | failure | ({} if seed < n_failed else made | changes))
        (folder / f"rossler-noise_0-{label}-{seed}.json").write_text(text)
    return [("rossler", 0.0, label, seed) for seed in range(3)]


def test_finished_tasks_are_kept_and_failures_count(tmp_path, monkeypatch):
    monkeypatch.setattr(forecasting_page, "N_TEST", 2)
    records = run_all(tmp_path, kept_records(tmp_path, "shplrnn", n_failed=1), 1)
    text = table(records)
    assert "| shplrnn | 10 (0) | 30 (0) | 0 (0) |" in text
    assert "| 1 of 3, 0 of 4 | 12,345 | 3 |" in text
    assert "*PhyxMamba, as published* | 9.83 | – | 2.84 | 3.55 | 12.64 | 0.049 | 0.034 | – |" in text
    assert "a nominal Lyapunov time is 0.47 true ones" in text
    assert "| shplrnn | 0 (0) | 0 (0) | 200 (0) |" in table([r | {"failure": "no"} for r in records])


def test_results_of_other_settings_are_not_kept(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(forecasting, "run_task", lambda *task: ran.append(task[3]) or {"failure": "again"})
    tasks = kept_records(tmp_path, "lstm")
    path = tmp_path / "rossler-noise_0-lstm-1.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made_by": ["lstm", {"n_updates": 1}]}))
    run_all(tmp_path, tasks, 1)
    assert ran == [1]


def test_a_score_that_older_results_lack_is_not_told(tmp_path):
    records = run_all(tmp_path, kept_records(tmp_path, "lstm"), 1)
    older = [{key: value for key, value in r.items() if key != "vpt_long"} for r in records[:1]]
    assert "| lstm | 10 (0) | – | 0 (0) |" in table(older + records[1:])


def test_one_seed_has_no_deviation(tmp_path):
    records = run_all(tmp_path, kept_records(tmp_path, "lstm", d_stsp_raw=None), 1)
    assert "| lstm | 10 | 30 | 0 | 0 | 0 | 0 | ∞ |" in table(records[:1])
    assert "| lstm | 10 (0) | 30 (0) | 0 (0) | 0 (0) | 0 (0) | 0 (0) | ∞ |" in table(records)


def test_leaders_are_told_in_two_groups_and_what_was_not_run_is_named(tmp_path):
    tasks = kept_records(tmp_path, "lstm", vpt=4.0) + kept_records(tmp_path, "gru", vpt=3.0)
    tasks += kept_records(tmp_path, "sindy_weak", vpt=9.0) + kept_records(tmp_path, "truth", vpt=99.0)
    records = run_all(tmp_path, tasks, 1)
    assert "| rossler | 0 % | lstm | 3 | 4 (0) | 30 (0) |" in leaders(records)
    assert "| – | 9.83 | sindy_weak | 9 (0) |" in leaders(records)
    noisy = [r | {"noise": 0.05} for r in records if r["method"] == "gru"]
    lines = page(records + noisy, "the command", "what it is", n_tasks=15).splitlines()
    assert "Written by `the command`." in lines
    assert any(line.startswith("| rossler | 5 % | gru | 3 | 3 (0) |") for line in lines)
    clean, rest = (lines.index(f"### rossler, {p} % noise") for p in (0, 5))
    rows = [line.split(" |")[0] for line in lines[clean:rest] if line.startswith("| ")]
    assert rows[1:5] == ["| lstm", "| gru", "| sindy_weak (library holds the true terms)", "| truth"]
    assert sum(line.startswith("| lstm | not run |") for line in lines[rest:]) == 1


def test_command_writes_the_page(tmp_path, monkeypatch, capsys):
    kept_records(tmp_path, "gru")
    given = ["-o", str(tmp_path), "--methods", "gru", "--systems", "rossler", "--noise", "0", "--seeds", "3"]
    monkeypatch.setattr(sys, "argv", ["forecasting", *given, "--write", str(tmp_path / "page.md")])
    forecasting.main()
    text = (tmp_path / "page.md").read_text()
    assert "python -m dysyr.benchmark.forecasting -o" in text
    assert "30 samples in a nominal Lyapunov time" in text
    assert "| gru | 10 (0) |" in text
    assert "Not finished" not in text
    assert text in capsys.readouterr().out


def test_command_tells_of_what_is_not_finished(tmp_path, monkeypatch, capsys):
    kept_records(tmp_path, "gru")
    given = ["-o", str(tmp_path), "--methods", "gru", "--systems", "rossler", "--noise", "0", "--processes", "0"]
    monkeypatch.setattr(sys, "argv", ["forecasting", *given])
    forecasting.main()
    assert "**Not finished**: 3 of 5 fits" in capsys.readouterr().out


def test_an_archive_is_taken_over_and_added_to(tmp_path, monkeypatch, capsys):
    kept_records(tmp_path / "first", "gru")
    given = ["--systems", "rossler", "--noise", "0", "--seeds", "3", "--processes", "0", "--archive"]
    archive = tmp_path / "forecasting.jsonl"
    for folder, methods in (("first", ["gru"]), ("second", ["gru", "lstm"])):
        arguments = ["-o", str(tmp_path / folder), "--methods", *methods, *given, str(archive)]
        monkeypatch.setattr(sys, "argv", ["forecasting", *arguments])
        forecasting.main()
        assert "| gru | 10 (0) |" in capsys.readouterr().out
        kept_records(tmp_path / "second", "lstm")
    assert len(archive.read_text().splitlines()) == 6


def test_what_needs_a_card_is_printed_where_it_was_run_and_run_only_when_named(tmp_path, monkeypatch, capsys):
    kept_records(tmp_path, "gru")
    given = ["-o", str(tmp_path), "--systems", "rossler", "--noise", "0", "--seeds", "3", "--processes", "0"]
    monkeypatch.setattr(sys, "argv", ["forecasting", *given])
    forecasting.main()
    assert "phyxmamba_published |" not in capsys.readouterr().out
    kept_records(tmp_path, "phyxmamba_published")
    forecasting.main()
    assert "| phyxmamba_published | 10 (0) |" in capsys.readouterr().out


def test_settings_of_the_published_sizes_are_those_of_the_system():
    method, given = forecasting.settings("phyxmamba_published", "rossler")
    assert method == "phyxmamba"
    assert (given["n_layers"], given["d_state"], given["n_tokens"], given["delay"]) == (1, 1024, 6, 7)
    assert (given["n_updates"], given["device"]) == (10_000, "cuda")
    assert forecasting.settings("phyxmamba_published", "lorenz96")[1]["n_layers"] == 3
    assert forecasting.settings("gru", "rossler") == METHODS["gru"]
