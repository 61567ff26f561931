"""What an array given by a user may be, and what it becomes: decided here for every door that data comes in by.

The doors: `nnx.fit` and prediction, populations, the estimators, tables, scores. What is no array of real numbers is
refused in one line that names what was found and says what to do; no value is changed without a word.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from numbers import Integral, Real
from typing import Any

from .backends import backend_of, is_array, is_host, is_sparse, namespace
from .backends.arrays import library_name
from .backends.numpy import get, is_memmap, is_plain, masked, namespace as host_namespace, native
from .contract import Array
from .errors import DataError

MOST = 2**31 - 1  # the largest label: 32 bits are all that some libraries have
# What nnx cannot compute with, and would take to the host or compute there without a word, by the name of its package.
ELSEWHERE = {
    "dask": "call .compute()",
    "dask_expr": "call .compute()",
    "cudf": "call .to_cupy()",
    "modin": "call .to_numpy()",
    "mxnet": "call .asnumpy()",
    "ndonnx": "call .unwrap_numpy()",
    "paddle": "call .numpy()",
    "pyspark": "call .toPandas()",
    "tensorflow": "call .numpy()",
    "vaex": "call .to_pandas_df()",
}
WORDS = {"M": "dates", "m": "durations", "U": "text", "T": "text", "S": "bytes", "c": "complex numbers"}
REMEDIES = {
    "dates": "give numbers, such as seconds since the first one",
    "durations": "divide by numpy.timedelta64(1, 's')",
    "text": "nnx.TableEncoder makes numbers of the columns of a table",
    "bytes": "numpy.frombuffer(x, 'uint8') makes numbers of them",
    "complex numbers": "Complex data not supported: give real and imaginary parts as columns",
    "a structured array": "numpy.lib.recfunctions.structured_to_unstructured(x) makes columns of its fields",
}
PLAIN = r"(?i)(u?int|float)\d+|bool(ean)?|double"  # the names of types whose values need no look
CLASSES = "number the classes: numpy.unique(y, return_inverse=True)[1], or use nnx.MLPClassifier"


def as_numbers(name: str, x: Any, *, remedy: str = "", sparse: bool = False) -> Any:
    """x as an array of real numbers: of the library of a device where it is one of these, else a plain one on the host,
    with NaN where a value is missing. A memmap stays in its file.

    remedy: what to do where text is found. sparse: whether a sparse matrix of SciPy may become one of rows.
    Raises: DataError.
    """
    if is_plain(x):
        return x
    check_holder(name, x)
    if is_sparse(x) and sparse:
        _real(name, x.tocsr().data)
        return x.tocsr()
    if keeps_no_zeros(x):
        refuse_sparse(name, x)
    if columns := list(columns_of(x)):
        parts = [_real(f"{name}: column {c[:40]!r}", on_host(name, v)) for c, v in columns]
        return host_namespace().stack(parts, axis=1)
    if is_array(x) and not is_host(x):
        return _plain(name, x)
    if is_memmap(x) and x.dtype.kind in "fiub" and native(x) is x:
        return x
    return _real(name, on_host(name, x), remedy)


def numbers_on_host(name: str, x: Any) -> Any:
    """x as a plain array of real numbers on the host. Raises: DataError."""
    x = as_numbers(name, x)
    return get(x) if is_host(x) else backend_of(x, "float32").to_numpy(x)


def check_real(name: str, x: Array) -> None:
    """Raise DataError for an array that does not hold real numbers. In a step of training this looks at types only."""
    if not namespace(x).isdtype(x.dtype, ("bool", "integral", "real floating")):
        if is_host(x):
            as_numbers(name, x)  # has words for what it is; else it is objects, or a type that NumPy does not know
        _refuse(name, "other elements", str(x.dtype).rpartition(".")[2])
    if masked(x):
        check_holder(name, x)


def as_labels(name: str, y: Any) -> Any:
    """y as an array of names of classes: integers that keep their bits, floats, text, or dates; frames, sparse matrices
    and lists of lists of text as they are. Raises: DataError for what names no class.
    """
    check_holder(name, y)
    if is_array(y) and not is_host(y):
        return _plain(name, y)
    if keeps_no_zeros(y) and getattr(y, "format", "csr") != "csr":  # which scikit-learn takes of several labels
        refuse_sparse(name, y)
    if y is None or keeps_no_zeros(y) or next(columns_of(y), None) or not (hasattr(y, "__len__") or is_array(y)):
        return y
    try:
        found = on_host(name, y)
    except DataError:
        return y  # scikit-learn has words for it
    if found.dtype.kind in "cSV":
        return _real(name, found)
    if found.dtype.kind != "O":
        return found.astype(object) if found.dtype.kind == "T" else found
    targets = [set(map(type, y.reshape(-1).tolist())) for y in (found.T if found.ndim == 2 else [found])]
    for kinds in targets:  # each has kinds of its own
        other = [kind.__name__ for kind in kinds if not issubclass(kind, (str, Sequence))]
        if other and any(issubclass(kind, str) for kind in kinds):
            raise DataError(f"{name}: labels must be of one kind, got text and {min(other)[:40]}; give all as text")
    kinds = set().union(*targets)
    return _real(name, found) if kinds and not any(issubclass(kind, (str, Sequence)) for kind in kinds) else y


def as_given(name: str, x: Any) -> Any:
    """x as scikit-learn's checks go on with it: frames, lists and sparse matrices as they are, for their names.

    Raises: DataError for what these would take for numbers, or drop without a word.
    """
    check_holder(name, x)
    if is_array(x) and not is_host(x):
        return _plain(name, x)
    parts = list(columns_of(x)) if not isinstance(x, (list, tuple)) and not is_array(x) else [("", x)]
    for c, v in parts:
        if not re.fullmatch(PLAIN, str(getattr(v, "dtype", getattr(v, "type", "")))):
            _check_elements(f"{name}: column {c[:40]!r}" if c else name, v)
    return x


def _check_elements(name: str, x: Any) -> None:
    """Raise DataError for text, dates and the like; what else is no number, scikit-learn has words for."""
    try:
        found = on_host(name, x)
    except DataError:
        return
    if found.dtype.kind not in "fiubO" or (found.dtype.kind == "O" and any(map(_word, set(map(type, found.flat))))):
        _real(name, found)


def check_holder(name: str, x: Any) -> None:
    """Raise DataError for what no door takes, whatever is in it."""
    root = library_name(x)
    if root in ELSEWHERE:
        raise DataError(f"{name}: {root} arrays are not taken, for nnx does not compute with them: {ELSEWHERE[root]}")
    if root == "polars" and type(x).__name__ == "LazyFrame":
        raise DataError(f"{name}: a LazyFrame has no rows before it is computed: call .collect()")
    if is_array(x) and not is_host(x):
        _plain(name, x)
    if gaps := masked(x):
        raise DataError(
            f"{name}: masked arrays are not supported with masked values, here {gaps}; x.filled(0.0) fills them"
        )


def keeps_no_zeros(x: Any) -> bool:
    """True for what keeps only values other than 0: of SciPy, CuPy, PyTorch, JAX and sparse, and columns of pandas."""
    root = library_name(x)
    if hasattr(x, "tocsr") or root == "sparse" or "sparse" in str(getattr(x, "layout", "")):
        return True
    if root == "pandas":
        kinds = x.dtypes if getattr(x, "ndim", 1) == 2 else [getattr(x, "dtype", "")]
        return any(str(kind).startswith("Sparse") for kind in kinds)
    return is_array(x) and ".sparse." in type(x).__module__


def refuse_sparse(name: str, x: Any) -> None:
    """Raise DataError for a sparse matrix where none is taken."""
    ways = ("sparse.to_dense",) if library_name(x) == "pandas" else ("to_dense", "todense")
    dense = f"give {name}.{next((way for way in ways if hasattr(x, way)), ways[-1])}()"
    raise DataError(f"{name}: {type(x).__name__} is sparse, which is not taken here; {dense}")


def columns_of(x: Any) -> Iterator[tuple[str, Any]]:
    """The names and columns of a data frame of pandas, polars or pyarrow; of anything else none."""
    root = library_name(x)
    if root == "pandas" and hasattr(x, "iloc") and x.ndim == 2:
        yield from ((str(c), x.iloc[:, i]) for i, c in enumerate(x.columns))
    elif root == "polars" and hasattr(x, "get_columns"):
        yield from ((c.name, c) for c in x.get_columns())
    elif root == "pyarrow" and hasattr(x, "column_names"):
        yield from zip(x.column_names, x.columns, strict=True)


def on_host(name: str, x: Any) -> Any:
    """x as a plain array on the host, whatever its elements are. Raises: DataError."""
    try:
        found = native(get(x))
        if isinstance(x, (list, tuple)) and found.dtype.kind == "f" and found.size and abs(found).max() >= 2.0**63:
            found = _integers(x, found)
        return found
    except Exception as error:  # of any library
        if "inhomogeneous" in str(error):
            raise DataError(f"{name}: the rows have different lengths") from None
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{name}: {type(x).__name__} cannot be read as an array: {text[:100]}") from None


def _integers(x: Any, found: Any) -> Any:
    """A list as an array of uint64 where it holds integers alone, of which NumPy makes floats; else as it was found."""
    objects = host_namespace().asarray(x, dtype=object)
    flat = objects.reshape(-1).tolist()
    whole = all(isinstance(v, Integral) for v in flat) and min(flat) >= 0 and max(flat) < 2**64
    return objects.astype("uint64") if whole else found


def _plain(name: str, x: Array) -> Array:
    """An array of real numbers of another library, to be computed with where it is. Raises: DataError."""
    if keeps_no_zeros(x):
        refuse_sparse(name, x)
    try:
        x = backend_of(x, "float32").library.plain(x)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    kind = str(x.dtype).rpartition(".")[2]
    if not namespace(x).isdtype(x.dtype, ("bool", "integral", "real floating")):
        _refuse(name, "complex numbers" if "complex" in kind else "other elements", kind)
    return x


def _real(name: str, x: Any, remedy: str = "") -> Any:
    """A host array of real numbers. Raises: DataError naming what its elements are else."""
    if x.dtype.kind == "O":
        return _of_objects(name, x, remedy)
    if x.dtype.kind not in "fiub":
        word = "a structured array" if x.dtype.names else WORDS.get(x.dtype.kind, "other elements")
        _refuse(name, word, str(x.dtype), remedy)
    return x


def _of_objects(name: str, x: Any, remedy: str = "") -> Any:
    """Python's numbers as float64, or as integers where they are that alone; None and NA as NaN. Raises: DataError."""
    flat = x.reshape(-1).tolist()
    kinds = set(map(type, flat))
    for kind in kinds:
        if issubclass(kind, (list, tuple)) or (hasattr(kind, "__array__") and not hasattr(kind, "dtype")):
            raise DataError(f"{name}: the rows have different lengths")
        word = _word(kind)
        if word:
            _refuse(name, word, kind.__name__, remedy)
    if kinds and all(issubclass(kind, Integral) for kind in kinds):
        low, high = min(flat), max(flat)
        if kinds == {bool}:
            return x.astype(bool)
        if low >= -(2**63) and high < 2**63:
            return x.astype("int64")
        if low >= 0 and high < 2**64:
            return x.astype("uint64")
    missing = {kind for kind in kinds if kind is type(None) or kind.__name__ == "NAType"}
    try:
        values = [float("nan") if type(v) in missing else float(v) for v in flat]
    except OverflowError:
        raise DataError(f"{name}: expected real numbers, got an integer larger than float64 has") from None
    except (TypeError, ValueError):
        strange = next(kind.__name__ for kind in kinds if kind not in missing and not hasattr(kind, "__float__"))
        what = (
            f"an array of numbers, got a {strange[:40]}" if x.ndim == 0 else f"real numbers, got {strange[:40]} objects"
        )
        raise DataError(f"{name}: expected {what}") from None
    return host_namespace().asarray(values, dtype="float64").reshape(x.shape)


