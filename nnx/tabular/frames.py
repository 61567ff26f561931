"""Tables of Python as sources: text in them is read as a person would, and the target is a column beside them."""

import os
from collections.abc import Mapping
from typing import Any

from ..backends import backend_of, is_array as is_array_of_any, is_host, numpy as host
from ..errors import DataError
from ..tables import Memory, open_table
from ..tables.kinds.cells import arrow, is_text, kind_of
from ..tables.sources.scanning import scanned
from ..tables.sources.source import Scan, from_python

TARGET = "target"  # the name of a target that has none


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
    named = isinstance(X, Mapping) or hasattr(X, "__arrow_c_stream__") or hasattr(X, "columns")
    return not named and not is_path(X)


def is_elsewhere(X: Any) -> bool:
    """True for an array of another library than NumPy."""
    return is_array_of_any(X) and not is_host(X)


def source_of(X: Any) -> Any:
    """The source of a table in any form: a file, a data frame, an array, a sparse matrix. Raises: DataError."""
    if is_path(X):
        return open_table(str(X) if isinstance(X, (str, os.PathLike)) else tuple(map(str, X)))
    pa, table = arrow(), from_python(X.toarray() if hasattr(X, "tocsr") else X).table
    for i, field in enumerate(table.schema):
        if str(field.type) in ("large_string", "string_view"):
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
    return Frame(table, first=0)


def with_target(source: Any, y: Any, name: str) -> Frame:
    """The table with the target, (rows,) on the host, as a column. Raises: DataError."""
    if not isinstance(source, Frame):
        raise DataError("a file has its target in it: give y the name of its column")
    pa, table = arrow(), source.table
    if len(y) != table.num_rows:
        raise DataError(f"Found input variables with inconsistent numbers of samples: {[table.num_rows, len(y)]}")
    return Frame(table.append_column(name, pa.array(y)), first=0)


def target_name(y: Any, columns: list[str]) -> str:
    """A name for the target that no column has."""
    name = str(getattr(y, "name", None) or TARGET)
    while name in columns:
        name += "_"
    return name


def rows_of(name: str, values: Any, source: Any) -> Any:
    """What is given for each row, on the host; None where nothing is. Raises: DataError."""
    if values is None:
        return None
    whole = backend_of(values).to_numpy(values) if is_array_of_any(values) else host.namespace().asarray(values)
    if isinstance(source, Frame) and len(whole) != source.table.num_rows:
        raise DataError(f"{name} has {len(whole)} rows, X has {source.table.num_rows}")
    return whole
