"""Predictions written as they are made, block by block: CSV, TSV, JSON lines, Parquet or Arrow.

CSV is made of whole columns: of text each cell is quoted where it has to be, and the cells of a row are joined.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from gzip import GzipFile
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DataError, SettingError, require
from ..files import replacing
from ..tables.kinds.cells import NUMBER, arrow, compute
from ..tables.kinds.kinds import as_kind
from .folder import spared
from .streams import Terminal, data as standard_output

SUFFIXES = {
    **{".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"},
    **{".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow"},
}
TEXT = {"csv": ",", "tsv": "\t", "jsonl": ""}  # formats of lines, and what parts their cells
FORMULA = r"^[=+\-@\t\r\n]"  # what a spreadsheet runs. Source: OWASP, CSV Injection
GROUP = 1 << 17  # rows of a row group of Parquet, about
Write = Callable[[Any], None]  # of an Arrow record batch
Emit = Callable[[Any], None]  # of lines, an Arrow array of text


def format_of(output: str | None, asked: str | None, data: Sequence[str], *, safe: bool) -> str:
    """The format to write: the one asked for, or that of the file's suffix. Raises: SettingError."""
    if output in (None, "-"):
        form = asked or "csv"
    else:
        for path in data:
            same = os.path.exists(output) and os.path.exists(path) and os.path.samefile(output, path)
            require(not same, f"--output {output} is DATA itself; it would be lost")
        spared(output, "--output")
        form = asked or _by_suffix(output)
    require(not safe or form in ("csv", "tsv"), f"--safe-csv is for CSV and TSV, not for {form}: leave it out")
    return form


def _by_suffix(output: str) -> str:
    path = Path(output)
    packed = path.suffix.lower() == ".gz"
    suffix = (path.with_suffix("") if packed else path).suffix.lower()
    form = SUFFIXES.get(suffix, "" if suffix else "csv")
    if not form or (packed and form not in TEXT):
        expected = ".csv, .tsv, .jsonl (also .gz), .parquet, .feather or .arrow"
        raise SettingError(f"--output {output}: files {suffix or path.suffix} are not written: {expected}; or --format")
    return form


@contextmanager
def writing(output: str | None, form: str, *, safe: bool) -> Iterator[Write]:
    """A function that writes a record batch. A file is there whole after the block, or as it was before.

    Nothing is written before the first batch. safe: no cell of CSV is a formula to a spreadsheet.
    Raises: DataError if the file cannot be written.
    """
    if output in (None, "-"):
        if form in TEXT:
            yield _lines(form, _to(standard_output()), safe)
            return
        require(not sys.stdout.isatty(), f"--format {form} is no text for a terminal: give -o FILE")
        with _columns(form, sys.stdout.buffer) as write:
            yield write
        return
    with replacing(output, DataError) as file, open(file, "wb", closefd=False) as raw:
        if form not in TEXT:
            with _columns(form, raw) as write:
                yield write
        elif output.lower().endswith(".gz"):
            with GzipFile("", "wb", 6, raw, mtime=0) as packed:
                yield _lines(form, lambda lines: _put(packed, lines), safe)
        else:
            yield _lines(form, lambda lines: _put(raw, lines), safe)


def _put(file: Any, lines: Any) -> None:
    """Write lines: their bytes stand one after another in memory."""
    size = compute().sum(compute().binary_length(lines)).as_py() or 0
    if size:
        file.write(memoryview(lines.buffers()[2])[:size])


def _to(stream: Any) -> Emit:
    """What writes lines on standard output; on a terminal one by one."""

    def emit(lines: Any) -> None:
        texts = lines.to_pylist()
        for text in texts if isinstance(stream, Terminal) else ["".join(texts)]:
            stream.write(text)

    return emit


def _lines(form: str, emit: Emit, safe: bool) -> Write:
    """What writes batches as lines of text."""
    begun = False

    def write(batch: Any) -> None:
        nonlocal begun
        if form == "jsonl":
            emit(_objects(batch))
            return
        if not begun:
            begun = True
            emit(_joined([arrow().array([name]) for name in batch.schema.names], TEXT[form], safe))
        emit(_joined(batch.columns, TEXT[form], safe))

    return write


def _objects(batch: Any) -> Any:
    """The rows of a batch as lines of JSON."""
    parts: list[Any] = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        parts += [f"{', ' if parts else '{'}{json.dumps(name, ensure_ascii=False)}: ", _values(column)]
    return compute().binary_join_element_wise(*parts, "}\n", "")


def _values(column: Any) -> Any:
    """A column as values of JSON; what is missing or no finite number is null."""
    pa, pc = arrow(), compute()
    if pa.types.is_floating(column.type):
        texts = pc.if_else(pc.is_finite(column), pc.cast(column, pa.string()), pa.scalar(None, pa.string()))
    elif pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        texts = pc.cast(column, pa.string())
    else:
        coded = as_kind(column, "text").dictionary_encode()
        words = [json.dumps(word, ensure_ascii=False) for word in coded.dictionary.to_pylist()]
        texts = pa.array(words, pa.string()).take(coded.indices)
    return pc.fill_null(texts, "null")


def _joined(columns: Sequence[Any], mark: str, safe: bool) -> Any:
    """The rows of these columns as lines."""
    pa, pc = arrow(), compute()
    cells = [_cells(column, mark, safe) for column in columns]
    rows = pc.binary_join_element_wise(*cells, mark) if len(cells) > 1 else cells[0]
    return pc.binary_join_element_wise(rows, pa.scalar(""), "\n")


def _cells(column: Any, mark: str, safe: bool) -> Any:
    """A column as cells of CSV: a missing one is blank, and one with a mark, a quote or an end of line is quoted."""
    pa, pc = arrow(), compute()
    if pa.types.is_floating(column.type):
        return pc.cast(column, pa.string())
    text = pc.fill_null(as_kind(column, "text"), "")
    if safe:
        formula = pc.and_not(pc.match_substring_regex(text, FORMULA), pc.match_substring_regex(text, NUMBER))
        text = pc.if_else(formula, pc.binary_join_element_wise("'", text, ""), text)
    quoted = pc.match_substring_regex(text, f'[{mark}"\r\n]')
    if pc.any(quoted).as_py():
        doubled = pc.replace_substring(text, '"', '""')
        text = pc.if_else(quoted, pc.binary_join_element_wise('"', doubled, '"', ""), text)
    return text


@contextmanager
def _columns(form: str, file: BinaryIO) -> Iterator[Write]:
    """What writes batches as Parquet or Arrow, several in a group."""
    pa = arrow()
    waiting: list[Any] = []
    writer: Any = None

    def write(batch: Any) -> None:
        waiting.append(batch)
        if sum(b.num_rows for b in waiting) >= GROUP or sum(b.nbytes for b in waiting) >= 1 << 26:
            flush()

    def flush() -> None:
        nonlocal writer
        if writer is None:
            writer = _opened(form, file, waiting[0].schema)
        writer.write_table(pa.Table.from_batches(waiting))
        waiting.clear()

    yield write
    if waiting:
        flush()
    if writer is not None:
        writer.close()


def _opened(form: str, file: BinaryIO, schema: Any) -> Any:
    if form == "arrow":
        from pyarrow import ipc

        return ipc.new_file(file, schema)
    from pyarrow import parquet

    return parquet.ParquetWriter(file, schema)
