"""Columns that give the target away, found on some of the rows."""

from typing import Any

from ..backends import numpy as host
from ..tables import Source, TableEncoder, Target, cells
from ..tables.kinds.cells import TEXTS, parted

ROWS = 20_000  # rows looked at
ENOUGH = 20  # fewer rows tell nothing
SAME = 0.99999  # correlation from which on a column is a copy of the target
REPEATED = 10  # rows that a text has on average, and at least the second class, before it can tell by more than chance


def leaks(source: Source, encoder: TableEncoder, target: Target, train: Any) -> list[str]:
    """A note for each column that is a copy of the target, or whose values each have one value of the target."""
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
        why = _why(xp, v[there], y[there], bool(target.classes), text)
        if why:
            notes.append(f"column {name!r} gives the target away ({why}); --drop {name}?")
    return notes


def _why(xp: Any, v: Any, y: Any, classes: bool, text: bool) -> str:
    """How these values tell those of the target; "" if they do not."""
    if not classes and not text:
        return "it is the target on another scale" if _is_scaled(v, y) else ""
    values, place = xp.unique(v, return_inverse=True)
    groups, counts = xp.unique(y, return_counts=True)
    if len(groups) < 2 or len(values) < 2 or len(set(zip(place.tolist(), y.tolist(), strict=True))) > len(values):
        return ""  # some value has two
    if classes and len(groups) == len(values):
        return "one value for each of its values"
    most = int(counts.max())
    told = text and len(v) >= REPEATED * len(values) and len(v) - most >= REPEATED
    return "each of its values has one of the target" if told else ""


def _is_scaled(v: Any, y: Any) -> bool:
    """True if one is the other times a number, plus another."""
    with host.scope(None, "float64", ""):
        a, b = v - v.mean(), y - y.mean()
        both = float((a * a).sum() * (b * b).sum()) ** 0.5
        return bool(both > 0 and abs(float((a * b).sum())) > SAME * both)
