# ruff: noqa: RUF001
"""Small tables as people have them, each with what a careful person reads in it, whatever any program makes of it.

A case is a file (or several), and of each column its kind and all of its cells: numbers, texts, truths (1 and 0),
seconds (a date since 1970, a time since midnight, a duration), None for a missing cell. `ci/tables` shows what nnx,
pandas and polars read in each.
"""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isclose, isnan
from pathlib import Path
from typing import Any

TEXT = "text"


@dataclass(frozen=True)
class Column:
    """What is right for a column; `other`: what is right too."""

    kind: str  # number, text, boolean, date, time, duration
    cells: tuple[Any, ...]
    other: "Column | None" = None

    def __or__(self, other: "Column") -> "Column":
        return Column(self.kind, self.cells, other)


@dataclass(frozen=True)
class Case:
    """A table: its files (name: bytes), which of them is given, the columns that are right, or part of the refusal."""

    files: dict[str, bytes | Callable[[], bytes]]
    columns: dict[str, Column] = field(default_factory=dict)
    refused: str | None = None  # the file cannot be read; words of the message
    may_refuse: bool = False  # one line that says what to do is as good as reading it
    given: str = ""  # a path or pattern; the only file's name
    says: tuple[str, ...] = ()  # words that the notes must have
    reading: dict[str, Any] = field(default_factory=dict)  # what is asked for


Found = dict[str, tuple[str, list[Any]]]  # of each column its kind and cells
CASES: dict[str, Case] = {}


def write(case: Case, folder: Path) -> Path:
    """Write the files of a case; the path that is given to a reader."""
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content())
    return folder / case.given


def by_nnx(path: str, reading: dict[str, Any]) -> tuple[Found, list[str]]:
    """The kind and the cells of each column that nnx reads, and its notes. Raises: DataError."""
    from nnx.tables import Reading, cells, open_table
    from nnx.tables.kinds.cells import parted

    source = open_table(path, Reading(**reading))
    scan = source.scan({})
    kinds = {name: kind for name, kind in scan.kinds.items() if kind != "drop"}
    found: Found = {}
    for name, kind in kinds.items():
        found[name] = TEXT if parted(kind)[0] in ("category", "words") else parted(kind)[0], []
    first = 0
    for batch in source.batches(list(kinds)):
        for name, kind in kinds.items():
            found[name][1].extend(plain(cells(source, batch, name, kind, first).tolist()))
        first += batch.num_rows
    return found, scan.notes


def grade(case: Case, found: Found) -> tuple[str, str]:
    """How a reading compares with what is right: "right", "text" (left as text) or "wrong", and why."""
    wanted, got = list(case.columns.values()), list(found.values())
    if len(wanted) != len(got):
        return "wrong", f"{len(got)} columns, not {len(wanted)}: {', '.join(found)[:60]}"
    grades = [
        _column(name, column, *found[own]) for (name, column), own in zip(case.columns.items(), found, strict=True)
    ]
    return max(grades, key=lambda g: ("right", "text", "wrong").index(g[0]))


def _column(name: str, right: Column, kind: str, cells: list[Any]) -> tuple[str, str]:
    if len(cells) != len(right.cells):
        return "wrong", f"{name}: {len(cells)} rows, not {len(right.cells)}"
    different = [(a, b) for a, b in zip(right.cells, cells, strict=True) if not _same(a, b)]
    if not different and (kind == right.kind or set(cells) == {None}):
        return "right", ""
    if right.other and _column(name, right.other, kind, cells)[0] == "right":
        return "right", ""
    if kind == TEXT != right.kind:
        return "text", f"{name}: {right.kind} left as text"
    why = f"{different[0][1]!r:.40} for {different[0][0]!r:.40}" if different else "the same cells"
    return "wrong", f"{name}: {kind}, not {right.kind}: {why}" if kind != right.kind else f"{name}: {why}"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, int | float) and not isinstance(b, bool):
        return isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    return type(a) is type(b) and a == b


def plain(cells: list[Any]) -> list[Any]:
    """Cells with None for what is not a number."""
    return [None if isinstance(c, float) and isnan(c) else c for c in cells]


def N(*cells: float | None) -> Column:
    """Numbers."""
    return Column("number", tuple(None if c is None else float(c) for c in cells))


def T(*cells: str | None) -> Column:
    """Texts."""
    return Column(TEXT, cells)


def B(*cells: int | None) -> Column:
    """Truths."""
    return Column("boolean", tuple(None if c is None else float(c) for c in cells))


def D(*cells: str | None) -> Column:
    """Dates, written as in ISO 8601; without a zone they are taken to be in UTC."""
    return Column("date", tuple(None if c is None else _seconds(c) for c in cells))


def C(*cells: str | None) -> Column:
    """Times of day, written H:M:S."""
    return Column("time", tuple(None if c is None else _clock(c) for c in cells))


def P(*cells: float | None) -> Column:
    """Durations in seconds."""
    return Column("duration", tuple(None if c is None else float(c) for c in cells))


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _clock(text: str) -> float:
    h, m, s = ([*text.split(":"), "0"])[:3]
    return int(h) * 3600 + int(m) * 60 + float(s)


def add(name: str, content: Any, columns: Any = None, suffix: str = ".csv", **more: Any) -> None:
    """A case of one file (text, bytes, or what makes them), or of several in a dictionary."""
    assert name not in CASES, name
    if isinstance(content, str):
        content = content.encode(more.pop("encoding", "utf-8"))
    files = content if isinstance(content, dict) else {f"data{suffix}": content}
    CASES[name] = Case(files, columns or {}, given=more.pop("given", next(iter(files))), **more)


def one(name: str, column: Column, *cells: str, **more: Any) -> None:
    """A case of one column of interest beside one of letters, so that a row is never blank: comma-separated, quoted
    where a cell has a comma."""
    rows = [f'"{c}"' if "," in c or "\n" in c else c for c in cells]
    letters = [chr(97 + i % 26) for i in range(len(cells))]
    text = "k,v\n" + "".join(f"{k},{c}\n" for k, c in zip(letters, rows, strict=True))
    add(name, text, {"k": T(*letters), "v": column}, **more)


def semi(name: str, column: Column, *cells: str, **more: Any) -> None:
    """The same with semicolons between the columns."""
    letters = [chr(97 + i % 26) for i in range(len(cells))]
    text = "k;v\n" + "".join(f"{k};{c}\n" for k, c in zip(letters, cells, strict=True))
    add(name, text, {"k": T(*letters), "v": column}, **more)


# ---- delimiters

PEOPLE = {"name": T("Ann", "Bob", "Cem", "Dee"), "age": N(34, 28, 45, 51), "score": N(1.5, 2.25, 3, 4.75)}
PLAIN = "name,age,score\nAnn,34,1.5\nBob,28,2.25\nCem,45,3\nDee,51,4.75\n"


def people(delimiter: str = ",", end: str = "\n", decimal: str = ".") -> str:
    """The same table in another spelling."""
    return PLAIN.replace(".", "\0").replace(",", delimiter).replace("\0", decimal).replace("\n", end)


