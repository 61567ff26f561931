"""Model files: what is saved loads on every library, and a file that is none says so in one line."""

import json
import os
from itertools import permutations

import numpy as np
import pytest
from model_files import older, packed

import nnx
from nnx.files import to_data

NET = nnx.Chain(
    nnx.Dense(4, weight=nnx.HeNormal(), bias=nnx.Constant(0.5)),
    nnx.BatchNorm(momentum=0.2),
    nnx.Residual(nnx.Chain(nnx.Tanh(), nnx.Dropout((0.1, 0.2)), nnx.Dense(4))),
    nnx.Concat(nnx.Dense(2), nnx.Identity()),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def test_a_model_saved_anywhere_loads_everywhere(library, path):
    loss = nnx.SoftmaxCrossEntropy(class_weight=(1, 2, 3, 4, 5, 6), label_smoothing=0.1)
    x = np.random.default_rng(0).normal(size=(5, 3))
    with library.scope():
        params = nnx.init(NET, 3, seed=1, backend=library.backend)
        nnx.save(path, NET, params, loss=loss, arrays={"mean": np.arange(3.0)}, about={"classes": ["a", "b"]})
    model = nnx.load(path)
    assert (model.net, model.loss, model.about) == (NET, loss, {"classes": ["a", "b"]})
    np.testing.assert_array_equal(model.arrays["mean"], [0, 1, 2])
    there = nnx.load(path, backend=library.backend)
    np.testing.assert_allclose(library.host(there.predict(x)), model.predict(x), rtol=1e-12)


def test_the_float_type_of_the_file_is_kept_unless_another_is_asked_for(path):
    nnx.save(path, nnx.Dense(2), nnx.init(nnx.Dense(2), 3, dtype="float64"))
    assert nnx.load(path).params["W"].dtype == np.float64
    assert nnx.load(path, dtype="float32").params["W"].dtype == np.float32


DOUBLE = nnx.Concat(nnx.Identity(), nnx.Identity())
FOR_ROWS = {  # a network, and the only rows that its parameters are for
    "residual": (nnx.Residual(nnx.Dense(4)), 4),
    "doubled, then of one width": (nnx.Chain(DOUBLE, nnx.Residual(nnx.Dense(6))), 3),
    "eight times as wide": (nnx.Chain(DOUBLE, DOUBLE, nnx.Tanh(), DOUBLE, nnx.BatchNorm()), 5),
    "side by side": (nnx.Concat(nnx.Chain(nnx.Concat(*[nnx.Tanh()] * 3), nnx.LayerNorm()), nnx.Identity()), 7),
    "more by a few": (nnx.Chain(nnx.Concat(nnx.Dense(2), DOUBLE), nnx.Dense(1)), 1),
    "an ensemble": (nnx.Chain(DOUBLE, nnx.Ensemble(nnx.Chain(nnx.LayerNorm(), nnx.Dense(2)), 3)), 3),
    "doubled for members": (nnx.Chain(nnx.EnsembleView(2), DOUBLE, nnx.ScaleEnsemble(2)), 3),
}


@pytest.mark.parametrize("seed", [1, (1, 2)], ids=["one", "population"])
@pytest.mark.parametrize("name", FOR_ROWS)
def test_a_file_of_either_format_knows_the_rows_that_its_parameters_are_for(path, name, seed):
    net, features = FOR_ROWS[name]
    nnx.save(path, net, nnx.init(net, features, seed=seed))
    whole = path.read_bytes()
    text = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])["__metadata__"]["nnx"]
    assert json.loads(text)["row"] == [features] and nnx.load(path).row == (features,)
    path.write_bytes(older(whole, f'"row": [{features}], '))
    assert nnx.load(path).row == (features,)


