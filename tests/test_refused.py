"""Files and options that cannot be used: each is one line that says where and what to do, and nothing is left behind."""

import gzip
import io
import os

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
from pyarrow import feather, parquet  # noqa: E402


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def in_parquet(table):
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def in_arrow(table):
    file = io.BytesIO()
    feather.write_feather(table, file)
    return file.getvalue()


def rows(*cells, head="a,y", n=40):
    """A CSV of n good rows, then these."""
    good = [f"{i}.5,{i % 2}" for i in range(n)]
    return "\n".join([head, *good, *cells]) + "\n"


A_CSV = "a,b,y\n1,2,3\n4,5,6\n7,8,9\n"
Y = ["--target", "y"]
WHOLE = [*Y, "--missing-target", "error"]
UTF8 = ["--encoding", "utf-8"]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
LONG = "a,y\n" + '"' + "x" * (5 << 20) + "\n1,2\n"
# name: (file, content, options, exit code, part of the message)
FILES = {
    "no file": (None, "", [], 2, "no such file, and not one of the built-in sets (penguins,"),
    "a folder": ("sub/", "", Y, 2, "sub: a folder without a table"),
    "an Excel file": ("x.xlsx", b"PK\x03\x04", Y, 2, "x.xlsx: cannot be read: File is not a zip file"),
    "an Excel file named csv": ("x.csv", b"PK\x03\x04" + bytes(30), Y, 2, "x.csv: cannot be read: File is not a zip file"),
    "a picture named csv": ("x.csv", PNG, Y, 2, "x.csv: a picture, no table"),
    "zero bytes": ("x.csv", "a,y\n1,\0\n", Y, 2, "not a text file (it holds zero bytes)"),
    "json": ("x.json", "{}", Y, 2, "x.json: no rows"),
    "empty file": ("x.csv", "", Y, 2, "the file is empty"),
    "blank file": ("x.csv", "\n\n\n", Y, 2, "the file is empty"),
    "header only": ("x.csv", "a,y\n", Y, 2, "no rows below the header"),
    "no header": ("x.csv", "1,2\n3,4\n", ["--target", "1"], 2, "unknown column '1': known: column 1, column 2"),
    "semicolons": ("x.csv", "a;y\n1;1\n", [*Y, "--delimiter", ","], 2, "if ; part the columns: --delimiter ';'"),
    "tabs": ("x.csv", "a\ty\n1\t1\n", [*Y, "--delimiter", ","], 2, "if tabs part the columns: --delimiter '\\t'"),
    "bars": ("x.csv", "a|y\n1|1\n", [*Y, "--delimiter", ","], 2, "if | part the columns: --delimiter '|'"),
    "commas in tsv": ("x.tsv", A_CSV, [*Y, "--delimiter", "\\t"], 2, "if commas part the columns: --delimiter ','"),
    "short row": ("x.csv", "a,y\n1,1\n2\n", Y, 2, "x.csv, line 3: 1 cell, the header has 2"),
    "long row": ("x.csv", "a,y\n1,1\n\n2,3,4\n", Y, 2, "x.csv, line 4: 3 cells, the header has 2"),
    "short row after a quoted break": ("x.csv", 'a,y\n"1\n",1\n2\n', Y, 2, "line 4: 1 cell, the header has 2"),
    "open quote": ("x.csv", LONG, Y, 2, "x.csv, line 2: a cell is longer than 4 MiB; is a quote left open?"),
    "latin-1 header": ("x.csv", "é,y\n1,1\n".encode("latin-1"), [*Y, *UTF8], 2, "the header is not utf-8 text; save the file as"),
    "latin-1 cell": ("x.csv", "a,y\n1,1\né,2\n".encode("latin-1"), [*Y, *UTF8], 2, "x.csv, line 3 is not utf-8 text; save the"),
    "utf-16": ("x.csv", A_CSV.encode("utf-16"), [*Y, *UTF8], 2, "this is UTF-16 text: leave --encoding out"),
    "unknown encoding": ("x.csv", A_CSV, [*Y, "--encoding", "utf-99"], 2, "no such encoding: 'utf-99'"),
    "two characters": ("x.csv", A_CSV, [*Y, "--delimiter", ";;"], 2, "--delimiter must be one character, got ';;'"),
    "too many columns": ("x.csv", ",".join(f"c{i}" for i in range(20_001)) + "\n", Y, 2, "20001 columns; a text file"),
    "no target": ("x.csv", A_CSV, [], 2, "say which column to predict: --target y"),
    "unknown target": ("x.csv", A_CSV, ["--target", "yy"], 2, "unknown column 'yy': did you mean 'y'?"),
    "only target": ("x.csv", "y\n1\n2\n", Y, 2, "no column besides the target"),
    "target dropped": ("x.csv", A_CSV, [*Y, "--drop", "y"], 2, "the target 'y' is dropped"),
    "all dropped": ("x.csv", A_CSV, [*Y, "--drop", "a,b"], 2, "no column besides the target"),
    "unknown column dropped": ("x.csv", A_CSV, [*Y, "--drop", "c"], 2, "unknown column 'c'"),
    "unknown column in kinds": ("x.csv", A_CSV, [*Y, "--kind", "c=text"], 2, "unknown column 'c'"),
    "unknown kind": ("x.csv", A_CSV, [*Y, "--kind", "a=txt"], 2, "column 'a': unknown kind 'txt': did you mean 'text'?"),
    "one class": ("x.csv", "a,y\n1,u\n2,u\n3,u\n", Y, 2, "the target 'y' has one class, 'u': nothing to learn"),
    "constant target": ("x.csv", "a,y\n1,2.5\n2,2.5\n3,2.5\n", Y, 2, "the target 'y' is 2.5 in every row"),
    "missing target": ("x.csv", "a,y\n1,1\n2,\n", WHOLE, 2, "1 row has no target 'y' (x.csv, line 3): fill them, or --missing-target drop"),
    "blank classes": ("x.csv", "a,y\n1,u\n2,NA\n3,v\n4,\n", WHOLE, 2, "2 rows have no target 'y' (first x.csv, line 3): fill them"),
    "no target at all": ("x.csv", "a,y\n1,\n2,NA\n", Y, 2, "x.csv: the target 'y' is missing in every row"),
    "a target of dates": ("x.csv", "a,y\n" + "".join(f"{i}.5,2020-01-{i:02}\n" for i in range(1, 29)), Y, 2, "holds dates, which are not predicted: give days as numbers, or --kind y=text for classes"),
    "text regression": ("x.csv", "a,y\n1,u\n2,v\n", [*Y, "--task", "regression"], 2, "holds text: regression needs numbers"),
    "bad cells": ("x.csv", rows(*(f"oops{i},0" for i in range(21)), n=300), Y, 2, "x.csv, line 302: column 'a' holds numbers but 'oops0' here, in 21 of its cells not a number; mend it, or --missing oops0, --kind 'a=number|*' or --kind a=text"),
    "too large": ("x.csv", "a,y\n1,1\n1e150,2\n3,3\n", Y, 2, "x.csv, line 3: column 'a' has a number too large"),
    "no boolean": ("x.csv", "a,y\n1,1\nno,2\nmaybe,3\n", [*Y, "--kind", "a=boolean"], 2, "line 4: column 'a' holds 'maybe', expected yes or no, true or false"),
    "no date": ("x.csv", "a,y\n2020-01-01,1\n2020-02-30,2\n", [*Y, "--kind", "a=date"], 2, "line 3: column 'a' holds '2020-02-30', expected a date such as 2026-11-21"),
    "nothing varies": ("x.csv", "a,b,y\n" + "".join(f"1,u,{i}.5\n" for i in range(9)), Y, 2, "no column to learn from: column 'a' is constant"),
    "one row": ("x.csv", "a,y\n1,2\n", Y, 2, "nothing to learn"),
    "not gzip": ("x.csv.gz", b"hello", Y, 2, "x.csv.gz: unknown column 'y': known: hello"),
    "broken gzip": ("x.csv.gz", gzip.compress(rows().encode() * 99)[:200], Y, 2, "x.csv.gz: "),
    "not parquet": ("x.parquet", "hello", Y, 2, "cannot be read as Parquet"),
    "empty parquet": ("x.parquet", in_parquet(pa.table({"a": pa.array([], pa.int64()), "y": pa.array([], pa.int64())})), Y, 2, "no rows"),
    "parquet of lists": ("x.parquet", in_parquet(pa.table({"a": [[1], [2]], "y": [1, 2]})), Y, 2, "column 'a' holds list<"),
    "cut parquet": ("x.parquet", in_parquet(pa.table({"a": [1, 2], "y": [1, 2]}))[:-9], Y, 2, "cannot be read as Parquet"),
    "not arrow": ("x.arrow", "hello", Y, 2, "cannot be read as Arrow"),
    "arrow of structures": ("x.feather", in_arrow(pa.table({"a": [{"u": 1}, {"u": 2}], "y": [1, 2]})), Y, 2, "column 'a' holds struct<"),
    "not an npz": ("x.npz", "hello", [], 2, "cannot be read as NPZ"),
    "npz without x": ("x.npz", npz(z=np.ones(3)), [], 2, "expected arrays 'x' and 'y', found z"),
    "npz lengths": ("x.npz", npz(x=np.ones((3, 2)), y=np.ones(4)), [], 2, "y must have shape (3,), got (4,)"),
    "npz axes": ("x.npz", npz(x=np.ones(3), y=np.ones(3)), [], 2, "x must have shape (rows, columns), got (3,)"),
    "npz of objects": ("x.npz", npz(x=np.asarray([[object()]], dtype=object)), [], 2, "x cannot be read: Object arrays"),
    "npz complex": ("x.npz", npz(x=np.ones((3, 2), complex)), [], 2, "x must hold numbers, got complex128"),
    "npz without y": ("x.npz", npz(x=np.arange(6.0).reshape(3, 2)), [], 2, "say which column to predict: --target x1"),
    "a target of ids": ("x.csv", "a,y\n" + "".join(f"{i % 7}.5,id{i}\n" for i in range(60)), Y, 2, "60 different texts in 60 rows, too many for classes; is it"),
    "a device": ("/dev/null", None, Y, 2, "/dev/null: a device, not a file with a table"),
    "numbers beyond all": ("x.csv", "a,y\n1,1\n1e200,2\n3,3\n", Y, 2, "x.csv, line 3: column 'a' has a number too large"),
    "npy axes": ("x.npy", npy(np.ones(3)), [], 2, "the array must have shape (rows, columns), got (3,)"),
    "npy text": ("x.npy", npy(np.asarray([["a", "b"]])), [], 2, "the array must hold numbers, got <U1"),
    "cut npy": ("x.npy", npy(np.ones((30, 3)))[:-50], [], 2, "cannot be read as NPY"),
}  # fmt: skip
OPTIONS = {
    "bad hidden": (["--hidden", "a"], 2, "expected widths such as 128,64"),
    "zero hidden": (["--hidden", "0"], 2, "hidden must be at least 1"),
    "activation": (["--activation", "rellu"], 2, "did you mean 'relu'?"),
    "optimizer": (["--optimizer", "adan"], 2, "did you mean 'adam'?"),
    "schedule": (["--schedule", "cosin"], 2, "unknown schedule 'cosin': did you mean 'cosine'?"),
    "rate": (["--rate", "-1"], 2, "rate must not be negative"),
    "epochs": (["--epochs", "0"], 2, "epochs must be at least 1"),
    "task": (["--task", "ranking"], 2, "unknown task 'ranking'"),
    "loss": (["--loss", "squared"], 2, "unknown loss 'squared': did you mean 'squared_error'?"),
    "loss of a class": (["--loss", "huber", "--task", "classification"], 2, "loss 'huber' does not fit a classification"),
    "class weight": (["--class-weight", "some"], 2, "unknown class_weight 'some'"),
    "test share": (["--test", "1.5"], 2, "--test must be at least 0 and below 1"),
    "option": (["--epoch", "3"], 2, "Did you mean"),
    "not a number": (["--epochs", "many"], 2, "'many' is not a valid integer"),
    "backend": (["--backend", "numpi"], 4, "unknown backend 'numpi': did you mean"),
    "module": (["--backend", "this"], 4, "unknown backend 'this'"),
    "device": (["--device", "cuda"], 4, "runs on the CPU only"),
    "device twice": (["--backend", "auto", "--device", "cpu"], 2, "say the device once"),
    "dtype": (["--dtype", "float16"], 4, "dtype 'float16' is not supported"),
    "seed": (["--seed", "-1"], 2, "seed must be an integer from 0"),
    "time": (["--max-time", "soon"], 2, "max_time must be a duration such as 90s, 10m or 1h30m, got 'soon'"),
    "memory": (["--memory", "much"], 2, "data.memory must be an amount such as 400MB or 2GB, got 'much'"),
    "negative threads": (["--threads", "-2"], 2, "--threads must not be negative"),
    "threads": (["--threads", "two"], 2, "is not a valid integer"),
    "decimal": (["--decimal", ";"], 2, "--decimal must be . or ,"),
    "kind without": (["--kind", "a"], 2, "expected COLUMN=KIND such as zip=text"),
    "set without value": (["--set", "optimizer.rate"], 2, "expected section.name=value, such as optimizer.rate=0.01"),
    "kinds no table": (["--set", "data.kinds=text", "--set", "data.kinds.a=text"], 2, "kinds is 'text' already, not a table"),
    "set of nothing": (["--set", "optimiser.rate=1"], 2, "--set unknown setting 'optimiser.rate': did you mean 'optimizer"),
    "set of no setting": (["--set", "optimizer.rat=1"], 2, "unknown setting 'optimizer.rat': did you mean 'optimizer.rate'?"),
    "set of a wrong type": (["--set", "training.epochs=soon"], 2, "Expected a whole number, got text in training.epochs"),
    "set of a wrong scale": (["--set", "encoder.scale=robst"], 2, "unknown scale 'robst': did you mean 'robust'?"),
    "decay of adam": (["--optimizer", "adam", "--set", "optimizer.weight_decay=1"], 2, "is for adamw and lion, not for adam"),
    "negative decay": (["--set", "optimizer.weight_decay=-1"], 2, "weight_decay must not be negative"),
    "no config": (["-c", "none.toml"], 2, "none.toml: cannot be read: No such file"),
}  # fmt: skip
CONFIGS = {
    "not TOML": ("epochs: 3", "run.toml: not TOML"),
    "section": ("[trainin]\nepochs = 3\n", "run.toml: unknown section 'trainin': did you mean 'training'?"),
    "setting": ("[training]\nepoch = 3\n", "run.toml: unknown setting in [training] 'epoch': did you mean 'epochs'?"),
    "type": ('[training]\nepochs = "3"\n', "Expected a whole number, got text in training.epochs"),
    "no table": ("training = 3\n", "run.toml: training must be a table of settings: [training]"),
}


