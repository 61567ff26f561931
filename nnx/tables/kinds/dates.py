"""Dates in text, 21.11.2026, 11/21/26 2:05 PM, 21st Nov 2026, 2026Q4, 2026-W47, as seconds since 1970.

A form is a strptime format, read here by regular expressions and whole-number arithmetic, not by the C library: month
names of many languages in any locale, %y by the pivot of POSIX (69 is 1969, 68 is 2068), %q a quarter. Behind a form
without %H there may be a time of day, and where that names a zone the seconds are those of UTC.
"""

import re
from collections.abc import Sequence
from typing import Any

from ...backends import numpy as host
from ...errors import require
from .cells import arrow, cast_all, compute
from .clocks import CLOCK, EVIDENT, TIME, clock, durations, extract, floats, times

MONTHS = """jan january januar janv janvier jänner jän ene enero gen gennaio janeiro januari styczeń
feb february februar febr fév fev février fevrier febrero febbraio fevereiro februari
mar march märz maerz mär mrz mars marzo março marco maart mrt
apr april avr avril abr abril aprile
may mai mayo mag maggio maio mei maj
jun june juni juin junio giu giugno junho
jul july juli juil juillet julio lug luglio julho
aug august août aout ago agosto augustus augusti
sep sept september septembre septiembre set settembre setembro
oct october okt oktober octobre octubre ott ottobre out outubro
nov november novembre noviembre novembro
dec december dez dezember déc décembre decembre dic diciembre dicembre dezembro"""
MONTH = {word: number for number, line in enumerate(MONTHS.splitlines(), 1) for word in line.split()}
WEEKDAYS = """mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday
mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag lun mar mer jeu ven sam dim
lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes sábado domingo"""
WORDS = ("de", "of", "the", "den", "le", "del", "um", "at")  # that may stand in a date
FIELDS = {
    "d": r"(?P<d>[0-9]{1,2})(?:(?i:st|nd|rd|th|er|º))?",
    "m": r"(?P<m>[0-9]{1,2})",
    "Y": r"(?P<Y>[0-9]{4})",
    "y": r"(?P<y>[0-9]{2})",
    "b": rf"(?P<b>(?i:{'|'.join(sorted(MONTH, key=len, reverse=True))}))\.?",
    "a": rf"(?i:{'|'.join(sorted(WEEKDAYS.split(), key=len, reverse=True))})\.?",
    "q": r"(?P<q>[1-4])",
    "G": r"(?P<Y>[0-9]{4})",
    "V": r"(?P<V>[0-9]{1,2})",
    "u": r"(?P<u>[1-7])",
    "H": r"(?P<H>[0-9]{1,2})",
    "I": r"(?P<H>[0-9]{1,2})",
    "M": r"(?P<M>[0-9]{2})",
    "S": r"(?P<S>[0-9]{2})",
    "f": r"(?P<f>[0-9]{1,9})",
    "p": r"(?P<p>(?i:am|pm|a\.m\.|p\.m\.))",
    "z": r"(?P<z>Z|[-+][0-9]{2}:?[0-9]{2})",
    "s": r"(?P<s>-?[0-9]{1,12}(?:\.[0-9]+)?)",
}
FIELDS |= {"B": FIELDS["b"], "A": FIELDS["a"], "Z": r"(?:[A-Z]{1,5})", "%": "%"}
ISO, ISO_DAY = "%Y-%m-%d", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)"  # which every form of a date reads too
RANGES = r" [0-9]{2}:[0-9]{2}-[0-9]{2}(:?[0-9]{2})?$"  # from one time to another, of which Arrow makes a zone
KNOWN = "%d %m %Y %y %b %q %H %M %S %p %z %s"
DAY = 86_400


def check_form(form: str) -> None:
    """Raise SettingError for what is no format of a date."""
    marks = re.findall("%(.?)", form)
    strange = next((mark for mark in marks if mark not in FIELDS or not mark), None)
    require(strange is None, f"%{strange} is no part of a date here; known are {KNOWN}; got {form[:30]!r}")
    fields = [FIELDS[mark] for mark in marks if mark != "%"]
    require(len(set(fields)) == len(fields), f"a date has each part once; got {form[:30]!r}")
    fine = {"Y", "y", "G", "s"} & {*marks}
    require(bool(fine), f"a date is written as in %d.%m.%Y or %m/%d/%y; got {form[:30]!r}")


def read(texts: Any, base: str, form: str = "") -> Any:
    """Arrow text as Arrow float64 seconds, null where it is no date, time or duration, as `base` says."""
    if base == "date":
        return dates(texts, form)
    return times(texts) if base == "time" else durations(texts)


