"""The how-to page and the example of open quantum systems run as they stand."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = (ROOT / "examples" / "open_ising.py").read_text(encoding="utf-8")
    assert "n_trajectories=200" in code and "arange(0.5, 6.1, 0.5)" in code
    code = code.replace("n_trajectories=200", "n_trajectories=20")
    code = code.replace("arange(0.5, 6.1, 0.5)", "arange(2.0, 6.1, 2.0)")
    exec(compile(code, "examples/open_ising.py", "exec"), {})
    said = capsys.readouterr().out
    y, one_plus_z = re.search(r"<Y> = (\S+), .*\(1 \+ <Z>\) = (\S+)", said).groups()
    assert y == one_plus_z and float(re.search(r"within (\S+) standard errors", said)[1]) < 6
    assert (tmp_path / "out" / "open_ising.png").stat().st_size > 10_000


def test_the_page_runs():
    pytest.importorskip("qutip", reason="QuTiP is not installed: pip install 'dysyr[quantum]'")
    page = (ROOT / "docs" / "how-to" / "open_quantum_systems.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names = {}
    for block in blocks:
        exec(compile(block, "open_quantum_systems.md", "exec"), names)
    assert len(blocks) == 3 and names["data"].sizes["time"] == 101
    assert names["z"].shape == (10_000, 6) and names["system"].spins.n_sites == 2
    assert abs(names["z"].mean() - names["data"].sel(time=1.0, method="nearest")["x"][0, 12:].mean()) < 0.05
