"""The bytes of a file, decompressed as its first ones say, and as UTF-8 where they are text of another encoding."""

import atexit
import lzma
import os
import shutil
import sys
import tempfile
from codecs import BOM_UTF8, getincrementaldecoder, register_error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

from ...errors import DataError
from ..kinds.cells import arrow

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz"}
ZIP = b"PK\x03\x04"
GROWTH, ROOM = 100, 1 << 28  # how many times its size what is unpacked whole may grow; bytes that are always fine
MIXED = "utf-8, cp1252"  # UTF-8 with single bytes of cp1252 astray in it
PART = 1 << 20  # bytes decoded at once


@dataclass(frozen=True)
class Content:
    """A file, perhaps compressed by gzip, bz2, zstd or xz, or a member of a ZIP file."""

    path: Path
    place: str  # its name in a message
    packing: str = ""
    member: str = ""
    called: str = ""  # the name of what was copied to the file, if that has another

    @classmethod
    def of(cls, path: Path, place: str = "", member: str = "", called: str = "") -> "Content":
        """The content of a file. Raises: DataError."""
        place = place or (f"{path}/{member}" if member else str(path))
        with reading(place):
            with open(path, "rb") as file:
                head = file.read(8)
            packing = next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")
            return cls(path, place, "zip" if member else packing, member, called)

    @property
    def name(self) -> str:
        """Its name without folders and suffixes."""
        return Path(self.called or self.member or self.path).name.partition(".")[0]

    @property
    def suffix(self) -> str:
        """Its suffix, that of a compression left out."""
        suffixes = [s.lower() for s in Path(self.called or self.member or self.path).suffixes]
        packed = len(suffixes) > 1 and suffixes[-1] in (".gz", ".bz2", ".zst", ".xz", ".zip")
        return suffixes[-2 if packed else -1] if suffixes else ""

    def open(self) -> Any:
        """A stream of the bytes. Raises: OSError and what compression leads to."""
        if self.member:
            return ZipFile(self.path).open(self.member)
        if self.packing == "xz":
            return lzma.open(self.path)
        if self.packing:
            return arrow().CompressedInputStream(arrow().OSFile(str(self.path)), self.packing)
        return open(self.path, "rb")

    def head(self, size: int) -> bytes:
        """The first bytes. Raises: DataError."""
        with reading(self.place), self.open() as file:
            parts = []
            while size > 0 and (part := file.read(size)):
                parts.append(part)
                size -= len(part)
            return b"".join(parts)

    def text(self, encoding: str) -> Any:
        """A stream of the bytes as UTF-8, without a mark at its begin. Raises in it: UnicodeDecodeError."""
        raw = self.open()
        if encoding != "utf-8":
            return BufferedReader(Recoded(raw, encoding), PART)
        buffered = BufferedReader(raw if isinstance(raw, RawIOBase) else Raw(raw), PART)
        if buffered.peek(3)[:3] == BOM_UTF8:
            buffered.read(3)
        return buffered

    def seekable(self) -> "Content":
        """The content in a file of its own, for what is not read from its begin to its end. Raises: DataError."""
        if not self.packing:
            return self
        most, total = max(GROWTH * self.path.stat().st_size, ROOM), 0
        with reading(self.place), self.open() as file, spool() as copy:
            while part := file.read(PART):
                total += len(part)
                if total > most:
                    raise DataError(f"{self.place}: it grows to more than {most >> 20} MiB; save it uncompressed")
                copy.write(part)
        return replace(
            self, path=Path(copy.name), packing="", member="", called=self.called or self.member or self.path.name
        )


class reading:
    """Turn the errors of a file that cannot be read into a DataError that names it."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, (arrow().ArrowException, *BROKEN)) and not isinstance(error, DataError):
            text = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise DataError(f"{self.place}: cannot be read: {text.splitlines()[0][:100]}") from None


BROKEN = (OSError, EOFError, lzma.LZMAError, BadZipFile, ZlibError, NotImplementedError, RuntimeError)


def check_growth(place: str, archive: ZipFile) -> None:
    """Raise DataError for a ZIP file of which a part would grow too large in memory."""
    for member in archive.infolist():
        if member.file_size > max(GROWTH * member.compress_size, ROOM):
            size = f"{member.file_size / 2**30:,.1f} GiB from {member.compress_size / 2**20:,.1f} MiB"
            raise DataError(f"{place}: {member.filename[:40]} would grow to {size}; save it uncompressed")


class Raw(RawIOBase):
    """A stream of bytes for Python's buffers."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, or part of it."""
        part = self.raw.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Close the stream below too."""
        self.raw.close()
        super().close()


class Recoded(Raw):
    """A stream of text in some encoding as UTF-8."""

    def __init__(self, raw: Any, encoding: str) -> None:
        super().__init__(raw)
        known = encoding == MIXED
        self.decoder = getincrementaldecoder("utf-8" if known else encoding)("nnx.western" if known else "strict")
        self.left, self.ended = memoryview(b""), False

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, or part of it."""
        while not self.left and not self.ended:
            part = self.raw.read(PART)
            self.ended = not part
            self.left = memoryview(self.decoder.decode(part, final=self.ended).encode())
        n = min(len(buffer), len(self.left))
        buffer[:n], self.left = self.left[:n], self.left[n:]
        return n


def decoded(text: bytes, encoding: str) -> str:
    """The text; what is none in this encoding is marked."""
    return text.decode("utf-8", "nnx.western") if encoding == MIXED else text.decode(encoding, "replace")


def _western(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are not UTF-8 as cp1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


register_error("nnx.western", _western)


@contextmanager
def spool() -> Iterator[Any]:
    """A file to write that is removed when the process ends."""
    with tempfile.NamedTemporaryFile(dir=_folder(), delete=False) as file:
        yield file


@cache
def _folder() -> str:
    """A folder for the files of this process."""
    folder, process = tempfile.mkdtemp(prefix="nnx-"), os.getpid()

    def remove() -> None:
        if os.getpid() == process:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


@cache
def standard_input() -> Content:
    """Standard input, read once into a file of its own. Raises: DataError."""
    return spooled(sys.stdin.buffer, "standard input", "stdin")


def spooled(stream: Any, place: str, called: str) -> Content:
    """A stream that can be read only once, in a file of its own. Raises: DataError."""
    with reading(place), spool() as copy:
        shutil.copyfileobj(stream, copy, PART)
    return Content.of(Path(copy.name), place, called=called)