def dates(texts: Any, form: str) -> Any:
    """Arrow text as Arrow float64 seconds since 1970, null where it is no date of this form."""
    pc = compute()
    texts = pc.utf8_trim_whitespace(texts)
    if not form:
        return _seconds(values) if (values := _iso(texts)) is not None else _read(texts, ISO)
    values = _read(texts, form)
    if values.null_count == texts.null_count or form.startswith("%Y-%d"):
        return values
    others = pc.and_(pc.is_null(values), pc.match_substring_regex(texts, ISO_DAY))
    if not pc.any(others).as_py():
        return values
    return pc.if_else(others, dates(pc.if_else(others, texts, None), ""), values)


def _iso(texts: Any) -> Any:
    """Timestamps as Arrow reads them; None if it cannot read all."""
    values = cast_all(texts, arrow().timestamp("us"))
    if values is None and (values := cast_all(texts, arrow().timestamp("us", "UTC"))) is not None:
        ranges = compute().match_substring_regex(texts, RANGES)
        return None if compute().any(ranges).as_py() else values
    return values


def _seconds(moments: Any) -> Any:
    pa, pc = arrow(), compute()
    return pc.divide(pc.cast(pc.cast(moments, pa.int64()), pa.float64(), safe=False), 1e6)


def pattern(form: str) -> str:
    """The regular expression (RE2) of a form."""
    parts = re.split("%(.)", form)
    out = "".join(
        FIELDS[part] if i % 2 else re.sub(r"(\\ )+|\s+", r"\\s+", re.escape(part)) for i, part in enumerate(parts)
    )
    rest = "" if {"H", "I", "s"} & {*parts[1::2]} else r"(?P<rest>[T ,:]\s*[0-9].*)?"
    return f"^{out}{rest}$"


def _read(texts: Any, form: str) -> Any:
    pa, xp = arrow(), host.namespace()
    found = extract(texts, pattern(form))
    names = {field.name for field in found.type}
    part = {name: numbers(found, name) for name in names - {"b", "p", "z", "rest", "f"}}
    bad = compute().is_null(found).to_numpy(zero_copy_only=False)
    if "s" in names:
        return pa.array(xp.where(bad, xp.nan, floats(found, "s")), from_pandas=True)
    year = part.get("Y")
    if year is None:
        year = part["y"] + xp.where(part["y"] < 69, 2000, 1900)
    if "V" in names:
        days, wrong = week(year, part["V"], part.get("u"))
    else:
        one = xp.ones(len(texts), dtype="int64")
        month = part["m"] if "m" in names else 3 * part["q"] - 2 if "q" in names else one
        month = _months(found) if "b" in names else month
        day = part.get("d", one)
        days, wrong = civil(year, month, day)
    seconds, strange = clock(found)
    values = (days * DAY + seconds).astype("float64")
    return pa.array(values, mask=bad | wrong | strange)


def numbers(found: Any, name: str) -> Any:
    """The whole numbers that a group of a regular expression has found, int64 on the host; 0 where there is none."""
    pa, pc = arrow(), compute()
    texts = pc.struct_field(found, name)
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    return pc.fill_null(pc.cast(texts, pa.int64()), 0).to_numpy(zero_copy_only=False)


def _months(found: Any) -> Any:
    pa, pc = arrow(), compute()
    place = pc.index_in(pc.utf8_lower(pc.struct_field(found, "b")), value_set=pa.array(list(MONTH)))
    return pa.array(list(MONTH.values())).take(pc.fill_null(place, 0)).to_numpy(zero_copy_only=False)


