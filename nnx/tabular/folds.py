"""The folds of a search: which rows each of its networks is trained on, and which it is measured on."""

from typing import Any, NamedTuple

from ..backends import numpy as host
from ..errors import DataError
from ..random import permutation
from ..tables import Target
from .prepare import Prepared


class Fold(NamedTuple):
    """Numbers of the rows to train on, and of those held out."""

    rows: Any
    held: Any


def rows_of(prepared: Prepared) -> tuple[Any, Any]:
    """The rows that a search sees, x and y: all but those of the test, in the order of training and validation."""
    parts = [prepared.train] if prepared.validation is None else [prepared.train, prepared.validation]
    x, y = (host.namespace().concat(part) for part in zip(*parts, strict=True))
    return x, y


def folds_of(prepared: Prepared, y: Any, count: int, seed: int) -> list[Fold]:
    """So many folds of rows with targets y; 1: the validation rows of the table are held out.

    Each class is divided evenly. All folds are of one size, so that they can train together: of n rows in K folds
    n mod K, chosen by chance, are never held out.
    Raises: DataError.
    """
    xp, n = host.namespace(), len(y)
    if count == 1:
        if prepared.validation is None:
            raise DataError(
                "--cv 1 measures on the validation rows, and there are none; give --validation 0.1, or --cv 5"
            )
        kept = prepared.rows[0]
        return [Fold(xp.arange(kept), xp.arange(kept, n))]
    _check(prepared.target, y, count)
    order = permutation(seed, "folds", n)[n % count :]
    if prepared.target.classes:
        order = order[xp.argsort(y[order], stable=True)]
    parts = []
    for k in range(count):
        held = xp.zeros(n, dtype=bool)
        held[order[k::count]] = True
        parts.append(Fold(xp.flatnonzero(~held), xp.flatnonzero(held)))
    return parts


def _check(target: Target, y: Any, count: int) -> None:
    """Raise DataError if there are too few rows for so many folds."""
    if count > len(y):
        raise DataError(f"--cv {count}: {len(y)} rows to train on; give at most so many folds")
    if target.classes:
        counts = host.namespace().bincount(y, minlength=len(target.classes)).tolist()
        least = min(counts)
        if least < count:
            name = target.classes[counts.index(least)][:30]
            hint = f"give --cv {least} or less" if least > 1 else "give --cv 1, or leave the class out"
            raise DataError(f"--cv {count}: class {name!r} has {least} rows to train on, fewer than folds; {hint}")
