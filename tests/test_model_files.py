"""Model files under attack: hostile and damaged files, faults while saving, kills and power failures."""

import json
import os
import random
import socket
import subprocess
import sys
from collections import Counter
from io import BytesIO
from pathlib import Path

import model_files
import numpy as np
import pytest

import nnx
from nnx.files import read

MUTANTS = int(os.environ.get("NNX_MUTANTS", 80_000))  # ci/soak: ten million
X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def small():
    """The content of a small model file: a dense layer."""
    return nnx.Dense(2), {}


def rich():
    """One with all that a file may hold."""
    pytest.importorskip("pyarrow")
    encoder = nnx.TableEncoder(max_categories=4).fit(
        {
            "a": [0.5, 1.5, None, 2.25, 3.0, 4.0] * 4,
            "b": list("xyzxyx") * 4,
            "c": [f"t{i}" for i in range(12)] * 2,
            "d": ["2021-01-01", "2021-02-01", "2021-03-02", "2021-05-01", "2021-06-01", "2021-07-04"] * 4,
            "e": [True, False, True, True, False, False] * 4,
        }
    )
    net = nnx.Chain(
        nnx.Dense(3, weight=nnx.HeNormal(), bias=nnx.Constant(0.5)),
        nnx.Concat(nnx.BatchNorm(0.2), nnx.Residual(nnx.Chain(nnx.Tanh(), nnx.Dropout((0.1, 0.2)), nnx.Dense(3)))),
        nnx.Dense(2),
    )
    loss = nnx.SoftmaxCrossEntropy(class_weight=(1, 2), label_smoothing=0.1)
    arrays = {"mean": np.arange(3.0), "optim.0.W": np.ones((2, 2), "float16"), "flags": np.array([True, False])}
    target = nnx.tables.Target("y", ("no", "yes"))
    return net, {"loss": loss, "arrays": arrays, "about": {"z": [1, None]}, "encoder": encoder, "target": target}


def content(tmp_path, make, dtype="float32"):
    net, parts = make()
    width = parts["encoder"].width if "encoder" in parts else 3
    nnx.save(tmp_path / "m.safetensors", net, nnx.init(net, width, seed=1, dtype=dtype), **parts)
    return (tmp_path / "m.safetensors").read_bytes()


def state(model):
    """All that a model holds, to be compared."""
    arrays = {f"params.{k}": v for k, v in model.params.items()} | model.arrays
    bits = {k: (v.dtype.str, v.shape, v.tobytes()) for k, v in arrays.items()}
    tables = [None if t is None else t.to_data() for t in (model.encoder, model.target)]
    return model.net, model.loss, model.row, model.about, bits, tables


def outcome(content):
    """The model in these bytes, or None if they are refused as they must be."""
    try:
        return read(BytesIO(content), len(content))
    except nnx.ModelFileError as error:
        text = str(error)
        assert "\n" not in text and len(text) <= 400, text
        return None


def test_mutants_are_refused_or_hold_what_was_saved(tmp_path):
    """Damage of every kind that the sha256 tells; what a forger signs anew is refused or is a model that predicts."""
    r = random.Random(int(os.environ.get("NNX_SEED", 0)))
    counts = Counter()
    originals = [content(tmp_path, small), content(tmp_path, rich)]
    wanted = [state(outcome(c)) for c in originals]
    edits = [model_files.Edits(c) for c in originals]
    for i in range(MUTANTS):
        which = i % 10 == 0  # the larger one seldom
        original = originals[which]
        way = i % 100
        if way < 88:
            mutant = model_files.damaged(original, r)
        elif way < 94:
            mutant = model_files.signed(model_files.damaged(original, r))
        else:
            mutant = edits[which].description(r) if way < 97 else edits[which].header(r)
        model = outcome(mutant)
        kind = "damaged" if way < 88 else "forged"
        counts[kind, model is not None] += 1
        if model is not None and kind == "damaged":
            assert mutant == original or state(model) == wanted[which]
        elif model is not None and which == 0:
            features = model.params["W"].shape[-2] if "W" in model.params else 3
            model.output(X[:, :features] if features <= 3 else np.zeros((2, features)))
    print(dict(counts))
    assert counts["forged", True] and counts["damaged", False] > 0.8 * MUTANTS


def test_mutants_on_disk_are_refused_or_hold_what_was_saved(tmp_path):
    r, path = random.Random(1), tmp_path / "m.safetensors"
    for make in (small, rich):
        original = content(tmp_path, make)
        wanted = state(nnx.load(path))
        for _ in range(1500):
            path.write_bytes(model_files.damaged(original, r))
            try:
                assert state(nnx.load(path)) == wanted
            except nnx.ModelFileError as error:
                assert str(error).isprintable() and len(str(error)) <= 200 and path.name in str(error)


