"""Model files built by hand: whole ones, and a corpus of hostile ones, one for each rule of `nnx/files/check.py`."""

import json
from hashlib import sha256
from math import prod

ZEROS = b"0" * 64
PLACE = b'"sha256":"'


def signed(content: bytes) -> bytes:
    """The file with the sha256 it ought to have, as a forger would write it; unchanged if it has no place for it."""
    at = content.find(PLACE) + len(PLACE)
    if at < len(PLACE) or len(content) < at + 64:
        return content
    digest = sha256(content[:at] + ZEROS + content[at + 64 :]).hexdigest().encode()
    return content[:at] + digest + content[at + 64 :]


def entries(tensors) -> str:
    """The part of a header that says where tensors lie: (name, type, shape, bytes) one after another."""
    parts, end = [], 0
    for name, kind, shape, size in tensors:
        dims = ",".join(map(str, shape))
        parts.append(f',"{name}":{{"dtype":"{kind}","shape":[{dims}],"data_offsets":[{end},{end + size}]}}')
        end += size
    return "".join(parts)


def header(description: str, listed: str) -> bytes:
    """A header without its length."""
    quoted = json.dumps(description)
    return f'{{"__metadata__":{{"format":"nnx","nnx":{quoted},"sha256":"{ZEROS.decode()}"}}{listed}}}'.encode()


def framed(head: bytes, data: bytes = b"") -> bytes:
    """A file of a header and data, padded and signed."""
    head += b" " * (-len(head) % 8)
    return signed(len(head).to_bytes(8, "little") + head + data)


def packed(description: str, tensors, data: bytes = b"") -> bytes:
    """A file with this description and these tensors (name, type, shape, bytes)."""
    return framed(header(description, entries(tensors)), data)


# The corpus: one file for each rule.

NET = {"kind": "Dense", "units": 2, "weight": {"kind": "GlorotUniform"}, "bias": {"kind": "Zeros"}}
FINE = {"version": 2, "net": NET, "row": [3], "loss": None, "about": {}, "encoder": None, "target": None}
DENSE = [("params.W", "F32", (3, 2), 24), ("params.b", "F32", (2,), 8)]
NUMBER = {"kind": "number", "cells": "number", "name": "a", "center": 0, "scale": 1, "fill": 0, "smooth": True}
NUMBER |= {"gaps": False}
HASHED = {"kind": "hashed", "cells": "text", "name": "b", "buckets": 1, "seed": 0, "gaps": False}
CATEGORY = {"kind": "category", "cells": "text", "name": "b", "values": ["x"], "rare": False, "gaps": False}
SETTINGS = {"scale": "robust", "max_categories": 30, "min_count": 3, "buckets": 128, "kinds": None}
SETTINGS |= {"dtype": "float32", "seed": 0}
TRUTH = {"kind": "boolean", "cells": "boolean", "name": "c", "gaps": False}
DATE = {"kind": "date", "cells": "date", "name": "c", "number": NUMBER, "clock": False}
ENCODER = {"settings": SETTINGS, "columns": [NUMBER, CATEGORY, TRUTH], "names": ["a", "b", "c"], "named": True}
TARGET = {"name": "y", "classes": ["no", "yes"], "mean": 0.0, "scale": 1.0}


def corpus():
    """Hostile files: name, content, and a part of what is said of it. `fine()` alone is none."""
    yield from _frames()
    yield from _headers()
    yield from _rows()
    for name, bad, part in (*_descriptions(), *_tables()):
        yield name, bad, part
        if (old := older(bad)) is not None:
            yield f"{name}, format 1", old, part


def older(content: bytes, row: str = '"row": [3], ') -> bytes | None:
    """The file in format 1, which does not say its row; None for one that is of no format."""
    length = int.from_bytes(content[:8], "little")
    head, data = content[8 : 8 + length].rstrip(), content[8 + length :]
    listed = head[head.index(PLACE) + len(PLACE) + 66 : -1].decode()
    text = json.loads(head)["__metadata__"]["nnx"]
    if '"version": 2' not in text or row not in text:
        return None
    return framed(header(text.replace('"version": 2', '"version": 1').replace(row, ""), listed), data)


def fine(**changes):
    """A file that loads, or one whose description has other values."""
    return packed(json.dumps(FINE | changes), DENSE, bytes(32))