def _word(kind: type) -> str:
    """The word for elements of this type; "" for numbers, and for what is missing."""
    if issubclass(kind, (str, bytes, bytearray)):
        return "text" if issubclass(kind, str) else "bytes"
    if issubclass(kind, (date, timedelta)) or "datetime" in kind.__name__ or kind.__name__ in ("NaTType", "Period"):
        return "durations" if issubclass(kind, timedelta) else "dates"
    if "timedelta" in kind.__name__:
        return "durations"
    return "complex numbers" if "complex" in kind.__name__ and not issubclass(kind, Real) else ""


def _refuse(name: str, word: str, kind: str, remedy: str = "") -> None:
    remedy = remedy if word == "text" and remedy else REMEDIES.get(word, "give numbers")
    raise DataError(f"{name}: expected real numbers, got {word} ({kind[:30]}); {remedy}")


def as_class_numbers(name: str, y: Any) -> Any:
    """y, whose numbers of classes are the same in every library. Raises: DataError for one that could not be."""
    if str(y.dtype).rpartition(".")[2] not in ("uint32", "uint64", "int64", "int32"):
        return y
    low, high = extremes(y)
    if low < -MOST or high > MOST:
        bad = high if high > MOST else low
        raise DataError(f"{name}: labels must lie in 0 to {MOST}, the numbers of classes, got {bad}")
    return y


def extremes(y: Any) -> tuple[int, int]:
    """The smallest and the largest of integers, as they are; two numbers are read from the device."""
    kind = str(y.dtype).rpartition(".")[2]
    if kind == "uint64" and not is_host(y):  # of which PyTorch finds no largest
        y = backend_of(y, "float32").to_numpy(y)
    if kind == "bool":
        y = namespace(y).astype(y, namespace(y).int8)
    if 0 in y.shape:
        return 0, 0
    xp = namespace(y)
    return int(xp.min(y)), int(xp.max(y))
