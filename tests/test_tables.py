"""Tables: what columns hold, how they become numbers, and that the encoder keeps scikit-learn's contract."""

import gzip
import json
import pickle
import re
import warnings
from datetime import UTC, date, datetime
from shlex import quote

import array_api_strict
import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from hypothesis import given, settings, strategies as st  # noqa: E402
from pyarrow import feather, parquet  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder  # noqa: E402
from sklearn.utils import murmurhash3_32  # noqa: E402
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: E402

import nnx  # noqa: E402
from nnx import TableEncoder  # noqa: E402
from nnx.errors import DataError, ModelFileError, SettingError  # noqa: E402
from nnx.tables import Reading, Target, open_table  # noqa: E402
from nnx.tables.encoding.columns import YEAR  # noqa: E402
from nnx.tables.encoding.ids import Numbering  # noqa: E402
from nnx.tables.encoding.murmur import murmur3  # noqa: E402
from nnx.tables.encoding.statistics import SAMPLE, Numbers  # noqa: E402
from nnx.tables.encoding.words import Terms  # noqa: E402


def scan(folder, text, name="x.csv", kinds=None, **reading):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_table(str(path), Reading(**reading)).scan(kinds or {})


def column(values, kind=None, **settings):
    """The one column of a table encoded: its encoder and the matrix."""
    encoder = TableEncoder(kinds={"c": kind} if kind else None, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return encoder, encoder.fit_transform({"c": values})


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-3e2", ".5", "+7"], "number"),
        (["1", "", "NA", "3"], "number"),
        ([" 1", "2 ", "3"], "number"),
        (["", "", ""], "number"),
        (["a", "b", "1"], "text"),
        (["true", "False", ""], "boolean"),
        (["yes", "no", "yes"], "boolean"),
        (["0", "1", "1"], "number"),
        (["2020-01-01", "2021-12-31", ""], "date"),
        (["2020-01-01T10:00:00Z", "2020-01-01T12:00:00+02:00"], "date"),
        (["2020/01/01", "2020/12/31"], "date:%Y/%m/%d"),
        (["31.12.2020", "01.02.2021"], "date:%d.%m.%Y"),
        (["12/31/2020", "01/02/2021"], "date:%m/%d/%Y"),
        (["31/12/2020", "01/02/2021"], "date:%d/%m/%Y"),
        (["2020-02-30", "2020-01-01"], "text"),
        (["1,5", "2,5"], "number:,"),
        (["0x10", "1_000"], "text"),
    ],
)
def test_what_a_column_holds_is_found_from_all_its_cells(tmp_path, cells, kind):
    text = "c;d\n" + "".join(f"{c};0\n" for c in cells)
    assert scan(tmp_path, text, delimiter=";").kinds["c"] == kind


def test_one_late_cell_changes_the_kind_of_a_column(tmp_path):
    text = "a,b\n" + "".join(f"{i},{i}\n" for i in range(400_000))
    assert scan(tmp_path, text).kinds == {"a": "number", "b": "number"}
    late = text + "x,1\n"
    found = scan(tmp_path, late)
    assert found.kinds["a"] == "number|x" and "'x' in 1 cell (" in found.notes[0] and "line 400002)" in found.notes[0]
    assert scan(tmp_path, late, kinds={"a": "text"}).kinds["a"] == "text"


def test_month_and_day_that_cannot_be_told_apart_are_noted(tmp_path):
    found = scan(tmp_path, "c,d\n01/02/2020,1\n03/04/2020,2\n")
    assert found.kinds["c"] == "date:%m/%d/%Y" and "--kind c=date:%d/%m/%Y" in found.notes[0]


def test_decimal_commas_and_other_encodings(tmp_path):
    text = "größe;y\n1,5;a\n-2,25;b\n,5;c\n"
    (tmp_path / "x.csv").write_bytes(text.encode("latin-1"))
    source = open_table(str(tmp_path / "x.csv"))
    assert source.reading.to_data().items() >= {"delimiter": ";", "decimal": ",", "encoding": "cp1252"}.items()
    assert next(source.batches(["größe", "y"])).to_pylist()[1] == {"größe": "-2,25", "y": "b"}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz", "parquet", "feather", "npy"])
def test_every_format_gives_the_same_numbers(tmp_path, suffix):
    x = np.random.default_rng(0).normal(size=(30, 2)).round(6)
    table, path = pa.table({"x0": x[:, 0], "x1": x[:, 1]}), tmp_path / f"t.{suffix}"
    mark = "\t" if suffix == "tsv" else ","
    text = f"x0{mark}x1\n" + "".join(f"{a}{mark}{b}\n" for a, b in x.tolist())
    {
        "csv": lambda: path.write_text(text),
        "tsv": lambda: path.write_text(text),
        "csv.gz": lambda: path.write_bytes(gzip.compress(text.encode())),
        "parquet": lambda: parquet.write_table(table, path),
        "feather": lambda: feather.write_feather(table, path),
        "npy": lambda: np.save(path, x),
    }[suffix]()
    source = open_table(str(path))
    encoder = TableEncoder()
    encoder.learn(source, source.scan({}).kinds)
    assert np.array_equal(encoder.encode(source), TableEncoder().fit_transform(x))


