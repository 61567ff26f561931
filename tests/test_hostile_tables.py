"""Data files that lie or grow: each is one line, in little memory."""

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytest.importorskip("click", reason="click is not installed")

import pyarrow.feather as fe  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from conditions import Server  # noqa: E402

MIB = 2**20
ZEROS = bytes(MIB)
ROOM = 400 * MIB  # what a refusal may take beyond the imports, address space with the pools of libraries included


def npy_head(shape, kind="<f8"):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()


def npz_bomb():
    """Zeros that are deflated once, a MiB of them, and repeated: to deflate all of them takes a minute."""
    deflate = zlib.compressobj(9, wbits=-15)
    head, block = (deflate.compress(x) + deflate.flush(zlib.Z_FULL_FLUSH) for x in (npy_head("(50000000, 10)"), ZEROS))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", head + 4000 * block + deflate.flush())
        member = archive.getinfo("x.npy")  # of which the directory is made
        member.compress_type, member.file_size = zipfile.ZIP_DEFLATED, 4000 * MIB + 128
    return file.getvalue()


def zip_that_lies():
    """A member whose size in the directory is small, and its array huge."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", npy_head("(50000000, 10)") + bytes(64))
    return file.getvalue()


def book_bomb():
    """A workbook whose sheet would be 3.9 GiB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"")
        archive.getinfo("xl/worksheets/sheet1.xml").file_size = 4000 * MIB
    return file.getvalue()


