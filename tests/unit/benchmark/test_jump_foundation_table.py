"""The contest of JumpFoundation: contexts are paired, estimates are those of the public classes, the page is true."""

import json
import sys

import numpy as np
import pytest
from jump_cases import THREE

import dysyr
from dysyr.benchmark import jump_foundation, rate_contest
from dysyr.core.rate_matrix import transition_matrices
from dysyr.reconstruction.jump_em.foundation.outcome import shipped

OFF = ~np.eye(3, dtype=bool)


def as_data(panel):
    """The paths of a regular panel as a data set."""
    n = np.diff(panel.offsets)[0]
    return dysyr.make_dataset(panel.labels.reshape(-1, n, 1), dt=panel.dt)


@pytest.fixture(scope="module")
def found():
    panel = rate_contest.ratchet_context(THREE, 40, 0.03, seed=1, duration=10.0)
    return panel, *rate_contest.estimates(panel, shipped()[0], 0.5)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("naive counts", {"estimator": "counts"}), ("matrix logarithm", {"estimator": "matrix_log"}),
     ("maximum likelihood", {"estimator": "em"}), ("MAP", {"time_unit": 1.0}),
     ("noise-aware MAP", {"label_noise": "learn", "time_unit": 1.0})],
)  # fmt: skip
def test_rivals_are_what_jumpem_finds(found, name, arguments):
    panel, rates, _ = found
    data = as_data(panel)
    expected = dysyr.JumpEM(**arguments).fit(data, progress=False).model_.rate_matrix
    np.testing.assert_allclose(rates[name][OFF], expected[OFF], rtol=2e-3, atol=2e-4)


def test_the_network_is_that_of_the_public_class(found):
    panel, rates, _ = found
    ours = dysyr.JumpFoundation().fit(as_data(panel), progress=False).model_.rate_matrix
    np.testing.assert_allclose(rates["JumpFoundation"][OFF], ours[OFF], rtol=1e-5)


def test_methods_without_an_answer_are_counted_as_such():
    panel = rate_contest.ratchet_context(THREE, 1, 0.0, seed=2, regular=False, n_samples=4)
    rates, _ = rate_contest.estimates(panel, shipped()[0], 0.5, only=("naive counts", "maximum likelihood"))
    assert rates == {"naive counts": None, "maximum likelihood": None}


def test_irregular_contexts_have_the_law_of_the_exponential():
    panel = rate_contest.ratchet_context(THREE, 3000, 0.0, seed=3, regular=False, n_samples=8, duration=3.0)
    assert len(panel.lags) > 1000
    at = panel.lags > 0.8
    late, from_each = panel.counts[at].sum(axis=0), panel.counts[at].sum(axis=2)
    p = transition_matrices(THREE, panel.lags[at])
    expected, variance = (np.einsum("ki,kij->ij", from_each, part) for part in (p, p * (1 - p)))
    assert (np.abs(late - expected) < 4 * np.sqrt(variance)).all()
    slow = np.einsum("ki,kij->ij", from_each, transition_matrices(0.5 * THREE, panel.lags[at]))
    assert (np.abs(late - slow) > 4 * np.sqrt(variance)).any()


def test_cells_are_kept_and_written(tmp_path, monkeypatch, capsys):
    small = [
        {"kind": "prior", "paths": 10, "noise": 0.01, "n": 3}, {"kind": "sampler", "paths": 10, "noise": 0.0, "n": 2},
        {"kind": "ratchet", "v": 1.0, "regular": True, "paths": 30, "noise": 0.0, "n": 2},
    ]  # fmt: skip
    monkeypatch.setattr(jump_foundation, "cells", lambda *numbers: small)
    monkeypatch.setattr(sys, "argv", ["jump_foundation", "-o", str(tmp_path), "--write", str(tmp_path / "page.md")])
    jump_foundation.main()
    folder = tmp_path / shipped()[1]["sha256"][:12]
    stamps = sorted(path.stat().st_mtime_ns for path in folder.iterdir())
    text = (tmp_path / "page.md").read_text()
    jump_foundation.main()
    assert sorted(path.stat().st_mtime_ns for path in folder.iterdir()) == stamps
    assert (tmp_path / "page.md").read_text() == text and text in capsys.readouterr().out
    results = [(cell, json.loads((folder / jump_foundation.name_of(cell)).read_text())) for cell in small]
    errors = [record["errors"] for record in results[0][1]]
    mean = np.mean([each["noise-aware MAP"] for each in errors])
    assert f"{mean:.3f} / " in text
    wins = np.mean([each["JumpFoundation"] < each["noise-aware MAP"] for each in errors])
    assert f"| {100 * wins:.0f} % |" in text
    assert "| 1 | regular | 0 % | 30 | 2 |" in text
    assert "0.293" in text
    best, ours = (np.array([r["errors"][name] for r in results[1][1]]) for name in ("sampler", "JumpFoundation"))
    assert f"| 10 | {best.mean():.4f} | {ours.mean():.4f} | {(ours - best).mean():+.4f} (" in text
    monte = np.array([r["monte_carlo"] for r in results[1][1]])
    rest, ratio = np.sqrt(best**2 - monte**2), ours.mean() / best.mean()
    assert (monte > 0).all()
    assert f"| {100 * (ratio - 1):+.1f} % (" in text and f"| {100 * (ours.mean() / rest.mean() - 1):+.1f} % (" in text


def test_all_cells_of_the_issue_are_there():
    made = jump_foundation.cells(400, 30, 60)
    prior = {(c["paths"], c["noise"]) for c in made if c["kind"] == "prior"}
    assert prior == {(p, e) for p in (1, 10, 30, 100, 300) for e in (0.0, 0.01, 0.1)}
    heights = {(c["v"], c["regular"]) for c in made if c["kind"] == "ratchet"}
    assert heights == {(v, r) for v in (0.0, 1.0, 2.0) for r in (True, False)}
    assert len({jump_foundation.name_of(cell) for cell in made}) == len(made)
