"""Parquet and Arrow files, read in blocks of bounded size whatever their dictionaries and their metadata say."""

import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...backends import numpy as host
from ...errors import DataError
from ..kinds.cells import arrow, compute, is_text
from ..reading import Reading
from .content import Content
from .sizes import CODES, DELTA, WRONG, batch, pages
from .source import BLOCK, Scan, check_columns, digest, typed_kinds
from .typed import disguised, holds_text, own_index, without

CELL = 1 << 22  # bytes that a cell may have, as in a text file
ROOM = 1 << 24  # bytes of a block, about
FINE = 1 << 28  # bytes that what is decoded at once may always have


@dataclass
class ColumnFile:
    """A Parquet or Arrow file. size: bytes of its columns, until `scan` has measured the text as it is decoded."""

    content: Content
    kind: str
    schema: Any
    rows: int
    size: int
    read: Callable[[Sequence[str]], Iterator[Any]]  # record batches of these columns, text as dictionaries
    target: str | None = None
    reading: Reading = field(default_factory=Reading)

    @property
    def digest(self) -> str | None:
        """sha256 of the file."""
        return digest([self.content.path])

    def __post_init__(self) -> None:
        self.place, self.name = self.content.place, self.content.name
        self.notes = list[str]()
        for name in own_index(self.schema):
            self.schema = self.schema.remove(self.schema.get_field_index(name))
            self.notes.append(f"{self.place}: {name!r} is pandas' numbering of the rows and no column of the table")
        self.columns = [str(n) for n in self.schema.names]
        check_columns(self.place, self.columns)
        if self.rows == 0:
            raise DataError(f"{self.place}: no rows")

    def scan(self, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> Scan:
        """The kinds that the file's schema says."""
        found = typed_kinds(self.schema, kinds, faults)
        wanted = [name for name, kind in found.items() if kind != "drop"]
        texts = [name for name in wanted if holds_text(self.schema.field(name).type)]
        self.size = 8 * self.rows * len(wanted)
        for part in self.batches(texts):
            self.size += sum(int(_lengths(column).sum()) for column in part.columns)
        return Scan(found, self.rows, [*self.notes, *disguised(self, [name for name in texts if name not in kinds])])

    def batches(self, columns: Sequence[str], kinds: Mapping[str, str] | None = None) -> Iterator[Any]:
        """The rows in blocks that have at most so many bytes when they are decoded. Raises: DataError."""
        first = 0
        with naming(self.place, self.kind):
            for whole in self.read(list(columns)) if columns else ():
                whole.validate(full=True)
                whole = without(whole, self.reading.missing) if self.reading.missing else whole
                for part in self._parts(whole, first):
                    yield part
                    first += part.num_rows
        if columns and first != self.rows:
            raise DataError(f"{self.place}: it holds {first:,} rows, and its metadata says {self.rows:,}")

    def where(self, row: int) -> str:
        """The row, counted from 1."""
        return f"{self.place}, row {row + 1}"

    def _parts(self, whole: Any, first: int) -> Iterator[Any]:
        """A batch in parts of at most BLOCK rows and about ROOM bytes, so many as its cells have when decoded."""
        xp, n = host.namespace(), whole.num_rows
        cost = xp.full(n, 8 * whole.num_columns, dtype="int64")
        for name, column in zip(whole.schema.names, whole.columns, strict=True):
            if (lengths := _lengths(column)) is not None and n:
                if (row := int(lengths.argmax())) is not None and lengths[row] > CELL:
                    place = self.where(first + row)
                    raise DataError(f"{place}: column {name!r} has a cell longer than {CELL >> 20} MiB: shorten it")
                cost += lengths
        total, start = xp.cumulative_sum(cost, include_initial=True), 0
        while start < n:
            fits = int(xp.searchsorted(total, total[start] + ROOM, side="right")) - 1
            stop = min(max(fits, start + 1), start + BLOCK, n)
            yield whole.slice(start, stop - start)
            start = stop


def _lengths(column: Any) -> Any:
    """The bytes of each cell of a column of text, decoded: int64 (n,); None for other columns."""
    xp, pc, types = host.namespace(), compute(), arrow().types
    if types.is_dictionary(column.type):
        inner = _lengths(column.dictionary)
        if inner is None or not len(inner):
            return inner if inner is None else xp.zeros(len(column), dtype="int64")
        codes = pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)
        return inner[codes] * pc.is_valid(column).to_numpy(zero_copy_only=False)
    if not is_text(column.type):
        return None
    if types.is_string(column.type) or types.is_large_string(column.type):
        return pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False).astype("int64")
    views = xp.frombuffer(column.buffers()[1], dtype="int32")[4 * column.offset :: 4][: len(column)]  # string views
    return views.astype("int64") * pc.is_valid(column).to_numpy(zero_copy_only=False)


