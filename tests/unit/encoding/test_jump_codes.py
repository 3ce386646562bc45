import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from symbol_sequences import GOLDEN, SHIFTS, chain, encoding, walk

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.encoding.compare import compare_codes
from dysyr.encoding.encode import encode
from dysyr.encoding.export import write_tables

JUMPS_WITH_GOLDEN_ENTROPY = [{1: 1, 2: 2}, {0: 0, 2: 2}, {0: 0}]
"""0 -> 1 or 2, 1 -> 0 or 2, 2 -> 0: two cycles of 2 and one of 3, so that x^3 = 2 x + 1 and x is the golden ratio."""


def dwelling(symbols, rng, mean=12):
    """Each symbol repeated a geometric number of times of this mean."""
    return np.repeat(symbols, rng.geometric(1 / mean, len(symbols)))


def original(code, stretch=0):
    """A stretch in the labels of the source."""
    return [int(code.names[s]) for s in code.symbols[stretch]]


def test_runs_become_entries_with_durations():
    code = encoding([5, 5, 5, 7, 9, 9], [7, 7], [9], dt=0.5)
    jumps = code.jumps()
    assert [original(jumps, i) for i in range(3)] == [[5, 7, 9], [7], [9]]
    assert [d.tolist() for d in jumps.durations] == [[1.5, 0.5, 1.0], [1.0], [0.5]]
    np.testing.assert_allclose(jumps.times(0), [0.0, 1.5, 2.0])
    assert jumps.transition_counts.sum() == 2 and not jumps.transition_counts.diagonal().any()
    assert (code.step, jumps.step) == ("sample", "jump")
    assert jumps.names == code.names


def test_time_of_a_jump_is_observed_time_over_jumps():
    """Six and two samples: 5 + 1 steps of half a time unit, and 2 jumps."""
    jumps = encoding([0, 0, 1, 1, 1, 0], [1, 1], dt=0.5).jumps()
    assert jumps.dt == pytest.approx(6 * 0.5 / 2)
    assert jumps.per_time(0.3) == pytest.approx(0.3 / 1.5)


def test_a_code_of_jumps_is_its_own_jump_code(rng):
    code = encoding(walk(JUMPS_WITH_GOLDEN_ENTROPY, 5_000, rng))
    jumps = code.jumps()
    np.testing.assert_array_equal(jumps.symbols[0], code.symbols[0])
    assert jumps.dt == code.dt
    assert jumps.topological_entropy == code.topological_entropy
    assert jumps.jumps() is jumps


def test_random_dwell_times_do_not_hide_a_cycle(rng):
    """An alternation that stays at random looks random sample by sample; its jumps are periodic."""
    code = encoding(dwelling(np.tile([0, 1], 4_000), rng))
    jumps = code.jumps()
    assert code.metric_entropy > 0.2
    assert jumps.topological_entropy == 0.0
    assert jumps.metric_entropy == pytest.approx(0.0, abs=1e-3)
    assert [table.n_words for table in jumps.word_tables] == [2] * 10


def test_jump_chain_of_a_semi_markov_process_has_the_entropy_of_its_graph(rng):
    symbols = walk(JUMPS_WITH_GOLDEN_ENTROPY, 20_000, rng)
    code = encoding(dwelling(symbols, rng), dt=0.01)
    jumps = code.jumps()
    assert jumps.topological_entropy == pytest.approx(GOLDEN, abs=1e-12)
    assert jumps.per_time(jumps.topological_entropy) == pytest.approx(GOLDEN / 0.12, rel=0.03)
    assert code.per_time(code.topological_entropy) > 3 * GOLDEN / 0.12
    assert jumps.minimal_graph.n_states == 3


def test_metric_entropy_per_time_is_that_of_the_jump_chain_over_the_mean_dwell_time(rng):
    matrix = np.array([[0.0, 0.7, 0.3], [0.2, 0.0, 0.8], [0.5, 0.5, 0.0]])
    values, vectors = np.linalg.eig(matrix.T)
    pi = np.real(vectors[:, np.argmax(values.real)])
    pi /= pi.sum()
    logs = np.log(np.where(matrix > 0, matrix, 1.0))
    rate = -(pi[:, None] * matrix * logs).sum()
    jumps = encoding(dwelling(chain(matrix, 40_000, rng), rng, mean=8), dt=0.1).jumps()
    assert jumps.metric_entropy == pytest.approx(rate, rel=0.01)
    assert jumps.per_time(jumps.metric_entropy) == pytest.approx(rate / 0.8, rel=0.03)


