"""Times of day and durations in text, as seconds: 14:05, 2:05 PM, 2 days 03:04:05, 3h 20m, PT1H30M."""

import re
from typing import Any

from ...backends import numpy as host
from .cells import arrow, compute

ZONES = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "JST": 9, "AEST": 10, "AEDT": 11, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7, "AKST": -9, "HST": -10,
}  # fmt: skip
CLOCK = (
    r"(?P<H>[0-9]{1,2})(?:[:.hH]?(?P<M>[0-9]{2})(?:[:.]?(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,12}))?)?)?"
    r"\s*(?P<p>[aApP]\.?[mM]\.?)?\s*(?:Uhr|h)?"
    rf"\s*\(?(?P<name>{'|'.join(sorted(ZONES, key=len, reverse=True))})?\)?"
    r"(?P<z>[-+][0-9]{2}(?::?[0-9]{2})?)?(?:\s*\([A-Z]{1,5}\))?"
)
RANGE = r"^[ ,:]?\s*[0-9]{1,2}[:.hH]?[0-9]{2}-[0-9]{2}(?::?[0-9]{2})?$"  # 10:00-11:00, where -11:00 is no zone
TIME = r"^[0-9]{1,2}(?::[0-9]{2}.*|\s*[aApP]\.?[mM]\.?)$"
HOURS = r"(?P<H>[0-9]+):(?P<M>[0-9]{2}):(?P<S>[0-9]{2}(?:[.,][0-9]+)?)"
SHORT = r"^(?P<sign>-?)(?P<M>[0-9]{1,6}):(?P<S>[0-9]{2}(?:[.,][0-9]+)?)$"
DAYS = rf"^(?P<sign>-?)(?:(?P<D>[0-9]+) ?(?i:d|days?|tage?|jours?),? *)?\+?{HOURS}$"
N = r"[0-9]+(?:[.,][0-9]+)?"
SPOKEN = (
    rf"^(?P<sign>-?)(?:(?P<W>{N}) ?(?i:w|wks?|weeks?|wochen?|semaines?),? *)?"
    rf"(?:(?P<D>{N}) ?(?i:d|days?|tage?|jours?),? *)?"
    rf"(?:(?P<H>{N}) ?(?i:h|hrs?|hours?|std\.?|stunden?|heures?),? *)?"
    rf"(?:(?P<M>{N}) ?(?i:m|mins?|minutes?|minuten?|min\.),? *)?"
    rf"(?:(?P<S>{N}) ?(?i:s|secs?|seconds?|sek\.?|sekunden?|secondes?))?$"
)
ISO = (
    rf"^(?P<sign>-?)P(?:(?P<W>{N})W)?(?:(?P<D>{N})D)?"
    rf"(?:T(?:(?P<H>{N})H)?(?:(?P<M>{N})M)?(?:(?P<S>{N})S)?)?$"
)
WEIGHTS = {"W": 604_800, "D": 86_400, "H": 3600, "M": 60, "S": 1}
EVIDENT = re.compile(
    r"\d\s*(d|w|h|m|s|hr|min|sec|day|week|hour|std|tag|woche|stunde|heure|jour)|\d+:\d\d|-?P.*\d", re.I
)


def clock(found: Any) -> tuple[Any, Any]:
    """Seconds from midnight to the times that the groups of a date's form have found, and where there is none such."""
    pc, xp = compute(), host.namespace()
    names = {field.name for field in found.type}
    none = xp.zeros(len(found), dtype="bool")
    if "rest" in names:
        rest = pc.struct_field(found, "rest")
        there = flags(pc.not_equal(rest, ""))
        if not there.any():
            return xp.zeros(len(found), dtype="int64"), none
        seconds = moments(extract(_single(rest), rf"^[T ,:]?\s*{CLOCK}$"))
        return xp.where(there, xp.nan_to_num(seconds), 0.0), there & xp.isnan(seconds)
    if "H" not in names:
        return xp.zeros(len(found), dtype="int64"), none
    seconds = moments(found)
    return xp.nan_to_num(seconds), xp.isnan(seconds)