CORPUS = list(model_files.corpus())


@pytest.mark.parametrize(("name", "bad", "part"), CORPUS, ids=[name for name, _, _ in CORPUS])
def test_a_hostile_file_is_refused_in_one_line(tmp_path, monkeypatch, name, bad, part):
    monkeypatch.chdir(tmp_path)  # a long path would leave little room for the reason
    (tmp_path / "bad.safetensors").write_bytes(bad)
    with pytest.raises(nnx.ModelFileError) as error:
        nnx.load("bad.safetensors")
    text = str(error.value)
    assert part in text and "bad.safetensors" in text and len(text) <= 200 and text.isprintable(), text


def test_the_file_that_the_corpus_changes_loads():
    tables = {"encoder": model_files.ENCODER, "target": model_files.TARGET}
    for whole in (model_files.fine(), model_files.fine(about={"a": ["\U0001f600"]}), model_files.fine(**tables)):
        for content in (whole, model_files.older(whole)):
            model = read(BytesIO(content), len(content))
            assert (model.net, model.row) == (nnx.Dense(2), (3,))
    assert len({name for name, _, _ in CORPUS}) == len(CORPUS) >= 60


@pytest.mark.parametrize("make", [small, rich])
def test_every_flipped_bit_is_noticed(tmp_path, make):
    whole = content(tmp_path, make)
    for at in range(len(whole)):
        for bit in range(8):
            assert outcome(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]) is None, (at, bit)


