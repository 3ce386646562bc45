import dataclasses
import json
import re

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from symbol_sequences import SHIFTS, encoding, walk

from dysyr.encoding.export import write_tables

AWKWARD = ('a,"b" & <c>', "line\nbreak\\ \u00fc")


@pytest.fixture
def code(rng):
    code = encoding(walk(SHIFTS["golden"][0], 3_000, rng), [1, 0, 0, 1], dt=0.1)
    return dataclasses.replace(code, names=AWKWARD, start_times=(5.0, 700.0))


@pytest.fixture
def folder(code, tmp_path):
    files = write_tables(code, tmp_path / "symbols")
    assert sorted(p.name for p in files) == sorted(p.name for p in (tmp_path / "symbols").iterdir())
    return tmp_path / "symbols"


def test_symbols(code, folder):
    table = pd.read_csv(folder / "symbols.csv")
    assert list(table.columns) == ["trajectory", "stretch", "time", "symbol", "word"]
    np.testing.assert_array_equal(table.symbol, np.concatenate(code.symbols))
    np.testing.assert_allclose(table.time, np.concatenate([code.times(0), code.times(1)]))
    assert table.word.tolist() == [AWKWARD[s] for s in table.symbol]
    assert table.trajectory.tolist() == [0] * 3_000 + [1] * 4


def test_words(code, folder):
    table = pd.read_csv(folder / "words.csv")
    pairs = table[table.length == 2]
    assert pairs.word.tolist() == ["0 0", "0 1", "1 0"]
    assert pairs["count"].tolist() == code.words(2).counts.tolist()
    assert table.groupby("length").frequency.sum().to_numpy() == pytest.approx(np.ones(10))


def test_transitions(code, folder):
    p = pd.read_csv(folder / "transition_matrix.csv", index_col="from")
    assert p.columns.tolist() == ["0", "1"]
    np.testing.assert_allclose(p.to_numpy(), code.transition_matrix, rtol=1e-9)
    table = pd.read_csv(folder / "transitions.csv")
    at = table["from"], table["to"]
    assert sorted(zip(*at, strict=True)) == list(zip(*np.nonzero(code.adjacency), strict=True))
    np.testing.assert_array_equal(table["count"], code.transition_counts[at])
    np.testing.assert_allclose(table.probability, code.transition_matrix[at], rtol=1e-9)
    np.testing.assert_allclose(table.stderr, code.transition_stderr[at], rtol=1e-9)
    np.testing.assert_allclose(table.stderr_blocks, code.transition_stderr_blocks[at], rtol=1e-9)


def test_networkx_reads_the_graphml(code, folder):
    graph = nx.read_graphml(folder / "graph.graphml", node_type=int)
    assert graph.is_directed()
    assert [graph.nodes[s]["name"] for s in (0, 1)] == list(AWKWARD)
    assert graph.nodes[0]["visits"] == code.visits[0]
    np.testing.assert_allclose(nx.to_numpy_array(graph, nodelist=[0, 1]), code.transition_matrix)
    assert graph.edges[0, 1]["count"] == code.transition_counts[0, 1]


def test_lines_of_the_dot(code, folder):
    text = (folder / "graph.dot").read_text(encoding="utf-8")
    assert text.startswith("digraph transitions {\n") and text.endswith("}\n")
    assert r'label="0: a,\"b\" & <c>"' in text
    assert r'label="1: line\nbreak\\ ü"' in text
    edges = re.findall(r'^  (\d+) -> (\d+) \[label="[^"]+", probability="([^"]+)"', text, flags=re.M)
    assert {(int(s), int(t)): float(p) for s, t, p in edges} == {
        (e["source"], e["target"]): pytest.approx(e["probability"], rel=1e-5) for e in code.graph_edges()
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pydot calls pyparsing by names that are going
def test_pydot_reads_the_dot(code, folder):
    pydot = pytest.importorskip("pydot")
    (graph,) = pydot.graph_from_dot_file(str(folder / "graph.dot"))
    assert len(graph.get_nodes()) == 2
    found = {(int(e.get_source()), int(e.get_destination())): int(e.get("count")) for e in graph.get_edges()}
    assert found == {(e["source"], e["target"]): e["count"] for e in code.graph_edges()}


def test_json(code, folder):
    whole = json.loads((folder / "encoding.json").read_text(encoding="utf-8"))
    assert whole["format"] == 1
    assert whole == json.loads(json.dumps(code.summary()))