def test_a_row_that_no_parameter_tells_can_be_given(path):
    nnx.save(path, nnx.Tanh(), {})
    assert nnx.load(path).row is None
    nnx.save(path, nnx.Tanh(), {}, row=(np.int64(7),))
    assert nnx.load(path).row == (7,)
    with pytest.raises(nnx.ModelFileError, match="the shape of W"):
        nnx.save(path, nnx.Dense(2), nnx.init(nnx.Dense(2), 3), row=(4,))
    with pytest.raises(
        nnx.ModelFileError, match=r"cannot be written: .*parameters do not fit the network: the shape of b"
    ):
        nnx.save(path, nnx.Dense(2), {"W": np.ones((3, 2)), "b": np.ones(3)})


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    nnx.save(path, nnx.Dense(2), nnx.init(nnx.Dense(2), 3))
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(nnx.ModelFileError, match="cannot be written: No space left on device"):
        nnx.save(path, nnx.Dense(2), nnx.init(nnx.Dense(2), 3, seed=1))
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_layer_of_ones_own_is_refused_by_name(path):
    class Mine(nnx.Dense):
        pass

    with pytest.raises(nnx.ModelFileError, match="Mine is not one of nnx's own"):
        nnx.save(path, Mine(2), nnx.init(nnx.Dense(2), 3))
    assert not path.exists()


def write(path, description):
    """A model file whole but for what it says."""
    text = description if isinstance(description, str) else json.dumps(description)
    path.write_bytes(packed(text, [("params.W", "F64", (3, 2), 48), ("params.b", "F64", (2,), 16)], bytes(64)))


DENSE = to_data(nnx.Dense(2))
FINE = {"version": 2, "net": DENSE, "row": [3], "loss": None, "about": {}, "encoder": None, "target": None}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({**FINE, "version": 99}, "version '99' is not known"),
        ({**FINE, "net": {"kind": "os.system"}}, "unknown kind 'os.system'"),
        ({**FINE, "net": {"kind": "SquaredError"}}, "unknown kind 'SquaredError'"),
        ({**FINE, "net": {**DENSE, "colour": 1}}, "Dense has no setting 'colour'"),
        ({**FINE, "net": {**DENSE, "units": -1}}, "units must be at least 1"),
        ({**FINE, "net": {"kind": "Dense"}}, "Dense lacks its setting 'units'"),
        ({**FINE, "net": to_data(nnx.Chain(nnx.Dense(2)))}, "parameters do not fit the network"),
        ({"version": 2}, "its description lacks 'net'"),
        ("not json", "its description: Expecting value"),
        ("[" * 100_000, "nested deeper than 32"),
    ],
)
def test_a_strange_header_is_one_line(path, header, message):
    write(path, header)
    with pytest.raises(nnx.ModelFileError, match=message) as error:
        nnx.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a model file: it has 0 bytes"),
        (b"hello world, this is text", "text, not a model file"),
        ((2**62).to_bytes(8, "little") + b"{}", "its header would have"),
        ((2).to_bytes(8, "little") + b"{}", "but not one of nnx"),
    ],
)
def test_a_file_that_is_no_model_is_one_line(path, content, message):
    path.write_bytes(content)
    with pytest.raises(nnx.ModelFileError, match=message) as error:
        nnx.load(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(path):
    with pytest.raises(nnx.ModelFileError, match="cannot be read: No such file"):
        nnx.load(path)


def test_a_truncated_file_is_refused(path):
    nnx.save(path, nnx.Dense(2), nnx.init(nnx.Dense(2), 3))
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(nnx.ModelFileError):
            nnx.load(path)


def test_a_network_and_a_result_are_saved_in_any_order_of_arguments(tmp_path):
    x = np.ones((4, 3), "float32")
    fit = nnx.fit(nnx.Dense(2), x, [0, 1, 0, 1], loss="softmax_cross_entropy", epochs=1)
    for given in (*permutations((tmp_path / "m", fit.net, fit.params)), *permutations((tmp_path / "m", fit))):
        nnx.save(*given)
        np.testing.assert_array_equal(nnx.load(tmp_path / "m").output(x), fit.output(x))
        (tmp_path / "m").unlink()