CELL = b'a,y\n1,1\n"' + b"x" * (30 * MIB) + b'",2\n3,1\n'
HOSTILE = {
    "npz that grows": ("x.npz", npz_bomb, "would grow to 3.9 GiB from"),
    "npz that lies": ("x.npz", zip_that_lies, "x cannot be read"),
    "npy that lies": ("x.npy", lambda: npy_head("(1000000000, 10)") + bytes(80), "cannot be read as NPY"),
    "npy of negative size": ("x.npy", lambda: npy_head("(-1, 10)") + bytes(80), "x.npy: "),
    "npy with a long header": ("x.npy", lambda: b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{", "NPY"),
    "100,000 columns": ("x.csv", lambda: b",".join(b"c%d" % i for i in range(100_000)) + b"\n1\n", "100000 columns"),
    "one endless line": ("x.csv", lambda: b"a" * (40 * MIB), "the first line is longer than 16 MiB"),
    "one endless line, compressed": (
        "x.csv.gz",
        lambda: gzip.compress(b"a" * (300 * MIB), 1),
        "the first line is longer",
    ),
    "one giant cell": ("x.csv", lambda: CELL, "a cell is longer than 4 MiB"),
    "a giant cell, compressed": ("x.csv.gz", lambda: gzip.compress(CELL, 1), "a cell is longer than 4 MiB"),
    "a quote left open": ("x.csv", lambda: b'a,y\n1,"1\n' + b"2,2\n" * 4_000_000, "is a quote left open?"),
    "parquet that lies": (
        "x.parquet",
        lambda: b"PAR1" + bytes(64) + b"\xff\xff\xff\x7fPAR1",
        "cannot be read as Parquet",
    ),
    "a workbook that grows": ("x.xlsx", book_bomb, "would grow to 3.9 GiB from"),
    "a packed file that grows": (
        "x.parquet.gz",
        lambda: gzip.compress(b"PAR1" + bytes(600 * MIB), 1),
        "x.parquet.gz: it grows to more than",
    ),
    "an endless object": ("x.json", lambda: b'[{"a": "' + b"x" * (40 * MIB), "longer than 16 MiB"),
    "deep JSON": ("x.jsonl", lambda: b"[" * 200_000, "cannot be read as JSON"),
    "100,000 names": (
        "x.jsonl",
        lambda: b"".join(b'{"c%d": 1}\n' % i for i in range(100_000)),
        "more than 20000 different names",
    ),
    "arrow that lies": ("x.arrow", lambda: b"ARROW1\0\0" + b"\xff" * 200 + b"\xff\xff\xff\x7fARROW1", "read as Arrow"),
}
N = 12_000  # rows whose 20 kB texts are 240 MB when they are decoded, and in memory three times that


def parquet(table, **more):
    file = io.BytesIO()
    pq.write_table(table, file, **more)
    return file.getvalue()


def arrow(table):
    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def feather(table, **more):
    file = io.BytesIO()
    fe.write_feather(table, file, **more)
    return file.getvalue()


def coded(n, *texts):
    """A column of n texts, each of them in turn, as a dictionary."""
    return pa.DictionaryArray.from_arrays(pa.array(np.arange(n, dtype="int32") % len(texts)), pa.array(texts))


def y(n):
    return coded(n, "r", "s")


def of_text(*offsets, data=b"abc"):
    """A column of text with these offsets into its data, unchecked."""
    buffers = [None, pa.py_buffer(np.array(offsets, "int32").tobytes()), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


def views(n):
    """A column of n text views, all on two texts of 20 kB."""
    view = np.zeros(n, dtype=[("size", "<i4"), ("head", "S4"), ("buffer", "<i4"), ("start", "<i4")])
    second = np.arange(n) % 2
    view["size"], view["head"], view["start"] = 20_000, np.where(second, b"bbbb", b"aaaa"), 20_000 * second
    buffers = [None, pa.py_buffer(view.tobytes()), pa.py_buffer(b"a" * 20_000 + b"b" * 20_000)]
    return pa.Array.from_buffers(pa.string_view(), n, buffers)


def swapped_footer():
    """The pages of a few rows under the metadata of many."""
    few, many = (parquet(pa.table({"a": np.zeros(n), "y": np.zeros(n)}), compression=None) for n in (8, 50_000))
    at = int.from_bytes(many[-8:-4], "little") + 8
    return few[:-8].ljust(len(many) - at, b"\0") + many[-at:]


def long_texts():
    return coded(N, "a" * 20_000, "b" * 20_000)


PLAIN = {"use_dictionary": False, "data_page_size": 1 << 30, "max_rows_per_page": 1 << 30, "row_group_size": 1 << 30}
DELTA = {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY", "y": "PLAIN"}}
MILLIONS = 35_000_000  # zeros of 267 MiB


def large(write, **more):
    return lambda: write(pa.table({"a": np.zeros(MILLIONS)}), **more)


COLUMNAR = {  # what is said of it; "": it is trained on
    "a dictionary of long texts": ("x.parquet", lambda: parquet(pa.table({"a": long_texts(), "y": y(N)})), ""),
    "a target of long texts": ("x.parquet", lambda: parquet(pa.table({"y": long_texts(), "a": np.arange(N) % 7})), ""),
    "the same in Arrow": ("x.feather", lambda: feather(pa.table({"a": long_texts(), "y": y(N)})), ""),
    "views of long texts": ("x.arrow", lambda: arrow(pa.table({"a": views(N), "y": y(N)})), ""),
    "texts by what differs": (
        "x.parquet",
        lambda: parquet(
            pa.table({"a": ["x" * 500_000 + str(i % 7) for i in range(500)], "y": ["r", "s"] * 250}), **DELTA
        ),
        "",
    ),
    "a giant text": ("x.parquet", lambda: parquet(pa.table({"a": coded(N, "a" * 15 * MIB, "b"), "y": y(N)})), "4 MiB"),
    "a giant text in Arrow": (
        "x.arrow",
        lambda: arrow(pa.table({"a": coded(N, "b", "a" * 15 * MIB), "y": y(N)})),
        "x.arrow, row 2: column 'a' has a cell longer than 4 MiB",
    ),
    "a giant page": ("x.parquet", large(parquet, compression="zstd", **PLAIN), "a page of column 'a' grows to 267 MiB"),
    "a giant batch": ("x.feather", large(feather, chunksize=1 << 30, compression="zstd"), "a record batch of it grows"),
    "rows of nothing": (
        "x.arrow",
        lambda: arrow(pa.table({"a": pa.nulls(300_000_000), "y": pa.nulls(300_000_000)})),
        "a byte for each of the 300,000,000 rows",
    ),
    "metadata of another": ("x.parquet", swapped_footer, "x.parquet: "),
    "offsets beyond the data": (
        "x.arrow",
        lambda: arrow(pa.table({"a": of_text(0, 1, 2**30, 3), "y": [1, 2, 3]})),
        "Arrow",
    ),
    "text that is none": (
        "x.parquet",
        lambda: parquet(pa.table({"a": of_text(0, 1, 2, data=b"\xff\xfe"), "y": [1, 2]})),
        "Invalid UTF8",
    ),
    "the same text in Arrow": (
        "x.arrow",
        lambda: arrow(pa.table({"a": of_text(0, 1, 2, data=b"\xff\xfe"), "y": [1, 2]})),
        "Invalid UTF8",
    ),
    "lists": ("x.parquet", lambda: parquet(pa.table({"a": [[1, 2]] * 9, "y": [1, 2, 3] * 3})), "holds list"),
    "structures": ("x.arrow", lambda: arrow(pa.table({"a": [{"k": 1}] * 9, "y": [1, 2, 3] * 3})), "holds struct"),
    "a CSV that grows": (
        "x.csv.gz",
        lambda: gzip.compress(b"a,y\n" + b"%s,r\n1,s\n" % (b"x" * 20_000) * 15_000, 1),
        "",
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


def trained(tmp_path, server, file, content, *more, room=ROOM):
    """`nnx train` on a file of a folder, in little memory."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / file).write_bytes(content())
    words = ["train", file, "--target", "y", *more]
    code, out, err = server.run(*words, folder=folder, room=room, environment={"NNX_CACHE": str(tmp_path / "cache")})
    return code, out.decode(), err.decode(), sorted(p.name for p in folder.iterdir())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_data_file_is_one_line_in_little_memory(tmp_path, server, name):
    file, content, message = HOSTILE[name]
    code, out, err, left = trained(tmp_path, server, file, content)
    assert code == 2 and out == "", err[-500:]
    assert message in err and err.count("\n") == 1 and len(err) <= 206, err
    assert left == [file]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
@pytest.mark.parametrize("name", COLUMNAR)
def test_memory_is_bounded_whatever_a_file_grows_to(tmp_path, server, name):
    file, content, message = COLUMNAR[name]
    quick = ("--memory", "50MB", "--epochs", "1", "--hidden", "2", "-q", "--out", "run")
    code, out, err, left = trained(tmp_path, server, file, content, *quick, room=600 * MIB)
    assert (code, out) == (2 if message else 0, ""), err[-500:]
    assert message in err and err.count("\n") == bool(message) and len(err) <= 206, err
    assert left == ([file] if message else ["run", file])


@pytest.mark.parametrize("codec", [None, "zstd", "gzip", "snappy", "brotli", "lz4"])
@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_a_damaged_file_is_one_line_or_read(tmp_path, kind, codec):
    from nnx.errors import DataError
    from nnx.tables import open_table

    if kind == "feather" and codec in ("gzip", "snappy", "brotli"):
        pytest.skip("Arrow files know zstd and lz4")
    n = 400
    table = pa.table({"a": np.arange(n) * 0.5, "t": [f"text {i % 9}" for i in range(n)], "d": coded(n, "u", "v")})
    if kind == "parquet":
        whole = parquet(table, compression=codec or "none", row_group_size=150)
    else:
        whole = feather(table, chunksize=150, compression=codec or "uncompressed")
    rng, path = np.random.default_rng(0), tmp_path / f"x.{kind}"
    counts = {True: 0, False: 0}
    for _ in range(150):
        content = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 4)):
            content[at] = rng.integers(256)
        path.write_bytes(content[: rng.integers(1, len(content))] if rng.random() < 0.2 else content)
        try:
            source = open_table(str(path))
            for batch in source.batches([name for name in source.columns if name in ("a", "t", "d")]):
                assert batch.num_rows
            counts[True] += 1
        except DataError as error:
            assert len(str(error)) <= 200 and "\n" not in str(error)
            counts[False] += 1
    assert min(counts.values()) > 5


def test_mixed_line_ends_are_line_ends(tmp_path):
    from nnx.tables import TableEncoder, open_table

    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\r\n1,2\n3,4\r5,6\r\n\n7,8")
    source = open_table(str(path))
    found = source.scan({})
    assert found.rows == 4 and found.kinds == {"a": "number", "b": "number"}
    encoder = TableEncoder(scale="standard")
    encoder.learn(source, found.kinds)
    assert encoder.columns_[0].center == np.mean([1, 3, 5, 7])
