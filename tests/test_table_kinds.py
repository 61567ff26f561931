"""What the cells of a column are found to be, and what they are read as."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytest.importorskip("pandas", reason="pandas is not installed")

import pandas
import pyarrow as pa
from hypothesis import given, settings, strategies as st

from nnx.errors import DataError
from nnx.tables import TableEncoder
from nnx.tables.kinds.cells import MISSING, BadCell
from nnx.tables.kinds.infer import numeric, variants
from nnx.tables.kinds.kinds import as_column, as_kind, check_kind, sample
from nnx.tables.kinds.settle import guesses_for, settle
from nnx.tables.reading import Reading
from nnx.tables.sources.again import kinds_for
from nnx.tables.sources.source import Memory

GAP = None


def found(columns, reading=None, asked=None, block=10_000, ahead=0):
    """Kinds, notes and faults of columns of a text file, whose first row is line 2; `ahead` rows are a block first."""
    asked = asked or {}
    guesses = guesses_for(list(columns), asked)
    for name, guess in guesses.items():
        cells = [None if cell.strip() in MISSING else cell.strip() for cell in columns[name]]
        guess.see(pa.array(cells[:ahead], pa.string()))
        for start in range(ahead, len(cells), block):
            guess.see(pa.array(cells[start : start + block], pa.string()))
    return settle(guesses, reading or Reading(), lambda row: f"x.csv, line {row + 2}", asked)


def read(cells, kind):
    """The values of cells of this kind, None where one is missing."""
    values = as_kind(pa.array(list(cells), pa.string()), kind)
    values = values.to_pylist() if hasattr(values, "to_pylist") else values.tolist()
    return [None if isinstance(v, float) and math.isnan(v) else v for v in values]


def at(*texts):
    """Seconds since 1970 of ISO dates, as Python's datetime counts."""
    moments = [datetime.fromisoformat(text) for text in texts]
    return [(m if m.tzinfo else m.replace(tzinfo=UTC)).timestamp() for m in moments]


