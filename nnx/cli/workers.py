"""`--workers N`: N ranks on this machine, started by the MPI of this environment, with the streams of this process.

A launcher of MPI carries what its processes write, and tells in its own words how they end. So each rank asks for the
streams themselves, on a socket that this process listens on: by it ranks are known, sent signals, and seen to end. What
the launcher says is read for the signal that has killed one.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from shutil import which
from time import monotonic
from typing import Any, NamedTuple

from .. import system
from ..errors import BackendError, SettingError, printable
from .desk import HELLO, SOCKET, WORD

PAUSE, PATIENCE = 0.05, 2.0  # seconds between two looks at the launcher, and for ranks to end that it has left behind
YIELDING = {"MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}  # of MPICH: who waits lets others have the core
LONGEST = 80  # letters of the folder of a socket, whose path may have about 100


class Ended(NamedTuple):
    """How a process or its ranks have ended."""

    code: int
    killed: str = ""  # by what signal, and which, where that was not asked for


class Workers:
    """The ranks of one command, as the process that has started them sees them."""

    def __init__(self, path: str) -> None:
        self.asked = 0  # the signal that they were sent
        self.alive: dict[int, int] = {}  # the processes of those that have not ended, by file number
        self.codes: dict[int, int] = {}  # the exit codes of those that have told one
        self.lost: list[int] = []  # those that ended without a word, the first one first
        self.selector, self.door = DefaultSelector(), socket.socket(socket.AF_UNIX)
        self.door.bind(path)
        self.door.listen(1024)
        self.selector.register(self.door, EVENT_READ)

    def serve(self) -> None:
        """Give ranks that begin their streams, and note how others end, for a moment."""
        for key, _ in self.selector.select(PAUSE):
            if key.fileobj is self.door:
                self.let_in()
            else:
                self.hear(key.fileobj, key.data)

    def let_in(self) -> None:
        """A rank has begun."""
        rank, _ = self.door.accept()
        with suppress(ConnectionError):
            number, process = HELLO.unpack(rank.recv(HELLO.size, socket.MSG_WAITALL).ljust(HELLO.size, b"\0"))
            socket.send_fds(rank, [b"."], [1, 2])
            self.alive[rank.fileno()] = process
            self.selector.register(rank, EVENT_READ, number)
            if self.asked:
                system.send(process, self.asked)

    def hear(self, rank: Any, number: int) -> None:
        """A rank has told its exit code, or has ended."""
        with suppress(ConnectionError):
            if word := rank.recv(WORD.size):
                (self.codes[number],) = WORD.unpack(word)
                return
        if number not in self.codes:
            self.lost.append(number)
        del self.alive[rank.fileno()]
        self.selector.unregister(rank)
        rank.close()

    def send(self, number: int) -> None:
        """Send all ranks a signal, and those that are still to begin."""
        self.asked = number
        for process in list(self.alive.values()):
            system.send(process, number)

    def ended(self, count: int, said: str) -> Ended:
        """How they have ended. said: by their launcher, of the signal that has killed one."""
        if self.codes:
            return Ended(self.codes.get(0) or next(filter(None, self.codes.values()), 0))
        if self.asked:
            return Ended(128 + self.asked)
        number = re.search(r"signal[: ]+(\d+)", said)
        if not self.lost and number is None:
            last = next(filter(None, map(str.strip, reversed(said.splitlines()))), "no word of it")
            raise BackendError(f"the {count} ranks could not be started: {printable(last)}")
        first = f"rank {self.lost[0]}" if self.lost else "one"
        by = f"was killed by {signal.Signals(int(number[1])).name}" if number else "has ended without a word"
        return Ended(1, f"{first} of {count} {'' if self.lost else 'ranks '}{by}")


def run(arguments: Sequence[str], count: int, passing: Callable[..., Any]) -> Ended:
    """Run Python with these arguments as so many ranks. passing: a context in which a function is given signals.

    Raises: BackendError.
    """
    command = [*launcher(), "-n", str(count), sys.executable, *arguments]
    short = None if len(tempfile.gettempdir()) < LONGEST else "/tmp"
    with tempfile.TemporaryDirectory(prefix="nnx-", dir=short) as folder, open(Path(folder, "said"), "w+b") as said:
        workers = Workers(f"{folder}/ranks")
        usual = {"OMP_NUM_THREADS": "1"} | (YIELDING if count > system.cores() else {})
        more = usual | os.environ | {SOCKET: f"{folder}/ranks"}
        files: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said}
        with (
            workers.door,
            workers.selector,
            subprocess.Popen(command, env=more, process_group=0, **files) as process,
            passing(workers.send),
        ):
            while process.poll() is None:
                workers.serve()
            end = monotonic() + PATIENCE
            while workers.alive and monotonic() < end:
                workers.serve()
            for left in workers.alive.values():
                system.send(left)
        said.seek(0)
        return workers.ended(count, said.read().decode(errors="replace"))


def launcher() -> list[str]:
    """The words that start a program of MPI on this machine. Raises: BackendError, SettingError."""
    if not system.has_processes():
        raise SettingError("--workers needs the signals of POSIX, which this system has not: start it by mpiexec")
    if (there := system.launched())[0] > 1:
        raise SettingError(f"--workers starts ranks, and this is one of {there[0]} that {there[2]} has started")
    beside = Path(sys.executable).with_name("mpiexec")
    path = str(beside) if beside.is_file() else which("mpiexec")
    if path is None or find_spec("mpi4py") is None:
        raise BackendError("--workers needs mpiexec and mpi4py: pip install 'nnx-array[mpi]'")
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    if "Open MPI" in done.stdout:
        root = ["--allow-run-as-root"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
        return [path, "--oversubscribe", "--bind-to", "none", *root]
    return [path, *(["-launcher", "fork"] if "HYDRA" in done.stdout else [])]