add("comma", PLAIN, PEOPLE)
add("semicolon", people(";"), PEOPLE, says=(";", "--delimiter"))
add("semicolon, decimal comma", people(";", decimal=","), PEOPLE, says=("decimal comma",))
add("tab", people("\t"), PEOPLE, ".tsv")
add("tab in .csv", people("\t"), PEOPLE)
add("tab in .txt", people("\t"), PEOPLE, ".txt")
add("tab, decimal comma", people("\t", decimal=","), PEOPLE, ".tsv")
add("bar", people("|"), PEOPLE, ".txt")
add("bar with spaces", people(" | "), PEOPLE)
add("comma in .txt", PLAIN, PEOPLE, ".txt")
add("comma in .tsv", PLAIN, PEOPLE, ".tsv")
add("comma in .dat", PLAIN, PEOPLE, ".dat")
add("comma in .data", PLAIN, PEOPLE, ".data")
add("comma without a suffix", PLAIN, PEOPLE, "")
add("comma in .CSV", PLAIN, PEOPLE, ".CSV")
add("caret", people("^"), PEOPLE)
add("colon", people(":"), PEOPLE, ".txt")
add("one space", people(" "), PEOPLE, ".txt")
add(
    "aligned with spaces",
    "name   age  score\nAnn     34   1.5\nBob     28   2.25\nCem     45   3\nDee     51   4.75\n",
    PEOPLE,
    ".txt",
    may_refuse=True,
)
add("comma and space", people(", "), PEOPLE)
add("semicolon and space", people("; "), PEOPLE)
add("Excel's sep=;", "sep=;\n" + people(";"), PEOPLE)
add("Excel's sep=,", "sep=,\n" + PLAIN, PEOPLE)
add(
    "a column of sentences",
    "review\nGood, really good\nBad; very bad\nSo, so, so\nNever again\n",
    {"review": T("Good, really good", "Bad; very bad", "So, so, so", "Never again")},
    ".txt",
    may_refuse=True,
)
add("one column", "age\n34\n28\n45\n", {"age": N(34, 28, 45)})
add("one column of words", "word\nred\nblue\nred\n", {"word": T("red", "blue", "red")})
add(
    "semicolons in cells",
    'name,likes\nAnn,"tea; milk; rice"\nBob,"tea; beer; soup"\nCem,"milk; rice; nuts"\n',
    {"name": T("Ann", "Bob", "Cem"), "likes": T("tea; milk; rice", "tea; beer; soup", "milk; rice; nuts")},
)
add(
    "commas in cells of a semicolon file",
    "name;likes\nAnn;tea, milk, rice\nBob;tea, beer, soup\nCem;milk, rice, nuts\n",
    {"name": T("Ann", "Bob", "Cem"), "likes": T("tea, milk, rice", "tea, beer, soup", "milk, rice, nuts")},
)
add(
    "commas in cells of a tab file",
    "city\tage\nBern, Switzerland\t3\nRome, Italy\t4\nParis, France\t5\n",
    {"city": T("Bern, Switzerland", "Rome, Italy", "Paris, France"), "age": N(3, 4, 5)},
    ".tsv",
)
add(
    "a delimiter at the end of rows",
    "name,age,\nAnn,34,\nBob,28,\nCem,45,\n",
    {"name": T("Ann", "Bob", "Cem"), "age": N(34, 28, 45), "column 3": N(None, None, None)},
    may_refuse=True,
)
add(
    "a delimiter at the end of rows, not of the header",
    "name,age\nAnn,34,\nBob,28,\nCem,45,\n",
    {"name": T("Ann", "Bob", "Cem"), "age": N(34, 28, 45)},
    may_refuse=True,
)
add(
    "wide",
    ",".join(f"c{i}" for i in range(300)) + "\n" + ",".join(map(str, range(300))) + "\n",
    {f"c{i}": N(i) for i in range(300)},
)

# ---- encodings

CITIES = ("Zürich", "Genève", "Köln", "Málaga", "Orléans", "Århus")
ROWS = "city,n\n" + "".join(f"{c},{i}\n" for i, c in enumerate(CITIES))
CITY = {"city": T(*CITIES), "n": N(*range(6))}
POLISH = ("Łódź", "Kraków", "Gdańsk", "Poznań", "Wrocław", "Białystok", "Częstochowa", "Toruń") * 4
RUSSIAN = ("Москва", "Санкт-Петербург", "Новосибирск", "Екатеринбург", "Казань", "Самара", "Омск", "Ростов") * 4
JAPANESE = ("東京", "大阪市", "名古屋", "札幌市", "福岡", "横浜市", "神戸", "京都の街") * 4
PRICES = ("12 €", "14 €", "9 €", "11 €", "20 €", "7 €")


def towns(names: tuple[str, ...]) -> tuple[str, dict[str, Column]]:
    """A table of names."""
    return "city,n\n" + "".join(f"{c},{i}\n" for i, c in enumerate(names)), {
        "city": T(*names),
        "n": N(*range(len(names))),
    }


add("UTF-8", ROWS, CITY)
add("UTF-8 with a mark", ROWS, CITY, encoding="utf-8-sig")
add("UTF-16", ROWS, CITY, encoding="utf-16")
add("UTF-16 big-endian with a mark", b"\xfe\xff" + ROWS.encode("utf-16-be"), CITY)
add("UTF-16, tabs, as Excel's Unicode text", ROWS.replace(",", "\t"), CITY, ".txt", encoding="utf-16")
add("UTF-16 without a mark", ROWS, CITY, encoding="utf-16-le", may_refuse=True)
add("UTF-32", ROWS, CITY, encoding="utf-32", may_refuse=True)
add("latin-1", ROWS, CITY, encoding="latin-1", says=("--encoding",))
add(
    "cp1252 with the euro sign",
    "city,price\n" + "".join(f"{c},{p}\n" for c, p in zip(CITIES, PRICES, strict=True)),
    {"city": T(*CITIES), "price": N(12, 14, 9, 11, 20, 7)},
    encoding="cp1252",
)
add("latin-1 header", "Größe,n\n3,1\n4,2\n", {"Größe": N(3, 4), "n": N(1, 2)}, encoding="latin-1")
add(
    "latin-1 far down",
    "city,n\n" + "Bern,1\n" * 3000 + "Zürich,2\n",
    {"city": T(*["Bern"] * 3000, "Zürich"), "n": N(*[1] * 3000, 2)},
    encoding="latin-1",
)
add("cp1250, Polish", towns(POLISH)[0], towns(POLISH)[1], encoding="cp1250", may_refuse=True)
add("cp1251, Russian", towns(RUSSIAN)[0], towns(RUSSIAN)[1], encoding="cp1251", may_refuse=True)
add("KOI8-R", towns(RUSSIAN)[0], towns(RUSSIAN)[1], encoding="koi8-r", may_refuse=True)
add("Shift JIS", towns(JAPANESE)[0], towns(JAPANESE)[1], encoding="shift_jis", may_refuse=True)
add("UTF-8, Japanese", towns(JAPANESE)[0], towns(JAPANESE)[1])
add(
    "UTF-8, Russian header",
    "город;население\nКазань;1,3\nОмск;1,1\nУфа;1,2\n",
    {"город": T("Казань", "Омск", "Уфа"), "население": N(1.3, 1.1, 1.2)},
)
add("emoji", "mood,n\n😀,1\n😢,2\n😀,3\n", {"mood": T("😀", "😢", "😀"), "n": N(1, 2, 3)})
add(
    "UTF-8 with one bad byte",
    b"city,n\nBern,1\nZ\xc3\xbcrich,2\nGen\xe8ve,3\n",
    {"city": T("Bern", "Zürich", "Genève"), "n": N(1, 2, 3)},
    may_refuse=True,
)

