"""Tables in JSON: one object a line, or a list of objects. What an object holds within another is a column a.b."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import TextIOWrapper
from itertools import chain, count, islice
from typing import Any

from ...errors import DataError
from ..reading import Reading
from .content import Content, reading as naming
from .encodings import encoding_of
from .rows import RowFile, Rows
from .scanning import gaps
from .values import add

PART = 1 << 20  # characters read at once
OBJECT = 1 << 24  # characters that an object may have
COLUMNS = 20_000
BETWEEN = " \t\r\n,"  # what may be between two objects


def json_file(content: Content, asked: Reading) -> RowFile:
    """A file of JSON. Its columns are all the names in it: it is read once to know them. Raises: DataError."""
    head = content.head(PART)
    encoding = encoding_of(content, head, len(head) < PART, asked.encoding)
    types, lists, notes = dict[str, set[type]](), dict[str, int](), dict[str, None]()
    words, row = frozenset((*gaps(asked), "")), 0
    for row, (_, cells) in enumerate(_flat(content, encoding, notes)):
        for name, cell in cells.items():
            if name not in types:
                types[name] = set()
            add(types[name], cell, words)
            if isinstance(cell, list):
                lists.setdefault(name, row)
        if len(types) > COLUMNS:
            raise DataError(f"{content.place}: more than {COLUMNS} different names; are the names of objects data?")
    if not types:
        raise DataError(f"{content.place}: no rows")
    if row == 0 and lists:
        raise DataError(f"{content.place}: one object, expected one for each row: in a list, or one a line")
    if encoding != "utf-8":
        say = "" if asked.encoding else " (--encoding says otherwise)"
        notes = {f"{content.place} is read with encoding {encoding}{say}": None, **notes}
    columns = list(types)

    def rows() -> Rows:
        for line, cells in _flat(content, encoding, {}):
            yield line, [cells.get(name) for name in columns]

    return RowFile(content, columns, replace(asked, encoding=encoding), rows, types, notes=list(notes), lists=lists)


def _flat(content: Content, encoding: str, notes: dict[str, None]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects, each with its line, and what is in objects within them under joined names."""
    for line, found in _rows(content.place, _objects(content, encoding)):
        if not isinstance(found, dict):
            raise DataError(f"{content.place}, line {line}: expected an object {{...}}, found {str(found)[:40]!r}")
        if dict not in set(map(type, found.values())):
            yield line, found
            continue
        cells = dict[str, Any]()
        for name, cell in _leaves("", found, 0):
            other = next(o for o in chain([name], (f"{name} ({i})" for i in count(2))) if o not in cells)
            if other != name:
                notes[f"{content.place}: two columns are named {name!r}; the later one is {other!r}"] = None
            cells[other] = cell
        yield line, cells


def _rows(place: str, objects: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """The objects; where there is but one, of columns that are numbered as pandas writes them, one for each row."""
    some = list(islice(objects, 2))
    columns = some[0][1] if len(some) == 1 else None
    if isinstance(columns, dict) and columns and all(isinstance(c, dict) and c for c in columns.values()):
        first = list(next(iter(columns.values())))
        if all(map(str.isdecimal, first)) and all(list(c) == first for c in columns.values()):
            yield from ((some[0][0], {name: c[key] for name, c in columns.items()}) for key in first)
            return
    yield from chain(some, objects)


def _leaves(prefix: str, values: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and depth < 20:
            yield from _leaves(f"{prefix}{name}.", value, depth + 1)
        else:
            yield prefix + name, [value] if isinstance(value, Mapping) else value


def _objects(content: Content, encoding: str) -> Iterator[tuple[int, Any]]:
    """The values one after another, whether in a list, in lines or in neither, each with the line it begins on."""
    decode, place = json.JSONDecoder().raw_decode, content.place
    with naming(place), TextIOWrapper(content.text(encoding), "utf-8", "replace", newline="") as file:
        text, at, line, ended, first, open_ = "", 0, 1, False, True, False
        while True:
            start = at
            while at < len(text) and text[at] in BETWEEN:
                at += 1
            if first and text[at : at + 1] == "[":
                at, first, open_ = at + 1, False, True
                continue
            line += text.count("\n", start, at)
            if text[at : at + 1] == "]" and not text[at + 1 :].strip():
                at, open_ = at + 1, False
            try:
                value, stop = decode(text, at)
                if stop == len(text) and not ended:
                    raise ValueError  # a number may go on
            except (ValueError, RecursionError) as error:
                if ended and at == len(text):
                    if open_:
                        raise DataError(f"{place}, line {line}: the list ends here without a ]: is it cut?") from None
                    return
                if ended or len(text) - at > OBJECT:
                    more = "longer than 16 MiB" if not ended else str(error)[:60]
                    raise DataError(f"{place}, line {line}: cannot be read as JSON: {more}") from None
                part = file.read(PART)
                text, at, ended = text[at:] + part, 0, not part
                continue
            yield line, _paired(value) if "\\ud" in text[at:stop].lower() else value
            line += text.count("\n", at, stop)
            at, first = stop, False


def _paired(value: Any) -> Any:
    """The value, in whose texts halves of pairs of UTF-16, which are no character, are marked as such."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_paired(name): _paired(own) for name, own in value.items()}
    return [_paired(own) for own in value] if isinstance(value, list) else value