def parquet(content: Content, reading: Reading, memory: int) -> ColumnFile:
    """A Parquet file, of which no more rows are decoded at once than its pages allow."""
    path = content.seekable().path
    with naming(content.place, "Parquet"):
        arrow()
        from pyarrow.parquet import ParquetFile

        with ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
        texts = [field.name for field in schema if holds_text(field.type)]
        most, coded, mixed = _surveyed(path, content.place, metadata, memory)
        for name in mixed.keys() & set(texts):
            with ParquetFile(path, read_dictionary=[name]) as file:
                for group in mixed[name]:
                    first = next(file.iter_batches(1, row_groups=[group], columns=[name])).column(0)
                    most[name] = max(most.get(name, 0), int(_lengths(first.dictionary).max(initial=0)))
        rows = min(BLOCK, max(ROOM // max(sum(most.values()), 1), 1))
        kept = [name for name in texts if name in coded]
        size = 2 * sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))

    def read(columns: Sequence[str]) -> Iterator[Any]:
        with ParquetFile(path, read_dictionary=kept, pre_buffer=False, buffer_size=1 << 20) as file:
            yield from _gathered(file.iter_batches(rows, columns=columns))

    return ColumnFile(content, "Parquet", schema, metadata.num_rows, size, read, reading=reading)


def _surveyed(
    path: Path, place: str, metadata: Any, memory: int
) -> tuple[dict[str, int], set[str], dict[str, list[int]]]:
    """What the headers of the pages of a Parquet file say: the most bytes of a row of each column; the columns that are
    all codes of dictionaries; and of the others the row groups that begin with one.

    Raises: DataError for a page that is too large.
    """
    most: dict[str, int] = {}
    coded, mixed = set(metadata.schema.names), dict[str, list[int]]()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for group in range(metadata.num_row_groups):
            for i in range(metadata.row_group(group).num_columns):
                chunk = metadata.row_group(group).column(i)
                if chunk.num_values == 0:  # there may be no page
                    continue
                name, start = chunk.path_in_schema, chunk.data_page_offset
                if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                    start = min(start, chunk.dictionary_page_offset)
                for size, values, encoding in pages(data, start, start + chunk.total_compressed_size):
                    _allow(place, f"a page of column {name!r}", size, memory)
                    if values == 0:
                        mixed.setdefault(name, []).append(group)
                        continue
                    if encoding not in CODES:
                        coded.discard(name)
                    # of a text in DELTA_BYTE_ARRAY only what differs from the one before it is in the page
                    most[name] = max(most.get(name, 0), size if encoding == DELTA else -(-size // values))
    return most, coded, {name: groups for name, groups in mixed.items() if name not in coded}


def _gathered(batches: Iterator[Any]) -> Iterator[Any]:
    """Small batches put together."""
    pa, parts = arrow(), []
    rows = size = 0
    for own in batches:
        parts.append(own)
        rows, size = rows + own.num_rows, size + own.nbytes
        if 2 * rows > BLOCK or 2 * size > ROOM:
            yield from pa.Table.from_batches(parts).unify_dictionaries().combine_chunks().to_batches()
            parts, rows, size = [], 0, 0
    if parts:
        yield from pa.Table.from_batches(parts).unify_dictionaries().combine_chunks().to_batches()


def arrow_file(content: Content, reading: Reading, memory: int) -> ColumnFile:
    """An Arrow or Feather file, or a stream of Arrow, which stays in its file where it is not compressed."""
    path = content.seekable().path
    with naming(content.place, "Arrow"), _messages(path) as file:
        from pyarrow import ipc

        rows = size = 0
        for message in ipc.MessageReader.open_stream(file):
            if message.type != "schema":
                own, grown = batch(message.metadata, message.body)
                _allow(content.place, f"a {message.type} of it", grown, memory)
                rows, size = rows + own, size + grown
        file.seek(_magic(file))
        with ipc.open_stream(file) as reader:
            schema = reader.schema

    def read(columns: Sequence[str]) -> Iterator[Any]:
        options = ipc.IpcReadOptions(included_fields=sorted(schema.names.index(name) for name in columns))
        with _messages(path) as file, ipc.open_stream(file, options=options) as reader:
            for own in reader:
                yield own.select(columns)

    return ColumnFile(content, "Arrow", schema, rows, size, read, reading=reading)


def orc(content: Content, reading: Reading) -> ColumnFile:
    """An ORC file, a stripe of which is decoded at once."""
    path = content.seekable().path
    with naming(content.place, "ORC"):
        arrow()
        from pyarrow.orc import ORCFile

        file = ORCFile(path)
        schema, stripes = file.schema, file.nstripes

    def read(columns: Sequence[str]) -> Iterator[Any]:
        for i in range(stripes):
            yield file.read_stripe(i, columns=list(columns)).select(list(columns))

    return ColumnFile(content, "ORC", schema, file.nrows, 4 * file.content_length, read, reading=reading)


@contextmanager
def _messages(path: Path) -> Iterator[Any]:
    """The file at its first message: after the magic number of a file there is what a stream has."""
    with arrow().memory_map(str(path)) as file:
        file.seek(_magic(file))
        yield file


def _magic(file: Any) -> int:
    file.seek(0)
    return 8 if file.read(6) == b"ARROW1" else 0


def _allow(place: str, what: str, size: int, memory: int) -> None:
    if size > max(memory, FINE):
        raise DataError(
            f"{place}: {what} grows to {size / 2**20:,.0f} MiB, more than --memory: give a larger one, or write the "
            "file in smaller parts"
        )


class naming:
    """Turn the errors of a file that lies into a DataError that names it."""

    def __init__(self, place: str, kind: str) -> None:
        self.place, self.kind = place, kind

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, (arrow().ArrowException, OSError, *WRONG)) and not isinstance(error, DataError):
            text = " ".join(str(error).split())[:100]
            raise DataError(f"{self.place}: cannot be read as {self.kind}: {text}") from None
