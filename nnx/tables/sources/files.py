"""Opening tables by their names: files, folders, patterns, standard input, built-in sets. Every fault is one line."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from ...errors import DataError, unknown
from ..kinds.cells import arrow
from ..reading import Reading
from .content import Content
from .formats import opened, text
from .places import places
from .several import several
from .source import Memory, Source

BUILT_IN = ("penguins", "digits", "iris", "wine", "breast_cancer", "diabetes")  # all but the first as in scikit-learn


def open_table(data: str | Sequence[str], reading: Reading | None = None, memory: int = 1 << 30) -> Source:
    """The table that `data` names: a file, several, a folder, a pattern, "-" (standard input), or a built-in set.

    memory: bytes that a part of a file may have that has to be decoded at once.
    Raises: DataError.
    """
    words = [data] if isinstance(data, str) else list(data)
    asked = reading or Reading()
    if len(words) == 1 and words[0] in BUILT_IN and not Path(words[0]).is_file():
        return _built_in(words[0])
    found = [place for word in words for place in places(word, BUILT_IN)]
    if len(found) == 1 and not found[0].parts:
        return opened(found[0].content, asked, memory)
    return several(words, found, asked, memory)


def _built_in(name: str) -> Source:
    folder = Path(str(resources.files("nnx.tables").joinpath("sets")))
    if name == "penguins":
        penguins = text(Content.of(folder / "penguins.csv", name), Reading())
        penguins.target = "species"
        return penguins
    pa = arrow()
    from pyarrow import csv

    table = csv.read_csv(folder / f"{name}.csv.gz")
    kinds = [pa.float64()] * (table.num_columns - 1) + [pa.float64() if name == "diabetes" else pa.string()]
    return Memory(table.cast(pa.schema([*zip(table.column_names, kinds, strict=True)])), name, name, "target")


def check_target(source: Source, target: str | None) -> str:
    """The column to predict: the one asked for, or the source's own. Raises: DataError."""
    if target is None:
        if source.target is None:
            raise DataError(f"{source.place}: say which column to predict: --target {source.columns[-1]}")
        return source.target
    if target not in source.columns:
        raise DataError(f"{source.place}: {unknown('column', target, source.columns)}")
    return target