def test_robust_scale_is_the_formula_of_realmlp():
    v = np.random.default_rng(0).normal(size=101) * 7 + 3
    q25, q50, q75 = np.quantile(v, [0.25, 0.5, 0.75])
    z = (v - q50) / (q75 - q25)
    assert column(v)[1][:, 0] == pytest.approx(z / np.sqrt(1 + (z / 3) ** 2), abs=1e-6)


@pytest.mark.parametrize("rest", [[4.0, -4.0], [4.0, -4.0, 1e10], [4.0, -4.0, 1e99, 3.0, -4.0]])
def test_where_the_quartiles_are_one_a_distance_that_few_of_the_others_pass_is_the_scale(rest):
    z = column(np.asarray([0.0] * 90 + rest))[1][:, 0]
    assert z[:90].tolist() == [0.0] * 90 and z[90:92] == pytest.approx([z / np.sqrt(1 + 1 / 9) for z in (1, -1)])


# numbers, and what a wrong one among them may be: 1,000 cells scale as they did without it
ORDINARY = {
    "normal": lambda rng: rng.normal(size=1000),
    "far from zero": lambda rng: 1e9 + 0.001 * rng.permutation(1000),
    "times": lambda rng: rng.integers(0, 10, 1000) * 3600.0,
    "mostly zero": lambda rng: np.where(rng.random(1000) < 0.8, 0.0, rng.integers(1, 9, 1000)),
    "two values": lambda rng: np.where(rng.random(1000) < 0.9, 0.0, 1.0),
    "tiny": lambda rng: 1e-30 * rng.normal(size=1000),
    "huge": lambda rng: 1e90 * rng.normal(size=1000),
    "integers": lambda rng: 2.0**53 + 2.0 * rng.permutation(1000),
}


@pytest.mark.parametrize("wrong", [1e3, 1e10, -1e10, 1e20, 1e99])
@pytest.mark.parametrize("name", ORDINARY)
def test_one_wrong_cell_leaves_the_scale_of_the_others(name, wrong):
    v = ORDINARY[name](np.random.default_rng(0))
    before = column(v, dtype="float64")[1][:, 0]
    after = column(np.append(v, wrong), dtype="float64")[1][:-1, 0]
    assert before.std() > 0.2 and after == pytest.approx(before, rel=0.1, abs=0.02)


def test_standard_scale_has_mean_0_and_deviation_1():
    x = column(np.random.default_rng(0).normal(size=1000) * 9 - 4, scale="standard", dtype="float64")[1]
    assert x.mean() == pytest.approx(0, abs=1e-12) and x.std() == pytest.approx(1, abs=1e-12)


def test_a_missing_number_is_the_median_and_says_so():
    encoder, x = column([1.0, None, 3.0, float("nan"), 9.0])
    assert x.tolist()[1] == [0.0, 1.0] == x.tolist()[3] and x[2].tolist() == [0.0, 0.0]
    assert list(encoder.get_feature_names_out()) == ["c", "c (missing)"]


def test_whole_numbers_of_few_values_are_categories_too():
    hour = np.arange(300) % 24
    hour[:4] = [30, 31, 31, -2]
    values = pa.array(hour, mask=np.arange(300) == 7)
    encoder, x = column(values, dtype="float64")
    alone = column(values, dtype="float64", levels=False)[1]
    known, code = range(24), np.where(np.arange(300) == 7, -1, np.where(np.isin(hour, range(24)), hour, 24))
    one_hot = OneHotEncoder(categories=[[*known, 24]], sparse_output=False, handle_unknown="ignore")
    assert np.array_equal(x, np.hstack([alone, one_hot.fit_transform(code[:, None])]))
    names = ["c", "c (missing)", *(f"c={v}" for v in known), "c (rare)"]
    assert list(encoder.get_feature_names_out()) == names
    assert encoder.transform({"c": [4.5, 24.0, -1e90, 1e90, 4.0]})[:, 2:].argmax(axis=1).tolist() == [24] * 4 + [4]


