"""The commands: what they print, what they write, and how they refuse."""

import json
import re

import numpy as np
import pytest

import dysyr
from dysyr.cli_input import like_training
from dysyr.core.dataset import make_dataset, save_dataset


@pytest.fixture
def csv(tmp_path):
    """Write a CSV file with this text."""

    def write(text, name="data.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A run folder of a model that was trained for a moment, and the data it was trained on."""
    folder = tmp_path_factory.mktemp("fitted")
    t = 0.1 * np.arange(400)
    data = make_dataset(np.stack([np.sin(t), np.cos(t)], axis=1), dt=0.1, names=["a", "b"])
    save_dataset(data, folder / "data.nc")
    model = dysyr.SHPLRNN(hidden_dim=8, n_updates=20, n_refinements=2, n_checks=2, max_restarts=0, sequence_length=20)
    model.fit(data, progress=False).save(folder / "run")
    return folder


def sine_csv(n=300):
    rows = (f"{0.1 * i:.1f},{np.sin(0.1 * i):.6f},{np.cos(0.17 * i):.6f}" for i in range(n))
    return "time,a,b\n" + "\n".join(rows) + "\n"


def test_help_lists_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    for name in (
        "systems",
        "inspect",
        "simulate",
        "fit",
        "generate",
        "forecast",
        "evaluate",
        "encode",
        "report",
        "run",
        "doctor",
    ):
        assert f"\n  {name} " in out


def test_version(run):
    assert run("--version")[:2] == (0, f"dysyr {dysyr.__version__}\n")


def test_systems_are_listed_and_shown(run):
    code, out, _ = run("systems", "--json")
    listed = json.loads(out)
    assert code == 0 and len(listed) >= 25
    assert {"name", "kind", "dim", "title"} == set(listed[0])
    code, out, _ = run("systems", "lorenz63")
    assert code == 0
    assert "sigma*(y - x)" in out and "rho = 28" in out and "lorenz1963" in out
    assert json.loads(run("systems", "lorenz63", "--json")[1])["parameters"]["rho"] == 28.0
    out = run("systems", "two_state_channel")[1]
    assert "2 states: closed, open" in out and "closed -> open: k_open" in out
    assert "stationary distribution: 0.5, 0.5" in out
    assert "infection: susceptible -1, infected +1: beta*susceptible*infected/N" in run("systems", "sir")[1]


def test_simulate_on_another_device(run, tmp_path):
    code, _, err = run("simulate", "henon", "-o", tmp_path / "a.nc", "--n-steps", 50, "--device", "tpu")
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert "unknown device: 'tpu'; 'cpu' or 'cuda'" in err


def test_simulate_writes_what_the_function_gives(run, tmp_path):
    code, out, _ = run(
        "simulate", "henon", "-o", tmp_path / "a.nc", "--n-steps", 50, "--set", "a=1.3", "--seed", 3,
        "--observation-noise", 0.1,
    )  # fmt: skip
    assert code == 0 and "1 x 50 samples of 2 variables" in out
    written = dysyr.read_dataset(tmp_path / "a.nc")
    expected = dysyr.simulate(dysyr.load_system("henon", a=1.3), n_steps=50, seed=3, observation_noise=0.1)
    np.testing.assert_array_equal(written["x"], expected["x"])
    run("simulate", "immigration_death", "-o", tmp_path / "e.nc", "--n-steps", 20, "--events", "--seed", 1)
    (path,) = dysyr.jump_paths(dysyr.load(tmp_path / "e.nc"))
    (same,) = dysyr.jump_paths(dysyr.simulate("immigration_death", n_steps=20, events=True, seed=1))
    np.testing.assert_array_equal(path.times, same.times)
    run("simulate", "two_state_channel", "-o", tmp_path / "b.nc", "--n-steps", 50, "--label-noise", 0.2)
    expected = dysyr.simulate(dysyr.load_system("two_state_channel"), n_steps=50, label_noise=0.2)
    assert dysyr.read_dataset(tmp_path / "b.nc").identical(expected)
    shots = ("--n-steps", 5, "--set", "n_sites=3", "--n-shots", 7, "--frame", "tetra")
    assert "1 x 5 samples of 4 variables" in run("simulate", "tfim_decay", "-o", tmp_path / "c.nc", *shots)[1]
    expected = dysyr.simulate(dysyr.load_system("tfim_decay", n_sites=3), n_steps=5, n_shots=7, frame="tetra")
    assert dysyr.read_dataset(tmp_path / "c.nc").identical(expected) and expected["outcome"].shape == (7, 3)


def test_inspect_prints_text_or_json(run, csv):
    path = csv(sine_csv())
    code, out, _ = run("inspect", path)
    assert code == 0 and "300 samples" in out
    found = json.loads(run("inspect", path, "--json")[1])
    assert found["dt"] == pytest.approx(0.1)


def test_generate_and_forecast_write_data(run, fitted, tmp_path):
    code, out, _ = run(
        "generate", fitted / "run", "-o", tmp_path / "free.nc", "--n-steps", 30, "--n-trajectories", 2
    )
    assert code == 0 and "2 x 30 samples" in out
    model = dysyr.load(fitted / "run")
    np.testing.assert_array_equal(
        dysyr.read_dataset(tmp_path / "free.nc")["x"], model.generate(30, n_trajectories=2, seed=0)["x"]
    )
    code, out, _ = run(
        "forecast",
        fitted / "run",
        "--context",
        fitted / "data.nc",
        "--n-steps",
        12,
        "-o",
        tmp_path / "ahead.nc",
    )
    assert code == 0
    assert dysyr.read_dataset(tmp_path / "ahead.nc").sizes["time"] == 12


def test_a_context_is_embedded_as_the_training_data_were(run, csv, tmp_path):
    rows = [f"{0.1 * i:.1f},{np.cos(0.1 * i) + 0.3 * np.sin(0.23 * i):.6f}" for i in range(400)]
    path = csv("\n".join(["time,x", *rows]))
    assert run("fit", "linearar", path, "--embed", "-o", tmp_path / "run", "--set", "order=2")[0] == 0
    for command in ("generate", "forecast"):
        code, _, err = run(
            command, tmp_path / "run", "--context", path, "--n-steps", 5, "-o", tmp_path / f"{command}.nc"
        )
        assert code == 0, err
    made = [dysyr.read_dataset(tmp_path / f"{command}.nc")["x"] for command in ("generate", "forecast")]
    np.testing.assert_array_equal(*made)


def test_fit_reads_a_csv_and_keeps_its_settings(run, csv, tmp_path):
    code, out, _ = run(
        "fit", "shplrnn", csv(sine_csv()), "-o", tmp_path / "run", "--seed", 5, "--set", "hidden_dim=6",
        "--set", "n_updates=10", "--set", "n_checks=1", "--set", "max_restarts=0", "--set", "sequence_length=20",
    )  # fmt: skip
    assert code == 0 and "hidden_dim=6" in out
    parameters = dysyr.load(tmp_path / "run").get_params()
    assert parameters["hidden_dim"] == 6 and parameters["seed"] == 5


def test_recordings_below_each_other_in_one_table(run, csv, tmp_path):
    rows = [f"{i // 150},{0.1 * (i % 150):.1f},{np.sin(0.1 * i):.6f}" for i in range(300)]
    path = csv("rat,time,a\n" + "\n".join(rows) + "\n")
    code, out, _ = run("inspect", path, "--trajectory", "rat")
    assert code == 0 and "2 trajectories, 300 samples of 1 variable" in out
    code, _, err = run("inspect", path)
    assert code == 1 and "does not increase" in err and "--trajectory" in err
    code, _, err = run(
        "fit", "linearar", path, "-o", tmp_path / "run", "--trajectory", "rat", "--validation", path
    )
    assert code == 0, err
    assert dysyr.load(tmp_path / "run").n_features_in_ == 1
    code, out, err = run("evaluate", tmp_path / "run", "--truth", path, "--measures", "d_h", "--json")
    assert code == 0, err
    assert json.loads(out)["measures"]["d_h"]["n"] == 150
    code, _, err = run("inspect", "sunspots", "--trajectory", "rat")
    assert code == 2 and "leave out --dt, --time and --trajectory" in err


def test_truth_is_read_as_the_training_data_were(run, csv, tmp_path):
    rows = [f"{0.1 * i:.1f},{np.sin(0.1 * i):.6f},good" for i in range(300)]
    path = csv("when,a,note\n" + "\n".join(rows) + "\n")
    assert run("fit", "linearar", path, "-o", tmp_path / "run", "--time", "when", "--columns", "a")[0] == 0
    code, out, err = run("evaluate", tmp_path / "run", "--truth", path, "--measures", "d_h", "--json")
    assert code == 0 and json.loads(out)["measures"]["d_h"]["n"] == 300, err


@pytest.mark.parametrize(("header", "how"), [("t,a", ()), ("a", ("--dt", "0.01"))])
def test_truth_is_resampled_as_the_training_data_were(run, csv, tmp_path, header, how):
    fine = 0.01 * np.arange(3_000)
    rows = [",".join([f"{t:.2f}"] * (header == "t,a") + [f"{np.sin(t):.6f}"]) for t in fine]
    path = csv(header + "\n" + "\n".join(rows) + "\n")
    code, _, err = run("fit", "linearar", path, "-o", tmp_path / "run", "--resample", "0.1", *how)
    assert code == 0, err
    code, out, err = run("evaluate", tmp_path / "run", "--truth", path, "--measures", "d_h", "--json")
    assert code == 0 and json.loads(out)["measures"]["d_h"]["n"] == 300, err
    dysyr.save_dataset(dysyr.make_dataset(np.sin(0.1 * np.arange(200)), dt=0.1, names=["a"]), tmp_path / "coarse.nc")
    code, out, err = run(
        "evaluate", tmp_path / "run", "--truth", tmp_path / "coarse.nc", "--measures", "d_h", "--json"
    )
    assert code == 0 and json.loads(out)["measures"]["d_h"]["n"] == 200, err


def test_data_with_the_interval_of_the_model_are_not_resampled_again(csv, run, tmp_path):
    rows = [f"{t:.2f},{np.sin(t):.6f}" for t in 0.01 * np.arange(2_000)]
    path = csv("t,a\n" + "\n".join(rows) + "\n")
    assert run("fit", "linearar", path, "-o", tmp_path / "run", "--resample", "0.1")[0] == 0
    dysyr.save_dataset(dysyr.make_dataset(np.array([0.0, 0.1]), dt=0.1, names=["a"]), tmp_path / "two.nc")
    data = like_training(str(tmp_path / "two.nc"), dysyr.load(tmp_path / "run"))
    assert data["x"].shape == (1, 2, 1)


def test_a_model_of_irregular_data_does_not_tell_the_interval_of_a_file_without_times(run, csv, tmp_path, rng):
    t = 0.01 * np.arange(2_000) + rng.uniform(0, 0.004, 2_000)
    timed = csv("t,a\n" + "\n".join(f"{s:.5f},{np.sin(s):.6f}" for s in t) + "\n")
    assert run("fit", "linearar", timed, "-o", tmp_path / "run", "--resample", "0.1")[0] == 0
    untimed = csv("a\n" + "\n".join(f"{np.sin(s):.6f}" for s in t) + "\n")
    code, _, err = run("evaluate", tmp_path / "run", "--truth", untimed, "--measures", "d_h")
    assert code == 1 and "no sampling interval" in err


def test_truth_with_gaps_is_scored_on_its_longest_stretch(run, fitted, csv):
    rows = [f"{0.1 * i:.1f},{np.sin(0.1 * i):.6f},{np.cos(0.1 * i):.6f}" for i in range(300)]
    rows[40] = "4.0,,"
    truth = csv("time,a,b\n" + "\n".join(rows) + "\n")
    code, out, _ = run("evaluate", fitted / "run", "--truth", truth, "--measures", "d_h", "--json")
    assert code == 0 and json.loads(out)["measures"]["d_h"]["n"] == 259


def test_evaluate_and_report_agree_on_the_verdict(run, fitted, tmp_path):
    words = (fitted / "run", "--truth", fitted / "data.nc")
    code, out, _ = run(
        "evaluate", *words, "--measures", "d_stsp,d_h", "-o", tmp_path / "metrics.json", "--json"
    )
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "metrics.json").read_text())
    verdict = json.loads(out)["verdict"]
    code, out, _ = run("report", *words, "--measures", "d_stsp,d_h", "-o", tmp_path / "report.html")
    assert code == 0 and verdict in out
    assert (tmp_path / "report.html").read_text().rstrip().endswith("</html>")