# ---- numbers

one("whole numbers", N(1, -2, 3, 40), "1", "-2", "+3", "40")
one("decimals", N(1.5, -0.25, 0.5, 5, 1e5, 1e-3), "1.5", "-.25", ".5", "5.", "1e5", "1E-3")
one("scientific", N(1500, 2.5e-4, -3e10), "1.5E+03", "2.5e-04", "-3e+10")
one("long whole numbers", N(12345678901234567890, 2, 3), "12345678901234567890", "2", "3")
one("numbers in blanks", N(1, 2.5, 3), " 1", "2.5 ", "  3 ")
one("thousands by comma", N(1234, 12, 1234567), "1,234", "12", "1,234,567")
one("thousands by comma, all of four digits", N(1234, 5678, 9012), "1,234", "5,678", "9,012")
one("thousands by comma, decimals", N(1234.5, 12.25, 1234567), "1,234.50", "12.25", "1,234,567.00")
one("decimal comma between commas", N(1.5, 2.25, 13), "1,5", "2,25", "13,0")
one("lakhs", N(123456, 1234567, 12), "1,23,456", "12,34,567", "12")
one("thousands by underscore", N(1000, 2500, 12), "1_000", "2_500", "12", may_refuse=True)
one("Swiss thousands", N(1234.5, 12, 1234567), "1'234.50", "12", "1'234'567")
one("Swiss thousands, curly", N(1234.5, 12, 1234567), "1’234.50", "12", "1’234’567")
one("minus of Unicode", N(-5, 3, -2.5), "\u22125", "3", "\u22122.5")
one("minus behind", N(-5, 3, -2.5), "5-", "3", "2.5-")
one("minus as parentheses", N(-1234, 50, -3), "(1,234)", "50", "(3)")
one("percent", N(45, 12.5, 100) | N(0.45, 0.125, 1), "45%", "12.5%", "100%")
one("percent with a blank", N(45, 12.5, 100) | N(0.45, 0.125, 1), "45 %", "12.5 %", "100 %")
one("percent with gaps", N(45, None, 100) | N(0.45, None, 1), "45%", "", "100%")
one("dollars", N(3990.5, 12, 1250), "$3,990.50", "$12.00", "$1,250")
one("dollars, minus", N(-5, 12, -1250), "-$5.00", "$12.00", "-$1,250.00")
one("dollars in parentheses", N(-5, 12, -1250), "($5.00)", "$12.00", "($1,250.00)")
one("euros before", N(12.5, 3, 7.25), "€12.50", "€3.00", "€7.25")
one("pounds", N(12.5, 3, 7.25), "£12.50", "£3.00", "£7.25")
one("a code before", N(100, 250, 99.5), "USD 100", "USD 250", "USD 99.50")
one("a code behind", N(100, 250, 99.5), "100 EUR", "250 EUR", "99.50 EUR")
one("kilograms", N(12, 3.5, 80), "12 kg", "3.5 kg", "80 kg")
one("unit without a blank", N(12, 3.5, 80), "12cm", "3.5cm", "80cm")
one("degrees", N(12, 3.5, -8), "12 °C", "3.5 °C", "-8 °C")
one("thousands as k", N(8700, 500, 12000), "8.7k", "500", "12k")
one("millions as M", N(19e6, 8700e3, 500e3), "19M", "8.7M", "500k")
one("dollars in millions", N(19e6, 1.2e9, 500e3), "$19M", "$1.2B", "$500k")
one("quoted numbers", N(1, 2.5, 3), '"1"', '"2.5"', '"3"')
one("numbers with an apostrophe before", N(1, 2, 3), "'1", "'2", "'3", may_refuse=True)
one("infinity", N(1, None, 3), "1", "inf", "3", says=("taken as missing",))
semi("German numbers", N(1234.5, 12, 1234567.25), "1.234,50", "12,00", "1.234.567,25")
semi("German euros", N(1234.5, 12, 7.25), "1.234,50 €", "12,00 €", "7,25 €")
semi("German percent", N(12.5, 3, 100) | N(0.125, 0.03, 1), "12,5 %", "3,0 %", "100 %")
semi("French numbers", N(1234.5, 12, 1234567.25), "1 234,50", "12,00", "1 234 567,25")
semi("French numbers, no-break space", N(1234.5, 12, 1234567.25), "1\u00a0234,50", "12,00", "1\u00a0234\u00a0567,25")
semi("French numbers, narrow space", N(1234.5, 12, 1234567.25), "1\u202f234,50", "12,00", "1\u202f234\u202f567,25")
add(
    "German thousands beside decimals",
    "k;v;w\na;1.234;0,5\nb;5.678;1,25\nc;12;3,0\n",
    {"k": T("a", "b", "c"), "v": N(1234, 5678, 12), "w": N(0.5, 1.25, 3)},
    may_refuse=True,
)
semi("points in a semicolon file", N(1.5, 2.25, 3), "1.5", "2.25", "3")
semi("thousands by comma in a semicolon file", N(1234.5, 12, 7.25), "1,234.50", "12.00", "7.25")
one("one word among numbers", N(*[1.0] * 30, None) | T(*["1"] * 30, "n/k"), *["1"] * 30, "n/k", may_refuse=True)
one(
    "a word in an eighth of the cells",
    N(*([1, 2, 3, 4, 5, 6, 7, None] * 8)),
    *(["1", "2", "3", "4", "5", "6", "7", "unknown"] * 8),
    says=("unknown", "--missing"),
    may_refuse=True,
)
one("numbers and their unit, some without", N(12, 3.5, 80, 7), "12 kg", "3.5 kg", "80", "7 kg")

# ---- texts that look like something else

