"""One launch as the text of a CUDA C++ kernel.

Every kernel is written for any number of threads: those of a team share a row, and a thread goes on to the next
element, or its team to the next row, until all are done. WIDTH is the number of threads in a warp; with WIDTH 1 a
kernel is a plain loop, and a C++ compiler for the host can check it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..native.program import View
from ..native.record import Refused
from ..native.schedule import Pass, Shared
from .expressions import Axes, Expressions, Values, cast, decomposed, indented, key_of, merged, names_of, row_key
from .formulas import type_name
from .plan import Work

THREADS = 256  # of a block
BLOCKS = 1056  # eight for each of the 132 multiprocessors of an H100 or H200; threads go on where there are fewer
SHORT = 256  # columns up to which one warp takes a row
REDUCERS = {"add": "Add", "maximum": "Max", "minimum": "Min"}
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


def is_sum(p: Pass) -> bool:
    return p.op.function.__name__ == "add" and p.op.output.dtype.kind == "f"


class Kernel(Expressions):
    """One launch as text."""

    def __init__(self, name: str, work: Work, held: set[int], sources: Sequence[int]) -> None:
        super().__init__(held)
        self.work, self.sources = work, sources
        body, blocks, threads = getattr(self, f"_{work.kind}")()
        numbered = work.kind == "batch"
        arguments = ", ".join(
            [*(NUMBERED if numbered else []), *(f"{key[-1]} *{text}" for key, text in self.names.items())]
        )
        lines = "\n".join("  " + line for line in body)
        head = f'extern "C" __global__ void __launch_bounds__({prod(threads)}) {name}({arguments})'
        self.text = f"{head} {{\n{lines}\n}}"
        self.launch = Launch(name, max(1, min(blocks, 2**31 - 1)), threads, self.pointers, numbered)

    # ---- kinds of kernels

    def _elements(self) -> Any:
        item = self.work.items[0]
        shape = item.passes[0].shape
        axes = merged(shape, [p.strides(v) for p in item.passes for v in p.views()] + self._constants(item.passes))
        size = prod(shape)
        lines = [*decomposed("e", axes, shape), *self._loop_body(item, names_of(axes))]
        start = "for (I e = (I)blockIdx.x * blockDim.x + threadIdx.x; e < {}; e += (I)gridDim.x * blockDim.x) {{"
        return self._spread_over([start.format(size), *indented(lines), "}"], size)

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
            return self._sum_of_parts(p, axes, size)
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
            f"const I blocks = ({size} + blockDim.x - 1) / blockDim.x;",
            f"for (I w = blockIdx.x; w < blocks * {parts}; w += gridDim.x) {{",
            f"  const I e = w / {parts} * blockDim.x + threadIdx.x, part = w % {parts};",
            f"  const I stop = (part + 1) * {long} < {length} ? (part + 1) * {long} : {length};",
            *indented(decomposed("e", axes, p.shape)),
            f"  {kind} s = 0;",
            f"  if (e < {size}) for (I r = part * {long} + threadIdx.y; r < stop; r += blockDim.y) {{",
            *indented(indented([*body, f"s += {self._formula(p, inside, made)};"])),
            "  }",
            "  room[threadIdx.y][threadIdx.x] = s;",
            "  __syncthreads();",
            f"  if (threadIdx.y == 0 && e < {size}) {{",
            "    for (unsigned k = 1; k < blockDim.y; k++) s += room[k][threadIdx.x];",
            f"    {target};",
            "  }",
            "  __syncthreads();",
            "}",
        ]
        return lines, -(-size // 32) * parts, (32, min(32, rounded_up(long, 1)))

    def _sum_of_parts(self, p: Pass, axes: Axes, size: int) -> Any:
        """The sum for each column, of the sums of its parts."""
        view, kind = self.work.view, sum_type(p)
        lines = [
            f"for (I e = (I)blockIdx.x * blockDim.x + threadIdx.x; e < {size}; e += (I)gridDim.x * blockDim.x) {{",
            *indented(decomposed("e", axes, p.shape)),
            f"  {kind} s = 0;",
            f"  for (I k = 0; k < {view.shape[0]}; k++) s += {self._pointer(view)}[k * {size} + e];",
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
        lines = [f"for (I w = blockIdx.x; w < {outer * parts}; w += gridDim.x) {{", *indented(body), "}"]
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
            f"for (I e = (I)blockIdx.x * blockDim.x + threadIdx.x; e < {out.size}; e += (I)gridDim.x * blockDim.x)",
            f"  {self._pointer(out)}[e] = {value};",
        ]

    def _spread_over(self, lines: list[str], size: int) -> Any:
        """The lines with as many blocks of threads as there are elements, up to a limit."""
        threads = min(THREADS, rounded_up(size))
        return lines, min(-(-size // threads), BLOCKS), (threads, 1)

    # ---- rows

    def _item(self, item: Shared, rows: Axes) -> list[str]:
        first = item.passes[0]
        if first.within_row:
            return self._row_total(first, rows)
        if first.columns > 1:
            last = len(first.shape) - 1
            body = self._loop_body(item, [*rows, (last, "j")])
            return [f"for (I j = T::lane(); j < {first.columns}; j += T::lanes()) {{", *indented(body), "}"]
        lines: list[str] = []
        values: Values = {}
        stores: Values = {}
        for p in item.passes:
            name = self._new("v")
            value = cast(p.op.output.dtype, self._formula(p, rows, values))
            lines.append(f"const {type_name(p.op.output.dtype)} {name} = {value};")
            values[key_of(p, p.op.output)] = self.row_values[row_key(p, p.op.output)] = name
            if p.op.output.buffer not in self.held:
                stores[key_of(p, p.op.output)] = f"  {self._element(p, p.op.output, rows)} = {name};"
        if stores:
            lines += ["T::sync();", "if (T::lane() == 0) {", *stores.values(), "}"]
        return lines

    def _row_total(self, p: Pass, rows: Axes) -> list[str]:
        last, kind, reducer = len(p.shape) - 1, sum_type(p), REDUCERS[p.op.function.__name__]
        total, name, dtype = self._new("s"), self._new("v"), p.op.output.dtype
        value = self._formula(p, [*rows, (last, "j")], {})
        start = "0" if reducer == "Add" else self._formula(p, rows, {})
        lines = [
            f"{kind} {total} = {start};",
            f"for (I j = T::lane(); j < {p.columns}; j += T::lanes())",
            f"  {total} = {reducer}()({total}, ({kind}){value});",
            f"const {type_name(dtype)} {name} = {cast(dtype, f'T::all({total}, {reducer}())')};",
        ]
        self.row_values[row_key(p, p.op.output)] = name
        if p.op.output.buffer not in self.held:
            lines.append(f"if (T::lane() == 0) {self._element(p, p.op.output, rows)} = {name};")
        return lines

    def _loop_body(self, item: Shared, axes: Axes) -> list[str]:
        return self._made(item.passes, axes, {})

    def _made(self, passes: Sequence[Pass], axes: Axes, values: Values) -> list[str]:
        """Lines that compute an element of each pass, held in variables that `values` then names, and store it."""
        lines = []
        last = {key_of(p, p.op.output): p for p in passes}
        for p in passes:
            name, dtype = self._new("v"), p.op.output.dtype
            lines.append(f"const {type_name(dtype)} {name} = {cast(dtype, self._formula(p, axes, values))};")
            values[key_of(p, p.op.output)] = name
            if p.op.output.buffer not in self.held and last[key_of(p, p.op.output)] is p:
                lines.append(f"{self._element(p, p.op.output, axes)} = {name};")
        return lines


def sum_type(p: Pass) -> str:
    """What a total is kept in: sums of floats in float64."""
    kind = np.dtype("float64") if is_sum(p) else p.op.output.dtype
    if kind.itemsize < 4:
        raise Refused(f"a total of {kind}")
    return type_name(kind)


def rounded_up(n: int, least: int = 32) -> int:
    """The power of two that n fits in."""
    return max(least, 1 << math.ceil(math.log2(max(n, 1))))
