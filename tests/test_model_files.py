"""Model files under attack: hostile and damaged files, faults while saving, kills and power failures."""

import os
import random
from collections import Counter
from io import BytesIO

import model_files
import numpy as np
import pytest

import nnx
from nnx.files import read

MUTANTS = int(os.environ.get("NNX_MUTANTS", 1_000_000))
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
    return model.net, model.loss, model.about, bits, tables


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
    r = random.Random(0)
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


CORPUS = list(model_files.corpus())


@pytest.mark.parametrize(("name", "bad", "part"), CORPUS, ids=[name for name, _, _ in CORPUS])
def test_a_hostile_file_is_refused_in_one_line(tmp_path, name, bad, part):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(bad)
    with pytest.raises(nnx.ModelFileError) as error:
        nnx.load(path)
    text = str(error.value)
    assert part in text and "bad.safetensors" in text and len(text) <= 200 and text.isprintable(), text


def test_the_file_that_the_corpus_changes_loads():
    tables = {"encoder": model_files.ENCODER, "target": model_files.TARGET}
    for whole in (model_files.fine(), model_files.fine(about={"a": ["\U0001f600"]}), model_files.fine(**tables)):
        assert read(BytesIO(whole), len(whole)).net == nnx.Dense(2)
    assert len({name for name, _, _ in CORPUS}) == len(CORPUS) >= 60


@pytest.mark.parametrize("make", [small, rich])
def test_every_flipped_bit_is_noticed(tmp_path, make):
    whole = content(tmp_path, make)
    for at in range(len(whole)):
        for bit in range(8):
            assert outcome(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]) is None, (at, bit)
