"""One launch as the text of a CUDA C++ kernel.

Every kernel is written for any number of threads: those of a team share a row, and a thread goes on to the next
element, or its team to the next row, until all are done. BLOCK of BLOCKS blocks is the one that runs. WIDTH is the
number of threads in a warp; with WIDTH 1 a kernel is a plain loop, and a C++ compiler for the host can check it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ..native.calls import Refused
from ..native.passes import Pass
from ..native.program import View
from ..native.schedule import Shared
from .expressions import Axes, Loads, Values, cast, decomposed, indented, merged, names_of
from .formulas import type_name
from .plan import Work
from .rows import REDUCERS, Rows, sum_type

THREADS = 256  # of a block
BLOCKS = 1056  # eight for each of the 132 multiprocessors of an H100 or H200; threads go on where there are fewer
LARGE = 2**12  # elements of which four are read at once
SHORT = 256  # columns up to which one warp takes a row
# The number of the next batch, then where the row numbers and the data are; and the number of this step in its graph.
NUMBERED = ("long long *place", "long long number")


@dataclass(frozen=True)
class Launch:
    """A kernel of the text, its numbers of blocks and threads, and what its pointers point to."""

    name: str
    blocks: int
    threads: tuple[int, int]
    pointers: list[Any]  # (buffer, offset in bytes), or an array
    numbered: bool  # whether `NUMBERED` come before them
    near: int = 0  # bytes of memory that each block has for itself


@dataclass(frozen=True, eq=False)
class Partial(Work):
    """The sums of the parts of a total, or of each column; and what makes the numbers that are added up."""

    view: View  # (totals, parts), or (parts, columns)

    @property
    def buffers(self) -> set[int]:
        return super().buffers - {self.passes[-1].op.output.buffer} | {self.view.buffer}


@dataclass(frozen=True, eq=False)
class Final(Work):
    """The total of its parts."""

    view: View

    @property
    def buffers(self) -> set[int]:
        return {self.passes[-1].op.output.buffer, self.view.buffer}


class Kernel(Rows):
    """One launch as text."""

    def __init__(self, name: str, work: Work, held: set[int], sources: Sequence[int]) -> None:
        super().__init__(held, work.passes)
        self.name, self.work, self.sources = name, work, sources
        self.body, blocks, threads = getattr(self, f"_{work.kind}")()
        numbered = work.kind == "batch"
        self.arguments = [*(NUMBERED if numbered else []), *(f"{key[-1]} *{text}" for key, text in self.names.items())]
        lines = "\n".join("  " + line for line in self.body)
        head = f'extern "C" __global__ void __launch_bounds__({prod(threads)}) {name}({", ".join(self.arguments)})'
        self.text = f"{head} {{\n{lines}\n}}"
        self.launch = Launch(name, max(1, min(blocks, 2**31 - 1)), threads, self.pointers, numbered)

    # ---- kinds of kernels

    def _elements(self) -> Any:
        item = self.work.items[0]
        shape = item.passes[0].shape
        axes = merged(shape, [p.strides(v) for p in item.passes for v in p.views()] + self._constants(item.passes))
        size = prod(shape)
        fours = size // 4 if len(axes) == 1 and size >= LARGE and self._in_fours(item) else 0
        once: dict[str, None] = {}
        loops: list[str] = []
        for width, begin, end in ((4, 0, fours), (1, 4 * fours, size)):
            if begin == end:
                continue
            self.loads = loads = Loads(width)
            body = self._loop_body(item, names_of(axes))
            if width > 1:
                body = ["#pragma unroll", f"for (int k = 0; k < {width}; k++) {{", *indented(body), "}"]
            body = [*decomposed("e", axes, shape), *loads.before(), *body, *loads.after()]
            first = f"BLOCK * blockDim.x + threadIdx.x{f' + {begin}' if begin else ''}"
            loops += [f"for (I e = {first}; e < {end}; e += BLOCKS * blockDim.x) {{", *indented(body), "}"]
            once |= dict.fromkeys(loads.once())
        return self._spread_over([*once, *loops], fours or size)

    def _in_fours(self, item: Shared) -> bool:
        """Whether four elements can be read and written at once: they lie one after another, at multiples of four."""
        for p in item.passes:
            for view in p.views():
                item_size, stride = view.dtype.itemsize, p.strides(view)[-1]
                if stride not in (0, item_size) or (stride and view.offset % (4 * item_size)):
                    return False
        return True

    def _rows(self) -> Any:
        rows, passes = self.work.first.rows, self.work.passes
        columns = max(p.columns for p in passes)
        strides = [p.strides(v) for p in passes for v in p.views()] + self._constants(passes)
        axes = merged(rows, [s[:-1] for s in strides])
        count = prod(rows)
        wide = columns > SHORT
        team = "Block" if wide else "Warp"
        lines = decomposed("row", axes, rows)
        for item in self.work.items:
            lines += self._item(item, names_of(axes))
            lines.append("T::sync();")
        threads = min(1024, rounded_up(-(-columns // 4))) if wide else min(THREADS, 32 * rounded_up(count, 1))
        blocks = count if wide else -(-count * 32 // threads)
        start = f"for (I row = T::first(); row < {count}; row += T::teams()) {{"
        return [f"typedef {team} T;", start, *indented(lines), "}"], min(blocks, BLOCKS), (threads, 1)

    def _columns(self) -> Any:
        """A sum over one axis for each of the numbers along the others: 32 of them to a block, 32 threads for each."""
        *makers, p = self.work.passes
        axis = p.reduced[0]
        kept = tuple(n for a, n in enumerate(p.shape) if a != axis)
        names = [a for a in range(len(p.shape)) if a != axis]
        size, length = prod(kept), p.shape[axis]
        axes = [(a, f"i{a}") for a in names if p.shape[a] > 1]
        if isinstance(self.work, Final):
            return self._sum_of_parts(p, axes, self.work.view)
        parts = self.work.view.shape[0] if isinstance(self.work, Partial) else 1
        long = -(-length // parts)  # rows in a part
        kind, inside = sum_type(p), [*axes, (axis, "r")]
        if isinstance(self.work, Partial):
            target = f"{self._pointer(self.work.view)}[part * {size} + e] = s"
        else:
            target = f"{self._element(p, p.op.output, axes)} = {cast(p.op.output.dtype, 's')}"
        made: Values = {}
        body = self._made(makers, inside, made)
        lines = [
            f"__shared__ {kind} room[32][33];",
            "const I wide = blockDim.x < 32 ? blockDim.x : 32, high = blockDim.x / wide;",
            "const I tx = threadIdx.x % wide, ty = threadIdx.x / wide;",
            f"const I blocks = ({size} + wide - 1) / wide;",
            f"for (I w = BLOCK; w < blocks * {parts}; w += BLOCKS) {{",
            f"  const I e = w / {parts} * wide + tx, part = w % {parts};",
            f"  const I stop = (part + 1) * {long} < {length} ? (part + 1) * {long} : {length};",
            *indented(decomposed("e", axes, p.shape)),
            f"  {kind} s = 0;",
            f"  if (e < {size}) for (I r = part * {long} + ty; r < stop; r += high) {{",
            *indented(indented([*body, f"s += {self._formula(p, inside, made)};"])),
            "  }",
            "  room[ty][tx] = s;",
            "  __syncthreads();",
            f"  if (ty == 0 && e < {size}) {{",
            "    for (I k = 1; k < high; k++) s += room[k][tx];",
            f"    {target};",
            "  }",
            "  __syncthreads();",
            "}",
        ]
        return lines, -(-size // 32) * parts, (32 * min(32, rounded_up(long, 1)), 1)

    def _sum_of_parts(self, p: Pass, axes: Axes, view: View) -> Any:
        """The sum for each column, of the sums of its parts."""
        kind, (parts, size) = sum_type(p), view.shape
        lines = [
            f"for (I e = BLOCK * blockDim.x + threadIdx.x; e < {size}; e += BLOCKS * blockDim.x) {{",
            *indented(decomposed("e", axes, p.shape)),
            f"  {kind} s = 0;",
            f"  for (I k = 0; k < {parts}; k++) s += {self._pointer(view)}[k * {size} + e];",
            f"  {self._element(p, p.op.output, axes)} = {cast(p.op.output.dtype, 's')};",
            "}",
        ]
        return self._spread_over(lines, size)

    def _total(self) -> Any:
        """The sum, largest or smallest of the last axes: a block for each part of it."""
        p, work = self.work.first, self.work
        level = p.reduced[0]
        outer, inner = prod(p.shape[:level]), prod(p.shape[level:])
        if isinstance(work, Final):
            outer, inner = work.view.shape
        kind, reducer = sum_type(p), REDUCERS[p.op.function.__name__]
        out = [(a, f"i{a}") for a in range(level) if p.shape[a] > 1]
        within = [(a, f"i{a}") for a in range(level, len(p.shape)) if p.shape[a] > 1]
        parts = work.view.shape[1] if isinstance(work, Partial) else 1
        long = -(-inner // parts)  # numbers in a part
        if isinstance(work, Final):
            value, inside = f"{self._pointer(work.view)}[o * {inner} + e]", []
        else:
            value, inside = self._formula(p, out + within, {}), decomposed("e", within, p.shape)
        if isinstance(work, Partial):
            target = f"{self._pointer(work.view)}[w] = s;"
        else:
            target = f"{self._element(p, p.op.output, out)} = {cast(p.op.output.dtype, 's')};"
        body = [
            f"const I o = w / {parts}, begin = w % {parts} * {long};",
            f"const I end = begin + {long} < {inner} ? begin + {long} : {inner};",
            *decomposed("o", out, p.shape),
            f"{kind} s = 0;",
            *([] if reducer == "Add" else ["{", "  const I e = begin;", *indented([*inside, f"s = {value};"]), "}"]),
            "for (I e = begin + threadIdx.x; e < end; e += blockDim.x) {",
            *indented([*inside, f"s = {reducer}()(s, ({kind})({value}));"]),
            "}",
            f"s = Block::all(s, {reducer}());",
            f"if (threadIdx.x == 0) {target}",
        ]
        lines = [f"for (I w = BLOCK; w < {outer * parts}; w += BLOCKS) {{", *indented(body), "}"]
        threads = min(1024, rounded_up(-(-inner // (4 * parts))))
        return lines, outer * parts, (threads, 1)

    def _batch(self) -> Any:
        """The rows of the batch, of all that rows are taken from."""
        (count,) = {p.op.inputs[1].size for p in self.work.passes}
        lines = [f"const long long *rows = (const long long *)place[1] + (place[0] + number) * {count};"]
        for p in self.work.passes:
            x, out = p.op.inputs[0], p.op.output
            source = f"((const {type_name(x.dtype)} *)place[{1 + self.sources.index(x.buffer)}])"
            wide = out.size // count
            value = f"{source}[rows[e / {wide}] * {wide} + e % {wide}]"
            lines += self._taken(out, f"bf16((float){value})" if p.op.settings.get("round") else value)
        return self._spread_over(lines, max(p.op.output.size for p in self.work.passes))

    def _take(self) -> Any:
        """Rows by numbers that the step has found; those beyond the end are counted from the beginning, as in CuPy."""
        x, rows = self.work.first.op.inputs
        out, count = self.work.first.op.output, x.shape[0]
        wide, step = out.size // rows.size, rows.strides[0] // rows.dtype.itemsize if rows.size > 1 else 0
        row = f"(I)({self._pointer(rows)}[e / {wide} * {step}] % {count} + {count}) % {count}"
        return self._spread_over(self._taken(out, f"{self._pointer(x)}[{row} * {wide} + e % {wide}]"), out.size)

    def _taken(self, out: View, value: str) -> list[str]:
        if not out.whole:
            raise Refused("take into a part of an array")
        return [
            f"for (I e = BLOCK * blockDim.x + threadIdx.x; e < {out.size}; e += BLOCKS * blockDim.x)",
            f"  {self._pointer(out)}[e] = {value};",
        ]

    def _spread_over(self, lines: list[str], size: int) -> Any:
        """The lines with as many blocks of threads as there are elements, up to a limit."""
        threads = min(THREADS, rounded_up(size))
        return lines, min(-(-size // threads), BLOCKS), (threads, 1)


def rounded_up(n: int, least: int = 32) -> int:
    """The power of two that n fits in."""
    return max(least, 1 << math.ceil(math.log2(max(n, 1))))
