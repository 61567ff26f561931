"""The cells of one column as host arrays: numbers, yes or no, moments, or text. What a cell cannot be is a BadCell."""

from datetime import date
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, unknown

MISSING = ("", "-", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "?")
TRUE = ("true", "yes", "t", "y")
FALSE = ("false", "no", "f", "n")
ISO = "ISO"
DATE_FORMATS = (ISO, "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")
KINDS = ("number", "text", "category", "words", "boolean", "date", "time", "duration", "drop")
TEXTS = ("text", "category", "words")  # kinds whose cells are texts
UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}  # of a time, in a second
LARGEST = 1e100  # numbers beyond it are none to learn from: their squares overflow
NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"


class BadCell(Exception):
    """A cell that is not of its column's kind."""

    def __init__(self, row: int, text: str, count: int = 1, *, large: bool = False) -> None:
        super().__init__(text)
        self.row, self.text, self.count, self.large = row, text, count, large


def arrow() -> Any:
    """pyarrow. Raises DataError if it is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise DataError("tables need pyarrow: pip install 'nnx-array[cli]'") from None
    return pyarrow


def compute() -> Any:
    """pyarrow's functions on columns."""
    arrow()
    import pyarrow.compute

    return pyarrow.compute


def parted(kind: str) -> tuple[str, str, tuple[str, ...]]:
    """A kind NAME:FORM|GAP|GAP in parts: its name, how its cells are written, and texts that stand for a missing cell.

    number:,.EUR is 1.234,50 EUR: the decimal mark, the thousands mark where there is one, and the unit. date:%d.%m.%Y.
    """
    kind, *gaps = kind.split("|")
    name, _, form = kind.partition(":")
    return name, form, tuple(gaps)


def check_kind(name: str, kind: str) -> None:
    """Raise DataError unless kind is one of KINDS, "date" perhaps with a format: "date:%d/%m/%Y"."""
    if parted(kind)[0] not in KINDS:
        raise DataError(f"column {name!r}: {unknown('kind', kind, list(KINDS))}")


def kind_of(name: str, kind: Any) -> str:
    """The kind of a column of this Arrow type. Raises DataError for lists, structures and the like.

    What is kept in a dictionary has been declared to be categories, numbers too.
    """
    types = arrow().types
    if types.is_dictionary(kind) and kind_of(name, kind.value_type):
        return "category"
    if types.is_boolean(kind):
        return "boolean"
    if types.is_time(kind) or types.is_duration(kind):
        return "number"  # seconds
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind):
        return "number"
    if types.is_date(kind) or types.is_timestamp(kind):
        return "date"
    if is_text(kind):
        return "text"
    raise DataError(f"column {name!r} holds {str(kind)[:60]}: expected numbers, text, booleans or dates; --drop {name}")


def is_text(kind: Any) -> bool:
    """True for an Arrow type that is text."""
    types = arrow().types
    views = getattr(types, "is_string_view", lambda kind: False)
    return bool(types.is_string(kind) or types.is_large_string(kind) or views(kind))


def moment_of(form: str) -> str:
    """A date in this format, for a message."""
    return date(2026, 11, 21).strftime("%Y-%m-%d" if form in ("", ISO) else form)


def as_kind(column: Any, kind: str) -> Any:
    """A column as "number", "boolean" and "date" give float64 on the host (NaN is missing), "text" Arrow text.

    Booleans are 0 and 1, dates seconds since 1970. Raises: BadCell.
    """
    kind, form, _ = parted(kind)
    if arrow().types.is_dictionary(column.type):
        values = column.dictionary  # of polars they are views, which Arrow cannot take from
        column = (compute().cast(values, arrow().string()) if is_text(values.type) else values).take(column.indices)
    if kind in TEXTS:
        return as_text(column)
    return {"number": as_numbers, "boolean": as_truths}[kind](column) if kind != "date" else as_moments(column, form)


def as_text(column: Any) -> Any:
    """The column as text; missing cells are null."""
    pa, pc = arrow(), compute()
    if is_text(column.type):
        column = pc.cast(column, pa.string())
        gaps = pc.is_in(pc.utf8_trim_whitespace(column), value_set=pa.array(MISSING))
        return pc.if_else(gaps, pa.scalar(None, pa.string()), column) if pc.any(gaps).as_py() else column
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return pc.cast(column, pa.string())


