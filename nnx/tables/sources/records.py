"""The rows of a text file one by one, each with its lines, as Python's csv module reads them."""

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from ..reading import Reading

CELL = 1 << 22  # characters that a cell may have
LINE = 1 << 24  # characters that a line may have
CTRL_Z = "\x1a"  # the end of a text file of DOS


def lines_of(file: TextIO) -> Iterator[str]:
    """The lines of a file. Raises: csv.Error for one that is too long to be held."""
    while line := file.readline(LINE):
        if len(line) == LINE:
            raise csv.Error("a line is too long")
        yield line


class Records:
    """The rows of lines that are neither blank nor comments, as (first line, last line, cells); lines count from 1.

    odd: the row at hand spans lines, and a quote in it has no other.
    """

    def __init__(self, lines: Iterable[str], reading: Reading) -> None:
        self.lines, self.reading, self.line, self.first = lines, reading, 0, 0
        self.quotes, self.odd = 0, False  # in the lines of a row

    def __iter__(self) -> Iterator[tuple[int, int, list[str]]]:
        reading, limit = self.reading, csv.field_size_limit(CELL)
        spaces = reading.delimiter == " "
        reader = csv.reader(
            self._lines(spaces),
            delimiter=reading.delimiter,
            quotechar=None if reading.quote == "none" else reading.quote,
            quoting=csv.QUOTE_NONE if reading.quote == "none" else csv.QUOTE_MINIMAL,
            escapechar=None if reading.escape == "none" else reading.escape,
            skipinitialspace=True,
        )
        try:
            for row in reader:
                first, self.first = self.first, 0
                self.odd = self.line > first and self.quotes % 2 == 1 and reading.escape == "none"
                if row:
                    yield first, self.line, row
        finally:
            csv.field_size_limit(limit)

    def _lines(self, spaces: bool) -> Iterator[str]:
        comment, skipped = self.reading.comment, self.reading.skip_rows or 0
        quote = self.reading.quote
        named = self.reading.header == "yes" and comment != "none"  # the names may stand in a comment
        for line in self.lines:
            self.line += 1
            if self.line <= skipped:
                continue
            if named and self.line == skipped + 1:
                line = line.removeprefix(comment).lstrip(" ")
            if self.first == 0:  # no cell goes on
                if (comment != "none" and line.startswith(comment)) or line.rstrip() == CTRL_Z:
                    continue
                if not line.strip() and (spaces or self.reading.delimiter not in line):
                    continue
                self.first, self.quotes = self.line, 0
            self.quotes += line.count(quote)
            yield line.replace("\t", " ").strip() if spaces else line
