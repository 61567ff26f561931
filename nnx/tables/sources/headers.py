"""Where a table begins and ends in a file, and if its first row has the names of the columns."""

import re
from collections import Counter
from itertools import pairwise, takewhile
from math import isclose

from ..kinds.cells import GAPS as WORDS, MISSING

NUMBER = re.compile(r"[-+]?[\d.,'_\u00a0\u202f ]*\d[\d.,]*([eE][-+]?\d+)?\s?[%€$£]?")
DATE = re.compile(r"\d{1,4}[-/.]\w{1,9}[-/.]\d{1,4}([T ]\d.*)?|\d{1,2}:\d{2}(:\d{2}.*)?")
FOOTER = re.compile(r"\(?\d+ rows?\b|(grand )?total|sum|summe|gesamt|insgesamt|source|quelle|note|stand|fußnote", re.I)
RULE = re.compile(r"[-=:+]{2,}")  # a cell of a line that is drawn under the names
TOTAL = re.compile(r"(grand |sub)?total|sum|summe|gesamt|insgesamt", re.I)
YEAR = re.compile(r"(1[89]|20)\d\d")
GAPS = ("", "?", "NA", "NaN", "-")  # cells that say nothing
LATE = 20  # rows at the end that may be a footer

Table = list[list[str]]


def width(table: Table) -> int:
    """The usual number of cells; of equals that which comes first."""
    return Counter(map(len, table)).most_common(1)[0][0] if table else 0


def header_at(table: Table, n: int) -> int:
    """The number of records above the table: of fewer cells, or of one that is filled."""
    table = [[c.strip() for c in cells] for cells in table[:50]]
    at = next((i for i, cells in enumerate(table) if len(cells) >= n), 0)
    if at and len(table[at - 1]) == n - 1 and n > 2 and not has_header(table[at:]):
        return at - 1  # as R writes it: the names of the rows have none
    filled = next((i for i, cells in enumerate(table) if sum(map(bool, cells)) > 1), at)
    return filled if filled > at and n > 2 and all(table[filled]) and has_header(table[filled:]) else at


def has_header(table: Table) -> bool:
    """True if the cells of the first row are of other types than those below, all text, or years above others."""
    first, below = [cell.strip() for cell in table[0]], table[1:101]
    yes, apart, no = 0, 0, list[int]()  # apart: words above others that repeat, and are not among them
    for i, cell in enumerate(first):
        if cell in MISSING or cell.lower() in WORDS:
            continue
        column = [row[i].strip() for row in below if i < len(row)]
        kinds = {kind_of(other) for other in column} - {""}
        if kind_of(cell) == "text" and kinds and "text" not in kinds:
            yes += 1
        elif kind_of(cell) == "text" and cell not in column and 2 * len({*column}) <= len(column):
            apart += 1
        elif kind_of(cell) in ("number", "date") and (not kinds or kind_of(cell) in kinds):
            no.append(i)
    if not no or yes >= len(no) or _counts(first) > _counts(below[0] if below else []):
        return True
    if (yes or apart) and _rises(first, no) and not all(_rises(row, no) for row in below):
        return True  # 400.5,410.5,label
    years = [first[i] for i in no]
    return (
        len(set(years)) == len(years) > 1
        and all(map(YEAR.fullmatch, years))
        and bool(below)
        and not all(YEAR.fullmatch(row[i].strip()) for row in below for i in no if i < len(row))
    )


def _rises(cells: list[str], places: list[int]) -> bool:
    """True if the cells at two or more places are numbers, each larger than the one before it."""
    try:
        numbers = [float(cells[i].replace(",", ".")) for i in places]
    except (ValueError, IndexError):
        return False
    return len(numbers) > 1 and all(a < b for a, b in pairwise(numbers))


def _counts(cells: list[str]) -> bool:
    """True for the names that pandas gives to columns without one: 0, 1, 2 and so on, and none to the index."""
    cells = [cell.strip() for cell in cells]
    least = 2 if cells[:1] == [""] else 5  # fewer may be a row
    names = cells[1:] if cells[:1] == [""] else cells
    return len(cells) >= least and names == [str(i) for i in range(len(names))]


def kind_of(cell: str) -> str:
    """number, date, text, or "" for a cell that says nothing."""
    cell = cell.strip()
    if cell in GAPS:
        return ""
    return "number" if NUMBER.fullmatch(cell) else "date" if DATE.fullmatch(cell) else "text"


def footer(table: Table, n: int, *, whole: bool) -> int:
    """The number of rows at the end that read like a footer. whole: the table is all there is, below its header."""
    count = sum(1 for _ in takewhile(lambda cells: is_footer(cells, n), reversed(table[1:])))
    body = table[: len(table) - count]
    if whole and len(body) > 2 and len(body[-1]) == n and _adds_up(body):
        return count + 1
    return count if count <= LATE and body and len(body[-1]) == n else 0


def is_footer(cells: list[str], n: int) -> bool:
    """True if a row of fewer than n cells, or of one that is filled, reads like what is below a table: a source."""
    text = cells[0].strip()
    if len(cells) == n > 1 and not any(cell.strip() for cell in cells[1:]):
        return FOOTER.match(text) is not None
    words = FOOTER.match(text) or len(cells) == 1 < n - 1
    return len(cells) < n and bool(words) and not NUMBER.fullmatch(text)


def _adds_up(table: Table) -> bool:
    """True if the last row is called a total, and is one in some column."""
    *rows, last = table
    if not TOTAL.fullmatch(last[0].strip(": ")):
        return False
    for i, total in enumerate(last):
        try:
            numbers = [float(row[i].replace(",", ".")) for row in [*rows, last] if i < len(row) and row[i].strip()]
        except ValueError:
            continue
        if total.strip() and len(numbers) > 2 and isclose(sum(numbers[:-1]), numbers[-1], rel_tol=1e-6):
            return True
    return False