one("zip codes", T("01234", "99423", "00501", "80331"), "01234", "99423", "00501", "80331")
one("telephone numbers", T("555-1234", "555-9876", "555-0000"), "555-1234", "555-9876", "555-0000")
one("versions", T("1.2.3", "1.10.0", "2.0.1"), "1.2.3", "1.10.0", "2.0.1")
one("addresses of machines", T("10.0.0.1", "192.168.1.5", "8.8.8.8"), "10.0.0.1", "192.168.1.5", "8.8.8.8")
one("ranges", T("10-20", "20-30", "30-40", "10-20"), "10-20", "20-30", "30-40", "10-20")
one("small ranges", T("1-2", "3-4", "5-6", "1-2"), "1-2", "3-4", "5-6", "1-2")
one("ages in classes", T("<18", "18-64", "65+", "<18"), "<18", "18-64", "65+", "<18")
one("results of games", T("3:1", "0:0", "2:4", "1:1"), "3:1", "0:0", "2:4", "1:1")
one("blood pressure", T("120/80", "135/85", "110/70"), "120/80", "135/85", "110/70")
one("months as words", T("Jan", "Feb", "May", "Jan"), "Jan", "Feb", "May", "Jan")
one("names of days", T("Mon", "Tue", "Sun", "Mon"), "Mon", "Tue", "Sun", "Mon")
one("codes of letter and digit", T("A1", "B2", "A1", "C3"), "A1", "B2", "A1", "C3")
one("sizes", T("S", "M", "XL", "M"), "S", "M", "XL", "M")
one("hexadecimal", T("0x1F", "0xA0", "0x00"), "0x1F", "0xA0", "0x00")
one("identifiers", T("3f2a-11", "77bc-09", "e1e5-42"), "3f2a-11", "77bc-09", "e1e5-42")
one(
    "links",
    T("https://a.org/x?b=1", "https://b.org/", "https://c.org/y"),
    "https://a.org/x?b=1",
    "https://b.org/",
    "https://c.org/y",
)
one("sentences", T("It was good.", "Not so good, no.", "Good"), "It was good.", "Not so good, no.", "Good")
one("texts in blanks", T("Bern", "Rome", "Bern", "Rome"), " Bern", "Rome ", "Bern", "  Rome  ")
one("spellings of a word", T("low", "LOW", "Low", "high"), "low", "LOW", "Low", "high")
one("classes of ships", T("1st", "2nd", "3rd", "1st"), "1st", "2nd", "3rd", "1st")
one(
    "plain numbers with letters among them",
    T("1", "2", "a", "3", "b", "4"),
    "1",
    "2",
    "a",
    "3",
    "b",
    "4",
    may_refuse=True,
)
one(
    "addresses of one street",
    T("19 Main Road", "7 Main Road", "120 Main Road"),
    "19 Main Road",
    "7 Main Road",
    "120 Main Road",
)
one("addresses", T("19 Main Road", "7 Elm Street", "120 Main Road"), "19 Main Road", "7 Elm Street", "120 Main Road")
one("rooms", T("Room 12", "Room 7", "Room 101"), "Room 12", "Room 7", "Room 101")
one("flights", T("LH 123", "BA 45", "LH 7"), "LH 123", "BA 45", "LH 7")
add(
    "JSON in a cell",
    'k,v\na,"{""a"": 1, ""b"": 2}"\nb,{}\nc,"[1, 2]"\n',
    {"k": T("a", "b", "c"), "v": T('{"a": 1, "b": 2}', "{}", "[1, 2]")},
)

# ---- dates, times, durations

MARCH = D("2024-03-07", "2023-12-24", "2022-01-31")
one("dates", MARCH, "2024-03-07", "2023-12-24", "2022-01-31")
one("dates with slashes", MARCH, "2024/03/07", "2023/12/24", "2022/01/31")
one("dates with points, year first", MARCH, "2024.03.07", "2023.12.24", "2022.01.31")
one("German dates", MARCH, "07.03.2024", "24.12.2023", "31.01.2022")
one("German dates without zeros", MARCH, "7.3.2024", "24.12.2023", "31.1.2022")
one("German dates of two-digit years", MARCH, "07.03.24", "24.12.23", "31.01.22")
one("British dates", MARCH, "07/03/2024", "24/12/2023", "31/01/2022")
one("American dates", MARCH, "03/07/2024", "12/24/2023", "01/31/2022")
one("American dates without zeros", MARCH, "3/7/2024", "12/24/2023", "1/31/2022")
one(
    "American dates of two-digit years", D("1997-07-04", "2001-01-15", "1969-12-31"), "07/04/97", "01/15/01", "12/31/69"
)
one("British dates of two-digit years", D("1997-07-14", "2001-01-15", "2068-12-31"), "14/07/97", "15/01/01", "31/12/68")
one("day, month, year with dashes", MARCH, "07-03-2024", "24-12-2023", "31-01-2022")
one("month, day, year with dashes", MARCH, "03-07-2024", "12-24-2023", "01-31-2022")
one(
    "day or month",
    D("2024-03-07", "2024-05-06", "2024-01-02") | D("2024-07-03", "2024-06-05", "2024-02-01"),
    "03/07/2024",
    "05/06/2024",
    "01/02/2024",
    says=("--kind v=date:",),
)
one("day or month, told by a later row", MARCH, "07/03/2024", "24/12/2023", "31/01/2022")
one("month names", MARCH, "07-Mar-2024", "24-Dec-2023", "31-Jan-2022")
one("month names, two-digit years", MARCH, "07-Mar-24", "24-Dec-23", "31-Jan-22")
one("month names in full", MARCH, "7 March 2024", "24 December 2023", "31 January 2022")
one("month names first", MARCH, "March 7, 2024", "December 24, 2023", "January 31, 2022")
one("month names first, short", MARCH, "Mar 7, 2024", "Dec 24, 2023", "Jan 31, 2022")
one("month names first, no comma", MARCH, "Mar 7 2024", "Dec 24 2023", "Jan 31 2022")
one("month names in the middle", MARCH, "2024-Mar-07", "2023-Dec-24", "2022-Jan-31")
one("days of the week", MARCH, "Thu, 07 Mar 2024", "Sun, 24 Dec 2023", "Mon, 31 Jan 2022")
one(
    "days of the week in full",
    MARCH,
    "Thursday, March 7, 2024",
    "Sunday, December 24, 2023",
    "Monday, January 31, 2022",
)
one("dates without marks", MARCH | N(20240307, 20231224, 20220131), "20240307", "20231224", "20220131")
one("months", D("2024-03-01", "2023-12-01", "2022-01-01"), "2024-03", "2023-12", "2022-01", may_refuse=True)
one("months by name", D("2024-03-01", "2023-12-01", "2022-01-01"), "Mar 2024", "Dec 2023", "Jan 2022", may_refuse=True)
one("dates with gaps", D("2024-03-07", None, "2022-01-31"), "2024-03-07", "", "2022-01-31")
one("dates with words for gaps", D("2024-03-07", None, "2022-01-31", None), "2024-03-07", "NA", "2022-01-31", "-")
one("years", N(1997, 2001, 2024), "1997", "2001", "2024")
one("far dates", D("1000-01-01", "9999-12-31", "1969-12-31"), "1000-01-01", "9999-12-31", "1969-12-31")
one("dates in blanks", MARCH, " 2024-03-07", "2023-12-24 ", "2022-01-31")

