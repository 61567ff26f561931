"""Data files that lie or grow: each is one line, in little memory."""

import gzip
import io
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytest.importorskip("click", reason="click is not installed")

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
    "arrow that lies": ("x.arrow", lambda: b"ARROW1\0\0" + b"\xff" * 200 + b"\xff\xff\xff\x7fARROW1", "read as Arrow"),
}
SERVER = """
import os, resource, sys
import pyarrow, pyarrow.csv, pyarrow.parquet, pyarrow.feather, numpy, numpy.lib.format
from nnx import cli
import nnx.cli.commands, nnx.cli.train
for line in sys.stdin:
    folder, file = line.split()
    if os.fork():
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
        continue
    os.chdir(folder)
    for name, stream in (("out", 1), ("err", 2)):
        os.dup2(os.open(f"{folder}.{name}", os.O_CREAT | os.O_WRONLY), stream)
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]), -1))
    cli.main(["train", file, "--target", "y"])
"""


@pytest.fixture(scope="module")
def train():
    """`nnx train` on a file of a folder, in little memory, by a fork of one process that has imported all it needs."""
    command = [sys.executable, "-c", SERVER, str(ROOM)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def run(folder, file):
            server.stdin.write(f"{folder} {file}\n")
            server.stdin.flush()
            code = int(server.stdout.readline())
            return code, Path(f"{folder}.out").read_text(), Path(f"{folder}.err").read_text()

        yield run
        server.stdin.close()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_data_file_is_one_line_in_little_memory(tmp_path, train, name):
    file, content, message = HOSTILE[name]
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / file).write_bytes(content())
    code, out, err = train(folder, file)
    assert code == 2 and out == "", err[-500:]
    assert message in err and err.count("\n") == 1 and len(err) <= 206, err
    assert sorted(p.name for p in folder.iterdir()) == [file]


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
