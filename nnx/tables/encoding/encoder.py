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

    It is what `nnx train` and the tabular estimators put before their networks; in a Pipeline it stands before any
    estimator. What each column becomes is learned from the rows of ``fit``:

    - Numbers are scaled. A missing one is the median, and a further column says that it was missing.
    - Whole numbers of few values are categories too, with `levels`; other numbers are also in pieces, with `bins`.
    - Text has a column of 0 and 1 for each value. Of more values it is hashed, or with `embed` becomes one column of
      codes; free text becomes its commonest words and pairs of words.
    - Booleans are 1 and -1, and so are columns of one value or nothing.
    - Dates are a number, and sine and cosine of their place in year, week and day; so are times of day.
    - Left out, with a warning: constant and empty columns, ids, and numbers of the rows.

    Parameters
    ----------
    scale : {"robust", "standard"}, default "robust"
        How numbers are scaled. "robust" takes off the median, divides by the distance of the quartiles, and clips
        smoothly to (-3, 3): it does not mind outliers. "standard" takes off the mean and divides by the deviation.
    max_categories : int, default 30
        Values of a column of text that have a column each, at most. Text of more is hashed, or with `embed` coded.
    min_count : int, default 3
        Rows that a value or word must be in to have a column of its own. Values seen in fewer share one, which values
        never seen before join.
    buckets : int, default 128
        Columns that text of more than `max_categories` values is hashed into; each value has a 1 in two of them.
    max_words : int, default 4096
        Words and pairs of words of free text that have a column, at most: the commonest.
    levels : bool, default True
        Make whole numbers of 3 to `max_categories` values categories too, where there are 10 rows for each column that
        this adds to the table.
    bins : int, default 0
        Encode numbers piecewise linearly too, between up to so many + 1 quantiles, fewer where there are not 10 rows
        for each piece. 0 does not; `nnx train` has 16.
    embed : int, default 0
        Text of more than so many values becomes one column of codes for `nnx.Embedding`; `codes` has them. 0 does not.
    fold_case : bool, default False
        Make "Low" and "low" one value.
    kinds : dict of str to str or None, default None
        What columns hold, where it is to be said: {"zip": "text"}. The kinds are "number", "text", "category", "words",
        "boolean", "date", "time", "duration" and "drop". None lets the type of the column say so: text is text, also
        where it spells numbers or dates ({"day": "date"} reads them). What is named here is not taken for an id.
    dtype : {"float32", "float64"}, default "float32"
        The type of the matrix.
    seed : int, default 0
        Decides which buckets text is hashed into.

    Attributes
    ----------
    columns_ : list of object
        How each column is encoded, in the order of the table.
    dropped_ : dict of str to str
        Why other columns were left out, by their names.
    notes_ : list of str
        What else may want a look, such as values that differ in capitals alone.
    feature_names_in_ : array of str
        The columns of the table that ``fit`` saw.
    n_features_in_ : int
        How many these are.

    See Also
    --------
    TabularClassifier : Encoder and networks in one.
    bin_edges : Edges of bins for layers that place numbers between them.

    Notes
    -----
    Shapes: ``fit`` and `transform` take (rows, columns): arrays, pandas, polars, pyarrow, a dictionary of columns.
    `transform` gives float32 (rows, width) on the host, or what `dtype` says.

    Source: the robust scale and smooth clip are those of RealMLP (Holzmueller, Grinsztajn & Steinwart 2024, section 3);
    the pieces those of Gorishniy, Rubachev & Babenko 2022, "On embeddings for numerical features", eq. 1; hashing twice
    is as in Serra & Karatzoglou 2017; words have the weights of Salton & Buckley 1988.

    Examples
    --------
    >>> table = {"size": [30.0, 45.0, None, 80.5], "town": ["Rome", "Oslo", "Rome", "Oslo"]}
    >>> encoder = nnx.TableEncoder(min_count=2)
    >>> encoder.fit_transform(table).round(1)
    array([[-0.6,  0. ,  0. ,  1. ],
           [ 0. ,  0. ,  1. ,  0. ],
           [ 0. ,  1. ,  0. ,  1. ],
           [ 1.3,  0. ,  1. ,  0. ]], dtype=float32)
    >>> encoder.get_feature_names_out().tolist()
    ['size', 'size (missing)', 'town=Oslo', 'town=Rome']
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
        """Learn how to encode the columns of X.

        Parameters
        ----------
        X : table of shape (rows, columns)
            Arrays, pandas, polars, pyarrow, a dictionary of columns, or a list of rows.
        y : object, optional
            Not used; it is there for pipelines.

        Returns
        -------
        TableEncoder
            The encoder itself.

        Raises
        ------
        DataError
            If cells are not of their column's kind, or no column is left to learn from.
        SettingError
            If a parameter is out of its range.
        """
        self.check()
        source = self.source(X)
        kinds = source.scan(self.kinds or {}).kinds
        self.learn(source, {name: kinds[name] for name in source.columns})
        self.named_ = not _is_array(X)
        for note in self.dropped_.values():
            warnings.warn(f"TableEncoder: {note}; it is left out", UserWarning, stacklevel=2)
        return self

    def transform(self, X: Any) -> Any:
        """Encode the table X.

        Parameters
        ----------
        X : table of shape (rows, columns)
            The rows. Columns may come in another order, and others may be there.

        Returns
        -------
        array of shape (rows, width), or data frame
            The matrix on the host, of the type `dtype`, or what `set_output` asked for.

        Raises
        ------
        DataError
            If cells are not of their column's kind, or a column is not there.
        """
        self.check_fitted()
        return self.framed(self.encode(self.source(X)), getattr(X, "index", None))

    def learn(self, source: Source, kinds: Mapping[str, str], rows: Any = None, ordered: Sequence[str] = ()) -> None:
        """Learn how to encode the columns of a source, such as a file read in blocks.

        Parameters
        ----------
        source : Source
            The rows, as Arrow record batches.
        kinds : dict of str to str
            What each column holds.
        rows : array of bool of shape (rows,), optional
            Of each row whether to learn from it. None is all.
        ordered : sequence of str, default ()
            Columns of numbers that are kept, also ids, and are not made categories too.

        Raises
        ------
        DataError
            If there are no rows, cells are not of their column's kind, or no column is left to learn from.
        """
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
            column, note = choose(
                name, parted(kind)[0], seen[name], ways, name in ordered or name in (self.kinds or {})
            )
            if column is None:
                dropped[name] = note
            else:
                columns.append(column)
        if not columns:
            reasons = "; ".join(dropped.values()) or "there is none"
            raise DataError(f"{source.place}: n_samples={first}: no column to learn from: {reasons}")
        columns = with_pieces(with_levels(columns, seen, ways, ordered), seen, self.bins)
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
        """Encode all rows of a source.

        Parameters
        ----------
        source : Source
            The rows, as Arrow record batches.

        Returns
        -------
        array of shape (rows, width)
            The matrix on the host.
        """
        parts = [x for _, x in self.blocks(source)]
        xp = host.namespace()
        return xp.concat(parts, axis=0) if parts else xp.zeros((0, self.width), dtype=self.dtype)

    def blocks(self, source: Source, others: Sequence[str] = (), *, compact: bool = False) -> Iterator[tuple[Any, Any]]:
        """Encode the batches of a source one after another, for a table that does not fit in memory.

        Parameters
        ----------
        source : Source
            The rows, as Arrow record batches.
        others : sequence of str, default ()
            Columns that the batches are to have as well.
        compact : bool, default False
            Give the compact form of each batch, for a cache.

        Yields
        ------
        batch : RecordBatch
            Rows of the source.
        x : array of shape (rows, width) or (rows, compact_width)
            The same rows, encoded.
        """
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
        """Give the compact form of one batch, for a cache on disk.

        Parameters
        ----------
        source : Source
            The source of the batch, for messages.
        batch : RecordBatch
            The rows.
        first : int
            The number of the first of them.

        Returns
        -------
        array of shape (rows, compact_width)
            Few numbers for each cell, of which `spread` makes the matrix.
        """
        x = host.namespace().empty((self.compact_width, batch.num_rows), dtype=self.dtype)
        at = 0
        for column in self.columns_:
            name = column.name
            for values in column.compact(self._cells(source, batch, name, self.kinds_[name], first)):
                x[at] = values
                at += 1
        return x.T

    def spread(self, compact: Any) -> Any:
        """Make the matrix of what `compact` gave.

        Parameters
        ----------
        compact : array of shape (rows, compact_width)
            Rows in the compact form.

        Returns
        -------
        array of shape (rows, width)
            The matrix on the host.
        """
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
        """Give the names of the columns that `transform` gives.

        Parameters
        ----------
        input_features : object, optional
            Not used; it is there for pipelines.

        Returns
        -------
        array of str of shape (width,)
            The names: "town=Oslo", "size (missing)".
        """
        self.check_fitted()
        return host.put([name for c in self.columns_ for name in c.names], "object", None)

    def numbers(self) -> list[int]:
        """Give the numbers of the columns that are a number of the table, scaled.

        Returns
        -------
        list of int
            Places among the columns that `transform` gives.
        """
        found, at = list[int](), 0
        for c in self.columns_:
            if isinstance(c, (Number, Levels, Pieces)):
                found.append(at)
            at += c.width
        return found

    def pieces(self) -> list[int]:
        """Give the numbers of the columns that are pieces of a number.

        Returns
        -------
        list of int
            Places among the columns that `transform` gives.
        """
        found, at = list[int](), 0
        for c in self.columns_:
            if isinstance(c, Pieces):
                found += range(at + c.compact_width, at + c.width)
            at += c.width
        return found

    def groups(self) -> dict[str, list[int]]:
        """Give for each column of the table the numbers of the columns that it became.

        Returns
        -------
        dict of str to list of int
            Places among the columns that `transform` gives, by the names of the table's columns.
        """
        groups, at = {}, 0
        for c in self.columns_:
            groups[c.name] = list(range(at, at + c.width))
            at += c.width
        return groups

    def codes(self) -> dict[int, int]:
        """Give the columns that hold codes for `nnx.Embedding`, and how many codes these have.

        Returns
        -------
        dict of int to int
            The number of codes, 0 included, by the place of the column among those that `transform` gives.
        """
        at = self.groups()
        return {at[c.name][0]: len(c.values) + 1 for c in self.columns_ if isinstance(c, Coded)}

    def to_data(self) -> dict[str, Any]:
        """Give the fitted encoder as plain data: what a model file holds of it.

        Returns
        -------
        dict of str to object
            Settings, columns and names, which `from_data` takes.
        """
        self.check_fitted()
        columns = [{"kind": c.kind, "cells": self.kinds_[c.name], **asdict(c)} for c in self.columns_]
        settings = {k: dict(v) if isinstance(v, Mapping) else v for k, v in self.get_params().items()}
        return {"settings": settings, "columns": columns, "names": list(self.feature_names_in_), "named": self.named_}

    @classmethod
    def from_data(cls, data: Any) -> "TableEncoder":
        """Make the encoder that `to_data` wrote.

        Parameters
        ----------
        data : dict of str to object
            What `to_data` gave.

        Returns
        -------
        TableEncoder
            The fitted encoder.

        Raises
        ------
        ModelFileError
            If it is nothing that `to_data` writes.
        """
        try:
            return _encoder(data)
        except (KeyError, TypeError, ValueError) as error:
            text = str(error.args[0] if error.args else error)
            raise ModelFileError(f"the table encoder in it cannot be read: {text[:100]}") from None

    def source(self, X: Any) -> Memory:
        """Make a source of X; the columns of an array take the names that ``fit`` saw.

        Parameters
        ----------
        X : table of shape (rows, columns)
            Arrays, pandas, polars, pyarrow, a dictionary of columns, or a list of rows.

        Returns
        -------
        Memory
            The table as Arrow record batches.

        Raises
        ------
        DataError
            If X is no table, or an array with another number of columns than that of ``fit``.
        """
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
        """Raise SettingError for a parameter that is out of its range.

        Raises
        ------
        SettingError
            If one is.
        """
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