def test_doctor_checks_against_scipy(run):
    code, out, _ = run("doctor", "--json")
    health = json.loads(out)
    assert code == 0 and health["passed"] and health["check_error"] < 1e-6
    assert "numba" in health["versions"]
    assert health["cache_kept"]


def test_doctor_says_when_kernels_are_not_kept(run, monkeypatch):
    from dysyr import doctor

    monkeypatch.setattr(doctor, "cache_is_kept", lambda: False)
    code, out, _ = run("doctor")
    assert code == 0
    assert "(TEMPORARY: kernels are compiled every time)" in out


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("nonsense",), "nonsense"),
        (("systems", "--nonsense"), "nonsense"),
        (("generate", "lorenz63", "--n-steps", "3"), "output"),
        (("simulate", "lorenz63", "-o", "a.nc", "--n-steps", "many"), "--n-steps"),
        (("simulate", "lorenz63", "-o", "a.nc", "--set", "rho"), "key=value"),
        (("simulate", "lorenz63", "-o", "a.nc", "--set", "rhoo=30"), "did you mean 'rho'"),
        (("fit", "shplrnn", "a.csv", "-o", "r", "--set", "latentdim=3"), "did you mean 'latent_dim'"),
        (("fit", "shplrm", "a.csv", "-o", "r"), "did you mean 'shplrnn'"),
        (("run", "a.toml", "-o", "out", "--set", "seeds"), "key=value"),
    ],
)
def test_a_command_typed_wrongly_exits_2(run, tmp_path, monkeypatch, words, match):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*words)
    assert code == 2
    assert match in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "words", "match"),
    [
        ("", (), "bad.csv"),
        ("\x00\x01\x02\xff", (), "bad.csv"),
        ("a,b\n1,2\n3,4\n5,6\n", (), "dt"),
        ("time,a\n0,1\n1,2\n5,3\n6,4\n20,5\n", (), "dt"),
        ("time,a\n0,1\n1,\n2,3\n3,4\n", (), "missing|finite"),
        ("time,a\n0,1\n", (), "few|sample"),
        ("name,other\nx,y\nz,w\n", ("--dt", "1"), "name|text|numeric"),
    ],
)
def test_bad_data_gets_one_line_that_says_what_to_do(run, csv, tmp_path, text, words, match):
    path = csv(text, "bad.csv")
    code, out, err = run("fit", "shplrnn", path, "-o", tmp_path / "run", *words)
    assert code == 1 and not out
    assert err.startswith("dysyr: ") and len(err.splitlines()) == 1
    assert re.search(match, err), err
    assert not (tmp_path / "run").exists()


