"""Dates, times and durations in text."""

from typing import Any

from .cells import arrow, compute

FORMATS = ("", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")


def check_form(form: str) -> None:
    """Raise SettingError for a form of no date."""


def read(texts: Any, base: str, form: str) -> Any:
    """Arrow text as Arrow float64 seconds, null where it is no cell of this kind."""
    pa, pc = arrow(), compute()
    texts = pc.utf8_trim_whitespace(texts)
    moments = pc.strptime(texts, format=form, unit="us", error_is_null=True) if form else _iso(texts)
    return pc.divide(pc.cast(pc.cast(moments, pa.int64()), pa.float64(), safe=False), 1e6)


def _iso(texts: Any) -> Any:
    pa, pc = arrow(), compute()
    for target in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return pc.cast(texts, target)
        except pa.ArrowInvalid:
            continue
    return pa.array([_one(text) for text in texts.to_pylist()], pa.timestamp("us"))


def _one(text: str | None) -> Any:
    pa, pc = arrow(), compute()
    for target in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            moment = pc.cast(pa.scalar(text, pa.string()), target).as_py()
            return moment.replace(tzinfo=None) if moment else None
        except pa.ArrowInvalid:
            continue
    return None


def proposals(texts: list[str]) -> list[str]:
    """The kinds of dates."""
    pa = arrow()
    column = pa.array(texts, pa.string())
    counts = {form: len(texts) - read(column, "date", form).null_count for form in FORMATS}
    best = max(counts.values())
    return [
        f"date:{form}".rstrip(":") for form in sorted(counts, key=lambda f: -counts[f]) if 2 * counts[form] >= best > 0
    ]


def day_first(form: str) -> bool | None:
    """True for a form with the day before the month, False for month before day, None for one with the year first."""
    places = [form.find(mark) for mark in ("%d", "%m")]
    return None if form[:2] in ("", "%Y") or min(places) < 0 else places[0] < places[1]


def ambiguous(form: str) -> bool:
    """True if the day is likelier to be first where a column does not tell: 21.11.2026 and 21-11-2026, not with /."""
    return "/" not in form
