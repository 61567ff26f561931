"""What a model file says of an encoder's settings and columns, checked before it is used."""

from itertools import pairwise
from math import inf
from typing import Any

from ..kinds.cells import parted
from .columns import CELLS, COLUMNS, Column, Hashed
from .numbers import NARROW, Levels, Number, Pieces
from .plain import settings, value, within
from .words import TERMS, Words

SCALES = ("robust", "standard")
WIDEST = 2**24  # columns that an encoder in a file may make
LONGEST = 4000  # characters of the kind of cells
LATER = {
    "max_words": 4096,
    "levels": False,
    "bins": 0,
    "embed": 0,
    "fold_case": False,
}  # settings that older files lack, as they were then
TYPES = {
    "scale": str,
    "max_categories": int,
    "min_count": int,
    "buckets": int,
    "max_words": int,
    "levels": bool,
    "bins": int,
    "embed": int,
    "fold_case": bool,
    "dtype": str,
    "seed": int,
}


def settings_of(data: Any) -> dict[str, Any]:
    """The parameters of an encoder."""
    data = LATER | data if type(data) is dict else data
    if type(data) is not dict or data.keys() != {*TYPES, "kinds"}:
        raise KeyError(f"its settings are not {', '.join(TYPES)} and kinds")
    read = {name: value(name, data[name], kind) for name, kind in TYPES.items()}
    if read["scale"] not in SCALES:
        raise ValueError(f"scale {read['scale'][:20]!r} is not known")
    kinds = data["kinds"]
    if kinds is not None:
        kinds = {name: value("kinds", kind, str) for name, kind in value("kinds", kinds, dict).items()}
    return read | {"kinds": kinds}


def column_of(data: Any) -> tuple[Column, str]:
    """A column, and the kind of its cells."""
    if type(data) is not dict:
        raise TypeError("a column is no object")
    data = dict(data)
    name, cell_kind = (value(f"{key} of a column", data.pop(key, None), str) for key in ("kind", "cells"))
    kind = COLUMNS.get(name)
    if kind is None or parted(cell_kind)[0] not in CELLS[name] or len(cell_kind) > LONGEST:
        raise KeyError(f"a column of {name[:40]!r} from {cell_kind[:40]!r}")
    if kind is not Number and "number" in data:
        data["number"] = _number(data["number"])
        if data["number"].name != data.get("name"):
            raise ValueError(f"the number of the column {data['number'].name[:40]!r} is another's")
    column: Column = _number(data) if kind is Number else kind(**settings(kind, data))
    if isinstance(column, Hashed):
        within(f"column {column.name[:40]!r}: buckets", column.buckets, 1, WIDEST)
    if isinstance(column, Words):
        within(f"column {column.name[:40]!r}: most", column.most, 1, TERMS)
        within(f"column {column.name[:40]!r}: rarity", len(column.rarity), len(column.terms), len(column.terms))
    if isinstance(column, Levels):
        within(f"column {column.name[:40]!r}: the number of values", len(column.values), 1, WIDEST)
    if isinstance(column, Pieces):
        within(f"column {column.name[:40]!r}: the number of edges", len(column.edges), 3, WIDEST)
        for a, b in pairwise(column.edges):
            within(f"column {column.name[:40]!r}: the width of a piece", b - a, NARROW / 2, inf)
    return column, cell_kind


def _number(data: Any) -> Number:
    number = Number(**settings(Number, data))
    within(f"column {number.name[:40]!r}: scale", number.scale, 5e-324, inf)
    return number
