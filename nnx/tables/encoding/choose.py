"""Which way each column is encoded, chosen from what one pass over the rows told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from shlex import quote
from typing import Any

from ...backends import numpy as host
from ..kinds.cells import TEXTS, arrow, compute, parted
from ..kinds.infer import numeric, variants
from .columns import Category, Clock, Coded, Column, Hashed, Moment, Presence, Truth
from .ids import named_like_id
from .numbers import Levels, Number, Pieces
from .statistics import Numbers, Texts
from .words import SCALE, TERMS, WORDY, Terms, Words

ALIKE = 0.5  # text of which fewer cells than this share repeat an earlier one is taken for an id
KNOWN = 0.2  # free text has at least this share of its words in common with other cells
ROWS = 10  # for each column that the values of whole numbers become, and each piece of other numbers
FEW = 20  # rows below which nothing is taken for an id


@dataclass(frozen=True)
class Ways:
    """The settings of a TableEncoder that the choice depends on."""

    scale: str
    max_categories: int
    min_count: int
    buckets: int
    max_words: int
    levels: bool
    bins: int
    embed: int
    seed: int


def choose(name: str, kind: str, seen: Numbers | Texts, ways: Ways, asked: bool) -> tuple[Column | None, str]:
    """The way to encode a column, and a note. None: it is left out, and the note says why.

    asked: the user named the column's kind; then it is not taken for an id.
    """
    if seen.filled == 0:
        return None, f"column {name!r} is empty in every training row"
    if seen.constant:
        if min(seen.filled, seen.gaps) >= ways.min_count:
            return Presence(name), ""
        missing = f", or missing (in {seen.gaps:,})" if seen.gaps else ""
        return None, f"column {name!r} is constant: {_only(kind, seen)} in every training row{missing}"
    if isinstance(seen, Texts):
        return _text(name, kind, seen, ways, asked)
    gaps = seen.gaps > 0
    if kind == "boolean":
        return Truth(name, gaps), ""
    number = scaled(name, seen, ways.scale)
    if kind == "date":
        return Moment(name, number, seen.clock), ""
    if kind == "time":
        return Clock(name, number), ""
    if kind == "number" and seen.rows >= FEW and not asked:
        keep = f"(--kind {quote(f'{name}=number')} keeps it)"
        if seen.numbering.holds:
            low, high = seen.numbering.low, seen.numbering.high
            return None, f"column {name!r} numbers the rows, {low:.15g} to {high:.15g} {keep}"
        if seen.whole and named_like_id(name) and seen.different:
            return None, f"column {name!r} looks like an id: {seen.filled:,} different whole numbers {keep}"
    return number, ""


def _only(kind: str, seen: Numbers | Texts) -> str:
    """The one value of a column, for a message."""
    if isinstance(seen, Texts):
        return repr(next(iter(seen.counts))[:30])
    if kind == "boolean":
        return "true" if seen.low else "false"
    return f"{compute().cast(arrow().scalar(int(seen.low)), 'timestamp[s]')}" if kind == "date" else f"{seen.low:g}"


def with_levels(
    columns: Sequence[Column], seen: Mapping[str, Numbers | Texts], ways: Ways, ordered: Sequence[str]
) -> list[Column]:
    """The columns, with whole numbers of few values as categories too where all of these need few columns.

    What a value counts for is learned from the rows that hold it: there are to be at least ROWS rows for each column.
    ordered: the columns that are not made so.
    """
    numbers = [c for c in columns if isinstance(c, Number) and c.name not in ordered]
    both = {c.name: c for c in (_levels(c, seen[c.name], ways) for c in numbers) if c}
    added = sum(len(c.values) + c.rare for c in both.values())
    few = ways.levels and ROWS * added <= max((s.rows for s in seen.values()), default=0)
    return [both.get(c.name, c) if few else c for c in columns]


def with_pieces(columns: Sequence[Column], seen: Mapping[str, Numbers | Texts], bins: int) -> list[Column]:
    """The columns, with numbers in up to `bins` pieces too, of as many training values each, or one between any two.

    A piece is learned from the rows beyond its edge: there are to be at least ROWS rows for each of all pieces.
    """
    if bins < 2:
        return list(columns)
    values = {c.name: _values(seen[c.name]) for c in columns if isinstance(c, Number)}
    rows = max((s.rows for s in seen.values()), default=0)
    while bins > 1 and ROWS * sum(min(bins, len(v) - 1) for v in values.values()) > rows:
        bins -= 1
    if bins < 2:
        return list(columns)
    shares = [t / bins for t in range(bins + 1)]
    made: list[Column] = []
    for c in columns:
        about = seen[c.name]
        if isinstance(c, Number) and isinstance(about, Numbers):
            few = len(values[c.name]) <= bins + 1
            edges = values[c.name] if few else host.put(about.quantiles(*shares, method="nearest"), "float64", None)
            c = Pieces.of(c, edges)
        made.append(c)
    return made


def _values(about: Numbers | Texts) -> Any:
    """The different values of a column of numbers, ascending: those of its sample."""
    return host.namespace().unique(about.sample) if isinstance(about, Numbers) else []


def _levels(number: Number, seen: Numbers | Texts, ways: Ways) -> Levels | None:
    counts = getattr(seen, "levels", None) or {}
    if not 3 <= len(counts) <= ways.max_categories:
        return None
    values = tuple(sorted(v for v, n in counts.items() if n >= ways.min_count))
    return Levels(number.name, number, values, len(values) < len(counts)) if len(values) > 1 else None


def scaled(name: str, seen: Numbers, scale: str) -> Number:
    """The scale of a column of numbers.

    "robust": the median and the `width` of the values. "standard": mean and standard deviation. A missing number is the
    median.
    """
    (middle,) = seen.quantiles(0.5)
    if scale == "standard":
        return Number(name, seen.mean, seen.deviation or 1.0, middle, False, seen.gaps > 0)
    return Number(name, middle, seen.width, middle, True, seen.gaps > 0)


def _text(name: str, kind: str, seen: Texts, ways: Ways, asked: bool) -> tuple[Column | None, str]:
    gaps, terms = seen.gaps > 0, seen.terms
    different = seen.alike < ALIKE and seen.filled >= FEW
    many = seen.many or len(seen.counts) > ways.max_categories
    free = terms is not None and terms.wordy and terms.known(ways.min_count) >= KNOWN
    if kind == "words" or (kind == "text" and free and (different or many)):
        found = _words(name, seen, ways)
        if found is not None:
            return found, ""
        hint = f"--kind {quote(f'{name}=category')}?"
        return None, f"column {name!r} has no word that {ways.min_count} training rows share; {hint}"
    if different and kind == "text" and not asked:
        if read := numeric(seen.counts):
            only = next(iter(seen.counts))[:20]
            return None, f"column {name!r} holds numbers as text, such as {only!r}: --kind {quote(f'{name}={read}')}"
        count = f"more than {len(seen.counts):,}" if seen.many else f"{len(seen.counts):,}"
        keep = f"(--kind {quote(f'{name}=category')} keeps it)"
        return None, f"column {name!r} looks like an id: {count} different texts in {seen.filled:,} cells {keep}"
    common = [(text, n) for text, n in seen.counts.items() if n >= ways.min_count]
    values = tuple(text for text, _ in sorted(common, key=lambda pair: (-pair[1], pair[0])))
    if 0 < ways.embed < len(values) and not seen.many:
        return Coded(name, values), ""
    if many:
        return Hashed(name, ways.buckets, ways.seed, gaps), ""
    if len(values) < 2:  # nearly nothing is common
        return Category(name, tuple(sorted(seen.counts)), False, gaps), ""
    return Category(name, values, len(values) < len(seen.counts), gaps), ""


def spellings(column: Column, seen: Numbers | Texts) -> str:
    """A note where texts of a column differ in capitals or blanks alone, or ""."""
    if isinstance(seen, Numbers) or not isinstance(column, Category | Coded | Hashed):
        return ""
    groups = variants(seen.counts)
    if not groups:
        return ""
    listed = " and ".join(repr(text[:30]) for text in sorted(groups[0])[:3])
    return f"column {column.name!r}: {listed} are different values; --fold-case makes one of capitals and small letters"


def _words(name: str, seen: Texts, ways: Ways) -> Words | None:
    """The terms that most texts have."""
    terms = seen.terms
    found = {} if terms is None else terms.vocabulary(ways.max_words, ways.min_count)
    if terms is None or not found:
        return None
    rarity = tuple(1 + log((1 + terms.cells) / (1 + n)) for n in found.values())
    return Words(name, tuple(found), rarity, SCALE, min(terms.most, TERMS), seen.gaps > 0)


def counter(kind: str) -> Numbers | Texts:
    """The statistics to gather for a column of this kind."""
    base = parted(kind)[0]
    if base not in TEXTS:
        return Numbers(base == "date")
    return Texts(terms=None if base == "category" else Terms(0 if base == "words" else WORDY))
