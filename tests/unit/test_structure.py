"""The shape of the repository: who imports whom, public names, references, light imports, file names."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dysyr

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "dysyr"
SIBLINGS = {"simulation", "reconstruction", "encoding", "evaluation"}
BELOW_API = {"core", "kernels", "reporting", *SIBLINGS}
ALLOWED = {
    "core": {"core"},
    "kernels": {"kernels", "core.errors"},
    "training": {"training", "core"},
    **{name: {name, "core", "kernels"} for name in SIBLINGS},
    "reconstruction": {"reconstruction", "core", "kernels", "training"},
    "reporting": {"reporting", "core", "encoding", "evaluation"},
    "truth": BELOW_API,
    "spectrum": BELOW_API,
    "api": BELOW_API | {"spectrum", "truth"},
    "workers": {"core"},
    "tuning": {"tuning", "core", "reconstruction", "api", "workers"},
    "doctor": BELOW_API | {"api"},
    "experiment_file": {"core", "evaluation", "simulation"},
    "experiment_data": BELOW_API | {"api", "experiment_file"},
    "experiment": BELOW_API | {"api", "experiment_file", "experiment_data"},
    "states": BELOW_API | {"truth"},
    "cli_input": {"core", "experiment_data"},
    "cli_options": set(),
    "cli_states": {"core", "reconstruction", "experiment", "cli_input", "cli_options", "cli_output"},
    "cli_sweep": {"benchmark", "cli_output"},
    "cli_tune": {"core", "experiment", "cli_input", "cli_options", "cli_output"},
    "cli_upkeep": {"core", "api", "benchmark", "doctor", "cli_options", "cli_output"},
    "cli_output": {"core"},
    "benchmark": BELOW_API
    | {"api", "benchmark", "experiment", "experiment_file", "experiment_data", "spectrum", "states", "truth"}
    | {"workers"},
}
FORBIDDEN_EXTERNAL = {"core": {"torch", "numba", "sklearn"}}
MAY_USE_SKLEARN = {"core/reconstructor.py"}
HEAVY = ("torch", "numba", "sklearn", "xarray", "pandas", "matplotlib", "scipy", "sympy", "dask", "distributed")


def sources():
    return sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """Modules imported anywhere in a file, with ``from a import b`` as ``a.b`` too."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def layer(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_layers_import_only_what_lies_below(path):
    own = layer(path)
    if own in ("__init__", "__main__", "cli"):
        return
    assert own in ALLOWED, f"'{own}' has no place in the layer rule"
    for module, line in imports(path):
        if not module.startswith("dysyr."):
            top = module.split(".")[0]
            banned = top in FORBIDDEN_EXTERNAL.get(own, ()) and str(path.relative_to(PACKAGE)) not in MAY_USE_SKLEARN
            assert not banned, f"{path}:{line} imports {module}"
            continue
        below = module.removeprefix("dysyr.")
        good = any(below == allowed or below.startswith(allowed + ".") for allowed in ALLOWED[own])
        prefix = any(allowed.startswith(below + ".") for allowed in ALLOWED[own])
        assert good or prefix, f"{path}:{line}: {own} may not import {module}"


def test_methods_do_not_import_each_other():
    homes = {path for path in (PACKAGE / "reconstruction").iterdir() if path.name not in ("__init__.py", "__pycache__")}
    for home in homes:
        for path in [home] if home.is_file() else home.rglob("*.py"):
            for module, line in imports(path):
                if module.startswith("dysyr.reconstruction."):
                    assert module.split(".")[2] == home.stem, f"{path}:{line} imports {module}"


def test_public_names_are_those_of_the_type_checking_block():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.name: node.module for node in block.body for alias in node.names}
    assert declared == dysyr._HOME_OF
    for name in dysyr.__all__:
        assert getattr(dysyr, name) is not None


def test_unknown_public_name():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dysyr.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import dysyr",
        "import dysyr.cli, sys; sys.argv = ['dysyr', '--help']\ntry: dysyr.cli.main()\nexcept SystemExit: pass",
    ],
)
def test_light_import(code):
    check = f"{code}\nimport sys\nprint('HEAVY', [m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("HEAVY []")


def test_names_of_files_say_something():
    empty = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in sources() if path.stem in empty or path.parent.name in empty]


def test_references_are_in_the_bibliography():
    known = set(re.findall(r"^@\w+\{([^,\s]+),", (ROOT / "docs" / "references.bib").read_text(), flags=re.M))
    missing = {}
    for path in sources():
        for docstring in _docstrings(path):
            for line in re.findall(r"Reference:\s*(.+(?:\n\s+\S.*)?)", docstring):
                for key in re.findall(r"\b[a-z]+(?:19|20)\d\d[a-z]*\b", line):
                    if key not in known:
                        missing.setdefault(key, str(path.relative_to(ROOT)))
    assert not missing


def test_what_inspect_asks_for_a_method_is_what_the_method_asks():
    from dysyr.evaluation.requirements import REQUIREMENTS
    from dysyr.reconstruction import METHODS

    assert set(REQUIREMENTS) == {method.__name__.lower() for method in METHODS}
    for method in METHODS:
        needs = REQUIREMENTS[method.__name__.lower()]
        for name in ("min_samples", "handles_irregular", "handles_missing", "handles_inputs"):
            assert getattr(needs, name) == getattr(method, name), (method, name)


def test_nothing_names_the_machine_it_was_made_on():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    home = "/" + "work" + "/"
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".cfg", ".txt", ".rst", ".html") and path.exists():
            assert home not in path.read_text(errors="replace"), name


def _docstrings(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            yield ast.get_docstring(node) or ""


def setup_file():
    listed = configparser.ConfigParser()
    listed.read(ROOT / "setup.cfg")
    return listed


def package_folders():
    """``{package: folder}`` of everything that a wheel should hold."""
    moved = (line.split("=") for line in setup_file()["options"]["package_dir"].strip().splitlines())
    homes = {"dysyr": PACKAGE, **{name.strip(): ROOT / folder.strip() for name, folder in moved}}
    return {
        ".".join([name, *path.parent.relative_to(home).parts]): path.parent
        for name, home in homes.items()
        for path in home.rglob("__init__.py")
    }


def test_every_package_is_in_the_wheel():
    assert set(package_folders()) == set(setup_file()["options"]["packages"].split())


def test_every_file_of_a_package_is_in_the_wheel():
    patterns = {name: text.replace(",", " ").split() for name, text in setup_file()["options.package_data"].items()}
    found = {}
    for name, folder in package_folders().items():
        for path in folder.iterdir():
            if path.is_file() and path.suffix != ".py":
                assert any(path.match(pattern) for pattern in patterns.get(name, ())), path
                found.setdefault(name, set()).add(path.suffix)
    assert {"dysyr.systems", "dysyr.data", "dysyr.reporting"} <= set(found) == set(patterns)


def test_types_are_checked_where_public_names_live():
    checked = {path.strip() for path in setup_file()["mypy"]["files"].split(",")}
    assert all((ROOT / path).is_file() for path in checked)
    homes = {f"{home.replace('.', '/')}.py" for home in set(dysyr._HOME_OF.values())}
    top = {f"dysyr/{path.name}" for path in PACKAGE.glob("*.py")}
    assert {home for home in homes if home.startswith("dysyr/core/")} | top <= checked
