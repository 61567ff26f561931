"""Rows on their way from a file or a stream to the device: gathered on the host, and handed over many at once."""

from collections.abc import Iterator
from math import prod
from typing import Any

from ..backends import Backend
from ..backends.numpy import namespace as host_namespace
from ..contract import Array

BYTES = 2**23  # of rows handed over at once
PIECE = 2**20  # of rows read from a file at once


class Block:
    """Host memory for some rows of x, target and weight, used again and again."""

    def __init__(self, backend: Backend, batch: int, x: Any, target: Any, weight: Any, *, labels: bool) -> None:
        """Like the arrays given (rows, ...), for a whole number of batches. labels: the target holds integers."""
        self.backend, self.rows, host = backend, 0, host_namespace()
        per_row = 8 * (prod(x.shape[1:]) + prod(target.shape[1:]) + (1 if weight is None else prod(weight.shape[1:])))
        self.capacity = max(BYTES // (per_row * batch), 1) * batch
        self.piece = max(PIECE // per_row, 1)
        kinds = (backend.dtype, host.int64 if labels else backend.dtype, backend.dtype)
        self.arrays: list[Any] = [
            None if like is None else host.empty((self.capacity, *like.shape[1:]), dtype=kind)
            for like, kind in zip((x, target, weight), kinds, strict=True)
        ]
        self.shared: list[Array | None] = [None if a is None else backend.share(a) for a in self.arrays]

    @property
    def widths(self) -> list[Any]:
        """The shapes of a row of x, target and weight."""
        return [None if a is None else a.shape[1:] for a in self.arrays]

    def put(self, x: Any, target: Any, weight: Any, rows: Any = None, asked: Any = None) -> Any:
        """These rows, or those with these numbers, behind those that are there; x as it is kept.

        asked: for each of the rows, whether its x is needed; what is not is not read.
        """
        start, self.rows = self.rows, self.rows + (x.shape[0] if rows is None else len(rows))
        with host_namespace().errstate(over="ignore"):  # what is beyond the type is found in it, infinite
            for array, given in zip(self.arrays, (x, target, weight), strict=True):
                if array is None:
                    continue
                part = array[start : self.rows]
                if asked is not None and given is x:
                    part[asked] = given[rows[asked]]
                elif rows is not None and given.dtype == array.dtype:
                    given.take(rows, 0, part, "clip")  # the numbers are right, and looking at them takes a copy
                else:
                    part[...] = given if rows is None else given[rows]
        return self.arrays[0][start : self.rows]

    def batches(self, size: int) -> Iterator[tuple[Array, Array, Array | None, Array]]:
        """The rows that are there as x, target, weight and row numbers (batches, size), the last perhaps shorter."""
        arrays: list[Any] = []
        for array, shared in zip(self.arrays, self.shared, strict=True):
            move = self.backend.floats if array is None or array.dtype.kind == "f" else self.backend.integers
            arrays.append(array if array is None else move(array[: self.rows]) if shared is None else shared)
        numbers, self.rows = host_namespace().arange(self.rows), 0
        full = len(numbers) // size * size
        for part in (numbers[:full].reshape(-1, size), numbers[full:].reshape(1, -1)):
            if part.size:
                yield arrays[0], arrays[1], arrays[2], self.backend.integers(part)