def test_a_constant_channel_is_refused(run, csv, tmp_path):
    rows = "\n".join(f"{0.1 * i:.1f},{np.sin(0.1 * i):.6f},1.0" for i in range(200))
    code, _, err = run("fit", "shplrnn", csv("time,a,flat\n" + rows), "-o", tmp_path / "run")
    assert code == 1 and "flat" in err


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')", "(1).__class__", "9**9**9**9", "x" + "+x" * 200_000, "lambda: 0", "x +",
        "1e999", "x\u0445", "[i for i in (1,2)]",
    ],
)  # fmt: skip
def test_a_hostile_system_file_is_refused_fast(run, tmp_path, expression):
    path = tmp_path / "evil.toml"
    path.write_text(
        f'format = 1\nkind = "ode"\ntitle = "evil"\n[equations]\nx = "{expression}"\n[defaults]\ndt = 0.1\n'
    )
    code, _, err = run("simulate", path, "-o", tmp_path / "a.nc")
    assert code == 1
    assert err.startswith("dysyr: ") and len(err) < 2000
    assert not (tmp_path / "a.nc").exists()


def test_unknown_names_come_with_the_nearest_known_one(run, tmp_path):
    code, _, err = run("simulate", "lorentz63", "-o", tmp_path / "a.nc")
    assert code == 1 and "did you mean 'lorenz63'" in err
    code, _, err = run("inspect", tmp_path / "absent.csv")
    assert code == 1 and "absent.csv" in err


