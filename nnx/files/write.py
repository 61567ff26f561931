"""Writing a file so that it is there whole or not at all, whatever ends the process or the machine meanwhile."""

import errno
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

from ..errors import ModelFileError

_writing: set[str] = set()  # the temporary files that this process is writing
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP)  # of folders, on file systems that know no such thing


def fault(path: str | os.PathLike[str], text: str) -> ModelFileError:
    """The error for a file: one line of at most 200 characters that names it."""
    name = str(path)
    name = name if len(name) <= 110 else "..." + name[-107:]
    line = f"{name}: {text}"
    return ModelFileError((line if line.isprintable() else ascii(line)[1:-1])[:200])


def open_whole(path: Path) -> BinaryIO:
    """Open a regular file for reading; anything else, such as a pipe or a device, is refused and never waited for.

    Raises: OSError, ValueError.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # exchanged meanwhile
        file.close()
        raise OSError(errno.EINVAL, "not a regular file")
    return file


def write_whole(path: str | os.PathLike[str], *content: Any) -> None:
    """Write a file of these pieces of bytes; an older one is replaced whole or not at all. Raises: ModelFileError.

    A temporary file beside it is written and synced, put in its place, and the folder synced. What a process that was
    killed left of such files is removed by the next save to the same place.
    """
    path = Path(path)
    try:
        _clean(path)
        temporary = path.with_name(f"{path.name}.tmp-{_machine()}-{os.getpid()}-{os.urandom(4).hex()}")
    except (OSError, ValueError) as error:
        raise fault(path, f"cannot be written: {_reason(error)}") from None
    _writing.add(temporary.name)
    folder, replaced = -1, False
    try:
        folder = _open_folder(path.parent)
        _write(temporary, content)
        os.replace(temporary, path)
        replaced = True
        if folder >= 0:
            _sync_folder(folder)
    except (OSError, ValueError) as error:
        done = "is written, but a power failure may undo it" if replaced else "cannot be written"
        raise fault(path, f"{done}: {_reason(error)}") from None
    finally:
        if not replaced:
            with suppress(OSError, ValueError):
                os.unlink(temporary)
        if folder >= 0:
            with suppress(OSError):
                os.close(folder)
        _writing.discard(temporary.name)


def _write(temporary: Path, content: Iterable[Any]) -> None:
    """Write a new file, with the rights that the umask leaves, and wait until it is on the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    file = os.open(temporary, flags, 0o666)
    try:
        for piece in content:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def _open_folder(folder: Path) -> int:
    """A folder, to be synced; -1 where there is no such thing, as on Windows."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY) if hasattr(os, "O_DIRECTORY") else -1


def _sync_folder(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _clean(path: Path) -> None:
    """Remove what processes of this machine that are no more have left of saves to this path."""
    form = re.compile(re.escape(path.name) + rf"\.tmp-{_machine()}-([1-9][0-9]{{0,9}})-[0-9a-f]{{8}}")
    with suppress(OSError):
        for name in os.listdir(path.parent):
            match = form.fullmatch(name)
            if match and name not in _writing and not _alive(int(match[1])):
                with suppress(OSError):
                    os.unlink(path.with_name(name))


def _machine() -> str:
    """A word for this machine: the process numbers of another one sharing the folder mean nothing here."""
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return f"{crc32(name.encode()):08x}"


def _alive(process: int) -> bool:
    """True if a process other than this one has this number."""
    if process == os.getpid() or not hasattr(os, "fork"):  # on Windows os.kill would end it
        return process != os.getpid()
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).splitlines()[0]