def test_two_symbols_can_only_alternate(rng):
    jumps = encoding(walk(SHIFTS["full"][0], 100, rng), rng.integers(0, 2, 3_000)).jumps()
    assert jumps.topological_entropy == 0.0


def test_rates_are_not_biased_by_short_stretches(rng):
    """Stretches of 15 samples cut most runs; complete runs alone would make dwell times too short by far."""
    symbols = dwelling(np.tile([0, 1], 5_000), rng, mean=10)
    pieces = symbols[: len(symbols) // 15 * 15].reshape(-1, 15)
    jumps = encoding(*pieces).jumps()
    assert jumps.dt == pytest.approx(10, rel=0.03)
    complete = np.concatenate([dwell.complete for dwell in jumps.dwell_times])
    assert complete.mean() < 6


def test_dwell_times_are_those_of_the_samples(rng):
    code = encoding(dwelling([0, 1, 2, 0, 2, 1, 0], rng), dwelling([2, 1], rng), [1, 1, 1], dt=0.3)
    for before, after in zip(code.dwell_times, code.jumps().dwell_times, strict=True):
        np.testing.assert_allclose(after.complete, before.complete)
        np.testing.assert_allclose(after.censored, before.censored)


def test_words_do_not_cross_gaps():
    """Both sides of the gap lie in 1; that is no stay that went on, and 0 1 2 no word."""
    x = np.zeros((7, 1))
    x[3] = np.nan
    ds = make_dataset(x, dt=1.0, mask=True, label=np.array([0, 0, 1, 9, 1, 2, 2]))
    jumps = encode(ds).jumps()
    assert [[jumps.names[s] for s in stretch] for stretch in jumps.symbols] == [["0", "1"], ["1", "2"]]
    assert len(jumps.word_tables) == 2
    np.testing.assert_allclose(np.concatenate([jumps.times(0), jumps.times(1)]), [0.0, 2.0, 4.0, 5.0])
    assert all(len(dwell.complete) == 0 for dwell in jumps.dwell_times)


def test_states_of_a_jump_code_are_those_of_the_entries():
    labels = np.array([4, 4, 6, 6, 6, 4])
    jumps = encode(make_dataset(np.arange(6.0)[:, None], dt=1.0, names=["a"], label=labels)).jumps()
    assert jumps.observed[0][:, 0].tolist() == [0.0, 2.0, 5.0]
    assert jumps.variables == ("a",)


def test_files_of_a_jump_code(tmp_path):
    code = dataclasses.replace(encoding([5, 5, 5, 7, 9, 9], [7, 7], dt=0.5), start_times=(10.0, 20.0))
    write_tables(code.jumps(), tmp_path)
    table = pd.read_csv(tmp_path / "symbols.csv")
    assert list(table.columns) == ["trajectory", "stretch", "time", "symbol", "word", "duration", "complete"]
    assert table.time.tolist() == [10.0, 11.5, 12.0, 20.0]
    assert table.duration.tolist() == [1.5, 0.5, 1.0, 1.0]
    assert table.complete.tolist() == [0, 1, 0, 0]
    assert table.word.tolist() == [5, 7, 9, 7]
    whole = json.loads((tmp_path / "encoding.json").read_text())
    assert (whole["step"], whole["n_samples"], whole["source"]["sampling_interval"]) == ("jump", 4, 0.5)
    assert whole["dt"] == pytest.approx(1.5)
    assert all(edge["source"] != edge["target"] for edge in whole["transitions"])


def test_a_code_that_never_jumps_is_refused():
    with pytest.raises(InputError, match="never changes its symbol: 5 samples of 2 symbols"):
        encoding([1, 1, 1], [0, 0]).jumps()


def test_jump_codes_are_compared_with_their_like(rng):
    symbols = dwelling(walk(JUMPS_WITH_GOLDEN_ENTROPY, 3_000, rng), rng)
    source = {"data_hash": "abc"}
    a, b = encoding(symbols, source=source), encoding((symbols + 1) % 3, source=source)
    result = compare_codes(a.jumps(), b.jumps())
    assert result.matched_by == "structure" and result.mutual_information is None
    assert result.graph_agreement == 1.0 and result.word_distance == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(InputError, match="a code of jumps is compared with a code of samples"):
        compare_codes(a.jumps(), b)
    with pytest.raises(InputError, match="not the same samples"):
        compare_codes(a.jumps(), b.jumps(), same_samples=True)


def test_text_says_what_a_step_is(rng):
    code = encoding(dwelling([0, 1, 2, 0, 2, 1, 0], rng))
    assert "samples in 1 stretch" in str(code) and "per sample" in str(code)
    assert "7 stays in 1 stretch" in str(code.jumps()) and "per jump" in str(code.jumps())
