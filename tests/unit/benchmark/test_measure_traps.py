"""Traps of measures: what the tables say of them, on shorter series."""

import re

import pytest

from dysyr.benchmark.measure_traps import RIVALS, by_cells, by_mixtures, by_spectra, distances, page, valid_times


def median(scores):
    return sorted(scores)[len(scores) // 2]


def test_the_floor_falls_with_the_length():
    found = distances(by_cells, (500, 5_000), 3)
    assert list(found[500]) == list(RIVALS)
    assert median(found[500]["another"]) > 3 * median(found[5_000]["another"])
    assert median(found[500]["another"]) > median(found[5_000]["rho_30"])


def test_each_distance_is_blind_to_something():
    cells = distances(by_cells, (2_000,), 2)[2_000]
    spectra = distances(lambda x, y: by_spectra(x, y, sigma_hz=0.2), (2_000,), 2)[2_000]
    assert max(cells["time_shuffled"]) == 0 and min(spectra["time_shuffled"]) > 0.5
    assert max(spectra["phase_surrogate"]) == pytest.approx(0, abs=1e-9) and min(cells["phase_surrogate"]) > 5


def test_definitions_differ():
    few, many = (distances(lambda x, y, k=k: by_cells(x, y, k), (2_000,), 2)[2_000]["another"] for k in (10, 50))
    assert min(many) > 3 * max(few)
    wide, narrow = (distances(lambda x, y, v=v: by_mixtures(x, y, v), (2_000,), 1)[2_000] for v in (1.0, 0.01))
    assert max(wide["phase_surrogate"]) < 0.1 < 1 < min(narrow["phase_surrogate"])


def test_percentage_errors_depend_on_where_zero_lies():
    here, there = (valid_times(offset, 1, n_starts=10) for offset in (0.0, 100.0))
    assert here["nrmse"] == pytest.approx(there["nrmse"], rel=0.05)
    assert here["smape"][0] < 0.6 * here["nrmse"][0] and there["smape"][0] > 2 * here["nrmse"][0]


def test_the_page_has_every_table():
    text = page(1, lengths=(300, 600), one_length=300)
    assert len(re.findall(r"^\|---", text, flags=re.M)) == 5
    assert "∞" not in text and "nan" not in text
