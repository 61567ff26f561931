"""Planned operations as the text of CUDA C++ kernels.

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

from ..native.program import Constant, Program, View, dtype_of
from ..native.record import Refused
from ..native.schedule import Pass, Shared
from .formulas import formula, literal, type_name
from .plan import Work, arena, in_registers, scratch, works

THREADS = 256  # of a block
BLOCKS = 1056  # eight for each of the 132 multiprocessors of an H100 or H200; threads go on where there are fewer
SHORT = 256  # columns up to which one warp takes a row
PART = 4096  # numbers that a block adds up
PARTS = 256  # blocks that add up one total

PRELUDE = """
#ifndef WIDTH
#define WIDTH 32
#endif
struct Add { template <class T> __device__ T operator()(T a, T b) const { return a + b; } };
struct Max { template <class T> __device__ T operator()(T a, T b) const { return a >= b || a != a ? a : b; } };
struct Min { template <class T> __device__ T operator()(T a, T b) const { return a <= b || a != a ? a : b; } };
struct Warp {
  static __device__ I lane() { return threadIdx.x % WIDTH; }
  static __device__ I lanes() { return WIDTH; }
  static __device__ I first() { return ((I)blockIdx.x * blockDim.x + threadIdx.x) / WIDTH; }
  static __device__ I teams() { return (I)gridDim.x * blockDim.x / WIDTH; }
  static __device__ void sync() { __syncwarp(); }
  template <class T, class F> static __device__ T all(T v, F f) {
    for (int k = WIDTH / 2; k; k /= 2) v = f(v, __shfl_xor_sync(0xffffffffu, v, k));
    return v;
  }
};
struct Block {
  static __device__ I lane() { return threadIdx.x; }
  static __device__ I lanes() { return blockDim.x; }
  static __device__ I first() { return blockIdx.x; }
  static __device__ I teams() { return gridDim.x; }
  static __device__ void sync() { __syncthreads(); }
  template <class T, class F> static __device__ T all(T v, F f) {
    __shared__ T room[32];
    v = Warp::all(v, f);
    if (threadIdx.x % WIDTH == 0) room[threadIdx.x / WIDTH] = v;
    __syncthreads();
    v = room[0];
    for (unsigned k = 1; k < blockDim.x / WIDTH; k++) v = f(v, room[k]);
    __syncthreads();
    return v;
  }
};
"""
NEXT = """
extern "C" __global__ void next_batch(long long *place, long long *rows, I size) {
  const long long *batches = (const long long *)place[0] + place[1] * size;
  for (I i = threadIdx.x; i < size; i += blockDim.x) rows[i] = batches[i];
  __syncthreads();
  if (threadIdx.x == 0) place[1] += 1;
}
"""
REDUCERS = {"add": "Add", "maximum": "Max", "minimum": "Min"}


@dataclass(frozen=True)
class Launch:
    """A kernel of the text, its numbers of blocks and threads, and what its pointers point to."""

    name: str
    blocks: int
    threads: tuple[int, int]
    pointers: list[Any]  # (buffer, offset in bytes), or an array


@dataclass
class Module:
    """A program as launches of the kernels of one text, and passes that are matrix products."""

    text: str
    steps: list[Launch | Pass]
    places: dict[int, int]  # temporary buffer -> where it begins
    size: int  # bytes of all temporary buffers together


def module(program: Program) -> Module:
    """The program for the device. Raises Refused."""
    plan = works(program)
    held = in_registers(plan, program.leaves)
    sizes = [*program.sizes, *(prod(p.shape) for work in plan for p in work.passes)]
    index = "int" if max(sizes) < 2**31 else "long long"
    texts: list[str] = []
    steps: list[Launch | Pass] = []
    done: list[Work] = []
    for work in plan:
        if work.kind == "matmul":
            steps.append(work.first)
            done.append(work)
            continue
        for part in _parts(work, program):
            kernel = Kernel(f"k{len(texts)}", part, held)
            texts.append(kernel.text)
            steps.append(kernel.launch)
            done.append(part)
    places, size = arena(done, program, held)
    return Module("\n".join([f"typedef {index} I;", PRELUDE, NEXT, *texts]), steps, places, size)


def _parts(work: Work, program: Program) -> list[Work]:
    """A total of many numbers as two launches: the sums of its parts, and their sum."""
    p = work.first
    level = p.reduced[0] if p.reduced else 0
    outer, inner = prod(p.shape[:level]), prod(p.shape[level:])
    count = min(-(-inner // PART), PARTS)
    if work.kind != "total" or count == 1:
        return [work]
    view = View(0, 0, (outer, count), (8 * count, 8), np.dtype("float64" if _is_sum(p) else p.op.output.dtype))
    view = View(scratch(program, outer * count * 8), 0, view.shape, view.strides, view.dtype)
    return [_Partial("total", work.items, view), _Final("total", work.items, view)]


@dataclass(frozen=True, eq=False)
class _Partial(Work):
    view: View

    @property
    def buffers(self) -> set[int]:
        return {self.first.op.reads[0].buffer, self.view.buffer}


@dataclass(frozen=True, eq=False)
class _Final(Work):
    view: View

    @property
    def buffers(self) -> set[int]:
        return {self.first.op.output.buffer, self.view.buffer}


def _is_sum(p: Pass) -> bool:
    return p.op.function.__name__ == "add" and p.op.output.dtype.kind == "f"


Values = dict[Any, str]
Axes = list[tuple[int, str]]  # axis of a pass, and the text of the number along it


class Kernel:
    """One launch as text."""

    def __init__(self, name: str, work: Work, held: set[int]) -> None:
        self.work, self.held = work, held
        self.pointers: list[Any] = []
        self.names: dict[Any, str] = {}
        self.count = 0
        self.row_values: Values = {}
        body, blocks, threads = getattr(self, f"_{work.kind}")()
        arguments = ", ".join(f"{key[-1]} *{text}" for key, text in self.names.items())
        lines = "\n".join("  " + line for line in body)
        self.text = f'extern "C" __global__ void {name}({arguments}) {{\n{lines}\n}}'
        self.launch = Launch(name, max(1, min(blocks, 2**31 - 1)), threads, self.pointers)

    # ---- kinds of kernels

    def _elements(self) -> Any:
        item = self.work.items[0]
        shape = item.passes[0].shape
        axes = _merged(shape, [p.strides(v) for p in item.passes for v in p.views()] + self._constants(item.passes))
        size = prod(shape)
        lines = [*_decomposed("e", axes, shape), *self._loop_body(item, _names(axes))]
        start = "for (I e = (I)blockIdx.x * blockDim.x + threadIdx.x; e < {}; e += (I)gridDim.x * blockDim.x) {{"
        threads = min(THREADS, _rounded_up(size))
        return [start.format(size), *_indented(lines), "}"], min(-(-size // threads), BLOCKS), (threads, 1)

    def _rows(self) -> Any:
        rows, passes = self.work.first.rows, self.work.passes
        columns = max(p.columns for p in passes)
        axes = _merged(rows, [p.strides(v)[:-1] for p in passes for v in p.views()])
        count = prod(rows)
        wide = columns > SHORT
        team = "Block" if wide else "Warp"
        lines = _decomposed("row", axes, rows)
        for item in self.work.items:
            lines += self._item(item, _names(axes))
            lines.append("T::sync();")
        threads = min(1024, _rounded_up(-(-columns // 4))) if wide else min(THREADS, 32 * _rounded_up(count, 1))
        blocks = count if wide else -(-count * 32 // threads)
        start = f"for (I row = T::first(); row < {count}; row += T::teams()) {{"
        return [f"typedef {team} T;", start, *_indented(lines), "}"], min(blocks, BLOCKS), (threads, 1)

    def _columns(self) -> Any:
        """A sum over one axis for each of the numbers along the others: 32 of them to a block, 32 threads for each."""
        p = self.work.first
        axis = p.reduced[0]
        kept = tuple(n for a, n in enumerate(p.shape) if a != axis)
        names = [a for a in range(len(p.shape)) if a != axis]
        size, length = prod(kept), p.shape[axis]
        axes = [(a, f"i{a}") for a in names if p.shape[a] > 1]
        kind = _sum_type(p)
        lines = [
            f"__shared__ {kind} room[32][33];",
            f"for (I base = (I)blockIdx.x * blockDim.x; base < {size}; base += (I)gridDim.x * blockDim.x) {{",
            "  const I e = base + threadIdx.x;",
            *_indented(_decomposed("e", axes, p.shape)),
            f"  {kind} s = 0;",
            f"  if (e < {size}) for (I r = threadIdx.y; r < {length}; r += blockDim.y)",
            f"    s += {self._formula(p, [*axes, (axis, 'r')], {})};",
            "  room[threadIdx.y][threadIdx.x] = s;",
            "  __syncthreads();",
            f"  if (threadIdx.y == 0 && e < {size}) {{",
            "    for (unsigned k = 1; k < blockDim.y; k++) s += room[k][threadIdx.x];",
            f"    {self._element(p, p.op.output, axes)} = {_cast(p.op.output.dtype, 's')};",
            "  }",
            "  __syncthreads();",
            "}",
        ]
        return lines, -(-size // 32), (32, min(32, _rounded_up(length, 1)))

    def _total(self) -> Any:
        """The sum, largest or smallest of the last axes: a block for each part of it."""
        p, work = self.work.first, self.work
        level = p.reduced[0]
        outer, inner = prod(p.shape[:level]), prod(p.shape[level:])
        if isinstance(work, _Final):
            outer, inner = work.view.shape
        kind, reducer = _sum_type(p), REDUCERS[p.op.function.__name__]
        out = [(a, f"i{a}") for a in range(level) if p.shape[a] > 1]
        within = [(a, f"i{a}") for a in range(level, len(p.shape)) if p.shape[a] > 1]
        parts = work.view.shape[1] if isinstance(work, _Partial) else 1
        long = -(-inner // parts)  # numbers in a part
        if isinstance(work, _Final):
            value, inside = f"{self._pointer(work.view)}[o * {inner} + e]", []
        else:
            value, inside = self._formula(p, out + within, {}), _decomposed("e", within, p.shape)
        if isinstance(work, _Partial):
            target = f"{self._pointer(work.view)}[w] = s;"
        else:
            target = f"{self._element(p, p.op.output, out)} = {_cast(p.op.output.dtype, 's')};"
        body = [
            f"const I o = w / {parts}, begin = w % {parts} * {long};",
            f"const I end = begin + {long} < {inner} ? begin + {long} : {inner};",
            *_decomposed("o", out, p.shape),
            f"{kind} s = 0;",
            *([] if reducer == "Add" else ["{", "  const I e = begin;", *_indented([*inside, f"s = {value};"]), "}"]),
            "for (I e = begin + threadIdx.x; e < end; e += blockDim.x) {",
            *_indented([*inside, f"s = {reducer}()(s, ({kind})({value}));"]),
            "}",
            f"s = Block::all(s, {reducer}());",
            f"if (threadIdx.x == 0) {target}",
        ]
        lines = [f"for (I w = blockIdx.x; w < {outer * parts}; w += gridDim.x) {{", *_indented(body), "}"]
        threads = min(1024, _rounded_up(-(-inner // (4 * parts))))
        return lines, outer * parts, (threads, 1)

    def _take(self) -> Any:
        x, rows = self.work.first.op.inputs
        out = self.work.first.op.output
        size, wide, count = out.size, out.size // max(rows.size, 1), x.shape[0]
        step = rows.strides[0] // rows.dtype.itemsize if rows.size > 1 else 0
        lines = [
            f"for (I e = (I)blockIdx.x * blockDim.x + threadIdx.x; e < {size}; e += (I)gridDim.x * blockDim.x) {{",
            f"  long long r = {self._pointer(rows)}[e / {wide} * {step}] % {count};  // as CuPy: from the other end",
            f"  {self._pointer(out)}[e] = {self._pointer(x)}[(r < 0 ? r + {count} : r) * {wide} + e % {wide}];",
            "}",
        ]
        if not out.whole:
            raise Refused("take into a part of an array")
        threads = min(THREADS, _rounded_up(size))
        return lines, min(-(-size // threads), BLOCKS), (threads, 1)

    # ---- rows

    def _item(self, item: Shared, rows: Axes) -> list[str]:
        first = item.passes[0]
        if first.within_row:
            return self._row_total(first, rows)
        if first.columns > 1:
            last = len(first.shape) - 1
            body = self._loop_body(item, [*rows, (last, "j")])
            return [f"for (I j = T::lane(); j < {first.columns}; j += T::lanes()) {{", *_indented(body), "}"]
        lines: list[str] = []
        values: Values = {}
        stores: Values = {}
        for p in item.passes:
            name = self._new("v")
            value = _cast(p.op.output.dtype, self._formula(p, rows, values))
            lines.append(f"const {type_name(p.op.output.dtype)} {name} = {value};")
            values[_key(p, p.op.output)] = self.row_values[_row_key(p, p.op.output)] = name
            if p.op.output.buffer not in self.held:
                stores[_key(p, p.op.output)] = f"  {self._element(p, p.op.output, rows)} = {name};"
        if stores:
            lines += ["T::sync();", "if (T::lane() == 0) {", *stores.values(), "}"]
        return lines

    def _row_total(self, p: Pass, rows: Axes) -> list[str]:
        last, kind, reducer = len(p.shape) - 1, _sum_type(p), REDUCERS[p.op.function.__name__]
        total, name, dtype = self._new("s"), self._new("v"), p.op.output.dtype
        value = self._formula(p, [*rows, (last, "j")], {})
        start = "0" if reducer == "Add" else self._formula(p, rows, {})
        lines = [
            f"{kind} {total} = {start};",
            f"for (I j = T::lane(); j < {p.columns}; j += T::lanes())",
            f"  {total} = {reducer}()({total}, ({kind}){value});",
            f"const {type_name(dtype)} {name} = {_cast(dtype, f'T::all({total}, {reducer}())')};",
        ]
        self.row_values[_row_key(p, p.op.output)] = name
        if p.op.output.buffer not in self.held:
            lines.append(f"if (T::lane() == 0) {self._element(p, p.op.output, rows)} = {name};")
        return lines

    def _loop_body(self, item: Shared, axes: Axes) -> list[str]:
        values: Values = {}
        lines = []
        last = {_key(p, p.op.output): p for p in item.passes}
        for p in item.passes:
            name, dtype = self._new("v"), p.op.output.dtype
            lines.append(f"const {type_name(dtype)} {name} = {_cast(dtype, self._formula(p, axes, values))};")
            values[_key(p, p.op.output)] = name
            if p.op.output.buffer not in self.held and last[_key(p, p.op.output)] is p:
                lines.append(f"{self._element(p, p.op.output, axes)} = {name};")
        return lines

    # ---- expressions

    def _new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def _pointer(self, x: Any) -> str:
        """The name of the argument that points to a view's first element, or to a constant's."""
        kind = type_name(dtype_of(x))
        key = (x.buffer, x.offset, kind) if isinstance(x, View) else (id(x), kind)
        if key not in self.names:
            self.names[key] = f"a{len(self.pointers)}"
            self.pointers.append((x.buffer, x.offset) if isinstance(x, View) else np.ascontiguousarray(x.array))
        return self.names[key]

    def _element(self, p: Pass, x: Any, axes: Axes) -> str:
        strides = p.strides(x) if isinstance(x, View) else _spread(x, p.shape)
        item = dtype_of(x).itemsize
        terms = [f"{text} * {strides[a] // item}" for a, text in axes if strides[a]]
        return f"{self._pointer(x)}[{' + '.join(terms) or '0'}]"

    def _operand(self, p: Pass, x: Any, dtype: Any, axes: Axes, values: Values) -> str:
        if isinstance(x, Constant) and x.array.ndim == 0:
            x = x.array.item()
        if isinstance(x, (bool, int, float)):
            return _cast(dtype, literal(x))
        if isinstance(x, Constant):
            return _cast(dtype, self._element(p, x, axes))
        known = values.get(_key(p, x))
        if known is None and not p.strides(x)[-1]:
            known = self.row_values.get(_row_key(p, x))
        if known is None and x.buffer in self.held:
            raise Refused("a number that is used in another place than it was made in")
        text = known or self._element(p, x, axes)
        return text if x.dtype == dtype else _cast(dtype, text)

    def _formula(self, p: Pass, axes: Axes, values: Values) -> str:
        op = p.op
        if op.kind == "reduce":
            return self._operand(p, op.inputs[0], op.output.dtype, axes, values)
        if op.kind in ("copy", "fill"):
            dtype = op.output.dtype if op.kind == "fill" else dtype_of(op.inputs[0])
            return self._operand(p, op.inputs[0], dtype, axes, values)
        if op.kind == "where":
            kinds = (np.dtype(bool), op.output.dtype, op.output.dtype)
            texts = [self._operand(p, x, k, axes, values) for x, k in zip(op.inputs, kinds, strict=True)]
            return "{} ? {} : {}".format(*texts)
        texts = [self._operand(p, x, k, axes, values) for x, k in zip(op.inputs, op.kinds, strict=False)]
        return formula(op.function.__name__, op.kinds[0], texts)

    def _constants(self, passes: Sequence[Pass]) -> list[tuple[int, ...]]:
        arrays = [(x, p) for p in passes for x in p.op.inputs if isinstance(x, Constant)]
        return [_spread(x, p.shape) for x, p in arrays if x.array.ndim]


def _key(p: Pass, view: View) -> Any:
    return view.buffer, view.offset, p.strides(view), view.dtype


def _row_key(p: Pass, view: View) -> Any:
    return view.buffer, view.offset, p.strides(view)[:-1], view.dtype


def _spread(x: Constant, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a constant along the axes of the shape."""
    array = np.ascontiguousarray(x.array)
    strides = np.broadcast_to(array, shape).strides
    return tuple(0 if n == 1 else stride for n, stride in zip(shape, strides, strict=True))


