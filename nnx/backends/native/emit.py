"""Scheduled passes as functions of plain loops, in LLVM's language."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from .calls import Refused
from .code import literal, type_of
from .formulas import formula
from .kernel import LITERAL, Kernel, call_numpy, unit
from .passes import Pass
from .program import Constant, Program, View, dtype_of
from .schedule import Shared, by_columns

LANES = 8  # longer sums are taken as so many side by side, as NumPy does
PAIRWISE = 128  # numbers that NumPy adds up in this way; more are halves of their own


class Loops(Kernel):
    """One loop over rows, with all that is done in it."""

    def __init__(self, group: Shared, program: Program, outside: set[int]) -> None:
        super().__init__()
        self.constants: list[Any] = []  # as long as they are there, no other has their ids
        self.rows = group.passes[0].rows
        self.row = [f"%r{axis}" for axis in range(len(self.rows))]  # the numbers of the present row
        self.items = by_columns(group.passes)
        self.stored = self._stored(outside)
        self.row_values: dict[Any, str] = {}  # numbers of the row that are held in variables
        self.before: list[list[str]] = [[] for _ in range(len(self.rows) + 1)]  # what comes before the loop of an axis
        self._write()

    def _stored(self, outside: set[int]) -> dict[int, str]:
        """For each buffer, where its elements live: "memory", a "row" of scratch, or a "variable"."""
        uses: dict[int, list[tuple[int, Pass, View]]] = {}
        for number, item in enumerate(self.items):
            for p in item.passes:
                for view in p.views():
                    uses.setdefault(view.buffer, []).append((number, p, view))
        homes = {}
        for buffer, found in uses.items():
            wide = {p.columns for _, p, v in found if p.strides(v)[-1]}
            summed = any(p.over_rows and v is p.op.output for _, p, v in found)
            places = {(v.offset, v.dtype) for _, _, v in found}
            if buffer in outside or summed or len(wide) > 1 or len(places) > 1:
                homes[buffer] = "memory"
            elif any(p.vector for _, p, _ in found) or (wide and len({number for number, _, _ in found}) > 1):
                homes[buffer] = "row"
            else:
                homes[buffer] = "variable"
        return homes

    # ---- elements

    def _element(self, p: Pass, view: View, column: str) -> tuple[str, str]:
        """The address of the view's element at this row and column, and the note for it."""
        if self.stored.get(view.buffer) == "row":
            size = (p.columns if p.strides(view)[-1] else 1) * view.dtype.itemsize
            base = self.address(("scratch", size), ("scratch", view.buffer))
            place = self.code.offset(base, column if p.strides(view)[-1] else "0", unit(view.dtype))
            return place, self.note(view.buffer)
        strides = tuple(s if n > 1 else 0 for s, n in zip(p.strides(view), p.shape, strict=True))
        base = self.address(("view", view.buffer, view.offset))
        return self._at(base, (view.buffer, view.offset), strides, view.dtype, column), self.note(view.buffer)

    def _at(self, base: str, key: Any, strides: tuple[int, ...], dtype: Any, column: str) -> str:
        """The address of an element of the present row, the strides in bytes."""
        place = base
        for axis, stride in enumerate(strides[:-1]):
            if stride:
                name = (key, strides, axis)
                if name not in self.names:
                    self.names[name] = self.number(stride)
                place = self.code.offset(place, self.code.value(f"mul nsw i64 {self.row[axis]}, {self.names[name]}"))
        if strides[-1] == dtype.itemsize:
            return self.code.offset(place, column, unit(dtype))
        if not strides[-1] or column == "0":
            return place
        name = (key, strides, len(strides) - 1)
        if name not in self.names:
            self.names[name] = self.number(strides[-1])
        return self.code.offset(place, self.code.value(f"mul nsw i64 {column}, {self.names[name]}"))

    def _key(self, p: Pass, view: View) -> Any:
        return view.buffer, view.offset, p.strides(view), view.dtype

    def _operand(self, p: Pass, x: Any, dtype: Any, column: str, values: dict[Any, str]) -> str:
        """An input, in the type that the operation computes in."""
        if isinstance(x, Constant) and x.array.ndim == 0:
            x = x.array[()]
        if isinstance(x, (bool, int, float, np.generic)):
            return self.number(np.asarray(x).astype(dtype)[()])
        if isinstance(x, Constant):
            base, strides, array = self._constant(p, x)
            place = self._at(base, ("constant", id(x)), strides, array.dtype, column)
            found = self.code.load(array.dtype, place, self.note(("constant", id(x))))
            return self.code.convert(found, array.dtype, dtype)
        known = values.get(self._key(p, x)) or self.row_values.get(self._key(p, x)[:2])
        if known is None and self.stored[x.buffer] == "variable":
            raise Refused("a number that is used in another place than it was made in")
        known = known or self.code.load(x.dtype, *self._element(p, x, column))
        return self.code.convert(known, x.dtype, dtype)

    def _constant(self, p: Pass, x: Constant) -> tuple[str, tuple[int, ...], Any]:
        """The address of a constant, its strides along the axes of the pass, and itself."""
        array = np.broadcast_to(x.array, p.shape)
        kept = [n > 1 and bool(stride) for n, stride in zip(p.shape, array.strides, strict=True)]
        part = np.ascontiguousarray(array[tuple(slice(None) if keep else slice(0, 1) for keep in kept)])
        strides = tuple(stride if keep else 0 for stride, keep in zip(part.strides, kept, strict=True))
        self.constants.append(x)
        return self.address(("constant", part), ("constant", id(x), p.shape)), strides, part

    def _formula(self, p: Pass, column: str, values: dict[Any, str]) -> tuple[str, Any]:
        """What the pass computes of an element, and its type."""
        op = p.op
        if op.kind == "reduce":
            return self._operand(p, op.inputs[0], op.output.dtype, column, values), op.output.dtype
        if op.kind in ("copy", "fill"):
            dtype = op.output.dtype if op.kind == "fill" else dtype_of(op.inputs[0])
            return self._operand(p, op.inputs[0], dtype, column, values), dtype
        if op.kind == "where":
            chosen, a, b = op.inputs
            dtype = op.output.dtype
            first, second = (self._operand(p, x, dtype, column, values) for x in (a, b))
            condition = self._operand(p, chosen, np.dtype(bool), column, values)
            t = type_of(dtype)
            return self.code.value(f"select i1 {condition}, {t} {first}, {t} {second}"), dtype
        operands = [self._operand(p, x, k, column, values) for x, k in zip(op.inputs, op.kinds, strict=False)]
        return formula(self.code, op.function.__name__, op.kinds[0], operands), op.kinds[-1]

    # ---- loops

    def _write(self) -> None:
        inner: list[str] = []
        with self.code.into(inner):
            for item in self.items:
                self._item(item)
        for level in range(len(self.rows) + 1):
            self.code.lines += self.before[level]
            if level < len(self.rows):
                self.code.open(f"r{level}", self.number(self.rows[level]))
        self.code.lines += inner
        for level in reversed(range(len(self.rows))):
            self.code.close(f"r{level}")

    def _item(self, item: Shared) -> None:
        first = item.passes[0]
        if first.vector:
            self._vector(first)
        elif first.totals:
            self._total(first)
        elif first.columns == 1:
            self._elements(item, "0")
        else:
            with self.code.loop(self.number(first.columns)) as j:
                self._elements(item, j)

    def _elements(self, item: Shared, j: str) -> None:
        """All that is done with the elements in a column of the row."""
        values: dict[Any, str] = {}
        last = {self._key(p, p.op.output): p for p in item.passes if not p.reduced}
        for p in item.passes:
            value, dtype = self._formula(p, j, values)
            out = p.op.output
            value = self.code.convert(value, dtype, out.dtype)
            if p.reduced:  # over the rows: one sum for each column
                self._zeros(p)
                place = self._element(p, out, j)
                total = formula(self.code, "add", out.dtype, [self.code.load(out.dtype, *place), value])
                self.code.store(out.dtype, total, *place)
                continue
            key = self._key(p, out)
            values[key] = value
            home = self.stored[out.buffer]
            if home == "variable" and p.columns == 1:
                self.row_values[key[:2]] = value
            elif home != "variable" and last[key] is p:
                self.code.store(out.dtype, value, *self._element(p, out, j))

    def _zeros(self, p: Pass) -> None:
        """Zeros where sums over rows will be: before the loop over the first axis that is added up."""
        level, out, own = p.reduced[0], p.op.output, self.row
        kept = [axis for axis in range(level, len(self.rows)) if axis not in p.reduced]
        with self.code.into(self.before[level]), ExitStack() as loops:
            self.row = list(own)
            for axis in kept:
                self.row[axis] = loops.enter_context(self.code.loop(self.number(self.rows[axis])))
            column = "0" if p.totals else loops.enter_context(self.code.loop(self.number(p.columns)))
            self.code.store(out.dtype, literal(0, out.dtype), *self._element(p, out, column))
        self.row = own

    def _total(self, p: Pass) -> None:
        """A sum, or the largest or smallest number, of a row: in the order in which NumPy takes its numbers.

        Source: numpy/_core/src/umath/loops_utils.h.src, "pairwise_sum".
        """
        code, out, name = self.code, p.op.output, p.op.function.__name__
        dtype, columns = out.dtype, self.number(p.columns)
        t = type_of(dtype)
        start = literal(0, dtype) if name == "add" else self._formula(p, "0", {})[0]
        total = code.variable(t)
        code.line(f"store {t} {start}, ptr {total}")

        def take(into: str, column: str) -> None:
            value = self._formula(p, column, {})[0]
            found = formula(code, name, dtype, [code.value(f"load {t}, ptr {into}"), value])
            code.line(f"store {t} {found}, ptr {into}")

        if name == "add" and p.columns > (PAIRWISE if self.rows else LITERAL):
            self._numpy_sum(p, total)
        else:
            begin = "0"
            if p.columns > LITERAL:  # sums that do not wait for each other
                begin = code.value(f"and i64 {columns}, -{LANES}")
                lanes = [code.variable(t) for _ in range(LANES)]
                code.lines += [f"store {t} {start}, ptr {lane}" for lane in lanes]
                with code.loop(begin, step=LANES) as k:
                    for number, lane in enumerate(lanes):
                        take(lane, code.value(f"add nsw i64 {k}, {number}"))
                parts = [code.value(f"load {t}, ptr {lane}") for lane in lanes]
                while len(parts) > 1:
                    parts = [formula(code, name, dtype, parts[k : k + 2]) for k in range(0, len(parts), 2)]
                code.line(f"store {t} {parts[0]}, ptr {total}")
            with code.loop(columns, begin) as j:
                take(total, j)
        value = code.value(f"load {t}, ptr {total}")
        if p.over_rows:
            self._zeros(p)
            place = self._element(p, out, "0")
            code.store(dtype, formula(code, name, dtype, [code.load(dtype, *place), value]), *place)
        elif self.stored[out.buffer] == "variable":
            self.row_values[self._key(p, out)[:2]] = value
        else:
            code.store(dtype, value, *self._element(p, out, "0"))

    def _numpy_sum(self, p: Pass, total: str) -> None:
        """NumPy's loop of `add`, which takes the sum of a row where its result does not move on."""
        x = p.op.inputs[0]
        stride = x.dtype.itemsize if self.stored.get(x.buffer) == "row" else p.strides(x)[-1]
        operands = [(total, 0), (self._element(p, x, "0")[0], stride), (total, 0)]
        self._call(p, [x.dtype] * 3, operands)

    def _vector(self, p: Pass) -> None:
        """NumPy's own loop over the row."""
        op, operands = p.op, []
        own = [dtype_of(x) for x in op.inputs]
        if any(d not in (None, k) for d, k in zip(own, op.kinds, strict=False)) or op.kinds[-1] != op.output.dtype:
            raise Refused(f"{op.function.__name__} with a conversion")
        for x, kind in zip((*op.inputs, op.output), op.kinds, strict=True):
            if isinstance(x, View):
                stride = p.strides(x)[-1]
                if self.stored.get(x.buffer) == "row":
                    stride = x.dtype.itemsize if stride else 0
                operands.append((self._element(p, x, "0")[0], stride))
            else:
                x = x if isinstance(x, Constant) else Constant(np.asarray(x, kind))
                base, steps, array = self._constant(p, x)
                operands.append((self._at(base, ("constant", id(x)), steps, array.dtype, "0"), steps[-1]))
        self._call(p, op.kinds, operands)

    def _call(self, p: Pass, kinds: Sequence[Any], operands: Sequence[tuple[str, int]]) -> None:
        """A call of NumPy's loop over the row, of operands at these addresses with these strides."""
        code, count = self.code, len(operands)
        pointers, strides, length = code.variable("ptr", count), code.variable("i64", count), code.variable("i64")
        for k, ((place, stride), kind) in enumerate(zip(operands, kinds, strict=True)):
            code.line(f"store ptr {place}, ptr {code.offset(pointers, str(k), 'ptr')}")
            step = str(stride) if stride == kind.itemsize else self.number(stride)
            code.line(f"store i64 {step}, ptr {code.offset(strides, str(k), 'i64')}")
        code.line(f"store i64 {self.number(p.columns)}, ptr {length}")
        call_numpy(self, p.op.function, kinds, (pointers, length, strides))
