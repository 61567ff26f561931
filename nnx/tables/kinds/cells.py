"""Cells of columns: words for gaps, yes and no, the names of kinds, and what Arrow has for them."""

from shlex import quote
from typing import Any

from ...backends import numpy as host
from ...errors import DataError

PANDAS = (  # what pandas.read_csv takes for a gap
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
CATBOOST = ("NAN", "Na", "na", "Null", "none", "-")  # and CatBoost beside them
MISSING = (*PANDAS, *CATBOOST, "?")
GAPS = (  # words that in a column of numbers or dates are no value either
    "unknown", "missing", "n/k", "n.k.", "nk", "nil", "none", "not available", "not known", "not applicable", "n.a.",
    "no data", "nodata", "no answer", "refused", "don't know", "dont know", "prefer not to say",
    "tbd", "tba", "undefined", "void", "blank", "empty", "unbekannt", "keine angabe", "k.a.",
    "inconnu", "*", "**", ".", "..", "...", "--", "---", "\u2013", "\u2014", "??", "???", "#div/0!", "#ref!", "#value!",
    "#name?", "#num!", "#null!", "#error!",
)  # fmt: skip
TRUE = ("true", "yes", "t", "y", "on", "ja", "oui", "si", "s\u00ed", "wahr", "vrai")
FALSE = ("false", "no", "f", "n", "off", "nein", "non", "falsch", "faux")
KINDS = ("number", "text", "category", "words", "boolean", "date", "time", "duration", "drop")
TEXTS = ("text", "category", "words")  # kinds whose cells are texts
HEAD = 64  # cells that are tried first
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


def missing_option(*texts: str) -> str:
    """The option of the commands that takes these texts as missing; "" where it cannot: it parts them at commas."""
    words = ",".join(text.strip() for text in texts)
    fine = not any("," in text or "\n" in text for text in texts) and len(words) <= 40
    return f"--missing {quote(words)}" if fine else ""


def kind_of(name: str, kind: Any) -> str:
    """The kind of a column of this Arrow type. Raises DataError for lists, structures and the like.

    What is kept in a dictionary has been declared to be categories, numbers too.
    """
    types = arrow().types
    if types.is_dictionary(kind) and kind_of(name, kind.value_type):
        return "category"
    if types.is_boolean(kind):
        return "boolean"
    if types.is_time(kind):
        return "time"
    if types.is_duration(kind):
        return "duration"
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


def cast_all(column: Any, kind: Any) -> Any:
    """Text as an Arrow type; None if some cell is none such. The first cells are tried first: a failure is slow."""
    pa, pc = arrow(), compute()
    try:
        pc.cast(column[:HEAD], kind)
        return pc.cast(column, kind)
    except pa.ArrowInvalid:
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