TIMES = D("2024-03-07 14:30:00", "2023-12-24 09:05:30", "2022-01-31 00:00:00")
ZONED = D("2024-03-07T14:30:00+00:00", "2023-12-24T09:05:30+00:00", "2022-01-31T00:00:00+00:00")
one("moments", TIMES, "2024-03-07 14:30:00", "2023-12-24 09:05:30", "2022-01-31 00:00:00")
one("moments with T", TIMES, "2024-03-07T14:30:00", "2023-12-24T09:05:30", "2022-01-31T00:00:00")
one(
    "moments without seconds",
    D("2024-03-07 14:30", "2023-12-24 09:05", "2022-01-31 00:00"),
    "2024-03-07 14:30",
    "2023-12-24 09:05",
    "2022-01-31 00:00",
)
one(
    "moments with fractions",
    D("2024-03-07 14:30:00.25", "2023-12-24 09:05:30.5", "2022-01-31 00:00"),
    "2024-03-07 14:30:00.250",
    "2023-12-24 09:05:30.500",
    "2022-01-31 00:00:00.000",
)
one("moments in UTC", ZONED, "2024-03-07T14:30:00Z", "2023-12-24T09:05:30Z", "2022-01-31T00:00:00Z")
one("moments of a zone", ZONED, "2024-03-07T16:30:00+02:00", "2023-12-24T10:05:30+01:00", "2022-01-31T01:00:00+01:00")
one(
    "moments of a zone, no colon",
    ZONED,
    "2024-03-07 16:30:00+0200",
    "2023-12-24 10:05:30+0100",
    "2022-01-31 01:00:00+0100",
)
one("moments in UTC by name", ZONED, "2024-03-07 14:30:00 UTC", "2023-12-24 09:05:30 UTC", "2022-01-31 00:00:00 UTC")
one(
    "dates and moments",
    D("2024-03-07", "2023-12-24 09:05:30", "2022-01-31"),
    "2024-03-07",
    "2023-12-24 09:05:30",
    "2022-01-31",
)
one(
    "German moments",
    D("2024-03-07 14:30", "2023-12-24 09:05", "2022-01-31 00:00"),
    "07.03.2024 14:30",
    "24.12.2023 09:05",
    "31.01.2022 00:00",
)
one(
    "American moments",
    D("2024-03-07 14:30", "2023-12-24 09:05", "2022-01-31 00:00"),
    "3/7/2024 2:30 PM",
    "12/24/2023 9:05 AM",
    "1/31/2022 12:00 AM",
)
one("times of day", C("14:30", "09:05", "23:59", "00:00"), "14:30", "09:05", "23:59", "00:00")
one("times of day with seconds", C("14:30:05", "09:05:30", "23:59:59"), "14:30:05", "09:05:30", "23:59:59")
one("times of day of twelve hours", C("14:30", "09:05", "12:00"), "2:30 PM", "9:05 AM", "12:00 PM")
one("durations of more than a day", P(95_400, 3_661, 360_000), "26:30:00", "01:01:01", "100:00:00")
one("durations in words", P(5400, 600, 7200), "1h 30m", "10m", "2h", may_refuse=True)
one("durations of ISO 8601", P(5400, 600, 7200), "PT1H30M", "PT10M", "PT2H", may_refuse=True)
one("durations of pandas", P(93_784, 86_400, 10), "1 days 02:03:04", "1 days 00:00:00", "0 days 00:00:10")
add(
    "two spellings of dates",
    "a,b\n07/03/2024,03/07/2024\n24/12/2023,12/24/2023\n31/01/2022,01/31/2022\n",
    {"a": MARCH, "b": MARCH},
)

# ---- truths

for _words, _name in (
    ("true false", "true"),
    ("True False", "True"),
    ("TRUE FALSE", "TRUE"),
    ("yes no", "yes"),
    ("Yes No", "Yes"),
    ("YES NO", "YES"),
    ("Y N", "Y"),
    ("t f", "t"),
    ("on off", "on"),
):
    _yes, _no = _words.split()
    _or = B(1, 0, 0, 1)
    one(f"truths: {_name}", _or | T(_yes, _no, _no, _yes) if _name == "on" else _or, _yes, _no, _no, _yes)
one("truths with gaps", B(1, 0, None, 1), "true", "false", "", "true")
one("truths with words for gaps", B(1, 0, None, 1, None), "yes", "no", "NA", "yes", "n/a")
one("truths in mixed case", B(1, 0, 0, 1), "Yes", "no", "NO", "yes")
one("one and zero", N(1, 0, 0, 1), "1", "0", "0", "1")
one("crosses and blanks", T("x", None, None, "x") | B(1, 0, 0, 1), "x", "", "", "x")
one("yes, no and perhaps", T("yes", "no", "perhaps", "yes"), "yes", "no", "perhaps", "yes")

# ---- gaps

for _gap in (
    "",
    "NA",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "NULL",
    "null",
    "None",
    "-",
    "?",
    "#N/A",
    "<NA>",
    "-nan",
    "#NA",
    "1.#QNAN",
    ".",
    "--",
    "  ",
):
    one(f"gap in numbers: {_gap!r}", N(1, None, 3, 4.5), "1", _gap, "3", "4.5")
for _gap in ("", "NA", "N/A", "NaN", "NULL", "null", "None", "?", "#N/A", "<NA>"):
    one(f"gap in texts: {_gap!r}", T("red", None, "blue", "red"), "red", _gap, "blue", "red")
one("quoted gap", N(1, None, 3), "1", '""', "3")
one("Excel's faults", N(1, None, 3, None), "1", "#DIV/0!", "3", "#VALUE!", may_refuse=True)
one("an empty column", N(None, None, None), "", "", "")
one("two words for gaps", N(1, None, None, 4), "1", "NA", "-", "4")
add("a row of gaps", "a,b\n1,x\n,\n3,y\n", {"a": N(1, None, 3), "b": T("x", None, "y")})
add("blank lines between rows", "a,b\n1,x\n\n3,y\n\n", {"a": N(1, 3), "b": T("x", "y")})
add("blank lines in one column", "a\n1\n\n3\n", {"a": N(1, 3)}, may_refuse=True)

# ---- headers

NUMBERS = {"column 1": N(1, 4, 7), "column 2": N(2.5, 5, 8), "column 3": N(3, 6, 9)}
add("no header, numbers", "1,2.5,3\n4,5,6\n7,8,9\n", NUMBERS, says=("--header",))
add(
    "no header, mixed",
    "5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,3.3,virginica\n5.8,2.7,virginica\n",
    {
        "column 1": N(5.1, 4.9, 6.3, 5.8),
        "column 2": N(3.5, 3, 3.3, 2.7),
        "column 3": T("setosa", "setosa", "virginica", "virginica"),
    },
)
add(
    "no header, class first",
    "1,14.23,1.71\n1,13.2,1.78\n2,12.37,0.94\n3,12.86,1.35\n",
    {"column 1": N(1, 1, 2, 3), "column 2": N(14.23, 13.2, 12.37, 12.86), "column 3": N(1.71, 1.78, 0.94, 1.35)},
    ".data",
)
add(
    "no header, gaps",
    "5,?,red\n3,2,blue\n?,4,red\n",
    {"column 1": N(5, 3, None), "column 2": N(None, 2, 4), "column 3": T("red", "blue", "red")},
)
add(
    "no header, dates",
    "2024-03-07,3.5\n2023-12-24,4.5\n2022-01-31,5.5\n",
    {"column 1": MARCH, "column 2": N(3.5, 4.5, 5.5)},
)
add("no header, one column", "1.5\n2.5\n4\n", {"column 1": N(1.5, 2.5, 4)})
add(
    "header and texts alone",
    "name,city\nAnn,Bern\nBob,Rome\nCem,Paris\n",
    {"name": T("Ann", "Bob", "Cem"), "city": T("Bern", "Rome", "Paris")},
)
add("names in blanks", "name , age\nAnn, 3\nBob, 4\n", {"name": T("Ann", "Bob"), "age": N(3, 4)})
add("names in quotes", '"name","age, years"\n"Ann",3\n"Bob",4\n', {"name": T("Ann", "Bob"), "age, years": N(3, 4)})
add(
    "years as names",
    "country,1990,2000\nPeru,1.5,2.5\nChad,3.5,4\n",
    {"country": T("Peru", "Chad"), "1990": N(1.5, 3.5), "2000": N(2.5, 4)},
)
YEARS = (1990, 1.5, 4.5, 7.5), (2000, 2.5, 5.5, 8.5), (2010, 3.5, 6.5, 9.5)
add(
    "years alone as names",
    "1990,2000,2010\n1.5,2.5,3.5\n4.5,5.5,6.5\n7.5,8.5,9.5\n",
    {str(v[0]): N(*v[1:]) for v in YEARS},
    may_refuse=True,
)
add("a column without a name", ",age\nAnn,3\nBob,4\n", {"column 1": T("Ann", "Bob"), "age": N(3, 4)})
add("two columns without names", "a,,\n1,2,x\n3,4,y\n", {"a": N(1, 3), "column 2": N(2, 4), "column 3": T("x", "y")})
add(
    "two columns of one name",
    "a,a\n1,2\n3,4\n",
    {"a": N(1, 3), "a (2)": N(2, 4)},
    says=("two columns are named 'a'",),
    may_refuse=True,
)
add("a name of two lines", '"age\n(years)",b\n3,x\n4,y\n', {"age\n(years)": N(3, 4), "b": T("x", "y")})
add("a name with signs", "Σ €/m²,b%\n3,x\n4,y\n", {"Σ €/m²": N(3, 4), "b%": T("x", "y")})
add(
    "names as in R",
    "x,y\n1,10,red\n2,20,blue\n3,30,red\n",
    {"x": N(10, 20, 30), "y": T("red", "blue", "red")},
    may_refuse=True,
)
# ---- before, between and behind the rows

