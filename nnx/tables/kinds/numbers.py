"""Numbers as people write them: 1.234,50 EUR, 45%, (12), 5 kg, 19M. Text is turned into what a computer writes.

A form is the decimal mark, the thousands mark where there is one, and the unit: ",." + "EUR" is 1.234,50 EUR. The unit
"%" divides by 100 where a cell has it; "SI" is k, M, B and T after the number, perhaps with a currency: "SI$" is $1.2M.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from ...errors import require
from .cells import NUMBER, arrow, cast_all, compute

SPACES = " \u00a0\u2009\u202f"  # also those that do not break, wide and narrow
GROUPS = {"": "", ",": ",", ".": r"\.", " ": f"[{SPACES}]", "'": "['\u2019]", "_": "_"}  # thousands marks
MINUS = "-\u2212\u2013"  # also Unicode's minus, and the dash that is set for it; "5.-" has no cents
SCALES = {"k": 3, "K": 3, "M": 6, "mn": 6, "Mio": 6, "B": 9, "G": 9, "bn": 9, "Mrd": 9, "T": 12}  # powers of ten
SIGNS = ("US$", "R$", "A$", "C$", "NZ$", "HK$", "S$", "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₪", "฿", "₫", "₦", "₴")
CODES = "USD EUR GBP CHF JPY CNY INR RUB AUD CAD NZD SEK NOK DKK PLN CZK HUF TRY BRL MXN ZAR KRW SGD HKD Rs. Rs Fr. kr"
CURRENCIES = (*SIGNS, *CODES.split())
LETTER = "[^\\W\\d_]"
WORD = rf"{LETTER}(?:{LETTER}|/100|[°²³/^·%.$-]){{0,11}}[23]?"
UNIT = rf"(?:(?:sq|cu|fl)\.? )?{WORD}|[%‰°$€£¥₹]{LETTER}{{0,3}}|\""  # km, km/h, fl oz, %, °C, US$
STRANGE = f"['()\u2019{MINUS[1:]}{SPACES}]|[.,]-|-$"  # what is seldom in a number
SHOWN = "number:,. is 1.234,5 and number:.,$ is $1,234.5"


@dataclass(frozen=True)
class Form:
    """How the numbers of a column are written."""

    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    scaled: bool = False  # k, M, B and T may follow a number

    @classmethod
    def of(cls, text: str) -> "Form":
        """The form that a kind spells. Raises: SettingError."""
        decimal, thousands, unit = text[:1], text[1:2], text[2:]
        if thousands not in GROUPS:
            thousands, unit = "", text[1:]
        require(decimal in (".", ",") and text != "", f"a number is written as in {SHOWN}; got {text[:20]!r}")
        require(decimal != thousands, f"the decimal and the thousands mark are both {decimal!r}; {SHOWN}")
        scaled, unit = unit.startswith("SI"), unit.removeprefix("SI")
        fine = unit in ("", *CURRENCIES) or re.fullmatch(UNIT, unit) is not None
        require(fine, f"a unit is a word such as km or a sign such as $ or %; got {unit[:20]!r}")
        return cls(decimal, thousands, unit, scaled)

    def __str__(self) -> str:
        return self.decimal + self.thousands + ("SI" if self.scaled else "") + self.unit

    @property
    def pattern(self) -> str:
        """The regular expression (RE2) of a cell."""
        group, point, minus = GROUPS[self.thousands], re.escape(self.decimal), f"[-+{MINUS[1:]}]"
        some = r"\d{2,3}" if self.thousands == "," else r"\d{3}"  # 12,34,567 is written so in India
        whole = rf"(?:[1-9]\d{{0,2}}(?:{group}{some})*{group}\d{{3}}|\d+)" if group else r"\d+"
        scale = rf"(?:[{SPACES}]?(?:{'|'.join(SCALES)}))?" if self.scaled else ""
        power = r"(?:[eE][-+]?\d+)?" if not self.scaled and self.unit != "%" else ""
        unit = rf"(?:[{SPACES}]*(?i:{re.escape(self.unit)}))?" if self.unit else ""
        apart = unit.replace("]*", "]+", 1) if self.unit[:1].isalpha() else unit  # 3-door is no number
        before = rf"(?:(?i:{re.escape(self.unit)})[{SPACES}]*)?" if self.unit in CURRENCIES else ""
        number = rf"(?:{whole}(?:{point}(?:\d*|[{MINUS}]{{1,2}}))?|{point}\d+){power}{scale}"
        return (
            rf"^'?(?:{minus}?{before}{number}{unit}|{before}{minus}{number}{unit}"
            rf"|{before}{number}(?:{unit}|[{MINUS}]{apart})[{MINUS}]?|{before}\({before}{number}{unit}\){unit})$"
        )

    def parse(self, texts: Any) -> Any:
        """Arrow text as Arrow float64, null where it is no number of this form."""
        pa, pc = arrow(), compute()
        texts = pc.utf8_trim_whitespace(texts)
        fine = pc.match_substring_regex(texts, self.pattern)
        texts = pc.if_else(fine, texts, pa.scalar(None, pa.string()))
        if self.scaled or self.unit:
            texts = pc.utf8_lower(texts)
        for mark, plain in self._marks(texts).items():
            texts = pc.replace_substring(texts, mark, plain)
        behind = pc.and_(pc.ends_with(texts, "-"), pc.is_valid(texts))
        if pc.any(behind).as_py():
            texts = pc.if_else(behind, pc.binary_join_element_wise("-", pc.utf8_rtrim(texts, "-"), ""), texts)
        return _bounded(pc.cast(texts, pa.float64()))

    def _marks(self, texts: Any) -> dict[str, str]:
        """What is to be replaced in these texts of this form, in lower case, so that a computer can read them."""
        marks = {"%": "e-2"} if self.unit == "%" else {self.unit.lower(): ""} if self.unit else {}
        if self.scaled:
            marks |= {s.lower(): f"e{SCALES[s]}" for s in sorted(SCALES, key=len, reverse=True)}
        if self.thousands:
            marks[self.thousands] = ""
        if compute().any(compute().match_substring_regex(texts, STRANGE)).as_py():
            marks |= {"\u2019": "", "'": "", "(": "-", ")": "", **dict.fromkeys(SPACES, "")}
            marks |= {self.decimal + 2 * dash: "" for dash in MINUS} | {self.decimal + dash: "" for dash in MINUS}
            marks |= dict.fromkeys(MINUS[1:], "-")
        return marks if self.decimal == "." else {**marks, ",": "."}


def as_written(texts: Any) -> Any:
    """Arrow text that a computer wrote as Arrow float64, null where it is no number."""
    pa, pc = arrow(), compute()
    values = cast_all(texts, pa.float64())
    if finite(values):
        return values
    texts = pc.utf8_trim_whitespace(texts)
    fine = pc.match_substring_regex(texts, NUMBER)
    return _bounded(pc.cast(pc.if_else(fine, texts, pa.scalar(None, pa.string())), pa.float64()))


def finite(values: Any) -> bool:
    """True for an Arrow column of floats in which none is infinite, False for None."""
    ends = compute().min_max(values) if values is not None else {}
    return values is not None and all(end.as_py() is None or abs(end.as_py()) < inf for end in ends.values())


def _bounded(values: Any) -> Any:
    """Floats with null for what is infinite: 1e400."""
    return values if finite(values) else compute().if_else(compute().is_finite(values), values, None)


WRITTEN = re.compile(
    rf"\s*'?[-+({MINUS[1:]}]?(?P<before>{'|'.join(map(re.escape, CURRENCIES))})?[{SPACES}]*[-+({MINUS[1:]}]?"
    rf"(?P<body>[.,]?[0-9](?:[0-9.,'\u2019_{SPACES}]*[0-9])?[.,]?)(?:[eE][-+]?[0-9]+)?[{MINUS}]?[{SPACES}]*"
    rf"(?P<after>{UNIT})?\)?[{MINUS}]?\s*",
    re.IGNORECASE,
)


def forms(texts: Sequence[str]) -> list[str]:
    """The forms in which at least half as many of these texts can be read as in the best one; that one is first."""
    pa = arrow()
    found = [match for text in texts if len(text) < 64 and (match := WRITTEN.fullmatch(text))]
    if not found:
        return []
    before = Counter(_currency(match["before"]) for match in found if match["before"])
    after = Counter(match["after"].strip() for match in found if match["after"])
    scaled = bool(after) and all(_scale(unit) in SCALES or _currency(unit) in CURRENCIES for unit in after)
    scaled = scaled and any(_scale(unit) in SCALES for unit in after)
    words = before + Counter({unit: n for unit, n in after.items() if not (scaled and _scale(unit) in SCALES)})
    units = {_currency(unit): None for unit, _ in words.most_common(2)} or {"": None}
    bodies = "".join(match["body"] for match in found).replace("\u2019", "'")
    whole = all(re.fullmatch(r"\s*[-+]?[0-9]+\s*", match[0]) for match in found)
    marks = ["", *(mark for mark in ",.'_" if mark in bodies), *([" "] if any(s in bodies for s in SPACES) else [])]
    counts = {}
    for unit in units:
        for decimal in "." if whole else ".,":
            for mark in marks:
                if mark != decimal:
                    form = Form(decimal, mark, unit, scaled)
                    counts[form] = len(texts) - form.parse(pa.array(texts, pa.string())).null_count
    best = max(counts.values())
    return [str(form) for form in sorted(counts, key=lambda f: -counts[f]) if 2 * counts[form] >= best > 0]


def _currency(unit: str) -> str:
    return next((c for c in CURRENCIES if c.lower() == unit.lower()), unit)


def _scale(unit: str) -> str:
    return unit if unit in SCALES else next((s for s in SCALES if len(s) > 1 and s.lower() == unit.lower()), "")