def members(kind, shapes):
    """A file with a layer of two members, and parameters of these shapes."""
    layer = {"kind": kind, "members": 2} | ({} if kind == "ScaleEnsemble" else {"units": 2})
    net = {"kind": "Chain", "layers": [{"kind": "EnsembleView", "members": 2}, layer]}
    tensors = [(f"params.1.{name}", "F32", shape, 4 * prod(shape)) for name, shape in shapes.items()]
    return packed(json.dumps(FINE | {"net": net}), tensors, bytes(sum(size for *_, size in tensors)))


def doubled(layer):
    """A file whose network is a dense layer and this one thirty times."""
    net = {"kind": "Chain", "layers": [NET, *[layer] * 30]}
    tensors = [("params.0." + name[7:], *rest) for name, *rest in DENSE]
    return packed(json.dumps(FINE | {"net": net}), tensors, bytes(32))


def _frames():
    good = fine()
    n = int.from_bytes(good[:8], "little")
    yield "empty", b"", "it has 0 bytes"
    yield "seven bytes", b"1234567", "text, not a model file"
    yield "text", b"hello world, this is text", "text, not a model file"
    yield "no header", bytes(8), "does not begin as nnx"
    for length in (2**31, 2**63, 2**64 - 1, 4 * 2**20 + 1, 100_000_000):
        yield f"length {length}", length.to_bytes(8, "little") + good[8:], f"would have {length} bytes"
    yield "100 MB header", (10**8).to_bytes(8, "little") + b"{" + bytes(10**8 - 1), "would have 100000000 bytes"
    yield "length 1", (1).to_bytes(8, "little") + good[8:], "does not begin as nnx"
    yield "length 0", bytes(8) + good[8:], "does not begin as nnx"
    yield "length 8 more", (n + 8).to_bytes(8, "little") + good[8:], "from byte"
    yield "length 8 less", (n - 8).to_bytes(8, "little") + good[8:], "from byte"
    yield "header longer than the file", (n + 33).to_bytes(8, "little") + good[8:], "or cut off"
    yield "cut off", good[:-1], "by its header"
    yield "appended", good + b"\0", "by its header"
    yield "a zip after it", good + b"PK\3\4" * 10, "by its header"
    yield "a flipped weight", good[:-1] + b"\1", "sha256"
    yield "a foreign sha256", good.replace(good[good.index(PLACE) + 10 :][:64], b"f" * 64), "sha256"
    yield "no sha256", framed(json.dumps({"__metadata__": {"format": "nnx", "nnx": "{}"}}).encode()), "not one of nnx"
    yield "pickle", b"\x80\x04\x95\0\0\0\0\0\0\0cos\nsystem\n(S'true'\ntR.", "a pickle, not a model file"
    yield "zip", b"PK\x03\x04" + bytes(100), "a ZIP file, not a model file"
    yield "foreign safetensors", (8).to_bytes(8, "little") + b"{}      ", "not one of nnx"


