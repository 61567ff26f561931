"""The target as Python gives it: numbers, or labels of classes, which the table holds as they are spelled."""

import re
import warnings
from typing import Any

from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets

from ..backends import backend_of, is_array, is_host, numpy as host
from ..errors import DataError, shown
from ..inputs import as_labels, numbers_on_host, on_host
from ..tables import Memory, Source, Target
from ..tables.encoding.target import in_order
from ..tables.kinds.cells import arrow


def numbers(y: Any) -> Any:
    """The target of a regression: float64 (rows,) on the host. Raises: DataError."""
    y = _single(numbers_on_host("y", y)).astype("float64")
    _none_missing(~host.namespace().isfinite(y))
    return y


def labels(y: Any) -> tuple[Any, Any]:
    """The classes in y, sorted, and for each row the spelling of its own, on the host. Raises: DataError."""
    xp = host.namespace()
    y = _whole(y)
    if y.dtype.kind == "O":
        _none_missing([v is None or v != v for v in y.reshape(-1).tolist()])
    y = _single(as_labels("y", y))
    if y.dtype.kind == "f":
        _none_missing(~xp.isfinite(y))
    if y.dtype.kind not in "fiubOUS":
        raise DataError(f"y must hold labels, numbers or text, got {shown(y.dtype)}: give y.astype(str)")
    check_classification_targets(y)
    classes, codes = xp.unique(y, return_inverse=True)
    names = [str(c) for c in classes.tolist()]
    if any(not name.strip() for name in names):
        first = names.index(next(name for name in names if not name.strip()))
        raise DataError(
            f"y: the label of row {int((codes == first).argmax())} is blank: give it a name, or leave it out"
        )
    if len(in_order(names)) < len(names):
        raise DataError("y has labels that spell one number, such as '1' and '1.0': make them one")
    return classes, xp.asarray(names, dtype=object)[codes]


def typed(target: Target, source: Source) -> Any:
    """The classes of a column of the source: whole numbers and truths where they are such, else text."""
    xp, names, kind = host.namespace(), target.classes, None
    if isinstance(source, Memory):
        kind = source.table.schema.field(target.name).type
    types = arrow().types
    if kind is not None and types.is_boolean(kind):
        return xp.asarray([name.lower() == "true" for name in names])
    text = kind is not None and not (types.is_integer(kind) or types.is_floating(kind))
    if not text and all(re.fullmatch("0|-?[1-9][0-9]{0,17}", name) for name in names):
        return xp.asarray([int(name) for name in names])
    return xp.asarray(names, dtype=object)


def _whole(y: Any) -> Any:
    """y as an array on the host. Raises: DataError for text beside numbers, of which NumPy makes text."""
    if is_array(y) and not is_host(y):
        return backend_of(y).to_numpy(as_labels("y", y))
    kinds = {isinstance(v, str) for v in y} if isinstance(y, (list, tuple)) and None not in y else set()
    if len(kinds) > 1:
        raise DataError("y: labels must be of one kind, got text and numbers; give all as text")
    return on_host("y", y)


def _single(y: Any) -> Any:
    """A column of shape (rows,). Raises: DataError."""
    if y.ndim == 2 and y.shape[1] == 1:
        text = "A column-vector y was passed when a 1d array was expected. Change the shape of y to (n_samples, )"
        warnings.warn(text, DataConversionWarning, stacklevel=6)
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(f"y should be a 1d array, got an array of shape {y.shape} instead: one column to predict")
    return y


def _none_missing(missing: Any) -> None:
    """Raise DataError for the first row whose target is missing."""
    missing = list(missing)
    if any(missing):
        raise DataError(f"Input y contains NaN or infinity, first in row {missing.index(True)}: leave such rows out")