def test_text_of_more_than_embed_values_is_a_column_of_codes():
    town = [*["b"] * 4, *["a"] * 3, *["c"] * 3, "rare", None] * 3
    encoder = TableEncoder(embed=2, min_count=4).fit({"n": np.arange(36) / 7, "town": town, "side": ["l", "r"] * 18})
    assert [c.kind for c in encoder.columns_] == ["number", "coded", "category"]
    assert encoder.columns_[1].values == ("b", "a", "c") and encoder.codes() == {1: 4}
    rows = {"n": [0.0] * 6, "town": ["a", "b", "c", "rare", "new", None], "side": ["l"] * 6}
    assert encoder.transform(rows)[:, 1].tolist() == [2, 1, 3, 0, 0, 0]
    again = TableEncoder.from_data(json.loads(json.dumps(encoder.to_data())))
    assert again.codes() == {1: 4} and np.array_equal(again.transform(rows), encoder.transform(rows))
    assert TableEncoder(embed=3, min_count=4).fit({"town": town}).codes() == {}
    layer = nnx.Embedding(tuple(encoder.codes().values()), tuple(encoder.codes()), 2)
    assert layer.shapes((encoder.width,))[1] == (encoder.width + 1,)


def test_pieces_of_a_number_are_the_piecewise_linear_encoding():
    v = np.random.default_rng(0).exponential(size=1001)
    v[5] = np.nan
    encoder, x = column(v, bins=4, dtype="float64")
    z, b = column(v, dtype="float64")[1][:, 0], encoder.columns_[0].edges
    assert b == pytest.approx(np.quantile(np.delete(z, 5), [0, 0.25, 0.5, 0.75, 1], method="nearest"))
    by_hand = [np.interp(z, b[t : t + 2], [0.0, 1.0]) for t in range(4)]
    assert np.array_equal(x[:, 0], z) and x[:, 2:] == pytest.approx(np.stack(by_hand, axis=1), abs=1e-12)
    assert list(encoder.get_feature_names_out()) == ["c", "c (missing)", *(f"c (piece {t})" for t in range(1, 5))]
    below, above, gap = encoder.transform({"c": [-9.0, 1e9, None]})
    assert below[2] < 0 and below[3:].tolist() == [0, 0, 0] and above[2:5].tolist() == [1, 1, 1] and above[5] > 1
    assert gap[:2].tolist() == [0.0, 1.0] and gap[2:] == pytest.approx([1, 1, 0, 0], abs=1e-2)  # the median
    again = TableEncoder.from_data(json.loads(json.dumps(encoder.to_data())))
    assert np.array_equal(again.transform({"c": v}), x)
    assert encoder.compact_width == 2 and encoder.groups() == {"c": list(range(6))}


@pytest.mark.parametrize(
    ("values", "kind", "edges"),
    [
        (np.arange(300) % 24, "levels", None),
        (np.arange(300) % 2, "number", None),  # one piece would be the number again
        (np.where(np.arange(300) < 290, 0.5, np.arange(300)), "number", None),
        (np.append(np.arange(300) / 7, 1e-9), "pieces", 5),
        (np.where(np.arange(300) < 150, np.arange(300) * 1e-9, np.arange(300)), "pieces", 4),  # no piece of width 1e-8
    ],
)
def test_pieces_are_for_numbers_that_are_no_categories_and_never_narrow(values, kind, edges):
    way = column(values, bins=4)[0].columns_[0]
    assert way.kind == kind and (edges is None or len(way.edges) == edges)


@pytest.mark.parametrize(
    ("values", "both"),
    [
        (np.arange(300) % 3, True),
        (np.arange(300) % 30, True),
        (np.arange(300) % 31, False),  # more values than max_categories
        (np.arange(299) % 30, False),  # more than a tenth of the rows
        (np.arange(300) % 2, False),  # says no more than the number does
        (np.arange(300) % 24 / 2, False),
        (np.arange(300) % 24 * 2.0**40, True),
        (np.arange(300) % 24 * 2.0**60, False),
        ([*np.arange(300) % 24, 1.5], False),
        (np.arange(300) % 24 == 0, False),
    ],
)
def test_numbers_are_categories_where_they_are_whole_and_few(values, both):
    assert (column(values)[0].columns_[0].kind == "levels") == both


@pytest.mark.parametrize(("rows", "kind"), [(439, "number"), (440, "levels")])
def test_numbers_are_categories_too_where_all_columns_so_added_have_ten_rows_each(rows, kind):
    encoder = TableEncoder().fit({f"c{k}": np.arange(rows) % k for k in (12, 5, 9, 8, 10)})
    assert [c.kind for c in encoder.columns_] == [kind] * 5


@pytest.mark.parametrize(
    "one",
    ["x", 5.0, True, date(2020, 1, 1), datetime(2020, 1, 1, 5)],
    ids=["text", "number", "boolean", "date", "clock"],
)
def test_a_cell_that_is_one_thing_or_missing_is_present_or_missing(one):
    encoder, x = column([one, None, one, None, None, one])
    assert x.tolist() == [[1], [-1], [1], [-1], [-1], [1]] and list(encoder.get_feature_names_out()) == ["c"]
    again = TableEncoder.from_data(json.loads(json.dumps(encoder.to_data())))
    assert again.transform({"c": pa.array([None, one])}).tolist() == [[-1], [1]]
    table = {"c": [one] * 10 + [None] * 2, "d": np.arange(12.0) ** 2}
    with pytest.warns(
        UserWarning, match="'c' is constant: .* in every training row, or missing .in 2.; it is left out"
    ):
        assert TableEncoder().fit(table).dropped_.keys() == {"c"}


