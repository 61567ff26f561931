"""The column to predict: classes kept as they are spelled, or numbers standardised and turned back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, ModelFileError
from .choose import PLAIN
from .infer import written_numbers
from .plain import settings, within
from .source import Source, cells
from .statistics import Numbers, Texts

TASKS = ("auto", "classification", "regression")
MANY = 20  # so many classes are fine however few the rows
FEW = 10  # so many distinct whole numbers, or fewer, in three times as many rows are taken for classes


@dataclass(frozen=True)
class Target:
    """The column to predict. classes: their spelling, in order; or none: then the network sees (y - mean) / scale."""

    name: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    @property
    def task(self) -> str:
        return "classification" if self.classes else "regression"

    def encode(self, cells: Any) -> Any:
        """Class numbers (-1: none of them) or standardised float64, (n,) on the host; cells are read as `kind` says."""
        if not self.classes:
            return (cells - self.mean) / self.scale
        numbers: dict[str, int] = {}
        for spelling in (str.lower, _plain, str):  # as it is written, else 3 for 3.0, else true for True
            numbers |= {spelling(c): i for i, c in enumerate(self.classes)}
        distinct = set(cells.to_pylist()) - {None}
        known = {t: next((numbers[s] for s in (t, _plain(t), t.lower()) if s in numbers), -1) for t in distinct}
        found = [known.get(text, -1) for text in cells.to_pylist()]
        return host.put(found, "int64", None)

    def decode(self, output: Any) -> Any:
        """Class names of probabilities (n, classes), or values of standardised ones (n, 1)."""
        if not self.classes:
            return host.put(output[:, 0], "float64", None) * self.scale + self.mean
        return host.put(self.classes, None, None)[output.argmax(axis=1)]

    @property
    def kind(self) -> str:
        """The kind that its cells are read as."""
        return "text" if self.classes else "number"

    def to_data(self) -> dict[str, Any]:
        """The target as plain data."""
        return {"name": self.name, "classes": list(self.classes), "mean": self.mean, "scale": self.scale}

    @classmethod
    def from_data(cls, data: Any) -> "Target":
        """The target that `to_data` wrote. Raises: ModelFileError."""
        try:
            target = cls(**settings(cls, data))
            within("scale", target.scale, 5e-324, inf)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"the target in it cannot be read: {str(error.args[0])[:100]}") from None
        return target


@dataclass
class Seen:
    """Statistics of the target from one pass, read as text and, where that is possible, as numbers."""

    name: str
    kind: str
    texts: Texts
    numbers: Numbers
    whole: bool = True
    missing: int | None = None  # the first row without a target


def look(source: Source, name: str, kind: str, rows: Any = None) -> Seen:
    """One pass over the target column; rows: of each row whether it is one to learn from."""
    seen = Seen(name, kind, Texts(), Numbers(0))
    first = 0
    for batch in source.batches([name]):
        text = cells(source, batch, name, "text", first)
        if text.null_count and seen.missing is None:
            seen.missing = first + text.is_null().index(True).as_py()
        seen.texts.see(text)
        if kind == "number":
            values = cells(source, batch, name, "number", first)
            seen.whole = seen.whole and bool((values == values.round()).all())
            seen.numbers.see(values if rows is None else values[rows[first : first + len(values)]])
        first += batch.num_rows
    if seen.missing is not None:
        place, n = source.where(seen.missing), seen.texts.gaps
        raise DataError(f"{place}: the target {name!r} is missing ({n} such rows); remove or fill them")
    return seen


def task_of(seen: Seen, asked: str, place: str) -> tuple[str, str]:
    """ "classification" or "regression", and a note for the user or "". Raises: DataError."""
    if asked == "regression" and seen.kind != "number":
        raise DataError(f"{place}: the target {seen.name!r} holds text: regression needs numbers")
    if asked != "auto":
        return asked, ""
    if seen.kind != "number":
        return "classification", ""
    distinct = len(seen.texts.counts)
    if seen.whole and distinct <= min(FEW, seen.texts.rows // 3):
        return "classification", (
            f"target {seen.name!r} has {distinct} distinct whole numbers, taken for classes; "
            "if they are a quantity: --task regression"
        )
    return "regression", ""


def make_target(seen: Seen, task: str, place: str, rows: str = "in every row") -> Target:
    """The target of a task. Raises: DataError if there is nothing to learn; rows says which were looked at."""
    if task == "regression":
        if seen.numbers.constant:
            raise DataError(f"{place}: the target {seen.name!r} is {seen.numbers.low:g} {rows}: nothing to learn")
        return Target(seen.name, (), seen.numbers.mean, seen.numbers.deviation)
    classes = in_order(list(seen.texts.counts))
    if seen.texts.many:
        raise DataError(f"{place}: the target {seen.name!r} has more than {len(classes)} classes; is it a quantity?")
    if len(classes) > max(MANY, seen.texts.rows // 2):
        what = f"{len(classes)} different texts in {seen.texts.rows} rows, too many for classes"
        hint = f"if they are numbers, {PLAIN}" if written_numbers(seen.texts.counts) else "is it the right column?"
        raise DataError(f"{place}: the target {seen.name!r} has {what}; {hint}")
    if len(classes) < 2:
        raise DataError(f"{place}: the target {seen.name!r} has one class, {classes[0][:30]!r}: nothing to learn")
    return Target(seen.name, classes)


def in_order(classes: Sequence[str]) -> tuple[str, ...]:
    """The classes sorted; whole numbers as numbers, 10 after 9. 3 and 3.0 are one."""
    plain = {_plain(c): c for c in sorted(classes, reverse=True)}
    if all(re.fullmatch("-?[0-9]{1,18}", c) for c in plain):
        return tuple(sorted(plain, key=int))
    return tuple(sorted(plain.values()))


def _plain(text: str) -> str:
    return re.sub(r"^(-?\d+)\.0*$", r"\1", text)
