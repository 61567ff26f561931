"""The cells of one column as host arrays: numbers, yes or no, moments, or text. What a cell cannot be is a BadCell."""

from dataclasses import replace
from datetime import datetime
from shlex import quote
from typing import Any

from ...errors import DataError, SettingError, unknown
from .cells import (
    FALSE,
    KINDS,
    LARGEST,
    MISSING,
    TEXTS,
    TRUE,
    BadCell,
    arrow,
    cast_all,
    compute,
    is_text,
    parted,
    raise_first,
    to_floats,
)
from .dates import check_form, read
from .numbers import GROUPS, Form, as_written, finite

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}  # of a time, in a second
SAMPLES = {"time": "14:05", "duration": "1:30:00", "boolean": "yes or no, true or false, 1 or 0"}


def check_kind(name: str, kind: str) -> None:
    """Raise DataError unless a kind is one of KINDS, perhaps with a form that it can have: "date:%d/%m/%Y"."""
    if not isinstance(kind, str):
        raise DataError(f"column {name!r}: a kind is a text such as 'number' or 'date', got {str(kind)[:40]!r}")
    base, form, _ = parted(kind)
    if base not in KINDS:
        raise DataError(f"column {name!r}: {unknown('kind', kind[:40], list(KINDS))}")
    try:
        if base == "number" and form:
            Form.of(form)
        elif base == "date" and form:
            check_form(form)
    except SettingError as error:
        raise DataError(f"column {name!r}: {error}") from None
    if form and base not in ("number", "date"):
        raise DataError(f"column {name!r}: {base} has no form, and {form[:20]!r} is given; say --kind {name}={base}")


def sample(kind: str) -> str:
    """What a cell of this kind looks like, for a message: "a number such as 1.234,5 km"."""
    base, form, _ = parted(kind)
    if base == "number":
        return f"a number such as {_number(Form.of(form))}" if form else "a number"
    if base == "date":
        form = (form or "%Y-%m-%d").replace("%q", "4").replace("%s", "1795269900")
        return f"a date such as {datetime(2026, 11, 21, 14, 5).strftime(form)}"
    return SAMPLES[base] if base == "boolean" else f"a {base} such as {SAMPLES[base]}"


def remedy(kind: str, text: str) -> str:
    """The option with which a table with marks between thousands is read, of which the kind has none; or ""."""
    base, form, _ = parted(kind)
    own = Form.of(form or ".")
    if base == "number" and not own.thousands:
        for mark in GROUPS:
            fine = mark not in ("", own.decimal) and mark in text.replace("\u2019", "'")
            if fine and replace(own, thousands=mark).parse(arrow().array([text])).null_count == 0:
                return f"--thousands {'space' if mark == ' ' else quote(mark)}"
    return ""


def _number(form: Form) -> str:
    unit = f" {form.unit}" if form.unit and form.unit != "%" else form.unit
    return f"1{form.thousands}234{form.decimal}5{'k' * form.scaled}{unit}"


def as_kind(column: Any, kind: str) -> Any:
    """A column as float64 on the host (NaN is missing), or as Arrow text (null is missing) where the kind is a text.

    Booleans are 0 and 1, dates seconds since 1970, times and durations seconds. Raises: BadCell.
    """
    if arrow().types.is_dictionary(column.type):
        return _of_codes(column, kind)
    base, form, gaps = parted(kind)
    if is_text(column.type):
        pc = compute()
        column = _without(pc.cast(column, arrow().string()), gaps) if gaps else pc.cast(column, arrow().string())
    if base in TEXTS:
        return as_text(column)
    if is_text(column.type):
        values = as_truths(column) if base == "boolean" else _read(column, base, form, "*" in gaps)
    elif base == "boolean":
        values = as_truths(column)
    elif base == "date":
        values = as_moments(column, form)
    else:
        values = as_numbers(column)
    return values


def _of_codes(column: Any, kind: str) -> Any:
    """As `as_kind`, of which each different value is read once; a text stays coded."""
    pa, pc = arrow(), compute()
    column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    codes, different = column.indices, column.dictionary
    different = pc.cast(different, pa.string()) if is_text(different.type) else different  # polars has views
    try:
        values = as_kind(different, kind)
    except BadCell:  # perhaps of a value that no cell has
        return as_kind(different.take(codes), kind)
    if parted(kind)[0] not in TEXTS:
        return to_floats(pa.array(values, from_pandas=True).take(codes))
    if values.null_count:
        codes = pc.if_else(pc.is_valid(values).take(codes), codes, pa.scalar(None, codes.type))
    return pa.DictionaryArray.from_arrays(codes, values)


