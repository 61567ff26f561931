"""Too little memory: the one line that says what was needed, what is free, and what would fit."""

import traceback
from collections.abc import Callable
from math import prod
from types import TracebackType
from typing import Any

from ..backends import Backend
from ..contract import Features, Layer, as_row
from ..errors import NNXError, OutOfMemoryError

GIB = 2**30
PART = 0.9  # of the free memory that a batch may take: it is never free in one piece
SIGNS = ("out of memory", "resource_exhausted", "can't allocate", "unable to allocate", "cannot allocate")
Needs = Callable[[int], int]  # the bytes that a step on so many rows makes for itself; raises Refused if unknown


class Memory:
    """In its `with` block, a library's own error for too little memory becomes one line that says what would fit."""

    def __init__(self, backend: Backend, batch_size: int, parts: int = 1) -> None:
        """parts: that a batch is computed in."""
        self.backend, self.batch_size, self.parts = backend, batch_size, parts
        self.needs: Needs | None = None  # as soon as there is a step
        self.members = 1  # of a population, trained at once

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, where: TracebackType | None) -> None:
        if error is None or isinstance(error, NNXError) or not is_out_of_memory(error):
            return
        traceback.clear_frames(where)  # frees the arrays of the step that failed
        raise too_little(self.backend, self.batch_size, self.needs, parts=self.parts, members=self.members) from None


def too_little(
    backend: Backend,
    batch_size: int = 1,
    needs: Needs | None = None,
    what: str = "a step",
    *,
    parts: int = 1,
    members: int = 1,
) -> OutOfMemoryError:
    """The error for too little memory: what does not fit, and what would."""
    from ..backends.native.record import Refused

    free = backend.free_memory()
    left = f"{free / GIB:.2f} GiB are free"
    try:
        text = f"the data and the weights do not fit ({left}); a smaller network, or x as a numpy.memmap, needs less"
        if needs is not None:
            needed = needs(batch_size)
            text = f"{what} on {batch_size} rows needs {needed / GIB:.2f} GiB beside data and weights, {left}; "
            text += smaller(batch_size, needs, free, parts)
    except Refused:
        text = f"{what} on {batch_size} rows needs more than there is ({left}); "
        text += f"give a smaller batch_size, or micro_batches={2 * parts} or more"
    if members > 1:
        text += f", or n_members_per_run={members // 2}"
    return OutOfMemoryError(f"out of memory on {backend}: {text}")


def smaller(batch_size: int, needs: Needs, free: int, parts: int) -> str:
    """The advice: a batch of fewer rows that would fit, or the same in parts."""
    fits = 1 << max(batch_size.bit_length() - 1, 0)
    while fits >= 1 and (fits >= batch_size or needs(fits) > PART * free):
        fits //= 2
    if not fits:
        return "a smaller network would fit"
    return f"batch_size={fits} would fit, or micro_batches={-(-batch_size // fits) * parts}"


def is_out_of_memory(error: BaseException) -> bool:
    """True if a library says that there is too little memory; each has an error of its own for it."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in SIGNS)


def bytes_of_step(net: Layer, features: Features, batch_size: int, dtype: str) -> int:
    """About the bytes that a step works on, where none has been recorded yet.

    Those of weights, gradients and two slots of an optimizer, and of what lies between layers, three times.
    """
    shapes = net.shapes(as_row(features))[0].values()
    widths = sum(shape[-1] for shape in shapes if len(shape) >= 2)
    return (8 if "64" in dtype else 4) * (4 * sum(map(prod, shapes)) + 3 * widths * batch_size)
