"""Code spans that name something become links to it: keys of the bibliography, public names, examples."""

import re
from pathlib import Path

from docutils import nodes

import dysyr

REFERENCES = "generated/references"
REFERENCE_OF_NAMES = "api"
_KEY = re.compile(r"^@\w+\{([^,\s]+),", flags=re.M)
_NAME = re.compile(r"^dysyr\.(\w+)(?:\(.*\))?$", flags=re.S)


def bibliography_keys(folder):
    """Keys of references.bib, as a set."""
    return set(_KEY.findall((Path(folder) / "references.bib").read_text(encoding="utf-8")))


def place(text, keys):
    """(page, anchor) of what a code span names, or None.

    Args:
        text: the span.
        keys: keys of the bibliography.
    """
    if text in keys:
        return REFERENCES, text
    named = _NAME.match(text)
    name = named[1] if named else text
    if name in dysyr.__all__ and (named or name[0].isupper()):
        return REFERENCE_OF_NAMES, name.lower()
    example = re.match(r"^examples/(\w+)\.(py|toml)$", text)
    if example is None:
        return None
    return (f"generated/gallery/{example[1]}", "") if example[2] == "py" else ("generated/experiments", example[1])


def on_resolved(app, doctree, docname):
    """Wrap the code spans of a page that name something, outside headings and other links."""
    keys = bibliography_keys(app.srcdir)
    for span in list(doctree.findall(nodes.literal)):
        found = place(span.astext(), keys)
        inside = (nodes.title, nodes.reference)
        if not found or found[0] == docname or any(isinstance(node, inside) for node in _above(span)):
            continue
        page, anchor = found
        uri = app.builder.get_relative_uri(docname, page) + (f"#{anchor}" if anchor else "")
        link = nodes.reference("", "", internal=True, refuri=uri)
        span.replace_self(link)
        link += span


def _above(node):
    while node.parent is not None:
        node = node.parent
        yield node


def setup(app):
    """Listen to pages that are written."""
    app.connect("doctree-resolved", on_resolved)
    return {"parallel_read_safe": True}
