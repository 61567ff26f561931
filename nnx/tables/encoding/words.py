"""Free text: the words of a column and pairs of neighbouring ones, counted, and encoded by their weights."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ...backends import numpy as host
from ..kinds.cells import arrow, compute
from .way import Way, coded, on_host

BETWEEN = r"[^\p{L}\p{M}\p{N}_]+"  # what parts words: all but letters, marks on them, digits and _
WORD = r"\p{L}{2}\S*"  # one that tells of free text: no number, and with blanks about it
COUNTED = 1 << 19  # words and pairs that are counted at most; then those seen once are forgotten
SAMPLE = 1 << 16  # cells of which every text is looked at; of as many more every second one, and so on
WORDY = 3  # text of fewer words in a cell than this in the mean is not free text
SCALE = 3.0  # the length of the row of a text: its entries are about as large as those of other columns
TERMS = 128  # words and pairs of a cell that count at most, those of the largest weights


@dataclass(frozen=True)
class Words(Way):
    """Free text: a column for each of some words and pairs of neighbouring words, its weight where the text has it.

    A term that is in a text t times and in n of N texts has the weight (1 + ln t) (1 + ln((1 + N) / (1 + n))). Of a
    text the `most` largest count; they are scaled so that their squares sum to scale^2. The case of letters is ignored.
    Source: tf-idf as in scikit-learn's TfidfVectorizer with sublinear_tf; Salton & Buckley 1988.
    """

    kind: ClassVar[str] = "words"
    name: str
    terms: tuple[str, ...]
    rarity: tuple[float, ...]  # 1 + ln((1 + N) / (1 + n)) of each
    scale: float
    most: int
    gaps: bool

    @property
    def names(self) -> list[str]:
        return [f"{self.name}: {term}" for term in self.terms] + [f"{self.name} (missing)"] * self.gaps

    def compact(self, v: Any) -> list[Any]:
        """Of Arrow text v (n,) the numbers of its columns, -1 for no more, and then their values."""
        xp, pa, pc = host.namespace(), arrow(), compute()
        (texts, cell), k = coded(v), len(self.terms)
        n = len(texts)
        text, terms = grams(texts)
        column = pc.index_in(terms, value_set=pa.array(self.terms, pa.string()))
        known = on_host(pc.is_valid(column))
        both, times = xp.unique(text[known] * k + on_host(column.drop_null()), return_counts=True)
        text, column = both // k, both % k
        weight = (1 + xp.log(times)) * host.put(self.rarity, "float64", None)[column]
        order = xp.lexsort((-weight, text))
        text, column, weight = text[order], column[order], weight[order]
        place = xp.arange(len(text)) - xp.searchsorted(text, text)  # among the terms of its text
        text, column, weight, place = (a[place < self.most] for a in (text, column, weight, place))
        norm = xp.sqrt(xp.bincount(text, weight * weight, minlength=n))
        codes, values = xp.full((n + 1, self.most), -1.0), xp.zeros((n + 1, self.most))
        codes[text, place], values[text, place] = column, weight / norm[text] * self.scale
        if self.gaps:
            codes[n, 0], values[n, 0] = k, 1.0
        return [*codes.T[:, cell], *values.T[:, cell]]

    def spread(self, columns: Any, out: Any) -> None:
        """Write the values into their columns."""
        codes = columns[:, : self.most].astype("int64")
        row, place = (codes >= 0).nonzero()
        out[row, codes[row, place]] = columns[row, self.most + place]

    @property
    def width(self) -> int:
        """As many as it has names, without making these."""
        return len(self.terms) + self.gaps

    @property
    def compact_width(self) -> int:
        """A number and a value of each term of a text."""
        return 2 * self.most


def grams(texts: Any) -> tuple[Any, Any]:
    """The words of Arrow texts and the pairs of neighbouring ones: the numbers of their texts (m,), and Arrow text."""
    pa, pc = arrow(), compute()
    parts = pc.split_pattern_regex(pc.utf8_lower(texts), pattern=BETWEEN)
    text, word = pc.list_parent_indices(parts), pc.list_flatten(parts)
    there = pc.not_equal(word, "")
    text, word = text.filter(there), word.filter(there)
    follows = pc.equal(text[1:], text[:-1])
    pairs = pc.binary_join_element_wise(word[:-1].filter(follows), word[1:].filter(follows), " ")
    row = pa.concat_arrays([text, text[1:].filter(follows)])
    return on_host(row), pa.concat_arrays([word, pairs])


class Terms:
    """The words and pairs of a column of texts, and in how many cells each is."""

    def __init__(self, least: float = WORDY) -> None:
        self.least = least  # words in a cell in the mean; text of fewer is not counted
        self.cells = 0
        self.words = 0  # in all cells
        self.most = 0  # in a cell
        self.counts: Any = None  # a table of terms and in how many cells they are

    def see(self, texts: Any, times: Any) -> None:
        """Take in different texts, and how often each is there: Arrow text, and numbers (n,) on the host.

        The longer the column, the fewer of them are looked at; each then counts for several.
        """
        xp, pa, pc = host.namespace(), arrow(), compute()
        if self.cells >= SAMPLE and not self.wordy:
            return
        step = 1 + self.cells // SAMPLE
        texts, times = texts[::step], times[::step] * step
        self.cells += int(times.sum())
        self.words += int((on_host(pc.count_substring_regex(texts, pattern=WORD)) * times).sum())
        if not self.wordy:
            return
        text, term = grams(texts)
        once = pa.table({"text": text, "term": term}).group_by(["text", "term"]).aggregate([])
        rows = on_host(once["text"])
        self.most = max(self.most, int(xp.bincount(rows, minlength=1).max()))
        found = pa.table({"term": once["term"], "cells": times[rows]})
        both = [found] if self.counts is None else [self.counts, found]
        found = pa.concat_tables(both).group_by("term").aggregate([("cells", "sum")]).rename_columns(["term", "cells"])
        if len(found) > COUNTED:
            found = found.filter(pc.greater(found["cells"], step))
        self.counts = found if len(found) <= COUNTED else _common(found).slice(0, COUNTED // 2)

    @property
    def wordy(self) -> bool:
        """True if cells have as many words as free text has."""
        return self.words >= self.least * self.cells

    def known(self, least: int) -> float:
        """The share of the words in all cells that `least` cells or more have."""
        if self.counts is None:
            return 0.0
        pc = compute()
        words = self.counts.filter(pc.invert(pc.match_substring(self.counts["term"], " ")))["cells"]
        repeated = pc.sum(words.filter(pc.greater_equal(words, least))).as_py() or 0
        return float(repeated / max(pc.sum(words).as_py() or 0, 1))

    def vocabulary(self, most: int, least: int) -> dict[str, int]:
        """The terms in the most cells, `least` or more, and in how many."""
        if self.counts is None:
            return {}
        found = _common(self.counts.filter(compute().greater_equal(self.counts["cells"], least))).slice(0, most)
        return dict(zip(found["term"].to_pylist(), found["cells"].to_pylist(), strict=True))


def _common(counts: Any) -> Any:
    """The terms, those in the most cells first."""
    return counts.sort_by([("cells", "descending"), ("term", "ascending")])
