"""`@elementwise`: a formula written once for arrays, and run as one compiled loop where that pays.

On NumPy, and on PyTorch's CPU, a formula of ten operations is ten passes over memory. With llvmlite installed (the
extra `fast`), the same function is recorded once and compiled as one loop: one pass, the same bits. That happens only
after a formula has run for about as long as it takes; NNX_FUSED=always or NNX_FUSED=never in the environment decides
otherwise.
"""

import os
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from ..contract import Array
from .arrays import library_name, namespace

ENOUGH = 1e8  # elements computed plainly before compiling: about as long as that takes
CALL = 8e3  # a call costs as much as so many elements
SMALL = 65536  # elements below which starting the loop costs more than ten passes: Adam 0.8 of them at this size
choice = os.environ.get("NNX_FUSED", "auto")  # "always", "never", or "auto": when it pays


def sqrt(x: Array) -> Array:
    """The square root, in a formula."""
    return namespace(x).sqrt(x)


def sign(x: Array) -> Array:
    """-1, 0 or 1, in a formula."""
    return namespace(x).sign(x)


class elementwise:
    """A formula of arrays, then numbers: it returns new values for its first arguments, written on them where it can.

    The formula may use + - * /, augmented assignment, and the functions of this module. Call `plain` for the formula
    itself.
    """

    def __init__(self, formula: Callable[..., tuple[Array, ...]]) -> None:
        self.plain = formula
        self.work = 0.0
        self.programs: dict[Any, Any] = {}  # by the size and the type of the arrays
        update_wrapper(self, formula)

    def __call__(self, *args: Any) -> tuple[Array, ...]:
        if library_name(args[0]) not in ("numpy", "torch"):
            return self.plain(*args)
        arrays = tuple(_host_view(a) for a in args if getattr(a, "ndim", 0))
        first = arrays[0]
        if first is None or first.size < SMALL or not self._is_worth_it(first.size):
            return self.plain(*args)
        if not all(_alike(a, first) for a in arrays):
            return self.plain(*args)  # members with settings of their own, or a view
        from .native.loop import formula_of

        given = [*(a.reshape(-1) for a in arrays), *(first.dtype.type(a) for a in args[len(arrays) :])]
        kind = first.size, first.dtype
        if kind not in self.programs:
            self.programs[kind] = formula_of(self.plain, given)
        return args[: self.programs[kind](given)]

    def _is_worth_it(self, size: int) -> bool:
        if choice == "auto" and self.work < ENOUGH:
            self.work += size + CALL
            return False
        if choice == "never":
            return False
        from .native.machine import can_compile

        return can_compile()


def _alike(a: Any, b: Any) -> bool:
    return a is not None and a.shape == b.shape and a.dtype == b.dtype and bool(a.flags.c_contiguous)


def _host_view(x: Array) -> Any:
    """x as a NumPy array on the same memory; None if it is not on the host."""
    if library_name(x) == "torch":
        return x.numpy() if x.device.type == "cpu" and not x.requires_grad else None
    return x if hasattr(type(x), "flags") else None  # an array, and not one that is being recorded
