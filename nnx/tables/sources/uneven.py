"""Rows of a text file with more or fewer cells than its header: which are fine, and what is wrong with the others."""

from collections.abc import Iterable

from ...errors import DataError
from ..reading import Reading
from .dialect import COMMENTS, WORDS

FEW, SHARE = 3, 0.01  # short rows, and their share, from which on they are a habit and no mistake


def check(rows: Iterable[tuple[int, list[str]]], width: int, place: str, reading: Reading) -> list[str]:
    """A note on a file that drops the empty cells at the end of a row, or nothing. rows: all, each with its line.

    Raises: DataError for other uneven rows; blank cells beyond the header are none.
    """
    count = short = late = 0
    first: tuple[int, list[str]] | None = None
    dropped = True  # all uneven rows are short, and no even one ends in an empty cell
    for line, row in rows:
        count += 1
        late += 1
        if len(row) == width:
            late, dropped = 0, dropped and bool(row[-1])
        elif len(row) < width or any(row[width:]):
            first = first or (line, row)
            short, dropped = short + (len(row) < width), dropped and len(row) < width
    if first is None:
        return []
    if dropped and short >= max(FEW, SHARE * count):
        return [f"{place}: {short:,} of {count:,} rows have fewer cells than the header: the last ones are missing"]
    line, row = first
    cells = f"{len(row)} cell{'s' * (len(row) != 1)}, the header has {width}"
    raise DataError(f"{place}, line {line}: {cells}; {_remedy(row, width, late if short == late else 0, reading)}")


def _remedy(row: list[str], width: int, late: int, reading: Reading) -> str:
    """What to do about the first uneven row. late: the number of those after the last even one, if these are all."""
    mark = next((mark for mark in COMMENTS if row[0].startswith(mark)), "")
    if mark and reading.comment == "none":
        return f"if it is a comment: --comment '{mark}'"
    if len(row) > width:
        return (
            f"put quotes around a cell with {WORDS.get(reading.delimiter, reading.delimiter)} in it, or remove the row"
        )
    if any("\n" in cell or cell.count('"') % 2 for cell in row):
        return "is a quote left open?"
    if late:
        return f"if it is a footer: --skip-footer {late}; else add its cells"
    return "add the cells that are missing, or remove it"
