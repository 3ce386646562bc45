"""Inputs that fuzzing has found (tests/fuzz): each once led to something else than a refusal, or to another result."""

import re

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

import dysyr
from dysyr.benchmark.sweep_file import read_sweep
from dysyr.core.arguments import number
from dysyr.core.expression_parser import Scope, parse_expression
from dysyr.core.expression_text import expression_text
from dysyr.core.expressions import parameter, simplify
from dysyr.core.settings_text import parse_settings
from dysyr.core.system import System
from dysyr.core.system_file import write_invariants
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.experiment_file import read_experiment

DIGITS = "9" * 5000
DEEP = "[" * 5000
DATA = '[data]\npath = "a.csv"\n'
METHOD = '[[reconstructor]]\nmethod = "linearar"\n'
ODE = '[equations]\nx = "-x"\n'


@pytest.mark.parametrize(
    "text",
    [
        "-y*-y*-y*-y**-y*-y*-y*-y*-y*-y*-y*-y", "x*y*x*y*x*y*x*y*x", "x*-(x*y)*" + "x*" * 20 + "y*(x*y)",
        "(x*y)*(x*y)", "(x + 1)*(x*y*x*y*x*y*x*y*x*y)",
    ],
)  # fmt: skip
def test_long_products_come_back(text):
    scope = Scope({name: parameter(name) for name in "xy"})
    tree = parse_expression(text, scope)
    assert simplify((parse_expression(expression_text(tree), scope),)) == simplify((tree,))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (f'kind = "ode"\n{ODE}[defaults]\ndt = {"9" * 400}\n', "dt cannot be used"),
        (f'kind = "ode"\ndt = {DIGITS}\n{ODE}', "no TOML file"),
        (f'kind = "ode"\ndt = {DEEP}\n{ODE}', "no TOML file"),
    ],
)
def test_system_files(text, match, tmp_path):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(dysyr.DysyrError, match=match):
        System.from_file(tmp_path / "a.toml")


def test_texts_with_ends_of_lines_that_are_none_in_toml(tmp_path):
    invariant = {"name": "kaplan_yorke", "value": 1.0, "source": "a\x85[[invariants]]\u2028b"}
    definition = {"name": "a", "kind": "ode", "equations": {"x": "-x"}, "invariants": [invariant]}
    System.from_dict(definition).to_file(tmp_path / "a.toml")
    assert System.from_file(tmp_path / "a.toml").invariants[0]["source"] == invariant["source"]
    write_invariants(tmp_path / "a.toml", [invariant | {"value": 2.0}])
    (again,) = System.from_file(tmp_path / "a.toml").invariants
    assert again["source"] == invariant["source"] and again["value"] == 2.0


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (f"seeds = {DIGITS}\n{DATA}{METHOD}", "cannot read the experiment file"),
        (f"seeds = {DEEP}\n{DATA}{METHOD}", "cannot read the experiment file"),
        (f"{DATA}{METHOD}label = [1]\n", "one that is no text; names"),
        (f"{DATA}[[reconstructor]]\nmethod = {{a = 1}}\n", "one that is no text; names"),
        (f"[data]\npath = 1\n{METHOD}", r"path of \[data\].*: 1; a text"),
        (f"{DATA}dt = [1]\n{METHOD}", r"dt of \[data\].*a number, or a text"),
        (f"{DATA}time = 1\n{METHOD}", r"time of \[data\].*the name of a column, or false"),
        (f"{DATA}columns = [1]\n{METHOD}", r"columns of \[data\].*a list of names"),
        (f"[system]\nname = 1\n{METHOD}", r"name of \[system\].*a text"),
        (f"[system]\nname = 'henon'\nparameters = 1\n{METHOD}", r"parameters of \[system\].*a table"),
        (f"[system]\nname = 'henon'\n[simulate]\ntest = 1\n{METHOD}", r"\[simulate.test\].*a table"),
        (f"[system]\nname = 'henon'\n[simulate]\nseed = 'a'\n{METHOD}", r"seed of \[simulate\].*a whole number"),
        (f"{DATA}[evaluate]\nseed = -1\n{METHOD}", r"seed of \[evaluate\].*a whole number"),
        (f"{DATA}[report]\nnotes = 1\n{METHOD}", r"notes of \[report\].*a text"),
        (f"{DATA}[evaluate]\nn_runs = 'a'\n{METHOD}", "setting n_runs is not positive: 'a'; a positive whole number"),
        (f"{DATA}[evaluate]\nprediction_steps = []\n{METHOD}", "prediction_steps .*a tuple of positive whole numbers"),
    ],
)
def test_experiment_files(text, match, tmp_path):
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(dysyr.DysyrError, match=match):
        read_experiment(tmp_path / "e.toml")


