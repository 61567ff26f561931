"""Products over places as operations that a device has: all windows gathered, and one product of matrices."""

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ..native.passes import WINDOWS
from ..native.program import Operation, Program, View
from .rewrite import whole


def expanded(program: Program) -> Program:
    """The program without products over places."""
    if not any(op.kind in WINDOWS for op in program.operations):
        return program
    sizes, operations = list(program.sizes), list[Operation]()
    for op in program.operations:
        operations += _expanded(op, sizes) if op.kind in WINDOWS else [op]
    return Program(operations, sizes, program.leaves)


def _expanded(op: Operation, sizes: list[int]) -> Iterator[Operation]:
    first, second, out, places = *op.inputs, op.output, op.settings["places"]
    axes = len(places[0][1])
    if op.kind == "onto places":
        yield Operation("fill", None, (0.0,), out)
        lead, o = out.shape[: len(out.shape) - axes - 3], second.shape[len(second.shape) - axes :]
        v = _new((*lead, len(places), *out.shape[len(lead) + 1 : len(lead) + 3], *o), out.dtype, sizes)
        yield Operation("ufunc", np.matmul, (first, _flat(second, axes + 1)), _flat(v, axes + 1, 2))
        for part, there in zip(_parts(v, axes), _cells(out, places, o), strict=True):
            yield Operation("ufunc", np.add, (there, part), there)
        return
    lines = op.output if op.kind == "over places" else first
    lead, o = second.shape[: len(second.shape) - axes - 3], lines.shape[len(lines.shape) - axes :]
    v = _new((*lead, len(places), *second.shape[len(lead) + 1 : len(lead) + 3], *o), second.dtype, sizes)
    for part, there in zip(_parts(v, axes), _cells(second, places, o), strict=True):
        yield Operation("copy", None, (there,), part)
    gathered = _flat(v, axes + 1, 2)
    if op.kind == "over places":
        yield Operation("ufunc", np.matmul, (first, gathered), _flat(out, axes + 1))
    else:
        turned = replace(
            gathered,
            shape=(*gathered.shape[:-2], *gathered.shape[:-3:-1]),
            strides=(*gathered.strides[:-2], *gathered.strides[:-3:-1]),
        )
        yield Operation("ufunc", np.matmul, (_flat(first, axes + 1), turned), out)


def _new(shape: tuple[int, ...], dtype: Any, sizes: list[int]) -> View:
    """An array of its own."""
    sizes.append(prod(shape) * dtype.itemsize)
    return whole(len(sizes) - 1, shape, dtype)


def _flat(x: View, last: int, before: int = 1) -> View:
    """The last axes made one, and so many before them one; they lie in one piece."""
    cut = len(x.shape) - last
    shape = (*x.shape[: cut - before], prod(x.shape[cut - before : cut]), prod(x.shape[cut:]))
    item = x.dtype.itemsize
    return replace(x, shape=shape, strides=(*x.strides[: cut - before], shape[-1] * item, item))


def _parts(v: View, axes: int) -> Iterator[View]:
    """What was gathered at each place: (..., c, n, *o) of (..., k, c, n, *o)."""
    at = len(v.shape) - axes - 3
    for i in range(v.shape[at]):
        shape, strides = (*v.shape[:at], *v.shape[at + 1 :]), (*v.strides[:at], *v.strides[at + 1 :])
        yield replace(v, offset=v.offset + i * v.strides[at], shape=shape, strides=strides)


def _cells(x: View, places: Any, o: tuple[int, ...]) -> Iterator[View]:
    """The cells (..., c, n, *o) of x (..., planes, c, n, *cells) at each place."""
    at = len(x.shape) - len(o) - 3
    for plane, shift in places:
        steps = zip(shift, x.strides[len(x.strides) - len(o) :], strict=True)
        offset = x.offset + plane * x.strides[at] + sum(s * step for s, step in steps)
        shape = (*x.shape[:at], *x.shape[at + 1 : at + 3], *o)
        yield replace(x, offset=offset, shape=shape, strides=(*x.strides[:at], *x.strides[at + 1 :]))
