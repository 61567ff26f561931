"""The sum of the parts of a batch, computed in one process or on several ranks, added up in a fixed tree of pairs.

The tree depends on the number of parts alone, so that any number of ranks gives the same bits.
"""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

from ..backends import Backend
from ..backends.numpy import namespace as host_namespace
from ..contract import Params
from .parallel import Ranks

SMALL = 2**14  # numbers that are rather sent to everybody at once than in pieces to who adds them up
Add = Callable[[Params, Params], Params]
Node = tuple[int, int]  # of the tree: its first part, and the one after its last


def half_of(start: int, stop: int) -> int:
    """Where the right branch of a node begins: after the largest power of two of its parts that leaves some."""
    return start + (1 << (stop - start - 1).bit_length() - 1)


def plus(total: Params, more: Params) -> Params:
    """The sum of two, on the memory of the first."""
    for name, a in more.items():
        total[name] += a
    return total


def added(part: Callable[[int], Params], start: int, stop: int, add: Add = plus) -> Params:
    """The sum of a node, ((0 + 1) + (2 + 3)) + ..., whose parts are made when it is their turn.

    No more than one sum for each level of the tree is kept; what `part` gives is written on, but for the last.
    """
    if stop - start == 1:
        return part(start)
    half = half_of(start, stop)
    return add(added(part, start, half, add), added(part, half, stop, add))


def nodes(mine: range, start: int, stop: int) -> Iterator[Node]:
    """The largest nodes, of one from start to stop, that lie within these parts."""
    if mine.start <= start and stop <= mine.stop:
        yield start, stop
    elif mine.start < stop and start < mine.stop and mine:
        half = half_of(start, stop)
        yield from nodes(mine, start, half)
        yield from nodes(mine, half, stop)


class Sums:
    """The sum of all parts from those of the ranks: memory for arrays of these shapes, and what is sent to whom.

    Each rank adds up a segment of all arrays, and gives it to the others; of few numbers all are given to all.
    """

    def __init__(self, ranks: Ranks, backend: Backend, like: Params, count: int) -> None:
        self.ranks, self.backend, self.count = ranks, backend, count
        self.on_device = backend.has_nccl and ranks.devices is not None
        self.xp = backend.xp if self.on_device else host_namespace()
        self.shapes = {name: tuple(a.shape) for name, a in like.items()}
        self.length = sum(map(prod, self.shapes.values())) + 2
        every = [list(nodes(ranks.share(count, r), 0, count)) for r in range(ranks.count)]
        self.nodes = every[ranks.number]
        self.small = self.length * sum(map(len, every)) <= SMALL
        self.counts = [self.length * len(found) for found in every]  # of what each rank gives to all
        empty, kind = self.xp.empty, getattr(self.xp, backend.dtype)
        self.mine = self.xp.zeros((len(self.nodes), self.length), dtype=kind)
        self.every = empty((sum(map(len, every)) if self.small else 0, self.length), dtype=kind)
        if self.small:
            self.leaves = dict(zip((node for found in every for node in found), self.every, strict=True))
            return
        segment = -(-self.length // ranks.count)
        others = [(ranks.number + i) % ranks.count for i in range(1, ranks.count)]
        own, *rest = (slice(r * segment, min((r + 1) * segment, self.length)) for r in (ranks.number, *others))
        begins = bool(self.nodes) and self.nodes[0][0] == 0  # then the sum is made on what this rank has packed
        self.total = self.mine[0] if begins else empty((self.length,), dtype=kind)
        self.leaves = {node: row[own] for node, row in zip(self.nodes, self.mine, strict=True)}
        for node in (node for r in others for node in every[r]):
            self.leaves[node] = self.total[own] if node[0] == 0 else self.xp.empty_like(self.total[own])
        pairs = list(zip(others, rest, strict=True))
        self.parts = (
            [(r, row[segment]) for r, segment in pairs for row in self.mine],
            [(r, self.leaves[node]) for r in others for node in every[r]],
        )
        self.sums = [(r, self.total[own]) for r in others], [(r, self.total[segment]) for r, segment in pairs]

    def __call__(self, sums: Mapping[Node, Params]) -> Params:
        ranks = self.ranks
        for i, node in enumerate(self.nodes):
            self._pack(self.mine[i], sums[node], ranks.flags if i == 0 else (False, False))
        if self.small:
            ranks.to_all(self.mine, self.every, self.counts)
            whole = self._node(0, self.count)
        else:
            ranks.exchange(*self.parts)
            self._node(0, self.count)
            ranks.exchange(*self.sums)
            whole = self.total
        if self.on_device:
            ranks.agree()  # without waiting for the device
        else:
            seen, late = whole[self.length - 2 :]
            ranks.agreed = bool(seen), bool(late)
        return self._unpacked(whole)

    def _pack(self, row: Any, arrays: Params, flags: tuple[bool, bool]) -> None:
        at = 0
        for name, shape in self.shapes.items():
            a = arrays[name] if self.on_device else self.backend.to_numpy(arrays[name])
            row[at : at + prod(shape)] = self.xp.reshape(a, (-1,))
            at += prod(shape)
        if not self.on_device:
            row[at : at + 2] = flags

    def _unpacked(self, row: Any) -> Params:
        """The arrays by name: views of the row where the backend can compute on its memory."""
        found, at = {}, 0
        for name, shape in self.shapes.items():
            part = self.xp.reshape(row[at : at + prod(shape)], shape)
            shared = part if self.on_device else self.backend.share(part)
            found[name] = self.backend.asarray(part) if shared is None else shared
            at += prod(shape)
        return found

    def _node(self, start: int, stop: int) -> Any:
        """The sum of a node, on the memory of its first leaf."""
        if (start, stop) in self.leaves:
            return self.leaves[start, stop]
        half = half_of(start, stop)
        total, more = self._node(start, half), self._node(half, stop)
        total += more
        return total