@pytest.mark.parametrize("key", ["data", "data.path", "report.title.a", "evaluate.n_runs", "reconstructor.order"])
def test_settings_for_entries_that_are_no_tables(key, tmp_path):
    (tmp_path / "e.toml").write_text("data = 1\nreport = {title = 'a'}\nevaluate = [1]\nreconstructor = [1]\n")
    with pytest.raises(dysyr.InputError, match="a table|another value there; tables"):
        read_experiment(tmp_path / "e.toml", {key: "1"})


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (f"seeds = {DIGITS}\n", "cannot read the sweep file"),
        (f"[system]\nname = []\n{METHOD}", "nothing to sweep over in system.name"),
        (
            "[system]\nname = ['henon']\n[system.parameters]\n"
            + "".join(f"a{i} = {list(range(30))}\n" for i in range(9)),
            "too many conditions of the sweep: 19683000000000; at most 10000",
        ),
        (
            "[system]\nname = 'henon'\n[[reconstructor]]\nmethod = 'linearar'\n"
            + "".join(f"a{i} = {list(range(30))}\n" for i in range(9)),
            "too many settings of a method: 19683000000000; at most 10000",
        ),
    ],
)
def test_sweep_files(text, match, tmp_path):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(dysyr.DysyrError, match=match):
        read_sweep(tmp_path / "s.toml")


@pytest.mark.parametrize(
    ("text", "options", "match"),
    [
        ("a\n1\n2\n", {"time": "a"}, "no series in .*only the times 'a'"),
        ("1" * 400 + "\n1\n2\n", {"dt": 1.0}, "column 'x'.* holds a number that is too large"),
        ("time,b\n" + "9" * 400 + ",1\n1,2\n", {}, "column 'time'.* holds a time that is too large"),
        ("a,b\n" + "1" * 200_000 + ",1\n", {"dt": 1.0}, "a line cannot be cut into cells: field larger than"),
    ],
)
def test_text_tables(text, options, match, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(dysyr.DysyrError, match=match):
        dysyr.as_dataset(tmp_path / "a.csv", **options)


def test_a_row_of_empty_cells_is_a_sample(tmp_path):
    (tmp_path / "a.tsv").write_text("a\tb\n1\t2\n\t\n3\t4\n\n# end\n")
    made = dysyr.as_dataset(tmp_path / "a.tsv", dt=0.1, mask=True)
    np.testing.assert_array_equal(made["x"].values[0], [[1, 2], [np.nan, np.nan], [3, 4]])
    (tmp_path / "a.txt").write_text("1 2\n\t\n3 4\n")
    np.testing.assert_array_equal(dysyr.as_dataset(tmp_path / "a.txt", dt=0.1)["x"].values[0], [[1, 2], [3, 4]])


def test_dates_across_the_change_to_summer_time(tmp_path):
    rows = ("2024-03-30T12:00:00+01:00,1", "2024-03-31T12:00:00+02:00,2", "2024-04-01T12:00:00+02:00,3")
    (tmp_path / "a.csv").write_text("date,x\n" + "\n".join(rows) + "\n")
    made = dysyr.as_dataset(tmp_path / "a.csv")
    assert made.attrs["time_origin"] == "2024-03-30T11:00:00"
    np.testing.assert_allclose(made["t"] if "t" in made else made["time"], [0.0, 23.0, 47.0])


def test_whole_numbers_beyond_int64_stay_what_they_are(tmp_path):
    values = [1, 2**63, 2**64 - 1]
    pd.DataFrame({"x": np.array(values, dtype=np.uint64)}).to_csv(tmp_path / "a.csv", index=False)
    np.testing.assert_array_equal(dysyr.as_dataset(tmp_path / "a.csv", dt=1.0)["x"].values[0, :, 0], np.float64(values))


def test_an_archive_of_a_later_version(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(9.0))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.rindex(b"PK\x01\x02") + 6] = 255
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(dysyr.FormatError, match="cannot read .*zip file version 25.5"):
        dysyr.as_dataset(tmp_path / "a.npz", dt=0.1)


def test_a_table_with_damaged_words_about_its_columns(tmp_path):
    table = pyarrow.table({"a": [1.0, 2.0]})
    words = {"pandas": '{"columns": [], "index_columns": [{}]}'}
    pyarrow.parquet.write_table(table.replace_schema_metadata(words), tmp_path / "a.parquet")
    with pytest.raises(dysyr.FormatError, match="cannot read .*a.parquet' as Parquet: KeyError"):
        dysyr.as_dataset(tmp_path / "a.parquet", dt=0.1)


