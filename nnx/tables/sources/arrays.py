"""Tables in NumPy's files: NPY with an array (rows, columns), NPZ with arrays x and y."""

from typing import Any
from zipfile import ZipFile, is_zipfile

from ...backends import numpy as host
from ...errors import DataError
from ..kinds.cells import arrow
from .content import Content, check_growth
from .source import Memory, check_columns, table_of_array


def npy(content: Content) -> Memory:
    """The array of an NPY file. Raises: DataError."""
    array = _array(content.place, _load(content, "NPY"), "the array", axes=2)
    return _in_memory(table_of_array(array), content)


def npz(content: Content) -> Memory:
    """The arrays x and y of an NPZ file, y as the target. Raises: DataError."""
    place = content.place
    with arrays_of(content) as arrays:
        if "x" not in arrays.files:
            found = ", ".join(arrays.files) or "none"
            raise DataError(f"{place}: expected arrays 'x' and 'y', found {found[:80]}")
        x = _array(place, member(place, arrays, "x"), "x", axes=2)
        y = _array(place, member(place, arrays, "y"), "y", axes=1) if "y" in arrays.files else None
    table = table_of_array(x)
    if y is None:
        return _in_memory(table, content)
    if y.shape != x.shape[:1]:
        raise DataError(f"{place}: y must have shape ({x.shape[0]},), got {y.shape}")
    column = arrow().array(y.tolist() if y.dtype.kind in "US" else y)
    return _in_memory(table.append_column("y", column), content, "y")


def _in_memory(table: Any, content: Content, target: str | None = None) -> Memory:
    check_columns(content.place, table.column_names)
    if table.num_rows == 0:
        raise DataError(f"{content.place}: no rows")
    return Memory(table, content.name, content.place, target, files=(content.path,))


def _load(content: Content, kind: str) -> Any:
    path = content.seekable().path
    try:
        if is_zipfile(path):
            with ZipFile(path) as file:
                check_growth(content.place, file)
        return host.namespace().load(path, allow_pickle=False)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{content.place}: cannot be read as {kind}: {_line(error)}") from None


def arrays_of(content: Content) -> Any:
    """The arrays of an NPZ file by name, each read when it is asked for by `member`. Raises: DataError."""
    arrays = _load(content, "NPZ")
    if not hasattr(arrays, "files"):
        raise DataError(
            f"{content.place}: expected an NPZ file, found one array (NPY): numpy.savez(path, x=x, y=y) makes one"
        )
    return arrays


def member(place: str, arrays: Any, name: str) -> Any:
    """An array of an NPZ file. Raises: DataError."""
    try:
        return arrays[name]
    except Exception as error:
        raise DataError(f"{place}: {name} cannot be read: {_line(error)}") from None


def _array(place: str, x: Any, name: str, *, axes: int) -> Any:
    if getattr(x, "ndim", 0) != axes:
        shape = "(rows, columns)" if axes == 2 else "(rows,)"
        raise DataError(f"{place}: {name} must have shape {shape}, got {getattr(x, 'shape', '()')}")
    if x.dtype.kind not in ("fiub" if axes == 2 else "fiubUS"):
        raise DataError(f"{place}: {name} must hold numbers{' or text' * (axes == 1)}, got {x.dtype}")
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:100]
