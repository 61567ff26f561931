"""Tables in JSON: one object a line, or a list of objects. What an object holds within another is a column a.b."""

import json
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from typing import Any

from ..errors import DataError
from .content import Content, reading as naming
from .reading import Reading
from .rows import RowFile, Rows

PART = 1 << 20  # characters read at once
OBJECT = 1 << 24  # characters that an object may have
COLUMNS = 20_000
BETWEEN = " \t\r\n,"  # what may be between two objects


def json_file(content: Content, reading: Reading) -> RowFile:
    """A file of JSON. Its columns are all the names in it: it is read once to know them. Raises: DataError."""
    names: dict[str, None] = {}
    lists: dict[str, int] = {}
    row = 0
    for row, (_, cells) in enumerate(_flat(content)):
        names.update(dict.fromkeys(cells))
        if list in set(map(type, cells.values())):
            for name in (name for name, value in cells.items() if isinstance(value, list)):
                lists.setdefault(name, row)
        if len(names) > COLUMNS:
            raise DataError(f"{content.place}: more than {COLUMNS} different names; are the names of objects data?")
    if not names:
        raise DataError(f"{content.place}: no rows")
    if row == 0 and lists:
        raise DataError(f"{content.place}: one object, expected one for each row: in a list, or one a line")
    columns = list(names)

    def rows() -> Rows:
        for line, cells in _flat(content):
            yield line, [_text(cells.get(name)) for name in columns]

    return RowFile(content, columns, reading, rows, lists=lists)


def _text(value: Any) -> str | None:
    """A value of JSON as text: true and false in words, a list not at all."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if isinstance(value, list) else repr(value)


def _flat(content: Content) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects, each with its line, and what is in objects within them under joined names."""
    for line, found in _objects(content):
        if not isinstance(found, dict):
            raise DataError(f"{content.place}, line {line}: expected an object {{...}}, found {str(found)[:40]!r}")
        nested = dict in set(map(type, found.values()))
        yield line, dict(_leaves("", found, 0)) if nested else found


def _leaves(prefix: str, values: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and depth < 20:
            yield from _leaves(f"{prefix}{name}.", value, depth + 1)
        else:
            yield prefix + name, [value] if isinstance(value, Mapping) else value


def _objects(content: Content) -> Iterator[tuple[int, Any]]:
    """The values one after another, whether in a list, in lines or in neither, each with the line it begins on."""
    decode, place = json.JSONDecoder().raw_decode, content.place
    with naming(place), TextIOWrapper(content.text("utf-8"), "utf-8", "replace", newline="") as file:
        text, at, line, ended, first = "", 0, 1, False, True
        while True:
            start = at
            while at < len(text) and text[at] in BETWEEN:
                at += 1
            if first and text[at : at + 1] == "[":
                at, first = at + 1, False
                continue
            line += text.count("\n", start, at)
            if text[at : at + 1] == "]" and not text[at + 1 :].strip():
                at += 1
            try:
                value, stop = decode(text, at)
                if stop == len(text) and not ended:
                    raise ValueError  # a number may go on
            except (ValueError, RecursionError) as error:
                if ended and at == len(text):
                    return
                if ended or len(text) - at > OBJECT:
                    more = "longer than 16 MiB" if not ended else str(error)[:60]
                    raise DataError(f"{place}, line {line}: cannot be read as JSON: {more}") from None
                part = file.read(PART)
                text, at, ended = text[at:] + part, 0, not part
                continue
            yield line, value
            line += text.count("\n", at, stop)
            at, first = stop, False
