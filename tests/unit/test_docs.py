"""The documentation says what the code does: commands, code, settings, names, links and references."""

import ast
import dataclasses
import inspect
import re
import runpy
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
import typer

import dysyr
from dysyr.benchmark.sweep_file import read_sweep
from dysyr.cli import app
from dysyr.evaluation import MEASURES, RATE_MEASURES, WINDOW_MEASURES
from dysyr.evaluation.rate_verdict import NOT_MARKOV, PLAUSIBLE_RATES, WRONG_RATES
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.evaluation.verdict import (
    CYCLE,
    DIVERGED,
    FIXED_POINT,
    INDISTINGUISHABLE,
    PLAUSIBLE,
    TOO_FEW,
    UNDECIDABLE,
    WRONG,
)
from dysyr.evaluation.window_verdict import PLAUSIBLE_WINDOWS, WRONG_WINDOWS
from dysyr.experiment import read_experiment
from dysyr.reconstruction import METHODS, STATE_METHODS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "data" / "README.md", *sorted(DOCS.rglob("*.md")))
}
VERDICTS = (
    DIVERGED, FIXED_POINT, CYCLE, WRONG, UNDECIDABLE, TOO_FEW, PLAUSIBLE, INDISTINGUISHABLE,
    NOT_MARKOV, WRONG_RATES, PLAUSIBLE_RATES, WRONG_WINDOWS, PLAUSIBLE_WINDOWS,
)  # fmt: skip


def blocks(language, pages=PAGES):
    """(page, text) of every fenced block of a language."""
    return [
        (page, text)
        for page, content in pages.items()
        for text in re.findall(rf"^```{language}\n(.*?)^```", content, flags=re.M | re.S)
    ]


def commands(language="sh"):
    """(page, line) of every command ``dysyr ...`` in blocks of commands."""
    lines = [(page, line) for page, text in blocks(language) for line in text.replace("\\\n", " ").splitlines()]
    return [(page, line) for page, line in lines if line.startswith("dysyr ")]


def mentions():
    """(page, text) of every ``dysyr ...`` within a sentence; these may leave arguments out."""
    prose = {
        page: re.sub(r"^```.*?^```", "", text, flags=re.M | re.S).replace("\n", " ") for page, text in PAGES.items()
    }
    found = [(page, text) for page, content in prose.items() for text in re.findall(r"`(dysyr [^`]+)`", content)]
    return [(page, text) for page, text in found if "..." not in text]


def case(pairs):
    return [pytest.param(page, text, id=f"{page}-{i}") for i, (page, text) in enumerate(pairs)]


@pytest.mark.parametrize("page, line", case(commands()))
def test_commands_are_understood(page, line):
    _parse(page, line)


@pytest.mark.parametrize("page, text", case(mentions()))
def test_commands_in_sentences_are_understood(page, text):
    if text in ("dysyr --help", "dysyr --version"):
        return
    try:
        _parse(page, text)
    except typer.BadParameter as error:
        assert "Missing" in error.format_message(), f"{page}: {text}"


