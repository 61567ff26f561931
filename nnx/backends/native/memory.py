"""Where the results of a program's operations lie."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .program import Operation, Program, address

ALIGNED = 64  # bytes


def lives(program: Program) -> dict[int, tuple[int, int]]:
    """The first and the last operation that looks at each buffer that is not given."""
    found: dict[int, tuple[int, int]] = {}
    for number, op in enumerate(program.operations):
        for view in op.views:
            if view.buffer >= program.leaves:
                found[view.buffer] = (found.get(view.buffer, (number, 0))[0], number)
    return found


def most_in_use(program: Program) -> int:
    """The bytes of the temporary results that are needed at one time when the operations are run one after another."""
    found = lives(program)
    counts = [
        sum(program.sizes[buffer] for buffer, (first, last) in found.items() if first <= number <= last)
        for number in range(len(program.operations))
    ]
    return max(counts, default=0)


def in_turn(program: Program, given: Sequence[Any]) -> list[Any]:
    """The memory of each buffer, the arrays given and new ones, for operations that are run in their order.

    What is no longer needed gives its place to what comes.

    An element-wise function writes in the place of an argument that nothing else will look at. The place that was left
    last is taken first, because it is still in the processor's cache.
    """
    found = lives(program)
    blocks: dict[int, int] = {}  # the number of the block that each buffer lies in
    sizes: list[int] = []  # of blocks
    free: list[int] = []
    for number, op in enumerate(program.operations):
        out = op.output.buffer
        done = {view.buffer for view in op.views if found.get(view.buffer, (0, -1))[1] == number}
        if out in found and out not in blocks:
            size = program.sizes[out]
            own = next((b for b in done if b != out and program.sizes[b] == size and _can_be(op, b)), None)
            if own is not None:
                blocks[out] = blocks[own]
                done.discard(own)
            else:
                fits = [i for i, place in enumerate(free) if size <= sizes[place] <= 2 * size + ALIGNED]
                blocks[out] = free.pop(fits[-1]) if fits else len(sizes)
                if not fits:
                    sizes.append(size)
        free += [blocks[b] for b in done]
    places = blocks_of(sizes)
    memory = [*given, *([None] * (len(program.sizes) - program.leaves))]
    for buffer, place in blocks.items():
        memory[buffer] = places[place]
    return memory


def _can_be(op: Operation, buffer: int) -> bool:
    """Whether the operation may write on this buffer, element by element as it reads it."""
    if op.kind != "ufunc" or op.function.signature is not None or op.settings:
        return False
    out = op.output
    same = [(v.offset, v.shape, v.strides, v.dtype) for v in op.reads if v.buffer == buffer]
    return all(view == (out.offset, out.shape, out.strides, out.dtype) for view in same)


def blocks_of(sizes: Sequence[int]) -> list[Any]:
    """Memory of these sizes, each of which begins where fast loads do."""
    starts, stop = [], 0
    for size in sizes:
        starts.append(stop)
        stop += -(-size // ALIGNED) * ALIGNED
    whole = np.empty(stop + ALIGNED, dtype=np.uint8)
    first = -address(whole) % ALIGNED
    return [whole[first + start : first + start + size] for start, size in zip(starts, sizes, strict=True)]
