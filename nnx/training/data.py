"""Data in batches: on the device, on the host and read as needed, or from an iterable."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

from ..backends import Backend, is_host, namespace
from ..backends.numpy import get as host_array, is_memmap, namespace as host_namespace
from ..contract import Array, Loss
from ..errors import DataError, SettingError, require
from ..random import permutation
from .block import Block
from .check import (
    as_rows,
    as_target,
    as_weight,
    batches_can_begin_anew,
    check_finite,
    check_lengths,
    check_shares,
    check_target,
    check_weight,
    loss_labels,
    naming,
    opened,
    relative,
)

Batch = tuple[Array, Array, Array | None, Array | None]  # x, target, weight, rows (None: they are the batch)
PATIENCE = 0.05  # seconds that a slow stream may keep rows waiting that it has already given
Batches = Batch  # the same, with rows (batches, size): batches of one size from the same arrays
Wanted = Callable[[int, int], slice]  # of a batch's number and size: those of its rows whose x is looked at


class Data(Protocol):
    """A source of batches."""

    @property
    def rows(self) -> int | None:
        """The number of rows; None if it is not known before they have been read."""
        ...

    @property
    def weight(self) -> Array | None:
        """The weights of the rows, where they are known."""
        ...

    def batches(self, order: Any, size: int, wanted: Wanted | None = None) -> Iterator[Batches]:
        """Batches of `size` rows in the order of these row numbers; the last may be smaller.

        wanted: where not all of x is looked at, what need not be read.
        """
        ...

    def check(self, outputs: int) -> None:
        """Raise DataError where values cannot be trained on by a network with so many outputs, now or when read."""
        ...


@dataclass
class DeviceData:
    """Arrays on the device; a batch is a list of row numbers, and the step gathers them."""

    backend: Backend
    loss: Loss
    x: Array
    target: Array
    weight: Array | None

    @property
    def rows(self) -> int:
        return int(self.x.shape[0])

    def batches(self, order: Any, size: int, wanted: Wanted | None = None) -> Iterator[Batches]:
        full = len(order) // size * size
        for part in (order[:full].reshape(-1, size), order[full:].reshape(1, -1)):
            if part.size:
                yield self.x, self.target, self.weight, self.backend.integers(part)

    def check(self, outputs: int) -> None:
        check_finite("x", self.x)
        check_target(self.target, self.loss, outputs)
        check_shares(self.loss, self.target, self.weight, self.backend.floats(0.0))


@dataclass
class HostData:
    """A memory-mapped file: rows are read, and looked at, when it is their turn."""

    backend: Backend
    loss: Loss
    x: Any
    target: Array
    weight: Array | None
    block: Block | None = None
    looked: Any = None  # for each row, whether it has been looked at

    @property
    def rows(self) -> int:
        return int(self.x.shape[0])

    def batches(self, order: Any, size: int, wanted: Wanted | None = None) -> Iterator[Batches]:
        if self.block is None or self.block.capacity % size or len(order) < size:
            labels = loss_labels(self.target, self.loss)
            self.block = Block(self.backend, size, self.x, self.target, self.weight, labels=labels)
        if self.looked is None:
            self.looked = host_namespace().zeros(self.rows, dtype=bool)
        for start in range(0, len(order), self.block.capacity):
            stop = min(start + self.block.capacity, len(order))
            asked = None if wanted is None else asked_for(wanted, start, stop, size)
            for at in range(start, stop, self.block.piece):
                end = min(at + self.block.piece, stop)
                self._read(self.block, order[at:end], None if asked is None else asked[at - start : end - start])
            yield from self.block.batches(size)

    def _read(self, block: Block, rows: Any, asked: Any) -> None:
        x = block.put(self.x, self.target, self.weight, rows, asked)
        if asked is not None:
            x, rows = x[asked], rows[asked]
        if not self.looked[rows].all():
            check_finite("x", x, rows)
            self.looked[rows] = True

    def check(self, outputs: int) -> None:
        check_target(narrow(self.backend, self.target), self.loss, outputs)
        check_shares(self.loss, self.target, self.weight, host_namespace().zeros(()))


def asked_for(wanted: Wanted, start: int, stop: int, size: int) -> Any:
    """Whether x is looked at, for each of the rows from start to stop of all batches; start begins one."""
    found = host_namespace().zeros(stop - start, dtype=bool)
    for at in range(start, stop, size):
        found[at - start : min(at + size, stop) - start][wanted(at // size, min(size, stop - at))] = True
    return found


@dataclass
class StreamData:
    """An iterable of batches (x, y) or (x, y, weight), begun anew each epoch and looked at in the first."""

    backend: Backend
    loss: Loss
    source: Any
    outputs: int | None = None
    checked: bool = False
    block: Block | None = None
    first: Any = None  # batch, for the trial

    @property
    def rows(self) -> None:
        return None

    @property
    def weight(self) -> None:
        return None

    def batches(self, order: Any, size: int, wanted: Wanted | None = None) -> Iterator[Batches]:
        n, some = -1, False  # the number of the batch, and whether a row of any has a weight
        block, size, began = None, 0, 0.0  # the block that is being filled since then, and the size of its batches
        looks = self.outputs is not None and not (self.checked and self.backend.is_gpu)  # each waits for a GPU
        source = opened(self.source) if self.first is None or self.outputs is not None else [self.first]
        self.first = None
        for n, item in enumerate(source):
            with naming(f"batch {n}"):
                x, target, weight = self._batch(item, looks)
            some = some or weight is None or self.checked or float(namespace(weight).max(weight)) > 0
            late = monotonic() - began > PATIENCE
            if block is not None and (late or x.shape[0] != size or not is_host(x) or block.rows == block.capacity):
                yield from block.batches(size)
                began = monotonic()
            size = x.shape[0]
            block = self._room(x, target, weight) if is_host(x) and self.outputs is not None else None
            kept = self.backend.floats(x) if block is None else block.put(x, target, weight)
            if looks:
                with naming(f"batch {n}"):
                    check_finite("x", kept)
            if block is None:
                moved = move_target(self.backend, target, self.loss)
                yield kept, moved, None if weight is None else self.backend.floats(weight), None
        if block is not None:
            yield from block.batches(size)
        if n < 0:
            raise DataError("the iterable gave no batch")
        if not some and self.outputs is not None:
            raise DataError("sample_weight is 0 in every batch: nothing would be learned from them")
        self.checked = self.outputs is not None

    def look(self) -> Any:
        """x of the first batch, which is kept for the trial; None where that is no batch."""
        self.first = next(iter(opened(self.source)), None)
        return self.first[0] if isinstance(self.first, (tuple, list)) and self.first else None

    def _room(self, x: Any, target: Any, weight: Any) -> Block:
        """The block for batches like this one."""
        widths = [None if a is None else a.shape[1:] for a in (x, target, weight)]
        if self.block is None or self.block.capacity % x.shape[0] or self.block.widths != widths:
            labels = loss_labels(target, self.loss)
            self.block = Block(self.backend, x.shape[0], x, target, weight, labels=labels)
        return self.block

    def check(self, outputs: int) -> None:
        self.outputs = outputs

    def set_epoch(self, number: int) -> None:
        """Tell a source that has a method of this name which epoch comes next: its batches may depend on it."""
        if hasattr(self.source, "set_epoch"):
            self.source.set_epoch(number)

    def _batch(self, item: Any, looks: bool) -> tuple[Any, Any, Any]:
        if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
            raise DataError(f"expected (x, y) or (x, y, weight), got {type(item).__name__}")
        x, target, weight = _arrays(*item, loss=self.loss)
        if looks and self.outputs is not None:
            check_target(narrow(self.backend, target), self.loss, self.outputs)
            check_weight(weight, some=False)
        return x, target, None if weight is None else relative(weight)


def narrow(backend: Backend, x: Any) -> Any:
    """Numbers of the host as the backend will hold them: what is beyond its type is infinite there."""
    wide = is_host(x) and x.dtype.kind == "f" and x.dtype != backend.dtype
    with host_namespace().errstate(over="ignore"):
        return x.astype(backend.dtype) if wide else x


def singly(batches: Iterable[Batches]) -> Iterator[Batch]:
    """One batch after another."""
    for x, target, weight, rows in batches:
        for number in range(1 if rows is None else rows.shape[0]):
            yield x, target, weight, None if rows is None else rows[number, :]


def make_data(backend: Backend, x: Any, y: Any, weight: Any, loss: Loss) -> Data:
    """The data as batches will need it. Raises DataError, BackendError."""
    if y is None:
        if weight is not None:
            raise SettingError("fit: sample_weight goes into the batches: (x, y, weight)")
        batches_can_begin_anew(x)
        return StreamData(backend, loss, x)
    x, target, weight = _arrays(x, y, weight, loss=loss)
    check_weight(weight)
    weight = None if weight is None else relative(weight)
    if is_memmap(x):
        return HostData(backend, loss, x, host_array(target), None if weight is None else host_array(weight))
    moved = move_target(backend, target, loss)
    return DeviceData(backend, loss, move_x(backend, x), moved, None if weight is None else backend.floats(weight))


def _arrays(x: Any, y: Any, weight: Any = None, *, loss: Loss) -> tuple[Any, Any, Any]:
    x, target = as_rows(x), as_target(y, loss)
    weight = None if weight is None else as_weight(weight, target, loss)
    check_lengths(x, target, weight, loss)
    return x, target, weight


def move_x(backend: Backend, x: Any) -> Array:
    """An own copy of x on the device: small integers as they are on a GPU, and of rows with several axes such as images
    everywhere, where they take a quarter of the memory; else floats."""
    small = str(x.dtype).rpartition(".")[2] in ("uint8", "int8", "int16")
    return backend.asarray(x) if small and (backend.is_gpu or x.ndim > 2) else backend.floats(x)


def move_target(backend: Backend, y: Any, loss: Loss) -> Array:
    """An own copy of the target on the device."""
    return backend.integers(y) if loss_labels(y, loss) else backend.floats(y)


def numbered(rows: int) -> Any:
    """The row numbers 0 to rows - 1 on the host."""
    return host_namespace().arange(rows)


def split(rows: int, fraction: float, seed: int, labels: Any = None, purpose: str = "split") -> tuple[Any, Any]:
    """Row numbers in two parts, both in random order, the second with a fraction of the rows.

    `nnx.fit(..., validation=fraction, seed=seed)` sets the second part aside.

    Parameters
    ----------
    rows : int
        How many rows there are, at least 2.
    fraction : float
        The share of the rows in the second part, between 0 and 1; each part has at least one row.
    seed : int
        What the order is drawn by: the same seed gives the same parts.
    labels : array, default None
        A host array of class labels (rows,); each class is then divided in the same proportion.
    purpose : str, default "split"
        A word that tells draws with the same seed apart.

    Returns
    -------
    first : array
        The row numbers of the first part, on the host.
    second : array
        The row numbers of the second part, on the host.

    Raises
    ------
    SettingError
        If the fraction is not between 0 and 1.
    DataError
        If there is one row only.

    Examples
    --------
    >>> train, held = nnx.training.split(100, 0.2, seed=0)
    >>> len(train), len(held), sorted([*train, *held]) == list(range(100))
    (80, 20, True)
    """
    require(0 < fraction < 1, f"the fraction of a split must lie between 0 and 1, got {fraction}")
    xp = host_namespace()
    if rows < 2:
        raise DataError(f"{rows} row cannot be split in two; give more data or no validation")
    order = permutation(seed, purpose, rows)
    count = min(max(round(rows * fraction), 1), rows - 1)
    if labels is None:
        return order[count:], order[:count]
    grouped = order[xp.argsort(host_array(labels)[order], stable=True)]  # class after class, each in random order
    chosen = xp.zeros(rows, dtype=bool)
    chosen[grouped[xp.floor((xp.arange(count) + 0.5) * rows / count).astype("int64")]] = True  # evenly spread over them
    return order[~chosen[order]], order[chosen[order]]