@pytest.mark.parametrize("page, code", case(blocks("python")))
def test_code_names_what_exists(page, code):
    """Every ``dysyr.name`` exists, and its keyword arguments are among those of the function."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "dysyr":
            assert node.attr in dysyr.__all__, f"{page}: dysyr.{node.attr}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("dysyr."):
            function = eval(ast.unparse(node.func), {"dysyr": dysyr})
            known = inspect.signature(function).parameters.values()
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in known):
                given = {keyword.arg for keyword in node.keywords} - {None}
                assert given <= {parameter.name for parameter in known}, f"{page}: {ast.unparse(node)}"


@pytest.mark.parametrize("page, text", case(blocks("toml")))
def test_files_are_experiments_or_systems(page, text, tmp_path):
    tables = tomllib.loads(text)
    if page == "docs/how-to/run_a_sweep.md":
        (tmp_path / "sweep.toml").write_text(text)
        assert len(read_sweep(tmp_path / "sweep.toml").conditions) == 8
        return
    if "kind" in tables:
        assert dysyr.System.from_dict(tables).dim > 0
        return
    whole = text if "reconstructor" in tables else f'{text}\n[[reconstructor]]\nmethod = "shplrnn"\n'
    path = tmp_path / "experiment.toml"
    path.write_text(whole if "data" in tables else f'[data]\npath = "recording.csv"\n{whole}')
    assert read_experiment(path).reconstructors


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page):
    folder = (ROOT / page).parent
    prose = re.sub(r"^```.*?^```", "", PAGES[page], flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        path = (folder / file).resolve() if file else ROOT / page
        assert path.exists(), f"{page}: {target}"
        assert ROOT in path.parents, f"{page}: {target} lies outside the repository"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.M)
            assert anchor in [_anchor(heading) for heading in headings], f"{page}: {target}"


def test_named_files_exist():
    """Paths of the repository that a page names in code spans."""
    for page, content in PAGES.items():
        spans = re.findall(r"`((?:dysyr|docs|tests|examples|systems|data)/[\w./-]+)`", content)
        missing = [span for span in spans if not (ROOT / span).exists()]
        assert not missing, f"{page}: {missing}"


def test_cited_keys_are_in_the_bibliography():
    known = set(re.findall(r"^@\w+\{([^,\s]+),", (DOCS / "references.bib").read_text(encoding="utf-8"), flags=re.M))
    for page, content in PAGES.items():
        cited = set(re.findall(r"`([a-z]+(?:19|20)\d\d[a-z]*)`", content))
        assert cited <= known, f"{page}: {cited - known}"


def test_the_bibliography_has_no_key_twice():
    keys = re.findall(r"^@\w+\{([^,\s]+),", (DOCS / "references.bib").read_text(encoding="utf-8"), flags=re.M)
    assert sorted(keys) == sorted(set(keys))


def test_generated_pages_are_up_to_date():
    pages = runpy.run_path(str(DOCS / "write_reference.py"))["PAGES"]
    stale = [name for name, page in pages.items() if (DOCS / name).read_text(encoding="utf-8") != page()]
    assert not stale, f"out of date: {', '.join(stale)}; run python docs/write_reference.py"


def test_every_public_name_is_in_the_reference():
    headings = re.findall(r"^### (\w+)$", PAGES["docs/api.md"], flags=re.M)
    assert sorted(headings) == sorted(dysyr.__all__)


def test_every_measure_is_defined():
    headings = re.findall(r"^### (\w+)$", PAGES["docs/measures.md"], flags=re.M)
    assert headings == [measure.name for measure in (*MEASURES, *RATE_MEASURES, *WINDOW_MEASURES)]


def test_settings_of_an_evaluation_are_those_of_the_page():
    listed = _table(PAGES["docs/measures.md"].split("## Settings")[1])
    assert listed == {field.name: field.default for field in dataclasses.fields(EvaluationSettings)}


@pytest.mark.parametrize("method", (*METHODS, *STATE_METHODS), ids=lambda method: method.__name__)
def test_method_has_a_page_with_its_defaults(method):
    page = PAGES[f"docs/methods/{method.__name__.lower()}.md"]
    listed = _table(page.split("## Arguments and defaults")[1])
    assert listed == {
        name: parameter.default
        for name, parameter in inspect.signature(method.__init__).parameters.items()
        if name != "self"
    }


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/read_the_report.md"])
def test_every_verdict_is_explained(page):
    assert not [verdict for verdict in VERDICTS if f"`{verdict}`" not in " ".join(PAGES[page].split())]


def test_every_section_of_the_report_is_explained():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "dysyr" / "reporting" / "sections").glob("*.py")]
    titles = {title for text in sources for title in re.findall(r'title="([^"{]+)"', text)}
    assert len(titles) > 8
    assert not [title for title in titles if title not in PAGES["docs/how-to/read_the_report.md"]]


def test_readme_carries_the_two_commands():
    lines = [
        line.split("#")[0].strip()
        for _, text in blocks("sh", {"README.md": PAGES["README.md"]})
        for line in text.splitlines()
    ]
    assert {"make demo", "make test"} <= set(lines)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    assert set(re.findall(r"`?make ([\w-]+)`", PAGES["README.md"])) | {"demo", "test"} <= set(targets)


def test_citation_and_changelog_know_the_version():
    version = re.search(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(encoding="utf-8"), flags=re.M).group(1)
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(version)}\b", PAGES["CHANGELOG.md"], flags=re.M)


def test_the_tutorial_runs(tmp_path, monkeypatch):
    """The Python of the tutorial, in order, as it stands but for shorter series and training."""
    monkeypatch.chdir(tmp_path)
    shorter = (
        ("n_steps=30_000", "n_steps=1_500"), ("n_steps=9_000, n_trajectories=10", "n_steps=100, n_trajectories=2"),
        ("n_steps=500", "n_steps=20"), ("n_steps=2_000, n_trajectories=10", "n_steps=50, n_trajectories=2"),
        ("SHPLRNN(", "SHPLRNN(n_updates=100, n_refinements=2, n_checks=1, max_restarts=0, "),
        ("evaluate(reconstructor, test)", "evaluate(reconstructor, test, measures=['d_stsp', 'd_h'])"),
    )  # fmt: skip
    code = "\n".join(text for _, text in blocks("python", {"": PAGES["docs/tutorial.md"]}))
    for long, short in shorter:
        assert long in code
        code = code.replace(long, short)
    exec(compile(code, "docs/tutorial.md", "exec"), {})
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "out" / "from_python" / "model.safetensors").exists()


def test_the_example_of_the_ratchet_runs(capsys):
    code = (ROOT / "examples" / "ratchet_zero_shot.py").read_text(encoding="utf-8")
    exec(compile(code, "examples/ratchet_zero_shot.py", "exec"), {})
    said = capsys.readouterr().out
    errors = [float(value) for value in re.findall(r"error of the rates (\S+),", said)]
    assert errors[0] < 0.5 * errors[2] and errors[1] < 0.5 * errors[2]
    for name, value in re.findall(r"over true (.*): (\S+)", said):
        assert (float(value) > 0.5) == (name == "edges")


def test_the_example_of_symbols_runs(tmp_path, monkeypatch, capsys):
    """As it stands but for shorter series, and a rotation that two units cut into quarters in place of a fit."""
    monkeypatch.chdir(tmp_path)
    turn = np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    model = dysyr.ALRNN.from_parameters(
        A=[0.0] * 4, W=np.block([[turn, np.zeros((2, 2))], [turn, np.zeros((2, 2))]]), h=[0.0] * 4, n_rectified=2,
        n_observed=3, dt=0.02, names=["x", "y", "z"], initial_states=[[1.0, 0.1, 1.0, 0.1]],
    )  # fmt: skip
    code = (ROOT / "examples" / "symbols.py").read_text(encoding="utf-8")
    for long, short in (
        ("n_steps=20_000, dt=0.02", "n_steps=2_000, dt=0.02"), (".fit(train)", ".restored(model, {}, {})"),
        ("n_steps=1_000_000", "n_steps=4_000"), ("(fitted, n_steps=20_000)", "(fitted, n_steps=200)"),
    ):  # fmt: skip
        assert long in code
        code = code.replace(long, short)
    exec(compile(code, "examples/symbols.py", "exec"), {"model": model})
    assert {"encoding.json", "orbits.png"} <= {path.name for path in (tmp_path / "out" / "symbols" / "jumps").iterdir()}
    rates = re.findall(r"words of 16: (\S+) by samples, (\S+) by jumps", capsys.readouterr().out)
    assert float(rates[0][0]) > float(rates[0][1])


def _parse(page, line):
    """Parse a command line without running it."""
    name, *arguments = shlex.split(line, comments=True)[1:]
    group = typer.main.get_command(app)
    assert name in group.commands, f"{page}: there is no command {name}"
    group.commands[name].make_context(name, arguments)


def _anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _table(text):
    """``{name: default}`` of the first table whose rows begin with a name and a default in code spans."""
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", text, flags=re.M)
    return {name: ast.literal_eval(default) for name, default in rows}