def _headers():
    text, listed = json.dumps(FINE), entries(DENSE)
    head = header(text, listed)
    yield "not an object", framed(head.replace(b"{", b"[", 1), bytes(32)), "not a model file"
    yield "byte order mark", framed(b"\xef\xbb\xbf" + head, bytes(32)), "not a model file"
    yield "another format", framed(head.replace(b'"nnx",', b'"pt",', 1), bytes(32)), "not one of nnx"
    yield "metadata not text", framed(head.replace(b'"nnx",', b"1,", 1), bytes(32)), "not one of nnx"
    yield (
        "metadata twice",
        framed(head.replace(b'"format":"nnx"', b'"format":"nnx","format":"nnx"'), bytes(32)),
        "not one",
    )
    yield "more metadata", framed(head.replace(b'"sha256"', b'"x":"y","sha256"'), bytes(32)), "not one text in ASCII"
    yield (
        "raw UTF-8",
        framed(header("{}", listed).replace(b'"{}"', '"{é}"'.encode()), bytes(32)),
        "not one text in ASCII",
    )
    yield "bad escape", framed(header("{}", listed).replace(b'"{}"', b'"\\x"'), bytes(32)), "not one text in ASCII"
    yield (
        "a line in the text",
        framed(header("{}", listed).replace(b'"{}"', b'"{\n}"'), bytes(32)),
        "not one text in ASCII",
    )
    yield "spaces", framed(head.replace(b'"dtype":', b'"dtype": '), bytes(32)), "not as nnx writes it"
    yield "open end", framed(head[:-1], bytes(32)), "not as nnx writes it"
    yield "padding of 8", framed(head + b" " * 8, bytes(32)), "not as nnx writes it"
    yield "deep header", framed(head[:-1] + b',"x":' + b"[" * 100_000 + b"}"), "not as nnx writes it"
    yield "unknown key", framed(head.replace(b'"shape"', b'"path"'), bytes(32)), "not as nnx writes it"
    yield "dtype twice", framed(head.replace(b'"dtype"', b'"dtype":"F32","dtype"', 1), bytes(32)), "not as nnx writes"
    yield "negative dimension", framed(head.replace(b"[3,2]", b"[-3,2]"), bytes(32)), "not as nnx writes it"
    yield "dimension 1e3", framed(head.replace(b"[3,2]", b"[1e3]"), bytes(32)), "not as nnx writes it"
    yield "dimension 03", framed(head.replace(b"[3,2]", b"[03,2]"), bytes(32)), "not as nnx writes it"
    yield "nine dimensions", framed(head.replace(b"[3,2]", b"[1,1,1,1,1,1,1,3,2]"), bytes(32)), "not as nnx writes it"
    yield "huge dimension", framed(head.replace(b"[3,2]", b"[%d]" % 10**30), bytes(32)), "not as nnx writes it"

    def with_tensors(*tensors, data=bytes(32)):
        return packed(text, tensors, data)

    yield (
        "dimensions that overflow",
        with_tensors(("params.W", "F32", (2**32, 2**32), 24), DENSE[1]),
        "bytes of its shape",
    )
    yield "an empty huge shape", with_tensors(*DENSE, ("arrays.x", "F32", (0, 2**31, 2**31), 0)), "bytes of its shape"
    yield "shape and bytes differ", with_tensors(("params.W", "F32", (3, 3), 24), DENSE[1]), "bytes of its shape"
    yield "unknown type", with_tensors(("params.W", "F8_E5M2", (3, 2), 6), DENSE[1]), "unknown type 'F8_E5M2'"
    yield "the same name twice", with_tensors(DENSE[0], DENSE[0]), "there twice"
    yield "a name that is a path", with_tensors(*DENSE, ("arrays../../x", "U8", (0,), 0)), "is no name"
    yield "a name with a line end", with_tensors(*DENSE, ("arrays.a\nb", "U8", (0,), 0)), "is no name"
    yield "a name without a place", with_tensors(*DENSE, ("W", "U8", (0,), 0)), "is no name"
    yield "a long name", with_tensors(*DENSE, ("arrays." + "a" * 200, "U8", (0,), 0)), "is no name"
    yield "a name of 3 MB", with_tensors(*DENSE, ("a" * 3_000_000, "U8", (0,), 0)), "is no name"
    hole, overlap = (head.replace(b"[24,32]", b) for b in (b"[25,33]", b"[20,28]"))
    yield "a hole", framed(hole, bytes(33)), "not where the one before it ends"
    yield "an overlap", framed(overlap, bytes(32)), "not where the one before it ends"
    yield "backwards", framed(head.replace(b"[24,32]", b"[24,16]"), bytes(32)), "not where the one before it ends"
    yield "a first hole", framed(head.replace(b"[0,24]", b"[8,32]"), bytes(40)), "not where the one before it ends"
    many = [(f"arrays.{i}", "U8", (0,), 0) for i in range(20_001)]
    yield "20,001 tensors", packed(text, many), "more than 20000 tensors"
    yield "138,000 tensors", packed(text, [(f"arrays.{i}", "U8", (0,), 0) for i in range(138_000)]), "would have"
    yield (
        "60,000 tensors",
        packed(text, [(f"arrays.{i}", "U8", (), 0) for i in range(60_000)]),
        "more than 20000 tensors",
    )
    yield "truth of 2", with_tensors(*DENSE, ("arrays.x", "BOOL", (2,), 2), data=bytes(32) + b"\1\2"), "truth values"
    yield "integer weights", with_tensors(("params.W", "I32", (3, 2), 24), DENSE[1]), "is not of float32 or float64"
    yield "a weight too many", with_tensors(*DENSE, ("params.c", "F32", (), 4), data=bytes(36)), "parameters do not fit"
    yield "a weight too few", with_tensors(DENSE[0], data=bytes(24)), "parameters do not fit the network"
    yield "a flat W", with_tensors(("params.W", "F32", (6,), 24), DENSE[1]), "the shape of W"
    yield "W without axes", with_tensors(("params.W", "F32", (), 4), DENSE[1], data=bytes(12)), "the shape of W"
    yield "b of one", with_tensors(DENSE[0], ("params.b", "F32", (1,), 4), data=bytes(28)), "the shape of b"


