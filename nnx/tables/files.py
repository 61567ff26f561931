"""Opening a table by its name: a built-in set, text, Parquet, Arrow, NPY or NPZ. Every fault is one line."""

from collections.abc import Callable
from importlib import import_module, resources
from lzma import LZMAError
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, is_zipfile

from ..backends import numpy as host
from ..errors import DataError, unknown
from .cells import arrow
from .columnar import arrow_file, parquet
from .content import Content
from .dialect import settle
from .reading import Reading
from .source import Memory, Source, check_columns, table_of_array
from .text import TextFile

SETS = ("digits", "iris", "wine", "breast_cancer", "diabetes")  # scikit-learn's
GROWTH, ROOM = 100, 1 << 28  # how many times its size a compressed array may grow; bytes that are always fine
BUILT_IN = ("penguins", *SETS)


def open_table(data: str, reading: Reading | None = None, memory: int = 1 << 30) -> Source:
    """The table that `data` names: a file by its suffix, or a built-in set.

    memory: bytes that a part of a file may have that has to be decoded at once.
    Raises: DataError.
    """
    path, reading = Path(data), reading or Reading()
    if data in BUILT_IN and not path.is_file():
        return _built_in(data)
    if not path.exists():
        raise DataError(f"{data}: no such file, and not one of the built-in sets ({', '.join(BUILT_IN)})")
    if path.is_dir():
        raise DataError(f"{data}: a folder, not a file with a table")
    if not path.is_file():
        raise DataError(f"{data}: a pipe or a device; a table is read more than once: save it in a file first")
    suffixes = [s.lower() for s in path.suffixes]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in (".gz", ".bz2", ".zst") and len(suffixes) > 1:
        suffix = suffixes[-2]
    openers: dict[str, Callable[[Path, Reading], Source]] = {
        **dict.fromkeys((".csv", ".tsv", ".txt"), text),
        **dict.fromkeys((".parquet", ".pq"), lambda path, _: parquet(path, memory)),
        **dict.fromkeys((".arrow", ".feather", ".ipc"), lambda path, _: arrow_file(path, memory)),
        ".npz": lambda path, _: _npz(path),
        ".npy": lambda path, _: _npy(path),
    }
    if suffix not in openers:
        hint = "export the sheet as CSV" if suffix.startswith(".xls") else f"expected {', '.join(openers)}"
        raise DataError(f"{data}: files {suffix or 'without a suffix'} cannot be read; {hint}")
    if path.stat().st_size == 0:
        raise DataError(f"{data}: the file is empty")
    return openers[suffix](path, reading)


def text(path: Path, asked: Reading, place: str = "") -> TextFile:
    """A file of text, read as was asked for and else as it says itself."""
    try:
        content = Content.of(path, place)
        if content.is_zip:
            raise DataError(f"{path}: a ZIP or Excel file, not text; export the sheet as CSV")
        return TextFile(content, *settle(content, asked))
    except (arrow().ArrowException, OSError, EOFError, LZMAError) as error:
        raise DataError(f"{place or path}: cannot be read: {_line(error)}") from None


def _in_memory(table: Any, path: Path, target: str | None = None) -> Memory:
    check_columns(str(path), table.column_names)
    if table.num_rows == 0:
        raise DataError(f"{path}: no rows")
    return Memory(table, path.stem, str(path), target)


def _npy(path: Path) -> Memory:
    return _in_memory(table_of_array(_array(path, _load(path), "the array", axes=2)), path)


def _npz(path: Path) -> Memory:
    arrays = _load(path)
    if not hasattr(arrays, "files"):
        raise DataError(f"{path}: an NPY file; name it .npy")
    with arrays:
        if "x" not in arrays.files:
            found = ", ".join(arrays.files) or "none"
            raise DataError(f"{path}: expected arrays 'x' and 'y', found {found[:80]}")
        x = _array(path, _member(path, arrays, "x"), "x", axes=2)
        y = _array(path, _member(path, arrays, "y"), "y", axes=1) if "y" in arrays.files else None
    table = table_of_array(x)
    if y is None:
        return _in_memory(table, path)
    if y.shape != x.shape[:1]:
        raise DataError(f"{path}: y must have shape ({x.shape[0]},), got {y.shape}")
    column = arrow().array(y.tolist() if y.dtype.kind in "US" else y)
    return _in_memory(table.append_column("y", column), path, "y")


def _load(path: Path) -> Any:
    try:
        if is_zipfile(path):
            with ZipFile(path) as file:
                for member in file.infolist():
                    if member.file_size > max(GROWTH * member.compress_size, ROOM):
                        size = f"{member.file_size / 2**30:,.1f} GiB from {member.compress_size / 2**20:,.1f} MiB"
                        raise DataError(f"{path}: {member.filename[:40]} would grow to {size}; save it uncompressed")
    except (BadZipFile, OSError) as error:
        raise DataError(f"{path}: cannot be read as {path.suffix[1:].upper()}: {_line(error)}") from None
    try:
        return host.namespace().load(path, allow_pickle=False)
    except Exception as error:
        raise DataError(f"{path}: cannot be read as {path.suffix[1:].upper()}: {_line(error)}") from None


def _member(path: Path, arrays: Any, name: str) -> Any:
    try:
        return arrays[name]
    except Exception as error:
        raise DataError(f"{path}: {name} cannot be read: {_line(error)}") from None


def _array(path: Path, x: Any, name: str, *, axes: int) -> Any:
    if getattr(x, "ndim", 0) != axes:
        shape = "(rows, columns)" if axes == 2 else "(rows,)"
        raise DataError(f"{path}: {name} must have shape {shape}, got {getattr(x, 'shape', '()')}")
    if x.dtype.kind not in ("fiub" if axes == 2 else "fiubUS"):
        raise DataError(f"{path}: {name} must hold numbers{' or text' * (axes == 1)}, got {x.dtype}")
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:100]


def _built_in(name: str) -> Source:
    if name == "penguins":
        penguins = text(Path(str(resources.files("nnx.tables").joinpath("penguins.csv"))), Reading(), name)
        penguins.target = "species"
        return penguins
    try:
        datasets = import_module("sklearn.datasets")
    except ImportError:
        raise DataError(f"the built-in set {name!r} needs scikit-learn: pip install 'nnx-array[sklearn]'") from None
    bunch = getattr(datasets, f"load_{name}")()
    pa = arrow()
    columns = {str(f): pa.array(bunch.data[:, i]) for i, f in enumerate(bunch.feature_names)}
    labels = getattr(bunch, "target_names", None) if name not in ("digits", "diabetes") else None
    y = bunch.target if labels is None else [str(labels[i]) for i in bunch.target]
    if name == "digits":
        y = [str(i) for i in y]
    return Memory(pa.table(columns | {"target": pa.array(y)}), name, name, "target")


def check_target(source: Source, target: str | None) -> str:
    """The column to predict: the one asked for, or the source's own. Raises: DataError."""
    if target is None:
        if source.target is None:
            raise DataError(f"{source.place}: say which column to predict: --target {source.columns[-1]}")
        return source.target
    if target not in source.columns:
        raise DataError(f"{source.place}: {unknown('column', target, source.columns)}")
    return target
