"""Columns that give the target away, found on some of the rows."""

from typing import Any

from ..backends import numpy as host
from ..tables import Source, TableEncoder, Target, cells
from ..tables.cells import TEXTS, parted

ROWS = 20_000  # rows looked at
ENOUGH = 20  # fewer rows tell nothing
SAME = 0.99999  # correlation from which on a column is a copy of the target


def leaks(source: Source, encoder: TableEncoder, target: Target, train: Any) -> list[str]:
    """A note for each column that is a copy of the target, or names each class by a value of its own."""
    xp, names = host.namespace(), [c.name for c in encoder.columns_]
    first = next(iter(source.batches([*names, target.name])), None)
    if first is None:
        return []
    batch = first.slice(0, ROWS)
    own = train[: batch.num_rows]
    y = target.encode(cells(source, batch, target.name, target.kind, 0))[own]
    if len(y) < ENOUGH:
        return []
    notes = []
    for name in names:
        kind = encoder.kinds_[name]
        text = parted(kind)[0] in TEXTS
        column = cells(source, batch, name, kind, 0)
        if text:
            v = host.put(column.fill_null("").dictionary_encode().indices.to_numpy(zero_copy_only=False), "int64", None)
        else:
            v = column
        v = v[own]
        there = v == v
        if there.sum() < ENOUGH:
            continue
        if _copies(xp, v[there], y[there], bool(target.classes), text):
            notes.append(f"column {name!r} gives the target away (one value for each of its values); --drop {name}?")
    return notes


def _copies(xp: Any, v: Any, y: Any, classes: bool, text: bool) -> bool:
    if not classes:
        if text:
            return False
        with host.scope(None, "float64", ""):
            a, b = v - v.mean(), y - y.mean()
            both = float((a * a).sum() * (b * b).sum()) ** 0.5
            return bool(both > 0 and abs(float((a * b).sum())) > SAME * both)
    values, place = xp.unique(v, return_inverse=True)
    groups = xp.unique(y)
    return bool(1 < len(groups) == len(values) == len(set(zip(place.tolist(), y.tolist(), strict=True))))
