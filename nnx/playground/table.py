"""A small table as text: two columns of numbers and a target, as points of the plane."""

import csv
from typing import Any

from ..errors import DataError, require
from .settings import KINDS, LARGE, ROWS

CHARACTERS = 2**18  # of a table at most
MARGIN = 0.05  # around the points, of the width of the plane shown


def read(text: Any) -> dict[str, Any]:
    """The points in a table, with the names of its columns and classes, as settings of a playground.

    Comma, semicolon, tab or blanks part the columns; a first line without numbers names them. A target of words, or of
    at most six whole numbers, is a class; else it is a value. Raises DataError with the number of the line.
    """
    require(isinstance(text, str), "table: expected a text", text)
    if len(text) > CHARACTERS:
        raise DataError(f"table: it is too long: at most {CHARACTERS:,} characters are read")
    lines = [(i, line) for i, line in enumerate(text.lstrip("\ufeff").splitlines(), 1) if line.strip()]
    if not lines:
        raise DataError("table: there is no row; paste lines such as 0.5,1.2,red")
    cells = [(i, _cells(line, _delimiter(lines[0][1]))) for i, line in lines]
    for i, row in cells:
        if len(row) != 3:
            raise DataError(f"table, line {i}: expected two numbers and a target, got {len(row)} columns")
    names = ["x1", "x2", "target"]
    if _number(cells[0][1][0]) is None and _number(cells[0][1][1]) is None:
        names, cells = [name[:40] or f"column {k}" for k, name in enumerate(cells[0][1], 1)], cells[1:]
    if not 2 <= len(cells) <= ROWS:
        raise DataError(f"table: expected 2 to {ROWS} rows, got {len(cells)}")
    xs = [(_coordinate(i, row[0]), _coordinate(i, row[1])) for i, row in cells]
    targets, classes = _targets([(i, row[2]) for i, row in cells])
    frame = [*_ends([x[0] for x in xs]), *_ends([x[1] for x in xs])]
    points = [[a, b, t] for (a, b), t in zip(xs, targets, strict=True)]
    return {"points": points, "values": not classes, "frame": frame, "names": names, "classes": classes}


def _delimiter(line: str) -> str:
    """The mark that parts the columns of the first line into three, or else the most frequent one."""
    counts = {mark: len(_cells(line, mark)) for mark in ("\t", ";", ",", " ")}
    return next((mark for mark, n in counts.items() if n == 3), max(counts, key=lambda mark: counts[mark]))


def _cells(line: str, mark: str) -> list[str]:
    if mark == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=mark, skipinitialspace=True))]
    except csv.Error as error:
        raise DataError(f"table: a line cannot be read: {error}") from None


def _number(cell: str) -> float | None:
    """The number in a cell, with a point or a comma before its fraction."""
    try:
        number = float(cell.replace(",", ".") if cell.count(",") == 1 else cell)
    except ValueError:
        return None
    return number if abs(number) <= LARGE else None  # also for what is not a number


def _coordinate(i: int, cell: str) -> float:
    number = _number(cell)
    if number is None:
        raise DataError(f"table, line {i}: expected a number within {LARGE:g}, got {cell[:40]!r}")
    return number


def _targets(cells: list[tuple[int, str]]) -> tuple[list[float], list[str]]:
    """The targets, and the names of their classes; none for values."""
    for i, cell in cells:
        if not cell:
            raise DataError(f"table, line {i}: the target is empty")
    found = [_number(cell) for _, cell in cells]
    known = [number for number in found if number is not None]
    whole = len(known) == len(found) and all(number.is_integer() for number in known) and len(set(known)) <= KINDS
    if len(known) == len(found) and not whole:
        return known, []
    if whole:
        order = [f"{number:g}" for number in sorted(set(known))]
        cells = [(i, f"{number:g}") for (i, _), number in zip(cells, known, strict=True)]
    else:
        order = sorted({cell for _, cell in cells})
    if len(order) > KINDS:
        raise DataError(f"table: the target has {len(order)} different words, at most {KINDS} classes can be shown")
    return [float(order.index(cell)) for _, cell in cells], [name[:40] for name in order]


def _ends(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = MARGIN * (high - low) or max(abs(high), 1.0)
    return low - margin, high + margin