# cells, parted by |; the kind; the values (None: the texts themselves)
TABLE = [
    # numbers as computers write them
    ("1|2|-3", "number", [1, 2, -3]),
    ("1|2.5|-3e2|.5|+7|5.", "number", [1, 2.5, -300, 0.5, 7, 5]),
    ("1||NA|3", "number", [1, GAP, GAP, 3]),
    ("1|#N/A N/A|-1.#IND|-nan|<NA>|NaN|-|?", "number", [1, *[GAP] * 7]),
    ("9223372036854775808|1", "number", [2.0**63, 1]),
    ("0|1|1", "number", [0, 1, 1]),
    ("1999|2020|2003", "number", [1999, 2020, 2003]),
    ("||", "number", [GAP] * 3),
    # thousands and decimal marks
    ("1,234|5", "number:.,", [1234, 5]),
    ("1,234.50|987.25|1,000,000", "number:.,", [1234.5, 987.25, 1e6]),
    ("12,34,567|1,23,456.5", "number:.,", [1234567, 123456.5]),
    ("1.234,50|987,25", "number:,.", [1234.5, 987.25]),
    ("1.234.567|2.872", "number:,.", [1234567, 2872]),
    ("1.234.567|346,5|2.872", "number:,.", [1234567, 346.5, 2872]),
    ("0,5|1,25|2", "number:,", [0.5, 1.25, 2]),
    ("0,123|0,250", "number:,", [0.123, 0.25]),
    ("1,5|12,34", "number:,", [1.5, 12.34]),
    ("2.872|346|1.857", "number", [2.872, 346, 1.857]),
    ("1'234.5|12|1'000'000", "number:.'", [1234.5, 12, 1e6]),
    ("1\u2019234.5|12", "number:.'", [1234.5, 12]),
    ("1 234,5|2 000", "number:, ", [1234.5, 2000]),
    ("1\u00a0234,5|1\u202f000,25", "number:, ", [1234.5, 1000.25]),
    ("1_000|2_500.5", "number:._", [1000, 2500.5]),
    ("1,234|1,5", "number:,", [1.234, 1.5]),
    # signs
    ("(5)|3|(1.5)", "number:.", [-5, 3, -1.5]),
    ("5-|3|2.5-", "number:.", [-5, 3, -2.5]),
    ("\u22125|3.5", "number:.", [-5, 3.5]),
    ("\u20135|3.5", "number:.", [-5, 3.5]),
    ("'5|'3.5", "number:.", [5, 3.5]),
    ("(1,234.50)|12.00", "number:.,", [-1234.5, 12]),
    # currencies
    ("$1,234.50|$5", "number:.,$", [1234.5, 5]),
    ("US$ 5|US$1,000.50", "number:.,US$", [5, 1000.5]),
    ("5 €|1.234,50 €", "number:,.€", [5, 1234.5]),
    ("£5|-£3|£-2", "number:.£", [5, -3, -2]),
    ("¥500|¥1200", "number:.¥", [500, 1200]),
    ("CHF 1'000.-|CHF 250.50", "number:.'CHF", [1000, 250.5]),
    ("5,- €|3,50 €", "number:,€", [5, 3.5]),
    ("100 USD|250.5 USD", "number:.USD", [100, 250.5]),
    ("EUR 12|EUR 7.5", "number:.EUR", [12, 7.5]),
    ("($5.00)|$12.00", "number:.$", [-5, 12]),
    ("$(5.00)|$12.00", "number:.$", [-5, 12]),
    ("R$ 10|R$ 20", "number:.R$", [10, 20]),
    ("Rs. 500|Rs. 250", "number:.Rs.", [500, 250]),
    ("₹1,00,000|₹50,000", "number:.,₹", [100000, 50000]),
    # percent
    ("45%|8%|12.5%", "number:.%", [0.45, 0.08, 0.125]),
    ("45 %|8,5 %", "number:,%", [0.45, 0.085]),
    ("45%|3", "number:.%", [0.45, 3]),
    # units
    ("12 km|5km|7.5 KM", "number:.km", [12, 5, 7.5]),
    ("5kg|6kg", "number:.kg", [5, 6]),
    ("35°C|-2.5°C", "number:.°C", [35, -2.5]),
    ("120 hp|95 hp", "number:.hp", [120, 95]),
    ("5 fl oz|7 fl oz", "number:.fl oz", [5, 7]),
    ("5.3 L/100km|6 L/100km", "number:.L/100km", [5.3, 6]),
    ("12 m²|15.5 m²", "number:.m²", [12, 15.5]),
    ("12 m2|15.5 m2", "number:.m2", [12, 15.5]),
    ("1.200 kg|12,5 kg", "number:,.kg", [1200, 12.5]),
    ('5"|7.5"', 'number:."', [5, 7.5]),
    ("5e3 kg|1 kg", "number:.kg", [5000, 1]),
    ("100 km/h|80 km/h", "number:.km/h", [100, 80]),
    # thousands and millions in a letter
    ("19M|8.7k|512", "number:.SI", [19e6, 8700, 512]),
    ("1.2B|300M", "number:.SI", [1.2e9, 3e8]),
    ("$1.2M|$300K", "number:.SI$", [1.2e6, 3e5]),
    ("€110.5M|€10K|€0", "number:.SI€", [110.5e6, 1e4, 0]),
    ("1.1bn|2T", "number:.SI", [1.1e9, 2e12]),
    # no numbers
    ("10-20|20-30", "text", None),
    ("1.2.3|1.10.0", "text", None),
    ("192.168.1.1|10.0.0.1", "text", None),
    ("555-1234|555-9876", "text", None),
    ("+41 44 123 45 67|+41 44 765 43 21", "text", None),
    ("1/2|3/4", "text", None),
    ("0x10|0x1F", "text", None),
    ("12A|14B|7C", "text", None),
    ("5 kg|3 lb", "text", None),
    ("1st|2nd|3rd", "text", None),
    ("room 5|room 6", "text", None),
    ("A1|B2|C3", "text", None),
    ("4|6|8|A|B", "text", None),
    ("3 bedroom apartment|4 bedroom apartment", "text", None),
    ("--5|++3", "text", None),
    ("1,23,45|12,3,4", "text", None),
    ("1.234,56.78|1,2.3,4", "text", None),
    ("#12|#7", "text", None),
    ("12:5|7:3", "text", None),
    ("a|b|1", "text", None),
    ("S|M|XL", "text", None),
    ("1e|2e5x", "text", None),
    ("97-03|98-04", "text", None),
    ("3-door|5-door", "text", None),
    ("12-A|13-B", "text", None),
    ("1-Jan|31-Jan", "text", None),
    ("-12 km|-3km|5 km", "number:.km", [-12, -3, 5]),
    ("5- km|3 km|2 km-", "number:.km", [-5, 3, -2]),
    # from one to another
    ("3-5|4-8", "text", None),
    ("10:00-11:00|14:00-15:30", "text", None),
    ("08:00-1200|10:00-1300", "text", None),
    ("2024-01-05 10:00-11:00|2024-01-06 10:00-11:00", "text", None),
    ("05.01.2024 10:00-11:00|25.01.2024 10:00-11:00", "text", None),
    ("2024-01-05T10:00-05:00|2024-01-06T10:00+01:00", "date", at("2024-01-05T15:00", "2024-01-06T09:00")),
    ("10:00:00-05:00|10:00+02:00", "time", [54000, 28800]),
    # infinity
    ("1|inf|3|-Infinity", "number|inf|-Infinity", [1, GAP, 3, GAP]),
    # dates of two spellings
    ("13.02.2024|2024-02-14|2024-02-15 10:00", "date:%d.%m.%Y", at("2024-02-13", "2024-02-14", "2024-02-15 10:00")),
    # codes
    ("01005|08001|10115", "text", None),
    ("007|12|5", "text", None),
    ("00|05|10", "text", None),
    ("0.5|0.25|00.5", "number", [0.5, 0.25, 0.5]),
    ("0|00.5|5", "number", [0, 0.5, 5]),
    # yes and no
    ("yes|no|YES", "boolean", [1, 0, 1]),
    ("true|False|", "boolean", [1, 0, GAP]),
    ("t|f", "boolean", [1, 0]),
    ("Y|N", "boolean", [1, 0]),
    ("on|off", "boolean", [1, 0]),
    ("ja|Nein", "boolean", [1, 0]),
    ("oui|non", "boolean", [1, 0]),
    ("sí|no|si", "boolean", [1, 0, 1]),
    ("wahr|falsch", "boolean", [1, 0]),
    ("VRAI|FAUX", "boolean", [1, 0]),
    ("no|non", "text", None),
    ("m|f", "text", None),
    ("yes|no|maybe", "text", None),
    # dates of computers
    ("2020-01-01|2021-12-31|", "date", [*at("2020-01-01", "2021-12-31"), GAP]),
    ("2020-01-01T10:00:00Z|2020-01-01T12:00:00+02:00", "date", at("2020-01-01T10:00") * 2),
    ("2020-01-01 10:00:00.123|2020-01-02", "date", at("2020-01-01 10:00:00.123", "2020-01-02")),
    ("2020-1-5|2021-12-31", "date", at("2020-01-05", "2021-12-31")),
    ("2020-01-01T10:00|2020-01-01", "date", at("2020-01-01T10:00", "2020-01-01")),
    ("20240131T235959Z|20240201T000000Z", "date:%Y%m%d", at("2024-01-31T23:59:59", "2024-02-01")),
    ("2020/01/31|2020/12/05", "date:%Y/%m/%d", at("2020-01-31", "2020-12-05")),
    ("2020.01.31|2020.12.05", "date:%Y.%m.%d", at("2020-01-31", "2020-12-05")),
    # day and month
    ("31.12.2020|01.02.2021", "date:%d.%m.%Y", at("2020-12-31", "2021-02-01")),
    ("1.2.2020|31.12.2020", "date:%d.%m.%Y", at("2020-02-01", "2020-12-31")),
    ("31.12.20|01.02.97", "date:%d.%m.%y", at("2020-12-31", "1997-02-01")),
    ("12/31/2020|01/02/2021", "date:%m/%d/%Y", at("2020-12-31", "2021-01-02")),
    ("31/12/2020|01/02/2021", "date:%d/%m/%Y", at("2020-12-31", "2021-02-01")),
    (
        "07/04/97|01/15/01|12/31/68|12/31/69",
        "date:%m/%d/%y",
        at("1997-07-04", "2001-01-15", "2068-12-31", "1969-12-31"),
    ),
    ("12/13/14|11/12/13", "date:%m/%d/%y", at("2014-12-13", "2013-11-12")),
    ("07-03-2024|28-03-2024", "date:%d-%m-%Y", at("2024-03-07", "2024-03-28")),
    ("01/02/2020|03/04/2020", "date:%m/%d/%Y", at("2020-01-02", "2020-03-04")),
    ("01-02-2020|03-04-2020", "date:%d-%m-%Y", at("2020-02-01", "2020-04-03")),
    ("01.02.2020|03.04.2020", "date:%d.%m.%Y", at("2020-02-01", "2020-04-03")),
    ("07 03 2024|28 03 2024", "date:%d %m %Y", at("2024-03-07", "2024-03-28")),
    ("97-03-31|01-12-05", "date:%y-%m-%d", at("1997-03-31", "2001-12-05")),
    # with times
    ("01/02/2020 2:05 PM|13/02/2020 11:00 am", "date:%d/%m/%Y", at("2020-02-01 14:05", "2020-02-13 11:00")),
    ("1/13/2020 12:00:00 AM|1/14/2020 12:30:00 PM", "date:%m/%d/%Y", at("2020-01-13", "2020-01-14 12:30")),
    ("31.12.2020 23:59|01.01.2021", "date:%d.%m.%Y", at("2020-12-31 23:59", "2021-01-01")),
    ("31.12.2020, 14.05 Uhr|01.01.2021, 9.30 Uhr", "date:%d.%m.%Y", at("2020-12-31 14:05", "2021-01-01 09:30")),
    (
        "10/Oct/2000:13:55:36 -0700|11/Oct/2000:00:00:00 -0700",
        "date:%d/%b/%Y",
        at("2000-10-10 20:55:36", "2000-10-11 07:00"),
    ),
    ("12/31/2020 10:00 EST|12/31/2020 10:00 UTC", "date:%m/%d/%Y", at("2020-12-31 15:00", "2020-12-31 10:00")),
    (
        "Fri, 13 Mar 2020 14:05:06 GMT|Sat, 14 Mar 2020 00:00:00 +0100",
        "date:%a, %d %b %Y",
        at("2020-03-13 14:05:06", "2020-03-13 23:00"),
    ),
    ("20200131 12:00|20200201 13:30", "date:%Y%m%d", at("2020-01-31 12:00", "2020-02-01 13:30")),
    # months by name
    ("5 March 2020|17 April 2021", "date:%d %b %Y", at("2020-03-05", "2021-04-17")),
    ("Mar 5, 2020|April 15, 2021", "date:%b %d, %Y", at("2020-03-05", "2021-04-15")),
    ("1st Jan 2020|22nd February 2021", "date:%d %b %Y", at("2020-01-01", "2021-02-22")),
    ("5. März 2020|12. Mai 2021|1. Dez. 2020", "date:%d. %b %Y", at("2020-03-05", "2021-05-12", "2020-12-01")),
    ("3 de marzo de 2020|4 de abril de 2021", "date:%d de %b de %Y", at("2020-03-03", "2021-04-04")),
    ("1er janvier 2020|14 juillet 2021|3 août 2020", "date:%d %b %Y", at("2020-01-01", "2021-07-14", "2020-08-03")),
    ("5-Mar-2020|15-OCT-2021", "date:%d-%b-%Y", at("2020-03-05", "2021-10-15")),
    ("05-Mar-97|15-Apr-01", "date:%d-%b-%y", at("1997-03-05", "2001-04-15")),
    ("2020-Mar-05|2021-Apr-15", "date:%Y-%b-%d", at("2020-03-05", "2021-04-15")),
    ("Monday, 5 March 2018|Tuesday, 6 March 2018", "date:%a, %d %b %Y", at("2018-03-05", "2018-03-06")),
    ("Mar-97|Apr-01", "date:%b-%y", at("1997-03-01", "2001-04-01")),
    ("March 2020|Apr 2021", "date:%b %Y", at("2020-03-01", "2021-04-01")),
    # parts of a year
    ("2020-05|2021-12", "date:%Y-%m", at("2020-05-01", "2021-12-01")),
    ("05/2020|12/2021", "date:%m/%Y", at("2020-05-01", "2021-12-01")),
    ("2024Q1|2024Q3", "date:%YQ%q", at("2024-01-01", "2024-07-01")),
    ("Q1 2024|Q4 2024", "date:Q%q %Y", at("2024-01-01", "2024-10-01")),
    ("2024-Q2|2023-Q4", "date:%Y-Q%q", at("2024-04-01", "2023-10-01")),
    ("2024-W05|2020-W53", "date:%G-W%V", at("2024-01-29", "2020-12-28")),
    ("2024-W05-3|2024-W06-7", "date:%G-W%V-%u", at("2024-01-31", "2024-02-11")),
    # no dates
    ("2020-02-30|2020-01-01", "text", None),
    ("31.02.2020|01.01.2020", "text", None),
    ("13/13/2020|14/14/2020", "text", None),
    ("2020-13-01|2020-00-05", "text", None),
    ("2024-W54|2024-W60", "text", None),
    ("7 March|8 April", "text", None),
    ("Marching 2020|May be 2020", "text", None),
    ("2020-21|2021-22", "text", None),
    ("Flight 5 March 2020|Flight 6 March 2020", "text", None),
    ("555-12-1234|123-45-6789", "text", None),
    ("2020-01-01 25:00|2020-01-01 10:99", "text", None),
    # times of day
    ("14:05|9:30|00:00", "time", [50700, 34200, 0]),
    ("2:05 PM|11:00 am|12:00 AM|12:30 p.m.", "time", [50700, 39600, 0, 45000]),
    ("14:05:33.5|00:00:01", "time", [50733.5, 1]),
    ("5 PM|11 am", "time", [61200, 39600]),
    # durations
    ("25:05:33|1:00:00", "duration", [90333, 3600]),
    ("1:05:33|75:30", "duration", [3933, 4530]),
    ("5 days|2 days 03:04:05|-1 days +23:00:00", "duration", [432000, 183845, -3600]),
    ("0 days 00:05:00.123000|1 day, 2:03:04", "duration", [300.123, 93784]),
    ("3h 20m|1h|45m", "duration", [12000, 3600, 2700]),
    ("1h 30min|45 min", "duration", [5400, 2700]),
    ("90 min|120 min", "duration", [5400, 7200]),
    ("PT1H30M|P1DT12H|PT5.5S", "duration", [5400, 129600, 5.5]),
    ("2 hours, 5 minutes|1 hour", "duration", [7500, 3600]),
    ("90 m|120 m", "number:.m", [90, 120]),
    ("5 h|7.5 h", "number:.h", [5, 7.5]),
]
TABLE = [(cells.split("|"), kind, values) for cells, kind, values in TABLE]


