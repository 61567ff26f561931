"""The column to predict: classes kept as they are spelled, or numbers standardised and turned back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from shlex import quote
from typing import Any

from ...backends import numpy as host
from ...errors import DataError, ModelFileError
from ..kinds.cells import arrow, compute, parted
from ..kinds.infer import numeric
from ..sources.source import Source, cells
from .plain import settings, within
from .statistics import Numbers, Texts

TASKS = ("auto", "classification", "regression")
QUANTITIES = ("number", "duration")  # kinds that a regression can learn
MANY = 20  # so many classes are fine however few the rows
FEW = 10  # so many distinct whole numbers, or fewer, in three times as many rows are taken for classes


@dataclass(frozen=True)
class Target:
    """The column to predict. classes: their spelling, in order; or none: then the network sees (y - mean) / scale.

    kind: what its cells are read as: text for classes, else number as the table writes it.
    threshold: the probability above which the second of two classes is predicted.
    """

    name: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    kind: str = ""
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", "text" if self.classes else "number")

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
        coded = cells.dictionary_encode()
        known = [
            next((numbers[s] for s in (t, _plain(t), t.lower()) if s in numbers), -1)
            for t in coded.dictionary.to_pylist()
        ]
        found = arrow().array(known, "int64").take(coded.indices)
        return host.put(compute().fill_null(found, -1).to_numpy(zero_copy_only=False), "int64", None)

    def decode(self, output: Any) -> Any:
        """Class names of probabilities (n, classes), or values of standardised ones (n, 1)."""
        if not self.classes:
            return host.put(output[:, 0], "float64", None) * self.scale + self.mean
        second = self.threshold != 0.5 and len(self.classes) == 2
        codes = (output[:, 1] > self.threshold).astype("int64") if second else output.argmax(axis=1)
        return host.put(self.classes, None, None)[codes]

    def to_data(self) -> dict[str, Any]:
        """The target as plain data."""
        return {"name": self.name, "classes": list(self.classes), "mean": self.mean, "scale": self.scale} | {
            "kind": self.kind,
            "threshold": self.threshold,
        }

    @classmethod
    def from_data(cls, data: Any) -> "Target":
        """The target that `to_data` wrote. Raises: ModelFileError."""
        try:
            target = cls(**settings(cls, data))
            within("scale", target.scale, 5e-324, inf)
            within("threshold", target.threshold, 0.0, 1.0)
            if parted(target.kind)[0] not in (("text",) if target.classes else QUANTITIES) or len(target.kind) > 200:
                raise ValueError(f"the kind {target.kind[:40]!r} is none of such a target")
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
    there: Any = None  # of each row whether it has a target; None: all have

    @property
    def without(self) -> int:
        """The number of rows without a target."""
        return 0 if self.there is None else int((~self.there).sum())

    @property
    def text_kind(self) -> str:
        """The kind that its cells are read as where they are classes."""
        return _text_kind(self.kind)


def look(source: Source, name: str, kind: str, rows: Any = None) -> Seen:
    """One pass over the target column; rows: of each row whether it is one to learn from.

    Raises: DataError if no row has a target.
    """
    seen = Seen(name, kind, Texts(), Numbers())
    first, masks, xp = 0, [], host.namespace()
    for batch in source.batches([name]):
        text = cells(source, batch, name, seen.text_kind, first)
        there = present(text)
        if parted(kind)[0] in QUANTITIES:
            values = cells(source, batch, name, kind, first)
            there = there & present(values)
            seen.whole = seen.whole and bool((values[there] == values[there].round()).all())
            seen.numbers.see(values if rows is None else values[rows[first : first + len(values)]])
        seen.texts.see(text if there.all() else text.filter(arrow().array(there)))
        masks.append(there)
        first += batch.num_rows
    if seen.texts.rows == 0:
        raise DataError(f"{source.place}: {f'the target {name!r} is missing in every row' if first else 'no rows'}")
    if seen.texts.rows < first:
        seen.there = xp.concat(masks)
    return seen


def present(cells: Any) -> Any:
    """Of each cell, as `cells` gives them, whether it is there: bool (n,) on the host."""
    if hasattr(cells, "is_valid"):
        return host.put(cells.is_valid().to_numpy(zero_copy_only=False), "bool", None)
    return cells == cells


def left_out(source: Source, name: str, count: int, first: int) -> str:
    """The note on rows without a target."""
    rows, where = f"{count:,} rows have" if count > 1 else "1 row has", source.where(first)
    return f"{rows} no target {name!r} ({'first ' if count > 1 else ''}{where}): left out"


def _text_kind(kind: str) -> str:
    return "|".join(["text", *(gap for gap in parted(kind)[2] if gap != "*")])


def task_of(seen: Seen, asked: str, place: str) -> tuple[str, str]:
    """ "classification" or "regression", and a note for the user or "". Raises: DataError."""
    kind = parted(seen.kind)[0]
    if asked == "classification":
        return asked, ""
    if kind in ("date", "time"):
        days, other = ("days", "text for classes") if kind == "date" else ("seconds", "duration")
        what = f"holds {kind}s, which are not predicted: give {days} as numbers, or --kind {seen.name}={other}"
        raise DataError(f"{place}: the target {seen.name!r} {what}")
    if kind not in QUANTITIES:
        if asked == "regression":
            what = "yes or no" if kind == "boolean" else "text"
            raise DataError(f"{place}: the target {seen.name!r} holds {what}: regression needs numbers")
        return "classification", ""
    if asked == "regression":
        return asked, ""
    distinct = len(seen.texts.counts)
    if seen.whole and distinct <= min(FEW, seen.texts.rows // 3):
        return "classification", (
            f"target {seen.name!r} has {distinct} distinct whole numbers, taken for classes; "
            "if they are a quantity: --task regression"
        )
    return "regression", ""


def make_target(seen: Seen, task: str, place: str, rows: str = "in every row", *, fold: bool = False) -> Target:
    """The target of a task. Raises: DataError if there is nothing to learn; rows says which were looked at.

    fold: texts that differ in capitals only are one class, which is spelled as it mostly is.
    """
    if task == "regression":
        if seen.numbers.constant:
            raise DataError(f"{place}: the target {seen.name!r} is {seen.numbers.low:g} {rows}: nothing to learn")
        return Target(seen.name, (), seen.numbers.mean, seen.numbers.deviation, seen.kind)
    counts = sorted(seen.texts.counts.items(), key=lambda pair: (pair[1], pair[0]))
    classes = in_order(list({(text.lower() if fold else text): text for text, _ in counts}.values()))
    if seen.texts.many:
        raise DataError(f"{place}: the target {seen.name!r} has more than {len(classes)} classes; is it a quantity?")
    if len(classes) > max(MANY, seen.texts.rows // 2):
        what = f"{len(classes)} different texts in {seen.texts.rows} rows, too many for classes"
        kind = numeric(seen.texts.counts)
        hint = f"if they are numbers: --kind {quote(f'{seen.name}={kind}')}" if kind else "is it the right column?"
        hint = "for a quantity: --task regression" if parted(seen.kind)[0] in QUANTITIES else hint
        raise DataError(f"{place}: the target {seen.name!r} has {what}; {hint}")
    if len(classes) < 2:
        raise DataError(f"{place}: the target {seen.name!r} has one class, {classes[0][:30]!r}: nothing to learn")
    return Target(seen.name, classes, kind=seen.text_kind)


def in_order(classes: Sequence[str]) -> tuple[str, ...]:
    """The classes sorted; whole numbers as numbers, 10 after 9. 3 and 3.0 are one."""
    plain = {_plain(c): c for c in sorted(classes, reverse=True)}
    if all(re.fullmatch("-?[0-9]{1,18}", c) for c in plain):
        return tuple(sorted(plain, key=int))
    return tuple(sorted(plain.values()))


def _plain(text: str) -> str:
    return re.sub(r"^(-?\d+)\.0*$", r"\1", text)