def moments(found: Any) -> Any:
    """Seconds since midnight, in UTC, of the groups of CLOCK, float64 on the host; NaN where it is no time."""
    pc, xp = compute(), host.namespace()
    names = {field.name for field in found.type}
    part = {name: floats(found, name) for name in ("H", "M", "S") if name in names}
    zero = xp.zeros(len(found))
    hour, minute, second = (part.get(name, zero) for name in "HMS")
    bad = pc.is_null(found).to_numpy(zero_copy_only=False) | (minute > 59) | (second > 59)
    if "p" in names:
        half = pc.utf8_lower(pc.struct_field(found, "p"))
        said, after = flags(pc.not_equal(half, "")), flags(pc.starts_with(half, "p"))
        bad |= said & ((hour < 1) | (hour > 12))
        hour = xp.where(said, hour % 12 + 12 * after, hour)
    bad |= hour > 23
    total = hour * 3600 + minute * 60 + second
    if "f" in names:
        total = total + floats(found, "f", "0.")
    if "name" in names:
        codes = pc.index_in(pc.struct_field(found, "name"), value_set=arrow().array(list(ZONES)))
        hours = arrow().array([*ZONES.values(), 0]).take(pc.fill_null(codes, len(ZONES)))
        total = total - 3600 * hours.to_numpy(zero_copy_only=False)
    if "z" in names:
        total = total - _offset(pc.fill_null(pc.struct_field(found, "z"), ""))
    return xp.where(bad, xp.nan, total)


def times(texts: Any) -> Any:
    """Arrow text as Arrow float64 seconds since midnight, null where it is no time of day."""
    pc = compute()
    texts = pc.utf8_trim_whitespace(texts)
    texts = pc.if_else(pc.match_substring_regex(texts, TIME), texts, arrow().scalar(None, arrow().string()))
    return arrow().array(moments(extract(_single(texts), f"^{CLOCK}$")), from_pandas=True)


def _single(texts: Any) -> Any:
    """Times of day with null for what is from one time to another."""
    pa, pc = arrow(), compute()
    return pc.if_else(pc.match_substring_regex(texts, RANGE), pa.scalar(None, pa.string()), texts)


def durations(texts: Any) -> Any:
    """Arrow text as Arrow float64 seconds, null where it is no duration. Two numbers are minutes and seconds: 59:30."""
    pa, pc, xp = arrow(), compute(), host.namespace()
    texts = pc.utf8_trim_whitespace(texts)
    texts = pc.if_else(pc.match_substring_regex(texts, "[0-9]"), texts, pa.scalar(None, pa.string()))
    result = xp.full(len(texts), xp.nan)
    for rule in (SHORT, DAYS, SPOKEN, ISO):
        found = extract(texts, rule)
        names = [name for name in WEIGHTS if name in {field.name for field in found.type}]
        total = sum(floats(found, name) * WEIGHTS[name] for name in names)
        if rule == DAYS:  # pandas writes "-1 days +23:00:00" for an hour before midnight
            days = floats(found, "D") * WEIGHTS["D"]
            behind = flags(pc.match_substring(texts, "+"))
            total = xp.where(behind, signs(found) * days + total - days, signs(found) * total)
        else:
            total = total * signs(found)
        result = xp.where(pc.is_valid(found).to_numpy(zero_copy_only=False), total, result)
    return pa.array(result, from_pandas=True)


def floats(found: Any, name: str, before: str = "") -> Any:
    """The numbers that a group of a regular expression has found, float64 on the host; 0 where there is none."""
    pa, pc = arrow(), compute()
    texts = pc.replace_substring(pc.struct_field(found, name), ",", ".")
    texts = pc.if_else(pc.equal(texts, ""), "0", pc.binary_join_element_wise(before, texts, ""))
    return pc.fill_null(pc.cast(texts, pa.float64()), 0.0).to_numpy(zero_copy_only=False)


def extract(texts: Any, rule: str) -> Any:
    """The groups of a regular expression as an Arrow structure of texts, null where it does not match.

    Texts that differ in their digits alone have their groups in the same places.
    """
    pa, pc = arrow(), compute()
    first = texts[0].as_py() if len(texts) > 1 else None
    match = re.fullmatch(rule, first, re.ASCII) if first is not None and first.isascii() else None
    if match is not None:
        shape = re.sub("[0-9]", "[0-9]", re.escape(match[0]))
        if pc.all(pc.match_substring_regex(texts, f"^{shape}$"), skip_nulls=False).as_py():
            parts = [
                pc.utf8_slice_codeunits(texts, *match.span(name)) if match[name] else pa.repeat("", len(texts))
                for name in match.groupdict()
            ]
            return pa.StructArray.from_arrays(parts, list(match.groupdict()))
    return pc.extract_regex(texts, rule)


def flags(column: Any) -> Any:
    """An Arrow column of booleans on the host; null is False."""
    return compute().fill_null(column, False).to_numpy(zero_copy_only=False)


def signs(found: Any) -> Any:
    """-1 where the group "sign" is a minus, else 1."""
    return 1 - 2 * flags(compute().equal(compute().struct_field(found, "sign"), "-")).astype("int64")


def _offset(zone: Any) -> Any:
    """Seconds that zones such as +02:00 are before UTC."""
    found = extract(zone, r"^(?P<sign>[-+])(?P<H>[0-9]{2}):?(?P<M>[0-9]{2})?$")
    return (floats(found, "H") * 3600 + floats(found, "M") * 60) * signs(found)
