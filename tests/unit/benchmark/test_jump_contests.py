"""Contests of jump processes compare what they time, at small sizes."""

import subprocess
import sys
import types

import numpy as np
import pytest

from dysyr.benchmark.speed import jump_baselines, jumps
from dysyr.benchmark.speed.command import SUBJECTS
from dysyr.benchmark.speed.contest import Disagreement, Share, hold


def test_baselines_draw_from_the_same_distribution(monkeypatch):
    monkeypatch.setattr(jumps, "T_END", 1.0)
    ours = jumps._ours(jumps.SYSTEM, 1.0, 3_000)
    for theirs in (jumps._one_by_one(60), jumps._all_at_once(2_000)):
        assert "standard errors" in jumps._same_means(ours, theirs)
        with pytest.raises(Disagreement, match="differ"):
            jumps._same_means(ours, theirs + 20)
    with pytest.raises(Disagreement, match="shapes"):
        jumps._same_means(ours, ours[:, :1])
    with pytest.raises(Disagreement, match="nan"):
        jumps._same_means(ours, ours * np.nan)


def test_dead_paths_end_both_baselines(monkeypatch):
    """Without births all animals are gone long before t = 2000, and the rates sum to zero."""
    system = jumps.catalogue_system("lotka_volterra_jump").with_parameters(alpha=0.0)
    monkeypatch.setattr(jumps, "catalogue_system", lambda name: system)
    monkeypatch.setattr(jumps, "T_END", 2_000.0)
    for made in (jumps._ours(jumps.SYSTEM, 2_000.0, 3), jumps._one_by_one(2), jumps._all_at_once(3)):
        assert (made[:, 1] == 0).all()


def test_the_rate_counts_events(monkeypatch):
    monkeypatch.setattr(jumps, "MODELS", {jumps.SYSTEM: 0.5})
    monkeypatch.setattr(jump_baselines, "installed", lambda: False)
    share, *contests = jumps.contests(quick=True)
    assert "jumps" in SUBJECTS and isinstance(share, Share) and len(contests) == 5
    row = hold(share)
    assert row.unit == "G events/s" and row.ratio > 0
    assert share.work == jumps._paths(jumps.SYSTEM, 0.5, 200)[1]["n_events"] > 1_000


def test_both_exact_methods_meet_on_a_ring_of_reactions(monkeypatch):
    monkeypatch.setattr(jumps, "RING_EVENTS", 200)
    contest = jumps._ring_contest(5, 2, 1_000, 2)
    assert "5 reactions, 3 rates touched by each, 1,000 paths to t = 2" in contest.size
    row = hold(contest)
    assert row.ratio > 0 and "standard errors" in row.agreement
    assert (contest.ours().sum(axis=1) == 100).all() and not np.array_equal(contest.ours(), contest.theirs())


def test_a_rival_that_is_missing_is_named_and_has_no_ratio(monkeypatch):
    monkeypatch.setattr(jumps, "MODELS", {"toggle_switch": 0.1})
    monkeypatch.setattr(jump_baselines, "installed", lambda: False)
    rows = [hold(contest) for contest in list(jumps.contests(quick=True))[1:3]]
    assert [row.ratio for row in rows] == [None, None] and [row.goal for row in rows] == [250.0, 2.0]
    assert all("gillespy2 is not installed" in row.note and "GillesPy2" in row.baseline for row in rows)


class Recorded:
    """Stands for a class of GillesPy2 and keeps what it is given."""

    def __init__(self, *values, **named):
        self.values, self.named, self.parts = values, named, {}

    def __getattr__(self, name):
        return lambda given: self.parts.setdefault(name, []).append(given)


@pytest.fixture
def gillespy2(monkeypatch):
    module, errors = types.ModuleType("gillespy2"), types.ModuleType("gillespy2.core.gillespyError")
    for name in ("Model", "Parameter", "Species", "Reaction", "TimeSpan", "NumPySSASolver", "SSACSolver"):
        setattr(module, name, type(name, (Recorded,), {}))
    errors.BuildError = type("BuildError", (Exception,), {})
    for name, made in (("", module), (".core", types.ModuleType("gillespy2.core")), (".core.gillespyError", errors)):
        monkeypatch.setitem(sys.modules, f"gillespy2{name}", made)
    module.BuildError = errors.BuildError
    return module


@pytest.mark.parametrize("name", [*jumps.MODELS, "sir"])
def test_the_rival_is_given_the_same_reactions(name, gillespy2):
    """Its texts, evaluated by Python, are our rates at random counts; its reactants and products our changes."""
    system = jumps.catalogue_system(name)
    parts = jump_baselines.model_of(system, 3.0).parts
    values = {p.named["name"]: p.named["expression"] for p in parts["add_parameter"][0]}
    species = [s.named["name"] for s in parts["add_species"][0]]
    assert [s.named["initial_value"] for s in parts["add_species"][0]] == system.initial_state.tolist()
    assert parts["timespan"][0].values == ([0.0, 3.0],)
    counts = np.random.default_rng(0).integers(3, 60, len(species))
    scope = values | dict(zip(species, counts.tolist(), strict=True))
    reactions = [reaction.named for reaction in parts["add_reaction"]]
    rates = [eval(reaction["propensity_function"], {}, scope) for reaction in reactions]
    np.testing.assert_allclose(rates, system.jumps.propensities(counts), rtol=1e-12)
    for reaction, change in zip(reactions, system.jumps.stoichiometry, strict=True):
        net = dict.fromkeys(species, 0)
        for side, sign in (("reactants", -1), ("products", 1)):
            for who, number in reaction[side].items():
                net[who.named["name"]] += sign * number
        assert list(net.values()) == change.tolist()


def test_a_rival_that_cannot_be_compiled_says_why(gillespy2, monkeypatch):
    system = jumps.catalogue_system("immigration_death")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert jump_baselines.compiled_solver(system, 1.0) == (None, "there is no g++ to compile with")

    def broken(**arguments):
        raise gillespy2.BuildError("no SCons\nmore")

    gillespy2.SSACSolver = broken
    monkeypatch.setattr("shutil.which", lambda name: "g++")
    assert jump_baselines.compiled_solver(system, 1.0) == (None, "it does not compile: no SCons")


def test_processor_time_goes_on_in_processes_that_were_waited_for():
    before = jump_baselines.processor_time()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert jump_baselines.processor_time() - before > 0.02
