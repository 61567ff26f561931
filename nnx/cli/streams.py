"""The process of the command as its words need it: its standard streams, its arguments, and Ctrl-C at any moment."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import printable

OUTPUT = "standard output"
CLOSED = f"{OUTPUT} is closed: open it, as with >/dev/null"


class Output(io.TextIOWrapper):
    """Standard output: an OSError of it names it, and what its encoding lacks is written as \\u2026."""

    def write(self, text: str) -> int:
        with _named():
            return super().write(text)

    def flush(self) -> None:
        with _named():
            super().flush()


class Errors(io.TextIOWrapper):
    """Standard error: what cannot be said there is lost, and the exit code still says it."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, OUTPUT) from None


def prepare() -> None:
    """Open what is closed of the three streams, so that no file takes its number, and let none of them fail otherwise.

    A closed standard output still refuses what is written, for it would be lost.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # the lowest number that is free is given to what is opened next
            os.set_inheritable(os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY), True)
    out, errors = _wrapped(Output, sys.stdout, 1), _wrapped(Errors, sys.stderr, 2)
    for name, stream in (("stdout", out), ("stderr", errors)):
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _wrapped(kind: type[io.TextIOWrapper], stream: Any, number: int) -> Any:
    encoding = stream.encoding if stream is not None else "utf-8"
    raw = stream.detach() if stream is not None else open(number, "wb", closefd=False)  # noqa: SIM115
    at_once = isinstance(raw, io.RawIOBase)  # PYTHONUNBUFFERED: of what is written there, a part may be lost
    raw = io.BufferedWriter(raw) if at_once else raw
    return kind(raw, encoding, errors="backslashreplace", line_buffering=at_once or number == 2 or raw.isatty())


class Terminal:
    """Standard output for data a person reads: what a terminal obeys is spelled out."""

    def write(self, line: str) -> None:
        """One line, with its end."""
        sys.stdout.write(printable(line.removesuffix("\n")) + "\n")


def data() -> Any:
    """Standard output for data: exact, and in UTF-8 as in a file, but on a terminal."""
    if sys.stdout.isatty():
        return Terminal()
    if isinstance(sys.stdout, Output):
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")
    return sys.stdout


def give_up_output() -> None:
    """What standard output did not take is not tried again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def undecoded(words: list[str]) -> str | None:
    """The message for an argument that is no text, or None."""
    for word in words:
        if any("\ud800" <= c <= "\udfff" for c in word):
            encoding = sys.getfilesystemencoding()
            hint = "rename the file" if encoding == "utf-8" else "set PYTHONUTF8=1"
            return f"the argument {word!r} is not {encoding} text: {hint}"
    return None


class CtrlC:
    """Within the block Ctrl-C raises KeyboardInterrupt, and `seen` says so when an import has made another error of it.

    When the process ends after the block, Ctrl-C ends it without a word.
    """

    def __init__(self) -> None:
        self.seen = False

    def __enter__(self) -> "CtrlC":
        self._main = threading.current_thread() is threading.main_thread()
        if self._main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        return self

    def __exit__(self, *error: object) -> None:
        if self._main and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def _handle(self, number: int, frame: Any) -> None:
        self.seen = True
        raise KeyboardInterrupt

    def _unraisable(self, found: Any) -> None:
        if not self.seen:
            self._hook(found)
