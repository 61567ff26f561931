"""Tables that are read row by row, whatever their format: a column whose cells are of one type has it, others text."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

from ...errors import DataError
from ..kinds.cells import arrow, is_text, parted
from ..reading import Reading
from .content import Content
from .marks import marks
from .scanning import ROWS, clean, gaps, scanned
from .source import Scan, digest
from .values import column, type_of

Rows = Generator[tuple[int, Sequence[Any]], None, None]  # the number that a message gives to a row, and its cells
SOME = 1000  # texts of a column that say its decimal mark


@dataclass
class RowFile:
    """A file whose rows are read one by one.

    met: the types of the cells of each column. lists: the columns of which a cell is a list, and the row of the first.
    """

    content: Content
    columns: list[str]
    reading: Reading
    rows: Callable[[], Rows]  # begins at the first row again
    met: dict[str, set[type]]
    what: str = "line"  # that a row is in a message
    notes: list[str] = field(default_factory=list)
    lists: dict[str, int] = field(default_factory=dict)
    target: str | None = None

    def __post_init__(self) -> None:
        self.place, self.name, self.size = self.content.place, self.content.name, 10 * self.content.path.stat().st_size
        self.asked = self.reading
        self.reading = replace(self.reading, decimal=self.reading.decimal or ".")
        self.reading = replace(self.reading, thousands=self.reading.thousands or "none")

    @property
    def digest(self) -> str | None:
        """sha256 of the file."""
        return digest([self.content.path])

    def scan(self, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> Scan:
        """Look at all cells of the columns whose kind is not given."""
        dropped = {**kinds, **self.check_lists(kinds, faults)}
        found, self.size = scanned(
            self, dropped, faults, self.notes, lambda columns: self.batches(columns, kinds), self.types(kinds)
        )
        return found

    def types(self, kinds: Mapping[str, str]) -> dict[str, Any]:
        """The Arrow types of the columns that are no text where they are read as these kinds."""
        found = {name: type_of(self.met.get(name, set()), kinds.get(name, "")) for name in self.columns}
        return {name: kind for name, kind in found.items() if not is_text(kind)}

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
        """The rows in blocks, every cell of its column's type, or text, or null.

        Numbers and dates among texts are written as the kind says that texts are.
        """
        pa, kinds = arrow(), kinds or {}
        types, words = self.types(kinds), gaps(self.reading)
        ways = []
        for name in columns:
            base, form, own = parted(kinds.get(name, ""))
            missing = frozenset({*self.reading.missing, *own} - {"*", *self.reading.keep_text})
            mark = (form or ".")[0] if base == "number" else self.marks.get(name, "") if name not in kinds else ""
            way = types.get(name, pa.string()), missing, mark, form * (base == "date")
            ways.append((self.columns.index(name), way))
        with closing(self.rows()) as rows:
            while part := [cells for _, cells in islice(rows, ROWS)]:
                found = [column([cells[i] for cells in part], *way) for i, way in ways]
                cleaned = [clean(own, words) if is_text(own.type) else own for own in found]
                yield pa.RecordBatch.from_arrays(cleaned, list(columns))

    @cached_property
    def marks(self) -> dict[str, str]:
        """The decimal marks of the texts in columns that hold numbers and texts."""
        mixed = [i for i, n in enumerate(self.columns) if len(types := self.met.get(n, set())) > 1 and float in types]
        texts = {i: list[str]() for i in mixed}
        if mixed:
            with closing(self.rows()) as rows:
                for _, cells in rows:
                    for i, own in texts.items():
                        if isinstance(cells[i], str) and len(own) < SOME:
                            own.append(cells[i])
        return {self.columns[i]: marks([own], self.asked)[0] for i, own in texts.items()}

    def where(self, row: int) -> str:
        """The place of a row, found by reading the file again."""
        with closing(self.rows()) as rows:
            number = next(islice(rows, row, None), (row + 1,))[0]
        return f"{self.place}, {self.what} {number}"
