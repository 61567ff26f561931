"""Several files as one table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from ...errors import DataError
from ..kinds.cells import arrow
from ..kinds.settle import guesses_for, settle
from ..reading import Reading
from .formats import opened
from .places import Place
from .rows import RowFile
from .scanning import scanned
from .source import Scan, Source, check_kinds
from .text import TextFile


def several(words: Sequence[str], found: Sequence[Place], asked: Reading, memory: int) -> "Several":
    """The files as one table, all read as the first one is. Raises: DataError."""
    first = opened(found[0].content, asked, memory)
    said = first.reading
    like = replace(asked, delimiter=said.delimiter, decimal=said.decimal, thousands=said.thousands, header=said.header)
    like = replace(like, comment=said.comment, quote=said.quote, escape=said.escape) if said.delimiter else asked
    sources = [first, *(_like(first, place, like, asked, memory) for place in found[1:])]
    parts = [{k: v for k, v in place.parts.items() if k not in first.columns} for place in found]
    for source, own in zip(sources, parts, strict=True):
        _check_alike(first, source, parts[0], own)
    rows = [source for source in sources if isinstance(source, RowFile)]
    for name in first.columns if rows else ():  # a column that is text in one file is so in all
        types = set[type]().union(*(source.met[name] for source in rows), *[{str}] * (len(rows) < len(sources)))
        for source in rows:
            source.met[name] = types
    place = words[0] if len(words) == 1 else f"{len(words)} files"
    return Several(sources, parts, place, first.name if len(words) > 1 else _name(words[0]))


def _like(first: Source, place: Place, like: Reading, asked: Reading, memory: int) -> Source:
    """A file that is read as the first one, or, where that does not give its columns, as it says itself."""
    fault: DataError | None = None
    try:
        source: Source = opened(place.content, like, memory)
    except DataError as error:
        fault = error
    if like == asked or (fault is None and {*source.columns} & {*first.columns}):
        if fault is not None:
            raise fault
        return source
    own = opened(place.content, asked, memory)
    if not {*own.columns} & {*first.columns}:
        if fault is not None:
            raise fault
        return source
    marks = own.reading.decimal, first.reading.decimal
    if marks[0] != marks[1]:
        raise DataError(
            f"{own.place}: {marks[0]} is its decimal mark, {marks[1]} that of {first.place}: write them alike"
        )
    return own


def _name(word: str) -> str:
    return word.rstrip("/").rpartition("/")[2].partition(".")[0].strip("*?[]") or "tables"


def _check_alike(first: Source, source: Source, parts: Mapping[str, str], own: Mapping[str, str]) -> None:
    """Raise DataError if a file has not the columns of the first."""
    if isinstance(first, (TextFile, RowFile)) != isinstance(source, (TextFile, RowFile)):
        raise DataError(f"{source.place}: not of the kind that {first.place} is: give files of one kind")
    have, want = [*source.columns, *own], [*first.columns, *parts]
    absent, new = ([n for n in a if n not in b] for a, b in ((want, have), (have, want)))
    if absent:
        raise DataError(f"{source.place}: no column {absent[0]!r}, which {first.place} has: mend it or leave it out")
    if new:
        raise DataError(f"{source.place}: {first.place} has no column {new[0]!r}: mend it or leave it out")


@dataclass
class Several:
    """Files with the same columns as one table. parts: for each file the cells of columns that its folders name."""

    sources: list[Any]
    parts: list[dict[str, str]]
    place: str
    name: str
    target: str | None = None

    def __post_init__(self) -> None:
        self.columns, self.reading = [*self.sources[0].columns, *self.parts[0]], self.sources[0].reading
        self.size = sum(source.size for source in self.sources)
        self.rows: dict[int, int] = {}  # of the files that have been read

    @property
    def digest(self) -> str | None:
        """sha256 of those of the files."""
        total = sha256()
        for source, parts in zip(self.sources, self.parts, strict=True):
            total.update(f"{source.digest} {sorted(parts.items())}".encode())
        return total.hexdigest()

    def scan(self, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> Scan:
        """The kinds of the columns, by the cells of all files where they are text, else by the types of all."""
        ends = f"{self.sources[0].place} to {self.sources[-1].place}"
        notes = [f"{self.place}: {len(self.sources)} files are read as one table: {ends}"]
        check_kinds(self.columns, kinds)
        if isinstance(self.sources[0], (TextFile, RowFile)):
            for source in self.sources:
                notes += [note for note in source.notes if note not in notes]
            lists = self._lists(kinds, faults)
            types = self.sources[0].types(kinds) if isinstance(self.sources[0], RowFile) else {}
            found, self.size = scanned(
                self, {**kinds, **lists}, faults, notes, lambda columns: self.batches(columns, kinds), types
            )
            return found
        kinds, rows = dict(kinds), 0
        for name in self.parts[0]:
            kinds.setdefault(name, self._guessed(name))
        own = {name: kind for name, kind in kinds.items() if name not in self.parts[0]}
        for source in self.sources:
            scan = source.scan(own, faults)
            rows, notes = rows + scan.rows, notes + [note for note in scan.notes if note not in notes]
            for name, kind in scan.kinds.items():
                if kinds.setdefault(name, kind) != kind:
                    raise DataError(
                        f"{source.place}: column {name!r} is {kind}, and {kinds[name]} in {self.sources[0].place}: "
                        f"--kind {name}=text"
                    )
        self.size = sum(source.size for source in self.sources)
        return Scan({name: kinds[name] for name in self.columns}, rows, notes)

    def batches(self, columns: Sequence[str], kinds: Mapping[str, str] | None = None) -> Iterator[Any]:
        """The rows in blocks, file by file."""
        pa = arrow()
        for i, (source, parts) in enumerate(zip(self.sources, self.parts, strict=True)):
            own, rows = [name for name in columns if name not in parts], 0
            for batch in source.batches(own or source.columns[:1], kinds):
                rows += batch.num_rows
                given = {name: pa.array([parts[name] or None] * batch.num_rows, pa.string()) for name in parts}
                arrays = [given[name] if name in given else batch.column(name) for name in columns]
                yield pa.RecordBatch.from_arrays(arrays, list(columns))
            self.rows[i] = rows

    def where(self, row: int) -> str:
        """The place in the file that the row is in."""
        for i, source in enumerate(self.sources):
            if i not in self.rows:
                self.rows[i] = sum(batch.num_rows for batch in source.batches(source.columns[:1]))
            if row < self.rows[i]:
                return str(source.where(row))
            row -= self.rows[i]
        return f"{self.place}, row {row + 1}"

    def _lists(self, kinds: Mapping[str, str], faults: dict[str, str] | None) -> dict[str, str]:
        """The columns that hold lists, dropped, or an error."""
        dropped: dict[str, str] = {}
        for source in self.sources:
            if isinstance(source, RowFile):
                dropped |= source.check_lists({**kinds, **dropped}, faults)
        return dropped

    def _guessed(self, name: str) -> str:
        """What the cells of a column hold that folders name."""
        guesses = guesses_for([name], {})
        guesses[name].see(arrow().array([parts[name] or None for parts in self.parts], arrow().string()))
        return settle(guesses, self.reading, self.where, {})[0][name]
