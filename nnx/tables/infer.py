"""Guesses of what the columns of a text file hold, from all of their cells in one pass.

The first cells propose how a column may be written, and every proposal counts the cells that it can read. `settle`
takes the best one when all cells were seen.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any

from ..backends import numpy as host
from .cells import FALSE, MISSING, TRUE, arrow, cast_all, compute, parted
from .dates import proposals, read
from .kinds import repeats, values_of
from .numbers import Form, forms

MOSTLY = 0.9
ENOUGH = 1000  # cells after which a proposal that reads less than half of them is given up
SPELLINGS = 20  # different texts that may stand among numbers
SAMPLE = 200  # different texts that propose
GROUPED = r"^[-+]?[1-9][0-9]{0,2}(\.[0-9]{3})+$|^[-+]?[0-9]+$"


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


@dataclass
class Guess:
    """The evidence about a column so far. gaps: texts that the user has named as missing cells."""

    gaps: tuple[str, ...] = ()
    rows: int = 0  # all cells seen
    filled: int = 0  # those that are not missing
    whole: int = 0  # those that are digits, or in a block of whole numbers alone: every form can read them
    trials: list[Trial] = field(default_factory=list)
    words: set[str] | None = field(default_factory=set)  # words for yes and no, while there is nothing else
    texts: dict[str, tuple[int, int]] = field(default_factory=dict)  # the first different texts, as in Trial.strays
    zeros: tuple[int, str] | None = None  # the first digits that begin with a needless zero: row and text
    marked: bool = False  # some cell has a point or a comma
    days: bool = True  # all are whole numbers such as 20261121
    met: set[str] = field(default_factory=set)  # texts of coded blocks, not many
    distinct: int = 0  # different cells in one block that the best trial can read, at most

    def see(self, column: Any) -> None:
        """Take in the next block of cells: Arrow text, perhaps coded, or floats as which all of them were read."""
        column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
        filled = len(column) - column.null_count
        if arrow().types.is_floating(column.type):
            for trial in self.trials:
                trial.fits += filled * (trial.base == "number" and trial.form[:1] in ("", "."))
        elif filled and not self.closed and not self._again(column, filled) and not self._plain(column, filled):
            filled = self._look(column)
        self.rows += len(column)
        self.filled += filled
        if self.filled >= ENOUGH:
            self._prune()

    @property
    def closed(self) -> bool:
        """True for a column that can be nothing but text."""
        return self.filled >= ENOUGH and not self.trials and self.words is None and len(self.texts) > SPELLINGS

    def best(self, *bases: str) -> list[Trial]:
        """The trials of these kinds that read the most cells."""
        some = [trial for trial in self.trials if trial.base in bases]
        most = max((trial.fits for trial in some), default=0)
        return [trial for trial in some if trial.fits == most > 0]

    def _again(self, column: Any, filled: int) -> bool:
        """Take in a coded block whose texts were all there before, where that is quickly done; False if it is not."""
        if not arrow().types.is_dictionary(column.type) or len(column.dictionary) > SAMPLE:
            return False
        texts = {*column.dictionary.to_pylist()}
        if not texts <= self.met:
            self.met = self.met | texts if len(self.met) <= SAMPLE else self.met
            return False
        if all(t.fits == self.filled and not t.signs for t in self.trials) and self.whole in (0, self.filled):
            for trial in self.trials:
                trial.fits += filled
            self.whole += filled * (self.whole > 0)
            if not self.trials:
                for text, count in zip(*(part.to_pylist() for part in _counted(column.drop_null())), strict=True):
                    if text in self.texts:
                        old, row = self.texts[text]
                        self.texts[text] = (old + count, row)
            return True
        return False

    def _plain(self, cells: Any, filled: int) -> bool:
        """Take in a block that a computer wrote as numbers, where that is all that counts; False if it is not so."""
        pa, pc = arrow(), compute()
        column = cells.dictionary if pa.types.is_dictionary(cells.type) else cells
        if [trial.kind for trial in self.trials] == ["date"] and (
            read(column, "date", "").null_count == column.null_count
        ):
            self.trials[0].fits += filled
            return True
        if any(trial.base != "number" for trial in self.trials):
            return False
        if cast_all(column, pa.float64()) is None:
            return False
        if (whole := cast_all(column, pa.int64())) is None:
            return self._fractions(column, filled)
        days = pc.min_max(whole)
        self.days = self.days and days["min"].as_py() >= 19000101 and days["max"].as_py() <= 21001231
        self.days = self.days and read(column, "date", "%Y%m%d").null_count == column.null_count
        for trial in self.trials or self._added(["number"]):
            trial.fits += filled
        self.words, self.whole = None, self.whole + filled
        self._zeros(cells)
        return True

    def _fractions(self, column: Any, filled: int) -> bool:
        """Take in plain numbers that are not all whole: another form counts where every point may part thousands."""
        pc = compute()
        others = [trial for trial in self.trials if trial.kind != "number"]
        if not others and not self.marked and pc.all(pc.match_substring_regex(column[:SAMPLE], GROUPED)).as_py():
            others = self._added(["number", "number:,."])
        if others:
            return False
        for trial in self.trials or self._added(["number"]):
            trial.fits += filled
        self.words, self.marked, self.days = None, True, False
        return True

    def _look(self, column: Any) -> int:
        """Take in any block, each different text once: the number of cells that are not missing."""
        pa, pc = arrow(), compute()
        texts, n = _counted(column.drop_null())
        there = pc.invert(pc.is_in(pc.utf8_trim_whitespace(texts), value_set=pa.array((*MISSING, *self.gaps))))
        texts, n = texts.filter(there), n.filter(there)
        if not len(texts):
            return 0
        self.days = False
        self._words(texts)
        before = {t.kind: replace(t, strays=dict(t.strays)) for t in self.trials if t.kind in ("number", "time")}
        unread = self._count(self.trials, column, texts, n)
        rest, m = (texts.filter(unread), n.filter(unread)) if self.trials else (texts, n)
        if some := [text for text in rest[:SAMPLE].to_pylist() if text not in self.texts]:
            ways = forms(some)
            numbers = [*(["number"] if "." in ways else []), *(f"number:{form}" for form in ways)]
            if new := self._added([*numbers, *proposals(some)], before):
                self._count(new, column, texts, n)
        for text, count in zip(rest[:SAMPLE].to_pylist(), m[:SAMPLE].to_pylist(), strict=True):
            if text in self.texts or len(self.texts) <= SPELLINGS:
                old, row = self.texts.get(text) or (0, self._row(column, text))
                self.texts[text] = (old + count, row)
        if any(trial.base == "number" for trial in self.trials):
            self._zeros(column)
        self.whole += pc.sum(n.filter(pc.match_substring_regex(texts, r"^\s*[0-9]+\s*$"))).as_py() or 0
        return int(pc.sum(n).as_py())

    def _added(self, kinds: list[str], before: Mapping[str, Trial] = MappingProxyType({})) -> list[Trial]:
        """New trials of kinds that are not tried yet, told of the cells seen before.

        before: trials as they were before this block. What a plain number is, a form with a decimal point reads too,
        and what a time is, a duration may be.
        """
        tried = {trial.kind for trial in self.trials}
        new = [Trial(kind) for kind in kinds if kind not in tried]
        for trial in new:
            like = {"number": "number" if trial.form[:1] == "." else "", "duration": "time"}.get(trial.base, "")
            trial.fits, told = self.whole if trial.base == "number" else 0, self.texts
            if like in before:
                trial.fits, told = before[like].fits, before[like].strays
            texts = arrow().array(told, arrow().string())
            bad = compute().is_null(values_of(texts, trial.base, trial.form)).to_pylist()
            for (text, (count, row)), stray in zip(told.items(), bad, strict=True):
                if stray:
                    trial.strays[text] = (count, row)
                elif trial.base != "number" or re.fullmatch(r"\s*[0-9]+\s*", text) is None:  # those are in `whole`
                    trial.fits += count
        self.trials += new
        return new

    def _prune(self) -> None:
        """Give up the trials that read much less than the best, or are idle: what they can read, another does."""
        most = max((trial.fits for trial in self.trials), default=0)
        kept = [t for t in self.trials if 2 * t.fits >= self.filled and t.fits >= MOSTLY * most]
        fits = {t.kind: t.fits for t in kept}
        best = dict[tuple[str, ...], int]()
        for t in kept:
            best[_family(t)] = max(t.fits, best.get(_family(t), 0))
        idle = [t for t in kept if t.kind.startswith("number:.") and t.fits == fits.get("number")]
        idle += [t for t in kept if t.kind == "duration" and t.fits == fits.get("time")]
        self.trials = [t for t in kept if t not in idle and t.fits == best[_family(t)]]

    def _count(self, trials: list[Trial], column: Any, texts: Any, n: Any) -> Any:
        """Count the cells of a block that each trial can read; of each text whether the best trial cannot."""
        pc, best, unread = compute(), -1, None
        for trial in trials:
            bad = pc.is_null(values_of(texts, trial.base, trial.form))
            fine = pc.invert(bad)
            fits = pc.sum(n.filter(fine)).as_py() or 0
            trial.fits += fits
            if trial.form.endswith("%") and trial.base == "number":
                trial.signs += pc.sum(n.filter(pc.and_(fine, pc.match_substring(texts, "%")))).as_py() or 0
            some = texts.filter(bad)[: 2 * SPELLINGS].to_pylist()
            for text, count in zip(some, n.filter(bad)[: 2 * SPELLINGS].to_pylist(), strict=True):
                if text in trial.strays or trial.few:
                    old, row = trial.strays.get(text) or (0, self._row(column, text))
                    trial.strays[text] = (old + count, row)
            if fits > best:
                best, unread = fits, bad
                self.distinct = max(self.distinct, len(texts) - pc.sum(bad).as_py())
                self.marked = self.marked or bool(pc.any(pc.match_substring_regex(texts.filter(fine), "[.,]")).as_py())
        return unread

    def _row(self, column: Any, text: str) -> int:
        pc, coded = compute(), arrow().types.is_dictionary(column.type)
        place = pc.index(column.dictionary if coded else column, text).as_py()
        return self.rows + int(pc.index(column.indices, place).as_py() if coded else place)

    def _zeros(self, column: Any) -> None:
        pc = compute()
        texts = column.dictionary if arrow().types.is_dictionary(column.type) else column
        if self.zeros is not None or not pc.any(pc.starts_with(texts, "0")).as_py():
            return
        found = pc.index(pc.match_substring_regex(texts, r"^\s*0[0-9]+\s*$"), True).as_py()
        if found >= 0:
            text = texts[found].as_py()
            self.zeros = (self._row(column, text), text)

    def _words(self, texts: Any) -> None:
        if self.words is not None:
            own = {text.strip().lower() for text in texts[: 2 * SPELLINGS].to_pylist()} if len(texts) <= 60 else {""}
            self.words = self.words | own if own <= {*TRUE, *FALSE} else None


def _counted(column: Any) -> tuple[Any, Any]:
    """The different texts of a column and how often each is there; where few repeat, all texts and ones."""
    pa, pc = arrow(), compute()
    if pa.types.is_dictionary(column.type):
        counts = pc.value_counts(column.indices)
        return column.dictionary.take(counts.field(0)), counts.field(1)
    if repeats(column):
        counts = pc.value_counts(column)
        return counts.field(0), counts.field(1)
    return column, pa.array(host.namespace().ones(len(column), dtype="int64"))


def _family(trial: Trial) -> tuple[str, ...]:
    """What the form of a number has beside the thousands mark; other kinds are families of their own."""
    if trial.base != "number" or not trial.form:
        return (trial.kind,)
    form = Form.of(trial.form)
    return form.decimal, form.unit, str(form.scaled)


def variants(counts: Iterable[str]) -> list[list[str]]:
    """Groups of texts that differ in case and white space alone: [["Low", "low", "low "]]."""
    groups: dict[str, list[str]] = {}
    for text in counts:
        groups.setdefault(" ".join(text.casefold().split()), []).append(text)
    return [group for group in groups.values() if len(group) > 1]


def numeric(texts: Iterable[str]) -> str:
    """The kind that reads most of these texts as numbers, number:.,$ say; "" where they are none, or codes: 01005."""
    some = list(islice(texts, SAMPLE))
    if any(re.fullmatch("0[0-9]+", text) for text in some):
        return ""
    form = next(iter(forms(some)), "")
    column = arrow().array(some, arrow().string())
    fine = form and len(some) - Form.of(form).parse(column).null_count >= MOSTLY * len(some)
    return f"number:{form}" if fine else ""
