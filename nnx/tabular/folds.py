"""Folds: which rows each network is trained on, and which it is measured on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..backends import numpy as host
from ..errors import DataError
from ..random import permutation


class Fold(NamedTuple):
    """Numbers of the rows to train on, and of those held out; None where there are none."""

    rows: Any
    held: Any


def folds_of(labels: Any, rows: int, count: int, seed: int, classes: Sequence[str] = ()) -> list[Fold]:
    """So many folds of rows; each class is divided evenly.

    All folds are of one size, so that they can train together: of n rows in K folds n mod K, chosen by chance, are
    never held out. labels: the class number of each row, or None.
    Raises: DataError.
    """
    _check(labels, rows, count, classes)
    return _dealt(rows, count, seed, 0, labels)


def splits(rows: int, members: int, share: float, seed: int, labels: Any = None, groups: Any = None) -> list[Fold]:
    """The rows of each of some networks, which hold out this share of them: none twice before all had their turn.

    groups: rows of one group are together. Folds are then of different sizes.
    """
    count = min(max(round(1 / share), 2), rows) if share else 0
    if count < 2:
        return [Fold(host.namespace().arange(rows), None)] * members
    found: list[Fold] = []
    while len(found) < members:
        turn = len(found) // count
        found += _dealt(rows, count, seed, turn, labels) if groups is None else _grouped(groups, count, seed, turn)
    return found[:members]


def _dealt(rows: int, count: int, seed: int, turn: int, labels: Any) -> list[Fold]:
    order = permutation(seed, "folds", rows, turn)[rows % count :]
    if labels is not None:
        order = order[host.namespace().argsort(labels[order], stable=True)]
    return [_fold(rows, order[k::count]) for k in range(count)]


def _grouped(groups: Any, count: int, seed: int, turn: int) -> list[Fold]:
    """Whole groups, the largest first, each to the fold that has the fewest rows. Raises: DataError."""
    xp = host.namespace()
    names, place, sizes = xp.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise DataError(
            f"groups: all rows are of one group, {str(names[0])!r}; a network cannot be validated on others"
        )
    count = min(count, len(names))
    order = permutation(seed, "folds", len(names), turn)
    order = order[xp.argsort(-sizes[order], stable=True)]
    totals, where = xp.zeros(count, dtype="int64"), xp.zeros(len(names), dtype="int64")
    for group in order:
        where[group] = totals.argmin()
        totals[where[group]] += sizes[group]
    return [_fold(len(groups), xp.flatnonzero(where[place] == k)) for k in range(count)]


def _fold(rows: int, numbers: Any) -> Fold:
    xp = host.namespace()
    held = xp.zeros(rows, dtype=bool)
    held[numbers] = True
    return Fold(xp.flatnonzero(~held), xp.flatnonzero(held))


def _check(labels: Any, rows: int, count: int, classes: Sequence[str]) -> None:
    """Raise DataError if there are too few rows for so many folds."""
    if count > rows:
        raise DataError(f"--cv {count}: {rows} rows to train on; give at most so many folds")
    if labels is not None:
        counts = host.namespace().bincount(labels, minlength=len(classes)).tolist()
        least = min(counts)
        if least < count:
            name = classes[counts.index(least)][:30]
            hint = f"give --cv {least} or less" if least > 1 else "give --cv 1, or leave the class out"
            raise DataError(f"--cv {count}: class {name!r} has {least} rows to train on, fewer than folds; {hint}")