def _merged(shape: tuple[int, ...], strides: Sequence[tuple[int, ...]]) -> Axes:
    """The axes that must be told apart: one that runs on where the next ends needs no number of its own."""
    axes = [a for a, n in enumerate(shape) if n > 1]
    kept: list[tuple[int, int]] = []  # the last axis of those merged, and how many elements they have together
    for a in reversed(axes):
        if kept and all(s[a] == s[kept[-1][0]] * kept[-1][1] for s in strides):
            kept[-1] = (kept[-1][0], kept[-1][1] * shape[a])
        else:
            kept.append((a, shape[a]))
    return [(a, f"i{a}:{n}") for a, n in reversed(kept)]


def _names(axes: Axes) -> Axes:
    return [(a, text.partition(":")[0]) for a, text in axes]


def _decomposed(number: str, axes: Axes, shape: tuple[int, ...]) -> list[str]:
    """Lines that find the number along each axis from one number for all."""
    lines, rest = [], number
    for k, (a, text) in enumerate(reversed(axes)):
        name, _, size = text.partition(":")
        if k == len(axes) - 1:
            lines.append(f"const I {name} = {rest};")
        else:
            n = int(size or shape[a])
            lines.append(f"const I {name} = {rest} % {n}, {name}q = {rest} / {n};")
            rest = f"{name}q"
    return lines


def _sum_type(p: Pass) -> str:
    """What a total is kept in: sums of floats in float64."""
    kind = np.dtype("float64") if _is_sum(p) else p.op.output.dtype
    if kind.itemsize < 4:
        raise Refused(f"a total of {kind}")
    return type_name(kind)


def _cast(dtype: Any, text: str) -> str:
    return f"({type_name(dtype)})({text})"


def _indented(lines: Sequence[str]) -> list[str]:
    return ["  " + line for line in lines]


def _rounded_up(n: int, least: int = 32) -> int:
    """The power of two that n fits in."""
    return max(least, 1 << math.ceil(math.log2(max(n, 1))))
