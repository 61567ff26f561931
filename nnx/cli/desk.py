"""The socket by which a rank that `--workers` has started gets its streams, and tells its exit code."""

import os
import socket
from contextlib import suppress
from struct import Struct

from ..system import closed_first, launched

SOCKET = "NNX_WORKERS"  # the variable with its path
HELLO, WORD = Struct("2q"), Struct("q")  # the numbers of a rank and its process; its exit code


class Desk:
    """That of the process which has started this rank; it ends when that one does."""

    def __init__(self) -> None:
        """Take the streams of that process for those of this one."""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.environ[SOCKET])
        # the end of this process is to be seen here before its launcher sees it, and ends the others
        self.socket = socket.socket(fileno=closed_first(self.socket.detach()))
        self.socket.send(HELLO.pack(launched()[1], os.getpid()))
        _, files, *_ = socket.recv_fds(self.socket, 1, 2)
        for own, given in zip((1, 2), files, strict=True):
            os.dup2(given, own)
            os.close(given)

    def tell(self, code: int) -> None:
        """The exit code with which this process is about to end."""
        with suppress(OSError):
            self.socket.send(WORD.pack(code))
