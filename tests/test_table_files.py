"""Any file a person has: what is found out about it, where its rows are, and what is said where it cannot be read."""

import bz2
import gzip
import io
import json
import lzma
import os
import threading
import zipfile
from datetime import date

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from pyarrow import feather, orc, parquet  # noqa: E402

from nnx.errors import DataError  # noqa: E402
from nnx.tables import Reading, open_table  # noqa: E402
from nnx.tables.sources.again import kinds_for, open_again  # noqa: E402
from nnx.tables.sources.source import cells as as_cells  # noqa: E402

CSV = "a,b\n1,x\n2,y\n"
AB = {"a": ["1", "2"], "b": ["x", "y"]}
TYPED = {"a": [1, 2], "b": ["x", "y"]}


def read(folder, name, content, **asked):
    """The source of a file, and its cells by column."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = open_table(str(path), Reading(**asked))
    return source, cells(source)


def cells(source):
    found = {name: [] for name in source.columns}
    for batch in source.batches(source.columns):
        for name, column in batch.to_pydict().items():
            found[name] += column
    return found


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def written(write, *args, **more):
    file = io.BytesIO()
    write(*args, file, **more)
    return file.getvalue()


def rows(mark, *more):
    return "".join(f"{i}{mark}{i / 2}{mark}t{i % 3}\n" for i in range(5)) + "".join(more)


ABC = {"a": list("01234"), "b": ["0.0", "0.5", "1.0", "1.5", "2.0"], "c": ["t0", "t1", "t2", "t0", "t1"]}
TEXTS = {  # name: (file, content, cells, what the settled reading says)
    "commas": ("x.csv", CSV, AB, {"delimiter": ",", "encoding": "utf-8", "decimal": ".", "thousands": "none"}),
    "commas, settled": ("x.csv", CSV, AB, {"header": "yes", "comment": "none", "skip_rows": 0, "skip_footer": 0}),
    "semicolons": ("x.csv", "a;b;c\n" + rows(";"), ABC, {"delimiter": ";"}),
    "tabs, no suffix": ("x", "a\tb\tc\n" + rows("\t"), ABC, {"delimiter": "\t"}),
    "bars": ("x.dat", "a|b|c\n" + rows("|"), ABC, {"delimiter": "|"}),
    "blanks": ("x.asc", "  a  b   c\n" + rows("   "), ABC, {"delimiter": " "}),
    "hats": ("x.data", "a^b^c\n" + rows("^"), ABC, {"delimiter": "^"}),
    "colons": ("x.data", "a:b:c\n" + rows(":"), ABC, {"delimiter": ":"}),
    "times are no columns": ("x.txt", "t\n10:30:00\n11:45:10\n", {"t": ["10:30:00", "11:45:10"]}, {}),
    "words are no columns": ("x.txt", "t\na b\nc d\n", {"t": ["a b", "c d"]}, {}),
    "sep=": ("x.csv", "sep=;\na;b\n1;x\n2;y\n", AB, {"delimiter": ";", "skip_rows": 1}),
    "decimal commas": (
        "x.csv", "a;b\n2.872;1,5\n346;7,25\n", {"a": ["2.872", "346"], "b": ["1,5", "7,25"]},
        {"decimal": ",", "thousands": "."},
    ),
    "thousands of Swiss": ("x.csv", "a;b\n1'234.5;x\n2;y\n", {"a": ["1'234.5", "2"], "b": ["x", "y"]}, {"thousands": "'"}),
    "no header": ("x.data", "5.1,red\n4.9,blue\n", {"column 1": ["5.1", "4.9"], "column 2": ["red", "blue"]}, {"header": "no"}),
    "a header of years": ("x.csv", "2019,2020\n1.5,2.5\n3.5,4.5\n", {"2019": ["1.5", "3.5"], "2020": ["2.5", "4.5"]}, {}),
    "all is text": ("x.csv", "m,n\nu,v\n", {"m": ["u"], "n": ["v"]}, {"header": "yes"}),
    "a title": ("x.csv", "Report 2024\n\na,b,c\n" + rows(","), ABC, {"skip_rows": 2}),
    "a title with marks": ("x.csv", "Report,,\n,,\na,b,c\n" + rows(","), ABC, {"skip_rows": 2}),
    "comments": ("x.csv", "# by me\na,b,c\n0,0.0,t0\n# amid\n" + rows(",")[8:], ABC, {"comment": "#"}),
    "names in a comment": ("x.txt", "# a b\n1.5 2\n3 4\n", {"a": ["1.5", "3"], "b": ["2", "4"]}, {"comment": "#"}),
    "a column named #": ("x.csv", "#,a\n1,u\n2,v\n", {"#": ["1", "2"], "a": ["u", "v"]}, {"comment": "none"}),
    "hashtags": ("x.csv", "t,y\n#a,1\n#b,2\nc,3\n", {"t": ["#a", "#b", "c"], "y": ["1", "2", "3"]}, {"comment": "none"}),
    "a footer": ("x.csv", "a,b,c\n" + rows(",", "\nTotal,5\n", "(5 rows)\n"), ABC, {"skip_footer": 2}),
    "unnamed columns": ("x.csv", ",,y\n1,2,3\n4,5,6\n", {"column 1": ["1", "4"], "column 2": ["2", "5"], "y": ["3", "6"]}, {}),
    "names that pandas counts": ("x.csv", ",0,1\n0,4,5\n1,7,8\n", {"column 1": ["0", "1"], "0": ["4", "7"], "1": ["5", "8"]}, {}),
    "names that rise": ("x.csv", "1,2,3,y\n4,3,7,0\n5,6,1,1\n", {"1": list("45"), "2": list("36"), "3": list("71"), "y": list("01")}, {}),
    "a first row that rises": ("x.csv", "1,2,3,unknown\n4,3,7,0\n", {"column 1": list("14"), "column 2": list("23"), "column 3": list("37"), "column 4": ["unknown", "0"]}, {}),
    "bands and a number": ("x.csv", "400.5,410.5,y\n3,1,7\n4,2,8\n", {"400.5": ["3", "4"], "410.5": ["1", "2"], "y": ["7", "8"]}, {"header": "yes"}),
    "bands and a class": ("x.csv", "0,1,y\n" + "5,4,a\n6,9,b\n" * 2, {"0": ["5", "6"] * 2, "1": ["4", "9"] * 2, "y": ["a", "b"] * 2}, {"header": "yes"}),
    "classes that repeat, no header": ("x.csv", "1,2,a\n" + "5,4,a\n6,9,b\n" * 2, {"column 1": [*"15656"], "column 2": [*"24949"], "column 3": [*"aabab"]}, {"header": "no"}),
    "a first class that is rare, no header": ("x.csv", "3,2,c\n" + "5,4,a\n6,9,b\n" * 2, {"column 1": [*"35656"], "column 2": [*"24949"], "column 3": [*"cabab"]}, {"header": "no"}),
    "names that count": ("x.csv", "0,1,2,3,4\n5,6,7,8,9\n", {str(i): [str(i + 5)] for i in range(5)}, {"header": "yes"}),
    "one name twice": ("x.csv", "a,a\n1,2\n", {"a": ["1"], "a (2)": ["2"]}, {}),
    "names of R": ("x.txt", '"a" "b"\n"1" 5 u\n"2" 6 v\n', {"a": ["5", "6"], "b": ["u", "v"]}, {}),
    "texts as names of R": ("x.txt", '"a" "b"\n"r" 5 u\n"s" 6 v\n', {"column 1": ["r", "s"], "a": ["5", "6"], "b": ["u", "v"]}, {}),
    "a mark at the end of rows": ("x.csv", "a,b\n1,x,\n2,y,\n", AB, {}),
    "a rule under the names": ("x.txt", "a|b\n---|---\n1|x\n2|y\n", AB, {}),
    "quotes": ("x.csv", 'a,b\n1,"x, ""y""\nz"\n2,v\n', {"a": ["1", "2"], "b": ['x, "y"\nz', "v"]}, {"quote": '"'}),
    "single quotes": ("x.csv", "a,b\n1,'x, y'\n2,'z'\n", {"a": ["1", "2"], "b": ["x, y", "z"]}, {"quote": "'"}),
    "stray quotes": ("x.tsv", 'a\tb\n1\t"x\n2\ty\n', {"a": ["1", "2"], "b": ['"x', "y"]}, {"quote": "none"}),
    "quotes in cells": ("x.csv", 'a,b\n5" x,1\n6" y,2\n', {"a": ['5" x', '6" y'], "b": ["1", "2"]}, {"quote": '"'}),
    "escapes": ("x.csv", 'a,b\n1,"x \\"y\\", z"\n2,u\n', {"a": ["1", "2"], "b": ['x "y", z', "u"]}, {"escape": "\\"}),
    "escapes at the end of cells": ("x.csv", 'a,b\n"x, \\"y\\"",1\n"","2"\n', {"a": ['x, "y"', None], "b": ["1", "2"]}, {"escape": "\\"}),
    "blanks before quotes": ("x.csv", 'a, b\n1, "x, y"\n2, z\n', {"a": ["1", "2"], "b": ["x, y", "z"]}, {}),
    "trimmed, then missing": ("x.csv", "a,b\n 1 , NA \n2, x\n", {"a": ["1", "2"], "b": [None, "x"]}, {}),
    "carriage returns": ("x.csv", CSV.replace("\n", "\r"), AB, {}),
    "Ctrl-Z": ("x.csv", CSV.replace("\n", "\r\n") + "\x1a", AB, {}),
    "lines of blanks": ("x.csv", "a,b\n  \n1,x\n \t\n2,y\n   \n", AB, {}),
    "lines of blanks, one column": ("x.csv", "a\n1\n  \n2\n", {"a": ["1", "2"]}, {}),
    "rows of blank cells": ("x.tsv", "a\tb\n1\tx\n\t\n2\ty\n", {"a": ["1", None, "2"], "b": ["x", None, "y"]}, {}),
    "no last end of line": ("x.csv", CSV[:-1], AB, {}),
    "dropped ends": ("x.csv", "a,b,c\n1,u\n2\n3,v\n4,u,w\n", {"a": list("1234"), "b": ["u", None, "v", "u"], "c": [None] * 3 + ["w"]}, {}),
    "JSON lines": ("x.jsonl", '{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', TYPED, {}),
    "a list of JSON": ("x.json", '[{"a": 1, "b": "x"},\n {"b": "y", "a": 2}]', TYPED, {}),
    "JSON, no suffix": ("x", '{"a": 1, "b": "x"} {"a": 2, "b": "y"}', TYPED, {}),
    "JSON in JSON": ("x.json", '[{"a": {"b": 1.5, "c": {"d": true}}, "e": null}]', {"a.b": [1.5], "a.c.d": [True], "e": [None]}, {}),
    "JSON of pandas": ("x.json", '{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}', TYPED, {}),
    "JSON in UTF-16": ("x.json", '[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]'.encode("utf-16"), TYPED, {"encoding": "utf-16"}),
    "half a pair in JSON": ("x.jsonl", '{"a": "\\ud800"}\n{"a": "\\ud83d\\ude00"}\n', {"a": ["\ufffd", "\U0001f600"]}, {}),
    "one name twice in JSON": ("x.json", '[{"a.b": 1, "a": {"b": 2}}]', {"a.b": [1], "a.b (2)": [2]}, {}),
    "numbers and a gap in JSON": ("x.json", '[{"a": 1.25}, {"a": "NA"}, {"a": 3}]', {"a": [1.25, None, 3]}, {}),
    "numbers among texts in JSON": ("x.json", '[{"a": 1.234}, {"a": "u"}, {"a": 3}]', {"a": ["1.2340", "u", "3"]}, {}),
    "large numbers in JSON": ("x.json", '[{"a": 18446744073709551615}]', {"a": ["18446744073709551615"]}, {}),
    "ARFF": ("x", "% by me\n@RELATION r\n@attribute 'a b' REAL\n@attribute c {u, 'v w'}\n@DATA\n1.5,u\n% c\n?,'v w'\n", {"a b": ["1.5", None], "c": ["u", "v w"]}, {"comment": "%"}),
    "gzip": ("x.csv.gz", gzip.compress(CSV.encode()), AB, {}),
    "gzip by content": ("x.csv", gzip.compress(CSV.encode()), AB, {}),
    "bz2": ("x.csv.bz2", bz2.compress(CSV.encode()), AB, {}),
    "xz": ("x.csv.xz", lzma.compress(CSV.encode()), AB, {}),
    "zstd": ("x.csv.zst", pa.compress(CSV.encode(), codec="zstd", asbytes=True), AB, {}),
    "zip": ("x.zip", zipped(**{"t.csv": CSV, "__MACOSX/t.csv": "-"}), AB, {}),
    "a zip of a table and a text": ("x.zip", zipped(**{"README.txt": "-", "t.csv": CSV}), AB, {}),
    "gzipped UTF-16": ("x.gz", gzip.compress(CSV.encode("utf-16")), AB, {"encoding": "utf-16"}),
    "gzipped JSON": ("x.jsonl.gz", gzip.compress(b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'), TYPED, {}),
}  # fmt: skip
ENCODINGS = {
    **{
        key: ["größe", "Zürich", "1 000 €"] for key in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252")
    },
    "cp1250": ["jméno", "Řehoř Žižka", "šťastný"],
    "cp1251": ["имя", "Москва", "Привет мир"],
    "koi8-r": ["имя", "Москва", "Привет мир"],
    "cp1253": ["όνομα", "Αθήνα", "Θεσσαλονίκη"],
    "shift_jis": ["名前", "東京都", "大阪府の"],
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_of_text_is_read_as_it_is_written(tmp_path, name):
    file, content, expected, reading = TEXTS[name]
    source, found = read(tmp_path, file, content)
    assert found == expected
    assert {key: getattr(source.reading, key) for key in reading} == reading
    assert list(source.scan({}).kinds) == list(expected)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoding_is_found(tmp_path, encoding):
    head, *names = ENCODINGS[encoding]
    text = f"{head},n\n" + "".join(f"{name},{i}\n" for i, name in enumerate(names))
    source, found = read(tmp_path, "x.csv", text.encode(encoding))
    assert found == {head: names, "n": ["0", "1"]}
    said = [note for note in source.scan({}).notes if "encoding" in note]
    assert len(said) == (not encoding.startswith("utf-8"))


def test_the_settled_reading_reads_the_same_again(tmp_path):
    for i, (name, (file, content, expected, _)) in enumerate(TEXTS.items()):
        source, _ = read(tmp_path / str(i), file, content)
        again = open_table(str(tmp_path / str(i) / file), Reading.of(source.reading.to_data()))
        assert cells(again) == expected and again.reading == source.reading, name


ASKED = {
    "header": ("a,b\n1,x\n", {"header": "no"}, {"column 1": ["a", "1"], "column 2": ["b", "x"]}),
    "no header": ("1,2\n3,4\n", {"header": "yes"}, {"1": ["3"], "2": ["4"]}),
    "delimiter": ("a;b,c\n1;2,3\n", {"delimiter": ","}, {"a;b": ["1;2"], "c": ["3"]}),
    "skip_rows": ("a,b\n1,x\nc,d\n2,y\n", {"skip_rows": 2}, {"c": ["2"], "d": ["y"]}),
    "skip_footer": ("a,b\n1,x\n2,y\n", {"skip_footer": 1}, {"a": ["1"], "b": ["x"]}),
    "comment": ("a,b\n1,x\n2,y\n*,z\n", {"comment": "*"}, AB),
    "missing": ("a,b\n1,nil\n2, nil \n3,x\n", {"missing": ("nil",)}, {"a": ["1", "2", "3"], "b": [None, None, "x"]}),
    "keep_text": ("a,b\n1,NA\n2,None\n", {"keep_text": ("NA",)}, {"a": ["1", "2"], "b": ["NA", None]}),
    "encoding": ("a,b\n1,é\n".encode(), {"encoding": "cp1252"}, {"a": ["1"], "b": ["Ã©"]}),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_for_overrules_what_is_found(tmp_path, name):
    content, asked, expected = ASKED[name]
    assert read(tmp_path, "x.csv", content, **asked)[1] == expected


def test_what_is_not_the_default_is_said_in_one_line(tmp_path):
    source, _ = read(tmp_path, "x.csv", "Bericht\n\nname;v\nZürich;1,5\nGenf;2,5\nBern;3,5\n".encode("cp1252"))
    (note,) = source.notes
    assert note.endswith(
        "x.csv is read with ; between columns, decimal comma, encoding cp1252, 2 lines above the table "
        "(--delimiter, --decimal, --encoding, --skip-rows say otherwise)"
    )
    assert read(tmp_path, "y.csv", CSV)[0].notes == []


PLACES = {
    "plain": ("x.csv", "a,b\n1,x\n\n2,y\n", ["line 2", "line 4"]),
    "title and comments": ("x.csv", "T\n\na,b,c\n1,2,x\n# c\n# d\n3,4,y\n", ["line 4", "line 7"]),
    "cells of lines": ("x.csv", 'a,b\n1,"x\ny\nz"\n2,y\n', ["line 2", "line 5"]),
    "JSON": ("x.json", '[{"a": 1},\n\n{"a":\n2},{"a": 3}]', ["line 1", "line 3", "line 4"]),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_row_is_named_by_the_line_it_begins_on(tmp_path, name):
    file, content, expected = PLACES[name]
    source, _ = read(tmp_path, file, content)
    assert [source.where(row).rpartition(", ")[2] for row in range(len(expected))] == expected


REFUSED = {
    "a long row": ("x.csv", "a,b\n1,2\n3,4,5\n", "line 3: 3 cells, the header has 2; put quotes around a cell with commas"),
    "a short row": ("x.csv", "a,b\n1\n3,4\n", "line 2: 1 cell, the header has 2; add the cells that are missing"),
    "an unknown footer": ("x.csv", "a,b\n1,2\n3,4\n99\n", "line 4: 1 cell, the header has 2; if it is a footer: --skip-footer 1"),
    "a late comment": ("x.csv", "a,b\n" + "1,2\n" * 400_000 + "# x\n", "line 400002: 1 cell, the header has 2; if it is a comment: --comment '#'"),
    "an open quote": ("x.csv", 'a,b\n1,2\n3,"4\n5,6\n', "is a quote left open?"),
    "two files in a zip": ("x.zip", zipped(**{"a.csv": CSV, "b.csv": CSV}), "2 files in it, such as a.csv, b.csv; say which: "),
    "a list in JSON": ("x.json", '[{"a": 1}, {"a": [1, 2]}]', "column 'a' holds a list here: --drop a"),
    "a cut list of JSON": ("x.json", '[{"a": 1},\n{"a": 2}', "line 2: the list ends here without a ]"),
    "two tables in a zip": ("x.zip", zipped(**{"README.txt": "-", "a.csv": CSV, "b.csv": CSV}), "say which: "),
    "cut JSON": ("x.json", '[{"a": 1}, {"a": 2', "line 1: cannot be read as JSON"),
    "no objects in JSON": ("x.json", "[1, 2]", "expected an object"),
    "one object in JSON": ("x.json", '{"a": [1, 2], "b": [3, 4]}', "one object"),
    "a database": ("x.csv", b"SQLite format 3\0" + bytes(99), "a database: export its table as CSV"),
    "a web page": ("x.csv", "\n<!DOCTYPE html>\n<html>", "a web page: download the file itself"),
    "zero bytes": ("x.csv", "a,b\n1,\0\n", "not a text file (it holds zero bytes)"),
    "cut gzip": ("x.csv.gz", gzip.compress(os.urandom(9999).hex().encode())[:4000], "cannot be read"),
    "cut xz": ("x.csv.xz", lzma.compress(os.urandom(9999).hex().encode())[:4000], "cannot be read"),
    "no workbook": ("x.xlsx", b"hello", "cannot be read as a workbook"),
    "an empty list": ("x.json", "[]", "no rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_named_with_the_remedy(tmp_path, name):
    file, content, message = REFUSED[name]
    with pytest.raises(DataError) as error:
        read(tmp_path, file, content)[0].scan({})
    assert message in str(error.value) and "\n" not in str(error.value)


def test_rows_that_drop_their_last_cells_are_counted(tmp_path):
    source, _ = read(tmp_path, "x.csv", "a,b,c\n1,u\n2\n3,v\n4,u,w\n")
    assert any("3 of 4 rows have fewer cells than the header" in note for note in source.scan({}).notes)


BOOK = [
    ["Report 2024"],
    [],
    ["n", "part", "day", "ok"],
    [1, 0.45, "2024-03-07", True],
    [2.5, None, "2024-03-08", False],
]


@pytest.fixture
def book(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    pytest.importorskip("python_calamine", reason="python-calamine is not installed")
    book = openpyxl.Workbook()
    empty, second = book.active, book.create_sheet("second")
    empty.title = "empty"
    for row in BOOK:
        second.append([date.fromisoformat(c) if isinstance(c, str) and c[:2] == "20" else c for c in row])
    book["second"]["B4"].number_format = "0%"
    other = book.create_sheet("other")
    for row in (["u"], ["v"], ["w"]):
        other.append(row)
    book.save(tmp_path / "x.xlsx")
    return tmp_path / "x.xlsx"


def test_a_workbook_is_read_from_its_first_sheet_with_rows(book):
    source = open_table(str(book))
    assert cells(source) == {
        "n": [1, 2.5],
        "part": [0.45, None],
        "day": [date(2024, 3, 7), date(2024, 3, 8)],
        "ok": [True, False],
    }
    assert list(source.scan({}).kinds.values()) == ["number", "number", "date", "boolean"]
    assert source.where(1).endswith("x.xlsx, sheet 'second', row 5")
    assert "sheet 'second', 2 rows above the table" in source.notes[0]
    assert cells(open_table(str(book), Reading(sheet="other"))) == {"u": ["v", "w"]}
    with pytest.raises(DataError, match="unknown sheet 'secnd': did you mean 'second'"):
        open_table(str(book), Reading(sheet="secnd"))


def test_typed_files_keep_their_types_and_lose_pandas_own_index(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"a": [3, 1, 2], "t": ["nil", "NA", "u"], "d": ["01.02.2024", "13.02.2024", "1.3.2024"]})
    shuffled = frame.set_index(pandas.Index([7, 2, 5]))
    shuffled.to_parquet(tmp_path / "x.parquet")
    source = open_table(str(tmp_path / "x.parquet"), Reading(missing=("nil",)))
    assert cells(source) == {"a": [3, 1, 2], "t": [None, "NA", "u"], "d": list(frame["d"])}
    notes = source.scan({}).notes
    assert "pandas' numbering of the rows" in notes[0] and "--kind d=date:%d.%m.%Y" in notes[1]
    shuffled.rename_axis("id").to_parquet(tmp_path / "y.parquet")
    assert open_table(str(tmp_path / "y.parquet")).columns == ["a", "t", "d", "id"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["parquet", "feather", "orc", "npy", "npz"])
def test_columnar_files_are_known_by_their_content(tmp_path, kind, packed):
    table = pa.table({"x0": [1.5, 2.5], "x1": [3.0, 4.0]})
    content = {
        "parquet": lambda: written(parquet.write_table, table),
        "feather": lambda: written(feather.write_feather, table),
        "orc": lambda: written(orc.write_table, table),
        "npy": lambda: written(lambda x, f: np.save(f, x), np.asarray([[1.5, 3.0], [2.5, 4.0]])),
        "npz": lambda: written(lambda x, f: np.savez(f, x=x), np.asarray([[1.5, 3.0], [2.5, 4.0]])),
    }[kind]()
    source, found = read(tmp_path, "x.bin", gzip.compress(content) if packed else content)
    assert found == {"x0": [1.5, 2.5], "x1": [3.0, 4.0]} and source.scan({}).rows == 2


def many(folder):
    for year, name, content in (("2023", "part-0000.csv", CSV), ("2024", "part-0001.csv", "b,a\nz,3\n")):
        (folder / f"year={year}").mkdir(parents=True)
        (folder / f"year={year}" / name).write_text(content)
    (folder / "_SUCCESS").write_text("")
    (folder / ".crc").write_text("x")
    return folder


def test_a_folder_a_pattern_and_several_files_are_one_table(tmp_path):
    folder = many(tmp_path / "data")
    expected = {"a": ["1", "2", "3"], "b": ["x", "y", "z"], "year": ["2023", "2023", "2024"]}
    files = sorted(str(p) for p in folder.rglob("*.csv"))
    source = open_table(str(folder))
    assert cells(source) == cells(open_table(f"{folder}/*/*.csv")) == expected
    assert cells(open_table(files)) == {name: expected[name] for name in ("a", "b")}
    assert source.where(2) == f"{files[1]}, line 2" and source.name == "data"
    scan = source.scan({})
    assert (
        scan.kinds == {"a": "number", "b": "text", "year": "number"}
        and "2 files are read as one table" in scan.notes[0]
    )
    before = source.digest
    (folder / "year=2024" / "part-0001.csv").write_text("b,a\nz,4\n")
    assert open_table(str(folder)).digest != before


def test_typed_files_of_folders_have_the_columns_of_their_folders(tmp_path):
    parquet.write_to_dataset(pa.table({"a": [1, 2, 3], "b": ["x", "y", "x"]}), tmp_path / "d", partition_cols=["b"])
    source = open_table(str(tmp_path / "d"))
    assert sorted(zip(*cells(source).values(), strict=True)) == [(1, "x"), (2, "y"), (3, "x")]
    assert source.scan({}).kinds == {"a": "number", "b": "text"}


def test_files_that_are_no_one_table_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in (("a.csv", CSV), ("b.csv", "a,c\n1,2\n"), ("c.jsonl", '{"a": 1}\n')):
        (tmp_path / name).write_text(content)
    parquet.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "d.parquet")
    a, b, c, d = "a.csv", "b.csv", "c.jsonl", "d.parquet"
    for given, message in (
        ([a, b], f"{b}: no column 'b', which {a} has"),
        ([a, c], f"{c}: no column 'b'"),
        ([a, d], f"{d}: not of the kind"),
        (".", "tables of several kinds"),
        ("*.tsv", "no file fits this pattern"),
    ):
        with pytest.raises(DataError, match=message.replace("*", r"\*")):
            open_table(given)


def test_a_member_of_an_archive_is_named_by_its_path(tmp_path):
    (tmp_path / "x.zip").write_bytes(zipped(**{"a.csv": CSV, "s/b.csv": "c\n1\n"}))
    source = open_table(f"{tmp_path}/x.zip/s/b.csv")
    assert cells(source) == {"c": ["1"]} and source.where(0) == f"{tmp_path}/x.zip/s/b.csv, line 2"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_read_once_and_as_a_table_again_and_again(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(CSV))
    writer.start()
    source = open_table(str(tmp_path / "pipe"))
    writer.join()
    assert cells(source) == cells(source) == AB and source.where(0) == f"{tmp_path}/pipe, line 2"


def test_standard_input_is_a_table(tmp_path):
    import subprocess
    import sys

    code = (
        "from nnx.tables import open_table\nimport json\ns = open_table('-')\n"
        "print(json.dumps([[b.to_pydict() for b in s.batches(s.columns)], s.where(1), s.digest, s.name]), s.content.path)"
    )
    for content in (CSV.encode(), gzip.compress(CSV.encode())):
        done = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, check=True)
        told, _, path = done.stdout.decode().strip().rpartition(" ")
        batches, where, digest, name = json.loads(told)
        assert (batches, where, name) == ([AB], "standard input, line 3", "stdin") and len(digest) == 64
        assert not os.path.exists(path)  # it is removed as the process ends


def values(source, kinds):
    """The cells of all columns, read as these kinds."""
    (batch,) = source.batches(list(kinds), kinds)
    return {name: as_cells(source, batch, name, kind, 0) for name, kind in kinds.items()}


MARKED = "x;big;day;mixed;code;n\n" + "".join(
    f"{i}{i % 7},{i:03}4;{i}.234,5;{i:02}.03.2024;{i},25;A{i};{20240301 + i}\n" for i in range(1, 25)
)


@pytest.mark.parametrize("form", ["parquet", "xlsx", "jsonl"])
def test_numbers_and_dates_with_types_are_what_they_are_for_a_model_of_text_with_other_marks(tmp_path, form):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    source, _ = read(tmp_path, "x.csv", MARKED)
    kinds = source.scan({}).kinds
    assert kinds["big"] == "number:,." and kinds["day"] == "date:%d.%m.%Y" and kinds["n"] == "date:%Y%m%d"
    expected = values(source, kinds)
    days = [date(2024, 3, i) for i in range(1, 25)]
    frame = pandas.DataFrame({"x": expected["x"], "big": expected["big"], "day": days})
    if form == "parquet":
        frame.to_parquet(tmp_path / "y.parquet")
        kinds = {name: kinds[name] for name in frame.columns}
    elif form == "xlsx":
        pytest.importorskip("openpyxl", reason="openpyxl is not installed")
        pytest.importorskip("python_calamine", reason="python-calamine is not installed")
        mixed = ["unknown", *expected["mixed"][1:]]
        more = {"mixed": mixed, "code": [f"A{i}" for i in range(1, 25)], "n": [20240301 + i for i in range(1, 25)]}
        frame.assign(**more, day=[*days[:23], "24.03.2024"]).to_excel(tmp_path / "y.xlsx", index=False)
    else:
        more = {"mixed": ["unknown", *expected["mixed"][1:]], "day": [f"{d:%d.%m.%Y}" for d in days]}
        frame = frame.assign(**more, n=[20240301 + i for i in range(1, 25)], code=[f"A{i}" for i in range(1, 25)])
        frame.to_json(tmp_path / "y.jsonl", orient="records", lines=True)
    kinds = {name: kind + "|unknown" * (name == "mixed") for name, kind in kinds.items()}
    other, _ = open_again(str(tmp_path / f"y.{form}"), {"reading": source.reading.to_data()}, list(kinds))
    found = values(other, kinds_for(kinds, {"reading": source.reading.to_data()}, other))
    for name in kinds:
        own, wanted = found[name], expected[name]
        same = own == wanted if name == "code" else own[1:] == pytest.approx(wanted[1:], rel=1e-15)
        assert same, name


MIXED = {  # cells of JSON: kinds, and the numbers of the first column
    "marks of another column": ('{"a": 1.234, "b": "1,5"}\n{"a": 2.345, "b": "2,5"}\n' * 5, "number", [1.234, 2.345]),
    "numbers and texts of commas": ('{"a": 1.234}\n{"a": "2,5"}\n' * 5, "number:,", [1.234, 2.5]),
    "numbers and thousands": ('{"a": 1.5}\n{"a": "2,500"}\n' * 5, "number:.,", [1.5, 2500]),
    "small numbers and %": ('{"a": 1e-7}\n{"a": "5%"}\n' * 5, "number:.%", [1e-7, 0.05]),
    "truths": ('{"a": true}\n{"a": false}\n' * 5, "boolean", [1, 0]),
}


@pytest.mark.parametrize("asked", [{}, {"decimal": ","}])
@pytest.mark.parametrize("name", MIXED)
def test_numbers_of_json_are_no_texts_with_marks(tmp_path, name, asked):
    content, kind, expected = MIXED[name]
    if asked and kind == "number:.,":
        pytest.skip("2,500 is a number with a decimal comma then")
    source, _ = read(tmp_path, "x.jsonl", content, **asked)
    kinds = source.scan({}).kinds
    assert kinds["a"] == kind or asked
    assert values(source, {"a": kinds["a"]})["a"].tolist() == expected * 5


def test_words_for_missing_cells_are_so_among_cells_with_types(tmp_path):
    content = '[{"a": -999, "b": 1.5}, {"a": 5, "b": -999.0, "c": "-999"}, {"c": -999.0}]'
    assert read(tmp_path, "x.json", content, missing=("-999",))[1] == {
        "a": [None, 5, None],
        "b": [1.5, None, None],
        "c": [None, None, None],
    }
    source, _ = read(tmp_path, "x.json", content)
    (batch,) = source.batches(["a"], {"a": "number|-999"})
    assert batch.to_pydict() == {"a": [None, 5, None]}


def test_files_parted_by_other_marks_are_one_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {"a.csv": CSV, "b.csv": "a;b\n3;z\n", "c.csv": "a;b\n1,5;z\n2,5;z\n3,5;u\n"}.items():
        (tmp_path / name).write_text(content)
    source = open_table(["a.csv", "b.csv"])
    assert cells(source) == {"a": ["1", "2", "3"], "b": ["x", "y", "z"]}
    assert any("b.csv is read with ; between columns" in note for note in source.scan({}).notes)
    with pytest.raises(DataError, match=r"c\.csv: , is its decimal mark, \. that of a\.csv: write them alike"):
        open_table(["a.csv", "c.csv"])


def test_a_column_is_text_in_all_files_where_it_is_in_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "a.jsonl": '{"a": 1, "b": 2}\n',
        "b.jsonl": '{"a": "u", "b": 2.5}\n',
        "c.csv": "a,b\nv,7\n",
    }.items():
        (tmp_path / name).write_text(content)
    assert cells(open_table(["a.jsonl", "b.jsonl"])) == {"a": ["1", "u"], "b": [2, 2.5]}
    source = open_table(["a.jsonl", "b.jsonl", "c.csv"])
    assert cells(source) == {"a": ["1", "u", "v"], "b": ["2", "2.5", "7"]}
    assert source.scan({}).kinds == {"a": "text", "b": "number"}