def put(folder, name, content):
    if name is None:
        return "x.csv"
    if content is None:
        return name
    if name.endswith("/"):
        (folder / name).mkdir()
        return name
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def one_line(err):
    return err.startswith("nnx: ") and err.count("\n") == 1 and len(err) <= 206  # 200, "nnx: " and the line end


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_used_is_one_line_and_leaves_nothing(nnx, name, folder):
    file, content, options, expected, message = FILES[name]
    given = put(folder, file, content)
    before = sorted(os.listdir(folder))
    code, out, err = nnx("train", given, *options)
    assert (code, out) == (expected, "") and message in err, err
    assert one_line(err), err
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_that_cannot_be_used_is_one_line_and_leaves_nothing(nnx, name, folder):
    options, expected, message = OPTIONS[name]
    put(folder, "x.csv", A_CSV)
    code, out, err = nnx("train", "x.csv", *Y, *options)
    assert (code, out) == (expected, "") and message in err.replace("  ", " "), err
    assert one_line(err) and sorted(os.listdir(folder)) == ["x.csv"], err


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_that_cannot_be_used_names_file_and_setting(nnx, name, folder):
    text, message = CONFIGS[name]
    put(folder, "x.csv", A_CSV)
    put(folder, "run.toml", text)
    code, out, err = nnx("train", "x.csv", *Y, "-c", "run.toml")
    assert (code, out) == (2, "") and message in err and one_line(err), err


def test_at_least_fifty_files_are_refused():
    assert len(FILES) >= 50
