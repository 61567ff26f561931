"""What data must be before a network is trained on it: each fault is one line that says where it is."""

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

from ..backends import Backend, backend_of, is_host, namespace, same_library
from ..backends.numpy import get as host_array, is_memmap
from ..contract import Array, Loss
from ..errors import DataError


def choose_backend(x: Any, y: Any, weight: Any, backend: Backend | None, dtype: str) -> Backend:
    """The backend given, or that of the arrays, which must then all be of one library."""
    if backend is not None:
        return backend
    if y is None:
        return backend_of([0.0], dtype)
    arrays = {"x": x, "y": y, "sample_weight": weight}
    same_library(**{name: a for name, a in arrays.items() if a is not None and not isinstance(a, (list, tuple))})
    return backend_of(x, dtype)


def iter_once(x: Any) -> bool:
    """True for an iterator or generator, which cannot be begun anew."""
    if not isinstance(x, Iterable) and not callable(x):
        raise DataError(f"without y, expected an iterable of batches (x, y), got {type(x).__name__}")
    return isinstance(x, Iterator)


def host_or_own(x: Any) -> Any:
    """Lists become host arrays; arrays stay. Raises DataError unless there are rows of numbers."""
    x = host_array(x) if is_host(x) and not is_memmap(x) else x
    if x.ndim != 2:
        raise DataError(f"x: expected two axes (rows, features), got shape {tuple(x.shape)}")
    if 0 in x.shape:
        raise DataError(f"x is empty: shape {tuple(x.shape)}")
    return _numbers("x", x)


def _numbers(name: str, x: Any) -> Any:
    """x, unless it is a host array of something else than real numbers."""
    if is_host(x) and x.dtype.kind not in "fiub":
        raise DataError(f"{name}: expected real numbers, got an array of {x.dtype}")
    return x


def make_target(y: Any, loss: Loss) -> Any:
    """The target as an array with two axes, or one of labels."""
    y = _numbers("y", host_array(y) if is_host(y) else y)
    if y.ndim == 1 and not loss_labels(y, loss):
        if loss.labels:
            raise DataError(f"y: {type(loss).__name__} expects integer labels or one row per sample, got {y.dtype}")
        y = y[:, None]
    return y


def loss_labels(y: Any, loss: Loss) -> bool:
    """Whether y holds class numbers."""
    kind = str(y.dtype)
    return loss.labels and ("int" in kind or "bool" in kind)


def check_lengths(x: Any, y: Any, weight: Any) -> None:
    """Raise DataError if x, y and the weights have different numbers of rows."""
    if y.ndim == 0 or y.shape[0] != x.shape[0]:
        raise DataError(f"y has {y.shape[0] if y.ndim else 0} rows, x has {x.shape[0]}")
    if weight is not None and len(weight) != x.shape[0]:
        raise DataError(f"sample_weight has {len(weight)} rows, x has {x.shape[0]}")


def check_finite(name: str, x: Array, backend: Backend) -> None:
    """Raise DataError naming the first element that is not finite. One number is read from the device."""
    xp = backend.xp
    if isfinite(float(xp.sum(x * 0.0))):
        return
    bad = backend.to_numpy(~xp.isfinite(x))
    place = [int(i[0]) for i in bad.nonzero()]
    where = f"row {place[0]}" + (f", column {place[1]}" if len(place) > 1 else "")
    raise DataError(f"{name} has {int(bad.sum())} values that are not finite, the first in {where}")


def check_weight(weight: Array, backend: Backend) -> None:
    """Raise DataError if a weight is negative or not finite."""
    check_finite("sample_weight", weight, backend)
    lowest = float(backend.xp.min(weight))
    if lowest < 0:
        raise DataError(f"sample_weight must not be negative, got {lowest}")


def check_labels(target: Array | None, loss: Loss, outputs: int) -> None:
    """Raise DataError if a label is not in [0, outputs)."""
    if target is None or not loss_labels(target, loss):
        return
    xp = namespace(target)
    low, high = int(xp.min(target)), int(xp.max(target))
    if low < 0 or high >= outputs:
        raise DataError(
            f"y: labels must lie in 0 to {outputs - 1} for {outputs} outputs, got {low if low < 0 else high}"
        )
