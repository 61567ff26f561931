"""Cells that have types, as in JSON and workbooks: a column all of one type keeps it, one with texts in it is text."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from ..kinds.cells import NUMBER, TEXTS, arrow, is_text, parted

WHOLE = 1 << 63  # numbers from it on are no int64


def add(types: set[type], cell: Any, words: frozenset[str]) -> None:
    """Take in a cell of a column with these types. words: those for missing cells, which have none."""
    if cell is not None and not (isinstance(cell, str) and cell.strip() in words):
        types.add(str if isinstance(cell, int) and not -WHOLE <= cell < WHOLE else type(cell))


def type_of(types: set[type], kind: str = "") -> Any:
    """The Arrow type of a column with cells of these types, to be read as this kind: text, where they are several."""
    pa, base = arrow(), parted(kind)[0]
    if base in TEXTS or not types or (base == "date" and types <= {int, float}):  # 20261121
        return pa.string()
    if types <= {int, float}:
        return pa.int64() if types == {int} else pa.float64()
    if types <= {date, datetime}:
        return pa.timestamp("us") if datetime in types else pa.date32()
    if len(types) > 1:
        return pa.string()
    others = {bool: pa.bool_(), time: pa.time64("us"), timedelta: pa.duration("us")}
    return others.get(next(iter(types)), pa.string())


def column(cells: Sequence[Any], kind: Any, words: frozenset[str], mark: str, form: str) -> Any:
    """Cells as an Arrow column of this type.

    words: what is missing beside the usual words. mark, form: as in `text`, for a column of text.
    """
    pa = arrow()
    if words:
        numbers = {float(word) for word in words if re.match(NUMBER, word)}
        cells = [None if text(c) in words or (type(c) in (int, float) and c in numbers) else c for c in cells]
    if is_text(kind):
        texts = [text(cell, mark, form) for cell in cells]
        return pa.array(texts, pa.string())
    cells = [None if isinstance(cell, str) else cell for cell in cells]  # a word for a missing cell
    if pa.types.is_timestamp(kind):
        cells = [datetime.combine(c, time()) if type(c) is date else c for c in cells]
    if pa.types.is_floating(kind):
        cells = [None if c is None else float(c) for c in cells]
    return pa.array(cells, kind)


def text(cell: Any, mark: str = "", form: str = "") -> str | None:
    """A cell as text, as a computer writes it; a list not at all.

    mark: the decimal mark of numbers, which are then written so that it is not taken for one between thousands.
    form: of dates.
    """
    if isinstance(cell, str) or cell is None:
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return _number(cell, mark) if mark and isfinite(cell) else repr(cell)
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(int(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(cell, date):
        return _moment(cell, form)
    return None if isinstance(cell, list) else str(cell)


def _number(number: float, mark: str) -> str:
    """1234.5 as 1234,5 and 1.234 as 1,2340."""
    whole, _, fraction = f"{Decimal(repr(number)):f}".partition(".")
    return f"{whole}{mark}{fraction}{'0' * (len(fraction) == 3)}" if fraction else whole


def _moment(moment: date, form: str) -> str:
    """A date in ISO format or as the form says, with the time of day if it has one."""
    clock = moment.time() if isinstance(moment, datetime) else time()
    if not form or "%q" in form or "%s" in form:
        return moment.isoformat(*[" "] * isinstance(moment, datetime))
    return moment.strftime(form) + (f" {clock.isoformat()}" if clock != time() and "%H" not in form else "")
