"""The members of one kind in runs: as many in each as fit in the free memory."""

from collections.abc import Sequence
from math import prod

from ...backends import Backend
from ...backends.native.record import Refused
from ..memory import PART, too_little
from ..settings import Settings
from .member import Member, Rows
from .members import Members, Sources

SMALL = 0.05  # of the free memory, below which nobody need reckon how many members fit


def in_runs(
    settings: Settings,
    backend: Backend,
    data: Sources,
    numbers: Sequence[int],
    members: Sequence[Member],
    rows: Sequence[Rows],
    most: int | None,
) -> list[list[int]]:
    """The members in runs of at most so many, or of as many as fit in the free memory."""
    if most is None:
        one = [members[numbers[0]]], [rows[numbers[0]]]
        most = 1 if len(numbers) == 1 else fitting(Members(settings, backend, data, *one), len(numbers))
    count = -(-len(numbers) // most)
    return [list(numbers[len(numbers) * i // count : len(numbers) * (i + 1) // count]) for i in range(count)]


def fitting(one: Members, count: int) -> int:
    """The number of members like this one, of so many, that fit in memory. Raises OutOfMemoryError if not one does."""
    backend, free = one.backend, one.backend.free_memory()
    carry, start, _, _ = one.begin()
    if not free or count * one.bytes_each < SMALL * free:
        return count
    weights = sum(prod(p.shape) for p in start.values()) * (4 if backend.dtype == "float32" else 8)
    slots = sum(isinstance(slot, dict) for slot in carry.state.values())
    kept: int = weights * (3 + slots)  # as they are, those that are kept, those of the next epoch's beginning

    def needs(batch_size: int) -> int:
        try:
            return one.needs(batch_size) + kept
        except Refused:
            return one.bytes_each + kept

    needed = needs(one.batch)
    if needed > PART * free:
        what, parts = "a step of one member", one.settings.micro_batches
        raise too_little(backend, one.batch, needs, what, parts=parts)
    return min(count, int(PART * free / needed))
