"""Columns of text cleaned, and what each holds found from all of its cells: the same for every source of text."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from ...errors import DataError
from ..kinds.cells import MISSING, arrow, compute
from ..kinds.settle import guesses_for, settle
from ..reading import Reading
from .source import Scan, Source, check_kinds, typed_kinds

ROWS = 8192  # rows put together where they are read one by one


def scanned(
    source: Source,
    kinds: Mapping[str, str],
    faults: dict[str, str] | None,
    notes: Sequence[str] = (),
    first: Callable[[Sequence[str]], Iterator[Any]] | None = None,
    types: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Scan, int]:
    """What the columns of text hold that are not given, and the bytes of all of them. faults: as in `Source.scan`.

    first: gives the batches in the place of `source.batches`; floats in them are what all cells of a batch were.
    types: the Arrow types of columns that are no text.
    """
    check_kinds(source.columns, kinds)
    wanted = [name for name in source.columns if kinds.get(name) != "drop"]
    guesses = guesses_for([name for name in wanted if name not in types], kinds)
    typed = typed_kinds(arrow().schema(list(types.items())), {n: k for n, k in kinds.items() if n in types})
    rows = size = 0
    for batch in (first or source.batches)(wanted or source.columns[:1]):
        rows, size = rows + batch.num_rows, size + batch.nbytes
        for name, guess in guesses.items():
            guess.see(batch.column(name))
    if rows == 0:
        raise DataError(f"{source.place}: no rows below the header")
    found, said, wrong = settle(guesses, source.reading, source.where, kinds)
    if wrong and faults is None:
        raise DataError(next(iter(wrong.values())))
    (faults if faults is not None else {}).update(wrong)
    found = {**kinds, **typed, **found}
    return Scan({name: found[name] for name in source.columns}, rows, [*notes, *said]), size


def gaps(reading: Reading) -> list[str]:
    """The words for a missing cell, a blank one aside."""
    return sorted({*MISSING, *reading.missing} - {"", *reading.keep_text})


def clean(column: Any, words: Sequence[str], *, parsed: bool = False) -> Any:
    """A column of text without white space around its cells; blank ones and these words are null.

    parsed: they are null already where they have no white space around them.
    """
    pa, pc = arrow(), compute()
    if pa.types.is_floating(column.type):
        return column
    if pa.types.is_dictionary(column.type):
        values = clean(column.dictionary, words, parsed=parsed)
        if values is column.dictionary:
            return column
        codes = pc.if_else(pc.is_valid(values).take(column.indices), column.indices, pa.scalar(None, pa.int32()))
        return pa.DictionaryArray.from_arrays(codes, values)
    trimmed = pc.utf8_trim_whitespace(column)
    if parsed and trimmed.equals(column):
        return column
    missing = pc.is_in(trimmed, value_set=pa.array(["", *words], pa.string()))
    return pc.if_else(missing, pa.scalar(None, pa.string()), trimmed) if pc.any(missing).as_py() else trimmed


def in_blocks(rows: Iterable[Sequence[str | None]], numbers: Sequence[int], names: Sequence[str]) -> Iterator[Any]:
    """Rows of text put together, the columns of these numbers under these names."""
    pa, rows = arrow(), iter(rows)
    while part := list(islice(rows, ROWS)):
        columns = [pa.array([row[i] for row in part], pa.string()) for i in numbers]
        yield pa.RecordBatch.from_arrays(columns, list(names))