def as_numbers(column: Any) -> Any:
    """The column as float64. Raises: BadCell for text that is no number, and for infinity."""
    pa, pc = arrow(), compute()
    if is_text(column.type):
        column = as_text(column)
        try:
            column = pc.cast(column, pa.float64())
        except pa.ArrowInvalid:
            fine = pc.match_substring_regex(column, NUMBER)
            raise_first(column, pc.invert(fine))
            column = pc.cast(pc.utf8_trim_whitespace(column), pa.float64())
    elif pa.types.is_time(column.type) or pa.types.is_duration(column.type):
        unit = UNITS[column.type.unit]
        whole = pa.int32() if pa.types.is_time32(column.type) else pa.int64()
        return to_floats(pc.cast(pc.cast(column, whole), pa.float64(), safe=False)) / unit
    elif not arrow().types.is_floating(column.type):
        column = pc.cast(column, pa.float64(), safe=False)
    values = to_floats(column)
    large = abs(values) > LARGEST
    if large.any():
        row = int(large.argmax())
        raise BadCell(row, str(column[row].as_py()), int(large.sum()), large=True)
    return values


def as_truths(column: Any) -> Any:
    """The column as 0.0 and 1.0. Raises: BadCell for what is neither."""
    pa, pc = arrow(), compute()
    if is_text(column.type):
        lower = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(column)))
        true, false = (pc.is_in(lower, value_set=pa.array(words)) for words in ((*TRUE, "1"), (*FALSE, "0")))
        raise_first(lower, pc.invert(pc.or_(true, false)))
        return to_floats(pc.if_else(pc.is_valid(lower), pc.cast(true, pa.float64()), pa.scalar(None, pa.float64())))
    if pa.types.is_boolean(column.type):
        return to_floats(pc.cast(column, pa.float64()))
    values = as_numbers(column)
    strange = (values != 0) & (values != 1) & (values == values)
    if strange.any():
        row = int(strange.argmax())
        raise BadCell(row, f"{values[row]:g}", int(strange.sum()))
    return values


def as_moments(column: Any, form: str = "") -> Any:
    """The column as float64 seconds since 1970-01-01, in UTC where it says so. Raises: BadCell for what is no date."""
    pa, pc = arrow(), compute()
    if is_text(column.type):
        column = pc.utf8_trim_whitespace(as_text(column))
        parsed = _parse(column, form or ISO)
        raise_first(column, pc.is_null(parsed))
        column = parsed
    elif not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return as_numbers(column)  # seconds already
    column = pc.cast(column, pa.timestamp("us", getattr(column.type, "tz", None)), safe=False)
    return to_floats(pc.cast(pc.cast(column, pa.int64()), pa.float64(), safe=False)) / 1e6


def _parse(column: Any, form: str) -> Any:
    """Text as timestamps, null where it is none."""
    pa, pc = arrow(), compute()
    kind = pa.timestamp("us")
    if form != ISO:
        return pc.strptime(column, format=form, unit="us", error_is_null=True)
    for target in (kind, pa.timestamp("us", "UTC")):
        try:
            return pc.cast(column, target)
        except pa.ArrowInvalid:
            continue
    return pa.array([_one(text, kind) for text in column.to_pylist()], kind)  # only when some cell is bad


def _one(text: str | None, kind: Any) -> Any:
    pa, pc = arrow(), compute()
    for target in (kind, pa.timestamp("us", "UTC")):
        try:
            moment = pc.cast(pa.scalar(text, pa.string()), target).as_py()
            return moment.replace(tzinfo=None) if moment else None
        except pa.ArrowInvalid:
            continue
    return None


def raise_first(column: Any, bad: Any) -> None:
    """Raise BadCell for the first cell that is there and for which `bad` holds."""
    pc = compute()
    bad = pc.and_(pc.fill_null(bad, True), pc.is_valid(column))
    if pc.any(bad).as_py():
        row = pc.index(bad, True).as_py()
        raise BadCell(row, column[row].as_py(), pc.sum(bad).as_py())


def to_floats(column: Any) -> Any:
    """An Arrow column of floats as a float64 host array, null as NaN."""
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    return host.put(column.to_numpy(zero_copy_only=False), "float64", None)