def test_foreign_and_damaged_runs_are_refused(run, fitted, tmp_path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "config.json").write_text('{"epochs": 3}')
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in (fitted / "run").iterdir():
        (damaged / file.name).write_bytes(file.read_bytes()[: 40 if file.suffix == ".safetensors" else None])
    for folder in (tmp_path / "foreign", damaged, tmp_path / "absent"):
        code, _, err = run("generate", folder, "-o", tmp_path / "free.nc", "--n-steps", 10)
        assert code == 1 and folder.name in err and len(err.splitlines()) == 1
    assert not (tmp_path / "free.nc").exists()


def test_a_foreign_data_file_is_refused(run, fitted, tmp_path):
    (tmp_path / "foreign.nc").write_bytes(b"CDF nonsense")
    code, _, err = run("evaluate", fitted / "run", "--truth", tmp_path / "foreign.nc")
    assert code == 1 and "foreign.nc" in err


def test_a_place_that_cannot_be_written_is_refused_before_the_work(run, tmp_path, monkeypatch):
    blocker = tmp_path / "file"
    blocker.write_text("mine")
    monkeypatch.setattr(dysyr, "simulate", lambda *args, **kwargs: pytest.fail("worked first"))
    code, _, err = run("simulate", "henon", "-o", blocker / "a.nc")
    assert code == 1 and "cannot write" in err
    assert blocker.read_text() == "mine"


