"""Data in batches: on the device, on the host and read as needed, or from an iterable."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ..backends import Backend
from ..backends.numpy import get as host_array, is_memmap, namespace as host_namespace
from ..contract import Array, Loss
from ..errors import DataError, require
from ..random import permutation
from .check import (
    check_finite,
    check_lengths,
    check_weight,
    host_or_own,
    iter_once,
    loss_labels,
    make_target,
)

Batch = tuple[Array, Array, Array | None, Array | None]  # x, target, weight, rows (None: they are the batch)


class Data(Protocol):
    """Where batches come from."""

    @property
    def rows(self) -> int | None:
        """How many; None if that is not known before they have been read."""
        ...

    def batches(self, order: Any, size: int) -> Iterator[Batch]:
        """Batches of `size` rows in the order of these row numbers; the last may be smaller."""
        ...


@dataclass
class DeviceData:
    """Arrays on the device; a batch is a list of row numbers, and the step gathers them."""

    backend: Backend
    x: Array
    target: Array
    weight: Array | None

    @property
    def rows(self) -> int:
        return int(self.x.shape[0])

    def batches(self, order: Any, size: int) -> Iterator[Batch]:
        for rows in self.backend.split(order, size):
            yield self.x, self.target, self.weight, rows


@dataclass
class HostData:
    """A memory-mapped file: the rows of a batch are read when it is its turn."""

    backend: Backend
    x: Any
    target: Array
    weight: Array | None

    @property
    def rows(self) -> int:
        return int(self.x.shape[0])

    def batches(self, order: Any, size: int) -> Iterator[Batch]:
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            weight = None if self.weight is None else self.backend.floats(self.weight[rows])
            yield self.backend.floats(self.x[rows]), self.backend.asarray(self.target[rows]), weight, None


@dataclass
class StreamData:
    """An iterable of batches (x, y) or (x, y, weight), begun anew each epoch."""

    backend: Backend
    source: Any
    loss: Loss
    rows: None = None

    def batches(self, order: Any, size: int) -> Iterator[Batch]:
        n = -1
        for n, item in enumerate(self.source() if callable(self.source) else self.source):
            if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
                raise DataError(f"batch {n}: expected (x, y) or (x, y, weight), got {type(item).__name__}")
            x, y, *weight = item
            x, target = host_or_own(x), make_target(y, self.loss)
            check_lengths(x, target, weight[0] if weight else None)
            yield (
                self.backend.floats(x),
                move_target(self.backend, target, self.loss),
                self.backend.floats(weight[0]) if weight else None,
                None,
            )
        if n < 0:
            raise DataError("the iterable gave no batch")


def make_data(backend: Backend, x: Any, y: Any, weight: Any, loss: Loss) -> Data:
    """The data as batches will need it, checked. Raises DataError, BackendError."""
    if y is None:
        if iter_once(x):
            raise DataError("an iterator can be read only once: give a list, or a function that returns a new iterator")
        return StreamData(backend, x, loss)
    x, target = host_or_own(x), make_target(y, loss)
    check_lengths(x, target, weight)
    if is_memmap(x):
        target = host_array(target).astype("int64" if loss_labels(target, loss) else backend.dtype)
        weight = None if weight is None else host_array(weight)
        return HostData(backend, x, target, weight)
    x = backend.floats(x)
    check_finite("x", x, backend)
    target = move_target(backend, target, loss)
    if weight is not None:
        weight = backend.floats(weight)
        check_weight(weight, backend)
    if not loss_labels(target, loss):
        check_finite("y", target, backend)
    return DeviceData(backend, x, target, weight)


def move_target(backend: Backend, y: Any, loss: Loss) -> Array:
    """An own copy of the target on the device."""
    return backend.integers(y) if loss_labels(y, loss) else backend.floats(y)


def numbered(rows: int) -> Any:
    """The row numbers 0 to rows - 1 on the host."""
    return host_namespace().arange(rows)


def split(rows: int, fraction: float, seed: int, labels: Any = None, purpose: str = "split") -> tuple[Any, Any]:
    """Row numbers in two parts, the second with this fraction of the rows, both in random order.

    labels: a host array; each class is then divided in the same proportion.
    """
    require(0 < fraction < 1, f"the fraction of a split must lie between 0 and 1, got {fraction}")
    xp = host_namespace()
    order = permutation(seed, purpose, rows)
    count = min(max(round(rows * fraction), 1), rows - 1)
    if rows < 2:
        raise DataError(f"{rows} row cannot be split in two; give more data or no validation")
    if labels is None:
        return order[count:], order[:count]
    labels = host_array(labels)[order]
    grouped = order[xp.argsort(labels, stable=True)]  # class after class, each in random order
    taken = xp.zeros(rows, dtype=bool)
    taken[xp.floor((xp.arange(count) + 0.5) * rows / count).astype("int64")] = True  # every (1/fraction)-th
    chosen = xp.zeros(rows, dtype=bool)
    chosen[grouped[taken]] = True
    return order[~chosen[order]], order[chosen[order]]
