"""The lock of a folder or a checkpoint: who writes there is alone, and a process that ends leaves it free."""

import errno
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock as Guard
from time import sleep

from .. import system
from ..errors import DataError
from .write import fault

WAIT, TRIES = 0.05, 6  # seconds between two tries, and how often: a command that only looks is soon done
_Key = tuple[int, int, str]  # device and number of the folder, name of the file
_own: dict[_Key, int] = {}  # the locks of this process, with its number: a process that is forked has none
_guard = Guard()


class LockWarning(UserWarning):
    """A file system, or a system, has no locks: nothing keeps a second process from writing to the same place."""


class Held:
    """A lock that is held. left: the word that the one before had noted, if it was killed, else ""."""

    def __init__(self, path: Path, file: int, left: str) -> None:
        self._path, self._file, self.left = path, file, left
        self.note(left)

    def note(self, word: str) -> None:
        """Write this process, and a word for who finds the lock after it was killed. Raises: ModelFileError."""
        try:
            os.lseek(self._file, 0, os.SEEK_SET)
            os.ftruncate(self._file, 0)
            os.write(self._file, f"{os.getpid()} {system.machine()} {word}".encode())
        except OSError as error:
            raise fault(self._path, f"cannot be written: {error.strerror}") from None


@contextmanager
def locked(file: Path, what: object, remedy: str) -> Iterator[Held]:
    """The lock whose file this is, for this process and this block alone; the file is removed after it.

    what: is being written, in a message; remedy: what else to do, such as ", or give another path".
    Raises: DataError naming the process that has it, or ModelFileError if there can be no such file.
    """
    key, held = _taken(file, lambda owner: DataError(f"{_is_written(what, owner)}: wait for it{remedy}"))
    try:
        yield held
    finally:
        with _guard:  # removed before it is given back: who waits for it sees that it is another file
            _own.pop(key, None)
            with suppress(OSError):
                os.unlink(file)
            with suppress(OSError):
                os.close(held._file)
            if not system.REMOVES_OPEN_FILES:
                with suppress(OSError):
                    os.unlink(file)


def writer(file: Path) -> str | None:
    """A word for who holds this lock, or None if nobody does, as far as can be told without taking it."""
    with suppress(OSError):
        if _key(file) in _own and _own[_key(file)] == os.getpid():
            return "this process"
        with open(file, "rb", opener=lambda name, flags: os.open(name, flags | system.WAIT_FREE)) as stream:
            process, _, rest = stream.read(100).decode("ascii", "replace").partition(" ")
        if process.isdigit() and rest[:8] == system.machine() and system.is_alive(int(process[:10])):
            return f"process {process[:10]}"
    return None


def _taken(file: Path, busy: Callable[[str], DataError]) -> tuple[_Key, Held]:
    for last in [False] * TRIES + [True]:
        try:
            with _guard:
                key = _key(file)
                if _own.get(key) == os.getpid():
                    raise busy("this process")
                held = _tried(file)
                if held is not None:
                    _own[key] = os.getpid()
                    return key, held
        except OSError as error:
            raise fault(file, f"cannot be written: {error.strerror}") from None
        if last:
            raise busy(writer(file) or "another process")
        sleep(WAIT)
    raise AssertionError  # the last try returns or raises


def _tried(file: Path) -> Held | None:
    """The lock, or None if another process has it. Raises: OSError."""
    while True:
        opened = os.open(file, os.O_RDWR | os.O_CREAT | system.BINARY | system.OWN_FILE | system.WAIT_FREE, 0o666)
        mine = False
        try:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            if not _locked(opened, file):
                return None
            if _is_there(file, opened):  # else who had it has removed it meanwhile
                mine = True
                held = Held(
                    file, opened, os.read(opened, 100).decode("ascii", "ignore").partition(" ")[2].partition(" ")[2]
                )
                opened = -1
                return held
        except BaseException:
            if mine:
                with suppress(OSError):
                    os.unlink(file)
            raise
        finally:
            if opened >= 0:
                os.close(opened)


def _locked(opened: int, file: Path) -> bool:
    """False if another process has it; where there are no locks a warning says so."""
    try:
        return system.lock(opened)
    except OSError as error:
        if error.errno not in system.NO_LOCKS:
            raise
        text = f"{file.parent}: no locks here ({error.strerror}): let no other process write to it meanwhile"
        warnings.warn(text, LockWarning, stacklevel=7)
        return True


def _is_there(file: Path, opened: int) -> bool:
    """True if an open file is still the one of this name."""
    try:
        found, own = os.stat(file, follow_symlinks=False), os.fstat(opened)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)


def _key(file: Path) -> _Key:
    folder = os.stat(file.parent)
    return folder.st_dev, folder.st_ino, file.name


def _is_written(what: object, owner: str) -> str:
    name = str(what)
    return f"{name if len(name) <= 90 else '...' + name[-87:]} is being written by {owner}"
