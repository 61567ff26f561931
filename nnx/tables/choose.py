"""Which way each column is encoded, chosen from what one pass over the rows told of it."""

from dataclasses import dataclass

from .cells import arrow
from .columns import Category, Column, Hashed, Moment, Number, Truth
from .infer import written_numbers
from .statistics import Numbers, Texts

ALIKE = 0.5  # text of which fewer cells than this share repeat an earlier one is taken for an id
PLAIN = "write them without separators, units or signs (--decimal , for decimal commas)"
FEW = 20  # rows below which nothing is taken for an id


@dataclass(frozen=True)
class Ways:
    """The settings of a TableEncoder that the choice depends on."""

    scale: str
    max_categories: int
    min_count: int
    buckets: int
    seed: int


def choose(name: str, kind: str, seen: Numbers | Texts, ways: Ways, asked: bool) -> tuple[Column | None, str]:
    """The way to encode a column, and a note. None: it is left out, and the note says why.

    asked: the user named the column's kind; then it is not taken for an id.
    """
    if seen.filled == 0:
        return None, f"column {name!r} is empty"
    if isinstance(seen, Texts):
        return _text(name, seen, ways, asked)
    if seen.constant:
        return None, f"column {name!r} is constant: {seen.low:g} in every row" + (", or missing" if seen.gaps else "")
    gaps = seen.gaps > 0
    if kind == "boolean":
        return Truth(name, gaps), ""
    number = scaled(name, seen, ways.scale)
    if kind == "date":
        return Moment(name, number, seen.clock), ""
    if seen.counting and seen.rows >= FEW and not asked:
        return None, f"column {name!r} numbers the rows ({seen.low:g}, {seen.low + 1:g}, ...)"
    return number, ""


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
    if seen.constant:
        only = next(iter(seen.counts))
        return None, f"column {name!r} is constant: {only[:30]!r} in every row" + (", or missing" if gaps else "")
    if seen.alike < ALIKE and seen.filled >= FEW and not asked:
        if written_numbers(seen.counts):
            return None, f"column {name!r} holds numbers written as {next(iter(seen.counts))[:20]!r}: {PLAIN}"
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
    arrow()
    return Texts() if kind == "text" else Numbers(place)
