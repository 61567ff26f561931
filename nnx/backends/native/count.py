"""Counting the arithmetic of a function of NumPy arrays by its shapes alone: nothing is computed."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .calls import Call, Refused as Refused, leaves
from .record import record


def counting(function: Callable[..., Any], *args: Any) -> Any:
    """What function(count, *args) gives; count() is the arithmetic operations so far.

    The arrays among args may be zeros without memory behind them: only shapes and types are looked at, and those of
    what comes out are zeros too. Raises Refused.
    """

    def followed(*given: Any) -> Any:
        calls = next(leaf.calls for leaf in leaves(given) if hasattr(leaf, "calls"))
        return function(lambda: sum(map(operations, calls)), *given)

    return record(followed, args, compute=False)[0]


def operations(call: Call) -> int:
    """Additions, multiplications and other functions of numbers in one call; moving numbers is none.

    A product of matrices (m, k) and (k, n) has 2 m k n, a sum as many as it has terms.
    """
    size = int(prod(call.output.shape))
    if call.kind == "ufunc" and call.function is np.matmul:
        return 2 * size * int(call.inputs[0].shape[-1])
    if call.kind == "over places":
        return 2 * size * int(call.inputs[0].shape[-1])
    if call.kind == "reduce":
        return max(int(prod(x.shape)) for x in call.inputs if hasattr(x, "shape"))
    return size if call.kind in ("ufunc", "where", "other") else 0
