"""The command ``dysyr encode``: what it writes, what it prints, and how it refuses."""

import json

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from small_maps import skew_tent
from symbol_sequences import SHIFTS, walk

import dysyr
from dysyr.core.dataset import make_dataset, save_dataset

TABLES = {
    "symbols.csv", "words.csv", "transition_matrix.csv", "transitions.csv", "graph.graphml", "graph.dot",
    "encoding.json",
}  # fmt: skip
FIGURES = {"state_space.png", "transition_graph.png", "raster.png"}


def save_run(model, folder):
    """A run folder of a model that was given rather than fitted."""
    method = dysyr.ALRNN(latent_dim=model.latent_dim, n_rectified=model.n_bits)
    method.restored(model, {}, {}).save(folder)
    return folder


@pytest.fixture
def tent(tmp_path):
    """Run folder of the skew tent map with slopes 1.5 and -2.2."""
    return save_run(skew_tent(1.5, -2.2, initial_states=[[0.1], [0.2], [0.3]]), tmp_path / "tent")


@pytest.fixture
def labels(tmp_path, rng):
    """A data file with the labels 3 and 8 of the golden-mean shift, a gap in it."""
    symbols = np.array([3, 8])[walk(SHIFTS["golden"][0], 900, rng)]
    x = symbols[:, None].astype(float)
    x[500] = np.nan
    save_dataset(make_dataset(x, dt=0.1, mask=True, label=symbols), tmp_path / "labels.nc")
    return tmp_path / "labels.nc"


def test_files_of_a_run_are_those_of_the_functions(run, tent, tmp_path):
    out = tmp_path / "symbols"
    code, said, _ = run(
        "encode", tent, "-o", out, "--n-steps", 4000, "--n-trajectories", 2, "--transient", 10, "--max-word", 6,
        "--seed", 3, "--max-period", 4, "--json",
    )  # fmt: skip
    assert code == 0
    assert TABLES <= {path.name for path in out.iterdir()}
    whole = json.loads((out / "encoding.json").read_text())
    assert json.loads(said) == whole
    model = dysyr.load(tent).model_
    expected = dysyr.encode(model, n_steps=4000, n_trajectories=2, transient=10, max_word=6, seed=3)
    table = pd.read_csv(out / "symbols.csv", dtype={"word": str})
    np.testing.assert_array_equal(table.symbol, np.concatenate(expected.symbols))
    assert set(table.word) == {"0", "1"}
    assert whole["source"]["transient_steps"] == 10 and len(whole["entropy"]["by_length"]) == 6
    graph = nx.read_graphml(out / "graph.graphml", node_type=int)
    np.testing.assert_allclose(nx.to_numpy_array(graph, nodelist=[0, 1]), expected.transition_matrix)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pydot calls pyparsing by names that are going
def test_pydot_reads_the_graph_of_the_command(run, tent, tmp_path):
    pydot = pytest.importorskip("pydot")
    run("encode", tent, "-o", tmp_path / "symbols", "--n-steps", 500)
    (graph,) = pydot.graph_from_dot_file(str(tmp_path / "symbols" / "graph.dot"))
    edges = json.loads((tmp_path / "symbols" / "encoding.json").read_text())["transitions"]
    assert {(int(e.get_source()), int(e.get_destination())) for e in graph.get_edges()} == {
        (e["source"], e["target"]) for e in edges
    }


def test_fixed_points_and_cycles_carry_positions_stability_and_symbols(run, tent, tmp_path):
    """x' = 1 + 1.5 x, x <= 0, and 1 - 2.2 x: fixed points -2 and 1 / 3.2; one cycle of period 2, two of period 3."""
    code, said, _ = run("encode", tent, "-o", tmp_path / "symbols", "--n-steps", 500, "--max-period", 3)
    whole = json.loads((tmp_path / "symbols" / "encoding.json").read_text())
    names = {row["symbol"]: row["name"] for row in whole["symbols"]}
    left, right = sorted(whole["fixed_points"], key=lambda point: point["observed"][0])
    assert left["observed"] == [[pytest.approx(-2.0)]] and right["observed"] == [[pytest.approx(1 / 3.2)]]
    assert left["eigenvalues"] == [[pytest.approx(1.5), 0.0]] and right["eigenvalues"] == [[pytest.approx(-2.2), 0.0]]
    assert left["real"] and right["real"] and {left["stability"], right["stability"]} == {"unstable"}
    assert [names[s] for s in (*left["symbols"], *right["symbols"])] == ["0", "1"]
    assert [cycle["period"] for cycle in whole["cycles"]] == [2, 3, 3]
    assert [".".join(names[s] for s in cycle["symbols"]) for cycle in whole["cycles"]] == [
        cycle["word"] for cycle in whole["cycles"]
    ]
    assert "fixed points: 2 unstable (all words searched)" in said
    assert "cycles of 3 steps: 2 unstable (all words searched)" in said
    assert code == 0 and "warning" not in said


