"""The documentation site: every page is in its contents, links lead somewhere, and it builds without a warning."""

import functools
import http.server
import importlib.util
import posixpath
import re
import runpy
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import dysyr
from dysyr.core.catalogue import system_names

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
needs_sphinx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sphinx_gallery", "pybtex", "latex2mathml")),
    reason="what builds the site is not installed: pip install 'dysyr[docs]'",
)


@pytest.fixture(autouse=True)
def extensions(monkeypatch):
    """docs/ on the path, as conf.py has it."""
    monkeypatch.syspath_prepend(str(DOCS))


def pages():
    """Names of all Markdown pages in docs/, relative and without ending."""
    found = (path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
    return {str(path.with_suffix("")).replace("\\", "/") for path in found}


def listed_from(name):
    """A page, and all pages that are reached from it through lists of index pages."""
    from extensions.navigation import listed

    found = {name}
    if posixpath.basename(name) == "index":
        for _, target in listed((DOCS / f"{name}.md").read_text(encoding="utf-8")):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            if path.endswith(".md") and not path.startswith(".."):
                found |= listed_from(path.removesuffix(".md"))
    return found


def test_every_page_is_listed_on_an_index():
    missing = pages() - listed_from("index")
    assert not missing, f"list them in index.md of their folder: {', '.join(sorted(missing))}"


def test_a_page_is_listed_once():
    from extensions.navigation import listed

    for path in DOCS.rglob("index.md"):
        targets = [target for _, target in listed(path.read_text(encoding="utf-8"))]
        assert len(targets) == len(set(targets)), path


def test_every_method_is_on_the_list_of_methods():
    from extensions.navigation import listed

    from dysyr.reconstruction import METHODS, STATE_METHODS

    names = {name for name, _ in listed((DOCS / "methods" / "index.md").read_text(encoding="utf-8"))}
    assert {method.__name__ for method in (*METHODS, *STATE_METHODS)} <= names


def test_every_page_of_a_method_says_when_to_use_it_and_when_not():
    from dysyr.reconstruction import METHODS, STATE_METHODS

    for method in (*METHODS, *STATE_METHODS):
        text = (DOCS / "methods" / f"{method.__name__.lower()}.md").read_text(encoding="utf-8")
        assert "When to use it" in text and "When not" in text, method.__name__


def test_contents_carry_the_names_of_the_list():
    from extensions.navigation import contents

    text = contents("# Title\n\n* [One](one.md): first\n* [Two](a/two.md)\n* [Far](https://example.org/three.md)\n")
    assert [line for line in text.splitlines() if line.endswith(">")] == ["One <one>", "Two <a/two>"]
    assert contents("no list") == ""


@pytest.mark.parametrize(
    "page, text, expected",
    [
        ("index", "[bib](references.bib)", "[bib](generated/references.rst)"),
        ("methods/gru", "[bib](../references.bib)", "[bib](../generated/references.rst)"),
        ("how-to/measured_data", "[d](../../data/README.md#sunspots)", "[d](../generated/data.markdown#sunspots)"),
        ("index", "[e](../examples/own_csv.py)", "[e](generated/gallery/own_csv.rst)"),
        ("index", "[e](../examples)", "[e](generated/gallery/index.rst)"),
        ("methods/gru", "[l](lstm.md), [b](#below)", "[l](lstm.md), [b](#below)"),
        ("index", "[w](https://example.org/references.bib)", "[w](https://example.org/references.bib)"),
        ("index", "```text\n[bib](references.bib)\n```", "```text\n[bib](references.bib)\n```"),
    ],
)
def test_links_are_led_to_pages_of_the_site(page, text, expected):
    from extensions.navigation import led

    assert led(page, text) == expected


@needs_sphinx
def test_spans_lead_to_what_they_name():
    from extensions.spans import bibliography_keys, place

    keys = bibliography_keys(DOCS)
    assert place("hess2023", keys) == ("generated/references", "hess2023")
    assert place("dysyr.load_system", keys) == ("api", "load_system")
    assert place('dysyr.load_system("NAME")', keys) == ("api", "load_system")
    assert place("SHPLRNN", keys) == ("api", "shplrnn")
    assert place("examples/own_csv.py", keys) == ("generated/gallery/own_csv", "")
    assert place("examples/lorenz63.toml", keys) == ("generated/experiments", "lorenz63")
    for text in ("inspect", "split", "hess1923", "dysyr.nothing", "dysyr inspect", "NONE"):
        assert place(text, keys) is None


def test_an_example_is_turned_into_a_page_of_the_gallery():
    from extensions.gallery import gallery_text

    script = (
        "# %% [markdown]\n# # A title\n#\n# With `code` and $x^2$.\n\n# %%\na = `1`\n\n# %% [markdown]\n# See `b`.\n"
    )
    text = gallery_text(script)
    assert text.startswith('r"""A title\n=======\n\nWith ``code`` and :math:`x^2`.\n"""\n')
    assert "\na = `1`\n" in text and text.endswith("# %%\n# See ``b``.\n")
    assert "Not run" in gallery_text(script, runs=False)
    assert gallery_text(script, thumbnail="a.png") == f"{text}\n# sphinx_gallery_thumbnail_path = 'a.png'\n"
    with pytest.raises(ValueError, match="begins with"):
        gallery_text("import dysyr\n")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_have_a_title_and_stay_code(path):
    from extensions.gallery import gallery_text

    script = path.read_text(encoding="utf-8")
    compile(gallery_text(script), str(path), "exec")


def test_experiment_files_are_on_a_page():
    from extensions.gallery import experiments_page

    page = experiments_page(ROOT / "examples")
    for path in (ROOT / "examples").glob("*.toml"):
        assert f"## {path.stem}\n" in page and path.read_text(encoding="utf-8").strip() in page


def test_every_system_has_a_page():
    from extensions.catalogue import system_page, with_portraits

    for name in system_names():
        system = dysyr.load_system(name)
        page = system_page(system, (ROOT / "systems" / f"{name}.toml").read_text(encoding="utf-8"))
        assert page.startswith(f"# {system.title}\n")
        assert page.count("$$") == 2 * len(system.latex())
        for known in system.invariants:
            value = np.ravel(known["value"])[0]
            assert f"{value:.6g} ± " in page
    listing = with_portraits((DOCS / "systems.md").read_text(encoding="utf-8"))
    for name in system_names():
        assert listing.count(f"](generated/systems/{name}.markdown)") == 2
        assert f"\ngenerated/systems/{name}\n" in listing


@pytest.mark.parametrize(
    "name", ["lorenz63", "henon", "logistic", "double_well", "lorenz96", "sir", "two_state_channel"]
)
def test_portraits_show_the_system(name):
    from extensions.portraits import caption, draw

    system = dysyr.load_system(name)
    axes = draw(system).axes[0]
    assert axes.lines or axes.images
    assert caption(system).endswith(".")
    if name == "logistic":
        x, y = axes.lines[0].get_data()
        np.testing.assert_allclose(y, 4 * x * (1 - x), atol=1e-12)


def test_a_portrait_is_drawn_once(tmp_path, monkeypatch):
    from extensions import portraits

    monkeypatch.setattr(portraits, "cache_folder", lambda: tmp_path / "kernels")
    system = dysyr.load_system("henon")
    path = portraits.portrait(system, "text")
    assert path.parent == tmp_path / "portraits" and path.stat().st_size > 1_000
    monkeypatch.setattr(portraits, "draw", None)
    assert portraits.portrait(system, "text") == path
    with pytest.raises(TypeError):
        portraits.portrait(system, "another text")


@needs_sphinx
def test_mathematics_is_markup_of_its_own():
    from docutils import nodes
    from extensions.mathml import visit_block, visit_inline

    class Writer:
        body = []

    for visit in (visit_inline, visit_block):
        with pytest.raises(nodes.SkipNode):
            visit(Writer, nodes.math("", r"\frac{1}{2}"))
    assert len(Writer.body) == 2
    assert all(re.search("<math.*<mfrac>.*1.*2.*</mfrac>.*</math>", text) for text in Writer.body)


@needs_sphinx
def test_settings_of_the_site():
    made = runpy.run_path(str(DOCS / "conf.py"))
    assert made["html_math_renderer"] == "mathml" and made["version"] == dysyr.__version__
    runs = re.compile(made["sphinx_gallery_conf"]["filename_pattern"])
    stems = {path.stem: bool(runs.search(f"/examples/{path.name}")) for path in (ROOT / "examples").glob("*.py")}
    assert {name for name, run in stems.items() if not run} == set(made["NOT_RUN"])
    assert (DOCS / "static" / made["html_css_files"][0]).is_file()
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "docs/generated/" in ignored and "out/" in ignored
    assert ROOT / "out" in made["EXAMPLES"].parents


def test_broken_links_are_found(tmp_path):
    check = runpy.run_path(str(DOCS / "check_site.py"))["broken"]
    (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="b.html#there">b</a><a href="#top">top</a>')
    (tmp_path / "b.html").write_text('<p id="there"></p><a href="https://example.org">far</a><img src="p.png">')
    (tmp_path / "p.png").write_bytes(b"")
    (tmp_path / "c.css").write_text("a { background: url(p.png) }")
    assert check(tmp_path) == []
    (tmp_path / "b.html").write_text('<script src="https://example.org/x.js"></script><a href="../out.html">x</a>')
    (tmp_path / "c.css").write_text("@import url('//example.org/font.css');")
    (tmp_path / "p.png").unlink()
    found = "\n".join(check(tmp_path))
    for part in ("no such anchor", "b.html: https://example.org/x.js: loaded", "no such file", "c.css: //example.org"):
        assert part in found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built with warnings as errors; examples whose pages an earlier build has made are not run again."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", folder / "doctrees"]
    done = subprocess.run([*command, DOCS, folder / "html"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.mark.slow
@needs_sphinx
def test_the_site_builds_without_a_warning_and_its_links_hold(site):
    checked = subprocess.run([sys.executable, DOCS / "check_site.py", site], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    for page in pages():
        assert (site / f"{page}.html").is_file()
    assert 'id="hess2023"' in (site / "generated" / "references.html").read_text(encoding="utf-8")
    assert 'href="../api.html#shplrnn"' in (site / "methods" / "shplrnn.html").read_text(encoding="utf-8")


@pytest.mark.slow
@needs_sphinx
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium")
def test_the_search_works_in_a_browser(site, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        shown = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
             f"--user-data-dir={tmp_path}", "--virtual-time-budget=8000", "--dump-dom",
             f"http://127.0.0.1:{server.server_port}/search.html?q=lyapunov"],
            capture_output=True, text=True, check=True, timeout=120,
        ).stdout  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    assert re.search(r"found \d\d+ pages", shown)
    assert re.search(r'href="[^"]*measures.html', shown)