def civil(year: Any, month: Any, day: Any) -> tuple[Any, Any]:
    """Days since 1970-01-01, and where there is no such day. Source: Hinnant 2013, "chrono-compatible low-level date
    algorithms", days_from_civil."""
    xp = host.namespace()
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = xp.where(month == 2, 28 + leap, 30 + ((month + month // 8) % 2))
    wrong = (month < 1) | (month > 12) | (day < 1) | (day > last) | (year < 1)
    y = year - (month <= 2)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719_468, wrong


def week(year: Any, number: Any, weekday: Any) -> tuple[Any, Any]:
    """Days since 1970-01-01 of a day, or the Monday, of a week of ISO 8601; and where the year has no such week."""
    one = year * 0 + 1
    fourth, _ = civil(year, one, 4 * one)  # of January, which is in week 1
    monday = fourth - (fourth + 3) % 7
    days = monday + 7 * (number - 1)
    following, _ = civil(year + 1, one, 4 * one)
    wrong = (number < 1) | (days >= following - (following + 3) % 7)
    return days + (weekday - 1 if weekday is not None else 0), wrong


NUMERIC = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})")
YEARS = re.compile(r"\d{4}([-/.])\d{1,2}(\1\d{1,2})?")
BEHIND = re.compile(rf"[T ,:]\s*(?=\d{{1,2}}([:.hH]\d\d|\s*[aApP]\.?[mM])|(?<=T)\d{{4}}){CLOCK}$")


def proposals(texts: Sequence[str]) -> list[str]:
    """The kinds of dates, times and durations that these texts may be; none that reads less than half of the best."""
    pa = arrow()
    some = [text for text in texts if len(text) < 64 and any("0" <= c <= "9" for c in text)]
    tried = [*dict.fromkeys(form for text in some for form in _forms(text.strip()))][:40]
    kinds = [(f"date:{form}" if form else "date", "date", form) for form in tried]
    kinds += [("time", "time", "")] * any(re.match(TIME, text) for text in some)
    kinds += [("duration", "duration", "")] * any(EVIDENT.search(text) for text in some)
    column = pa.array(texts, pa.string())
    counts = {kind: len(texts) - read(column, base, form).null_count for kind, base, form in kinds}
    best = max(counts.values(), default=0)
    return [kind for kind in sorted(counts, key=lambda k: -counts[k]) if 2 * counts[kind] >= best > 0]


def _forms(text: str) -> list[str]:
    """The forms of a date that this text may have."""
    day = BEHIND.sub("", text)
    if match := NUMERIC.fullmatch(day):
        _, mark, _, year = match.groups()
        y = "%Y" if len(year) == 4 else "%y"
        if y == "%y" and mark == " ":
            return []
        forms = [f"%d{mark}%m{mark}{y}"] + [f"%m{mark}%d{mark}{y}"] * (y == "%Y" or mark != ".")
        return [*forms, f"%y{mark}%m{mark}%d"] if y == "%y" and mark in "-/" else forms
    if match := YEARS.fullmatch(day):
        mark = match[1]
        if match[2]:
            return [f"%Y{mark}%m{mark}%d"] if mark != "-" else [""]
        return [f"%Y{mark}%m"] if mark != "." else []
    if match := re.fullmatch(r"\d{1,2}([-/])\d{4}", day):
        return [f"%m{match[1]}%Y"]
    if re.fullmatch(r"\d{8}", day):
        return ["%Y%m%d"] if day != text else []
    if re.search(r"[qQ][1-4]", day):
        form = re.sub(r"\d{4}", "%Y", re.sub(r"([qQ])[1-4]", r"\1%q", day))
        return [form] if re.fullmatch(r"%Y[-/ ]?[qQ]%q|[qQ]%q[-/ ]?%Y", form) else []
    if match := re.fullmatch(r"\d{4}(-?)W\d{1,2}(-\d)?", day):
        return [f"%G{match[1]}W%V" + "-%u" * bool(match[2])]
    return _named(day)


def _named(text: str) -> list[str]:
    """The form of a date with the name of a month."""
    out, seen = "", set[str]()
    for part in re.findall(r"\d+(?:st|nd|rd|th|er|º)?(?![^\W\d_])|[^\W\d_]+\.?|\D", text, re.IGNORECASE):
        word = part.lower().rstrip(".")
        if word in MONTH and "%b" not in seen:
            new = "%b"
        elif word in WEEKDAYS.split() and not seen:
            new = "%a"
        elif re.fullmatch(r"\d{4}", part):
            new = "%Y"
        elif re.fullmatch(r"\d{1,2}(st|nd|rd|th|er|º)?", part, re.IGNORECASE):
            late = "%d" in seen or ("%b" in seen and re.search(r"%b['\u2019-]$", out))
            new = "%y" if late and not re.search(r"\d{4}", text) else "%d"
        elif part[0].isalpha() and word not in WORDS:
            return []
        else:
            out += part
            continue
        if new in seen:
            return []
        seen.add(new)
        out += new
    return [out] if "%b" in seen and {"%Y", "%y"} & seen else []


def day_first(form: str) -> bool | None:
    """True for a form with the day before the month, False for month before day, None where a year or name is first."""
    places = [form.find(mark) for mark in ("%d", "%m")]
    return None if form[:2].lower() in ("", "%y") or min(places) < 0 else places[0] < places[1]


def order(form: str) -> str:
    """The order of its parts in words."""
    return {True: "day/month/year", False: "month/day/year", None: "year/month/day"}[day_first(form)]


def likelier(form: str) -> bool:
    """True if the day is likelier to be first where a column does not tell: 21.11.2026 and 21-11-2026, not with /."""
    return "/" not in form