def _rows():
    tanh = {"kind": "Tanh"}
    without = {k: v for k, v in FINE.items() if k != "row"}
    yield "no row", packed(json.dumps(without), DENSE, bytes(32)), "lacks 'row'"
    yield "a row in format 1", fine(version=1), "has 'row'"
    for row in ("3", 3, {}, [], [0], [-3], [True], [3.0], ["3"], [[3]], [None], [3] * 9, [2**63], [10**30], False):
        yield f"a row of {repr(row)[:20]}", fine(row=row), "its row is no list of sizes"
    for row in ([4], [1], [2**62], [3, 2]):
        yield f"rows of {row} for three columns", fine(row=row), "parameters do not fit the network: the shape of W"
    yield (
        "very wide rows",
        packed(json.dumps(FINE | {"net": {"kind": "Concat", "layers": [tanh] * 2}, "row": [2**62]}), []),
        "too wide",
    )
    for population in ((2**45, 0), (0,), (0, 2**45)):  # they take no bytes, and a prediction by them all the memory
        tensors = [(name, kind, (*population, *shape), 0) for name, kind, shape, _ in DENSE]
        wrong = "parameters do not fit the network: the shape of W"
        yield f"a population of {population}", packed(json.dumps(FINE), tensors), wrong
    yield "two classes of rows of pairs", fine(row=[2, 3], target=TARGET), "the shape of W"
    yield (
        "an encoder for other rows",
        packed(json.dumps(FINE | {"net": tanh, "row": [9], "encoder": ENCODER}), []),
        "its encoder makes 3",
    )


