"""Tables in workbooks: one sheet of an .xlsx, .xlsb, .xls or .ods file, which calamine reads."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from zipfile import BadZipFile, ZipFile

from ...errors import DataError, unknown
from ..reading import Reading
from .content import Content, check_growth, reading as naming
from .headers import has_header, is_footer
from .names import distinct
from .rows import RowFile, Rows
from .scanning import gaps
from .values import add, text

HEAD, TAIL = 300, 20  # rows looked at
Row = tuple[int, list[Any]]  # its number, and its cells up to the last that is filled


def sheet(content: Content, asked: Reading) -> RowFile:
    """The sheet that is asked for, or the first that has rows. Raises: DataError."""
    place, (chosen, several) = content.place, _chosen(content, asked.sheet)
    head, tail, width = list[Row](), deque[Row](maxlen=TAIL), 0
    for row in _rows(chosen):
        if len(head) < HEAD:
            head.append(row)
        tail.append(row)
        width = max(width, len(row[1]))
    most = max(_filled(cells) for _, cells in head)
    first = asked.skip_rows or 0
    table = [row for row in head if row[0] > first]
    if asked.skip_rows is None:
        while len(table) > 1 and _filled(table[0][1]) < min(2, most) + (most > 4):
            table = table[1:]
    if not table:
        raise DataError(f"{place}: no rows after the first {first}: a smaller --skip-rows")
    first, padded = table[0][0], [[text(c) or "" for c in [*cells, *[""] * (width - len(cells))]] for _, cells in table]
    header = asked.header or ("yes" if has_header(padded) else "no")
    below = asked.skip_footer
    if below is None:
        below = 0
        while below < len(tail) - 1 and is_footer(_parts(tail[-1 - below][1]), most):
            below += 1
    notes = list[str]()
    names = distinct(place, padded[0] if header == "yes" else [""] * width, notes)
    told = [f"sheet {chosen.name!r}"] * (several and not asked.sheet)
    told += ["no header"] * (header == "no" and not asked.header)
    told += [f"{first - 1} row{'s' * (first > 2)} above the table"] * (first > 1 and asked.skip_rows is None)
    told += [f"{below} row{'s' * (below > 1)} below it"] * (below > 0 and asked.skip_footer is None)
    if told:
        notes.insert(0, f"{place} is read with {', '.join(told)} (--sheet, --header, --skip-rows say otherwise)")

    def rows() -> Rows:
        late = deque[Row]()
        for number, cells in _rows(chosen):
            if number >= first + (header == "yes"):
                late.append((number, cells))
                if len(late) > below:
                    number, cells = late.popleft()
                    yield number, [*cells, *[None] * (width - len(cells))]

    types, words = {name: set[type]() for name in names}, frozenset((*gaps(asked), ""))
    for _, cells in rows():
        for own, cell in zip(types.values(), cells, strict=True):
            add(own, cell, words)
    settled = replace(asked, sheet=chosen.name, header=header, skip_rows=first - 1, skip_footer=below)
    return RowFile(content, names, settled, rows, types, what=f"sheet {chosen.name!r}, row", notes=notes)


def _chosen(content: Content, name: str) -> tuple[Any, bool]:
    """A sheet of calamine, and whether there are others."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise DataError("workbooks need python-calamine: pip install 'nnx-array[cli]'") from None
    file = content.seekable().path
    with suppress(BadZipFile), ZipFile(file) as members:
        check_growth(content.place, members)
    try:
        with naming(content.place):
            book = CalamineWorkbook.from_path(str(file))
            if name and name not in book.sheet_names:
                raise DataError(f"{content.place}: {unknown('sheet', name, list(book.sheet_names))}")
            for candidate in [name] if name else book.sheet_names:
                found = book.get_sheet_by_name(candidate)
                if found.total_height:
                    return found, len(book.sheet_names) > 1
    except CalamineError as error:
        raise DataError(f"{content.place}: cannot be read as a workbook: {str(error)[:100]}") from None
    raise DataError(f"{content.place}: no rows in {f'sheet {name!r}' if name else 'any sheet'}")


def _rows(chosen: Any) -> Iterator[Row]:
    """The rows that are not blank."""
    for number, row in enumerate(chosen.iter_rows(), 1):
        cells = [_value(cell) for cell in row]
        while cells and cells[-1] == "":
            cells.pop()
        if cells:
            yield number, cells


def _filled(cells: list[Any]) -> int:
    return sum(cell != "" for cell in cells)


def _parts(cells: list[Any]) -> list[str]:
    return [text(cell) or "" for cell in cells if cell != ""]


def _value(cell: Any) -> Any:
    """A cell, a text without blanks around it, and a whole number as such: a workbook has floats alone."""
    if isinstance(cell, str):
        return cell.strip()
    return int(cell) if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15 else cell