def test_checkboxes_of_a_file_are_features(tmp_path):
    rng = np.random.default_rng(0)
    ticks = rng.random((200, 2)) < 0.5
    y = 3.0 * ticks[:, 0] - 2.0 * ticks[:, 1] + rng.normal(0, 0.1, 200)
    text = "sea,lift,y\n" + "".join(f"{'x' * int(a)},{'x' * int(b)},{c}\n" for (a, b), c in zip(ticks, y, strict=True))
    source = (tmp_path / "t.csv").write_text(text) and open_table(str(tmp_path / "t.csv"))
    encoder = TableEncoder()
    encoder.learn(source, {"sea": "text", "lift": "text"})
    assert np.array_equal(encoder.encode(source), 2 * ticks - 1)


def test_text_has_a_column_for_each_value_with_rare_missing_and_unknown():
    values = ["u"] * 5 + ["v"] * 4 + ["w"] * 2 + [None, " "]
    encoder, x = column(values)
    assert list(encoder.get_feature_names_out()) == ["c=u", "c=v", "c (rare)", "c (missing)"]
    assert x[[0, 5, 9, 11, 12]].tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1]]
    assert encoder.transform({"c": ["new"]}).tolist() == [[0, 0, 1, 0]]
    encoder, _ = column(["u"] * 5 + ["v"] * 5)
    assert encoder.transform({"c": ["new", None]}).tolist() == [[0, 0], [0, 0]]


def test_many_values_are_hashed_the_same_everywhere():
    values = [f"town {i % 50}" for i in range(500)]
    encoder, x = column(values, buckets=16, seed=3)
    expected = np.zeros((500, 16))
    for i, text in enumerate(values):
        for seed in (3, 4):
            expected[i, murmurhash3_32(text, seed=seed, positive=True) % 16] = 1
    assert np.array_equal(x, expected)
    assert encoder.transform({"c": [None]}).sum() == 0