def as_column(values: Any, kind: str) -> Any:
    """What `as_kind` gave as an Arrow array, texts coded, of which it gives the same again."""
    pa, base = arrow(), parted(kind)[0]
    if base in TEXTS:
        return values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    if base != "date":
        return pa.array(values, from_pandas=True)
    micros = pa.array((values * 1e6).round(), from_pandas=True)
    return compute().cast(compute().cast(micros, pa.int64()), pa.timestamp("us"))


def as_text(column: Any) -> Any:
    """The column as text; blank cells are null."""
    pa, pc = arrow(), compute()
    if is_text(column.type):
        return _without(pc.cast(column, pa.string()), ("",))
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return pc.cast(column, pa.string())


def as_numbers(column: Any) -> Any:
    """A column of numbers, times or durations as float64. Raises: BadCell for infinity, and for what is no number."""
    pa, pc = arrow(), compute()
    if pa.types.is_time(column.type) or pa.types.is_duration(column.type):
        unit = UNITS[column.type.unit]
        whole = pa.int32() if pa.types.is_time32(column.type) else pa.int64()
        return to_floats(pc.cast(pc.cast(column, whole), pa.float64(), safe=False)) / unit
    if not pa.types.is_floating(column.type):
        try:
            column = pc.cast(column, pa.float64(), safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise BadCell(0, str(column[0].as_py())) from None
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
        column = _without(column, MISSING)
        lower = pc.utf8_lower(pc.utf8_trim_whitespace(column))
        true, false = (pc.is_in(lower, value_set=pa.array(words)) for words in ((*TRUE, "1"), (*FALSE, "0")))
        raise_first(column, pc.invert(pc.or_(true, false)))
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
    """A column of dates as float64 seconds since 1970-01-01, in UTC where it says so.

    Numbers are seconds only where the form is %s. Raises: BadCell.
    """
    pa, pc = arrow(), compute()
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        values = as_numbers(column)
        there = values == values
        if form != "%s" and there.any():
            row = int(there.argmax())
            raise BadCell(row, f"{values[row]:.15g}", int(there.sum()))
        return values
    column = pc.cast(column, pa.timestamp("us", getattr(column.type, "tz", None)), safe=False)
    return to_floats(pc.cast(pc.cast(column, pa.int64()), pa.float64(), safe=False)) / 1e6


def _read(column: Any, base: str, form: str, others: bool) -> Any:
    """Text as float64; others: what cannot be read is missing. Raises: BadCell."""
    pa, pc = arrow(), compute()
    if base == "number" and not form:
        plain = cast_all(column, pa.float64())
        if finite(plain):
            return as_numbers(plain)
    column = _without(column, MISSING)
    values = values_of(column, base, form)
    if not others:
        raise_first(column, pc.is_null(values))
    return as_numbers(values)


def values_of(column: Any, base: str, form: str) -> Any:
    """Arrow text as Arrow float64, null where a cell is not of this kind; each different text is read once."""
    if base == "number" and not form:
        return as_written(column)
    if base == "date" and not form:
        return read(column, base, form)
    column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    if not repeats(column):
        return Form.of(form).parse(column) if base == "number" else read(column, base, form)
    coded = column.dictionary_encode()
    return values_of(coded.dictionary, base, form).take(coded.indices)


def repeats(column: Any) -> bool:
    """True where many of the first cells are the same: each different one is then looked at once."""
    head = column[:1000]
    return 2 * len(head.unique()) < len(head)


def _without(column: Any, gaps: tuple[str, ...]) -> Any:
    """Text with null for what is in `gaps`, trimmed."""
    pa, pc = arrow(), compute()
    there = pc.is_in(pc.utf8_trim_whitespace(column), value_set=pa.array(gaps, pa.string()))
    return pc.if_else(there, pa.scalar(None, pa.string()), column) if pc.any(there).as_py() else column
