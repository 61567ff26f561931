"""The bytes of a file, decompressed as its first ones say, and as UTF-8 where they are text of another encoding."""

import lzma
from codecs import BOM_UTF8, getincrementaldecoder
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any

from .cells import arrow

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz"}
PART = 1 << 20  # bytes decoded at once


@dataclass(frozen=True)
class Content:
    """A file, perhaps compressed: by gzip, bz2, zstd or xz."""

    path: Path
    place: str
    packing: str = ""

    @classmethod
    def of(cls, path: Path, place: str = "") -> "Content":
        """The content of a file. Raises: OSError."""
        with open(path, "rb") as file:
            head = file.read(8)
        packing = next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")
        return cls(path, place or str(path), packing)

    @property
    def is_zip(self) -> bool:
        """True for a ZIP file."""
        with open(self.path, "rb") as file:
            return file.read(4) == b"PK\x03\x04"

    def open(self) -> Any:
        """A stream of the bytes."""
        if self.packing == "xz":
            return lzma.open(self.path)
        if self.packing:
            return arrow().CompressedInputStream(arrow().OSFile(str(self.path)), self.packing)
        return open(self.path, "rb")

    def text(self, encoding: str) -> Any:
        """A stream of the bytes as UTF-8, without a mark at its begin. Raises in it: UnicodeDecodeError."""
        raw = self.open()
        if encoding != "utf-8":
            return BufferedReader(Recoded(raw, encoding), PART)
        buffered = BufferedReader(raw if isinstance(raw, RawIOBase) else Raw(raw), PART)
        if buffered.peek(3)[:3] == BOM_UTF8:
            buffered.read(3)
        return buffered


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
        self.decoder, self.left, self.ended = getincrementaldecoder(encoding)(), memoryview(b""), False

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, or part of it."""
        while not self.left and not self.ended:
            part = self.raw.read(PART)
            self.ended = not part
            self.left = memoryview(self.decoder.decode(part, final=self.ended).encode())
        n = min(len(buffer), len(self.left))
        buffer[:n], self.left = self.left[:n], self.left[n:]
        return n
