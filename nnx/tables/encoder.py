"""TableEncoder: columns of numbers, text, booleans and dates become one matrix of numbers."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import inf
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, ModelFileError, require, shown
from ..names import Spelled
from ..random import one_seed
from ..settings import integer, one_of
from .cells import arrow, parted
from .choose import Ways, choose, counter, with_levels
from .columns import CELLS, COLUMNS, Column, Hashed, Levels, Number
from .plain import settings, value, within
from .source import Memory, Source, cells, from_python, need_columns
from .statistics import Numbers
from .transformer import Transformer
from .words import TERMS, Words

SCALES = ("robust", "standard")
WIDEST = 2**24  # columns that an encoder in a file may make
LONGEST = 4000  # characters of the kind of cells in a file
LATER = {"max_words": 2048, "levels": False}  # settings that older files lack, and what was done without them


class TableEncoder(Spelled, Transformer):
    """Columns of numbers, text, booleans and dates as one float matrix; a transformer as scikit-learn has them.

    Numbers are scaled (scale="robust": median, quartiles and a smooth clip; "standard": mean and deviation), a missing
    one is the median, and a further column says that it was missing. With levels, whole numbers of few values are
    categories too. Text has a column for each value; values seen in fewer than min_count rows share one, which values
    never seen join. Text of more than max_categories values is hashed into `buckets` columns. Booleans, and columns
    that have one value or nothing, are 1 and -1. Dates are a number, and sine and cosine of their place in year, week
    and day; so are times of day. Left out, with a warning: constant, empty and id-like columns.

    kinds: {"zip": "text"} says what a column holds: number, text, boolean, date, or drop. Without it the type of the
        column says so: text is text, also where it spells numbers or dates ({"day": "date"} reads them).
    Shapes: fit and transform take (rows, columns): arrays, pandas, polars, pyarrow, a dictionary of columns.
    transform gives float32 (rows, width) on the host, or what dtype says.
    Raises: DataError for cells that are not of their column's kind, and for columns that are not there.

    After fit: columns_ (how each column is encoded), dropped_ (why others were left out), feature_names_in_.
    """

    def __init__(
        self,
        *,
        scale: str = "robust",
        max_categories: int = 30,
        min_count: int = 3,
        buckets: int = 128,
        max_words: int = 2048,
        levels: bool = True,
        kinds: Mapping[str, str] | None = None,
        dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        self.scale, self.max_categories, self.min_count = scale, max_categories, min_count
        self.buckets, self.max_words, self.levels = buckets, max_words, levels
        self.kinds, self.dtype, self.seed = kinds, dtype, seed

    def fit(self, X: Any, y: Any = None) -> "TableEncoder":
        """Learn how to encode the columns of X."""
        self.check()
        source = self.source(X)
        kinds = source.scan(self.kinds or {}).kinds
        self.learn(source, {name: kinds[name] for name in source.columns})
        self.named_ = not _is_array(X)
        for note in self.dropped_.values():
            warnings.warn(f"TableEncoder: {note}; it is left out", UserWarning, stacklevel=2)
        return self

    def transform(self, X: Any) -> Any:
        """The matrix (rows, width) of the table X. Columns may come in another order, and others may be there."""
        self.check_fitted()
        return self.framed(self.encode(self.source(X)), getattr(X, "index", None))

    def learn(self, source: Source, kinds: Mapping[str, str], rows: Any = None) -> None:
        """Fit to a source; rows: of each row whether to learn from it."""
        self.check()
        chosen = {name: kind for name, kind in kinds.items() if kind != "drop"}
        seen = {name: counter(i, kind) for i, (name, kind) in enumerate(chosen.items())}
        first = 0
        for batch in source.batches(list(chosen)):
            keep = None if rows is None else rows[first : first + batch.num_rows]
            for name, kind in chosen.items():
                column, counts = cells(source, batch, name, kind, first), seen[name]
                if isinstance(counts, Numbers):
                    counts.follow(column)
                counts.see(taken(column, keep))
            first += batch.num_rows
        if first == 0:
            raise DataError(f"{source.place}: no rows")
        ways = Ways(
            self.scale, self.max_categories, self.min_count, self.buckets, self.max_words, self.levels, self.seed
        )
        columns: list[Column] = []
        dropped: dict[str, str] = {}
        for name, kind in chosen.items():
            column, note = choose(name, parted(kind)[0], seen[name], ways, name in (self.kinds or {}))
            if column is None:
                dropped[name] = note
            else:
                columns.append(column)
        if not columns:
            reasons = "; ".join(dropped.values()) or "there is none"
            raise DataError(f"{source.place}: n_samples={first}: no column to learn from: {reasons}")
        self.columns_, self.dropped_ = with_levels(columns, seen, ways), dropped
        self.kinds_ = {c.name: chosen[c.name] for c in columns}
        self.feature_names_in_ = host.put(list(kinds), "object", None)
        self.n_features_in_ = len(kinds)
        self.named_ = True

    def encode(self, source: Source) -> Any:
        """The matrix (rows, width) of a source."""
        parts = [x for _, x in self.blocks(source)]
        xp = host.namespace()
        return xp.concat(parts, axis=0) if parts else xp.zeros((0, self.width), dtype=self.dtype)

    def blocks(self, source: Source, others: Sequence[str] = (), *, compact: bool = False) -> Iterator[tuple[Any, Any]]:
        """Batches of a source, each with its encoded matrix; `others`: columns that the batches are to have as well."""
        names = [c.name for c in self.columns_]
        need_columns(source, names)
        first = 0
        for batch in source.batches([*names, *(name for name in others if name not in names)]):
            x = self.compact(source, batch, first)
            yield batch, x if compact else self.spread(x)
            first += batch.num_rows

    def compact(self, source: Source, batch: Any, first: int) -> Any:
        """The compact form of one batch, for a cache, whose first row has this number: (rows, compact_width)."""
        x = host.namespace().empty((batch.num_rows, self.compact_width), dtype=self.dtype)
        at = 0
        for column in self.columns_:
            for values in column.compact(cells(source, batch, column.name, self.kinds_[column.name], first)):
                x[:, at] = values
                at += 1
        return x

    def spread(self, compact: Any) -> Any:
        """The matrix (rows, width) of what `compact` gave."""
        x = host.namespace().zeros((len(compact), self.width), dtype=self.dtype)
        at = start = 0
        for column in self.columns_:
            stop, end = start + column.compact_width, at + column.width
            column.spread(compact[:, start:stop], x[:, at:end])
            start, at = stop, end
        return x

    @property
    def compact_width(self) -> int:
        """The number of values that a cache keeps of a row."""
        return sum(c.compact_width for c in self.columns_)

    @property
    def width(self) -> int:
        """The number of columns that transform gives."""
        return sum(c.width for c in self.columns_)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """The names of the columns that transform gives."""
        self.check_fitted()
        return host.put([name for c in self.columns_ for name in c.names], "object", None)

    def groups(self) -> dict[str, list[int]]:
        """For each column of the table the numbers of the columns it became."""
        groups, at = {}, 0
        for c in self.columns_:
            groups[c.name] = list(range(at, at + c.width))
            at += c.width
        return groups

    def to_data(self) -> dict[str, Any]:
        """The fitted encoder as plain data: what a model file holds of it."""
        self.check_fitted()
        columns = [{"kind": c.kind, "cells": self.kinds_[c.name], **asdict(c)} for c in self.columns_]
        settings = {k: dict(v) if isinstance(v, Mapping) else v for k, v in self.get_params().items()}
        return {"settings": settings, "columns": columns, "names": list(self.feature_names_in_), "named": self.named_}

    @classmethod
    def from_data(cls, data: Any) -> "TableEncoder":
        """The encoder that `to_data` wrote. Raises: ModelFileError."""
        try:
            return _encoder(data)
        except (KeyError, TypeError, ValueError) as error:
            text = str(error.args[0] if error.args else error)
            raise ModelFileError(f"the table encoder in it cannot be read: {text[:100]}") from None

    def source(self, X: Any) -> Memory:
        """X as a source; the columns of an array take the names that fit saw."""
        source = from_python(X)
        if _is_array(X) and hasattr(self, "columns_"):
            if len(source.columns) != self.n_features_in_:
                raise DataError(
                    f"X has {len(source.columns)} features, but TableEncoder is expecting {self.n_features_in_} "
                    "features as input"
                )
            source.table = source.table.rename_columns([str(name) for name in self.feature_names_in_])
        return source

    def check(self) -> None:
        """Raise SettingError for a setting that is out of its range."""
        one_of("TableEncoder: scale", self.scale, SCALES)
        one_of("TableEncoder: dtype", self.dtype, ("float32", "float64"))
        for name in ("max_categories", "min_count", "buckets", "max_words"):
            integer(f"TableEncoder: {name}", getattr(self, name))
        one_seed("TableEncoder", self.seed)
        fine = self.kinds is None or isinstance(self.kinds, Mapping)
        require(fine, f"TableEncoder: kinds must be a dict such as {{'zip': 'text'}}, got {shown(self.kinds)}")


def taken(column: Any, keep: Any) -> Any:
    """The cells of a column for which `keep` holds; all where it is None."""
    if keep is None:
        return column
    return column.filter(arrow().array(keep)) if hasattr(column, "filter") else column[keep]


def _is_array(X: Any) -> bool:
    return not isinstance(X, Mapping) and not hasattr(X, "__arrow_c_stream__") and not hasattr(X, "columns")


def _encoder(data: Any) -> TableEncoder:
    """The encoder that `to_data` wrote. Raises: KeyError, TypeError, ValueError."""
    if type(data) is not dict or data.keys() != {"settings", "columns", "names", "named"}:
        raise KeyError("it has not settings, columns, names and named")
    encoder = TableEncoder(**_settings(data["settings"]))
    encoder.check()
    names = value("names", data["names"], tuple[str, ...])
    if type(data["columns"]) is not list:
        raise TypeError("columns is no list")
    encoder.columns_, encoder.kinds_ = [], {}
    for one in data["columns"]:
        column, cell_kind = _column(one)
        if column.name not in names or column.name in encoder.kinds_:
            raise ValueError(f"the column {column.name[:40]!r} is not one of its names, or there twice")
        encoder.columns_.append(column)
        encoder.kinds_[column.name] = cell_kind
    within("the number of columns that it makes", encoder.width, 1, WIDEST)
    encoder.feature_names_in_ = host.put(list(names), "object", None)
    encoder.n_features_in_, encoder.dropped_ = len(names), {}
    encoder.named_ = value("named", data["named"], bool)
    return encoder


def _settings(data: Any) -> dict[str, Any]:
    """The parameters of an encoder."""
    types = {"scale": str, "max_categories": int, "min_count": int, "buckets": int, "max_words": int}
    types |= {"levels": bool, "dtype": str, "seed": int}
    data = LATER | data if type(data) is dict else data
    if type(data) is not dict or data.keys() != {*types, "kinds"}:
        raise KeyError(f"its settings are not {', '.join(types)} and kinds")
    read = {name: value(name, data[name], kind) for name, kind in types.items()}
    if read["scale"] not in SCALES:
        raise ValueError(f"scale {read['scale'][:20]!r} is not known")
    kinds = data["kinds"]
    if kinds is not None:
        kinds = {name: value("kinds", kind, str) for name, kind in value("kinds", kinds, dict).items()}
    return read | {"kinds": kinds}


def _column(data: Any) -> tuple[Column, str]:
    """A column, and the kind of its cells."""
    if type(data) is not dict:
        raise TypeError("a column is no object")
    data = dict(data)
    name, cell_kind = (value(f"{key} of a column", data.pop(key, None), str) for key in ("kind", "cells"))
    kind = COLUMNS.get(name)
    if kind is None or parted(cell_kind)[0] not in CELLS[name] or len(cell_kind) > LONGEST:
        raise KeyError(f"a column of {name[:40]!r} from {cell_kind[:40]!r}")
    if kind is not Number and "number" in data:
        data["number"] = _number(data["number"])
        if data["number"].name != data.get("name"):
            raise ValueError(f"the number of the column {data['number'].name[:40]!r} is another's")
    column: Column = _number(data) if kind is Number else kind(**settings(kind, data))
    if isinstance(column, Hashed):
        within(f"column {column.name[:40]!r}: buckets", column.buckets, 1, WIDEST)
    if isinstance(column, Words):
        within(f"column {column.name[:40]!r}: most", column.most, 1, TERMS)
        within(f"column {column.name[:40]!r}: rarity", len(column.rarity), len(column.terms), len(column.terms))
    if isinstance(column, Levels):
        within(f"column {column.name[:40]!r}: the number of values", len(column.values), 1, WIDEST)
    return column, cell_kind


def _number(data: Any) -> Number:
    number = Number(**settings(Number, data))
    within(f"column {number.name[:40]!r}: scale", number.scale, 5e-324, inf)
    return number
