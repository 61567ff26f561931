"""The files that a name stands for: one, those of a folder or of a pattern, a member of an archive, a stream."""

import glob
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from ...errors import DataError
from .content import Content, spooled, standard_input
from .formats import SUFFIXES

NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Place:
    """A file, and the cells that the names of its folders give to columns: year=2024."""

    content: Content
    parts: dict[str, str] = field(default_factory=dict)


def places(name: str, built_in: Sequence[str] = ()) -> list[Place]:
    """The files, in order of their names. Raises: DataError."""
    path = Path(name)
    if name == "-":
        return [Place(standard_input())]
    if path.is_fifo():
        return [Place(_fifo(name))]
    if path.is_dir():
        return _of_folder(path)
    if path.is_file():
        return [Place(Content.of(path))]
    if path.exists():
        raise DataError(f"{name}: a device, not a file with a table")
    archive = next((p for p in path.parents if p.is_file()), None)
    if archive is not None:
        return [Place(Content.of(archive, member=path.relative_to(archive).as_posix()))]
    if re.search(r"[*?\[]", name):
        found = [Path(p) for p in sorted(glob.glob(name, recursive=True))]
        files = [p for p in found if p.is_file()]
        if not files:
            raise DataError(f"{name}: no file fits this pattern")
        return [Place(Content.of(p), _parts(p.parent)) for p in files]
    raise DataError(f"{name}: no such file, and not one of the built-in sets ({', '.join(built_in)})")


@cache
def _fifo(name: str) -> Content:
    with open(name, "rb") as stream:
        return spooled(stream, name, name)


def _of_folder(folder: Path) -> list[Place]:
    """The tables in a folder and in those below it; what begins with . or _ is none."""
    files = [
        p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not any(part[0] in "._" for part in p.relative_to(folder).parts)
    ]
    kinds = Counter(_kind(p) for p in files)
    tables = {kind: n for kind, n in kinds.items() if kind not in ("", "unknown")} or kinds
    tables.pop("", None)
    if not tables:
        raise DataError(f"{folder}: a folder without a table")
    if len(tables) > 1:
        kinds_ = " and ".join(f"{n} of {kind}" for kind, n in sorted(tables.items()))
        raise DataError(f"{folder}: a folder with tables of several kinds ({kinds_}): give one, as '{folder}/*.csv'")
    return [Place(Content.of(p), _parts(p.parent.relative_to(folder))) for p in files if _kind(p) in tables]


def _kind(path: Path) -> str:
    suffixes = [s.lower() for s in path.suffixes]
    known = next((SUFFIXES[s] for s in reversed(suffixes) if s in SUFFIXES), "")
    if known:
        return known
    return "unknown" if path.name.startswith("part-") or suffixes[:1] in ([".txt"], [".data"], [".dat"]) else ""


def _parts(folder: Path) -> dict[str, str]:
    """The cells in the names of folders, as Hive writes them."""
    pairs = (part.partition("=") for part in folder.parts if "=" in part)
    return {name: "" if value == NULL else unquote(value) for name, _, value in pairs}