@pytest.mark.parametrize(("cells", "kind", "values"), TABLE, ids=[" ".join(c)[:40] for c, _, _ in TABLE])
def test_the_whole_column_says_what_its_cells_are(cells, kind, values):
    kinds, _, faults = found({"c": cells})
    assert (kinds["c"], faults) == (kind, {})
    if values is None:
        assert read(cells, kind) == cells
    else:
        assert read(cells, kind) == values
    check_kind("c", kind)


@pytest.mark.parametrize(("cells", "kind", "values"), TABLE, ids=[" ".join(c)[:40] for c, _, _ in TABLE])
def test_cells_that_come_one_by_one_are_the_same(cells, kind, values):
    assert found({"c": cells}, block=1)[0]["c"] == kind


def whole(n):
    return [str(i) for i in range(n)]


DAYS = [f"{i % 28 + 1:02}.{i % 12 + 1:02}.2024" for i in range(100)]
# cells; kind; part of the note; part of the fault
STRAYS = {
    "a word for unknown": ([*whole(80), *["unknown"] * 11], "number|unknown", "column 'c' holds numbers, and 'unknown' in 11 cells (x.csv, line 82), taken as missing as by --missing unknown; to keep it: --kind c=text", ""),
    "half of them": ([*whole(50), *["N/K"] * 50], "number|N/K", "'N/K' in 50 cells", ""),
    "more than half": ([*whole(50), *["unknown"] * 51], "text", "", ""),
    "answers that are none": ([*whole(50), *["refused"] * 5, *["don't know"] * 4], "number|refused|don't know", "'refused' and 1 other text in 9 cells", ""),
    "two words, both known": ([*whole(50), *["tbd"] * 20, *["nil"] * 20], "number|tbd|nil", "'tbd' and 1 other text in 40 cells", ""),
    "errors of Excel": ([*whole(50), "#DIV/0!", "#REF!", "#VALUE!", "#NAME?"], "number|#DIV/0!|#REF!|#VALUE!|#NAME?", "'#DIV/0!' and 3 other texts", ""),
    "marks": ([*whole(50), "*", ".", "..", "--"], "number|*|.|..|--", "4 cells", ""),
    "a word of its own": ([*whole(50), *["defekt"] * 40], "number|defekt", "'defekt' in 40 cells (x.csv, line 52)", ""),
    "two words of their own": ([*whole(50), *["broken"] * 20, *["lost"] * 20], "text", "", ""),
    "few of many words": ([*whole(190), *(f"see {i}a" for i in range(20))], "number|" + "|".join(f"see {i}a" for i in range(20)), "'see 0a' and 19 other texts in 20 cells", ""),
    "many words": ([*whole(300), *(f"see {i}" for i in range(21))], "drop", "", "x.csv, line 302: column 'c' holds numbers but 'see 0' here, in 21 of its cells not a number; mend it, or --missing 'see 0', --kind 'c=number|*' or --kind c=text"),
    "a bar in the word": ([*whole(300), "a|b"], "drop", "", "in one cell not a number"),
    "codes": (["4", "6", "8", "A"] * 10, "text", "", ""),
    "codes of two letters": (["4", "6", "8", "A", "B"] * 10, "text", "", ""),
    "money": ([*(f"$1,{i:03}.50" for i in range(90)), "free"], "number:.,$|free", "'free' in 1 cell (x.csv, line 92)", ""),
    "dates": ([*DAYS, "unknown"], "date:%d.%m.%Y|unknown", "column 'c' holds dates, and 'unknown' in 1 cell", ""),
    "dates and zeros": ([*DAYS, "00.00.0000"], "date:%d.%m.%Y|00.00.0000", "'00.00.0000' in 1 cell", ""),
    "a day that is none": ([*DAYS, "31.02.2024"], "drop", "", "column 'c' holds dates but '31.02.2024' here, in one cell not a date"),
    "times": ([*(f"{i % 24}:{i % 60:02}" for i in range(60)), "closed"], "time|closed", "column 'c' holds times, and 'closed'", ""),
    "no numbers": ([*whole(10), *(f"w{i}" for i in range(20))], "text", "", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", STRAYS)
def test_words_among_numbers_are_gaps_or_refused(name):
    cells, kind, note, fault = STRAYS[name]
    kinds, notes, faults = found({"c": cells}, block=64)
    assert kinds["c"] == kind and note in "".join(notes) and bool(note) == bool(notes), notes
    assert fault in faults.get("c", "") and bool(fault) == bool(faults)
    assert all(len(text) <= 200 for text in [*notes, *faults.values()])
    if kind != "drop":
        check_kind("c", kind)
        values = read(cells, kind)
        assert (None in values) == ("|" in kind)


def money(n, text):
    return [text.format(f"{i:,}") for i in range(n)]


def german(cells):
    return [cell.translate(str.maketrans(",.", ".,")) for cell in cells]


LATE = {  # cells, the kind, and what the last cell is
    "dollars": (money(1010, "${}"), "number:.,$", 1009),
    "many dollars": (money(3000, "${}"), "number:.,$", 2999),
    "euros": (german(money(1010, "{} €")), "number:,.€", 1009),
    "thousands": (money(1010, "{}"), "number:.,", 1009),
    "many thousands": (money(3000, "{}"), "number:.,", 2999),
    "cents": (money(1010, "${}.00"), "number:.,$", 1009),
    "commas": (german(money(1010, "{}.00")), "number:,.", 1009),
    "one among fractions": ([*(f"{i / 8}" for i in range(1200)), "1,234.5"], "number:.,", 1234.5),
    "a comma": ([*(f"-{i}" for i in range(1100)), "1,5"], "number:,", 1.5),
    "a comma after signs": ([*(f"({i})" for i in range(1, 400)), "1,5"], "number:,", 1.5),
    "k": ([*map(str, range(1000)), "0.1k"], "number:.SI", 100),
    "a sign and k": (["5k", "6k", *(f"{i}k" for i in range(400)), "$5"], "number:.SI$", 5),
    "a unit": ([*map(str, range(300)), *(f"{i} kg" for i in range(300))], "number:.kg", 299),
    "a unit, then thousands": ([*map(str, range(300)), *money(1010, "{} kg")], "number:.,kg", 1009),
    "money after a word": ([*["unknown"] * 400, *money(1500, "${}")], "number:.,$|unknown", 1499),
    "two words far apart": ([*["nil"] * 60, *map(str, range(2000)), "tbd"], "number|nil|tbd", None),
    "infinity": ([*map(str, range(1100)), "Infinity"], "number|Infinity", None),
    "too large": ([*(f"{i}.5" for i in range(1100)), "1e400"], "number|1e400", None),
    "a spelled date": ([f"2024-01-{i % 28 + 1:02}" for i in range(1100)] + ["13.02.2024"], "date:%d.%m.%Y", 1707782400),
    "an ISO date": ([f"{i % 28 + 1:02}.01.2024" for i in range(1100)] + ["2024-02-13"], "date:%d.%m.%Y", 1707782400),
    "a long time": ([f"{i % 24}:{i % 60:02}" for i in range(1100)] + ["25:00:00"], "duration", 90_000),
}


@pytest.mark.parametrize("block", [10_000, 300, 1])
@pytest.mark.parametrize("name", LATE)
def test_a_spelling_that_comes_late_counts_as_if_it_had_come_first(name, block):
    cells, kind, last = LATE[name]
    ahead = len(cells) - 20 if block == 1 else 0
    assert found({"c": cells}, block=block, ahead=ahead)[0]["c"] == kind
    if block > 300:
        assert found({"c": cells[::-1]})[0]["c"].partition("|")[0] == kind.partition("|")[0]
    if kind != "drop":
        assert read(cells[-1:], kind) == [last]


def test_money_with_three_digits_behind_a_mark_is_noted_where_other_columns_have_it_as_the_decimal_mark():
    euros = german(money(1010, "{} €"))
    kinds, notes, _ = found({"c": euros, "w": ["0.5"] * 1010})
    assert kinds == {"c": "number:,.€", "w": "number"}
    assert notes == ["column 'c' is read with . between thousands; if that is wrong: --kind 'c=number:.€'"]
    assert found({"c": ["1.859 €", "1.799 €"] * 50, "w": ["0.5"] * 100})[0]["c"] == "number:.€"  # all have a mark


def test_a_text_that_missing_would_part_at_its_comma_has_another_way_out():
    cells = [*whole(300), *(f"see {i},5" for i in range(30))]
    fault = found({"c": cells})[2]["c"]
    assert fault.endswith("not a number; mend it, or --kind 'c=number|*' or --kind c=text")
    _, notes, _ = found({"c": [*whole(100), "a,b"]})
    assert notes[0].endswith("taken as missing; to keep it: --kind c=text")


@pytest.mark.parametrize(
    ("kind", "text", "way"),
    [
        ("number", "1,234.56", "a number; mend it, or --thousands ,"),
        ("number:,", "1.234,56", "a number such as 1234,5; mend it, or --thousands ."),
        ("number:.€", "1 234.5 €", "mend it, or --thousands space"),
        ("number", "$5", "mend it, or --missing '$5'"),
        ("number", "a,b", "a number; mend it"),
        ("number", "Infinity", "mend it, or --missing Infinity"),
        ("number", "1e200", "has a number too large to learn from: 1e+200; mend it, or --drop c"),
    ],
)
def test_the_way_out_of_a_cell_is_one_that_works(kind, text, way):
    with pytest.raises(DataError) as error:
        TableEncoder(kinds={"c": kind}).fit({"c": ["1", text]})
    assert str(error.value).endswith(way)


def test_marks_between_thousands_of_another_table_are_read_where_they_are_found_or_said():
    source = Memory(pa.table({"c": ["1,234.56"]}), reading=Reading(decimal=".", thousands=","))
    kinds = {"a": "number", "b": "number:.€|nil", "c": "number:.'", "d": "text", "e": "number:,"}
    read_as = kinds_for(kinds, {"reading": {"decimal": "."}}, source)
    assert read_as == {"a": "number:.,", "b": "number:.,€|nil", "c": "number:.'", "d": "text", "e": "number:,"}


def test_iso_dates_and_moments_are_dates_whatever_the_form():
    expected = at("2024-01-09", "2024-01-09 10:30")
    for form in ("%d.%m.%Y", "%m/%d/%y", "%d %b %Y", "%Y%m%d"):
        assert read(["2024-01-09", "2024-01-09 10:30:00"], f"date:{form}") == expected
        moments = pa.array([datetime.fromtimestamp(t, UTC) for t in expected])
        assert as_kind(moments, f"date:{form}").tolist() == expected
    assert read(["2024-09-01"], "date:%Y-%d-%m") == expected[:1]
    with pytest.raises(BadCell):
        read(["2024-01-13"], "date:%Y-%d-%m")


DOUBTS = {  # columns; how the file is read; kind of c; part of the note
    "nothing else": (
        {},
        {},
        "number:.,",
        "column 'c' is read with , between thousands; if that is wrong: --kind c=number:,",
    ),
    "a file with decimal commas": ({}, {"decimal": ","}, "number:,", ""),
    "a column with decimal commas": ({"d": ["0,5", "12,25"]}, {}, "number:,", ""),
    "a column with decimal points": ({"d": ["0.5", "12.25"]}, {}, "number:.,", ""),
    "thousands were asked for": ({}, {"decimal": ".", "thousands": ","}, "number:.,", "between thousands"),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_what_commas_are_is_told_by_the_other_columns_or_noted(name):
    others, reading, kind, note = DOUBTS[name]
    kinds, notes, _ = found({"c": ["1,234", "987", "5,678"], **others}, Reading(**reading))
    assert kinds["c"] == kind and bool(notes) == bool(note) and note in "".join(notes)


def test_points_part_thousands_in_a_file_of_decimal_commas():
    cells = ["2.872", "346", "1.857"]
    assert found({"c": cells})[:2] == ({"c": "number"}, [])
    assert found({"c": cells}, Reading(decimal=","))[0]["c"] == "number:,."
    assert found({"c": cells, "y": ["287,2", "34,6"]})[0] == {"c": "number:,.", "y": "number:,"}
    assert found({"c": ["2.87", *cells]}, Reading(decimal=","))[0]["c"] == "number"
    _, notes, _ = found({"c": cells}, Reading(delimiter=";", decimal="."))
    assert notes == ["column 'c' is read with . as the decimal mark; if that is wrong: --kind c=number:,."]


def test_day_or_month_first_is_told_by_the_other_columns_or_noted():
    unsure, sure = ["01/02/2020", "03/04/2020"], ["13/02/2020", "25/04/2020"]
    kinds, notes, _ = found({"c": unsure})
    assert kinds["c"] == "date:%m/%d/%Y"
    assert notes == ["column 'c' is read as month/day/year; if it is day/month/year: --kind c=date:%d/%m/%Y"]
    assert found({"c": unsure, "d": sure})[:2] == ({"c": "date:%d/%m/%Y", "d": "date:%d/%m/%Y"}, [])


def test_digits_such_as_20261121_are_dates_where_all_are_and_there_are_enough():
    days = [f"2024{i % 12 + 1:02}{i % 28 + 1:02}" for i in range(30)]
    kinds, notes, _ = found({"c": days})
    assert kinds["c"] == "date:%Y%m%d" and "--kind c=number" in notes[0]
    assert read(days[:1], kinds["c"]) == at("2024-01-01")
    assert found({"c": days[:19]})[0]["c"] == found({"c": [*days, "20241301"]})[0]["c"] == "number"
    assert found({"c": [*days, "17000101"]})[0]["c"] == "number"


def test_codes_are_noted():
    assert found({"zip": ["8001", "01005"]})[1] == [
        "column 'zip' holds digits with zeros before them ('01005', x.csv, line 3), taken as text; "
        "if they are numbers: --kind zip=number"
    ]


ASKED = [
    ("number", "45%|8%", "number:.%"),
    ("number", "01005|8001", "number"),
    ("number|x", "1,5|x", "number:,|x"),
    ("number|*", "1.5|a|b", "number|*"),
    ("number", "a|b", "number"),
    ("number:,", "1,234|5", "number:,"),
    ("date", "31.12.2020|01.02.2021", "date:%d.%m.%Y"),
    ("date", "1600000000|1700000000", "date:%s"),
    ("date", "20240131|20240201", "date:%Y%m%d"),
    ("date", "2020-01-01|2020-02-30", "date"),
    ("duration", "1:30|59:30", "duration"),
    ("time", "1:30|23:30", "time"),
]


@pytest.mark.parametrize(("asked", "cells", "kind"), ASKED)
def test_the_form_of_a_kind_that_is_asked_for_is_found(asked, cells, kind):
    kinds, notes, faults = found({"c": cells.split("|")}, asked={"c": asked})
    assert (kinds.get("c", asked), notes, faults) == (kind, [], {})


def test_the_share_of_cells_with_a_percent_is_noted():
    notes = found({"c": ["45%", "3", "5%"]})[1]
    assert notes == ["column 'c' has % behind 2 of its 3 numbers: these are divided by 100; to keep it: --kind c=text"]


FORMS = [
    ("number:x", "a number is written as in"),
    ("number:..", "the decimal and the thousands mark are both '.'"),
    ("number:.5", "a unit is a word such as km"),
    ("date:%Q", "%Q is no part of a date here"),
    ("date:%d.%m", "a date is written as in"),
    ("date:%Y-%m-%Y", "a date has each part once"),
    ("date:", ""),
    ("text:x", "text has no form"),
    ("numbers", "unknown kind 'numbers': did you mean 'number'?"),
]


@pytest.mark.parametrize(("kind", "message"), FORMS)
def test_a_form_that_is_none_is_refused_in_a_line(kind, message):
    if not message:
        check_kind("c", kind)
        return
    with pytest.raises(DataError, match=r"^column 'c': ") as error:
        check_kind("c", kind)
    assert message in str(error.value) and len(str(error.value)) <= 200 and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "a number"),
        ("number:,.€", "a number such as 1.234,5 €"),
        ("number:.%|x", "a number such as 1234.5%"),
        ("date", "a date such as 2026-11-21"),
        ("date:%d.%m.%Y", "a date such as 21.11.2026"),
        ("date:%YQ%q", "a date such as 2026Q4"),
        ("date:%s", "a date such as 1795269900"),
        ("time", "a time such as 14:05"),
        ("duration|x", "a duration such as 1:30:00"),
    ],
)
def test_a_message_shows_what_a_cell_of_a_kind_looks_like(kind, text):
    assert sample(kind) == text
    if " such as " in text:
        assert read([text.partition(" such as ")[2]], kind) != [None]