def _descriptions():
    def saying(text):
        return packed(text, DENSE, bytes(32))

    text = json.dumps(FINE)
    yield "no JSON", saying("hello"), "Expecting value"
    yield "a list", saying("[1]"), "has no version"
    yield "two values", saying(text + text), "Extra data"
    yield "a name twice", saying(text.replace('"loss": null', '"loss": null, "loss": null')), "there twice"
    yield "deep", saying('{"version":' + "[" * 33 + "]" * 33 + "}"), "nested deeper than 32"
    yield "very deep", saying("[" * 1_000_000), "more than 150000 values"
    yield "deep objects", saying('{"a":' * 30_000), "nested deeper than 32"
    yield "very many objects", saying("[" + "{}," * 74_000 + "1]"), "more than 40000 objects"
    yield "many lists", saying("[" + "[]," * 600_000 + "1]"), "more than 150000 values"
    yield "many small objects", saying("[" + '{"":0},' * 39_000 + "1]"), "has no version"
    yield "many numbers", saying("[" + "1.5," * 149_000 + "1]"), "has no version"
    yield "a long text", saying(json.dumps("x\U0001f600" * 100_000)), "has no version"
    for word in ("NaN", "Infinity", "-Infinity"):
        yield word, saying(text.replace('"units": 2', f'"units": {word}')), f"{word} is no number"
    yield "1e999", saying(text.replace('"units": 2', '"units": 1e999')), "out of range"
    yield "many large numbers", saying("[" + "1e300," * 149_000 + "1]"), "has no version"
    yield "1e0400", saying(text.replace('"units": 2', '"units": 1e0400')), "out of range"
    yield "39 digits e280", saying(text.replace('"units": 2', f'"units": {"9" * 39}e280')), "out of range"
    yield "a million digits", saying(text.replace('"units": 2', f'"units": {"1" * 1_000_000}')), "too many digits"
    yield "a long fraction", saying(text.replace('"units": 2', f'"units": 0.{"1" * 1_000_000}')), "too many digits"
    yield "half a character", fine(about={"a": "\ud800"}), "has half a character"
    yield "version 99", fine(version=99), "version '99' is not known"
    yield "version true", fine(version=True), "version 'True' is not known"
    yield "version text", fine(version="1\n" * 100), "is not known"
    yield "no net", saying(json.dumps({k: v for k, v in FINE.items() if k != "net"})), "lacks 'net'"
    yield "something more", fine(url="http://example.org"), "has 'url'"
    yield "about a list", fine(about=[["a", 1]]), "is no object"
    yield "net a text", fine(net="Dense"), "expected a layer, found 'Dense'"
    yield "net a loss", fine(net={"kind": "SquaredError"}), "unknown kind 'SquaredError'"
    yield "net a module", fine(net={"kind": "os.system"}), "unknown kind 'os.system'"
    yield (
        "net of one's own",
        fine(net={"kind": "Mine"}),
        "a layer 'Mine' that is not known here: nnx.register(Mine) before",
    )
    yield "loss of one's own", fine(loss={"kind": "M" * 40}), "register(" + "M" * 40 + ") before nnx.load"
    yield "net of a long name", fine(net={"kind": "M" * 41}), "unknown kind 'MMM"
    yield "kind a list", fine(net={"kind": ["Dense"]}), "unknown kind"
    yield "units a text", fine(net=NET | {"units": "2"}), "units must be an integer, found '2'"
    yield "units true", fine(net=NET | {"units": True}), "units must be an integer"
    yield "units 1e18", fine(net=NET | {"units": 10**18}), "units must be at most 2147483647"
    yield "units 10^30", fine(net=NET | {"units": 10**30}), "units must be an integer"
    yield "units -1", fine(net=NET | {"units": -1}), "units must be at least 1"
    yield "units null", fine(net=NET | {"units": None}), "units must be an integer"
    yield "weight a layer", fine(net=NET | {"weight": {"kind": "Tanh"}}), "unknown kind 'Tanh'"
    yield "constant a text", fine(net=NET | {"bias": {"kind": "Constant", "value": "x"}}), "value must be a number"
    yield "unknown setting", fine(net=NET | {"__class__": "x"}), "has no setting '__class__'"
    yield "rate a list of lists", fine(net={"kind": "Dropout", "rate": [[0.1]]}), "rate must be numbers"
    yield "layers an object", fine(net={"kind": "Chain", "layers": {}}), "layers must be a list"
    yield "no layers", fine(net={"kind": "Chain", "layers": []}), "at least one layer"
    yield "layer a number", fine(net={"kind": "Chain", "layers": [1]}), "expected a layer, found 1"
    yield "many layers", fine(net={"kind": "Chain", "layers": [{"kind": "Tanh"}] * 39_000}), "more than 10000 parts"
    yield "residual of other widths", fine(net={"kind": "Residual", "layer": NET}), "turns 3 features into 2"
    double = {"kind": "Concat", "layers": [{"kind": "Identity"}, {"kind": "Identity"}]}
    yield (
        "widths that double",
        packed(json.dumps(FINE | {"net": {"kind": "Chain", "layers": [double] * 30}}), []),
        "too wide",
    )
    yield "widths that double after a layer", doubled(double), "too wide"
    for kind, shapes in (
        ("ScaleEnsemble", {"R": (3, 3)}),
        ("BatchEnsemble", {"W": (3, 2), "R": (2, 2), "S": (2, 2), "b": (2, 2)}),
        ("DenseEnsemble", {"W": (2, 3, 2), "b": (3, 2)}),
    ):
        yield f"a {kind} for others", members(kind, shapes), "the shape of 1."
    view = {"kind": "EnsembleView", "members": 2}
    yield "views that multiply", doubled(view), "very many members"
    yield "a residual around a view", fine(net={"kind": "Residual", "layer": view}), "makes 2 rows of each"
    squared = {"kind": "SquaredError"}
    ensemble = {"kind": "EnsembleLoss", "loss": squared, "members": 2}
    yield "a loss for other members", fine(loss=ensemble), "its loss is for 2 members, its network has 1"
    yield "an ensemble of a layer", fine(loss=ensemble | {"loss": NET}), "unknown kind 'Dense'"
    yield "an ensemble of ensembles", fine(loss=ensemble | {"loss": ensemble}), "expected the loss of one member"
    yield "loss a layer", fine(loss=NET), "unknown kind 'Dense'"
    yield "loss false", fine(loss=False), "expected a loss, found False"
    yield "delta a text", fine(loss={"kind": "Huber", "delta": "1"}), "delta must be a number"
    yield "levels a number", fine(loss={"kind": "Quantile", "levels": [2]}), "levels must lie between 0 and 1"