def test_a_full_disk_leaves_the_old_file(run, tmp_path, monkeypatch):
    target = tmp_path / "a.nc"
    target.write_bytes(b"old")

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    code, _, err = run("simulate", "henon", "-o", target, "--n-steps", 10)
    assert code == 1 and "No space left" in err
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.nc"]


def test_a_folder_with_other_things_is_not_fitted_into(run, csv, tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    code, _, err = run("fit", "shplrnn", csv(sine_csv()), "-o", target)
    assert code == 1 and "not empty" in err and "--resume" in err
    assert (target / "thesis.txt").read_text() == "mine"


def test_an_interrupt_exits_130_without_a_traceback(run, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(dysyr, "load_system", interrupted)
    code, _, err = run("systems", "lorenz63")
    assert code == 130 and err == "dysyr: interrupted\n"


def test_an_error_that_is_no_refusal_keeps_its_traceback(run, monkeypatch):
    monkeypatch.setattr(dysyr, "load_system", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("systems", "lorenz63")


def test_pretrain(run, tmp_path, monkeypatch):
    from dysyr.reconstruction.jump_em.foundation import examples

    monkeypatch.setattr(examples, "CHUNK", 40)
    options = ("--n-contexts", 1, "--n-updates", 2)
    code, out, _ = run("pretrain", "jump", "-o", tmp_path / "weights", *options)
    assert code == 0
    assert (tmp_path / "weights" / "jump_foundation.safetensors").exists()
    assert out.strip().endswith("jump_foundation.safetensors")
    code, _, err = run("pretrain", "weather", "-o", tmp_path / "weights")
    assert code == 2
    assert "no such network: weather" in err