def test_a_bad_cell_is_named_with_a_way_out():
    with pytest.raises(
        DataError, match=r"table, row 1: column 'c' holds 'x y', expected a number; mend it, or --missing 'x y'"
    ):
        TableEncoder(kinds={"c": "number"}).fit({"c": ["1", "x y", "3"]})


def test_numbers_are_dates_only_where_seconds_are_said():
    seconds = pa.array([0, 86_400])
    with pytest.raises(BadCell):
        as_kind(seconds, "date")
    with pytest.raises(BadCell):
        as_kind(pa.array(["0", "86400"]), "date")
    assert as_kind(seconds, "date:%s").tolist() == read(["0", "86400"], "date:%s") == [0, 86_400]
    encoder = TableEncoder(kinds={"t": "date"}).fit({"t": [0, 86_400, 172_800]})
    assert encoder.kinds_["t"] == "date:%s"


def test_what_cells_became_is_read_as_the_same_again():
    for kind, cells in {"date:%d.%m.%y": ["31.12.99 10:00", ""], "number:,": ["1,5", "NA"], "text": ["a", ""]}.items():
        once = as_kind(pa.array(cells), kind)
        again = as_kind(as_column(once, kind), kind)
        assert str(pa.array(again).to_pylist()) == str(pa.array(once).to_pylist())


