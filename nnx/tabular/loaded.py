"""A file read whole, its cells read as their kinds once and for all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..tables import Memory, Source, cells
from ..tables.kinds.cells import arrow
from ..tables.kinds.kinds import as_column


def loaded(source: Source, kinds: Mapping[str, str]) -> Source:
    """The source in memory, its cells read as their kinds once and for all; messages still name lines of the file."""
    if isinstance(source, Memory):
        return source
    pa, first, parts = arrow(), 0, []
    wanted = {name: kind for name, kind in kinds.items() if kind != "drop"}
    for batch in source.batches(list(wanted), wanted):
        columns = [cells(source, batch, name, kind, first, coded=True) for name, kind in wanted.items()]
        typed = [as_column(c, kind) for c, kind in zip(columns, wanted.values(), strict=True)]
        parts.append(pa.RecordBatch.from_arrays(typed, list(wanted)))
        first += batch.num_rows
    table = pa.Table.from_batches(parts)
    return Loaded(table, source.name, source.place, source.target, reading=source.reading, origin=source)


@dataclass
class Loaded(Memory):
    """A file that was read whole."""

    origin: Any = None

    @property
    def digest(self) -> str | None:
        """sha256 of the file."""
        found: str | None = self.origin.digest
        return found

    def where(self, row: int) -> str:
        """The place in the file."""
        return str(self.origin.where(row))
