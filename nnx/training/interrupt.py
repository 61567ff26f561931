"""Signals that end a training: after the batch that is being computed, or at once."""

import os
import signal
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

NOTICE = b"\nstopping after this batch; again to stop now\n"


class Interrupt:
    """Ctrl-C inside the block sets `seen`, so that a batch is always finished, and says so; a second one stops at once.

    Outside the main thread, where signals cannot be caught, it does nothing.
    """

    number = signal.SIGINT

    def __init__(self, notice: bytes = NOTICE) -> None:
        self.seen, self.notice = False, notice

    def __enter__(self) -> "Interrupt":
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before: Any = signal.signal(self.number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._main:
            signal.signal(self.number, self._before)
            around = getattr(self._before, "__self__", None)
            if self.seen and isinstance(around, Interrupt) and around.number == self.number:
                around.seen = True  # it is told of what it did not hear

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True
        with suppress(OSError):
            os.write(2, self.notice)  # what Python buffers could be in the middle of a write of its own


class Termination(Interrupt):
    """SIGTERM inside the block does what Ctrl-C would do at that moment, and sets `seen`."""

    number = signal.SIGTERM

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.seen = True
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):  # of a process in the background, which Ctrl-C is kept from
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)


def listening() -> Interrupt | None:
    """The block that Ctrl-C would reach now, if there is one."""
    owner = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return owner if isinstance(owner, Interrupt) else None
