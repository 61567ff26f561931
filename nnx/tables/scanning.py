"""Columns of text cleaned, and what each holds found from all of its cells: the same for every source of text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ..errors import DataError
from .cells import MISSING, BadCell, arrow, compute
from .infer import Guess, mixed
from .reading import Reading
from .source import Scan, Source, check_kinds

ROWS = 8192  # rows put together where they are read one by one


def scanned(
    source: Source, kinds: Mapping[str, str], faults: dict[str, str] | None, notes: Sequence[str] = ()
) -> tuple[Scan, int]:
    """What the columns of text hold that are not given, and the bytes of all of them. faults: as in `Source.scan`."""
    check_kinds(source.columns, kinds)
    wanted = [name for name in source.columns if kinds.get(name) != "drop"]
    guesses = {name: Guess() for name in wanted if name not in kinds}
    rows = size = 0
    for batch in source.batches(wanted or source.columns[:1]):
        rows, size = rows + batch.num_rows, size + batch.nbytes
        for name, guess in guesses.items():
            guess.see(batch.column(name))
    if rows == 0:
        raise DataError(f"{source.place}: no rows below the header")
    found, said = {name: _own(kind, source.reading) for name, kind in kinds.items()}, list(notes)
    for name, guess in guesses.items():
        try:
            found[name], note = guess.kind(name)
        except BadCell as bad:
            error = mixed(name, bad, source.where(bad.row))
            if faults is None:
                raise error from None
            faults[name], found[name], note = str(error), "drop", ""
        said += [note] if note else []
    return Scan({name: found[name] for name in source.columns}, rows, said), size


def _own(kind: str, reading: Reading) -> str:
    """A kind as it is asked for: a number is written as numbers are in this file."""
    return f"number:{reading.decimal}" if kind == "number" and reading.decimal == "," else kind


def gaps(reading: Reading) -> list[str]:
    """The words for a missing cell, a blank one aside."""
    return sorted({*MISSING, *reading.missing} - {"", *reading.keep_text})


def clean(column: Any, words: Sequence[str]) -> Any:
    """A column of text without white space around its cells; blank ones and these words are null."""
    pa, pc = arrow(), compute()
    trimmed = pc.utf8_trim_whitespace(column)
    missing = pc.is_in(trimmed, value_set=pa.array(["", *words], pa.string()))
    return pc.if_else(missing, pa.scalar(None, pa.string()), trimmed) if pc.any(missing).as_py() else trimmed


def in_blocks(rows: Iterable[Sequence[str | None]], numbers: Sequence[int], names: Sequence[str]) -> Iterator[Any]:
    """Rows of text put together, the columns of these numbers under these names."""
    pa, rows = arrow(), iter(rows)
    while part := list(islice(rows, ROWS)):
        columns = [pa.array([row[i] for row in part], pa.string()) for i in numbers]
        yield pa.RecordBatch.from_arrays(columns, list(names))
