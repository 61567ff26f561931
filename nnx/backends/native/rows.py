"""A function of rows compiled for pieces of them that fit into the cache, which threads compute side by side."""

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .build import bound, planned
from .calls import Refused, refusing
from .loop import recorded_twice, signature

PIECE = 1024  # rows of a piece
FEW = 16 * PIECE  # rows below which nothing is prepared
_NONE = np.empty((1, 0), dtype=np.int64)


def for_rows(
    function: Callable[[Any, Any], Any], lanes: Callable[[], int], one_core: Callable[[], Any]
) -> Callable[[Any, Any], Any]:
    """The same function (params, x) for any number of rows; whether it is compiled makes no difference to the bits.

    lanes: how many threads may run side by side; one_core: what keeps the BLAS to one core in each of them.
    """
    programs: dict[Any, Any] = {}

    def compiled(params: Mapping[str, Any], x: Any) -> Any:
        own = dict(params)
        arrays = [*own.values(), x]
        fine = all(type(a) is np.ndarray and a.size and a.flags.c_contiguous for a in arrays)
        if not fine or x.ndim != 2 or len(x) < FEW:
            return function(params, x)
        kind = signature((own, x[:PIECE]))
        if kind not in programs:
            programs[kind] = _program(function, own, x[:PIECE])
        found, like = programs[kind]
        if like is None:
            return function(params, x)
        plan = _plan(found)
        y = np.empty((len(x), *like.shape[1:]), like.dtype)
        whole, count = len(x) // PIECE * PIECE, lanes()

        def lane(number: int) -> None:
            for start in range(number * PIECE, whole, count * PIECE):
                some = slice(start, start + PIECE)
                if plan is None:
                    y[some] = function(params, x[some])
                else:
                    bound(plan, [y[some], *own.values(), x[some]], None)(_NONE, 0, 1)

        with one_core(), ThreadPoolExecutor(count) as threads:
            deque(threads.map(lane, range(count)), maxlen=0)
        if whole < len(x):
            y[whole:] = function(params, x[whole:])
        return y

    return compiled


def _program(function: Callable[[Any, Any], Any], params: Any, x: Any) -> tuple[Any, Any]:
    """The program for such a piece, None where it cannot be recorded, and an array like its result.

    No array where the result has no row for each of x.
    """
    like = function(params, x)
    if type(like) is not np.ndarray or like.shape[:1] != x.shape[:1]:
        return None, None

    def step(carry: Any, params: Any, x: Any, weight: Any, rows: Any) -> Any:
        return {"y": function(params, x)}

    try:
        return recorded_twice(step, {"y": np.empty_like(like, order="C")}, (params, x, None, None), True), like
    except Refused:
        return None, like


def _plan(found: Any) -> Any:
    """The plan of a program, compiled before, or asked for by another process; else None."""
    try:
        with refusing():
            return found and planned(found, None, worth=False)
    except Refused:
        return None
