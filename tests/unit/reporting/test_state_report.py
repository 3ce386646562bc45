"""The report on states of spins: a page for paths, steady states, fits, and states that nothing is known of."""

import re

import numpy as np
import pytest

import dysyr
from dysyr.reporting.state_report import render_states
from dysyr.reporting.training import training_of

TINY = {"width": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}
FIT = {**TINY, "n_updates": 15, "n_folds": 2, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def ring():
    return dysyr.load_system("tfim_decay", n_sites=3)


@pytest.fixture(scope="module")
def path(ring):
    method = dysyr.POVMTransformer(**TINY, stepper="trapezoid", dt=0.1)
    return method.solve(ring, times=[0.0, 0.1, 0.2], progress=False)


@pytest.fixture(scope="module")
def shots(ring):
    return dysyr.simulate(ring, times=[0.5], n_shots=400, seed=1)


@pytest.fixture(scope="module")
def fitted(shots):
    return dysyr.POVMTransformer(**FIT).fit(shots, progress=False)


def anchors(page):
    return re.findall(r'<section id="([a-z-]+)"', page)


def check(page):
    """What every page has to be."""
    assert not re.search(r"@import|url\(|<script|<link|<iframe", page)
    sources = re.findall(r'src="([^"]{11})', page)
    assert sources and set(sources) == {"data:image/"}
    assert all(len(alt) > 20 for alt in re.findall(r'alt="([^"]*)"', page))


def test_a_path(path, ring, tmp_path):
    compared = dysyr.compare_states(path, ring)
    drawn = ["histogram" in row["scale"] for row in compared.states]
    far = [row["total_variation"] for row in compared.states]
    assert sum(drawn) == 1 and far[drawn.index(True)] == max(far)
    page = compared.to_html(tmp_path / "report.html").read_text()
    check(page)
    assert anchors(page) == ["why", "averages", "states", "steps", "model", "cite", "reproduce"]
    for said in (
        "close states", "Transverse-field Ising ring with decay (ring of 3 sites)", "is no quantum fidelity",
        "Smallest eigenvalue", "Trace distance", "residual of the equation, L1", "no sampling error",
        "histograms of 10", "luo2022",
    ):  # fmt: skip
        assert said in page, said
    assert page.count("<img") == 5


def test_a_steady_state_from_samples(ring):
    method = dysyr.POVMTransformer(**TINY, mode="sampled", n_samples=100, n_iterations=2)
    compared = dysyr.compare_states(method.solve(ring, progress=False), ring, n_shots=200)
    page = render_states(compared, title="Two steps")
    check(page)
    assert "<h1>Two steps</h1>" in page and "effective number of samples was" in page
    assert "from 200 outcomes drawn from the model" in page.replace("\N{NARROW NO-BREAK SPACE}", "")
    assert page.count("<img") == 4


def test_a_fit_with_its_truth(fitted, shots, ring):
    compared = dysyr.compare_states(fitted, data=shots)
    assert compared.system.spins.n_sites == 3 and compared.max_error == compared.states[0]["max_error"]
    same = dysyr.compare_states(fitted, ring, data=shots)
    assert same.states[0]["exact"] == pytest.approx(compared.states[0]["exact"], abs=1e-12)
    page = render_states(compared)
    check(page)
    assert anchors(page) == ["why", "averages", "states", "likelihood", "model", "cite", "reproduce"]
    assert "Model - exact (s.e.)" in page and "histogram of the outcomes" in page
    training = training_of(fitted)
    assert training.selected == fitted.history_["chosen"][0]
    assert [title for title, _, _ in training.curves] == [
        "log-likelihood of a fitted outcome (nats)", "log-likelihood of a held-out outcome (nats)",
    ]  # fmt: skip
    assert ("do not prove correlations" in page) == (training.selected == 0)


def test_a_fit_of_which_nothing_more_is_known(fitted, shots):
    compared = dysyr.compare_states(fitted, data=shots["outcome"].values)
    assert compared.system is None and compared.exact is None and compared.max_error is None
    page = render_states(compared)
    check(page)
    assert "consecutive ones are taken for bonds" in page and "the true state is not known" in page
    assert "outcomes of 3 spins" in page and "Model - exact" not in page
    assert "measured" in str(compared) and compared.to_dict()["measured"]["n_shots"] == 400


def test_more_spins_than_exact_states_are_made_of():
    chain = dysyr.load_system("xyz_decay", n_sites=10)
    method = dysyr.POVMTransformer(**TINY, symmetry="none", mode="sampled", n_samples=20, dt=0.01, stepper="trapezoid")
    compared = dysyr.compare_states(method.solve(chain, times=[0.01], progress=False), chain, exact=False, n_shots=50)
    assert compared.verdict.verdict == "not compared"
    page = render_states(compared)
    check(page)
    assert anchors(page) == ["why", "averages", "steps", "model", "cite", "reproduce"]
    assert "no proof that the states are right" in page
    steady = dysyr.POVMTransformer(**TINY, symmetry="none", mode="sampled", n_samples=20, n_iterations=1)
    compared = dysyr.compare_states(steady.solve(chain, progress=False), chain, exact=False, n_shots=50)
    assert compared.verdict.verdict == "not solved" and steady.history_["residual_l1"][-1] > 0.3
    assert "nothing is known beside" in render_states(compared)


def test_outcomes_of_another_state_are_at_odds(fitted, ring):
    other = dysyr.simulate(ring, times=[0.5], n_shots=2_000, initial_state="down")
    compared = dysyr.compare_states(fitted, data=other)
    assert compared.exact is None, "these observables are not those from the ring's own initial state"
    assert compared.verdict.verdict == "at odds with the outcomes"


def test_what_is_refused(fitted, path, ring, shots):
    with pytest.raises(dysyr.InputError, match="nothing to compare states with"):
        dysyr.compare_states(path)
    with pytest.raises(dysyr.InputError, match="outcomes are those of one state: 3 states"):
        dysyr.compare_states(path, ring, data=shots)
    with pytest.raises(dysyr.InputError, match="the outcomes are of another frame: 'tetra'; 'tetra_pos'"):
        dysyr.compare_states(fitted, data=shots.assign_attrs(frame="tetra"))
    with pytest.raises(dysyr.InputError, match="the data have no outcomes"):
        dysyr.compare_states(fitted, data=shots.drop_vars("outcome"))
    for wrong in (np.zeros((5, 4), int), np.zeros((5, 3)), np.full((5, 3), 4), np.zeros((1, 3), int)):
        with pytest.raises(dysyr.InputError, match=r"outcomes: .*whole numbers 0 to 3, \(shot, 3\)"):
            dysyr.compare_states(fitted, data=wrong)