def child(script, *arguments):
    """Run a script in a process of its own, and return what it printed."""
    paths = os.pathsep.join((str(Path(nnx.__file__).parents[1]), str(Path(__file__).parent)))
    command = [sys.executable, "-c", script, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


MEMORY = """
import json, resource, sys
from pathlib import Path
import nnx
folder = Path(sys.argv[1])
nnx.load(folder / "good")
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Vm")}
before = peak()
limit = before["VmSize"] + 64 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(folder.glob("bad*")):
    try:
        nnx.load(path)
    except nnx.ModelFileError as error:
        assert "memory" not in str(error), error
    else:
        raise SystemExit(f"{path} was loaded")
print(peak()["VmHWM"] - before["VmHWM"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_hostile_files_take_little_memory(tmp_path):
    """All of the corpus, one after another, within 64 MiB more than one good file took, under a limit of the system."""
    (tmp_path / "good").write_bytes(model_files.fine())
    for i, (_, bad, _) in enumerate(CORPUS):
        (tmp_path / f"bad{i}").write_bytes(bad)
    most = int(child(MEMORY, tmp_path))
    print(f"{most / 2**20:.1f} MiB")
    assert most < 64 * 2**20


AUDIT = """
import json, sys
from pathlib import Path
import nnx
folder = Path(sys.argv[1])
model = nnx.load(folder / "good0")
paths, events, watch = sorted(str(p) for p in folder.iterdir()), [], []
def hook(event, arguments):
    if watch:
        events.append((event, str(arguments[0]) if arguments else ""))
sys.addaudithook(hook)
seen = []
for path in paths:
    watch.append(1)
    try:
        nnx.load(path)
    except nnx.ModelFileError:
        pass
    watch.clear()
    seen += [(event, what) for event, what in events if not (event == "open" and what == path)]
    opened = sum(event == "open" for event, _ in events)
    seen += [("never opened", path)] * (opened == 0)
    events.clear()
print(json.dumps(seen))
"""


def test_loading_runs_nothing_and_opens_nothing_but_the_file(tmp_path):
    """No import, compile, exec, socket or process, and no other file: by an audit hook, for the whole corpus."""
    (tmp_path / "good0").write_bytes(model_files.fine())
    (tmp_path / "good1").write_bytes(content(tmp_path, rich))
    (tmp_path / "m.safetensors").unlink()
    for i, (_, bad, _) in enumerate(CORPUS):
        (tmp_path / f"bad{i}").write_bytes(bad)
    events = json.loads(child(AUDIT, tmp_path))
    assert not [e for e in events if e[0] not in QUIET], events[:10]


QUIET = {"builtins.id"}  # of the interpreter itself, and harmless


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "around").symlink_to(tmp_path / "around")
    with socket.socket(socket.AF_UNIX) as s:
        monkeypatch.chdir(tmp_path)  # the name of a socket has to be short
        s.bind("socket")
        for path in (tmp_path / "pipe", tmp_path / "socket", tmp_path, "/dev/zero", "/dev/tty", "/proc/self/mem"):
            with pytest.raises(nnx.ModelFileError, match=r"cannot be read|not a model file|a folder, with no model"):
                nnx.load(path)
    for path in ("nowhere", "around", "a\0b", "gone", "a\nb", "x" * 300, "y/" * 150 + "z"):
        with pytest.raises(nnx.ModelFileError) as error:
            nnx.load(path)
        assert len(str(error.value)) <= 200 and str(error.value).isprintable()


def test_any_reader_of_safetensors_opens_our_files(tmp_path):
    import safetensors

    content(tmp_path, rich)
    model = nnx.load(tmp_path / "m.safetensors")
    with safetensors.safe_open(tmp_path / "m.safetensors", framework="np") as file:
        assert file.metadata()["format"] == "nnx" and json.loads(file.metadata()["nnx"])["version"] == 2
        for name, value in model.params.items():
            np.testing.assert_array_equal(file.get_tensor(f"params.{name}"), value, strict=True)
        for name, value in model.arrays.items():
            np.testing.assert_array_equal(file.get_tensor(f"arrays.{name}"), value, strict=True)
        assert len(list(file.keys())) == len(model.params) + len(model.arrays)


def test_a_file_depends_on_what_it_holds_alone(tmp_path):
    assert content(tmp_path, rich) == content(tmp_path, rich)


@pytest.mark.parametrize(
    ("parts", "part"),
    [
        ({"about": {"a": float("nan")}}, "Out of range float"),
        ({"about": {"a": object()}}, "not JSON serializable"),
        ({"about": {"a": "\ud800"}}, "half a character"),
        ({"about": {"a": 10**50}}, "too many digits"),
        ({"about": {"a": [[[]]] * 60_000}}, "more than 150000 values"),
        ({"about": {"a": "x" * 5_000_000}}, "its header would have"),
        ({"about": {1: 2, "1": 3}}, "there twice"),
        ({"arrays": {"a b": np.ones(1)}}, "has other than letters"),
        ({"arrays": {"a": np.array(["x"])}}, "a model file cannot hold"),
        ({"arrays": {"a": np.array([object()])}}, "a model file cannot hold"),
        ({"target": nnx.tables.Target("y", ("a", "b", "c"))}, "has 3 classes"),
        ({"target": nnx.tables.Target("y", (), 0.0, 0.0)}, "scale is 0"),
        ({"loss": nnx.SquaredError}, "loss must be a loss such as"),
        ({"loss": 3}, "loss must be a loss such as"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, monkeypatch, parts, part):
    monkeypatch.chdir(tmp_path)
    nnx.save(tmp_path / "m", nnx.Dense(2), nnx.init(nnx.Dense(2), 3))
    before = (tmp_path / "m").read_bytes()
    with pytest.raises(nnx.ModelFileError) as error:
        nnx.save("m", nnx.Dense(2), nnx.init(nnx.Dense(2), 3), **parts)
    assert part in str(error.value) and len(str(error.value)) <= 200, error.value
    assert (tmp_path / "m").read_bytes() == before and os.listdir(tmp_path) == ["m"]


TYPES_OF_ARRAYS = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "c8", "?", ">f8", ">i2")


def test_arrays_of_every_type_and_order_come_back(tmp_path):
    arrays = {f"x{i}": np.arange(6).reshape(2, 3).astype(t) for i, t in enumerate(TYPES_OF_ARRAYS)}
    arrays |= {"T": arrays["x1"].T, "none": np.ones((0, 3)), "one": np.array(2.5), "nan": np.array([np.nan])}
    nnx.save(tmp_path / "m", nnx.Tanh(), {}, arrays=arrays)
    found = nnx.load(tmp_path / "m").arrays
    assert found.keys() == arrays.keys()
    for name, a in arrays.items():
        np.testing.assert_array_equal(found[name], a)
        assert found[name].dtype == a.dtype.newbyteorder("=") and found[name].flags.writeable


def test_settings_that_are_numpy_numbers_are_written(tmp_path):
    net = nnx.Chain(nnx.Dense(np.int64(2), bias=nnx.Constant(np.float32(0.5))), nnx.Dropout(np.array([0.1, 0.2])))
    nnx.save(tmp_path / "m", net, nnx.init(net, 3))
    loaded = nnx.load(tmp_path / "m").net
    assert loaded.layers[0] == nnx.Dense(2, bias=nnx.Constant(0.5)) and loaded.layers[1].rate == (0.1, 0.2)