@given(st.lists(st.text(max_size=40), max_size=8), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_murmur3_is_that_of_scikit_learn(texts, seed):
    texts = [t.encode(errors="replace").decode() for t in texts]
    assert murmur3(texts, seed).tolist() == [murmurhash3_32(t, seed=seed, positive=True) for t in texts]


def test_murmur3_of_published_vectors():
    """Source: the vectors of SMHasher as collected in the article MurmurHash of Wikipedia."""
    assert [hex(v) for v in murmur3(["", "test", "Hello, world!"], 0)] == ["0x0", "0xba6bd213", "0xc0363e43"]
    assert [hex(v) for v in murmur3(["", "test"], 0x9747B28C)] == ["0xebb6c228", "0x704b81dc"]


def test_murmur3_of_texts_of_all_lengths_and_of_parts_of_a_column():
    texts = ["x" * 300_001, *("word é " * (i % 30) + "x" * (i % 5) for i in range(200))]
    wanted = [murmurhash3_32(t, seed=1, positive=True) for t in texts]
    assert murmur3(texts, 1).tolist() == wanted
    for kind in (pa.string(), pa.large_string()):
        assert murmur3(pa.array(["", *texts, "y"], kind).slice(1, len(texts)), 1).tolist() == wanted


PLACES = ["lift", "view", "quiet", "Renovated", "garden", "Küche", "2 rooms", "old-town", "don't", "a"]


def notes(rows=200, seed=0):
    """Texts of three to nine of these words."""
    rng = np.random.default_rng(seed)
    return [", ".join(rng.choice(PLACES, rng.integers(3, 10))) for _ in range(rows)]


def test_free_text_has_the_weights_that_scikit_learn_gives_its_words_and_pairs():
    texts = notes()
    encoder, x = column([*texts, None, ""], dtype="float64")
    (way,) = encoder.columns_
    reference = TfidfVectorizer(token_pattern=r"\w+", ngram_range=(1, 2), sublinear_tf=True, vocabulary=way.terms)
    wanted = reference.fit_transform(texts).toarray() * way.scale
    assert np.allclose(x[:200, :-1], wanted, atol=1e-12) and not x[200:, :-1].any() and x[:, -1].sum() == 2
    some = [*notes(20, 1), "nothing of it", "LIFT view", "", ",", "garden " * 50]
    wanted = reference.transform(some).toarray() * way.scale
    assert np.allclose(encoder.transform({"c": some})[:, :-1], wanted, atol=1e-12)
    counts = CountVectorizer(token_pattern=r"\w+", ngram_range=(1, 2), min_df=3).fit(texts)
    assert set(way.terms) == set(counts.vocabulary_)
    assert (
        list(encoder.get_feature_names_out())[-1] == "c (missing)" and "c: old town" in encoder.get_feature_names_out()
    )


def test_of_free_text_the_commonest_words_and_the_largest_weights_of_a_cell_count():
    texts = [f"lift quiet view word{i // 3}" for i in range(90)] + [" ".join(f"w{i} w{i}" for i in range(300))] * 9
    encoder, x = column(texts, max_words=7)
    assert set(encoder.columns_[0].terms) == {"lift", "quiet", "view", "lift quiet", "quiet view", "w0", "w0 w0"}
    encoder, x = column(texts, "words")
    (way,) = encoder.columns_
    assert way.most == encoder.compact_width / 2 == 128
    norms = np.sqrt((x**2).sum(axis=1))
    assert norms == pytest.approx(np.full(99, way.scale), rel=1e-6) and (x[-1] > 0).sum() == 128
    assert np.array_equal(TableEncoder.from_data(json.loads(json.dumps(encoder.to_data()))).transform({"c": texts}), x)


def some(pattern, rows=300):
    """Texts with random parts: {n} a number, {s} a name, {h} a hexadecimal number, {w} a word of a few."""
    rng = np.random.default_rng(0)
    name = lambda: "".join(rng.choice(list("abcdefghij"), 7)).title()  # noqa: E731
    return [
        re.sub(
            r"\{(.)\}",
            lambda m: {
                "n": str(rng.integers(10**6)),
                "s": name(),
                "h": f"{rng.integers(2**60):015x}",
                "w": rng.choice(["Street", "Road", "Lane", "Oslo", "Rome", "Mr.", "Mrs."]),
            }[m[1]],
            pattern,
        )
        for _ in range(rows)
    ]


@pytest.mark.parametrize(
    ("texts", "way"),
    [
        (notes(), "words"),
        (some("{s}, {w} {w} {s}"), "words"),  # as the names of the Titanic's passengers
        (some("{n} {s} {w}, {w}"), "words"),
        (some("{w} {w} {w}"), "words"),
        (some("{w} {w} {w}")[:25], "words"),
        (some("{w} {w}", 1000), "hashed"),
        (some("{w} of {w} and so on")[:19], "category"),
        (some("{w} of the")[:100], "category"),
        (some("{h}-{h}"), None),
        (some("{h} {h} {h} {h}"), None),
        (some("https://www.example.com/{w}/{s}.html"), None),
        (some("{s}@example.com"), None),
        (some("{s} {s}"), None),
        (some("{s} {s} {s}"), None),
        (some("photo {s}.jpg"), None),
        (some("+{n} {n} {n} {n}"), None),
        (some("東京の{s}とても静か"), None),
    ],
)
def test_free_text_is_told_from_categories_and_ids(texts, way):
    table = {"c": texts, "d": np.random.default_rng(0).normal(size=len(texts))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if way is None else "error")
        encoder = TableEncoder().fit(table)
    assert {c.name: c.kind for c in encoder.columns_}.get("c") == way
    if way is None:
        assert "c" in encoder.dropped_
        assert TableEncoder(kinds={"c": "category"}).fit(table).columns_[0].kind == "hashed"


def test_a_column_of_words_may_be_forced_and_must_have_some():
    assert column(["red car"] * 4 + ["red bike"] * 4, "words")[0].columns_[0].kind == "words"
    with pytest.raises(DataError, match=r"'c' has no word that 3 training rows share; --kind c=category\?"):
        column(["u", "v", "w"], "words")


def test_long_columns_of_free_text_are_counted_in_parts(monkeypatch):
    monkeypatch.setattr("nnx.tables.encoding.words.SAMPLE", 1000)
    monkeypatch.setattr("nnx.tables.encoding.words.COUNTED", 60)
    terms, texts = Terms(), notes(4000)
    for i in range(0, 4000, 500):
        terms.see(pa.array(texts[i : i + 500]), np.ones(500, dtype=int))
    assert terms.cells == pytest.approx(4000, rel=0.05) and len(terms.counts) <= 60
    counts = CountVectorizer(token_pattern=r"\w+", binary=True).fit_transform(texts).sum(axis=0)
    found = terms.vocabulary(10, 3)
    assert sorted(found.values())[-1] == pytest.approx(counts.max(), rel=0.15)


def test_booleans_are_1_and_minus_1():
    assert column([True, False, None])[1].tolist() == [[1, 0], [-1, 0], [0, 1]]
    assert column(["yes", "no"], "boolean")[1].tolist() == [[1], [-1]]


def test_dates_are_a_number_and_their_place_in_year_and_week():
    days = [date(2021, 1, 4), date(2021, 1, 11), date(2022, 1, 4), date(2021, 7, 5)]
    encoder, x = column(days, dtype="float64")
    names = list(encoder.get_feature_names_out())
    assert names == ["c", "c sin of year", "c cos of year", "c sin of week", "c cos of week"]
    year, week = x[:, 1:3], x[:, 3:5]
    assert np.allclose(week[0], week[1]) and np.allclose(week[0], week[3])  # Mondays
    assert np.abs(year[0] - year[2]).max() < 0.01 and np.abs(year[0] + year[3]).max() < 0.05
    seconds = datetime(2021, 1, 4, tzinfo=UTC).timestamp()
    assert year[0] == pytest.approx([np.sin(2 * np.pi * seconds / YEAR), np.cos(2 * np.pi * seconds / YEAR)], abs=1e-9)
    clock = column([datetime(2021, 1, 1, 6), datetime(2021, 1, 2, 18), None])[0]
    assert list(clock.get_feature_names_out())[-2:] == ["c sin of day", "c cos of day"]


def test_times_of_day_are_a_number_and_their_place_in_the_day():
    seconds = np.arange(0, 86_400, 3_601)
    encoder, x = column(pa.array(seconds, pa.int32()).cast(pa.time32("s")), "time", dtype="float64")
    assert list(encoder.get_feature_names_out()) == ["c", "c sin of day", "c cos of day"]
    angle = 2 * np.pi * seconds / 86_400
    assert np.allclose(x[:, 1:], np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-12)
    assert np.array_equal(x[:, :1], column(seconds.astype(float), dtype="float64", levels=False)[1])
    lengths = pa.array(seconds * 7, pa.int64()).cast(pa.duration("s"))
    assert column(lengths, "duration")[1].shape == (24, 1)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([1.0] * 30, "is constant"),
        (["u"] * 30, "is constant"),
        ([None] * 30, "is empty"),
        (list(range(30)), "numbers the rows"),
        ([f"id {i}" for i in range(30)], "looks like an id"),
    ],
)
def test_columns_that_tell_nothing_are_left_out_with_a_warning(values, why):
    table = {"c": pa.array(values), "d": np.random.default_rng(0).normal(size=30)}
    with pytest.warns(UserWarning, match=f"column 'c' {why}.*left out"):
        encoder = TableEncoder().fit(table)
    assert list(encoder.dropped_) == ["c"] and encoder.transform(table).shape == (30, 1)


