"""The page of all references, with the keys that the other pages cite as labels."""

from pathlib import Path

from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style
from pybtex.style.labels import BaseLabelStyle

PAGE = """References
==========

What the pages of this documentation, the docstrings and the system files cite, by key.

.. bibliography::
   :all:
"""


class KeyLabels(BaseLabelStyle):
    """The key of an entry is its label."""

    def format_labels(self, sorted_entries):
        """Keys, in the order of the entries."""
        return [entry.key for entry in sorted_entries]


class KeyStyle(Style):
    """Plain references, sorted by author, under their keys."""

    default_label_style = KeyLabels


register_plugin("pybtex.style.formatting", "keys", KeyStyle)


def write_page(folder):
    """Write the page of references into the folder of generated pages."""
    (Path(folder) / "references.rst").write_text(PAGE, encoding="utf-8")
