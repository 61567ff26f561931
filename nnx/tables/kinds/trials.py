"""Ways in which a column may be written, each with the cells that it can read and the texts that it cannot."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...backends import numpy as host
from .cells import arrow, compute, parted
from .kinds import repeats, values_of
from .numbers import Form

MOSTLY = 0.9
SPELLINGS = 20  # different texts that may stand among numbers
SAMPLE = 200  # texts that propose
DIGITS = r"\s*[-+]?[0-9]+\s*"  # what every form of a number can read


@dataclass
class Trial:
    """A kind that the cells may be of."""

    kind: str
    fits: int = 0  # cells that are
    signs: int = 0  # those of them with a %
    strays: dict[str, tuple[int, int]] = field(default_factory=dict)  # other texts: how many, and the row of the first

    @property
    def base(self) -> str:
        """number, date, time or duration."""
        return parted(self.kind)[0]

    @property
    def form(self) -> str:
        """How its cells are written."""
        return parted(self.kind)[1]

    @property
    def few(self) -> bool:
        """True if all other texts are in `strays`."""
        return len(self.strays) <= SPELLINGS

    def reads_all_of(self, other: "Trial") -> bool:
        """True if every cell that another kind is written in is of this one too."""
        if self.base != other.base:
            return (self.base, other.base) == ("duration", "time")  # 14:05 may be either
        if self.base != "number":
            return self.base == "date" and not other.form
        own, form = (Form.of(trial.form or ".") for trial in (self, other))
        return own.decimal == form.decimal and all(
            theirs in (mine, type(mine)())
            for mine, theirs in ((own.thousands, form.thousands), (own.unit, form.unit), (own.scaled, form.scaled))
        )

    def learn(self, before: Iterable["Trial"], whole: int, texts: Mapping[str, tuple[int, int]]) -> None:
        """Be told of the cells seen before, by trials as they were then.

        whole: cells of digits alone, texts: some others, which tell where no trial does.
        """
        likes = [trial for trial in before if self.reads_all_of(trial)]
        like = max(likes, key=lambda trial: trial.fits, default=None)
        self.fits, told = (whole if self.base == "number" else 0), texts
        if like is not None and like.fits >= self.fits:
            self.fits, self.signs, told = like.fits, like.signs, like.strays
        bad = compute().is_null(values_of(arrow().array(told, arrow().string()), self.base, self.form)).to_pylist()
        for (text, (count, row)), stray in zip(told.items(), bad, strict=True):
            if stray:
                self.strays[text] = (count, row)
            elif self.base != "number" or re.fullmatch(DIGITS, text) is None:  # those are in `whole`
                self.fits += count


def counted(column: Any) -> tuple[Any, Any]:
    """The different texts of a column and how often each is there; where few repeat, all texts and ones."""
    pa, pc = arrow(), compute()
    if pa.types.is_dictionary(column.type):
        counts = pc.value_counts(column.indices)
        return column.dictionary.take(counts.field(0)), counts.field(1)
    if repeats(column):
        counts = pc.value_counts(column)
        return counts.field(0), counts.field(1)
    return column, pa.array(host.namespace().ones(len(column), dtype="int64"))


def summed(texts: Any, n: Any) -> list[tuple[str, int]]:
    """Texts that may repeat, each once with its sum, in their order; a few more than can stand among numbers."""
    coded = texts.dictionary_encode()
    codes, weights = coded.indices.to_numpy(zero_copy_only=False), n.to_numpy(zero_copy_only=False)
    sums = host.namespace().bincount(codes, weights)[: 2 * SPELLINGS]
    return list(zip(coded.dictionary[: 2 * SPELLINGS].to_pylist(), map(int, sums), strict=True))


def spread(texts: Any, count: int = SAMPLE) -> list[str]:
    """Some of many texts: the first ones, and others from all over."""
    if len(texts) <= count:
        return list(texts.to_pylist())
    half = count // 2
    step = -(-(len(texts) - half) // half)
    return [*texts[:half].to_pylist(), *(texts[i].as_py() for i in range(half, len(texts), step)), texts[-1].as_py()]


def unlike(bad: Mapping[str, Any], texts: Any, met: set[tuple[str, ...]]) -> Sequence[str]:
    """Texts that may be written in a way that no trial has: some that no trial reads, and some that not all read.

    bad: for each kind that is tried the texts that it cannot read. met: groups of kinds that do not read a text; of
    those met before there is no need to look at more.
    """
    pa, xp = arrow(), host.namespace()
    code = xp.zeros(len(texts), dtype="int64")
    for place, flags in enumerate(list(bad.values())[:62]):
        code += flags.to_numpy(zero_copy_only=False).astype("int64") << place
    none = (1 << len(bad)) - 1
    some: list[str] = []
    for value in compute().unique(pa.array(code)).to_pylist():
        group = tuple(kind for place, kind in enumerate(bad) if value >> place & 1)
        if group and (group not in met or value == none):
            some += spread(texts.filter(pa.array(code == value)), SAMPLE if value == none else SPELLINGS)
            met.add(group)
    return some
