"""The kinds of the columns of a text file, inferred from all of their cells."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..errors import DataError
from .cells import DATE_FORMATS, FALSE, ISO, NUMBER, TRUE, BadCell, arrow, as_kind, as_text, compute

MOSTLY = 0.9  # a column with this share of numbers is one of numbers, with bad cells in it
ENOUGH = 1000  # cells in a block after which a column without any number is given up as one of numbers


@dataclass
class Guess:
    """The evidence about a column so far."""

    rows: int = 0  # all cells seen
    filled: int = 0  # those that are not missing
    numbers: int = 0
    bad: tuple[int, str] | None = None  # the first cell that is no number: its row from 0, and its text
    words: bool = True  # all are words for yes and no
    formats: tuple[str, ...] = DATE_FORMATS  # date formats that all of them fit

    def see(self, column: Any) -> None:
        """Take in the next block of cells, an Arrow column of text."""
        pc = compute()
        column = as_text(column)
        filled = len(column) - column.null_count
        if filled and not (self.numbers == 0 and self.filled >= ENOUGH):
            count, first = _numbers(column)
            if first is not None and self.bad is None:
                self.bad = (self.rows + first[0], first[1])
            self.numbers += count
        if filled and self.numbers == 0:
            lower = pc.utf8_lower(pc.utf8_trim_whitespace(column.drop_null()))
            self.words = self.words and bool(pc.all(pc.is_in(lower, value_set=arrow().array(TRUE + FALSE))).as_py())
            self.formats = tuple(form for form in self.formats if _fits(column, form))
        else:
            self.words, self.formats = self.words and not filled, self.formats if not filled else ()
        self.rows += len(column)
        self.filled += filled

    def kind(self, name: str) -> tuple[str, str]:
        """The kind of the column, and a note for the user or "". Raises: BadCell where numbers are mixed with text."""
        if self.filled == 0 or self.numbers == self.filled:
            return "number", ""
        if self.words:
            return "boolean", ""
        if self.formats:
            form = self.formats[0]
            note = f"column {name!r} is read as month/day/year; if it is day/month: --kind {name}=date:%d/%m/%Y"
            return ("date" if form == ISO else f"date:{form}"), note if len(self.formats) > 1 else ""
        if self.bad is not None and self.numbers >= MOSTLY * self.filled:
            raise BadCell(*self.bad, self.filled - self.numbers)
        return "text", ""


def written_numbers(texts: Iterable[str]) -> bool:
    """True if most of these texts are numbers with separators, a currency or units, such as "$3,990.50"."""
    some = list(islice(texts, 100))
    bare = [re.sub(r"[\s$€£¥%',_]|EUR|USD|GBP|CHF", "", text) for text in some]
    numbers = sum(re.fullmatch(r"[-+(]?\d+(\.\d+)*\)?", text) is not None for text in bare)
    return numbers >= MOSTLY * max(len(some), 1)


def _numbers(column: Any) -> tuple[int, tuple[int, str] | None]:
    """The number of cells that are numbers, and the first that is not: its place and text."""
    pa, pc = arrow(), compute()
    filled = len(column) - column.null_count
    try:
        pc.cast(column, pa.float64())
        return filled, None
    except pa.ArrowInvalid:
        fine = pc.match_substring_regex(column, NUMBER)
        bad = pc.invert(fine)
        if not pc.any(bad).as_py():
            return filled, None
        row = pc.index(bad, True).as_py()
        return pc.sum(fine).as_py() or 0, (row, column[row].as_py())


def _fits(column: Any, form: str) -> bool:
    """True if all cells are dates of this format; a few are looked at first."""
    try:
        for part in (column.slice(0, 50), column):
            as_kind(part, f"date:{form}")
    except BadCell:
        return False
    return True


def mixed(name: str, bad: BadCell, place: str) -> DataError:
    """The error for a column of numbers with other cells in it."""
    cells = f"in {bad.count} of its cells" if bad.count > 1 else "in one cell"
    return DataError(
        f"{place}: column {name!r} holds numbers but {bad.text[:30]!r} here, {cells} not a number; "
        f"mend it, or --kind {name}=text"
    )
