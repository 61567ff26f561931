"""Reading tables: a built-in set, a CSV of numbers, or an NPZ. Every fault is one line that names the column."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, unknown

BUILT_IN = ("digits", "iris", "wine", "breast_cancer", "diabetes")
TASKS = ("auto", "classification", "regression")


@dataclass
class Table:
    """Rows of numbers, and a target column if there is one."""

    name: str
    x: Any  # (rows, features) float64 on the host
    features: list[str]
    target: str
    y: Any | None  # (rows,) numbers or text on the host
    integer_classes: bool = False  # whole numbers in y are classes, not quantities

    @property
    def labels(self) -> Any:
        """The target. Raises DataError if the table has none."""
        if self.y is None:
            raise DataError(f"{self.name}: no target column {self.target!r}")
        return self.y

    def task(self, asked: str) -> str:
        """ "classification" for text and for whole numbers that are classes, else "regression"."""
        if asked != "auto" or self.y is None:
            return asked
        return "classification" if self.y.dtype.kind not in "fiu" or self.integer_classes else "regression"


def read(
    data: str, target: str | None, wanted: list[str] | None = None, *, classes: bool = False, needs_target: bool = True
) -> Table:
    """The table that `data` names. `wanted`: the feature columns that a model needs, in its order.

    classes: the target names classes: it is kept as it is spelled, numbers too. Raises: DataError.
    """
    path = Path(data)
    kind = path.suffix.lower()
    if data in BUILT_IN and not path.is_file():
        table = _built_in(data)
    elif not path.is_file():
        raise DataError(f"{data}: no such file, and not one of the built-in sets ({', '.join(BUILT_IN)})")
    elif kind == ".npz":
        table = _npz(path, needs_target=needs_target)
    elif kind == ".csv":
        table = _csv(path, target, wanted, classes=classes, needs_target=needs_target)
    else:
        raise DataError(f"{data}: expected .csv or .npz; other formats come later")
    if kind != ".csv" and target not in (None, table.target):
        raise DataError(f"{data}: its target is {table.target!r}, not {target!r}")
    if wanted is not None and table.features != wanted:
        if len(table.features) != len(wanted):
            raise DataError(f"{data}: {len(table.features)} feature columns, the model expects {len(wanted)}")
        raise DataError(f"{data}: feature columns are not those of the model: {_first_difference(table, wanted)}")
    if len(table.x) == 0:
        raise DataError(f"{data}: no rows")
    xp = host.namespace()
    bad = ~xp.isfinite(table.x)
    if bad.any():
        row, column = (int(i[0]) for i in bad.nonzero())
        raise DataError(f"{data}: column {table.features[column]!r} is not finite in row {row + 1}")
    return table


def _first_difference(table: Table, wanted: list[str]) -> str:
    return next(f"{a!r} where {b!r} is expected" for a, b in zip(table.features, wanted, strict=True) if a != b)


def _built_in(name: str) -> Table:
    try:
        datasets = import_module("sklearn.datasets")
    except ImportError:
        raise DataError(f"the built-in set {name!r} needs scikit-learn: pip install 'nnx-array[sklearn]'") from None
    bunch = getattr(datasets, f"load_{name}")()
    features = [str(f) for f in bunch.feature_names]
    return Table(name, host.put(bunch.data, "float64", None), features, "target", bunch.target, name != "diabetes")


def _npz(path: Path, *, needs_target: bool) -> Table:
    try:
        with host.namespace().load(path, allow_pickle=False) as arrays:
            names = arrays.files
            x, y = arrays["x"], arrays.get("y")
    except KeyError:
        raise DataError(f"{path}: expected arrays 'x' and 'y', found {', '.join(names) or 'none'}") from None
    except Exception as error:
        raise DataError(f"{path}: cannot be read as NPZ: {str(error).splitlines()[0]}") from None
    if x.ndim != 2 or x.dtype.kind not in "fiub":
        raise DataError(f"{path}: x must be numbers (rows, features), got {x.dtype} {x.shape}")
    if needs_target and y is None:
        raise DataError(f"{path}: expected arrays 'x' and 'y', found only 'x'")
    if y is not None and y.dtype.kind not in "fiubUS":
        raise DataError(f"{path}: y must be numbers or text, got {y.dtype}")
    if y is not None and y.dtype.kind == "f" and not host.namespace().isfinite(y).all():
        raise DataError(f"{path}: y is not finite in some rows")
    if y is not None and y.shape != x.shape[:1]:
        raise DataError(f"{path}: y must have shape ({x.shape[0]},), got {y.shape}")
    features = [f"x{i}" for i in range(x.shape[1])]
    classes = y is not None and y.dtype.kind in "iub"
    return Table(path.stem, x.astype("float64"), features, "y", y, classes)


def _csv(path: Path, target: str | None, wanted: list[str] | None, *, classes: bool, needs_target: bool) -> Table:
    try:
        import pyarrow as pa
        from pyarrow import csv
    except ImportError:
        raise DataError("CSV files need pyarrow: pip install 'nnx-array[cli]'") from None
    try:
        arrow = csv.read_csv(path)
        names = arrow.column_names
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: {str(error).splitlines()[0]}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: the header is not UTF-8 text; save the file as UTF-8") from None
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise DataError(f"{path}: one column named {names[0][:40]!r}; is the delimiter not a comma?")
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: two columns are named {name!r}")
    if arrow.num_rows == 0:
        raise DataError(f"{path}: no rows below the header")
    if wanted is None and target is None:
        raise DataError(f"{path}: say which column to predict: --target {names[-1]}")
    if needs_target and target not in names:
        raise DataError(f"{path}: {unknown('column', str(target), names)}")
    features = wanted or [name for name in names if name != target]
    for name in features:
        if name not in names:
            raise DataError(f"{path}: {unknown('column', name, names)}: the model needs it")
    if not features:
        raise DataError(f"{path}: no column besides the target {target!r}")
    x = host.namespace().stack([_numbers(path, arrow, name) for name in features], axis=1)
    y = None
    if needs_target:
        if classes or str(arrow[target].type) in ("string", "large_string", "bool"):  # as it is spelled in the file
            options = csv.ConvertOptions(include_columns=[target], column_types={target: pa.string()})
            arrow = csv.read_csv(path, convert_options=options)
        y = _target(path, arrow, str(target))
    return Table(path.stem, x, features, target or "", y)


def _numbers(path: Path, arrow: Any, name: str) -> Any:
    column = arrow[name]
    kind = str(column.type)
    if column.null_count:
        raise DataError(f"{path}: column {name!r} has {column.null_count} missing values; filling them comes later")
    if kind == "binary":
        raise DataError(f"{path}: column {name!r} is not UTF-8 text; save the file as UTF-8")
    if not kind.startswith(("int", "uint", "float", "double", "bool")):
        raise DataError(f"{path}: column {name!r} holds {kind}, not numbers; encoding of text comes later")
    return host.put(column.to_numpy(), "float64", None)


def _target(path: Path, arrow: Any, name: str) -> Any:
    column = arrow[name]
    text = str(column.type) == "string"
    values = [str(v) for v in column.to_pylist()] if text else []
    missing = column.null_count or values.count("")
    if missing:
        raise DataError(f"{path}: the target {name!r} is missing in {missing} rows")
    return host.namespace().asarray(values) if text else _numbers(path, arrow, name)
