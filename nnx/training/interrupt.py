"""Signals that end a training: after the batch that is being computed, or at once."""

import os
import signal
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from ..system import is_ignored

NOTICE = b"\nstopping after this batch; again to stop now\n"
_listening: list["Interrupt"] = []  # the blocks of the main thread, the innermost last


class Interrupt:
    """Ctrl-C inside the block sets `seen`, so that a batch is always finished, and says so; a second one stops at once.

    Outside the main thread, where signals cannot be caught, it does nothing; a signal that is ignored stays so, as in a
    process in the background.
    """

    number = signal.SIGINT
    late = False  # seen because the time is over: the batch in hand is at least the first

    def __init__(self, *, told: bool = True) -> None:
        """told: whether to say that a batch is finished first."""
        self.seen, self.told = False, told

    def __enter__(self) -> "Interrupt":
        self._main = threading.current_thread() is threading.main_thread()
        self._before: Any = None
        if self._main:
            self._listen()
        return self

    def _listen(self) -> None:
        if not is_ignored(self.number):
            self._before = signal.signal(self.number, self._handle)
        _listening.append(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(self.number, self._before)
        if self._main and self in _listening:
            _listening.remove(self)
            if self.seen and (around := listening()) is not None:
                around.seen = True  # it is told of what it did not hear

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True
        if self.told:
            with suppress(OSError):
                os.write(2, NOTICE)  # what Python buffers could be in the middle of a write of its own


class Termination(Interrupt):
    """SIGTERM inside the block does what Ctrl-C would do at that moment, and sets `seen`."""

    number = signal.SIGTERM

    def _listen(self) -> None:
        if not is_ignored(self.number):
            self._before = signal.signal(self.number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.seen = True
        handler = signal.getsignal(signal.SIGINT)
        if (inside := listening()) is not None and is_ignored(signal.SIGINT):  # a process in the background
            inside._handle(number, frame)
        elif callable(handler):
            handler(signal.SIGINT, frame)
        else:
            raise KeyboardInterrupt


def listening() -> Interrupt | None:
    """The block that Ctrl-C would reach now, if there is one."""
    return _listening[-1] if _listening else None
