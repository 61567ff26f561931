"""The steps of a population: one program for all members, or several that run side by side.

On a GPU, and with a library that uses all cores by itself, one program holds all members. NumPy's matrix products of
small networks keep one core busy: there the members are dealt out to lanes, as many as there are cores, and threads run
them. Members that train on the same rows in the same order share a lane, so that the rows are taken once for
all of them. Few or very small networks stay together: a thread would wait for the other's Python.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from ...backends import Backend, Plain
from ...backends.native.record import mapped
from ...backends.numpy import namespace as host_namespace
from ...contract import Array, Params
from ..interrupt import Interrupt
from ..step import Carry, Step

ENOUGH = 3 * 2**19  # bytes that a step of a lane works on, below which threads cost more than they bring
SHARED = 4  # members with the same rows in the same order that are worth a lane of their own
PATIENCE = 0.05  # seconds of steps between two looks at whether Ctrl-C was pressed

T = TypeVar("T")
Make = Callable[[list[int], int], Step]  # the step of these members; how many of them have rows of their own


@dataclass
class Lane:
    """Members whose steps are one program; its arrays have them on axis 0, in this order."""

    members: list[int]
    carry: Carry
    kept: Params  # weights of an earlier epoch, if they are to be had again
    loop: Plain
    own: bool  # whether each has row numbers of its own
    stride: int = 1  # steps at once

    def run(
        self, backend: Backend, data: tuple[Any, Any, Any], orders: Sequence[Any], size: int, interrupt: Interrupt
    ) -> int:
        """One pass over the rows in each member's order; how many of them each has seen."""
        seen, rows, count = 0, self._rows(orders), len(self.members) if self.own else 1
        self.carry = self.carry._replace(total=backend.floats([0.0] * len(self.members)))
        full = rows.shape[1] // size * size
        for part in (rows[:, :full].reshape(count, -1, size), rows[:, full:].reshape(count, 1, -1)):
            if not part.size:
                continue
            batches = backend.integers(part.swapaxes(0, 1).reshape(part.shape[1], -1))
            start = 0
            while start < part.shape[1] and not (interrupt.seen and seen):
                stop, began = min(start + self.stride, part.shape[1]), perf_counter()
                self.carry = self.loop(self.carry, data[0], data[1], data[2], batches, start, stop)
                seen += (stop - start) * part.shape[2]
                start = stop
                if perf_counter() - began < PATIENCE:
                    self.stride *= 2
        return seen

    def _rows(self, orders: Sequence[Any]) -> Any:
        """Row numbers (members or 1, rows) on the host."""
        return host_namespace().stack([orders[k] for k in self.members] if self.own else [orders[self.members[0]]])


class Lanes:
    """The lanes of a population, and the threads that run them."""

    def __init__(self, backend: Backend, make: Make, compile: bool | str, epochs: int, bytes_each: int) -> None:
        self.backend, self.make, self.compile, self.epochs = backend, make, compile, epochs
        self.bytes_each = bytes_each  # of a member
        self.lanes: list[Lane] = []
        self.workers = 1
        self.cores = ExitStack()
        self.pool: ThreadPoolExecutor | None = None

    @contextmanager
    def threads(self) -> Iterator[None]:
        """While it lasts, lanes run side by side where that is possible."""
        self.workers = self.backend.lanes
        with ThreadPoolExecutor(self.workers, "nnx") as self.pool, self.cores:
            yield

    def lay(self, carry: Carry, kept: Params, members: Sequence[int], orders: Sequence[Any]) -> None:
        """Deal out the members, whose arrays have them on axis 0 in this order."""
        place = {k: i for i, k in enumerate(members)}
        self.lanes = []
        for part, own in self._parts(members, orders):
            whole = part == list(members)
            own_carry, own_kept = (carry, kept) if whole else self.taken((carry, kept), [place[k] for k in part])
            loop = self.backend.loop(self.make(part, len(part) if own else 0), self.compile, self.epochs)
            self.lanes.append(Lane(part, own_carry, own_kept, loop, own))
        self.cores.close()
        if len(self.lanes) > 1:
            self.cores.enter_context(self.backend.one_core())

    def _parts(self, members: Sequence[int], orders: Sequence[Any]) -> Iterator[tuple[list[int], bool]]:
        """The members of each lane, and whether they have rows of their own."""
        same: dict[int, list[int]] = {}
        for k in members:
            same.setdefault(id(orders[k]), []).append(k)
        if self._count(members) == 1:
            yield list(members), len(same) > 1
            return
        several = [part for part in same.values() if len(part) >= SHARED and len(part) * self.bytes_each >= ENOUGH]
        rest = [k for part in same.values() if part not in several for k in part]
        for part, own in [*((part, False) for part in several), *([(rest, len(same) > 1)] if rest else [])]:
            count = self._count(part)
            for i in range(count):
                lane = part[len(part) * i // count : len(part) * (i + 1) // count]
                yield lane, own and len(lane) > 1

    def _count(self, members: Sequence[int]) -> int:
        """How many lanes so many members are worth."""
        return max(1, min(self.workers, len(members), len(members) * self.bytes_each // ENOUGH))

    def keep(self, members: Sequence[int], orders: Sequence[Any]) -> None:
        """Go on with these members alone."""
        kept = []
        for lane in self.lanes:
            places = [i for i, k in enumerate(lane.members) if k in set(members)]
            if places:
                kept.append((self.taken((lane.carry, lane.kept), places), [lane.members[i] for i in places]))
        xp = self.backend.xp
        carry, best = together([arrays for arrays, _ in kept], lambda parts: xp.concat(parts, axis=0))
        self.lay(carry, best, [k for _, part in kept for k in part], orders)

    def taken(self, tree: Any, places: Sequence[int]) -> Any:
        """The members at these places of all arrays of a tree; a number for all of them stays."""
        index = self.backend.integers(list(places))
        xp = self.backend.xp
        return mapped(lambda a: xp.take(a, index, axis=0) if a.ndim else xp.asarray(a, copy=True), tree)

    def each(self, function: Callable[[Lane], T]) -> list[T]:
        """The function of every lane, side by side."""

        def inside(lane: Lane) -> T:
            with self.backend.scope():  # a thread has settings of its own
                return function(lane)

        if self.workers == 1 or len(self.lanes) == 1 or self.pool is None:
            return [function(lane) for lane in self.lanes]
        return list(self.pool.map(inside, self.lanes))

    @property
    def how(self) -> str:
        """How the steps were run."""
        return self.lanes[0].loop.how if self.lanes else Plain.how


def together(trees: Sequence[Any], join: Callable[[list[Array]], Array]) -> Any:
    """Trees of one form as one tree, its arrays joined; numbers without axes are the first tree's."""
    first = trees[0]
    if isinstance(first, dict):
        return {name: together([tree[name] for tree in trees], join) for name in first}
    if isinstance(first, tuple):
        parts = [together(list(part), join) for part in zip(*trees, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    return join(list(trees)) if first.ndim else first
