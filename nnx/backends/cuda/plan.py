"""Which operations of a program share a kernel, and where in one piece of memory its temporary results lie."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from ..native.calls import Refused
from ..native.passes import ALONE, Pass, as_pass
from ..native.program import Operation, Program, View
from ..native.schedule import Shared, by_columns, hazard, placed, same_element, same_row, sunk

WIDE = 4096  # elements of a vector from which on it is spread over the whole device
FEW = 2**16  # elements up to which passes over the same rows share a kernel even if none needs a whole row
MANY = 1024  # rows from which on they do so too
FULL = 264  # blocks: two for each of the 132 multiprocessors of an H100 or H200
LONG = 128  # rows that a block adds up at least
AGAIN = 12  # operations up to which an element of a row is made again where it is needed again
APART = 256  # bytes: where the parts of the memory begin


@dataclass(frozen=True, eq=False)
class Work:
    """Operations done by one launch.

    kind: "elements" (a thread for each), "rows" (a team of threads for each row), "columns" (a sum over the rows for
    each column, and what makes the numbers that are added up), "total" (everything of the last axes added up),
    "batch" (the rows of the batch taken), "take" or "matmul".
    """

    kind: str
    items: list[Shared]

    @property
    def passes(self) -> list[Pass]:
        return [p for item in self.items for p in item.passes]

    @property
    def first(self) -> Pass:
        found: Pass = self.items[0].passes[0]
        return found

    @property
    def buffers(self) -> set[int]:
        return {buffer for p in self.passes for buffer in p.op.touched}


def works(program: Program, sources: Sequence[int]) -> list[Work]:
    """The launches that run the program, one after another.

    sources: the leaves with the batch's row numbers and with the data, which are elsewhere in every call; or none.
    Raises Refused.
    """
    operations = _converted(program.operations, program.leaves, set(sources[1:]), "copy")
    operations = _converted(operations, program.leaves, set(sources[1:]), "round")
    passes = [_simpler(as_pass(op, exact=False)) for op in operations]
    of_batch = [p for p in passes if any(view.buffer in sources for view in p.views())]
    for p in of_batch:
        if p.op.kind != "take" or p.op.inputs[0].buffer not in sources[1:] or p.op.inputs[1].buffer != sources[0]:
            raise Refused("the data, or its row numbers, are used for more than taking the batch's rows")
    numbers = {(p.op.inputs[1].offset, p.op.inputs[1].size) for p in of_batch}
    if len(numbers) > 1 or any(offset for offset, _ in numbers):
        raise Refused("a part of the batch's rows is taken")

    def space(p: Pass) -> Any:
        return "batch" if p in of_batch else _space(p)

    groups = sunk(placed(passes, space, _conflict), _conflict)
    found = [work for group in groups for work in _split(group)]
    return _with_sums(found)


def _converted(operations: Sequence[Operation], leaves: int, data: set[int], how: str) -> list[Operation]:
    """The operations, where rows of data that are only taken to be converted, or rounded, are so as they are taken."""
    readers: dict[int, list[Operation]] = {}
    for op in operations:
        for view in op.reads:
            readers.setdefault(view.buffer, []).append(op)
    taken: dict[int, Operation] = {}  # by the buffer that nobody will need
    for op in operations:
        found = readers.get(op.output.buffer, [])
        of_data = op.kind == "take" and op.inputs[0].buffer in data and op.output.buffer >= leaves
        if of_data and len(found) == 1 and found[0].kind == how and found[0].inputs[0] == op.output:
            taken[op.output.buffer] = op
    kept = []
    for op in operations:
        source = op.reads[0].buffer if op.kind == how and op.reads else -1
        if source in taken:
            output = replace(op.output, shape=taken[source].output.shape)
            op = replace(taken[source], output=output, settings={"axis": 0, "round": how == "round"})
        elif op.output.buffer in taken:
            continue
        kept.append(op)
    return kept


def _simpler(p: Pass) -> Pass:
    """A total of everything as one of a vector, where its numbers lie one after another."""
    if len(p.reduced) < len(p.shape) or len(p.shape) == 1 or not p.op.reads[0].whole:
        return p
    x, size = p.op.reads[0], prod(p.shape)
    x = replace(x, shape=(size,), strides=(x.dtype.itemsize,))
    out = replace(p.op.output, shape=(), strides=())
    op = replace(p.op, inputs=(x,), output=out, settings={"axis": None, "keepdims": False})
    return Pass(op, (size,), (0,))


def _is_wide(p: Pass) -> bool:
    return not p.rows and p.columns > WIDE


def _space(p: Pass) -> Any:
    if p.op.kind in ALONE or p.over_rows or (_is_wide(p) and p.reduced):
        return None
    return ("wide", p.columns) if _is_wide(p) else ("rows", p.rows)


def _conflict(first: Pass, second: Pass) -> str:
    wide = _is_wide(first) and _is_wide(second)
    return hazard(first, second, same_element if wide else _same_team)


def _same_team(first: Pass, a: View, second: Pass, b: View) -> bool:
    return not _is_wide(first) and not _is_wide(second) and same_row(first, a, second, b)


def _split(group: Shared) -> list[Work]:
    first = group.passes[0]
    alone = [Shared(None, [first])]
    if group.space == "batch":
        return [Work("batch", [Shared(None, group.passes)])]
    if first.op.kind in ALONE:
        return [Work(first.op.kind, alone)]
    if group.space is None:
        return [Work("total" if len(first.shape) - 1 in first.reduced else "columns", alone)]
    items = by_columns(group.passes)
    size = max(prod(p.shape) for p in group.passes)
    if any(p.within_row for p in group.passes) or (
        len(items) > 1 and (not first.rows or size <= FEW or prod(first.rows) >= MANY)
    ):
        return [Work("rows", items)]
    return [Work("elements", [item]) for item in items]


def parts_of_columns(rows: int, columns: int) -> int:
    """How many parts a sum over the rows is made in, a block for 32 columns of each: as many as fill the device."""
    return max(1, min(-(-FULL * 32 // columns), rows // LONG))


def _with_sums(plan: list[Work]) -> list[Work]:
    """Sums over the rows in the loops that make the numbers added up."""
    for work in [w for w in plan if w.kind == "columns"]:
        p = work.first
        before = [w for w in plan[: plan.index(work)] if any(hazard(q, p, _never) for q in w.passes)]
        if not before or before[-1].kind != "elements" or before[-1].first.shape != p.shape:
            continue
        maker = before[-1]
        if all(hazard(q, p, same_element) != "after" for q in maker.passes):
            plan[plan.index(maker)] = Work("columns", [Shared(None, [*maker.passes, p])])
            plan.remove(work)
    return plan


def _never(*views: Any) -> bool:
    return False


def in_registers(plan: Sequence[Work], leaves: int) -> set[int]:
    """The buffers that need no memory: what is used only in the loop over elements, or the row, that it is made in."""
    uses: dict[int, list[tuple[Work, Shared, Pass, View]]] = {}
    for work in plan:
        for item in work.items:
            for p in item.passes:
                for view in p.views():
                    uses.setdefault(view.buffer, []).append((work, item, p, view))
    again = {id(work): _made_again(work, leaves) for work in plan if work.kind == "rows"}
    return {b for b, found in uses.items() if b >= leaves and _is_local(found, b in again.get(id(found[0][0]), ()))}


def _is_local(found: list[tuple[Work, Shared, Pass, View]], again: bool) -> bool:
    work, item, first, view = found[0]
    if work.kind not in ("elements", "rows", "columns"):
        return False
    if any(w is not work or (v.offset, v.dtype) != (view.offset, view.dtype) for w, _, _, v in found):
        return False
    strides = first.strides(view)
    every = [p.strides(v) for _, _, p, v in found]
    if work.kind == "rows" and all(s[:-1] == strides[:-1] and s[-1] == 0 for s in every):
        return True  # a number of the row
    return all(s == strides for s in every) and (
        all(i is item for _, i, _, _ in found) or (again and all(p.shape == first.shape for _, _, p, _ in found))
    )


def _made_again(work: Work, leaves: int) -> set[int]:
    """The elements of rows that a later loop over the row makes again from what is there, instead of reading them."""
    written = [p.op.output.buffer for p in work.passes]
    numbers = {p.op.output.buffer for p in work.passes if p.within_row or p.columns == 1}
    steps: dict[int, int] = {}  # operations that it takes
    for p in work.passes:
        buffer, reads = p.op.output.buffer, [view.buffer for view in p.op.reads]
        if buffer < leaves or buffer in numbers or written.count(buffer) > 1:
            continue
        lasting = all(b in steps or b not in written or (b in numbers and written.count(b) == 1) for b in reads)
        steps_now = 1 + sum(steps.get(b, 0) for b in reads)
        if lasting and steps_now <= AGAIN:
            steps[buffer] = steps_now
    return set(steps)


def branches(plan: Sequence[Work]) -> dict[int, int]:
    """The products that the next launch does not wait for, and the first launch that does: they can run beside those
    between. By numbers in the plan; one that no launch waits for is over with the last."""
    found = {}
    for number, work in enumerate(plan):
        if work.kind == "matmul":
            output, inputs = work.first.op.output.buffer, {view.buffer for view in work.first.op.reads}
            later = number + 1
            while later < len(plan) and output not in plan[later].buffers and not inputs & _written(plan[later]):
                later += 1
            if later > number + 1:
                found[number] = later
    return found


def _written(work: Work) -> set[int]:
    return {p.op.output.buffer for p in work.passes}


def arena(
    plan: Sequence[Work], program: Program, held: Set[int], beside: Mapping[int, int] | None = None
) -> tuple[dict[int, int], int]:
    """Where each temporary buffer begins in one piece of memory, and the bytes of it; those never in use at the same
    time may lie in the same place. held: the buffers that have no place in it; beside: as `branches` gives them."""
    ends: dict[int, tuple[int, int]] = {}  # first and last launch that looks at it
    for number, work in enumerate(plan):
        last = (beside or {}).get(number, number + 1) - 1
        for buffer in work.buffers - held:
            if buffer >= program.leaves:
                before = ends.get(buffer, (number, 0))
                ends[buffer] = before[0], max(before[1], last)
    places: dict[int, int] = {}
    for buffer in sorted(ends, key=lambda b: -program.sizes[b]):
        first, last = ends[buffer]
        size = aligned(program.sizes[buffer])
        start = 0
        for other in sorted((b for b in places if ends[b][0] <= last and first <= ends[b][1]), key=places.__getitem__):
            if start + size <= places[other]:
                break
            start = max(start, places[other] + aligned(program.sizes[other]))
        places[buffer] = start
    return places, max((places[b] + aligned(program.sizes[b]) for b in places), default=0)


def aligned(size: int) -> int:
    """The bytes with those up to where the next part may begin."""
    return -(-size // APART) * APART


def scratch(program: Program, size: int) -> int:
    """The number of a new temporary buffer."""
    program.sizes.append(size)
    return len(program.sizes) - 1
