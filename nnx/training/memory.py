"""What to say when the memory of a device does not suffice."""

import traceback
from types import TracebackType
from typing import Any

from ..backends import Backend
from ..errors import NNXError, OutOfMemoryError
from .run import Run

GIB = 2**30
PART = 0.9  # of the free memory that a batch may take: it is never free in one piece
SIGNS = ("out of memory", "resource_exhausted", "can't allocate", "unable to allocate", "cannot allocate")


class Memory:
    """In its `with` block, a library's own error for too little memory becomes one line that says what would fit."""

    def __init__(self, backend: Backend, batch_size: int) -> None:
        self.backend, self.batch_size = backend, batch_size
        self.run: Run | None = None  # as soon as there is one

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, where: TracebackType | None) -> None:
        if error is None or isinstance(error, NNXError) or not is_out_of_memory(error):
            return
        traceback.clear_frames(where)  # frees the arrays of the step that failed
        raise OutOfMemoryError(f"out of memory on {self.backend}: {self.advice()}") from None

    def advice(self) -> str:
        """What did not fit, and what would."""
        from ..backends.native.record import Refused

        free, run = self.backend.free_memory(), self.run
        left = f"{free / GIB:.2f} GiB are free"
        if run is None or not hasattr(run, "steps"):
            return (
                f"the data and the weights do not fit ({left}); a smaller network, or x as a numpy.memmap, needs less"
            )
        try:
            needed = self.needed(run, self.batch_size)
        except Refused:
            return f"a step on {self.batch_size} rows needs more than there is ({left}); give a smaller batch_size"
        text = f"a step on {self.batch_size} rows needs {needed / GIB:.2f} GiB beside data and weights, {left}"
        fits = 1 << max(self.batch_size.bit_length() - 1, 0)
        while fits >= 1 and (fits >= self.batch_size or self.needed(run, fits) > PART * free):
            fits //= 2
        return f"{text}; batch_size={fits} would fit" if fits else f"{text}; a smaller network would fit"

    def needed(self, run: Run, rows: int) -> int:
        """Bytes of what a step on so many rows makes for itself."""
        from ..backends.native.loop import step_bytes

        return step_bytes(run.steps.step, run.carry, run.like, rows)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a library says that there is too little memory; each has an error of its own for it."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in SIGNS)
