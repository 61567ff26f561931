"""Guesses of what the columns of a text file hold, from all of their cells in one pass.

The first cells propose how a column may be written, and every proposal counts the cells that it can read. `settle`
takes the best one when all cells were seen.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import islice
from typing import Any

from .cells import FALSE, MISSING, TRUE, arrow, cast_all, compute
from .dates import proposals, read
from .kinds import values_of
from .numbers import Form, finite, forms
from .trials import DIGITS, MOSTLY, SAMPLE, SPELLINGS, Trial, counted, spread, summed, unlike

ENOUGH = 1000  # cells after which a proposal that reads less than half of them is given up
ROUNDS = 8  # of proposals from one block
GROUPED = r"^[-+]?[1-9][0-9]{0,2}(\.[0-9]{3})+$|^[-+]?[0-9]+$"


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
    bare: bool = False  # and some cell has none
    days: bool = True  # all are whole numbers such as 20261121
    met: set[str] = field(default_factory=set)  # texts of coded blocks, not many
    groups: set[tuple[str, ...]] = field(default_factory=set)  # kinds that do not read a text which others read
    examples: list[str] = field(default_factory=list)  # some texts that proposed
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
                for text, count in zip(*(part.to_pylist() for part in counted(column.drop_null())), strict=True):
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
        if not finite(cast_all(column, pa.float64())):
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
        texts, n = counted(column.drop_null())
        there = pc.invert(pc.is_in(pc.utf8_trim_whitespace(texts), value_set=pa.array((*MISSING, *self.gaps))))
        texts, n = texts.filter(there), n.filter(there)
        if not len(texts):
            return 0
        self.days = False
        self._words(texts)
        before = [replace(trial, strays=dict(trial.strays)) for trial in self.trials]
        bad = self._count(self.trials, column, texts, n)
        unread = reduce(pc.and_, bad.values()) if bad else pc.is_valid(texts)
        for _ in range(ROUNDS):
            some = unlike(bad, texts, self.groups) if bad else spread(texts)
            new = self._added(self._proposed([text for text in some if text not in self.texts]), before)
            if not new:
                break
            bad |= self._count(new, column, texts, n)
        self._best(bad, texts, n)
        self._note(column, texts.filter(unread), n.filter(unread))
        if any(trial.base == "number" for trial in self.trials):
            self._zeros(column)
        self.whole += pc.sum(n.filter(pc.match_substring_regex(texts, f"^{DIGITS}$"))).as_py() or 0
        return int(pc.sum(n).as_py())

    def _proposed(self, texts: list[str]) -> list[str]:
        """The kinds of which these texts may be, and those of which they may be beside texts seen before."""
        if not texts:
            return []
        self.examples += texts[: max(SAMPLE - len(self.examples), 0)]
        ways = [*dict.fromkeys([*forms(texts), *forms([*self.examples, *texts])])]
        return [*["number"] * ("." in ways), *(f"number:{form}" for form in ways), *proposals(texts)]

    def _added(self, kinds: list[str], before: Sequence[Trial] = ()) -> list[Trial]:
        """New trials of kinds that are not tried yet, told of the cells that were before this block."""
        tried = {trial.kind for trial in self.trials}
        new = [Trial(kind) for kind in kinds if kind not in tried]
        for trial in new:
            trial.learn(before, self.whole, self.texts)
        self.trials += new
        return new

    def _note(self, column: Any, texts: Any, n: Any) -> None:
        """Keep the first different texts."""
        for text, count in summed(texts[:SAMPLE], n[:SAMPLE]):
            if text in self.texts or len(self.texts) <= SPELLINGS:
                old, row = self.texts.get(text) or (0, self._row(column, text))
                self.texts[text] = (old + count, row)

    def _prune(self) -> None:
        """Give up the trials that read much less than the best, or are idle: what they can read, another does."""
        most = max((trial.fits for trial in self.trials), default=0)
        kept = [t for t in self.trials if (2 * t.fits >= self.filled or t.few) and t.fits >= MOSTLY * most]
        fits = {t.kind: t.fits for t in kept}
        best = dict[tuple[str, ...], int]()
        for t in kept:
            best[_family(t)] = max(t.fits, best.get(_family(t), 0))
        idle = [t for t in kept if t.kind.startswith("number:.") and t.fits == fits.get("number")]
        idle += [t for t in kept if t.kind == "duration" and t.fits == fits.get("time")]
        self.trials = [t for t in kept if t not in idle and t.fits == best[_family(t)]]

    def _count(self, trials: list[Trial], column: Any, texts: Any, n: Any) -> dict[str, Any]:
        """Count the cells of a block that each trial can read; by its kind, of each text whether it cannot."""
        pc, found = compute(), {}
        for trial in trials:
            found[trial.kind] = bad = pc.is_null(values_of(texts, trial.base, trial.form))
            fine = pc.invert(bad)
            trial.fits += pc.sum(n.filter(fine)).as_py() or 0
            if trial.form.endswith("%") and trial.base == "number":
                trial.signs += pc.sum(n.filter(pc.and_(fine, pc.match_substring(texts, "%")))).as_py() or 0
            for text, count in summed(texts.filter(bad), n.filter(bad)) if trial.few else ():
                if text in trial.strays or trial.few:
                    old, row = trial.strays.get(text) or (0, self._row(column, text))
                    trial.strays[text] = (old + count, row)
        return found

    def _best(self, bad: Mapping[str, Any], texts: Any, n: Any) -> None:
        """Look at what the trial reads that reads most of a block."""
        pc = compute()
        if bad:
            least = min(bad.values(), key=lambda flags: pc.sum(n.filter(flags)).as_py() or 0)
            self.distinct = max(self.distinct, len(texts) - (pc.sum(least).as_py() or 0))
            marks = pc.match_substring_regex(texts.filter(pc.invert(least)), "[.,]")
            self.marked = self.marked or bool(pc.any(marks).as_py())
            self.bare = self.bare or bool(pc.any(pc.invert(marks)).as_py())

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
