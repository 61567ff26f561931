"""Products over places as loops: what `places.py` does with NumPy, a block of rows at a time, in LLVM's language."""

from math import prod
from typing import Any

import numpy as np

from .calls import Refused
from .kernel import Kernel, call_numpy, unit
from .passes import Pass
from .places import rows_at_once
from .product import member_strides
from .program import View

Base = tuple[str, str]  # an address, and the note for what lies there


def windows(p: Pass) -> Kernel:
    """The kernel of a product over places. Raises Refused."""
    return _Windows(p).kernel


class _Windows:
    """One kernel: for each member and each block of rows what lies at the places is gathered, or what was multiplied is
    added up there, beside one product of matrices."""

    def __init__(self, p: Pass) -> None:
        op, self.kernel = p.op, Kernel()
        self.code = self.kernel.code
        if not all(isinstance(x, View) for x in op.inputs):
            raise Refused("a convolution of constants")
        self.places = op.settings["places"]
        self.axes = axes = len(self.places[0][1])
        first, second, out = (*op.inputs, op.output)
        self.dtype, self.item = out.dtype, out.dtype.itemsize
        if any(x.dtype != out.dtype for x in op.inputs) or out.dtype.char not in "fd":
            raise Refused(f"a convolution of {first.dtype}, {second.dtype}")
        self.cells = {"over places": second, "outer over places": second, "onto places": out}[op.kind]
        self.lines = {"over places": out, "outer over places": first, "onto places": second}[op.kind]
        self.matrix = {"over places": first, "outer over places": out, "onto places": first}[op.kind]
        *_, self.c, _ = self.cells.shape[: len(self.cells.shape) - axes]
        *_, u, self.n = self.lines.shape[: len(self.lines.shape) - axes]
        self.o = self.lines.shape[len(self.lines.shape) - axes :]
        self.windows, self.k = prod(self.o), len(self.places) * self.c
        self.lead = out.shape[
            : len(out.shape) - (2 if op.kind == "outer over places" else axes + 2 + (out is self.cells))
        ]
        own = self.lines.strides[len(self.lines.strides) - axes - 2 :]
        steps = tuple(prod((self.n, *self.o)[i:]) * self.item for i in range(axes + 2))
        if any(m > 1 and a != b for m, a, b in zip((u, self.n, *self.o), own, steps, strict=True)):
            raise Refused("a convolution of what does not lie in one piece")
        self.u = u
        self.size = rows_at_once(self.k * self.windows, self.item)
        self._write(op.kind)

    def _write(self, kind: str) -> None:
        code, kernel = self.code, self.kernel
        names = [f"p{axis}" for axis in range(len(self.lead))]
        members = [code.open(name, kernel.number(n)) for name, n in zip(names, self.lead, strict=True)]
        cells, lines, matrix = (
            self._member(x, k, members) for k, x in enumerate((self.cells, self.lines, self.matrix))
        )
        scratch = kernel.address(("scratch", self.k * self.windows * min(self.size, self.n) * self.item), "gathered")
        v = scratch, kernel.note("gathered")
        if kind == "onto places":
            self._clear(cells)
        code.count += 1
        block = f"b{code.count}"
        start = code.open(block, kernel.number(self.n))
        rest = code.value(f"sub i64 {kernel.number(self.n)}, {start}")
        size = kernel.number(self.size)
        count = code.value(f"select i1 {code.value(f'icmp slt i64 {rest}, {size}')}, i64 {rest}, i64 {size}")
        wide = code.value(f"mul nsw i64 {count}, {kernel.number(self.windows)}")
        here = code.offset(lines[0], code.value(f"mul nsw i64 {start}, {kernel.number(self.windows * self.item)}"))
        across, down = self.item, self.n * self.windows * self.item
        rows = code.value(f"mul nsw i64 {wide}, {self.item}")  # from one row of what is gathered to the next
        own = self.matrix.strides[-2:]
        if kind == "over places":
            self._moved(cells, v, start, count, gather=True)
            self._product((matrix[0], scratch, here), (self.u, self.k, wide), own, (rows, across), (down, across))
        elif kind == "outer over places":
            self._moved(cells, v, start, count, gather=True)
            self._outer(matrix, here, scratch, wide, rows, down, start)
        else:
            self._product((matrix[0], here, scratch), (self.k, self.u, wide), own, (down, across), (rows, across))
            self._moved(cells, v, start, count, gather=False)
        code.close(block, self.size)
        for name in names[::-1]:
            code.close(name)

    def _member(self, x: View, number: int, members: list[str]) -> Base:
        """The address of a member's own, and the note for it."""
        place = self.kernel.address(("view", x.buffer, x.offset), number)
        inner = 2 if x is self.matrix else self.axes + (3 if x is self.cells else 2)
        view = View(
            x.buffer,
            x.offset,
            (*x.shape[: len(x.shape) - inner], 1, 1),
            (*x.strides[: len(x.strides) - inner], 0, 0),
            x.dtype,
        )
        for member, stride in zip(members, member_strides(view, len(members)), strict=True):
            if stride:
                place = self.code.offset(place, self.code.value(f"mul nsw i64 {member}, {self.kernel.number(stride)}"))
        return place, self.kernel.note(x.buffer)

    def _clear(self, cells: Base) -> None:
        """Zeros in all cells of a member, which lie in one piece."""
        count = prod(self.cells.shape[len(self.cells.shape) - self.axes - 3 :])
        with self.code.loop(self.kernel.number(count)) as i:
            place = self.code.offset(cells[0], i, unit(self.dtype))
            self.code.line(f"store {unit(self.dtype)} 0.0, ptr {place}{cells[1]}")

    def _moved(self, cells: Base, v: Base, start: str, count: str, *, gather: bool) -> None:
        """The cells at the places, for these rows, to v, or v added to them."""
        code, kernel, kind = self.code, self.kernel, unit(self.dtype)
        plane, channel, row, *steps = self.cells.strides[len(self.cells.strides) - self.axes - 3 :]
        starts = [p * plane + sum(s * step for s, step in zip(shift, steps, strict=True)) for p, shift in self.places]
        table = kernel.address(("constant", np.array(starts, dtype=np.int64)), ("places", gather))
        whole = code.value(f"mul nsw i64 {count}, {kernel.number(self.windows * self.item)}")
        far = code.value(f"mul nsw i64 {start}, {kernel.number(row)}")
        c = kernel.number(self.c)
        with code.loop(kernel.number(len(self.places))) as i:
            shift = code.value(f"load i64, ptr {code.offset(table, i, 'i64')}")
            corner = code.offset(code.offset(cells[0], shift), far)
            under = code.value(f"mul nsw i64 {i}, {c}")
            with code.loop(c) as j:
                source = code.offset(corner, code.value(f"mul nsw i64 {j}, {kernel.number(channel)}"))
                at = code.value(f"add nsw i64 {under}, {j}")
                target = code.offset(v[0], code.value(f"mul nsw i64 {at}, {whole}"))
                with code.loop(count) as q:
                    source = code.offset(source, code.value(f"mul nsw i64 {q}, {kernel.number(row)}"))
                    line = code.value(f"mul nsw i64 {q}, {kernel.number(self.windows * self.item)}")
                    self._row(source, code.offset(target, line), steps, cells[1], v[1], kind, gather)

    def _row(self, source: str, target: str, steps: list[int], a: str, b: str, kind: str, gather: bool) -> None:
        """The windows of one row, along all axes."""
        code, kernel, names = self.code, self.kernel, []
        for axis, step in enumerate(steps[:-1]):
            code.count += 1
            names.append(f"o{code.count}")
            i = code.open(names[-1], kernel.number(self.o[axis]))
            source = code.offset(source, code.value(f"mul nsw i64 {i}, {kernel.number(step)}"))
            size = prod(self.o[axis + 1 :]) * self.item
            target = code.offset(target, code.value(f"mul nsw i64 {i}, {kernel.number(size)}"))
        with code.loop(kernel.number(self.o[-1])) as t:
            here, there = code.offset(source, t, kind), code.offset(target, t, kind)
            if gather:
                code.line(f"store {kind} {code.value(f'load {kind}, ptr {here}{a}')}, ptr {there}{b}")
            else:
                x, y = code.value(f"load {kind}, ptr {here}{a}"), code.value(f"load {kind}, ptr {there}{b}")
                code.line(f"store {kind} {code.value(f'fadd {kind} {x}, {y}')}, ptr {here}{a}")
        for name in names[::-1]:
            code.close(name)

    def _product(self, pointers: Any, sizes: Any, *strides: Any) -> None:
        """A product of matrices (m, k) and (k, n), their sizes numbers or names of such."""
        code, kernel = self.code, self.kernel
        tables = [code.variable(kind, n) for kind, n in (("ptr", 3), ("i64", 4), ("i64", 9))]

        def name(x: Any) -> str:
            return x if isinstance(x, str) else kernel.number(int(x))

        for k, place in enumerate(pointers):
            code.line(f"store ptr {place}, ptr {code.offset(tables[0], str(k), 'ptr')}")
        for k, size in enumerate((1, *sizes)):
            code.line(f"store i64 {name(size)}, ptr {code.offset(tables[1], str(k), 'i64')}")
        for k, stride in enumerate((0, 0, 0, *(s for pair in strides for s in pair))):
            code.line(f"store i64 {name(stride)}, ptr {code.offset(tables[2], str(k), 'i64')}")
        call_numpy(kernel, np.matmul, [self.dtype] * 3, tables)

    def _outer(self, matrix: Base, here: str, scratch: str, wide: str, rows: str, down: int, start: str) -> None:
        """dW of a block of rows, added to that of those before."""
        code, kernel, kind, size = self.code, self.kernel, unit(self.dtype), self.u * self.k
        part = kernel.address(("scratch", size * self.item), "part")
        own = self.k * self.item, self.item
        first = code.value(f"icmp eq i64 {start}, 0")
        target = code.value(f"select i1 {first}, ptr {matrix[0]}, ptr {part}")
        self._product((here, scratch, target), (self.u, wide, self.k), (down, self.item), (self.item, rows), own)
        again = code.value(f"select i1 {first}, i64 0, i64 {kernel.number(size)}")
        with code.loop(again) as i:
            place = code.offset(matrix[0], i, kind)
            x = code.value(f"load {kind}, ptr {place}{matrix[1]}")
            y = code.value(f"load {kind}, ptr {code.offset(part, i, kind)}{kernel.note('part')}")
            code.line(f"store {kind} {code.value(f'fadd {kind} {x}, {y}')}, ptr {place}{matrix[1]}")
