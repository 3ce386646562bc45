"""The pages stay plain Markdown: what a site needs beside it is added when a page is read.

* A page called index.md lists the pages below it; that list becomes its table of contents.
* Links to what is a page of the site but no Markdown file in docs/ are led there: the folder of examples and its
  scripts to the gallery, the bibliography to the list of references, the changelog to its copy.
"""

import os
import posixpath
import re

GENERATED = "generated"
OUTSIDE = {
    "docs/references.bib": f"{GENERATED}/references.rst",
    "CHANGELOG.md": f"{GENERATED}/changelog.markdown",
    "data/README.md": f"{GENERATED}/data.markdown",
    "examples": f"{GENERATED}/gallery/index.rst",
}
_LINK = re.compile(r"\]\(([^)\s#]+)((?:#[^)\s]*)?)\)")
_FENCE = re.compile(r"(^```.*?^```$)", flags=re.M | re.S)
_ITEM = re.compile(r"^\* \[([^\]]+)\]\(([^)\s#]+)\)", flags=re.M)


def listed(text):
    """(text, target) of the links that begin the items of a page's lists, in order."""
    return _ITEM.findall(text)


def site_target(docname, target):
    """Where a link of a page leads on the site: the target itself, or the page that stands for it.

    Args:
        docname: the page, relative to docs/ and without ending.
        target: path as the link has it.

    Returns:
        path relative to the page.
    """
    folder = posixpath.join("docs", posixpath.dirname(docname))
    path = posixpath.normpath(posixpath.join(folder, target))
    page = OUTSIDE.get(path)
    if page is None and path.startswith("examples/") and path.endswith(".py"):
        page = f"{GENERATED}/gallery/{posixpath.basename(path).removesuffix('.py')}.rst"
    return target if page is None else posixpath.relpath(posixpath.join("docs", page), folder)


def led(docname, text):
    """The text of a page with its links led to pages of the site; code blocks are left alone."""

    def link(match):
        target, anchor = match.groups()
        return match[0] if "://" in target else f"]({site_target(docname, target)}{anchor})"

    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in _FENCE.split(text))


def contents(text):
    """A hidden table of contents of the pages that a text lists, under the names that the list has for them."""
    pages = [f"{name} <{os.path.splitext(target)[0]}>" for name, target in listed(text) if "://" not in target]
    return "\n".join(["", "```{toctree}", ":hidden:", ":maxdepth: 2", "", *pages, "```", ""]) if pages else ""


def on_read(app, docname, source):
    """Lead the links of a page, and give an index its table of contents."""
    if not str(app.env.doc2path(docname)).endswith((".md", ".markdown")):
        return
    source[0] = led(docname, source[0])
    if posixpath.basename(docname) == "index":
        source[0] += contents(source[0])


def setup(app):
    """Listen to pages that are read."""
    app.connect("source-read", on_read)
    return {"parallel_read_safe": True}