def test_text_of_a_typed_table_is_what_it_says():
    assert read(["NA", "None", "", " ", "a"], "text") == ["NA", "None", None, None, "a"]
    assert read(["NA", "None", "a"], "text|a") == ["NA", "None", None]
    assert read(["NA", "None", "1"], "number") == [None, None, 1]
    assert read(["NA", "yes", "no"], "boolean|no") == [None, 1, None]


@pytest.mark.parametrize("values", [[2**70, 1], [[1, 2], [3]], [{"a": 1}], [1, 1e200]])
def test_values_that_are_no_numbers_are_one_line(values):
    with pytest.raises(DataError) as error:
        TableEncoder(kinds={"c": "number"}).fit({"c": values})
    assert "\n" not in str(error.value) and len(str(error.value)) <= 200


def test_spellings_that_differ_in_case_and_space_are_found():
    assert variants(["low", "LOW", "Low ", "high", "mid  dle", "mid dle"]) == [
        ["low", "LOW", "Low "],
        ["mid  dle", "mid dle"],
    ]


NUMBERS = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=3)
DIALECTS = st.tuples(
    st.sampled_from([(".", ","), (",", "."), (".", "'"), (",", " "), (".", "_"), (".", ""), (",", "")]),
    st.sampled_from(["", "€", "km", "%", "$", "SI"]),
)


