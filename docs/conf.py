"""Settings of the documentation site: ``make docs`` builds it into out/docs/html, without a network.

What is generated lies in docs/generated, which is not in the repository: a page for each system, the gallery of
examples, the references, copies of the changelog and of what data/ says.
"""

import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
GENERATED = DOCS / "generated"
sys.path.insert(0, str(DOCS))

from extensions import bibliography, catalogue, gallery  # noqa: E402

import dysyr  # noqa: E402

project = "dysyr"
author = "The dysyr developers"
version = release = dysyr.__version__
html_title = f"dysyr {version}"
html_show_copyright = False
html_show_sphinx = False

extensions = [
    "myst_parser", "sphinx_gallery.gen_gallery", "sphinxcontrib.bibtex", "extensions.mathml",
    "extensions.catalogue", "extensions.navigation", "extensions.spans",
]  # fmt: skip
source_suffix = {".rst": "restructuredtext", ".md": "markdown", ".markdown": "markdown"}
exclude_patterns = ["extensions", "static", "generated/extra", "generated/gallery/sg_execution_times.rst", "_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4
myst_update_mathjax = False
suppress_warnings = ["myst.header"]

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_extra_path = ["generated/extra"]
html_sidebars = {"index": [], "generated/references": [], "generated/changelog": []}
html_theme_options = {
    "header_links_before_dropdown": 8,
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": {"**": ["page-toc"], "api": []},
}

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "keys"
bibtex_cite_id = "{key}"

# the others take four minutes together on one core; of these the code is shown
NOT_RUN = ("povm_transformer",)
EXAMPLES = ROOT / "out" / "docs" / "examples"
sphinx_gallery_conf = {
    "examples_dirs": [str(EXAMPLES)],
    "gallery_dirs": ["generated/gallery"],
    "filename_pattern": rf"/(?!({'|'.join(NOT_RUN)})\.py$)\w+\.py$",
    "image_scrapers": ("matplotlib", "extensions.gallery.saved"),
    "reset_modules": ("matplotlib", "extensions.gallery.begin"),
    "abort_on_example_error": True,
    "default_thumb_file": str(GENERATED / "systems" / "lorenz63.png"),
    "remove_config_comments": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 1,
    "show_memory": False,
}


def write_generated(app):
    """Write the pages that are made from other files."""
    bibliography.write_page(GENERATED)
    for name, path in {"changelog": ROOT / "CHANGELOG.md", "data": ROOT / "data" / "README.md"}.items():
        shutil.copyfile(path, GENERATED / f"{name}.markdown")
    catalogue.write_pages(DOCS)
    (GENERATED / "experiments.markdown").write_text(gallery.experiments_page(ROOT / "examples"), encoding="utf-8")
    gallery.prepare(ROOT / "examples", EXAMPLES, DOCS, NOT_RUN)


def setup(app):
    """Write the generated pages before sphinx-gallery looks for its scripts."""
    (GENERATED / "extra").mkdir(parents=True, exist_ok=True)
    app.connect("builder-inited", write_generated, priority=100)
