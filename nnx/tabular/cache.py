"""The cache of encoded rows: a folder named after all that they depend on, the hash of the file included."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from .. import system
from .._version import __version__
from ..backends import numpy as host
from ..errors import DataError
from ..files.write import clean, temporary_name
from ..tables import Source, TableEncoder, Target
from .blocks import Part, Writer
from .settings import Config, share_in_blocks

PARTS = ("train", "validation", "test")
LOCK = "lock"


def entries() -> list[tuple[float, int, Path]]:
    """The time of last use, the bytes and the folder of each table's encoded rows, the oldest first."""
    found = []
    with suppress(OSError):
        for entry in os.scandir(system.cache_folder()):
            with suppress(OSError):
                if Path(entry.path, "counts.json").is_file():
                    files = [file.stat() for file in os.scandir(entry.path)]
                    size = sum(file.st_size for file in files)
                    found.append((max(file.st_mtime for file in files), size, Path(entry.path)))
    return sorted(found)


def remove(folder: Path) -> bool:
    """Remove the encoded rows of a table. False: a process is training on them. Raises OSError."""
    with open(folder / LOCK, "a+b") as file:
        if not system.lock(file.fileno()):
            return False
        shutil.rmtree(folder)
    return True


class _Use:
    """A lock that is shared by all who read the rows, held as long as this object is there."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | system.OWN_FILE, 0o600)
        system.lock(self.file, shared=True)

    def __del__(self) -> None:
        os.close(self.file)


@dataclass
class Cache:
    """Encoded rows in three parts."""

    folder: Path
    width: int
    classes: int
    rows: tuple[int, int, int]
    used: Any = None  # tells other processes that this one reads the rows

    @classmethod
    def of(
        cls, config: Config, source: Source, encoder: TableEncoder, target: Target, rows: tuple[int, int, int]
    ) -> "Cache":
        """The cache of this table, encoder, target and split."""
        parts = {
            "nnx": __version__,
            "file": source.digest or config.data.path,
            "reading": source.reading.to_data(),
            "encoder": encoder.to_data(),
            "target": target.to_data(),
            "split": [config.data.test, share_in_blocks(config), config.data_seed, rows],
        }
        name = sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
        classes = len(target.classes)
        return cls(system.cache_folder() / f"{source.name}-{name}", encoder.compact_width, classes, rows)

    @property
    def there(self) -> bool:
        """True if it is filled, and nothing of it is lost: anybody may delete it, and a disk may have been full."""
        if not (self.folder / "counts.json").is_file():
            return False
        return all(self.part(role).is_whole for role in range(len(PARTS)))

    def use(self) -> None:
        """Tell other processes, while a part of this object is there, that the rows are in use."""
        with suppress(OSError):
            self.used = _Use(self.folder / LOCK)
            os.utime(self.folder / LOCK)

    @property
    def counts(self) -> list[int]:
        """The number of training rows of each class."""
        return [int(n) for n in json.loads((self.folder / "counts.json").read_text(encoding="utf-8"))]

    @property
    def bytes(self) -> int:
        """Its size on disk."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def part(self, role: int) -> Part:
        """The rows to train on, to validate on or to test on."""
        return Part(self.folder, PARTS[role], self.rows[role], self.width, self.classes > 0, self.used)

    @contextmanager
    def filling(self) -> Iterator[Writer]:
        """A function that takes encoded rows; after the block the cache is there, or, had it failed, nothing is.

        Raises: DataError if it cannot be written.
        """
        xp, made = host.namespace(), temporary_name(self.folder)
        counts = xp.zeros(self.classes, dtype="int64")
        try:
            clean(self.folder)
            made.mkdir(parents=True)
            with ExitStack() as stack:
                files = []
                for role, name in enumerate(PARTS):
                    part = Part(made, name, self.rows[role], self.width, self.classes > 0)
                    pair = []
                    for which, shape in enumerate(((part.rows, part.width), (part.rows,))):
                        file = stack.enter_context(open(made / f"{name}.{'xy'[which]}.npy", "wb"))
                        head = {"descr": part.types[which], "fortran_order": False, "shape": shape}
                        xp.lib.format.write_array_header_1_0(file, head)
                        pair.append((file, part.types[which]))
                    files.append(pair)

                def write(role: int, x: Any, y: Any) -> None:
                    for (file, kind), values in zip(files[role], (x, y), strict=True):
                        file.write(xp.ascontiguousarray(values, dtype=kind).data)
                    if role == 0 and self.classes:
                        counts.__iadd__(xp.bincount(y, minlength=self.classes))

                yield write
            (made / "counts.json").write_text(json.dumps(counts.tolist()), encoding="utf-8")
            if not self.there:  # another process may have filled it meanwhile
                shutil.rmtree(self.folder, ignore_errors=True)
                os.replace(made, self.folder)
        except OSError as error:
            raise DataError(f"the cache {self.folder} cannot be written: {error.strerror}; set NNX_CACHE") from None
        finally:
            shutil.rmtree(made, ignore_errors=True)
