"""`@elementwise`: a formula written once for arrays, and run as one compiled loop where that pays.

On NumPy, and on PyTorch's CPU, a formula of ten operations is ten passes over memory. With numba installed (the extra
`fast`), the same function is compiled once as a scalar loop: one pass, the same bits. Compiling takes about a second,
so it happens only after a formula has run for about as long; NNX_FUSED=always or NNX_FUSED=never in the environment
decides otherwise.
"""

import os
from collections.abc import Callable
from functools import update_wrapper
from importlib.util import find_spec
from types import FunctionType
from typing import Any

from ..contract import Array
from .arrays import library_name, namespace

ENOUGH = 6e8  # elements computed plainly before compiling: about a second
CALL = 8e3  # a call costs as much as so many elements
SMALL = 2048  # elements below which starting the loop costs more than ten short passes
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
        self.loop: Callable[..., None] | None = None
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
        if self.loop is None:
            self.loop, self.written = _compile(self.plain, len(arrays))
        number = first.dtype.type
        self.loop(*(a.reshape(-1) for a in arrays), *(number(a) for a in args[len(arrays) :]))
        return args[: self.written]

    def _is_worth_it(self, size: int) -> bool:
        if choice == "auto" and self.work < ENOUGH:
            self.work += size + CALL
            return False
        return choice != "never" and has_numba()


def _alike(a: Any, b: Any) -> bool:
    return a is not None and a.shape == b.shape and a.dtype == b.dtype and bool(a.flags.c_contiguous)


def _host_view(x: Array) -> Any:
    """x as a NumPy array on the same memory; None if it is not on the host."""
    if library_name(x) == "torch":
        return x.numpy() if x.device.type == "cpu" and not x.requires_grad else None
    return x if hasattr(type(x), "flags") else None  # an array, and not one that is being recorded


_numba: bool | None = None


def has_numba() -> bool:
    """Whether numba is installed."""
    global _numba
    if _numba is None:
        _numba = find_spec("numba") is not None
    return _numba


def _compile(formula: Callable[..., Any], arrays: int) -> tuple[Callable[..., None], int]:
    """The loop over a formula whose first arguments are so many arrays, and how many of them it writes."""
    import numba
    import numpy as np

    names = formula.__code__.co_varnames[: formula.__code__.co_argcount]
    scalar = numba.njit(FunctionType(formula.__code__, {"sqrt": np.sqrt, "sign": np.sign}), inline="always")
    written = len(formula(*(np.ones(1) for _ in names)))
    elements = [f"{name}[i]" for name in names[:arrays]]
    source = (
        f"def loop({', '.join(names)}):\n"
        f"    for i in range({names[0]}.size):\n"
        f"        {', '.join(elements[:written])}, = scalar({', '.join([*elements, *names[arrays:]])})\n"
    )
    found: dict[str, Any] = {"scalar": scalar}
    exec(source, found)  # the text is made of the formula's own argument names
    loop: Callable[..., None] = numba.njit(found["loop"], error_model="numpy")
    return loop, written