add("a title", "Table 1: people\n" + PLAIN, PEOPLE)
add("a title and a blank line", "Table 1: people\n\n" + PLAIN, PEOPLE)
add("a title with commas behind", "Table 1: people,,\n" + PLAIN, PEOPLE)
add("lines of facts", "Data Source,World Development Indicators\n\nLast Updated,2026-01-01\n\n" + PLAIN, PEOPLE)
add("comments before", "# made by a machine\n# on Monday, at nine\n" + PLAIN, PEOPLE)
add("comments between", PLAIN.replace("Cem", "# Cem follows\nCem"), PEOPLE)
add("comments of %", "% made by a machine\n% on Monday\n" + PLAIN, PEOPLE)
add("names in a comment", "# name,age,score\n" + PLAIN.partition("\n")[2], PEOPLE | {}, may_refuse=True)
add("# in cells", "name,tag\nAnn,#1\nBob,#2\nCem,a#b\n", {"name": T("Ann", "Bob", "Cem"), "tag": T("#1", "#2", "a#b")})
add("# first in cells", "tag,n\n#a,1\n#b,2\n#a,3\n", {"tag": T("#a", "#b", "#a"), "n": N(1, 2, 3)})
add("a blank line first", "\n\n" + PLAIN, PEOPLE)
add("a source behind", PLAIN + "\nSource: World Bank\n", PEOPLE)
add("a source behind, with commas", PLAIN + "Source: World Bank,,\n", PEOPLE, may_refuse=True)
add("a count behind", PLAIN + "(4 rows)\n", PEOPLE)
add("a total behind", PLAIN + "Total,158,11.5\n", PEOPLE, may_refuse=True)
add(
    "a rule under the names",
    "name,age\n----,---\nAnn,3\nBob,4\n",
    {"name": T("Ann", "Bob"), "age": N(3, 4)},
    may_refuse=True,
)

# ---- quotes

add("all in quotes", '"name","age"\n"Ann","3"\n"Bob","4"\n', {"name": T("Ann", "Bob"), "age": N(3, 4)})
add("quotes in quotes", 'name,says\nAnn,"a ""b"" c"\nBob,"d"\n', {"name": T("Ann", "Bob"), "says": T('a "b" c', "d")})
add(
    "lines in quotes",
    'name,says\nAnn,"one\ntwo"\nBob,three\n',
    {"name": T("Ann", "Bob"), "says": T("one\ntwo", "three")},
)
add(
    "lines in quotes, CRLF",
    'name,says\r\nAnn,"one\r\ntwo"\r\nBob,three\r\n',
    {"name": T("Ann", "Bob"), "says": T("one\r\ntwo", "three")},
)
add(
    "quotes behind blanks",
    'name, says\nAnn, "one, two"\nBob, "three, four"\n',
    {"name": T("Ann", "Bob"), "says": T("one, two", "three, four")},
)
add(
    "single quotes",
    "name,says\n'Ann','one, two'\n'Bob','three, four'\n",
    {"name": T("Ann", "Bob"), "says": T("one, two", "three, four")},
    may_refuse=True,
)
add(
    "quotes with a backslash",
    'name,says\nAnn,"a \\"b\\", c"\nBob,"d, e"\n',
    {"name": T("Ann", "Bob"), "says": T('a "b", c', "d, e")},
    may_refuse=True,
)
add(
    "a quote for inches",
    'pipe,n\n5" steel,1\n3" steel,2\n5" steel,3\n',
    {"pipe": T('5" steel', '3" steel', '5" steel') | N(5, 3, 5), "n": N(1, 2, 3)},
)
add(
    "an apostrophe",
    "name,n\nO'Neil,1\nD'Arcy,2\nO'Neil,3\n",
    {"name": T("O'Neil", "D'Arcy", "O'Neil"), "n": N(1, 2, 3)},
)
add(
    "a quote left open",
    'name,n\nAnn,1\n"Bob,2\nCem,3\n',
    {"name": T("Ann", '"Bob', "Cem"), "n": N(1, 2, 3)},
    may_refuse=True,
)
add("too few cells", "a,b,c\n1,2,3\n4,5\n6,7,8\n", refused="line 3")
add("too many cells", "a,b,c\n1,2,3\n4,5,6,7\n8,9,10\n", refused="line 3")

# ---- ends of lines

add("CRLF", people(end="\r\n"), PEOPLE)
add("CR", people(end="\r"), PEOPLE)
add("CRLF and LF", PLAIN.replace("\n", "\r\n", 2), PEOPLE)
add("no end of the last line", PLAIN.rstrip("\n"), PEOPLE)
add("many ends", PLAIN + "\n\n\n", PEOPLE)
add("end of file of DOS", PLAIN + "\x1a", PEOPLE, may_refuse=True)
add("blanks at the end", PLAIN + "   \n", PEOPLE, may_refuse=True)

# ---- compressed


