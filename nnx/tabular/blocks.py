"""Encoded rows in a file, read in blocks: an epoch takes them in random order and shuffles the rows of several."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..backends import numpy as host
from ..random import permutation

Writer = Callable[[int, Any, Any], None]  # (part, x, y)
HEAD = 1 << 16  # bytes of the header of an NPY file at most
BLOCK = 1 << 18  # bytes of a block


@dataclass(frozen=True)
class Part:
    """Rows in two NPY files, x (rows, width) float32 and y (rows,)."""

    folder: Path
    name: str
    rows: int
    width: int
    labels: bool  # y holds class numbers
    used: Any = None  # tells other processes that the rows are in use

    @property
    def types(self) -> tuple[str, str]:
        return "<f4", "<i8" if self.labels else "<f4"

    @property
    def is_whole(self) -> bool:
        """True if both files are there and have room for all rows, and for a header no longer than NPY's."""
        return all(0 < self._head(which) <= HEAD for which in (0, 1))

    def read(self, start: int, stop: int) -> tuple[Any, Any]:
        """The rows from start to stop."""
        x, y = (self._read(i, start, stop) for i in (0, 1))
        return x.reshape(-1, self.width), y

    def whole(self) -> tuple[Any, Any]:
        """All rows."""
        return self.read(0, self.rows)

    def _read(self, which: int, start: int, stop: int) -> Any:
        kind, width = self.types[which], (self.width, 1)[which]
        with open(self._file(which), "rb") as file:
            file.seek(self._head(which) + start * self._size(which))
            return host.namespace().fromfile(file, dtype=kind, count=(stop - start) * width)

    def _file(self, which: int) -> Path:
        return self.folder / f"{self.name}.{'xy'[which]}.npy"

    def _size(self, which: int) -> int:
        """Bytes of a row."""
        return int(host.namespace().dtype(self.types[which]).itemsize) * (self.width, 1)[which]

    def _head(self, which: int) -> int:
        """Bytes before the first row; none if the file is not there."""
        try:
            return self._file(which).stat().st_size - self.rows * self._size(which)
        except OSError:
            return 0


@dataclass
class Blocks:
    """Batches for `fit`: called once an epoch, it gives all rows in a new order.

    memory: bytes of rows that are shuffled together. The order depends on the seed and the number of the epoch alone.
    """

    part: Part
    spread: Callable[[Any], Any]  # from rows as they are kept to those of the network
    seed: int
    memory: int
    batch_size: int = 1024
    epoch: int = 0

    def set_epoch(self, number: int) -> None:
        """Set the epoch that the next call gives; before that, calls are trials."""
        self.epoch = number

    def __call__(self) -> Iterator[tuple[Any, Any]]:
        """Batches (x, y) of batch_size rows; the last may be smaller."""
        xp, part = host.namespace(), self.part
        size = max(BLOCK // (4 * part.width), 1)
        blocks = -(-part.rows // size)
        epoch = self.epoch
        rest: tuple[Any, Any] | None = None
        order = permutation(self.seed, "blocks", blocks, epoch)
        together = max(self.memory // BLOCK, 1)
        for at in range(0, blocks, together):
            read = [part.read(i * size, min((i + 1) * size, part.rows)) for i in order[at : at + together].tolist()]
            read += [rest] if rest is not None else []
            x, y = (xp.concat([r[i] for r in read]) for i in (0, 1))
            rows = permutation(self.seed, "rows", len(x), epoch * blocks + at)
            whole = len(rows) // self.batch_size * self.batch_size
            for start in range(0, whole, self.batch_size):
                own = rows[start : start + self.batch_size]
                yield self.spread(x[own]), y[own]
            rest = x[rows[whole:]], y[rows[whole:]]
        if rest is not None and len(rest[0]):
            yield self.spread(rest[0]), rest[1]

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-self.part.rows // self.batch_size)
