"""Scheduled passes as the text of Python functions of plain loops, for numba to compile."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .calls import Refused
from .formulas import FORMULAS, SCALARS
from .program import Constant, Operation, Program, View, dtype_of
from .schedule import Pass, Shared, by_columns

LITERAL = 16  # loops up to this length are written with their length, and unrolled
LONG, LANES = 64, 4  # sums from this length on are taken as so many sums side by side


class Kernel:
    """One loop over rows as the text of a function, and the arrays it is to be called with."""

    def __init__(self, group: Shared, program: Program, outside: set[int]) -> None:
        self.arrays: list[Any] = []  # (view, shape, strides) or ("scratch", columns, dtype)
        self.constants: list[Constant] = []
        self.loops: list[Operation] = []  # those left to NumPy
        self.sizes: list[int] = []
        self.names: dict[Any, str] = {}
        self.lines: list[str] = []
        self.count = 0
        self.rows = group.passes[0].rows
        self.items = by_columns(group.passes)
        self.stored = self._stored(outside)
        self.row_values: dict[Any, str] = {}  # numbers of the row that are held in variables
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

    # ---- text

    def _name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def _size(self, n: int) -> str:
        if n <= LITERAL:
            return str(n)
        if n not in self.sizes:
            self.sizes.append(n)
        return f"n{self.sizes.index(n)}"

    def _array(self, key: Any) -> str:
        if key not in self.names:
            self.names[key] = f"a{len(self.arrays)}"
            self.arrays.append(key)
        return self.names[key]

    def _element(self, p: Pass, view: View, column: str) -> str:
        """The text of the view's element at this row and column."""
        if self.stored.get(view.buffer) == "row":
            columns = p.columns if p.strides(view)[-1] else 1
            name = self._array(("scratch", view.buffer, columns, view.dtype))
            return f"{name}[{column if p.strides(view)[-1] else '0'}]"
        strides = p.strides(view)
        axes = [a for a, stride in enumerate(strides) if stride and p.shape[a] > 1]
        shape = tuple(p.shape[a] for a in axes) or (1,)
        steps = tuple(strides[a] for a in axes) or (view.dtype.itemsize,)
        name = self._array((view.buffer, view.offset, shape, steps, view.dtype))
        index = [column if a == len(strides) - 1 else f"i{a}" for a in axes] or ["0"]
        return f"{name}[{', '.join(index)}]"

    def _key(self, p: Pass, view: View) -> Any:
        return view.buffer, view.offset, p.strides(view), view.dtype

    def _operand(self, p: Pass, x: Any, dtype: Any, column: str, values: dict[Any, str]) -> str:
        """The text of an input, in the type that the operation computes in."""
        if isinstance(x, Constant) and x.array.ndim == 0:
            x = x.array.item()
        if isinstance(x, (bool, int, float)):
            text = repr(x) if math.isfinite(x) else f"math.{abs(x)}" if x != -math.inf else "-math.inf"
            return f"{_type(dtype)}({text})"
        if isinstance(x, Constant):
            name = self._constant(p, x, column)
            return f"{_type(dtype)}({name})"
        known = values.get(self._key(p, x)) or self.row_values.get(self._key(p, x)[:2])
        if known is None and self.stored[x.buffer] == "variable":
            raise Refused("a number that is used in another place than it was made in")
        text = known or self._element(p, x, column)
        return text if x.dtype == dtype else f"{_type(dtype)}({text})"

    def _constant(self, p: Pass, x: Constant, column: str) -> str:
        array = np.broadcast_to(x.array, p.shape)
        axes = [a for a, stride in enumerate(array.strides) if stride and p.shape[a] > 1]
        part = array[tuple(slice(None) if a in axes else 0 for a in range(array.ndim))]
        self.constants.append(x)  # as long as it is there, no other has its id
        name = self._array(("constant", id(x), part.shape))
        self.arrays[int(name[1:])] = ("constant", np.ascontiguousarray(part).reshape(part.shape or (1,)))
        index = [column if a == len(p.shape) - 1 else f"i{a}" for a in axes] or ["0"]
        return f"{name}[{', '.join(index)}]"

    def _formula(self, p: Pass, column: str, values: dict[Any, str]) -> str:
        op = p.op
        if op.kind == "reduce":
            return self._operand(p, op.inputs[0], op.output.dtype, column, values)
        if op.kind in ("copy", "fill"):
            dtype = op.output.dtype if op.kind == "fill" else dtype_of(op.inputs[0])
            return self._operand(p, op.inputs[0], dtype, column, values)
        if op.kind == "where":
            chosen, a, b = op.inputs
            dtype = op.output.dtype
            first, second = (self._operand(p, x, dtype, column, values) for x in (a, b))
            return f"{first} if {self._operand(p, chosen, np.dtype(bool), column, values)} else {second}"
        texts = [self._operand(p, x, k, column, values) for x, k in zip(op.inputs, op.kinds, strict=False)]
        name = op.function.__name__
        return (FORMULAS.get(name) or SCALARS[name]).format(*texts)

    def _write(self) -> None:
        depth = len(self.rows)
        inner: list[tuple[int, str]] = []  # (indent, text)
        before: dict[int, list[str]] = {}  # level of a loop -> what comes before it
        after: dict[int, list[str]] = {}
        for item in self.items:
            inner += [(depth, line) for line in self._item(item, before, after)]
        text: list[str] = []

        def emit(indent: int, line: str) -> None:
            text.append("    " * (indent + 1) + line)

        for level in range(depth + 1):
            for line in before.get(level, []):
                emit(level, line)
            if level < depth:
                emit(level, f"for i{level} in range({self._size(self.rows[level])}):")
        for indent, line in inner:
            emit(indent, line)
        for level in range(depth, -1, -1):
            for line in after.get(level, []):
                emit(level, line)
        self.lines = text

    def _item(self, item: Shared, before: dict[int, list[str]], after: dict[int, list[str]]) -> Iterator[str]:
        first = item.passes[0]
        if first.vector:
            yield from self._vector(first)
            return
        if first.within_row or len(first.reduced) > 1:
            yield from self._total(first, before, after)
            return
        values: dict[Any, str] = {}
        body: list[str] = []
        last = {self._key(p, p.op.output): p for p in item.passes if not p.reduced}
        for p in item.passes:
            if p.reduced:  # over the rows: one sum for each column
                target = self._element(p, p.op.output, "j")
                level = p.reduced[0]
                zero = self._size(p.columns)
                before.setdefault(level, []).extend([f"for j in range({zero}):", f"    {target} = 0"])
                body.append(f"{target} += {self._formula(p, 'j', values)}")
                continue
            name = self._name("v")
            body.append(f"{name} = {_type(p.op.output.dtype)}({self._formula(p, 'j', values)})")
            key = self._key(p, p.op.output)
            values[key] = name
            home = self.stored[p.op.output.buffer]
            if home == "variable" and p.columns == 1:
                self.row_values[key[:2]] = name
            elif home != "variable" and last[key] is p:
                body.append(f"{self._element(p, p.op.output, 'j')} = {name}")
        if first.columns == 1:
            yield from body
            return
        yield f"for j in range({self._size(first.columns)}):"
        yield from ("    " + line for line in body)

    def _total(self, p: Pass, before: dict[int, list[str]], after: dict[int, list[str]]) -> Iterator[str]:
        """A sum, or the largest or smallest number, of a row or of the last axes together."""
        name, dtype = self._name("s"), p.op.output.dtype
        kind = p.op.function.__name__
        level = p.reduced[0]
        wide = np.dtype("float64") if dtype.kind == "f" and kind == "add" else dtype
        start = f"{name} = {_type(wide)}(0)"
        if kind != "add":
            start = f"{name} = {self._formula(p, '0', {})}"
        target = self._element(p, p.op.output, "0")
        end = f"{target} = {_type(dtype)}({name})"
        if level < len(p.rows):
            before.setdefault(level, []).append(start)
            after.setdefault(level, []).append(end)
        else:
            yield start
        columns = self._size(p.columns)
        if kind == "add" and p.columns >= LONG:  # sums that do not wait for each other
            lanes = [f"{name}_{lane}" for lane in range(LANES)]
            yield from (f"{lane} = {_type(wide)}(0)" for lane in lanes)
            yield f"for k in range({columns} // {LANES}):"
            yield from (f"    {x} += {self._formula(p, f'{LANES} * k + {i}', {})}" for i, x in enumerate(lanes))
            yield f"{name} += {' + '.join(lanes)}"
            yield f"for j in range({columns} // {LANES} * {LANES}, {columns}):"
        else:
            yield f"for j in range({columns}):"
        value = self._formula(p, "j", {})
        if kind == "add":
            yield f"    {name} += {value}"
        else:
            yield f"    w = {value}"
            yield f"    {name} = {FORMULAS[kind].format(name, 'w')}"
        if level >= len(p.rows):
            if self.stored[p.op.output.buffer] == "variable":
                held = self._name("v")
                yield f"{held} = {_type(dtype)}({name})"
                self.row_values[self._key(p, p.op.output)[:2]] = held
            else:
                yield end

    def _vector(self, p: Pass) -> Iterator[str]:
        number = len(self.loops)
        self.loops.append(p.op)
        texts = []
        for x, kind in zip((*p.op.inputs, p.op.output), p.op.kinds, strict=True):
            if not isinstance(x, View):
                x = x if isinstance(x, Constant) else Constant(np.asarray(x, kind))
                wide = np.broadcast_to(x.array, p.shape).strides[-1] and p.columns > 1
                texts.append((self._constant(p, x, "0"), x.array.itemsize if wide else 0))
            else:
                stride = p.strides(x)[-1]
                if self.stored.get(x.buffer) == "row":
                    stride = x.dtype.itemsize if stride else 0
                texts.append((self._element(p, x, "0"), stride))
        for k, (text, _) in enumerate(texts):
            name, _, inside = text.partition("[")
            index = enumerate(inside.rstrip("]").split(", "))
            terms = [f"{name}.ctypes.data", *(f"{i} * {name}.strides[{axis}]" for axis, i in index if i != "0")]
            yield f"pointers{number}[{k}] = {' + '.join(terms)}"
        for k, (_, stride) in enumerate(texts):
            yield f"strides{number}[{k}] = {stride}"
        yield f"length{number}[0] = {self._size(p.columns)}"
        yield (
            f"loop{number}(pointers{number}.ctypes.data, length{number}.ctypes.data, strides{number}.ctypes.data, "
            f"data{number})"
        )


def _type(dtype: Any) -> str:
    return "boolean" if dtype == np.dtype(bool) else str(dtype)