def _tables():
    def coded(**changes):
        return fine(encoder=ENCODER | changes)

    def column(base, **changes):
        return coded(columns=[base | changes])

    yield "encoder a list", fine(encoder=[]), "has not settings, columns, names and named"
    yield "encoder without names", fine(encoder={k: v for k, v in ENCODER.items() if k != "names"}), "has not settings"
    yield "an unknown scale", coded(settings=SETTINGS | {"scale": "x" * 1_000_000}), "is not known"
    yield "dtype object", coded(settings=SETTINGS | {"dtype": "object"}), "unknown dtype 'object'"
    yield "negative buckets", coded(settings=SETTINGS | {"buckets": -1}), "at least 1"
    yield "buckets a text", coded(settings=SETTINGS | {"buckets": "9"}), "buckets is not an integer"
    yield "kinds a list", coded(settings=SETTINGS | {"kinds": []}), "kinds is not an object"
    yield "a setting more", coded(settings=SETTINGS | {"x": 1}), "its settings are not"
    yield "names of numbers", coded(names=[1, 2, 3]), "a list of different texts"
    yield "columns an object", coded(columns={}), "columns is no list"
    yield "no columns", coded(columns=[]), "columns that it makes is 0"
    yield "a column of another name", coded(names=["x", "b", "c"]), "is not one of its names"
    yield "a column twice", coded(columns=[NUMBER, NUMBER]), "or there twice"
    yield "an unknown kind of column", column(NUMBER, kind="eval"), "a column of 'eval'"
    yield "a kind that is a list", column(NUMBER, kind=[]), "is not a text"
    yield "cells of another kind", column(NUMBER, cells="text"), "a column of 'number' from 'text'"
    yield "a scale of text", column(NUMBER, scale="1"), "scale is not a finite number"
    yield "a scale of 0", column(NUMBER, scale=0), "scale is 0"
    yield "a negative scale", column(NUMBER, scale=-1.5), "scale is -1.5"
    yield "a centre of 10^39", column(NUMBER, center=10**39), "center is not a finite number"
    yield "smooth a number", column(NUMBER, smooth=1), "smooth is not true or false"
    yield "a column with more", column(NUMBER, path="/etc/passwd"), "has 'path'"
    yield "buckets of 10^18", column(HASHED, buckets=10**18), "buckets is 1e+18"
    yield "buckets of 2^24", column(HASHED, buckets=2**24), "do not fit the network"
    yield "buckets of -1", column(HASHED, buckets=-1), "buckets is -1"
    yield "values of numbers", column(CATEGORY, values=[1, 2]), "values is not a list of different texts"
    yield "values twice", column(CATEGORY, values=["x", "x"]), "values is not a list of different texts"
    yield "a date without number", column(DATE, number=None), "a Number is no object"
    yield "a date format of 10 kB", column(DATE, cells="date:" + "%" * 10_000), "a column of 'date'"
    yield "an encoder for another width", coded(columns=[NUMBER, CATEGORY]), "do not fit the network"
    yield "target a list", fine(target=[]), "a Target is no object"
    yield "classes of numbers", fine(target=TARGET | {"classes": [0, 1]}), "classes is not a list of different texts"
    yield "a class twice", fine(target=TARGET | {"classes": ["a", "a"]}), "classes is not a list of different texts"
    yield "three classes of two outputs", fine(target=TARGET | {"classes": ["a", "b", "c"]}), "has 3 classes"
    yield "a mean of text", fine(target=TARGET | {"mean": "0"}), "mean is not a finite number"
    yield "a target scale of 0", fine(target=TARGET | {"scale": 0}), "scale is 0"


# Mutants

