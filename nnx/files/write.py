"""Writing a file so that it is there whole or not at all, whatever ends the process or the machine meanwhile."""

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from .. import system
from ..errors import ModelFileError, NNXError

TEMPORARY = r"\.tmp-([0-9a-f]{8})-([1-9][0-9]{0,9})-[0-9a-f]{8}"  # what the name of a temporary file ends with
_NAME = re.compile(f"(.+){TEMPORARY}", re.DOTALL)
_writing: set[str] = set()  # the temporary files that this process is writing


def fault(path: str | os.PathLike[str], text: str, kind: type[NNXError] = ModelFileError) -> NNXError:
    """The error for a file: one line of at most 200 characters that names it."""
    name = str(path)
    name = name if len(name) <= 110 else "..." + name[-107:]
    line = f"{name}: {text}"
    return kind((line if line.isprintable() else ascii(line)[1:-1])[:200])


def open_whole(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; anything else, such as a pipe or a device, is refused and never waited for.

    Raises: OSError, ValueError.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | system.WAIT_FREE))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # exchanged meanwhile
        file.close()
        raise OSError(errno.EINVAL, "not a regular file")
    return file


def write_whole(path: str | os.PathLike[str], *content: Any, kind: type[NNXError] = ModelFileError) -> None:
    """Write a file of these pieces of bytes; an older one is replaced whole or not at all. Raises: `kind` of error."""
    with replacing(path, kind) as file:
        for piece in content:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(file, rest) :]


@contextmanager
def replacing(path: str | os.PathLike[str], kind: type[NNXError] = ModelFileError) -> Iterator[int]:
    """A file, open for writing, that is in the place of `path` after the block, or, had it failed, as it was before.

    A temporary file beside it is written and synced, put in its place, and the folder synced. What a process that was
    killed left of such files is removed by the next writing to the same place. A link stays, and the file it names is
    replaced; pipes and devices are written to as they are.
    Raises: `kind` of error, one line that names the file.
    """
    folder = file = -1
    temporary: Path | None = None
    replaced = inside = False
    try:
        target = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
        if os.fspath(path).endswith(os.sep):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if os.path.islink(target):  # realpath found no end
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if _is_stream(target):
            file = os.open(target, os.O_WRONLY | system.BINARY)
            inside = True
            yield file
            return
        clean(target)
        temporary = temporary_name(target)
        _writing.add(temporary.name)
        folder = system.open_folder(target.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | system.BINARY | system.OWN_FILE
        file = os.open(temporary, flags, 0o666)  # with the rights that the umask leaves
        inside = True
        yield file
        inside = False
        os.fsync(file)
        file = _closed(file)
        os.replace(temporary, target)
        replaced = True
        if folder >= 0:
            system.sync_folder(folder)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        if isinstance(error, NNXError) or (inside and isinstance(error, ValueError)):
            raise  # of who writes
        done = "is written, but a power failure may undo it" if replaced else "cannot be written"
        raise fault(path, f"{done}: {_reason(error)}", kind) from None
    finally:
        for descriptor in (file, folder):
            if descriptor >= 0:
                with suppress(OSError):
                    os.close(descriptor)
        if temporary is not None:
            if not replaced:
                with suppress(OSError, ValueError):
                    os.unlink(temporary)
            _writing.discard(temporary.name)


def _closed(file: int) -> int:
    os.close(file)
    return -1


def _is_stream(path: Path) -> bool:
    """True for a pipe, a device or a socket."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other process takes, and that `clean` knows."""
    return path.with_name(f"{path.name}.tmp-{system.machine()}-{os.getpid()}-{os.urandom(4).hex()}")


def clean(path: Path) -> None:
    """Remove the files and folders that processes of this machine that are no more have left of saves to this path."""
    with suppress(OSError):
        for name in os.listdir(path.parent):
            if is_left(name, path.name):
                with suppress(OSError):
                    left = path.with_name(name)
                    shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else os.unlink(left)


def is_left(name: str, of: str | None = None) -> bool:
    """True for the name of a temporary file, of this name or of any, whose process is no more."""
    match = _NAME.fullmatch(name)
    if match is None or of not in (None, match[1]) or match[2] != system.machine() or name in _writing:
        return False
    return not system.is_alive(int(match[3]))


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).splitlines()[0]
