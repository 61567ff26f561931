"""A recorded program rewritten for a device: the same values with fewer bytes moved, or products of rounded factors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from ..native.program import Operation, Program, View

BITS = np.dtype("uint16")  # of a bfloat16 number


def single(program: Program) -> Program:
    """Every temporary result in memory of its own, where it is written whole: what overwrites one makes a new one.

    An operation then waits for what it needs alone, and not for the readers of what it would have overwritten.
    """
    sizes, temporary = list(program.sizes), {op.output.buffer for op in program.operations} - set(range(program.leaves))
    whole = temporary - {op.output.buffer for op in program.operations if not _fills(op.output, sizes)}
    now: dict[int, int] = {}
    operations = []
    for op in program.operations:
        inputs = tuple(_renamed(x, now) for x in op.inputs)
        output = op.output
        if output.buffer in whole:
            if output.buffer in now:
                sizes.append(sizes[output.buffer])
                now[output.buffer] = len(sizes) - 1
            else:
                now[output.buffer] = output.buffer
            output = _renamed(output, now)
        operations.append(replace(op, inputs=inputs, output=output))
    return Program(operations, sizes, program.leaves)


def _fills(view: View, sizes: Sequence[int]) -> bool:
    return view.whole and view.size * view.dtype.itemsize == sizes[view.buffer]


def _renamed(x: Any, now: dict[int, int]) -> Any:
    if isinstance(x, View) and now.get(x.buffer, x.buffer) != x.buffer:
        return replace(x, buffer=now[x.buffer])
    return x


def totals_of_rows(program: Program) -> Program:
    """Sums over the last axes in two parts, that of each row first: it can be added up where its numbers are made."""
    sizes, operations = list(program.sizes), []
    for op in program.operations:
        x, axes = op.inputs[0] if op.inputs else None, op.settings.get("axis", ())
        if op.kind == "reduce" and op.function is np.add and isinstance(x, View):
            d = len(x.shape)
            chosen = set(range(d)) if axes is None else {a % d for a in (axes if isinstance(axes, tuple) else (axes,))}
            if d > 1 and {d - 1, d - 2} <= chosen and x.shape[-1] > 1 and x.buffer >= program.leaves:
                sizes.append(x.size // x.shape[-1] * x.dtype.itemsize)
                rows = whole(len(sizes) - 1, x.shape[:-1], x.dtype)
                operations.append(replace(op, output=rows, settings={"axis": d - 1, "keepdims": False}))
                left = tuple(sorted(chosen - {d - 1}))
                output = op.output
                if op.settings["keepdims"]:  # the last axis has gone
                    output = replace(output, shape=output.shape[:-1], strides=output.strides[:-1])
                op = replace(op, inputs=(rows,), output=output, settings={**op.settings, "axis": left})
        operations.append(op)
    return Program(operations, sizes, program.leaves)


def whole(buffer: int, shape: tuple[int, ...], dtype: Any) -> View:
    """A buffer's elements one after another, in this shape."""
    steps = tuple(prod(shape[axis + 1 :]) * dtype.itemsize for axis in range(len(shape)))
    return View(buffer, 0, shape, steps, dtype)


@dataclass(frozen=True)
class Rounded:
    """A program whose matrix products read bfloat16.

    copies: of the leaves that last from step to step, the buffer of their rounded copy, which lasts as well.
    """

    program: Program
    copies: dict[int, int]


def rounded(program: Program, lasting: int) -> Rounded:
    """The program with a rounded copy of every float32 array that a matrix product reads, written where it is made.

    lasting: how many of the leaves last from step to step; the others are rounded at the beginning of each.
    """
    sizes, copies = list(program.sizes), {}
    for op in program.operations:
        for view in _factors(op):
            if view.buffer not in copies:
                sizes.append(sizes[view.buffer] // 2)
                copies[view.buffer] = len(sizes) - 1

    def copy(view: View) -> View:
        strides = tuple(s // 2 for s in view.strides)
        return View(copies[view.buffer], view.offset // 2, view.shape, strides, BITS)

    single = np.dtype("float32")
    given = [whole(b, (sizes[b] // 4,), single) for b in copies if lasting <= b < program.leaves]
    operations = [_rounding(view, copy) for view in given]
    for op in program.operations:
        if _factors(op):
            op = replace(op, inputs=tuple(copy(x) for x in op.inputs), settings={"factors": BITS})
        elif (
            op.kind == "ufunc"
            and op.function is np.greater
            and op.inputs[1:] == (0.0,)
            and op.reads[0].buffer in copies
        ):
            op = replace(op, kind="above_zero", inputs=(copy(op.reads[0]),))  # rounding keeps the sign
        operations.append(op)
        if op.output.buffer in copies:
            operations.append(_rounding(op.output, copy))
    return Rounded(Program(operations, sizes, program.leaves), {b: c for b, c in copies.items() if b < lasting})


def _factors(op: Operation) -> list[View]:
    """The factors of a product of float32 matrices."""
    single = np.dtype("float32")
    if op.kind != "ufunc" or op.function is not np.matmul or any(x.dtype != single for x in (*op.reads, op.output)):
        return []
    return op.reads if len(op.reads) == 2 else []


def _rounding(view: View, copy: Any) -> Operation:
    return Operation("round", None, (view,), copy(view))