def test_a_virtual_fixed_point_of_a_visited_region_is_listed_as_such(run, tmp_path):
    """x' = 1 + x / 2 for x <= 0 has its fixed point at 2, on the other side."""
    folder = save_run(skew_tent(0.5, -1.9, initial_states=[[0.1]]), tmp_path / "run")
    run("encode", folder, "-o", tmp_path / "symbols", "--n-steps", 500, "--max-period", 1)
    points = json.loads((tmp_path / "symbols" / "encoding.json").read_text())["fixed_points"]
    assert {(point["word"], point["real"]) for point in points} == {("1", True), ("0", False)}
    virtual = next(point for point in points if not point["real"])
    assert virtual["observed"] == [[pytest.approx(2.0)]]


def test_a_stable_fixed_point_is_warned_of(run, tmp_path):
    folder = save_run(skew_tent(0.5, -0.5, initial_states=[[0.1]]), tmp_path / "run")
    code, said, _ = run("encode", folder, "-o", tmp_path / "symbols", "--n-steps", 50, "--transient", 0)
    assert code == 0
    assert "warning: stable fixed point at (0.6667)" in said


def test_jumps_are_exported_with_their_durations(run, tent, tmp_path):
    code, said, _ = run("encode", tent, "-o", tmp_path / "symbols", "--n-steps", 500, "--jumps")
    assert code == 0 and "per jump" in said
    table = pd.read_csv(tmp_path / "symbols" / "symbols.csv")
    assert (table.symbol.diff()[1:] != 0).all()
    assert table.duration.sum() == 500
    np.testing.assert_allclose(table.time.diff()[1:], table.duration[:-1])


def test_figures_are_written(run, tent, labels, tmp_path):
    run("encode", tent, "-o", tmp_path / "symbols", "--n-steps", 500)
    assert {path.name for path in (tmp_path / "symbols").glob("*.png")} == FIGURES | {"orbits.png"}
    run("encode", labels, "-o", tmp_path / "symbols")
    assert {path.name for path in (tmp_path / "symbols").glob("*.png")} == FIGURES


def test_no_search_leaves_orbits_out(run, tent, tmp_path):
    code, said, _ = run("encode", tent, "-o", tmp_path / "symbols", "--n-steps", 500, "--max-period", 0)
    assert code == 0 and "fixed points" not in said
    assert "fixed_points" not in json.loads((tmp_path / "symbols" / "encoding.json").read_text())


def test_states_along_data(run, tent, tmp_path):
    x = dysyr.load(tent).generate(300, seed=1)["x"].values[0]
    x[100:103] = np.nan
    save_dataset(make_dataset(x, dt=1.0, names=["z1"], mask=True), tmp_path / "data.nc")
    code, _, _ = run("encode", tent, "--data", tmp_path / "data.nc", "-o", tmp_path / "symbols")
    assert code == 0
    whole = json.loads((tmp_path / "symbols" / "encoding.json").read_text())
    assert whole["source"]["kind"] == "along data"
    assert [stretch["n"] for stretch in whole["stretches"]] == [100, 197]
    table = pd.read_csv(tmp_path / "symbols" / "symbols.csv")
    np.testing.assert_array_equal(table.word == 1, x[np.isfinite(x)] > 0)


def test_labels_of_a_data_file(run, labels, tmp_path):
    code, said, _ = run("encode", labels, "-o", tmp_path / "symbols", "--max-word", 5)
    assert code == 0 and "2 symbols, 899 samples in 2 stretches" in said
    whole = json.loads((tmp_path / "symbols" / "encoding.json").read_text())
    assert [row["name"] for row in whole["symbols"]] == ["3", "8"]
    assert "fixed_points" not in whole
    run("encode", labels, "-o", tmp_path / "symbols", "--missing-label", 8)
    whole = json.loads((tmp_path / "symbols" / "encoding.json").read_text())
    assert [row["name"] for row in whole["symbols"]] == ["3"]


def test_labels_of_a_table(run, labels, tmp_path):
    """The same code from a column of a CSV file; an empty cell is a gap."""
    run("encode", labels, "-o", tmp_path / "wanted")
    known = dysyr.as_dataset(labels)
    stage = known["label"].values[0].astype(float)
    stage[500] = np.nan
    pd.DataFrame({"t": 0.1 * np.arange(900), "x": 7.5, "stage": stage}).to_csv(tmp_path / "night.csv", index=False)
    for words in (("--time", "t"), ("--dt", 0.1)):
        assert run("encode", tmp_path / "night.csv", "--label", "stage", "-o", tmp_path / "symbols", *words)[0] == 0
        found, wanted = (pd.read_csv(tmp_path / name / "symbols.csv") for name in ("symbols", "wanted"))
        pd.testing.assert_frame_equal(found, wanted)