def written(value, marks, unit):
    decimal, thousands = marks
    text = f"{value:,.3f}".replace(",", "\0").replace(".", decimal).replace("\0", thousands)
    if unit == "$":
        return text.replace("-", "-$") if value < 0 else f"${text}"
    return text + {"SI": "k"}.get(unit, unit)


@given(st.lists(NUMBERS, min_size=1, max_size=20), DIALECTS)
@settings(max_examples=60, deadline=None)
def test_a_number_written_in_any_dialect_is_read_back(values, dialect):
    marks, unit = dialect
    cells = [written(value, marks, unit) for value in values]
    factor = {"%": Decimal("0.01"), "SI": Decimal(1000)}.get(unit, 1)
    expected = [float(value * factor) for value in values]
    kind = f"number:{''.join(marks)}{unit}"
    assert read(cells, kind) == expected
    if max(map(abs, values)) >= 1000 or not marks[1]:  # else no thousands mark is written
        assert read(cells, found({"c": [*cells, written(Decimal("0.125"), marks, unit)]})[0]["c"]) == expected


MOMENTS = st.datetimes(datetime(1969, 1, 1), datetime(2068, 12, 31)).map(lambda moment: moment.replace(microsecond=0))
FORMATS = [
    "%d.%m.%Y",
    "%m/%d/%y",
    "%Y-%m-%d",
    "%d %B %Y",
    "%b %d, %Y",
    "%a, %d %b %Y",
    "%Y%m%d",
    "%d-%b-%y",
    "%Y/%m/%d",
    "%G-W%V-%u",
]
CLOCKS = ["", " %H:%M:%S", " %I:%M:%S %p"]


