"""How a text file is read, found from its first and last lines: delimiter, quotes, comments, header, decimal mark.

The delimiter is the one that parts most lines into the same number of cells, whole ones: as in van den Burg, Nazabal
and Sutton 2019, "Wrangling messy CSV files by detecting row and type patterns".
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from itertools import islice, product, zip_longest

from ...errors import DataError
from ..reading import Reading
from .content import Content, decoded
from .encodings import encoding_of
from .headers import NUMBER, footer, has_header, header_at, width
from .marks import marks
from .records import Records

HEAD, LINE, TAIL = 1 << 20, 1 << 24, 1 << 16  # bytes looked at; that the first line may have; and at the end
ROWS = 300  # records looked at
DELIMITERS = ("\t", ";", "|", ",")
STRAY, FEW = (
    '(?:^|{0})"[^"\n]*$',
    3,
)  # lines with a quote that they do not close, from which on it is a sign like others
SURE = 0.98  # share of the records of one number of cells, after which no other quotes are tried
RARE = ("^", " ", ":")  # only where none of the others parts the lines, and all of them alike
COMMENTS = ("#", "%", "//", "!")
WORDS = {",": "commas", ";": ";", "\t": "tabs", "|": "|", " ": "white space", "^": "^", ":": ":"}
STRANGE = re.compile(r'[;\t|]\S|,\S|^[^"]*"[^"]*$')  # what whole cells seldom hold: a delimiter, one quote

Rows = list[tuple[int, int, list[str]]]  # first line, last line, cells


def settle(content: Content, asked: Reading) -> tuple[Reading, list[str]]:
    """What was asked for with all else found out, and the note on what is unusual. Raises: DataError."""
    head, whole = _head(content)
    encoding = encoding_of(content, head, whole, asked.encoding)
    lines = _lines(content.place, head, encoding, whole)
    reading = replace(asked, encoding=encoding, delimiter=asked.delimiter.replace("\\t", "\t"))
    if not reading.delimiter and (told := re.fullmatch(r"sep=(.)\s*", lines[0])):
        reading = replace(reading, delimiter=told[1], skip_rows=1 if asked.skip_rows is None else asked.skip_rows)
    if reading.skip_rows:
        lines = lines[reading.skip_rows :]
    begin = reading.skip_rows or 0
    if not any(line.strip() for line in lines):
        raise DataError(f"{content.place}: no lines after the first {begin}: a smaller --skip-rows")
    reading, rows = _grammar(lines, whole, replace(reading, header="", skip_rows=0))
    n = width(_table(rows))
    if n == 0:
        raise DataError(f"{content.place}: the first rows cannot be read: is a quote left open?")
    _check_parted(content.place, asked, rows[0][2])
    table = _table(rows)
    at = header_at(table, n) if asked.skip_rows is None else 0
    above = [number for number, line in enumerate(lines[: rows[at][0] - 1], 1) if line.strip()]
    skipped = begin + (rows[at][0] - 1 if above else 0)
    named = has_header(table[at:])
    header = asked.header or ("yes" if named else "no")
    if asked.header != "no" and not named and (line := _header_in_comment(lines, reading, rows[at][0], n)):
        skipped, header = begin + line - 1, "yes"
    body = table[at + (header == "yes") :]
    decimal, thousands = marks(body, asked)
    late = asked.skip_footer
    if late is None:
        late = footer(body if whole else _tail(content, reading), n, whole=whole)
    reading = replace(reading, header=header, skip_rows=skipped, skip_footer=late)
    reading = replace(reading, decimal=asked.decimal or decimal, thousands=asked.thousands or thousands)
    return reading, _note(content, asked, reading)


def _table(rows: Rows) -> list[list[str]]:
    return [cells for _, _, cells in rows]


def _check_parted(place: str, asked: Reading, names: list[str]) -> None:
    """Raise DataError if the delimiter that was asked for parts nothing, and another would."""
    mark = next((d for d in (",", *DELIMITERS) if asked.delimiter and len(names) == 1 and d in names[0]), "")
    if mark:
        shown, name = mark.replace("\t", "\\t"), names[0][:40]
        hint = f"if {WORDS[mark]} part the columns: --delimiter '{shown}'"
        raise DataError(f"{place}: one column named {name!r}; {hint}")


def _head(content: Content) -> tuple[bytes, bool]:
    """The first bytes, at least one line, and whether these are all."""
    parts: list[bytes] = []
    with content.open() as file:
        while len(parts) < LINE // HEAD:
            part = file.read(HEAD)
            parts.append(part)
            if len(part) < HEAD:
                rest = file.read(HEAD)  # a stream may give less than it has
                parts.append(rest)
                if not rest:
                    return b"".join(parts), True
            if b"\n" in part or b"\r" in part:
                return b"".join(parts), False
    raise DataError(f"{content.place}: the first line is longer than {LINE >> 20} MiB: no header of a table")


def _lines(place: str, head: bytes, encoding: str, whole: bool) -> list[str]:
    """The first lines."""
    try:
        text = decoded(head, encoding).removeprefix("\ufeff")
    except LookupError:
        raise DataError(f"{place}: no such encoding: {encoding!r}") from None
    lines = list(StringIO(text, newline=""))
    if not whole and len(lines) > 1:
        lines.pop()  # it is cut
    if not any(line.strip() for line in lines):
        raise DataError(f"{place}: the file is empty")
    return lines


def _records(lines: Sequence[str], reading: Reading, whole: bool) -> Rows:
    """The first records."""
    try:
        rows = list(islice(Records(lines, reading), None if whole else ROWS))
    except csv.Error:
        return []
    return rows if whole or len(rows) in (1, ROWS) else rows[:-1]


def _header_in_comment(lines: list[str], reading: Reading, first: int, n: int) -> int:
    """The number of the comment line above the first row that holds the names; 0 if there is none."""
    for number in range(first - 1, 0, -1):
        line = lines[number - 1]
        if reading.comment != "none" and line.startswith(reading.comment):
            rows = _records([line.removeprefix(reading.comment).lstrip()], reading, True)
            return number if len(rows) == 1 and len(rows[0][2]) == n > 1 else 0
    return 0


def _tail(content: Content, reading: Reading) -> list[list[str]]:
    """The last records of a file that is not compressed; none of them where lines are not as bytes are."""
    if content.packing or reading.encoding.startswith(("utf-16", "utf-32")):
        return []
    with content.open() as file:
        file.seek(-TAIL, 2)
        lines = list(StringIO(decoded(file.read(), reading.encoding), newline=""))[1:]
    return _table(_records(lines, reading, True))


def _grammar(lines: list[str], whole: bool, reading: Reading) -> tuple[Reading, Rows]:
    """Delimiter, quotes and comments, and the first records as they say."""
    signs = [reading.comment] if reading.comment else [m for m in COMMENTS if any(x.startswith(m) for x in lines)]
    plain = [x for x in lines if not x.startswith(tuple(signs))] or lines
    common = [reading.delimiter] if reading.delimiter else [d for d in DELIMITERS if any(d in x for x in plain)]
    tries = [_tried(plain, whole, reading, d) for d in common]
    if not reading.delimiter and all(score == 0 for score, *_ in tries):
        tries += [t for d in RARE if (t := _tried(plain, whole, reading, d))[0] and _clearly(t[1], t[2])]
    _, best, rows = max(tries, key=lambda t: t[0], default=_tried(plain, whole, reading, ","))
    n = width(_table(rows))
    for mark in signs:
        own = [x for x in lines if x.startswith(mark)]
        alike = sum(len(cells) == n for _, _, cells in _records(own, replace(best, comment="none"), True))
        if reading.comment or (2 * alike < len(own) and (n > 1 or lines[0].startswith(mark + " "))):
            best = replace(best, comment=mark)
            break
    best = replace(best, comment=best.comment or "none")
    return best, _records(lines, best, whole)


def _tried(lines: list[str], whole: bool, reading: Reading, delimiter: str) -> tuple[float, Reading, Rows]:
    """How well a delimiter parts these lines, with the quotes that are right for it."""
    text, edge = "".join(lines[:ROWS]), re.escape(delimiter)
    quotes = [reading.quote] if reading.quote else ['"']
    if not reading.quote and '"' not in text and re.search(rf"(^|{edge})'[^'\n]*'({edge}|\s*$)", text, re.M):
        quotes.insert(0, "'")
    elif (
        not reading.quote
        and '"' in text
        and (delimiter == "\t" or len(re.findall(STRAY.format(edge), text, re.M)) >= FEW)
    ):
        quotes.append("none")
    escapes = [reading.escape] if reading.escape else ["none"]
    if (not reading.escape and "\\" + delimiter in text) or '\\"' in text:
        doubled = re.search(rf'[^\\\n{edge}]""', text) is not None  # "" is a quote in a cell
        escapes.insert(doubled, "\\")
    found: list[tuple[float, float, Reading, Rows]] = []
    for quote, escape in product(quotes, escapes):
        own = replace(reading, delimiter=delimiter, quote=quote, escape=escape)
        rows = _records(lines, replace(own, comment="none"), whole)
        found.append((*_score(rows, len(lines)), own, rows))
        if found[-1][0] > SURE and not any(last > first for first, last, _ in rows):
            break
    best = max(share for share, *_ in found)
    last_one = found[-1][0] == 1 == best and found[-1][2].quote == "none"  # each line has as many cells
    _, score, own, rows = found[-1] if last_one else next(t for t in found if t[0] >= min(best, SURE))
    return score, own, rows


def _score(rows: Rows, lines: int) -> tuple[float, float]:
    """The share of records of the usual number n of cells; and this times that of whole cells, times (n - 1) / n."""
    n = width(_table(rows))
    if n < 2:
        return 0.0, 0.0
    fine = [cells for _, _, cells in rows if len(cells) == n]
    whole = sum(bool(NUMBER.fullmatch(c) or not STRANGE.search(c)) for cells in fine for c in cells)
    share = len(fine) / len(rows) * min(1.0, 3 * len(rows) / min(lines, ROWS))  # a quote left open swallows lines
    return share, share * whole / (n * len(fine)) * (n - 1) / n


def _clearly(reading: Reading, rows: Rows) -> bool:
    """True if a rare delimiter parts all lines alike, with numbers or dates in some column."""
    table, n = _table(rows), width(_table(rows))
    if any(len(cells) not in (n, n - 1) for cells in table) or (reading.delimiter == ":" and n < 3):
        return False
    if reading.delimiter == ":" and all(c.strip().isdigit() for cells in table[1:] for c in cells):
        return False  # times
    columns = zip_longest(*(cells for cells in table[1:] or table if len(cells) == n), fillvalue="")
    return any(all(NUMBER.fullmatch(c) for c in column) for column in columns)


def _note(content: Content, asked: Reading, found: Reading) -> list[str]:
    """One line on what was found and is not the usual."""
    usual = Reading(delimiter="\t" if {".tsv", ".tab"} & {s.lower() for s in content.path.suffixes} else ",")
    usual = replace(usual, encoding="utf-8", decimal=".", thousands="none", header="yes", comment="none", skip_rows=0)
    usual = replace(usual, skip_footer=0, quote='"', escape="none")
    lines = "{} line{} above the table", "{} line{} below it"
    told = {
        "delimiter": f"{WORDS.get(found.delimiter, found.delimiter)} between columns",
        "decimal": f"decimal {'comma' if found.decimal == ',' else 'point'}",
        "thousands": f"{found.thousands} between thousands",
        "encoding": f"encoding {found.encoding}",
        "header": "no header",
        "comment": f"comments after {found.comment}",
        "quote": "no quotes" if found.quote == "none" else f"quotes {found.quote}",
        "escape": f"{found.escape} before marks",
        "skip_rows": lines[0].format(found.skip_rows, "s" * (found.skip_rows != 1)),
        "skip_footer": lines[1].format(found.skip_footer, "s" * (found.skip_footer != 1)),
    }
    odd = [name for name in told if getattr(found, name) != getattr(usual, name) and getattr(asked, name) in ("", None)]
    if not odd:
        return []
    options = [f"--{name.replace('_', '-')}" for name in odd if name not in ("quote", "escape")]
    hint = f" ({', '.join(options)} say{'s' * (len(options) == 1)} otherwise)" if options else ""
    return [f"{content.place} is read with {', '.join(told[name] for name in odd)}{hint}"]