SHUFFLED = np.random.default_rng(0).permutation(200)


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("c", SHUFFLED, "numbers the rows, 0 to 199"),
        ("c", 10**6 + SHUFFLED, "numbers the rows, 1000000 to 1000199"),
        ("c", -SHUFFLED, "numbers the rows, -199 to 0"),
        ("c", 2 * SHUFFLED, None),
        ("c", SHUFFLED + 0.5, None),
        ("c", np.where(SHUFFLED == 7, 8, SHUFFLED), None),
        ("c", np.where(SHUFFLED == 7, 9, np.where(SHUFFLED == 12, 10, SHUFFLED)), None),  # the sum of a numbering
        ("c", pa.array(SHUFFLED, mask=SHUFFLED == 5), None),
        ("c", SHUFFLED[:19] % 19, None),  # too few rows to tell
        *[
            (name, 3 * SHUFFLED**2, "looks like an id: 200 different whole numbers")
            for name in (
                "id",
                "ID",
                "user_id",
                "userId",
                "customer id",
                "Unnamed: 0",
                "key",
                "index",
                "uuid",
                "column 1",
            )
        ],
        *[(name, 3 * SHUFFLED**2, None) for name in ("paid", "monkey", "grid", "price", "width", "Unnamed", "idle")],
        ("user_id", SHUFFLED // 2, None),
        ("user_id", 3 * SHUFFLED + 0.5, None),
    ],
)
def test_ids_and_numbers_of_rows_are_left_out(name, values, why):
    table = {name: values, "d": np.random.default_rng(0).normal(size=len(values))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = TableEncoder().fit(table)
    found = encoder.dropped_.get(name)
    assert (
        (found is None)
        if why is None
        else f"column {name!r} {why} (--kind {quote(f'{name}=number')} keeps it)" == found
    )
    assert len(TableEncoder(kinds={name: "number"}).fit(table).columns_) == 2


def test_rows_are_numbered_whatever_the_blocks():
    numbering = Numbering()
    for part in np.array_split(SHUFFLED.astype(float) - 1e15, 7):
        numbering.see(part)
    assert numbering.holds
    numbering.see(np.asarray([3.0]))
    assert not numbering.holds


def test_spellings_are_noted_and_merged_where_it_is_asked_for():
    table = {"c": ["low", "LOW", "Low", "high"] * 5, "d": ["u", "v"] * 10, "e": ["ÄRGER", "Ärger"] * 10}
    encoder = TableEncoder().fit(table)
    assert encoder.notes_ == [
        f"column {name!r}: {texts} are different values; --fold-case makes one of capitals and small letters"
        for name, texts in (("c", "'LOW' and 'Low' and 'low'"), ("e", "'ÄRGER' and 'Ärger'"))
    ]
    with pytest.warns(UserWarning, match="column 'e' is constant: 'ärger'"):
        folded = TableEncoder(fold_case=True).fit(table)
    assert list(folded.get_feature_names_out()) == ["c=low", "c=high", "d=u", "d=v"] and folded.notes_ == []
    again = TableEncoder.from_data(json.loads(json.dumps(folded.to_data())))
    assert again.transform({"c": ["lOW"], "d": ["U"]}).tolist() == [[1, 0, 1, 0]]


def test_a_kind_that_is_given_is_kept():
    encoder, x = column(list(range(30)), "number")
    assert x.shape == (30, 1)
    encoder = TableEncoder(kinds={"c": "drop"}).fit({"c": [1, 2], "d": [2.0, 1.0]})
    assert list(encoder.get_feature_names_out()) == ["d"] and encoder.dropped_ == {}


def mixed():
    rng = np.random.default_rng(0)
    return {
        "number": [None if i == 3 else float(v) for i, v in enumerate(rng.normal(size=60))],
        "whole": rng.integers(0, 9, 60),
        "text": [("u", "v", None)[i] for i in rng.integers(0, 3, 60)],
        "many": [f"t{i}" for i in rng.integers(0, 40, 60)],
        "truth": rng.random(60) > 0.5,
        "day": [date(2020, 1, 1 + int(i)) for i in rng.integers(0, 30, 60)],
    }


def test_every_kind_of_table_of_python_gives_the_same_matrix():
    import pandas as pd

    table = mixed()
    x = TableEncoder().fit_transform(table)
    frame = pd.DataFrame(table)
    frame["text"] = frame["text"].astype("category")
    encoder = TableEncoder().fit(frame)
    for other in (table, frame, pa.table(table), frame.set_index("whole", drop=False)):
        assert np.array_equal(encoder.transform(other), x)
    with_more = {"extra": range(60), **dict(reversed(table.items()))}
    assert np.array_equal(encoder.transform(with_more), x)


def test_polars_frames_are_tables():
    import polars as pl

    table = mixed()
    assert np.array_equal(TableEncoder().fit_transform(pl.DataFrame(table)), TableEncoder().fit_transform(table))


def test_arrays_of_other_libraries_are_tables():
    x = np.random.default_rng(0).normal(size=(40, 3))
    encoder = TableEncoder().fit(array_api_strict.asarray(x))
    assert np.array_equal(encoder.transform(x), TableEncoder().fit_transform(x))
    with pytest.raises(DataError, match="X has 2 features, but TableEncoder is expecting 3 features"):
        encoder.transform(x[:, :2])


def test_the_state_is_plain_data():
    table = mixed()
    encoder = TableEncoder(max_categories=5, seed=2**63).fit(table)
    again = TableEncoder.from_data(json.loads(json.dumps(encoder.to_data())))
    assert (
        np.array_equal(again.transform(table), encoder.transform(table)) and again.get_params() == encoder.get_params()
    )
    assert np.array_equal(pickle.loads(pickle.dumps(encoder)).transform(table), encoder.transform(table))


@pytest.mark.parametrize("spoil", ["kind", "cells", "extra", "settings", "columns"])
def test_a_spoiled_state_is_refused(spoil):
    data = json.loads(json.dumps(TableEncoder().fit(mixed()).to_data()))
    if spoil in ("kind", "cells"):
        data["columns"][0][spoil] = "os.system"
    elif spoil == "extra":
        data["columns"][0]["more"] = 1
    elif spoil == "settings":
        data["settings"]["scale"] = "huge"
    else:
        del data["columns"]
    with pytest.raises(ModelFileError, match="the table encoder in it cannot be read"):
        TableEncoder.from_data(data)


def test_a_model_file_keeps_encoder_and_target(tmp_path):
    table = mixed()
    encoder = TableEncoder().fit(table)
    x, target = encoder.transform(table), Target("color", ("red", "green"))
    y = np.arange(60) % 2
    fit = nnx.fit(nnx.mlp((8,), 2), x, y, loss="softmax_cross_entropy", epochs=2)
    nnx.save(tmp_path / "m.safetensors", fit.net, fit.params, loss=fit.loss, encoder=encoder, target=target)
    model = nnx.load(tmp_path / "m.safetensors")
    assert np.array_equal(model.predict_table(table, proba=True), fit.predict(x))
    assert set(model.predict_table(table)) <= {"red", "green"}
    nnx.save(tmp_path / "n.safetensors", fit.net, fit.params)
    with pytest.raises(ModelFileError, match="saved without an encoder"):
        nnx.load(tmp_path / "n.safetensors").predict_table(table)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"scale": "max"}, "unknown scale 'max'"),
        ({"dtype": "int8"}, "unknown dtype 'int8'"),
        ({"buckets": 0}, "buckets must be at least 1, got 0"),
        ({"kinds": {"c": "txt"}}, "unknown kind 'txt': did you mean 'text'?"),
        ({"kinds": {"e": "text"}}, "unknown column 'e'"),
    ],
)
def test_settings_out_of_range_are_refused(bad, message):
    with pytest.raises((SettingError, DataError), match=message.replace("?", r"\?")):
        TableEncoder(**bad).fit({"c": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"c": [1.0, "u"]}, "the table cannot be read"),
        ({"c": [[1], [2]]}, "column 'c' holds list"),
        (np.ones(3), r"got shape \(3,\)"),
        ([[1, 2], [3]], "rows of one length"),
        (3, "expected a table or an array"),
        ({"c": [1.0, float("inf")]}, "table, row 1: column 'c' has a number too large"),
    ],
)
def test_what_is_no_table_is_refused(table, message):
    with pytest.raises(DataError, match=message):
        TableEncoder().fit(table)


