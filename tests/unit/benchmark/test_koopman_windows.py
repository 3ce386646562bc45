"""The benchmark of KoopmanVAE: its data, its table, and that finished cells are kept."""

import json

import numpy as np
import pytest

from dysyr.benchmark import koopman_picture, koopman_windows
from dysyr.core.errors import InputError


def found(value=0.02):
    scores = {"value": value, "floor": 0.01, "controls": {"gaussian": 0.5, "autoregression": 0.4}, "runs": [value]}
    scores |= {"accuracy": 0.53, "accuracy_of_truth": 0.51}
    names = (
        "discriminative_score", "discriminative_score_of_values", "predictive_score", "window_marginal",
        "window_autocorrelation",
    )  # fmt: skip
    return {"seconds": 50.0, "parameters": 47_749, "left_out": 0.0, "novelty": 1.1, **dict.fromkeys(names, scores)}


def test_sines_are_those_of_the_literature():
    """Means over f and phi in [0, 0.1], worked out by quadrature."""
    x = koopman_windows.sines(40_000, 0)
    assert x.shape == (40_000, 24, 5)
    np.testing.assert_allclose(x.mean(axis=(0, 2))[[0, 12, 23]], [0.524979, 0.784643, 0.869729], atol=2e-3)
    assert x.min() >= 0.5
    assert x.max() <= 1.0
    assert not np.array_equal(x[:10], koopman_windows.sines(10, 1))


def test_whole_rows_are_missing_at_the_given_rate():
    x = koopman_windows.with_gaps(koopman_windows.sines(2000, 0), 30, 0)
    missing = np.isnan(x)
    assert (missing.all(axis=2) == missing.any(axis=2)).all()
    assert missing.mean() == pytest.approx(0.3, abs=0.01)
    assert not np.isnan(koopman_windows.with_gaps(x[:1, :1] * 0 + 1, 0, 0)).any()


def test_stocks_are_read_oldest_row_first(tmp_path):
    place = tmp_path / "prices.csv"
    place.write_text("a,b\n1,2\n3,4\n")
    np.testing.assert_array_equal(koopman_windows.stocks(place), [[3, 4], [1, 2]])


def test_prices_come_back_from_their_logarithms():
    rng = np.random.default_rng(0)
    close, opened = (np.exp(rng.normal(4, 1, 50)) for _ in range(2))
    high, low = np.maximum(opened, close) * 1.01, np.minimum(opened, close) / 1.02
    rows = np.stack([opened, high, low, close, close, rng.uniform(1e5, 1e7, 50)], axis=-1)
    z = koopman_windows.logarithms(rows)
    np.testing.assert_allclose(z[:, 2:4], np.log([1.01, 1.02]) * np.ones((50, 1)))
    np.testing.assert_allclose(koopman_windows.prices(z), rows)
    made = koopman_windows.prices(rng.normal(size=(7, 24, 5)))
    assert (made[..., 1] >= made[..., [0, 3]].max(axis=-1)).all()
    assert (made[..., 2] <= made[..., [0, 3]].min(axis=-1)).all()


def test_copies_are_not_new_and_other_windows_are():
    """Of a walk: its own windows, slightly changed ones, windows of another walk, noise; and of many short series."""
    rng = np.random.default_rng(0)
    walks = np.cumsum(rng.normal(size=(2, 2000, 3)), axis=1)
    windows = [np.stack([walk[at : at + 24] for at in rng.integers(0, 1976, 300)]) for walk in walks]
    made = [windows[0], windows[0] + 0.05 * rng.normal(size=windows[0].shape), windows[1]]
    copies, near, other = (koopman_windows.novelty(walks[:1], x, 0) for x in made)
    assert copies == pytest.approx(0, abs=1e-6)
    assert 0 < near < 0.3
    assert other > 0.95
    series = koopman_windows.sines(400, 0)
    assert koopman_windows.novelty(series, koopman_windows.sines(200, 1), 0) == pytest.approx(1, abs=0.1)
    assert koopman_windows.novelty(series, series[:100], 0) == pytest.approx(0, abs=1e-6)


def test_finished_cells_are_kept_and_the_page_names_no_place(tmp_path, monkeypatch, capsys):
    calls = []

    def cell(data, percent, seed, path):
        calls.append((data, percent, seed))
        return found(0.01 * (1 + seed)), np.zeros((3, 24, 5)), np.ones((3, 24, 5))

    monkeypatch.setattr(koopman_windows, "cell", cell)
    page = tmp_path / "page.md"
    archive = tmp_path / "kept.jsonl"
    arguments = ["-o", str(tmp_path / "out"), "--seeds", "2", "--rates", "0", "50", "--archive", str(archive)]
    koopman_windows.main(arguments)
    assert calls == [("sines", 0, 0), ("sines", 50, 0), ("sines", 0, 1), ("sines", 50, 1)]
    koopman_windows.main([*arguments, "--write", str(page)])
    assert len(calls) == 4 and "others" not in page.read_text()
    archive.unlink()
    koopman_windows.main([*arguments, "--seeds", "3", "--finished", "--write", str(page)])
    assert len(calls) == 4
    assert len(archive.read_text().splitlines()) == 4, "fits that others made enter the archive"
    assert "--rates 0 50 --archive docs/results/koopmanvae.jsonl --finished --write" in page.read_text()
    koopman_windows.main([*arguments[:1], str(tmp_path / "other"), *arguments[2:]])
    assert calls[4:] == calls[:2], "windows of the first seed are made again, the others are taken over"
    assert len(archive.read_text().splitlines()) == 4
    assert "4 of 6 fits; the command without `--finished` makes the others." in page.read_text()
    assert "that half of the table is left out" in capsys.readouterr().err
    text = page.read_text()
    scores = "0.015 (0.010, 0.020) | 0.020 (0.020, 0.020) | 0.010 (0.010, 0.010) | 0.40 | 0.015 (0.010, 0.020) [0.40]"
    assert f"| sines | 50 % | 2 | {scores} |" in text
    shown = np.load(tmp_path / "out" / "sines_50_0.npz")
    assert shown["truth"].shape == shown["generated"].shape == (3, 24, 5)
    assert not (tmp_path / "out" / "sines_50_1.npz").exists()
    assert str(tmp_path) not in text
    assert json.loads((tmp_path / "out" / "sines_0_0.json").read_text())["parameters"] == 47_749


def test_kept_windows_are_drawn(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("sines_0_0", "sines_50_0", "stocks_0_0", "stocks_50_1"):
        np.savez(tmp_path / f"{name}.npz", truth=rng.normal(size=(30, 8, 2)), generated=rng.normal(size=(20, 8, 2)))
    koopman_picture.main(["-o", str(tmp_path), "--write", str(tmp_path / "all.png")])
    assert (tmp_path / "all.png").read_bytes()[:4] == b"\x89PNG"
    cells = {("sines", 0): (rng.normal(size=(30, 8, 2)), rng.normal(size=(20, 8, 2)))}
    (ax,) = koopman_picture.picture(cells).axes
    assert [len(points.get_xdata()) for points in ax.lines] == [30, 20]
    with pytest.raises(InputError, match="no windows to draw.*run python -m dysyr.benchmark.koopman_windows first"):
        koopman_picture.main(["-o", str(tmp_path / "none"), "--write", str(tmp_path / "none.png")])
