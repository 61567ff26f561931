"""The source of a file, by what the file holds, and where that says nothing by its suffix."""

import re
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

from ...errors import DataError
from ..reading import Reading
from .arff import BEGIN, arff
from .arrays import npy, npz
from .columnar import arrow_file, orc, parquet
from .content import ZIP, Content, reading as naming
from .dialect import settle
from .objects import json_file
from .sheets import sheet
from .source import Source
from .text import TextFile

MAGIC = {
    b"PAR1": "Parquet",
    b"ARROW1": "Arrow",
    b"\xff\xff\xff\xff": "Arrow",
    b"\x93NUMPY": "NPY",
    b"\xd0\xcf\x11\xe0": "workbook",
}
SUFFIXES = {
    **dict.fromkeys((".csv", ".tsv", ".tab"), "text"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "JSON"),
    **dict.fromkeys((".parquet", ".pq"), "Parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "Arrow"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "workbook"),
    ".arff": "ARFF",
    ".orc": "ORC",
    ".npy": "NPY",
    ".npz": "NPZ",
}
OTHERS = {  # what is taken for a table by mistake
    b"SQLite format 3\0": "a database: export its table as CSV",
    b"\x89HDF": "an HDF5 file: save the table as Parquet",
    b"\x80\x04\x95": "a pickle, which may run anything: save the table as Parquet",
    b"\x89PNG": "a picture, no table",
    b"\xff\xd8\xff": "a picture, no table",
    b"%PDF": "a PDF document: export the table as CSV",
    b"<!doctype html": "a web page: download the file itself",
    b"<html": "a web page: download the file itself",
    b"7z\xbc\xaf": "an archive: unpack it",
    b"Rar!": "an archive: unpack it",
}


def opened(content: Content, asked: Reading, memory: int) -> Source:
    """The source of a file. memory: bytes that a part of it may have that has to be decoded at once.

    Raises: DataError.
    """
    head, kind = content.head(1024), ""
    if not head:
        raise DataError(f"{content.place}: the file is empty")
    if head.startswith(ZIP):
        content, kind = _unzipped(content)
        head = head if kind else content.head(1024)
    openers: dict[str, Callable[[], Source]] = {
        "ARFF": lambda: arff(content, asked),
        "text": lambda: text(content, asked, memory),
        "JSON": lambda: json_file(content, asked),
        "Parquet": lambda: parquet(content, asked, memory),
        "Arrow": lambda: arrow_file(content, asked, memory),
        "ORC": lambda: orc(content, asked),
        "workbook": lambda: sheet(content, asked),
        "NPY": lambda: npy(content),
        "NPZ": lambda: npz(content),
    }
    return openers[kind or _kind(content, head)]()


def text(content: Content, asked: Reading, memory: int = 0) -> TextFile:
    """A file of text, read as was asked for and else as it says itself. memory: bytes that may be kept of it.

    Raises: DataError.
    """
    with naming(content.place):
        return TextFile(content, *settle(content, asked), memory)


def _kind(content: Content, head: bytes) -> str:
    """What a file holds, by its first bytes, and else by its suffix."""
    for magic, what in OTHERS.items():
        if head.lstrip()[:20].lower().startswith(magic.lower()):
            raise DataError(f"{content.place}: {what}")
    if head[257:262] == b"ustar":
        raise DataError(f"{content.place}: an archive: unpack it")
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")
    if head.startswith(b"ORC") and b"\0" in head:
        return "ORC"
    if not kind and content.suffix not in SUFFIXES and re.match(rb'(\xef\xbb\xbf)?\s*(\[\s*)?\{\s*("|\})', head):
        return "JSON"
    if not kind and BEGIN.match(head):
        return "ARFF"
    return kind or SUFFIXES.get(content.suffix, "text")


def _unzipped(content: Content) -> tuple[Content, str]:
    """What is in a ZIP file: a workbook, arrays, or else the one file in it, of whatever kind. Raises: DataError."""
    whole = content.seekable()
    with naming(content.place), ZipFile(whole.path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if "[Content_Types].xml" in names or "content.xml" in names:
        return whole, "workbook"
    if names and all(name.endswith(".npy") for name in names):
        return whole, "NPZ"
    tables = [name for name in names if not re.search(r"(^|/)(\.|__MACOSX/)", name)]
    tables = [name for name in tables if Path(name).suffix.lower() in SUFFIXES] or tables
    if len(tables) == 1:
        return Content.of(whole.path, f"{content.place}/{tables[0]}", tables[0]), ""
    found = f"{len(tables)} files in it, such as {', '.join(tables)[:60]}" if tables else "no file in it"
    raise DataError(f"{content.place}: {found}" + f"; say which: {content.place}/{tables[0]}" * bool(tables))
