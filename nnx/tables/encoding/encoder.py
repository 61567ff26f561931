"""TableEncoder: columns of numbers, text, booleans and dates become one matrix of numbers."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from ...backends import numpy as host
from ...errors import DataError, ModelFileError, require, shown
from ...names import Spelled
from ...random import one_seed
from ...settings import NOT_NEGATIVE, flag, integer, one_of
from ..ahead import ahead
from ..kinds.cells import TEXTS, arrow, compute, parted
from ..sources.source import Memory, Source, cells, from_python, need_columns
from .choose import Ways, choose, counter, spellings, with_levels, with_pieces
from .columns import Coded, Column
from .numbers import Levels, Number, Pieces
from .plain import value, within
from .statistics import Numbers, drawn
from .stored import SCALES, WIDEST, column_of, settings_of
from .transformer import Transformer

ROOM = 1 << 25  # bytes of a block of encoded rows, about


class TableEncoder(Spelled, Transformer):
    """Columns of numbers, text, booleans and dates as one float matrix; a transformer as scikit-learn has them.

    Numbers are scaled (scale="robust": median, quartiles and a smooth clip; "standard": mean and deviation), a missing
    one is the median, and a further column says that it was missing. With levels, whole numbers of few values are
    categories too; with bins, other numbers are also encoded piecewise linearly between `bins` + 1 quantiles. Text has
    a column for each value; values seen in fewer than min_count rows share one, which values never seen join; fold_case
    makes "Low" and "low" one. Text of more than max_categories values is hashed into `buckets` columns, and with
    embed, text of more than so many values is one column of codes for nnx.Embedding (`codes` has them); free text
    becomes its max_words commonest words and pairs of words. Booleans, and columns of one value or nothing, are 1 and
    -1. Dates are a number, and sine and cosine of their place in year, week and day; so are times of day. Left out,
    with a warning: constant and empty columns, ids and numbers of the rows.

    kinds: {"zip": "text"} says what a column holds: number, text, boolean, date, or drop. Without it the type of the
        column says so: text is text, also where it spells numbers or dates ({"day": "date"} reads them).
    Shapes: fit and transform take (rows, columns): arrays, pandas, polars, pyarrow, a dictionary of columns.
    transform gives float32 (rows, width) on the host, or what dtype says.
    Raises: DataError for cells that are not of their column's kind, and for columns that are not there.

    After fit: columns_ (how each column is encoded), dropped_ (why others were left out), notes_ (what else may want a
    look), feature_names_in_.
    """

    def __init__(
        self,
        *,
        scale: str = "robust",
        max_categories: int = 30,
        min_count: int = 3,
        buckets: int = 128,
        max_words: int = 4096,
        levels: bool = True,
        bins: int = 0,
        embed: int = 0,
        fold_case: bool = False,
        kinds: Mapping[str, str] | None = None,
        dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        self.scale, self.max_categories, self.min_count = scale, max_categories, min_count
        self.buckets, self.max_words, self.levels, self.bins = buckets, max_words, levels, bins
        self.embed = embed
        self.fold_case, self.kinds, self.dtype, self.seed = fold_case, kinds, dtype, seed

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
        seen = {name: counter(kind) for name, kind in chosen.items()}
        first = learned = 0
        for batch in source.batches(list(chosen), chosen):
            keep = None if rows is None else rows[first : first + batch.num_rows]
            n = batch.num_rows if keep is None else int(keep.sum())
            ranks = drawn(n, learned)
            for name, kind in chosen.items():
                column, counts = self._cells(source, batch, name, kind, first), seen[name]
                if isinstance(counts, Numbers):
                    counts.follow(column)
                    counts.see(taken(column, keep), ranks)
                else:
                    counts.see(taken(column, keep))
            first, learned = first + batch.num_rows, learned + n
        if first == 0:
            raise DataError(f"{source.place}: no rows")
        ways = Ways(**{f.name: getattr(self, f.name) for f in fields(Ways)})
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
        columns = with_pieces(with_levels(columns, seen, ways), seen, self.bins)
        self.columns_, self.dropped_ = columns, dropped
        self.notes_ = [note for c in columns if (note := spellings(c, seen[c.name]))]
        self.kinds_ = {c.name: chosen[c.name] for c in columns}
        self.feature_names_in_ = host.put(list(kinds), "object", None)
        self.n_features_in_ = len(kinds)
        self.named_ = True

    def _cells(self, source: Source, batch: Any, name: str, kind: str, first: int) -> Any:
        """One column of a batch as its kind's cells."""
        folded = self.fold_case and parted(kind)[0] in TEXTS
        column = cells(source, batch, name, kind, first, coded=not folded)
        return compute().utf8_lower(column) if folded else column

    def encode(self, source: Source) -> Any:
        """The matrix (rows, width) of a source."""
        parts = [x for _, x in self.blocks(source)]
        xp = host.namespace()
        return xp.concat(parts, axis=0) if parts else xp.zeros((0, self.width), dtype=self.dtype)

    def blocks(self, source: Source, others: Sequence[str] = (), *, compact: bool = False) -> Iterator[tuple[Any, Any]]:
        """Batches of a source, each with its encoded matrix; `others`: columns that the batches are to have as well."""
        names = [c.name for c in self.columns_]
        need_columns(source, names)
        kinds = {name: kind for name, kind in self.kinds_.items() if name not in others}

        def parts() -> Iterator[tuple[Any, int]]:
            first = 0
            for batch in source.batches([*names, *(name for name in others if name not in names)], kinds):
                size = max(batch.num_rows if compact else ROOM // (4 * self.width), 1)
                for start in range(0, batch.num_rows, size):
                    yield batch.slice(start, size), first + start
                first += batch.num_rows

        def encoded(part: tuple[Any, int]) -> tuple[Any, Any]:
            x = self.compact(source, *part)
            return part[0], x if compact else self.spread(x)

        yield from ahead(encoded, parts())

    def compact(self, source: Source, batch: Any, first: int) -> Any:
        """The compact form of one batch, for a cache, whose first row has this number: (rows, compact_width)."""
        x = host.namespace().empty((self.compact_width, batch.num_rows), dtype=self.dtype)
        at = 0
        for column in self.columns_:
            name = column.name
            for values in column.compact(self._cells(source, batch, name, self.kinds_[name], first)):
                x[at] = values
                at += 1
        return x.T

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

    def numbers(self) -> list[int]:
        """The numbers of the columns that are a number of the table, scaled."""
        found, at = list[int](), 0
        for c in self.columns_:
            if isinstance(c, (Number, Levels, Pieces)):
                found.append(at)
            at += c.width
        return found

    def pieces(self) -> list[int]:
        """The numbers of the columns that are pieces of a number."""
        found, at = list[int](), 0
        for c in self.columns_:
            if isinstance(c, Pieces):
                found += range(at + c.compact_width, at + c.width)
            at += c.width
        return found

    def groups(self) -> dict[str, list[int]]:
        """For each column of the table the numbers of the columns it became."""
        groups, at = {}, 0
        for c in self.columns_:
            groups[c.name] = list(range(at, at + c.width))
            at += c.width
        return groups

    def codes(self) -> dict[int, int]:
        """The columns that hold codes for `nnx.Embedding`, by their numbers, and the number of codes, 0 included."""
        at = self.groups()
        return {at[c.name][0]: len(c.values) + 1 for c in self.columns_ if isinstance(c, Coded)}

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
        for name in ("bins", "embed"):
            integer(f"TableEncoder: {name}", getattr(self, name), NOT_NEGATIVE)
        for name in ("levels", "fold_case"):
            flag(f"TableEncoder: {name}", getattr(self, name))
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
    encoder = TableEncoder(**settings_of(data["settings"]))
    encoder.check()
    names = value("names", data["names"], tuple[str, ...])
    if type(data["columns"]) is not list:
        raise TypeError("columns is no list")
    encoder.columns_, encoder.kinds_ = [], {}
    for one in data["columns"]:
        column, cell_kind = column_of(one)
        if column.name not in names or column.name in encoder.kinds_:
            raise ValueError(f"the column {column.name[:40]!r} is not one of its names, or there twice")
        encoder.columns_.append(column)
        encoder.kinds_[column.name] = cell_kind
    within("the number of columns that it makes", encoder.width, 1, WIDEST)
    encoder.feature_names_in_ = host.put(list(names), "object", None)
    encoder.n_features_in_, encoder.dropped_, encoder.notes_ = len(names), {}, []
    encoder.named_ = value("named", data["named"], bool)
    return encoder
