"""A program run operation by operation with NumPy, every result written where the last run wrote it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...errors import BackendError
from .calls import mapped
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
        case "over places" | "outer over places" | "onto places":
            return partial(op.function, *inputs, op.settings["places"], out)
        case _:
            return partial(_again, op.function, mapped(_number, inputs), mapped(_number, at(op.settings, memory)), out)


def _again(function: Any, inputs: Any, settings: Any, out: Any) -> None:
    """The function called as it was called in the step."""
    result = function(*inputs, **settings)
    if result.shape != out.shape or result.dtype != out.dtype:
        raise BackendError(
            f"numpy.{function.__name__} gave {out.dtype} {out.shape} in one step, {result.dtype} {result.shape} in "
            "another; nnx.fit(compile=False) runs such a step"
        )
    np.copyto(out, result)


def _number(x: Any) -> Any:
    return x[()] if isinstance(x, np.ndarray) and x.ndim == 0 and x.base is None else x


def _typed(op: Operation, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Python numbers as arrays of the type they take beside the others, which a call need not find out again."""
    if op.settings or all(hasattr(x, "dtype") for x in inputs):
        return inputs
    return tuple(x if hasattr(x, "dtype") else np.asarray(x, k) for x, k in zip(inputs, op.kinds, strict=False))