@pytest.mark.parametrize("text", [DIGITS, DEEP])
def test_settings_that_toml_cannot_hold_are_text(text):
    assert parse_settings([f"x={text}"]) == {"x": text}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_steps": 2**63 - 1}, "n_steps: .*at most"),
        ({"t_end": 1e308, "dt": 1e-308}, "t_end and dt: .*at most"),
        ({"n_steps": 5, "n_trajectories": 10**18}, "n_trajectories: .*at most"),
        ({"n_steps": 5, "transient": "a"}, "transient: 'a'; a time >= 0"),
        ({"n_steps": 5, "transient": 1e308, "method": "rk4"}, "transient: .*at most"),
    ],
)
def test_more_samples_than_any_computer_holds(options, match):
    with pytest.raises(dysyr.InputError, match=match):
        dysyr.simulate("lorenz63", **options)


@pytest.mark.parametrize("options", [{"transient": 1e300}, {"dt": 1e18, "n_steps": 3}])
def test_more_steps_than_any_computer_takes(options):
    with pytest.raises(dysyr.InputError, match="too many steps of a map: transient .*; at most"):
        dysyr.simulate("henon", **{"n_steps": 5, **options})


def test_more_samples_of_a_model_than_any_computer_holds():
    made = dysyr.LinearAR(order=2).fit(np.sin(0.3 * np.arange(60.0)), dt=0.1, progress=False)
    with pytest.raises(dysyr.InputError, match="too many samples: n_steps=9223372036854775808; at most"):
        made.forecast(np.zeros((5, 1)), n_steps=2**63)
    with pytest.raises(dysyr.InputError, match="too many samples: n_steps=2097152, n_trajectories=1048576; at most"):
        made.generate(2**21, n_trajectories=2**20)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"observation_noise": "a"}, "observation_noise: 'a'; a number of at least 0"),
        ({"observation_noise": -0.1}, "observation_noise: -0.1; a number of at least 0"),
        ({"observation_noise": np.nan}, "observation_noise: nan; a number of at least 0"),
        ({"observe": 0.5}, "cannot observe this"),
    ],
)
def test_observations(options, match):
    with pytest.raises(dysyr.InputError, match=match):
        dysyr.simulate("henon", n_steps=5, **options)


@pytest.mark.parametrize("seed", [-1, "a", 0.5, True])
def test_what_is_no_seed(seed):
    data = dysyr.make_dataset(np.sin(0.3 * np.arange(99.0)), dt=0.1)
    made = dysyr.LinearAR(order=2).fit(data, progress=False)
    for call in (
        lambda: made.generate(3, seed=seed), lambda: made.generate(3, seed=seed, context=data),
        lambda: dysyr.inspect(data, seed=seed), lambda: dysyr.evaluate(made, data, seed=seed),
        lambda: dysyr.observe(data, seed=seed),
    ):  # fmt: skip
        with pytest.raises(dysyr.InputError, match="seed is not a whole number of at least 0: "):
            call()


@pytest.mark.parametrize(("dt", "match"), [(1e-308, "dt is too short"), ("a", "not a positive"), (np.inf, "not a po")])
def test_resampling(dt, match):
    with pytest.raises(dysyr.InputError, match=match):
        dysyr.resample(dysyr.make_dataset(np.arange(9.0), dt=0.1), dt=dt)


def test_a_large_seed():
    x = np.column_stack([np.sin(0.1 * np.arange(99.0)), np.cos(0.1 * np.arange(99.0))])
    made = [dysyr.SINDy(seed=seed, window=11).fit(x, dt=0.1, progress=False) for seed in (3, 2**63)]
    assert made[0].generate(3).sizes == made[1].generate(3).sizes


def test_names_of_files_that_are_not_text(tmp_path):
    made = dysyr.LinearAR(order=2).fit(np.sin(0.3 * np.arange(60.0)), dt=0.1, progress=False)
    made.provenance_["source"] = "a\udc82"
    made.save(tmp_path / "run")
    assert dysyr.load(tmp_path / "run").provenance_["source"] == "a\udc82"


def test_numbers_that_a_float_cannot_hold():
    assert number(10**308) and not number(10**400) and not number(-(10**400)) and not number(np.inf)
    with pytest.raises(dysyr.InputError, match=re.escape("setting valid_error is not positive: 1")):
        EvaluationSettings(valid_error=10**400)
