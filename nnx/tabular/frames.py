"""Tables of Python as sources: text in them is read as a person would, and the target is a column beside them."""

import os
from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from math import prod
from numbers import Number
from typing import Any

from ..backends import backend_of, is_array as is_array_of_any, is_host, numpy as host
from ..errors import DataError, OutOfMemoryError
from ..inputs import columns_of, numbers_on_host, on_host
from ..tables import Memory, open_table
from ..tables.kinds.cells import arrow, is_text, kind_of
from ..tables.sources.scanning import scanned
from ..tables.sources.source import Scan, from_python
from ..tables.sources.values import text

TARGET = "target"  # the name of a target that has none
GIB = 2**30
CELLS = (str, bool, Number, date, time, timedelta)  # values that texts may stand beside in a column


class Frame(Memory):
    """A table in memory in which a column of text may spell numbers, dates or gaps."""

    def scan(self, kinds: Mapping[str, str], faults: dict[str, str] | None = None) -> Scan:
        """The kinds that types say, and of text its cells."""
        pa = arrow()
        types = {f.name: f.type for f in self.table.schema if not is_text(f.type) or pa.types.is_dictionary(f.type)}
        return scanned(self, kinds, faults, types=types)[0]

    @property
    def numeric(self) -> list[str]:
        """The columns whose type is one of numbers."""
        return [f.name for f in self.table.schema if kind_of(f.name, f.type) == "number"]


def is_path(X: Any) -> bool:
    """True for the name of a file, or of several."""
    many = isinstance(X, (list, tuple)) and len(X) > 0
    return all(isinstance(x, (str, os.PathLike)) for x in (X if many else [X]))


def is_array(X: Any) -> bool:
    """True for a table whose columns have no names."""
    named = isinstance(X, Mapping) or hasattr(X, "__arrow_c_stream__") or hasattr(X, "columns") or is_path(X)
    return not named and not (isinstance(X, (list, tuple)) and len(X) > 0 and isinstance(X[0], Mapping))


def is_elsewhere(X: Any) -> bool:
    """True for an array of another library than NumPy."""
    return is_array_of_any(X) and not is_host(X)


def source_of(X: Any) -> Any:
    """The source of a table in any form: a file, a data frame, an array, a sparse matrix. Raises: DataError."""
    if is_path(X):
        return open_table(str(X) if isinstance(X, (str, os.PathLike)) else tuple(map(str, X)))
    X = _dense(X) if hasattr(X, "tocsr") else X
    pa = arrow()
    try:
        table = from_python(X).table
    except DataError:
        if not (columns := {name: _spelled(values) for name, values in _parts(X)}) or None in columns.values():
            raise
        table = pa.table(columns)
    for i, field in enumerate(table.schema):
        if str(field.type) in ("large_string", "string_view"):
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
    return Frame(table, first=0)


def _dense(X: Any) -> Any:
    """A sparse matrix with all its zeros. Raises: OutOfMemoryError."""
    size, free = prod(X.shape) * X.dtype.itemsize, host.free_memory(None)
    if size > free > 0:
        what = f"X {X.shape} is sparse, and takes {size / GIB:,.1f} GiB with its zeros; {free / GIB:,.1f} GiB are free"
        raise OutOfMemoryError(f"{what}: give fewer columns, such as sklearn.decomposition.TruncatedSVD makes")
    return X.toarray()


def _parts(X: Any) -> Iterator[tuple[str, Any]]:
    """The columns of what may hold values of several types in one."""
    if isinstance(X, Mapping):
        yield from ((str(name), values) for name, values in X.items())
    elif getattr(X, "ndim", 0) == 2 and str(getattr(X, "dtype", "")) == "object":
        yield from ((f"x{i}", values) for i, values in enumerate(X.T))
    elif isinstance(X, (list, tuple)) and X and all(isinstance(row, (list, tuple)) for row in X):
        if len({len(row) for row in X}) == 1:
            yield from ((f"x{i}", values) for i, values in enumerate(zip(*X, strict=True)))
    else:
        yield from columns_of(X)


def _spelled(values: Any) -> Any:
    """An Arrow column; of values of several types their texts, as of a workbook. None: some value is no cell."""
    pa = arrow()
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        cells = [None if v is None or type(v).__name__ == "NAType" else v for v in values]
        cells = [None if isinstance(v, Number) and v != v else v for v in cells]
        fine = all(v is None or isinstance(v, CELLS) for v in cells)
        return pa.array([text(v) for v in cells], pa.string()) if fine else None


def with_target(source: Any, y: Any, name: str) -> Frame:
    """The table with the target, (rows,) on the host, as a column. Raises: DataError."""
    if not isinstance(source, Frame):
        raise DataError("a file has its target in it: give y the name of its column")
    if len(y) != source.table.num_rows:
        raise DataError(
            f"Found input variables with inconsistent numbers of samples: {[source.table.num_rows, len(y)]}"
        )
    if len(y) == 1:
        raise DataError("X has 1 sample: a network is trained on two or more")
    if name in source.columns:
        raise DataError(f"X has a column {name!r}, which is the name of the target: leave it out, or rename it")
    column = arrow().array(y)
    if y.dtype.kind == "O":  # names of classes, none of which is a word for a gap
        column = column.dictionary_encode()
    return Frame(source.table.append_column(name, column), first=0)


def target_name(y: Any, columns: list[str]) -> str:
    """A name for the target that no column has."""
    name = str(getattr(y, "name", None) or TARGET)
    while name in columns:
        name += "_"
    return name


def weights_of(values: Any) -> Any:
    """The weight of each row, on the host; None where none are given. Raises: DataError."""
    if values is None:
        return None
    xp, w = host.namespace(), numbers_on_host("sample_weight", values)
    if w.ndim != 1:
        raise DataError(f"Sample weights must be 1D array or scalar: a number for each row, got shape {w.shape}")
    if not xp.isfinite(w).all() or (w < 0).any():
        worst = w[~(xp.isfinite(w) & (w >= 0))][0]
        raise DataError(f"sample_weight must be numbers from 0 on, got {worst}")
    if not w.any():
        raise DataError("sample_weight is zero in every row: nothing would be learned")
    return w.astype("float64")


def groups_of(values: Any) -> Any:
    """The group of each row, on the host; None where none are given. Raises: DataError."""
    if values is None:
        return None
    if is_array_of_any(values) and not is_host(values):
        values = backend_of(values).to_numpy(values)
    groups = on_host("groups", values)
    if groups.ndim != 1:
        raise DataError(f"groups must be a name or a number for each row, got shape {groups.shape}")
    return groups.astype(str) if groups.dtype.kind == "O" else groups
