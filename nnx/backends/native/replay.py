"""A program run operation by operation with NumPy, every result written where the last run wrote it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .program import Operation, Program, at


def steps(program: Program, memory: Sequence[Any]) -> list[Callable[[], Any]]:
    """The operations of the program as calls without arguments."""
    return [_bound(op, at(op.inputs, memory), at(op.output, memory), memory) for op in program.operations]


def _bound(op: Operation, inputs: tuple[Any, ...], out: Any, memory: Sequence[Any]) -> Callable[[], Any]:
    match op.kind:
        case "ufunc":
            return partial(op.function, *_typed(op, inputs), out=out, **op.settings)
        case "reduce":
            return partial(op.function.reduce, inputs[0], out=out, **op.settings)
        case "take":
            return partial(np.take, *inputs, out=out, **op.settings)
        case "copy" if np.shape(inputs[0]) == out.shape:
            return partial(np.copyto, out, inputs[0], "unsafe")
        case "copy":
            return lambda: np.copyto(out, inputs[0].reshape(out.shape), "unsafe")
        case "fill":
            return partial(out.fill, inputs[0])
        case _:
            settings = {name: at(value, memory) for name, value in op.settings.items()}
            return lambda: np.copyto(out, op.function(*inputs, **settings))


def _typed(op: Operation, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Python numbers as arrays of the type they take beside the others, which a call need not find out again."""
    if op.settings or all(hasattr(x, "dtype") for x in inputs):
        return inputs
    return tuple(x if hasattr(x, "dtype") else np.asarray(x, k) for x, k in zip(inputs, op.kinds, strict=False))
