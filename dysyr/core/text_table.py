"""Text files of numbers: separator, comment lines and header are found out."""

import collections
import csv
import io
import re

import numpy as np
import pandas as pd

from dysyr.core.errors import FormatError, InputError

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat")
SEPARATORS = ("\t", ";", ",", None)
MISSING = {"", "na", "nan", "n/a", "null", "none", "-nan", "<na>", "#n/a"}
PROBE_LINES = 50
TIME_NAME = re.compile(
    r"^(times?|t|date|datetime|date_time|timestamp|year)"
    r"([ _]*[\[(/].*|[ _]+(s|sec|seconds|ms|hours|days|years))?$",
    re.IGNORECASE,
)
DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+([eE][+-]?\d+)?$")
THOUSANDS_COMMA = re.compile(r"^[+-]?[1-9]\d{0,2},\d{3}$")
NUMBER_WITH_POINTS = re.compile(r"^[+-]?(\d*\.\d+|\d{1,3}(\.\d{3})+(,\d+)?)([eE][+-]?\d+)?$")
DATE = re.compile(r"^\d{1,4}[-/.:]\d{1,2}([-/.:]\d{1,4})?([T ].*)?$")


def read_text(path):
    """Read a text file of columns.

    Lines that begin with # or % are comments; when the last one before the data names as many columns as
    there are, it is the header (as ``numpy.savetxt`` writes it). Commas that do not part columns are decimal ones.

    Args:
        path: text file; tabs, semicolons, commas or blanks between the columns.

    Returns:
        DataFrame with text column names.

    Raises:
        FormatError: binary or damaged files, rows of unequal length.
        InputError: commas in numbers that may as well part thousands, or decimal points beside decimal commas.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"cannot read '{path}' as text", got=f"byte {error.object[error.start]:#04x} at {error.start}",
            expected="UTF-8", do="save it as UTF-8, or read it with pandas and pass the frame",
        ) from error  # fmt: skip
    if "\0" in content:
        raise FormatError(
            f"cannot read '{path}' as text", got="binary content", expected="columns of numbers"
        )
    lines = content.splitlines()
    del content
    kept = [line for line in lines if line.strip() and line.lstrip()[0] not in "#%"]
    if not kept:
        raise FormatError(
            "the file holds no data", got=f"'{path}' has only {len(lines)} empty or comment lines"
        )
    separator, decimal = _separator(kept[:PROBE_LINES], path)
    if separator == "\t":  # a line of tabs is a row of empty cells
        kept = [line for line in lines if line.strip(" ") and line.lstrip()[:1] not in ("#", "%")]
    rows = [_cells(line, separator) for line in kept[:PROBE_LINES]]
    if decimal == ",":
        rows = [[cell.replace(",", ".") if _has_comma(cell) else cell for cell in row] for row in rows]
    names = None
    if _has_header(rows):
        names, kept = [cell.strip() for cell in rows[0]], kept[1:]
        if not kept:
            raise FormatError("the file holds no data", got=f"'{path}' has only a header")
    else:
        names = _commented_header(lines, separator, len(rows[0]))
    try:
        frame = pd.read_csv(
            io.BytesIO("\n".join(kept).encode()), sep=r"\s+" if separator is None else separator, header=None,
            decimal=decimal, skipinitialspace=True, index_col=False,
        )  # fmt: skip
    except (pd.errors.ParserError, ValueError) as error:
        raise FormatError(f"cannot read '{path}'", got=str(error).strip().splitlines()[-1]) from error
    if names is None:
        names = ["x"] if frame.shape[1] == 1 else [f"x{i}" for i in range(frame.shape[1])]
    if len(names) < frame.shape[1] and frame.iloc[:, len(names) :].isna().all(axis=None):
        frame = frame.iloc[:, : len(names)]
    if len(names) != frame.shape[1]:
        raise FormatError(
            f"header and rows of '{path}' have different lengths",
            got=f"{len(names)} names, {frame.shape[1]} columns",
        )
    _refuse_short_rows(frame, kept, separator, path)
    if decimal == ",":
        frame = _with_points(frame, path)
    repeated = sorted(name for name, count in collections.Counter(names).items() if count > 1 and name)
    if repeated:
        raise InputError(
            f"columns of '{path}' share a name", got=", ".join(repeated), do="give each its own name"
        )
    return frame.set_axis([name or f"Unnamed: {i}" for i, name in enumerate(names)], axis=1)


def _refuse_short_rows(frame, lines, separator, path):
    """Refuse rows with fewer cells than there are columns, which pandas fills up at the end."""
    for row in np.flatnonzero(frame.iloc[:, -1].isna().to_numpy()):
        count = len(_cells(lines[row], separator))
        if count < frame.shape[1]:
            raise FormatError(
                f"rows of '{path}' have different lengths",
                got=f"{frame.shape[1]} cells in the first row, {count} in data row {row + 1}",
            )  # fmt: skip


def time_column(frame, wanted, source):
    """Name of the column that holds the times.

    Args:
        frame: DataFrame.
        wanted: the user's choice, or None to look for a column that is named time, t, date, year, ...
        source: where the frame comes from, for messages.

    Returns:
        The column's name, or None where there is none.

    Raises:
        InputError: the wanted column does not exist, or the one found does not increase.
    """
    if wanted is not None:
        if wanted not in frame.columns:
            raise InputError(
                f"no time column '{wanted}'{source}", got=f"columns {', '.join(frame.columns[:20])}"
            )
        return wanted
    named = [name for name in frame.columns if TIME_NAME.match(name.strip())]
    if not named or frame.shape[1] == 1:
        return None
    column = frame[named[0]]
    if pd.api.types.is_numeric_dtype(column) and not (column.diff().iloc[1:] > 0).all():
        row = int((~(column.diff().iloc[1:] > 0)).to_numpy().argmax()) + 1
        raise InputError(
            f"column '{named[0]}'{source} is named like a time but does not increase",
            got=f"{column.iloc[row]:g} after {column.iloc[row - 1]:g} in data row {row + 1}",
            do="sort the rows by time, pass trajectory=NAME (--trajectory) if the column NAME tells several recordings "
               "apart, or time=False if it is a variable",
        )  # fmt: skip
    return named[0]


def _cells(line, separator):
    if separator is None:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise FormatError("a line cannot be cut into cells", got=str(error), expected="columns of numbers") from error


def _separator(lines, path):
    """What parts the columns, and the decimal mark.

    The first separator that cuts all lines into the same number of cells, above one; commas are passed over where what
    stands between blanks are numbers.
    """
    for separator in SEPARATORS:
        if separator == "," and _blanks_part_numbers(lines):
            continue
        counts = {len(_cells(line, separator)) for line in lines}
        if len(counts) == 1 and counts != {1}:
            return separator, _decimal(lines, separator, path)
    if len(lines) > 1 and all(map(_has_comma, lines[1:])):
        return ";", _decimal(lines, ";", path)
    counts = [len(_cells(line, ",")) for line in lines]
    if max(counts) > 1:
        odd = next(i for i, count in enumerate(counts) if count != counts[0])
        raise FormatError(
            f"rows of '{path}' have different lengths",
            got=f"{counts[0]} cells in the first row, {counts[odd]} in row {odd + 1}",
        )  # fmt: skip
    return ",", "."


def _blanks_part_numbers(lines):
    """Whether the lines are numbers with blanks between them, some with a comma: ``0,01 1,5``."""
    rows = [line.split() for line in lines]
    cells = [cell for row in rows[1:] for cell in row]
    same = len({len(row) for row in rows}) == 1 < len(rows[0])
    return same and any(map(_has_comma, cells)) and all(_has_comma(cell) or _is_value(cell) for cell in cells)


def _decimal(lines, separator, path):
    """The decimal mark of cells.

    Raises:
        InputError: all commas in numbers may part thousands.
    """
    cells = [cell.strip() for line in lines for cell in _cells(line, separator)]
    commas = [cell for cell in cells if _has_comma(cell)]
    if not commas:
        return "."
    if all(map(THOUSANDS_COMMA.match, commas)):
        mark = "\\t" if separator == "\t" else separator or r"\s+"
        raise InputError(
            f"numbers of '{path}' have a comma that may be a decimal one or part thousands", got=commas[0],
            expected="a decimal point",
            do=f"pass pandas.read_csv(path, sep='{mark}', decimal=',') instead of the path, or thousands=','",
        )  # fmt: skip
    return ","


def _with_points(frame, path):
    """The frame with decimal points also where one cell that is no number has kept pandas from reading its column.

    Raises:
        InputError: numbers that have points already: decimals or thousands?
    """
    for column in frame.select_dtypes(exclude=["number", "bool"]):
        cells = frame[column]
        points = np.flatnonzero(cells.str.match(NUMBER_WITH_POINTS, na=False))
        if len(points):
            row = int(points[0])
            raise InputError(
                f"numbers of '{path}' have points beside decimal commas",
                got=f"'{cells.iloc[row]}' in data row {row + 1}", do="write all with the same decimal mark",
            )  # fmt: skip
        commas = cells.str.match(DECIMAL_COMMA, na=False)
        frame[column] = cells.where(~commas, cells.str.replace(",", "."))
    return frame


def _has_comma(cell):
    return DECIMAL_COMMA.match(cell.strip()) is not None


def _is_value(cell):
    text = cell.strip()
    if text.lower() in MISSING or DATE.match(text):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _has_header(rows):
    """The first row is a header if it has text where the second has values, or has no value at all."""
    first = [_is_value(cell) for cell in rows[0]]
    if _counts_columns(rows):
        return True
    if not any(first) or all(not f for f, cell in zip(first, rows[0], strict=True) if cell.strip()):
        return True
    second = [_is_value(cell) for cell in rows[1]] if len(rows) > 1 else first
    return any(not a and b for a, b in zip(first, second, strict=True))


def _counts_columns(rows):
    """Whether the first row is empty, 0, 1, ... above decimals, as pandas writes unnamed columns beside row numbers."""
    nameless, *names = (cell.strip() for cell in rows[0])
    counted = nameless == "" and len(names) > 0 and names == [str(i) for i in range(len(names))]
    return counted and len(rows) > 1 and any("." in cell for cell in rows[1])


def _commented_header(lines, separator, n_columns):
    """Column names in the last comment line before the data, or None."""
    names = None
    for line in lines:
        if line.strip() and line.lstrip()[0] not in "#%":
            break
        names = line.strip().lstrip("#% ")
    if names is None:
        return None
    for mark in (separator, ",", None):
        cells = [cell.strip() for cell in _cells(names, mark)] if names else []
        if len(cells) == n_columns and len(set(cells)) == n_columns and not any(map(_is_value, cells)):
            return cells
    return None
