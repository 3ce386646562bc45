"""What a page is made of, apart from how it looks: sections of paragraphs, figures, tables and rules."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str
    kind = "paragraph"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure with what to look for in it.

    Attributes:
        uri: data URI of the image.
        alt: what the figure shows, for those who cannot see it.
        caption: how to read it and what to look for.
    """

    uri: str
    alt: str
    caption: str
    kind = "picture"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text cells.

    Attributes:
        head: column headings.
        rows: rows of cells; the first cell of a row is its heading.
        caption: what the table says.
        numeric: indices of the columns that are set flush right.
    """

    head: tuple
    rows: tuple
    caption: str = ""
    numeric: tuple = ()
    kind = "table"


@dataclasses.dataclass(frozen=True)
class Facts:
    """Pairs of a name and a text.

    Attributes:
        pairs: tuple of (name, text).
    """

    pairs: tuple
    kind = "facts"


@dataclasses.dataclass(frozen=True)
class Rules:
    """Rules and whether they hold.

    Attributes:
        lines: tuple of objects with ``text`` and ``passed`` (True, False, None).
    """

    lines: tuple
    kind = "rules"


@dataclasses.dataclass(frozen=True)
class Code:
    """Text to be typed or quoted as it is."""

    text: str
    kind = "code"


@dataclasses.dataclass(frozen=True)
class Equation:
    """Displayed equations.

    Attributes:
        uri: data URI of the typeset equations.
        alt: the same as plain text.
    """

    uri: str
    alt: str
    kind = "equation"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A titled part of the page.

    Attributes:
        anchor: its address on the page.
        title: its heading.
        blocks: what it holds, in order.
    """

    anchor: str
    title: str
    blocks: tuple