def zipped(**members: bytes) -> bytes:
    """A ZIP archive; _ in a name is a point."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", ".").replace("MACOSX/..", "__MACOSX/._"), content)
    return file.getvalue()


def zst(content: bytes) -> bytes:
    """Zstandard, by pyarrow."""
    import pyarrow as pa

    file = pa.BufferOutputStream()
    with pa.CompressedOutputStream(file, "zstd") as stream:
        stream.write(content)
    return file.getvalue().to_pybytes()


BYTES = PLAIN.encode()
add("gzip", gzip.compress(BYTES), PEOPLE, ".csv.gz")
add("bzip2", bz2.compress(BYTES), PEOPLE, ".csv.bz2")
add("Zstandard", lambda: zst(BYTES), PEOPLE, ".csv.zst")
add("xz", lzma.compress(BYTES), PEOPLE, ".csv.xz")
add("ZIP", zipped(people_csv=BYTES), PEOPLE, ".zip")
add("ZIP, .csv.zip", zipped(people_csv=BYTES), PEOPLE, ".csv.zip")
add("ZIP of macOS", zipped(**{"people_csv": BYTES, "MACOSX/__people_csv": b"\0\5"}), PEOPLE, ".zip")
add("ZIP with notes", zipped(people_csv=BYTES, readme_md=b"nothing"), PEOPLE, ".zip", may_refuse=True)
add("gzip, tabs", gzip.compress(people("\t").encode()), PEOPLE, ".tsv.gz")
add("gzip, semicolons and latin-1", gzip.compress(ROWS.replace(",", ";").encode("latin-1")), CITY, ".csv.gz")
add("gzip, UTF-16", gzip.compress(ROWS.encode("utf-16")), CITY, ".csv.gz")
add("gzip of several parts", gzip.compress(BYTES[:20]) + gzip.compress(BYTES[20:]), PEOPLE, ".csv.gz")
add("gzip named .csv", gzip.compress(BYTES), PEOPLE, may_refuse=True)

# ---- lines of JSON

add(
    "JSON lines",
    "".join(json.dumps(r) + "\n" for r in [{"a": 1, "b": "x", "c": True}, {"a": 2.5, "b": "y", "c": False}]),
    {"a": N(1, 2.5), "b": T("x", "y"), "c": B(1, 0)},
    ".jsonl",
)
add("JSON lines, .ndjson", '{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', {"a": N(1, 2), "b": T("x", "y")}, ".ndjson")
add(
    "JSON lines with gaps",
    '{"a": 1, "b": "x"}\n{"b": null}\n{"a": 3, "b": "y"}\n',
    {"a": N(1, None, 3), "b": T("x", None, "y")},
    ".jsonl",
)
add(
    "JSON lines with a later column",
    '{"a": 1}\n{"a": 2, "b": "blue"}\n',
    {"a": N(1, 2), "b": T(None, "blue")},
    ".jsonl",
)
add("JSON lines with dates", '{"a": "2024-03-07"}\n{"a": "2023-12-24"}\n{"a": "2022-01-31"}\n', {"a": MARCH}, ".jsonl")
add(
    "JSON lines, NA as text",
    '{"a": "NA", "b": 1}\n{"a": "DE", "b": 2}\n',
    {"a": T("NA", "DE") | T(None, "DE"), "b": N(1, 2)},
    ".jsonl",
)
add(
    "JSON lines, gzip",
    gzip.compress(b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
    {"a": N(1, 2), "b": T("x", "y")},
    ".jsonl.gz",
)
add(
    "a JSON array",
    '[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]',
    {"a": N(1, 2), "b": T("x", "y")},
    ".json",
    may_refuse=True,
)

# ---- files of types, written by libraries when they are asked for


def arrow_bytes(kind: str, make: Callable[[Any], dict[str, Any]]) -> Callable[[], bytes]:
    """A table of Arrow as Parquet, Feather or a stream; `make` is given pyarrow."""

    def write() -> bytes:
        import pyarrow as pa
        from pyarrow import feather, parquet

        table, file = pa.table(make(pa)), io.BytesIO()
        if kind == "Parquet":
            parquet.write_table(table, file)
        elif kind == "Feather":
            feather.write_feather(table, file)
        else:
            with (pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file)(file, table.schema) as writer:
                writer.write_table(table)
        return file.getvalue()

    return write


def framed(make: Callable[[Any], Any]) -> Callable[[], bytes]:
    """A frame of pandas as Parquet; `make` is given pandas."""

    def write() -> bytes:
        import pandas as pd

        file = io.BytesIO()
        make(pd).to_parquet(file)
        return file.getvalue()

    return write


def array_bytes(make: Callable[[Any], Any]) -> Callable[[], bytes]:
    """NPY of an array, or NPZ of a dictionary of arrays; `make` is given NumPy."""

    def write() -> bytes:
        import numpy as np

        file, made = io.BytesIO(), make(np)
        np.savez(file, **made) if isinstance(made, dict) else np.save(file, made)
        return file.getvalue()

    return write


def workbook(*sheets: list[list[Any]]) -> Callable[[], bytes]:
    """An Excel workbook."""

    def write() -> bytes:
        import openpyxl

        book, file = openpyxl.Workbook(), io.BytesIO()
        for i, rows in enumerate(sheets):
            sheet = book.active if i == 0 else book.create_sheet(f"Sheet{i + 1}")
            for row in rows:
                sheet.append(row)
        book.save(file)
        return file.getvalue()

    return write


def parquet(name: str, make: Callable[[Any], dict[str, Any]], columns: dict[str, Column], **more: Any) -> None:
    """A case of a Parquet file."""
    add(f"Parquet{name}", arrow_bytes("Parquet", make), columns, ".parquet", **more)


TYPED = {"name": ["Ann", "Bob", "Cem", "Dee"], "age": [34, 28, 45, 51], "score": [1.5, 2.25, 3.0, 4.75]}
MOMENTS = [datetime(2024, 3, 7, 14, 30), datetime(2023, 12, 24, 9, 5, 30), datetime(2022, 1, 31)]
for _kind, _suffix in (
    ("Parquet", ".parquet"),
    ("Parquet", ".pq"),
    ("Feather", ".feather"),
    ("file", ".arrow"),
    ("file", ".ipc"),
):
    add(f"{_kind} of Arrow, {_suffix}", arrow_bytes(_kind, lambda pa: TYPED), PEOPLE, _suffix)
add("stream of Arrow", arrow_bytes("stream", lambda pa: TYPED), PEOPLE, ".arrows", may_refuse=True)
parquet(
    " with gaps",
    lambda pa: {"a": [1, None, 3], "b": ["x", None, "y"], "c": [True, None, False]},
    {"a": N(1, None, 3), "b": T("x", None, "y"), "c": B(1, None, 0)},
)
parquet(
    ", NA and None as text",
    lambda pa: {"a": ["NA", "None", "DE", ""], "b": [1, 2, 3, 4]},
    {"a": T("NA", "None", "DE", None), "b": N(1, 2, 3, 4)},
)
parquet(" with dates", lambda pa: {"a": [m.date() for m in MOMENTS], "b": MOMENTS}, {"a": MARCH, "b": TIMES})
parquet(
    " with times",
    lambda pa: {"a": [m.time() for m in MOMENTS], "b": [1, 2, 3]},
    {"a": C("14:30", "09:05:30", "0:0") | N(52_200, 32_730, 0), "b": N(1, 2, 3)},
)
parquet(
    " with durations",
    lambda pa: {"a": pa.array([1500, None, 90_000_000], pa.duration("ms")), "b": [1, 2, 3]},
    {"a": P(1.5, None, 90_000) | N(1.5, None, 90_000), "b": N(1, 2, 3)},
)
parquet(
    " with decimals",
    lambda pa: {"a": pa.array(["1.50", "2.25"]).cast(pa.decimal128(10, 2)), "b": ["x", "y"]},
    {"a": N(1.5, 2.25), "b": T("x", "y")},
)
parquet(
    " with categories",
    lambda pa: {"a": pa.array(["x", "y", "x"]).dictionary_encode(), "b": [1, 2, 3]},
    {"a": T("x", "y", "x"), "b": N(1, 2, 3)},
)
parquet(
    " with large and viewed text",
    lambda pa: {"a": pa.array(["x", "y"], pa.large_string()), "b": pa.array(["v", "w"], pa.string_view())},
    {"a": T("x", "y"), "b": T("v", "w")},
)
parquet(" with infinity", lambda pa: {"a": [1.0, float("inf"), 3.0]}, {"a": N(1, None, 3)}, may_refuse=True)
parquet(" with not-a-number", lambda pa: {"a": [1.0, float("nan"), 3.0]}, {"a": N(1, None, 3)})
LETTERS = {"a": N(1, 2, 3), "b": T("x", "y", "x")}
add("Parquet of pandas", framed(lambda pd: pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"]})), LETTERS, ".parquet")
add(
    "Parquet of pandas, shuffled",
    framed(lambda pd: pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"]}, index=[7, 2, 5])),
    LETTERS,
    ".parquet",
)
add(
    "Parquet of pandas, an index with a name",
    framed(lambda pd: pd.DataFrame({"a": [1, 2, 3]}, index=pd.Index(["x", "y", "x"], name="b"))),
    LETTERS,
    ".parquet",
)
add(
    "Parquet of pandas, whole numbers with gaps",
    framed(lambda pd: pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": pd.Categorical(["u", "v", "u"])})),
    {"a": N(1, None, 3), "b": T("u", "v", "u")},
    ".parquet",
)
add("NPY", array_bytes(lambda np: np.array([[1.0, 2.0], [3.0, 4.0]])), {"x0": N(1, 3), "x1": N(2, 4)}, ".npy")
add(
    "NPZ",
    array_bytes(lambda np: {"x": np.array([[1, 2], [3, 4]], dtype="int16"), "y": np.array(["a", "b"])}),
    {"x0": N(1, 3), "x1": N(2, 4), "y": T("a", "b")},
    ".npz",
)
SHEET = [["name", "age", "score"], ["Ann", 34, 1.5], ["Bob", 28, 2.25], ["Cem", 45, 3], ["Dee", 51, 4.75]]
add("Excel", workbook(SHEET), PEOPLE, ".xlsx")
add(
    "Excel with gaps, dates and truths",
    workbook([["a", "b", "c", "d"], [1, "x", MOMENTS[0], True], [None, None, MOMENTS[1], False], [3, "y", None, None]]),
    {
        "a": N(1, None, 3),
        "b": T("x", None, "y"),
        "c": D("2024-03-07 14:30:00", "2023-12-24 09:05:30", None),
        "d": B(1, 0, None),
    },
    ".xlsx",
)
add(
    "Excel with dates",
    workbook([["a", "b"], *([m.date(), i] for i, m in enumerate(MOMENTS))]),
    {"a": MARCH, "b": N(0, 1, 2)},
    ".xlsx",
)
add("Excel with a title", workbook([["People", None, None], [None, None, None], *SHEET]), PEOPLE, ".xlsx")
add("Excel of two sheets", workbook(SHEET, [["q"], [1]]), PEOPLE, ".xlsx", says=("--sheet",))
add(
    "Excel with numbers as text",
    workbook([["a", "b"], ["1", "01.02.2024"], ["2", "24.12.2023"]]),
    {"a": N(1, 2), "b": D("2024-02-01", "2023-12-24")},
    ".xlsx",
)
add("Excel without cells", workbook([]), refused="", suffix=".xlsx")
PARTS = [
    arrow_bytes("Parquet", lambda pa: {"a": [1, 2], "b": ["x", "y"]}),
    arrow_bytes("Parquet", lambda pa: {"a": [3], "b": ["z"]}),
]
WHOLE = {"a": N(1, 2, 3), "b": T("x", "y", "z")}
add("a folder of Parquet", {f"all/part-{i}.parquet": p for i, p in enumerate(PARTS)}, WHOLE, given="all")

# ---- several files

HALVES = {"all/2024.csv": b"a,b\n1,x\n2,y\n", "all/2025.csv": b"a,b\n3,z\n"}
add("a folder", HALVES, WHOLE, given="all")
add("a pattern", HALVES | {"all/notes.txt": b"nothing"}, WHOLE, given="all/*.csv")
add(
    "a folder, columns in another order",
    {"all/1.csv": b"a,b\n1,x\n2,y\n", "all/2.csv": b"b,a\nz,3\n"},
    WHOLE,
    given="all",
)
add(
    "a folder, one compressed",
    {"all/1.csv": HALVES["all/2024.csv"], "all/2.csv.gz": gzip.compress(HALVES["all/2025.csv"])},
    WHOLE,
    given="all",
)
add(
    "a folder, kinds that differ",
    {"all/1.csv": b"a,b\n1,x\n2,y\n", "all/2.csv": b"a,b\n3.5,z\n"},
    {"a": N(1, 2, 3.5), "b": T("x", "y", "z")},
    given="all",
)
add("a folder, other columns", {"all/1.csv": b"a,b\n1,x\n", "all/2.csv": b"a,c\n3,z\n"}, refused="2.csv", given="all")
add("a folder without tables", {"all/readme.md": b"nothing"}, refused="", given="all")
add("a folder with hidden files", HALVES | {"all/.DS_Store": b"\0\1", "all/_SUCCESS": b""}, WHOLE, given="all")

# ---- asked for

ASKED = "name;age;score\nAnn;34;1,5\nBob;28;2,25\n"
TWO = {"name": T("Ann", "Bob"), "age": N(34, 28), "score": N(1.5, 2.25)}
add("asked: delimiter and decimal", ASKED, TWO, reading={"delimiter": ";", "decimal": ","})
add("asked: no header", "a,b\nc,d\n", {"column 1": T("a", "c"), "column 2": T("b", "d")}, reading={"header": "no"})
add("asked: a header of numbers", "1,2\n3,4\n5,6\n", {"1": N(3, 5), "2": N(4, 6)}, reading={"header": "yes"})
add("asked: rows to skip", "x,y\nu,v\na,b\n1,2\n", {"a": N(1), "b": N(2)}, reading={"skip_rows": 2})
add("asked: a footer to skip", "a,b\n1,2\n3,4\n9,9\n", {"a": N(1, 3), "b": N(2, 4)}, reading={"skip_footer": 1})
add("asked: comments", "a,b\n!x,y\n1,2\n", {"a": N(1), "b": N(2)}, reading={"comment": "!"})
add("asked: thousands", "a;b\n1.234;x\n2.345;y\n", {"a": N(1234, 2345), "b": T("x", "y")}, reading={"thousands": "."})
add(
    "asked: missing",
    "a,b\n1,x\nnil,nil\n3,y\n",
    {"a": N(1, None, 3), "b": T("x", None, "y")},
    reading={"missing": ("nil",)},
)
add("asked: text kept", "a,b\n1,NA\n2,DE\n", {"a": N(1, 2), "b": T("NA", "DE")}, reading={"keep_text": ("NA",)})
add("asked: a sheet", workbook(SHEET, [["q"], [1], [2]]), {"q": N(1, 2)}, ".xlsx", reading={"sheet": "Sheet2"})
add(
    "asked: encoding",
    "city,n\nŁódź,1\nKraków,2\n",
    {"city": T("Łódź", "Kraków"), "n": N(1, 2)},
    encoding="cp1250",
    reading={"encoding": "cp1250"},
)

# ---- no tables

add("no bytes", b"", refused="empty")
add("blank lines alone", b"\n\n\n", refused="")
add("names alone", b"a,b,c\n", refused="no rows")
add("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, refused="")
add(
    "a page",
    "<!DOCTYPE html>\n<html><head><title>404, not found</title></head>\n<body>No, nothing, here</body></html>\n",
    refused="",
)
add("not a Parquet file", b"PAR1nothing of the kindPAR1", refused="", suffix=".parquet")
add("a cut gzip file", gzip.compress(BYTES * 100)[:-30], refused="", suffix=".csv.gz")
add("an empty ZIP file", zipped(), refused="", suffix=".zip")