def scikit_learns_checks():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Estimator TableEncoder does not inherit")  # it needs no scikit-learn
        return list(estimator_checks_generator(TableEncoder()))


@pytest.mark.parametrize(("estimator", "check"), scikit_learns_checks())
def test_scikit_learns_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="TableEncoder: column")  # checks fit on constant columns
        warnings.filterwarnings("ignore", category=pytest.PytestWarning)
        check(estimator)


def test_it_is_a_step_of_a_pipeline():
    table = mixed()
    y = (np.asarray(table["whole"]) > 4).astype(int)
    pipeline = make_pipeline(TableEncoder(), nnx.MLPClassifier((16,), max_iter=400, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert clone(pipeline).fit(table, y).score(table, y) > 0.9


def test_statistics_of_blocks_are_those_of_the_whole():
    v = np.random.default_rng(0).normal(size=1000) * 3 + 1e6
    v[::7] = np.nan
    seen = Numbers()
    for part in np.array_split(v, 13):
        seen.see(part)
    there = v[~np.isnan(v)]
    assert (seen.rows, seen.gaps) == (1000, 143)
    assert seen.mean == pytest.approx(there.mean(), rel=1e-14) and seen.deviation == pytest.approx(
        there.std(), rel=1e-9
    )
    assert seen.quantiles(0.25, 0.5) == pytest.approx(np.quantile(there, [0.25, 0.5]), rel=1e-15)


def test_quantiles_of_many_rows_come_from_a_sample():
    seen, rng = Numbers(), np.random.default_rng(0)
    for _ in range(12):
        seen.see(rng.uniform(size=50_000))
    assert len(seen.sample) <= 2 * SAMPLE
    assert seen.quantiles(0.25, 0.5, 0.75) == pytest.approx([0.25, 0.5, 0.75], abs=0.01)


def test_classes_are_kept_as_they_are_spelled():
    target = Target("t", ("1", "2", "10"))
    assert target.encode(pa.array(["10", "1.0", "2", "3", None])).tolist() == [2, 0, 1, -1, -1]
    assert target.decode(np.asarray([[0.1, 0.2, 0.7]])).tolist() == ["10"]
    values = Target("t", (), 100.0, 20.0)
    assert values.decode(values.encode(np.asarray([90.0]))[:, None]) == pytest.approx([90.0])


def test_set_output_gives_data_frames():
    import pandas as pd

    frame = pd.DataFrame(mixed(), index=range(5, 65))
    encoder = TableEncoder().fit(frame)
    out = make_pipeline(encoder).set_output(transform="pandas").transform(frame)
    assert list(out.columns) == list(encoder.get_feature_names_out()) and list(out.index) == list(frame.index)
    assert np.array_equal(out.to_numpy(), encoder.set_output(transform="default").transform(frame))


def test_records_times_and_durations_are_taken():
    rows = [{"a": 1.0, "b": "u"}, {"a": 2.0, "b": "v"}] * 4
    assert TableEncoder().fit_transform(rows).shape == (8, 3)
    times = pa.array([1, 2, 4], pa.time64("us"))
    lengths = pa.array([1, 2, 4], pa.duration("ms"))
    encoder = TableEncoder(scale="standard")
    x = encoder.fit_transform({"t": times, "d": lengths, "n": [1.0, 2.0, 4.0]})
    assert encoder.kinds_ == {"t": "time", "d": "duration", "n": "number"}
    assert np.allclose(x[:, 0], x[:, -1]) and np.allclose(x[:, -2], x[:, -1])


def test_a_column_of_several_types_is_named_with_what_helps():
    import pandas as pd

    table = pd.DataFrame({"c": pd.Series([1, "a", None], dtype=object), "d": [1.0, 2.0, 3.0]})
    with pytest.raises(DataError, match=r"column 'c' holds values of several types: \.astype\(str\) makes them"):
        TableEncoder().fit(table)