@given(st.lists(MOMENTS, min_size=1, max_size=20), st.sampled_from(FORMATS), st.sampled_from(CLOCKS))
@settings(max_examples=100, deadline=None)
def test_a_date_written_in_any_format_is_read_back(moments, form, clock):
    cells = [moment.strftime(form + clock) for moment in moments]
    expected = [
        (m if clock else m.replace(hour=0, minute=0, second=0)).replace(tzinfo=UTC).timestamp() for m in moments
    ]
    assert read(cells, f"date:{form}") == read(cells, f"date:{form}{clock}") == expected
    if form not in ("%Y%m%d", "%m/%d/%y"):  # these are found where the column says so
        assert read(cells, found({"c": cells})[0]["c"]) == expected
    if "%G" not in form:
        ours = pandas.to_datetime(pandas.Series(cells), format=form + clock)
        assert [m.replace(tzinfo=UTC).timestamp() for m in ours] == expected


@given(st.lists(st.timedeltas(timedelta(days=-99), timedelta(days=999)), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_duration_of_python_or_pandas_is_read_back(deltas):
    expected = pytest.approx([delta.total_seconds() for delta in deltas], abs=1e-6)
    assert read([str(pandas.Timedelta(delta)) for delta in deltas], "duration") == expected
    assert read(
        [pandas.Timedelta(delta).isoformat() for delta in deltas if delta >= timedelta(0)], "duration"
    ) == pytest.approx([d.total_seconds() for d in deltas if d >= timedelta(0)], abs=1e-6)


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)))
@settings(max_examples=200, deadline=None)
def test_days_and_weeks_are_those_of_the_calendar(day):
    seconds = (day - date(1970, 1, 1)).days * 86_400
    year, week, weekday = day.isocalendar()
    assert read([f"{day.day}/{day.month}/{day.year:04}"], "date:%d/%m/%Y") == [seconds]
    if 1 <= year <= 9999:
        assert read([f"{year:04}-W{week:02}-{weekday}"], "date:%G-W%V-%u") == [seconds]


def test_numbers_that_a_typed_table_holds_as_text_are_named_with_their_kind():
    texts = [f"${i},{i:03}.50" for i in range(1, 60)]
    with pytest.warns(
        UserWarning, match=r"holds numbers as text, such as '\$1,001.50': --kind 'c=number:.,\$'; it is left out"
    ):
        encoder = TableEncoder().fit({"c": texts, "d": list(range(0, 118, 2))})
    assert list(encoder.dropped_) == ["c"]
    assert numeric(["01005", "8001"]) == numeric(["a", "1"]) == numeric([]) == ""


JUNK = st.text(st.sampled_from("0123456789.,-/: %$€kMAPTQWh()'_+eE\u00a0\u2212aé"), max_size=12)


@given(st.lists(JUNK, min_size=1, max_size=12), st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_whatever_a_column_holds_its_kind_can_read(cells, block):
    kinds, notes, faults = found({"c": cells}, block=block)
    assert all("\n" not in text for text in [*notes, *faults.values()])
    if kinds["c"] != "drop":
        check_kind("c", kinds["c"])
        try:
            read([cell.strip() for cell in cells], kinds["c"])
        except BadCell as bad:
            assert bad.large, (kinds, cells)
