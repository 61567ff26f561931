"""CSV text parsed by Arrow in pieces, several at a time, to the rows that parsing it in one go would give."""

import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

from ..ahead import WORKERS
from ..kinds.cells import arrow
from ..kinds.numbers import finite

PIECE = 1 << 22  # bytes of a piece, about; a row that is longer is an error
LONGEST = 1 << 24  # bytes looked at for the end of a row
STEPS = 100  # ends of lines looked at, from the last one back, for one that is outside of quotes


class Unfinished(Exception):
    """A piece that ends within quotes."""


@dataclass(frozen=True)
class Parsing:
    """How Arrow parses rows. names: of all columns; types: of those to read, in the order wanted."""

    names: Sequence[str]
    types: dict[str, Any]
    options: Any  # pyarrow.csv.ParseOptions
    missing: Sequence[str]

    def piece(self, text: bytes) -> Any:
        """The batch of whole rows; None of none. A column with a cell that is not of its type is text in it.

        A row without a value is put after the rows: where a quote is left open, Arrow takes that into the last cell.
        Raises: Unfinished, ArrowInvalid.
        """
        pa, csv = arrow(), _csv()
        end, last, types = self.end(), self.names[-1], self.types
        text += end
        while True:
            try:
                table = csv.read_csv(
                    pa.BufferReader(text),
                    csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=self.names),
                    self.options,
                    self._conversion({last: pa.string(), **types}),
                )
                if not any(_infinite(column) for column in table.columns):
                    break
                types = dict.fromkeys(types, pa.string())
            except pa.ArrowInvalid as error:
                found = {name: pa.string() for name in types}
                if "conversion error" not in str(error) or types == found:
                    raise
                types = found
        if end and (not len(table) or table.column(last)[-1].is_valid):
            raise Unfinished
        table = table.slice(0, len(table) - bool(end)).select(list(types))
        return _cast(table, self.types).combine_chunks().to_batches()[0] if len(table) else None

    def rest(self, pieces: "_Pieces") -> Iterator[Any]:
        """The batches of all rows of what is left, one after another. Raises: ArrowInvalid, OSError.

        A row without a value is put after the rows, as in a piece.
        """
        pa, csv = arrow(), _csv()
        types, last, end = dict.fromkeys(self.types, pa.string()), self.names[-1], self.end()
        pieces.after = end
        reading = csv.ReadOptions(use_threads=False, block_size=PIECE, column_names=self.names)
        conversion = self._conversion({last: pa.string(), **types})
        before = None
        for batch in csv.open_csv(pa.PythonFile(pieces, "r"), reading, self.options, conversion):
            if before is not None and len(before):
                yield self._chosen(before)
            before = batch if len(batch) else before
        if end and (before is None or before.column(last)[-1].is_valid):
            raise pa.ArrowInvalid("a quote is left open")
        if before is not None and len(before) > bool(end):
            yield self._chosen(before[: len(before) - bool(end)])

    def end(self) -> bytes:
        """A row without a value, to be put after others; b"" where there is none."""
        marks = self.options.delimiter * (len(self.names) - 1) or 2 * (self.options.quote_char or "")
        return b"\n" + marks.encode() + b"\n" if marks else b""

    def _chosen(self, batch: Any) -> Any:
        table = arrow().Table.from_batches([batch]).select(list(self.types))
        return _cast(table, self.types).to_batches()[0]

    def _conversion(self, types: dict[str, Any]) -> Any:
        return _csv().ConvertOptions(
            strings_can_be_null=True,
            null_values=list(self.missing),
            column_types=types,
            include_columns=list(types),
        )


def parsed(file: BinaryIO, parsing: Parsing) -> Iterator[Any]:
    """The batches of all rows in their order. Raises: ArrowInvalid, OSError.

    Where a piece ends in the middle of a row that nobody could tell from its end, the rest is parsed in one go.
    """
    waiting: deque[tuple[bytes, Future[Any]]] = deque()
    pieces = _Pieces(file)
    with ThreadPoolExecutor(WORKERS) as threads:
        try:
            while True:
                while len(waiting) <= WORKERS and (text := pieces.next()):
                    waiting.append((text, threads.submit(parsing.piece, text)))
                if not waiting:
                    break
                text, future = waiting[0]
                try:
                    batch = future.result()
                except (Unfinished, arrow().ArrowInvalid):  # the rest says whether and where there is a fault
                    pieces.back(b"".join(text for text, _ in waiting))
                    waiting.clear()
                    if pieces.careful:
                        break
                    pieces.careful = True
                    continue
                waiting.popleft()
                if batch is not None:
                    yield batch
        finally:
            for _, future in waiting:
                future.cancel()
    if pieces.left:
        yield from parsing.rest(pieces)


class _Pieces(io.RawIOBase):
    """The bytes of a file in pieces of whole lines and, where there is no such piece, as a file of the rest."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.start, self.left = file, b"", True  # left: there may be more
        self.careful = False  # look at the quotes before the end of a piece
        self.after = b""  # what comes after the bytes of the file, where they are read as a file

    def next(self) -> bytes:
        """The next piece; b"" if there is none."""
        text, cut = self.start, 0
        while self.left and cut == 0 and len(text) < LONGEST:
            more = self._more()
            text, self.left = text + more, bool(more)
            cut = _end(text, self.careful) if more else len(text)
        self.start = text[cut:]
        return text[:cut]

    def back(self, text: bytes) -> None:
        """Put bytes before what is left."""
        self.start, self.left = text + self.start, True

    def readable(self) -> bool:
        """As a file is."""
        return True

    def readinto(self, into: Any) -> int:
        """Fill a buffer with the next bytes."""
        if not self.start:
            self.start = self.file.read(len(into))
        if not self.start:
            self.start, self.after = self.after, b""
        part = self.start[: len(into)]
        self.start = self.start[len(part) :]
        into[: len(part)] = part
        return len(part)

    def _more(self) -> bytes:
        parts, size = [], 0
        while size < PIECE and (part := self.file.read(PIECE - size)):
            parts.append(part)
            size += len(part)
        return b"".join(parts)


def _end(text: bytes, careful: bool) -> int:
    """The end of the last line, 0 if there is none; if careful, of one outside of quotes if these come in pairs.

    Where it is not among the last STEPS lines a quote is astray, and the end of the last line is as good as another.
    """
    mark = b"\n" if b"\n" in text else b"\r"
    last = end = text.rfind(mark) + 1
    odd = careful and text.count(b'"', 0, end) & 1
    for _ in range(STEPS):
        if not odd or end == 0:
            return end
        before = text.rfind(mark, 0, end - 1) + 1
        odd ^= text.count(b'"', before, end) & 1
        end = before
    return last


def _cast(table: Any, types: dict[str, Any]) -> Any:
    """The table with its columns of text as the types say, where all of their cells can be."""
    pa = arrow()
    for i, (name, kind) in enumerate(types.items()):
        if table.schema.field(i).type != kind:
            try:
                column = table.column(i).cast(kind)
                table = table if _infinite(column) else table.set_column(i, name, column)
            except pa.ArrowInvalid:
                continue
    return table


def _infinite(column: Any) -> bool:
    """True for floats of which some are infinite: what its cells say is then to be kept, Infinity or 1e400."""
    return arrow().types.is_floating(column.type) and not finite(column)


def _csv() -> Any:
    from pyarrow import csv

    return csv
