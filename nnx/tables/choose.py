"""Which way each column is encoded, chosen from what one pass over the rows told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from .cells import TEXTS, arrow, compute
from .columns import Category, Clock, Column, Hashed, Levels, Moment, Number, Presence, Truth
from .infer import numeric
from .statistics import Numbers, Texts

ALIKE = 0.5  # text of which fewer cells than this share repeat an earlier one is taken for an id
SHARE = 0.1  # of the rows: so many columns are added at most for the values of whole numbers
FEW = 20  # rows below which nothing is taken for an id


@dataclass(frozen=True)
class Ways:
    """The settings of a TableEncoder that the choice depends on."""

    scale: str
    max_categories: int
    min_count: int
    buckets: int
    levels: bool
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
        return _text(name, seen, ways, asked)
    gaps = seen.gaps > 0
    if kind == "boolean":
        return Truth(name, gaps), ""
    number = scaled(name, seen, ways.scale)
    if kind == "date":
        return Moment(name, number, seen.clock), ""
    if kind == "time":
        return Clock(name, number), ""
    if seen.counting and seen.rows >= FEW and not asked:
        return None, f"column {name!r} numbers the rows ({seen.low:g}, {seen.low + 1:g}, ...)"
    return number, ""


def _only(kind: str, seen: Numbers | Texts) -> str:
    """The one value of a column, for a message."""
    if isinstance(seen, Texts):
        return repr(next(iter(seen.counts))[:30])
    if kind == "boolean":
        return "true" if seen.low else "false"
    return f"{compute().cast(arrow().scalar(int(seen.low)), 'timestamp[s]')}" if kind == "date" else f"{seen.low:g}"


def with_levels(columns: Sequence[Column], seen: Mapping[str, Numbers | Texts], ways: Ways) -> list[Column]:
    """The columns, with whole numbers of few values as categories too.

    That a value counts for itself is learned from the rows that hold it: the columns added are at most a SHARE of the
    rows in all, those of the fewest values first.
    """
    if not ways.levels:
        return list(columns)
    both = [c for c in (_levels(c, seen[c.name], ways) for c in columns if isinstance(c, Number)) if c is not None]
    left, chosen = SHARE * max((s.rows for s in seen.values()), default=0), {}
    for column in sorted(both, key=lambda c: len(c.values)):
        left -= len(column.values) + column.rare
        if left < 0:
            break
        chosen[column.name] = column
    return [chosen.get(c.name, c) for c in columns]


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


def _text(name: str, seen: Texts, ways: Ways, asked: bool) -> tuple[Column | None, str]:
    gaps = seen.gaps > 0
    if seen.alike < ALIKE and seen.filled >= FEW and not asked:
        if kind := numeric(seen.counts):
            only = next(iter(seen.counts))[:20]
            return None, f"column {name!r} holds numbers as text, such as {only!r}: --kind {quote(f'{name}={kind}')}"
        count = f"more than {len(seen.counts):,}" if seen.many else f"{len(seen.counts):,}"
        return None, f"column {name!r} looks like an id: {count} different texts in {seen.filled:,} cells"
    if seen.many or len(seen.counts) > ways.max_categories:
        return Hashed(name, ways.buckets, ways.seed, gaps), ""
    common = [(text, n) for text, n in seen.counts.items() if n >= ways.min_count]
    values = tuple(text for text, _ in sorted(common, key=lambda pair: (-pair[1], pair[0])))
    if len(values) < 2:  # nearly nothing is common
        return Category(name, tuple(sorted(seen.counts)), False, gaps), ""
    return Category(name, values, len(values) < len(seen.counts), gaps), ""


def counter(place: int, kind: str) -> Numbers | Texts:
    """The statistics to gather for a column of this kind."""
    return Texts() if kind in TEXTS else Numbers(place)