LENGTHS = (0, 1, 2**31, 2**63, 2**64 - 1, 4 * 2**20 + 1)
VALUES = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 10**18, 10**39, -0.0, 0.5, 1e308, 5e-324, "", "x", "Dense", "Chain"),
    *("os.system", "../../etc/passwd", "\ud800", "a\nb", "\0", [], [[]], [1], ["a", "a"], {}, {"kind": "Dense"}),
    *({"kind": ["Dense"]}, {"kind": "Tanh"}, {"kind": "Dense", "units": 10**18}, "y" * 300),
)


def damaged(content: bytes, r) -> bytes:
    """A file with one thing changed: cut off, bits flipped, bytes appended, taken out or doubled, another length."""
    n, length = len(content), int.from_bytes(content[:8], "little")
    way = r.random()
    if way < 0.1:
        return content[: int(r.random() * n)]
    if way < 0.2:
        return content + r.randbytes(1 + int(r.random() * 16))
    if way < 0.3:
        return (
            r.choice((*LENGTHS, length - 8, length + 8, length + 1, n, n - 8, n + 8)).to_bytes(8, "little")
            + content[8:]
        )
    if way < 0.4:
        a, b = sorted((int(r.random() * n), int(r.random() * n)))
        return content[:a] + content[b:] if way < 0.35 else content[:b] + content[a:]
    if way < 0.5:
        at = int(r.random() * 8)
    elif way < 0.8:
        at = 8 + int(r.random() * length)
    else:
        at = 8 + length + int(r.random() * (n - 8 - length))
    at = min(at, n - 1)
    return content[:at] + bytes([content[at] ^ (1 << int(r.random() * 8))]) + content[at + 1 :]


class Edits:
    """Files made from one by changing values in its description, or the list of its tensors; all are signed anew."""

    def __init__(self, content: bytes) -> None:
        length = int.from_bytes(content[:8], "little")
        values = json.loads(content[8 : 8 + length])
        self.text = values.pop("__metadata__")["nnx"]
        self.tensors = [(k, v["dtype"], v["shape"], v["data_offsets"]) for k, v in values.items()]
        self.data = content[8 + length :]

    def description(self, r) -> bytes:
        """One value of the description replaced, left out, or given another name."""
        whole = json.loads(self.text)
        places = []
        rest = [whole]
        while rest:
            value = rest.pop()
            keys = list(value) if isinstance(value, dict) else range(len(value))
            places += [(value, k) for k in keys]
            rest += [value[k] for k in keys if isinstance(value[k], (dict, list))]
        value, key = r.choice(places)
        way = r.random()
        if way < 0.7:
            value[key] = r.choice(VALUES)
        elif way < 0.85:
            del value[key]
        elif isinstance(value, dict):
            value[r.choice(("kind", "x", "units", "layers", key + "x"))] = value.pop(key)
        else:
            value += value[key:] * 2
        text = json.dumps(whole)
        if way > 0.97:
            text = text.replace("1", r.choice(("NaN", "Infinity", "1e999", "9" * 5000, "[" * 50)), 1)
        return self.packed(text, self.tensors)

    def header(self, r) -> bytes:
        """The tensors listed otherwise: swapped, renamed, of another type or shape, moved."""
        listed = [list(t) for t in self.tensors]
        one, other = r.randrange(len(listed)), r.randrange(len(listed))
        column = r.randrange(4)
        way = r.random()
        if way < 0.3:
            listed[one][column], listed[other][column] = listed[other][column], listed[one][column]
        elif way < 0.4:
            listed[one], listed[other] = listed[other], listed[one]
        elif way < 0.5:
            listed.insert(other, listed[one])
        elif way < 0.6:
            del listed[one]
        else:
            listed[one][column] = (
                r.choice(("params.W", "params.../x", "arrays.a", "x", "params.")),
                r.choice(("F32", "F64", "I64", "BOOL", "U8", "F8", "")),
                r.choice(([], [0], [1], [2**31, 2**31], [2, 3], [3, 2], [0, 2**60], [1] * 9, [6])),
                [r.randrange(-1, 100), r.randrange(-1, 100)],
            )[column]
        return self.packed(self.text, listed)

    def packed(self, text: str, listed) -> bytes:
        listed = "".join(
            f',"{k}":{{"dtype":"{t}","shape":[{",".join(map(str, s))}],"data_offsets":[{o[0]},{o[1]}]}}'
            for k, t, s, o in listed
        )
        return framed(header(text, listed), self.data)
