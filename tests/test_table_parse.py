"""CSV text parsed in pieces: the rows of one go, however it is cut."""

import io
import re

import pytest
from hypothesis import given, settings, strategies as st

pa = pytest.importorskip("pyarrow")
csv = pytest.importorskip("pyarrow.csv")

from nnx.tables.sources import parse  # noqa: E402

TEXT, CODES = pa.string(), pa.dictionary(pa.int32(), pa.string())
OPTIONS = csv.ParseOptions(newlines_in_values=True)
MISSING = ["", "NA"]
cell = st.sampled_from(
    ["", "1", "2.5", "NA", "a", 'say "x"', "two\nlines", "a,b", '"', "\n", "é", "-1e3", "\r\n", "x" * 40]
)


def quoted(text, always):
    return '"' + text.replace('"', '""') + '"' if always or re.search('[",\n\r]', text) else text


def at_once(text, names, types):
    """What Arrow makes of the whole text, every cell text."""
    conversion = csv.ConvertOptions(
        strings_can_be_null=True,
        null_values=MISSING,
        column_types=dict.fromkeys(names, TEXT),
        include_columns=list(types),
    )
    reading = csv.ReadOptions(column_names=names, block_size=1 << 20)
    try:
        return csv.read_csv(pa.BufferReader(text), reading, OPTIONS, conversion).to_pydict()
    except pa.ArrowInvalid:
        return None


def is_open(text, names):
    """True if a quote is left open: a row without a value after the text becomes part of its last cell."""
    after = at_once(text + b"\n" + (b"," * (len(names) - 1) or b'""') + b"\n", names, dict.fromkeys(names, TEXT))
    return after is None or after[names[-1]][-1] is not None


def in_pieces(text, names, types, size):
    """The same in pieces of so many bytes."""
    before, parse.PIECE = parse.PIECE, size
    try:
        parts = list(parse.parsed(io.BytesIO(text), parse.Parsing(names, types, OPTIONS, MISSING)))
    except pa.ArrowInvalid:
        return None
    finally:
        parse.PIECE = before
    return {n: [v for part in parts for v in part.column(n).to_pylist()] for n in types}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=30), st.booleans(), st.integers(100, 300), st.data())
def test_pieces_of_any_size_give_the_rows_of_the_whole(rows, always, size, data):
    text = "".join(",".join(quoted(c, always) for c in row) + "\n" for row in rows)
    text = text.removesuffix("\n") if data.draw(st.booleans()) else text
    names = ["a", "b", "c"]
    types = dict.fromkeys(data.draw(st.sampled_from([("a", "b", "c"), ("b",), ("c", "a")])), TEXT)
    assert in_pieces(text.encode(), names, types, size) == at_once(text.encode(), names, types)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab1,"\n', max_size=200), st.integers(20, 100))
def test_quotes_astray_are_read_as_in_one_go_and_one_left_open_is_refused(text, size):
    for names in (["a"], ["a", "b"]):
        whole = at_once(text.encode(), names, dict.fromkeys(names, TEXT))
        if whole is not None and text:
            found = in_pieces(text.encode(), names, dict.fromkeys(names, TEXT), size)
            assert found == (None if is_open(text.encode(), names) else whole)


def test_a_column_with_a_cell_of_another_kind_is_text_in_its_piece_alone():
    text = b"".join(b"%d,%s\n" % (i, b"x" if i == 70 else b"2") for i in range(100))
    before, parse.PIECE = parse.PIECE, 100
    try:
        types = {"n": pa.float64(), "m": pa.float64()}
        parts = list(parse.parsed(io.BytesIO(text), parse.Parsing(["n", "m"], types, OPTIONS, MISSING)))
    finally:
        parse.PIECE = before
    assert all(part.schema.field("n").type == pa.float64() for part in parts)
    assert sum(part.schema.field("m").type == TEXT for part in parts) == 1
    assert [v for part in parts for v in part.column("n").to_pylist()] == list(range(100))


def test_texts_are_codes_of_a_dictionary_where_that_is_asked():
    (batch,) = parse.parsed(io.BytesIO(b"a,1\nb,2\na,NA\n"), parse.Parsing(["t", "n"], {"t": CODES}, OPTIONS, MISSING))
    assert batch.column("t").dictionary.to_pylist() == ["a", "b"]
