"""Tables that are read row by row, whatever their format: every cell is text or missing."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from ..errors import DataError
from .content import Content
from .reading import Reading
from .scanning import clean, gaps, in_blocks, scanned
from .source import Scan, digest

Rows = Generator[
    tuple[int, Sequence[str | None]], None, None
]  # the number that a message gives to a row, and its cells


@dataclass
class RowFile:
    """A file whose rows are read one by one. lists: the columns of which a cell is a list, and the row of the first."""

    content: Content
    columns: list[str]
    reading: Reading
    rows: Callable[[], Rows]  # begins at the first row again
    what: str = "line"  # that a row is in a message
    notes: list[str] = field(default_factory=list)
    lists: dict[str, int] = field(default_factory=dict)
    target: str | None = None
    files: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        self.place, self.name, self.size = self.content.place, self.content.name, 10 * self.content.path.stat().st_size
        self.reading = replace(self.reading, decimal=self.reading.decimal or ".")
        self.reading = replace(self.reading, thousands=self.reading.thousands or "none")

    @property
    def digest(self) -> str | None:
        """sha256 of the file."""
        return digest([self.content.path])

    def scan(self, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> Scan:
        """Look at all cells of the columns whose kind is not given."""
        dropped = {**kinds, **self.check_lists(kinds, faults)}
        found, self.size = scanned(self, dropped, faults, self.notes)
        return found

    def check_lists(self, kinds: Mapping[str, str], faults: dict[str, str] | None) -> dict[str, str]:
        """The columns that hold lists as dropped ones, with their faults. Raises: DataError without faults."""
        found = {name: row for name, row in self.lists.items() if kinds.get(name) != "drop"}
        for name, row in found.items():
            fault = f"{self.where(row)}: column {name!r} holds a list here: --drop {name}"
            if faults is None:
                raise DataError(fault)
            faults[name] = fault
        return dict.fromkeys(found, "drop")

    def batches(self, columns: Sequence[str], kinds: Mapping[str, str] | None = None) -> Iterator[Any]:
        """The rows in blocks, every cell as text or null."""
        numbers, words = [self.columns.index(name) for name in columns], gaps(self.reading)
        with closing(self.rows()) as rows:
            for batch in in_blocks((cells for _, cells in rows), numbers, columns):
                cleaned = [clean(column, words) for column in batch.columns]
                yield type(batch).from_arrays(cleaned, list(columns))

    def where(self, row: int) -> str:
        """The place of a row, found by reading the file again."""
        with closing(self.rows()) as rows:
            number = next(islice(rows, row, None), (row + 1,))[0]
        return f"{self.place}, {self.what} {number}"