def test_columns_that_are_no_labels_are_refused(run, tent, tmp_path):
    pd.DataFrame({"x": np.linspace(0, 1, 50), "stage": "wake"}).to_csv(tmp_path / "night.csv", index=False)
    table = (tmp_path / "night.csv", "-o", tmp_path / "symbols", "--dt", 30)
    code, _, err = run("encode", *table, "--label", "x")
    assert code == 1 and "labels are not whole numbers" in err
    code, _, err = run("encode", *table, "--label", "stage")
    assert code == 1 and "stage" in err
    code, _, err = run("encode", *table, "--label", "sleep")
    assert code == 1 and "sleep" in err
    for name, value in (("--dt", 30), ("--time", "t"), ("--trajectory", "rat")):
        code, _, err = run("encode", tent, "-o", tmp_path / "symbols", name, value)
        assert code == 2 and f"{name} can only be given for a table of labels" in err


def test_labels_of_several_recordings_in_one_table(run, tmp_path):
    nights = {"night": [1] * 6 + [2] * 4, "t": [*range(6), *range(4)], "stage": [0, 0, 1, 1, 0, 1, 1, 0, 0, 0]}
    pd.DataFrame(nights).to_csv(tmp_path / "nights.csv", index=False)
    table = (tmp_path / "nights.csv", "-o", tmp_path / "symbols", "--label", "stage")
    code, _, err = run("encode", *table, "--trajectory", "night")
    assert code == 0, err
    found = pd.read_csv(tmp_path / "symbols" / "symbols.csv")
    assert found["trajectory"].tolist() == [0] * 6 + [1] * 4
    counts = pd.read_csv(tmp_path / "symbols" / "transitions.csv").set_index(["from", "to"])["count"]
    assert counts.sum() == 8


def test_a_table_needs_the_name_of_its_column_and_a_folder_has_none(run, tent, tmp_path):
    (tmp_path / "night.csv").write_text("t,stage\n0,1\n1,\n2,1\n")
    code, _, err = run("encode", tmp_path / "night.csv", "-o", tmp_path / "symbols")
    assert code == 2 and "name the column that holds the labels with --label" in " ".join(err.split())
    code, _, err = run("encode", tent, "--label", "stage", "-o", tmp_path / "symbols")
    assert code == 2 and "--label names a column of a table" in " ".join(err.split())


def test_a_trajectory_of_one_sample_is_a_stretch(run, tmp_path):
    label = [np.array([0, 1, 0, 1]), np.array([1])]
    save_dataset(make_dataset([np.zeros((4, 1)), np.zeros((1, 1))], dt=1.0, label=label), tmp_path / "short.nc")
    assert run("encode", tmp_path / "short.nc", "-o", tmp_path / "symbols")[0] == 0
    assert len(pd.read_csv(tmp_path / "symbols" / "symbols.csv")) == 5


def test_files_of_these_names_are_replaced_and_others_left_alone(run, tent, tmp_path):
    out = tmp_path / "symbols"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    (out / "words.csv").write_text("old")
    assert run("encode", tent, "-o", out, "--n-steps", 200)[0] == 0
    assert (out / "thesis.txt").read_text() == "mine"
    assert (out / "words.csv").read_text().startswith("length,word")


@pytest.mark.parametrize("words", [("--n-steps", 50), ("--n-trajectories", 2), ("--transient", 5)])
def test_options_of_free_runs_are_refused_elsewhere(run, tent, labels, tmp_path, words):
    for source in ((labels,), (tent, "--data", labels)):
        code, _, err = run("encode", *source, "-o", tmp_path / "symbols", *words)
        assert code == 2 and f"{words[0]} is for free runs" in err
    assert not (tmp_path / "symbols").exists()


def test_what_cannot_be_encoded_or_written_is_refused(run, tent, tmp_path):
    save_dataset(make_dataset(np.zeros((9, 1)), dt=1.0), tmp_path / "bare.nc")
    code, _, err = run("encode", tmp_path / "bare.nc", "-o", tmp_path / "symbols")
    assert code == 1 and "the data have no labels" in err
    code, _, err = run("encode", tmp_path / "absent", "-o", tmp_path / "symbols")
    assert code == 1 and "is not a run" in err
    code, _, err = run("encode", tent, "-o", tmp_path / "bare.nc")
    assert code == 1 and "cannot write" in err
    assert not (tmp_path / "symbols").exists()


def test_a_place_that_cannot_be_written_is_refused_before_the_work(run, tent, tmp_path, monkeypatch):
    blocker = tmp_path / "file"
    blocker.write_text("mine")
    monkeypatch.setattr(dysyr, "encode", lambda *args, **kwargs: pytest.fail("worked first"))
    code, _, err = run("encode", tent, "-o", blocker / "symbols")
    assert code == 1 and "cannot write" in err
    assert blocker.read_text() == "mine"


def test_a_run_that_stays_in_one_region(run, tmp_path):
    folder = save_run(skew_tent(0.5, -0.5, initial_states=[[0.1]]), tmp_path / "run")
    code, said, _ = run("encode", folder, "-o", tmp_path / "symbols", "--n-steps", 50)
    assert code == 0 and "1 symbols" not in said and "1 symbol, 50 samples" in said
    assert json.loads((tmp_path / "symbols" / "encoding.json").read_text())["entropy"]["per_step"]["topological"] == 0
