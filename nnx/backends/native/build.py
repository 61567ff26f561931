"""A program compiled: its operations as one function of two tables, which runs all steps of an epoch.

The text of the function holds for any addresses and any sizes, so that it is compiled once on a machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .alone import product, taken
from .calls import refusing
from .code import Code, type_of
from .emit import Loops
from .kernel import Kernel
from .machine import function
from .memory import ALIGNED, blocks_of
from .passes import WINDOWS, as_pass
from .program import Program, address
from .schedule import by_rows
from .windows import windows

HEAD = """declare float @llvm.sqrt.f32(float)
declare double @llvm.sqrt.f64(double)
declare float @llvm.fma.f32(float, float, float)
declare double @llvm.fma.f64(double, double, double)
declare float @llvm.fabs.f32(float)
declare double @llvm.fabs.f64(double)
attributes #0 = { nounwind noinline "no-builtins" }
!0 = distinct !{!0}"""


Run = Callable[[Any, int, int], None]


@dataclass
class Plan:
    """A compiled program, and what its tables are filled with: see `Kernel`."""

    program: Program
    rows: Any  # the type of the row numbers of a batch, or None
    run: Callable[..., int]
    more: list[Any]  # memory beyond what is given: so many bytes of results, or an array of constants
    bases: Any  # for each address in the table, which memory it is in: 0 for none, 1 for the row numbers of a batch
    offsets: Any
    numbers: Any


PLANS = 256  # that are kept, because a program of the same operations may come again
_plans: list[Plan] = []


def planned(program: Program, rows: Any, *, worth: bool = True) -> Plan | None:
    """The plan of a program, made once. rows: the type of the row numbers of a batch, or None. Raises Refused.

    worth: as `machine.function` has it.
    """
    for plan in _plans:
        if plan.rows == rows and (plan.program is program or plan.program.same(program)):
            return plan
    kernels = _kernels(program)
    run = function(_text(kernels, rows), worth=worth)
    if run is None:
        return None
    plan = _plan(program, rows, kernels, run)
    _plans.insert(0, plan)
    del _plans[PLANS:]
    return plan


def _plan(program: Program, rows: Any, kernels: list[Kernel], run: Callable[..., int]) -> Plan:
    results, more = _results(program, kernels)
    places, numbers = [(1, 0)], [x for kernel in kernels for x in kernel.numbers]
    for spec in (spec for kernel in kernels for spec in kernel.addresses):
        match spec:
            case ("view", buffer, offset):
                places.append((2 + results.get(buffer, buffer), offset))
            case ("scratch" | "constant", extra):
                places.append((2 + program.leaves + len(more), 0))
                more.append(extra)
            case (_, function_or_data):
                places.append((0, function_or_data))
    table = np.zeros(len(numbers) + 1, dtype=np.int64)
    for slot, x in enumerate(numbers):
        table[slot : slot + 1].view(np.uint8)[: np.asarray(x).nbytes] = np.atleast_1d(x).view(np.uint8)
    bases, offsets = (np.array(column, dtype=np.int64) for column in zip(*places, strict=True))
    return Plan(program, rows, run, more, bases, offsets, table)


def _results(program: Program, kernels: list[Kernel]) -> tuple[dict[int, int], list[Any]]:
    """Where the buffers lie that are not given, and the bytes of each piece of memory for them.

    What is no longer needed gives its place to what comes; the place that was left last is taken first, because it is
    still in the processor's cache.
    """
    used = [{spec[1] for spec in kernel.addresses if spec[0] == "view"} for kernel in kernels]
    last = {buffer: number for number, buffers in enumerate(used) for buffer in buffers}
    places: dict[int, int] = {}
    sizes: list[Any] = []
    free: list[int] = []
    for number, buffers in enumerate(used):
        own = sorted(buffer for buffer in buffers if buffer >= program.leaves)
        for buffer in own:
            if buffer not in places:
                size = program.sizes[buffer]
                fits = [place for place in free if size <= sizes[place] <= 2 * size + ALIGNED]
                if fits:
                    free.remove(fits[-1])
                else:
                    sizes.append(size)
                places[buffer] = fits[-1] if fits else len(sizes) - 1
        free += [places[buffer] for buffer in own if last[buffer] == number]
    return {buffer: program.leaves + place for buffer, place in places.items()}, sizes


def _text(kernels: list[Kernel], rows: Any) -> str:
    names: dict[str, str] = {}
    code = Code()
    p, n = 1, 0  # the first entries of a function in the tables
    code.open("s", "%stop", "%start")
    if rows is not None:
        kind = type_of(rows)
        own, first = code.value("load ptr, ptr %p"), code.value("mul nsw i64 %s, %width")
        with code.loop("%width") as i:
            number = code.value(f"add nsw i64 {first}, {i}")
            value = code.value(f"load {kind}, ptr {code.offset('%batches', number, kind)}")
            code.line(f"store {kind} {value}, ptr {code.offset(own, i, kind)}")
    for kernel in kernels:
        text = kernel.text
        name = names.setdefault(text, f"@k{len(names)}")
        bad = code.value(
            f"call i32 {name}(ptr {code.offset('%p', str(p), 'ptr')}, ptr {code.offset('%n', str(n), 'i64')})"
        )
        if "ret i32 1" in text:
            code.count += 1
            code.line(f"br i1 {code.value(f'icmp eq i32 {bad}, 0')}, label %go{code.count}, label %failed")
            code.line(f"go{code.count}:")
        p, n = p + len(kernel.addresses), n + len(kernel.numbers)
    code.close("s")
    lines = ["define i32 @run(ptr %p, ptr %n, ptr %batches, i64 %width, i64 %start, i64 %stop) #0 {", *code.variables]
    lines += [*code.lines, "ret i32 0", "failed:", "ret i32 1", "}", HEAD]
    scopes = range(max((len(kernel.scopes) for kernel in kernels), default=0))
    lines += [f"!{3 * k + 1} = distinct !{{!{3 * k + 1}, !0}}\n!{3 * k + 2} = !{{!{3 * k + 1}}}" for k in scopes]
    for k in scopes:
        lines.append(f"!{3 * k + 3} = !{{{', '.join(f'!{3 * other + 1}' for other in scopes if other != k)}}}")
    return "\n".join([*(text.replace("@kernel", name) for text, name in names.items()), *lines])


def _kernels(program: Program) -> list[Kernel]:
    groups = by_rows([as_pass(op) for op in program.operations])
    touched: list[set[int]] = [{v.buffer for p in g.passes for v in p.views()} for g in groups]
    found: list[Kernel] = []
    for number, group in enumerate(groups):
        first = group.passes[0]
        if first.op.kind == "matmul":
            found.append(product(first))
        elif first.op.kind in WINDOWS:
            found.append(windows(first))
        elif first.op.kind == "take":
            found.append(taken(first))
        else:
            others = set(range(program.leaves)).union(*(t for k, t in enumerate(touched) if k != number))
            found.append(Loops(group, program, others))
    return found


def compiled(program: Program, given: Sequence[Any], rows: Any, *, worth: bool) -> Run | None:
    """A function (row numbers of batches, start, stop) that runs the program on the batches from start to stop.

    rows: the array among the program's leaves that takes the row numbers of a batch, or None. worth: as
    `machine.function` has it, and what is then None is None here. Raises Refused.
    """
    with refusing():
        plan = planned(program, None if rows is None else rows.dtype, worth=worth)
    return None if plan is None else bound(plan, given, rows)


def bound(plan: Plan, given: Sequence[Any], rows: Any) -> Run:
    """The same for a plan."""
    pieces = iter(blocks_of([x for x in plan.more if isinstance(x, int)]))
    more = [next(pieces) if isinstance(x, int) else x for x in plan.more]
    own = _NONE if rows is None else rows
    starts = [0, *map(address, [own, *given, *more])]
    addresses = np.array(starts, dtype=np.int64)[plan.bases] + plan.offsets
    held = (given, own, more, addresses, plan)
    p, n, width, run = address(addresses), address(plan.numbers), own.size, plan.run

    def steps(batches: Any, start: int, stop: int) -> None:
        if run(p, n, address(np.ascontiguousarray(batches)), width, start, stop):
            raise IndexError("row number out of range")

    steps.held = held  # type: ignore[attr-defined]  # as long as it is run
    return steps


_NONE = np.empty(0, dtype=np.int64)
