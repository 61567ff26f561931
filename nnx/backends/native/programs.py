"""The cache of compiled programs: a file each, in a folder that nobody else can write in."""

import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp

from ... import system

HEAD = b"nnx program 1\n"  # another number where what is kept has another form
LIMIT = 64 << 20  # bytes of all programs together
ASKED = ".asked"  # the end of the name of a file that says that a program was asked for
MOST = 4096  # of these


def folder() -> Path:
    """Where programs are kept."""
    return system.cache_folder() / "programs"


def is_used() -> bool:
    """Whether programs are kept at all: not where NNX_PROGRAMS=never says so."""
    return os.environ.get("NNX_PROGRAMS", "") != "never" and hasattr(os, "geteuid")


def load(key: str) -> bytes | None:
    """The machine code of this name; None where there is none, or not one that this user wrote, as he wrote it."""
    if not is_used() or not _is_own(folder()):
        return None
    path = folder() / key
    try:
        with open(
            path, "rb", opener=lambda name, flags: os.open(name, flags | system.OWN_FILE | system.WAIT_FREE)
        ) as stream:
            about = os.fstat(stream.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
                return None
            data = stream.read()
    except OSError:
        return None
    start = len(HEAD) + 32
    code = data[start:]
    if data[: len(HEAD)] != HEAD or sha256(key.encode() + code).digest() != data[len(HEAD) : start]:
        return None
    with suppress(OSError):
        os.utime(path)  # what is used is not the oldest
    return code


def ask(key: str) -> bool:
    """Whether the program was asked for before, by any process; remembered from now on."""
    place = folder()
    with suppress(OSError):
        if not is_used() or not _made(place):
            return False
        path = place / (key + ASKED)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | system.OWN_FILE, 0o600))
        except FileExistsError:
            path.unlink(missing_ok=True)
            return True
        marks = [path for _, _, path in _files() if path.name.endswith(ASKED)]
        for old in marks[:-MOST]:
            old.unlink(missing_ok=True)
    return False


def save(key: str, code: bytes) -> None:
    """Keep machine code under this name, as far as the disk lets; the oldest makes room for it."""
    if not is_used():
        return
    place = folder()
    with suppress(OSError):
        if not _made(place):
            return
        handle, name = mkstemp(prefix=".", dir=place)  # readable by its owner alone
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(HEAD + sha256(key.encode() + code).digest() + code)
            os.replace(name, place / key)
        except OSError:
            os.unlink(name)
            raise
        _make_room(place)


def entries() -> list[tuple[float, int, Path]]:
    """The time of last use, the bytes and the path of each program, the oldest first."""
    return [entry for entry in _files() if not entry[2].name.endswith(ASKED)]


def _files() -> list[tuple[float, int, Path]]:
    found = []
    with suppress(OSError):
        for entry in os.scandir(folder()):
            with suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                found.append((about.st_mtime, about.st_size, Path(entry.path)))
    return sorted(found)


def remove(path: Path) -> bool:
    """Remove a program; who runs it has it in memory. Raises OSError."""
    path.unlink(missing_ok=True)
    return True


def forget() -> None:
    """Forget what was asked for."""
    for _, _, path in _files():
        if path.name.endswith(ASKED):
            path.unlink(missing_ok=True)


def _make_room(place: Path) -> None:
    kept = entries()
    total = sum(size for _, size, _ in kept)
    for _, size, path in kept:
        if total <= LIMIT:
            return
        with suppress(OSError):
            path.unlink()
        total -= size


def _made(place: Path) -> bool:
    """Whether the folder is there, made now if need be, and this user's own. Raises OSError."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    return _is_own(place)


def _is_own(place: Path) -> bool:
    """Whether a folder is this user's, no link, and closed to all others."""
    try:
        about = os.lstat(place)
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and not about.st_mode & 0o077
