"""The scripts of examples/ for sphinx-gallery, which wants a docstring and reStructuredText where they have Markdown.

Scripts are copied into a folder of the build and run there, so that what they write stays out of the repository.
"""

import re
import shutil
from pathlib import Path

HEADER = """Examples
========

Scripts of the folder ``examples``, with what they print and draw. They ran when these pages were built, except where a
page says otherwise. To run one: ``python examples/NAME.py``. What ``dysyr run`` and ``dysyr sweep`` read lies there,
too: :doc:`experiment files </generated/experiments>`.

.. toctree::
   :hidden:

   Experiment files </generated/experiments>
"""
EXPERIMENTS = """# Experiment files

Files of the folder `examples` for `dysyr run` and `dysyr sweep`. A file says what to fit to what, and how to judge it;
the [tutorial](../tutorial.md) and [sweeps](../how-to/run_a_sweep.md) tell how to write one.
"""
NOT_RUN = "\n\n*Not run when this page was built, to keep that short; the code is shown as it stands.*"
_CELL = re.compile(r"^# %% \[markdown\]\n((?:^#.*\n)+)", flags=re.M)


def gallery_text(script, *, runs=True, thumbnail=None):
    """A script in Markdown cells as sphinx-gallery reads it.

    Args:
        script: text, with cells between lines ``# %%``, the first of them a title and what the script is about.
        runs: whether the script is run; if not, the page says so.
        thumbnail: picture for the list of examples, a path relative to docs/; by default one that the script draws.

    Returns:
        text that begins with a docstring, in reStructuredText.

    Raises:
        ValueError: the script does not begin with a cell of Markdown that has a title.
    """
    first = _CELL.match(script)
    lines = [line.removeprefix("#").removeprefix(" ") for line in first[1].splitlines()] if first else [""]
    if not lines[0].startswith("# "):
        raise ValueError("an example begins with '# %% [markdown]' and '# # Its title'")
    title = lines[0].removeprefix("# ")
    body = _restructured("\n".join(lines[1:])).strip() + ("" if runs else NOT_RUN)
    rest = _CELL.sub(lambda cell: f"# %%\n{_restructured(cell[1])}", script[first.end() :])
    setting = f"\n# sphinx_gallery_thumbnail_path = '{thumbnail}'\n" if thumbnail else ""
    return f'r"""{title}\n{"=" * len(title)}\n\n{body}\n"""\n{rest}{setting}'


def experiments_page(examples):
    """The experiment files of a folder on one page, as Markdown."""
    parts = [EXPERIMENTS]
    for path in sorted(examples.glob("*.toml")):
        parts.append(f"## {path.stem}\n\n```toml\n{path.read_text(encoding='utf-8').strip()}\n```\n")
    return "\n".join(parts)


def thumbnail_of(name, script, docs):
    """The picture for a script that draws none: its figure in docs/figures, or the portrait of a system it loads.

    Args:
        name: of the script.
        script: its text.
        docs: folder of the documentation, in which the portraits are already.

    Returns:
        path relative to docs/, or None.
    """
    systems = re.findall(r'load_system\("(\w+)"', script)
    kept = [f"figures/{name}.png", *(f"generated/systems/{system}.png" for system in systems)]
    return next((path for path in kept if (docs / path).is_file()), None)


def prepare(examples, folder, docs, not_run):
    """Copy the scripts into a folder of the build.

    Args:
        examples: folder of the scripts.
        folder: where sphinx-gallery finds them.
        docs: folder of the documentation.
        not_run: names of those that are shown only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "GALLERY_HEADER.rst").write_text(HEADER, encoding="utf-8")
    scripts = {path.name: path.read_text(encoding="utf-8") for path in sorted(examples.glob("*.py"))}
    for old in set(path.name for path in folder.glob("*.py")) - set(scripts):
        (folder / old).unlink()
    for name, script in scripts.items():
        stem, draws = name.removesuffix(".py"), "savefig(" in script
        runs = stem not in not_run
        thumbnail = None if draws and runs else thumbnail_of(stem, script, docs)
        (folder / name).write_text(gallery_text(script, runs=runs, thumbnail=thumbnail), encoding="utf-8")


def saved(block, block_vars, gallery_conf):
    """Scraper of sphinx-gallery: pictures and reports that a block has written below ``out``."""
    from sphinx_gallery.scrapers import figure_rst

    folder = Path(block_vars["src_file"]).parent / "out"
    seen = block_vars["example_globals"].setdefault("__written__", {})
    pictures, reports = [], []
    for path in sorted([*folder.rglob("*.png"), *folder.rglob("report.html")]):
        stamp = path.stat().st_mtime_ns
        if seen.get(path) == stamp:
            continue
        seen[path] = stamp
        if path.suffix == ".png":
            pictures.append(next(block_vars["image_path_iterator"]))
            shutil.copyfile(path, pictures[-1])
        else:
            name = f"{Path(block_vars['src_file']).stem}.html"
            target = Path(gallery_conf["src_dir"]) / "generated" / "extra" / "reports" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            reports.append(f"\n`The report that this example has written <../../reports/{name}>`__\n")
    return figure_rst(pictures, gallery_conf["src_dir"]) + "".join(reports)


def begin(gallery_conf, name):
    """Before a script: what earlier ones have written is none of its own."""
    for folder in gallery_conf["examples_dirs"]:
        shutil.rmtree(Path(gallery_conf["src_dir"]) / folder / "out", ignore_errors=True)


def _restructured(text):
    text = re.sub(r"(?<!`)`([^`\n]+)`(?!`)", r"``\1``", text)
    return re.sub(r"\$([^$\n]+)\$", r":math:`\1`", text)
