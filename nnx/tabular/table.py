"""The table that a command is given: its files, how it is read, and its columns as options name them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError, unknown
from ..tables import BUILT_IN, Reading, Source, open_table
from ..tables.sources.rows import RowFile
from ..tables.sources.text import TextFile
from .settings import Data, amount

STANDARD_INPUT = "-"
TEXT_ALONE = ("delimiter", "encoding", "quote", "escape", "comment")  # of no use to workbooks and JSON
UNTYPED = ("header", "skip_rows", "skip_footer", "sheet", "decimal", "thousands")  # nor these where columns have types


def paths_of(path: str | Sequence[str]) -> tuple[str, ...]:
    """The words that name the table."""
    return (path,) if isinstance(path, str) else tuple(path)


def as_given(paths: Sequence[str]) -> str | tuple[str, ...]:
    """One word alone, several as they are."""
    return paths[0] if len(paths) == 1 else tuple(paths)


def name_of(path: str | Sequence[str]) -> str:
    """A name for the folder of a run on this table."""
    first = paths_of(path)[0]
    name = "stdin" if first == STANDARD_INPUT else Path(first).name.partition(".")[0]
    return "".join(c for c in name if c not in "*?[]") or "table"


def shown_name(path: str | Sequence[str]) -> str:
    """The table for a person: the name of its file, of several the first."""
    first, *more = (Path(p).name or p for p in paths_of(path))
    return f"{first} and {len(more)} more" if more else first


def reading_of(data: Data) -> Reading:
    """How the settings say that the table is read."""
    return Reading(**{name: getattr(data, name) for name in Reading.__dataclass_fields__})


def opened(data: Data) -> Source:
    """The table of the settings. Raises: DataError."""
    return open_table(as_given(paths_of(data.path)), reading_of(data), amount(data.memory))


def unused(source: Source, asked: Mapping[str, Any]) -> list[str]:
    """A note on what was asked of the reading of a table that has no use for it."""
    first = getattr(source, "sources", [source])[0]
    if isinstance(first, TextFile):
        return []
    useless = {*TEXT_ALONE} if isinstance(first, RowFile) else {*TEXT_ALONE, *UNTYPED}
    if isinstance(first, RowFile) and not first.reading.sheet:  # JSON, which is text
        useless.remove("encoding")
    options = ", ".join(f"--{name.replace('_', '-')}" for name in asked if name in useless)
    return [f"{source.place} says itself how it is read: {options} not used"] if options else []


def columns_of(values: Iterable[str], columns: Sequence[str], option: str) -> tuple[str, ...]:
    """The columns that the values of an option name: a value that is a column's name is that column, with its commas;
    any other is names parted by commas.

    Raises: DataError for one that is not there.
    """
    found: dict[str, None] = {}
    for value in values:
        names = [value] if value in columns else [name.strip() for name in value.split(",") if name.strip()]
        for name in names:
            if name not in columns:
                raise DataError(f"{option}: {unknown('column', name, columns)}")
            found[name] = None
    return tuple(found)


def same_files(data: Data, hashed: str | None) -> None:
    """Raise DataError if the table is not that which the run began with."""
    for path in paths_of(data.path):
        if path == STANDARD_INPUT:
            raise DataError("the table came from standard input, which is gone: train anew, with a file to go on with")
        if hashed is not None and path not in BUILT_IN and not set("*?[") & set(path) and not Path(path).exists():
            raise DataError(f"{path}: not there; resume where the run was begun, with the file it was begun with")
    if hashed is not None and opened(data).digest != hashed:
        raise DataError(f"{shown_name(data.path)} has changed since the run began: its sha256 is another; train anew")
