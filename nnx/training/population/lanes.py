"""The steps of a population: one program for all members, or several that run side by side.

On a GPU, and with a library that uses all cores by itself, one program holds all members. NumPy's matrix products of
small networks keep one core busy: there the members are dealt out to lanes, as many as there are cores, and threads run
them. Members that train on the same rows in the same order share a lane, so that the rows are taken once for
all of them. Few or very small networks stay together: a thread would wait for the other's Python.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from ...backends import Backend, Plain
from ...backends.native.record import mapped
from ...backends.numpy import namespace as host_namespace
from ...contract import Array, Params
from ..data import Batches
from ..engine import Program
from ..interrupt import Interrupt
from ..parts import loop_of
from ..step import Carry, InParts, Step

ENOUGH = 3 * 2**19  # bytes that a step of a lane works on, below which threads cost more than they bring
LAYING = 2**28  # bytes that steps work on in the time that lanes take to be laid anew, about
SHARED = 4  # members with the same rows in the same order that are worth a lane of their own

T = TypeVar("T")
Make = Callable[[list[int], int], Step | InParts]  # the step of these members; how many of them have rows of their own


class Lane(Program):
    """Members whose steps are one program; its arrays have them on axis 0, in this order."""

    def __init__(self, members: list[int], carry: Carry, kept: Params, loop: Plain, mean: Params, *, own: bool) -> None:
        """kept: weights of an earlier epoch, if they are to be had again. mean: sums of the weights of epochs.

        own: whether each has row numbers of its own.
        """
        super().__init__(carry, loop)
        self.members, self.kept, self.own, self.sum = members, kept, own, mean
        self.now: Params = {}  # the parameters as they are validated and kept

    def epoch(
        self, backend: Backend, data: tuple[Any, Any, Any], orders: Sequence[Any], size: int, interrupt: Interrupt
    ) -> int:
        """One pass over the rows in each member's order; how many of them each has seen."""
        rows, zero = self.rows(orders), backend.floats([0.0] * len(self.members))
        count, full = len(rows), rows.shape[1] // size * size

        def batches() -> Iterator[Batches]:
            for part in (rows[:, :full].reshape(count, -1, size), rows[:, full:].reshape(count, 1, -1)):
                if part.size:
                    numbers = part.swapaxes(0, 1).reshape(part.shape[1], -1)  # one member's after the other's
                    yield *data, backend.integers(numbers)

        return self.run(batches(), zero, interrupt, members=count)

    def rows(self, orders: Sequence[Any]) -> Any:
        """Row numbers (members or 1, rows) on the host."""
        return host_namespace().stack([orders[k] for k in self.members] if self.own else [orders[self.members[0]]])


class Lanes:
    """The lanes of a population, and the threads that run them."""

    def __init__(self, backend: Backend, make: Make, compile: bool | str, epochs: int, bytes_each: int) -> None:
        self.backend, self.make, self.compile, self.epochs = backend, make, compile, epochs
        self.bytes_each = bytes_each  # of a member
        self.lanes: list[Lane] = []
        self.idle = 0  # bytes that steps have worked on for members that had stopped, since the lanes were laid
        self.known: dict[str, bool] = {}  # of a run that is gone on with: which kinds of steps are compiled
        self.workers = 1
        self.cores = ExitStack()
        self.pool: ThreadPoolExecutor | None = None

    @contextmanager
    def threads(self) -> Iterator[None]:
        """While it lasts, lanes run side by side where that is possible."""
        self.workers = self.backend.lanes
        with ThreadPoolExecutor(self.workers, "nnx") as self.pool, self.cores:
            yield

    def lay(
        self, carry: Carry, kept: Params, members: Sequence[int], orders: Sequence[Any], mean: Params | None = None
    ) -> None:
        """Deal out the members, whose arrays have them on axis 0 in this order."""
        tree = carry, kept, mean or {}
        place = {k: i for i, k in enumerate(members)}
        self.lanes = []
        for part, own in self._parts(members, orders):
            whole = part == list(members)
            mine = tree if whole else self.taken(tree, [place[k] for k in part])
            loop = loop_of(self.backend, self.make(part, len(part) if own else 0), self.compile, self.epochs)
            loop.restore(self.known)
            self.lanes.append(Lane(part, mine[0], mine[1], loop, mine[2], own=own))
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
        """The number of lanes that so many members are worth."""
        return max(1, min(self.workers, len(members), len(members) * self.bytes_each // ENOUGH))

    def spare(self, live: Sequence[int], orders: Sequence[Any], steps: int) -> None:
        """Go on with the live members alone if half have stopped, and have since taken as long as lanes to be laid.

        steps: of an epoch.
        """
        laid = sum(len(lane.members) for lane in self.lanes)
        self.idle += (laid - len(live)) * self.bytes_each * steps
        if len(live) <= laid // 2 and self.idle >= LAYING:
            self.keep(live, orders)

    def keep(self, members: Sequence[int], orders: Sequence[Any]) -> None:
        """Go on with these members alone."""
        (carry, best, mean), order = self.whole(members)
        self.idle = 0
        self.lay(carry, best, order, orders, mean)

    def whole(self, members: Sequence[int]) -> tuple[tuple[Carry, Params, Params], list[int]]:
        """Carry, kept weights and sums of these members from all lanes, and their order in them."""
        kept = []
        for lane in self.lanes:
            places = [i for i, k in enumerate(lane.members) if k in set(members)]
            if places:
                tree = lane.carry, lane.kept, lane.sum
                kept.append((self.taken(tree, places), [lane.members[i] for i in places]))
        xp = self.backend.xp
        trees = [arrays for arrays, _ in kept]
        tree = trees[0] if len(trees) == 1 else concatenated(trees, lambda parts: xp.concat(parts, axis=0))
        return tree, [k for _, part in kept for k in part]

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
    def choices(self) -> dict[str, bool]:
        """For each kind of steps, whether it is compiled."""
        found = dict(self.known)
        for lane in self.lanes:
            found |= lane.loop.choices
        return found

    @choices.setter
    def choices(self, known: dict[str, bool]) -> None:
        self.known = dict(known)


def concatenated(trees: Sequence[Any], join: Callable[[list[Array]], Array]) -> Any:
    """Trees of one form as one tree, its arrays joined; numbers without axes are the first tree's."""
    first = trees[0]
    if isinstance(first, dict):
        return {name: concatenated([tree[name] for tree in trees], join) for name in first}
    if isinstance(first, tuple):
        parts = [concatenated(list(part), join) for part in zip(*trees, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    return join(list(trees)) if first.ndim else first
