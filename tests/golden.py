"""Writes the golden files of the version of today: `python tests/golden.py tests/data`, once for each and its format.

What is there already is never written again: files of released versions are to load for ever.
"""

import json
import sys
from pathlib import Path

import numpy as np

import nnx
from nnx.files import VERSION

X = np.linspace(-1.5, 1.5, 15).reshape(5, 3)
TABLE = {
    "size": [0.5, 1.5, None, 2.25, 3.0, 40.0],
    "colour": ["red", "green", "red", "blue", None, "grey"],
    "shop": ["a", "b", "c", "d", "e", "zz"],
    "day": ["2021-01-01", "2021-02-14", "2021-12-31", None, "2022-06-01", "1999-07-04"],
    "open": [True, False, None, True, False, True],
}


def dense():
    """A dense network of float32."""
    net = nnx.mlp((4,), 2, activation="gelu")
    return net, nnx.init(net, 3, seed=1), {"loss": nnx.SoftmaxCrossEntropy(label_smoothing=0.1)}


def every_layer():
    """Every layer, in float64, with running statistics that are not those of the beginning."""
    net = nnx.Chain(
        nnx.Dense(4, weight=nnx.Orthogonal(0.5), bias=nnx.Constant(0.25)),
        nnx.BatchNorm(0.3, 1e-4),
        nnx.Residual(nnx.Chain(nnx.LayerNorm(), nnx.Dropout((0.1, 0.2)), nnx.Dense(4, weight=nnx.HeNormal()))),
        nnx.Concat(nnx.Dense(2, weight=nnx.LeCunUniform()), nnx.Identity()),
        *(nnx.Identity(), nnx.Sigmoid(), nnx.Tanh(), nnx.ReLU(), nnx.LeakyReLU(), nnx.ELU(), nnx.SELU(), nnx.GELU()),
        *(nnx.GELUTanh(), nnx.SiLU(), nnx.Mish(), nnx.Softplus()),
        nnx.Dense(2, weight=nnx.GlorotNormal()),
    )
    params = nnx.init(net, 3, seed=2, dtype="float64")
    params["1.mean"], params["1.variance"] = np.linspace(-1, 1, 4), np.linspace(0.5, 2, 4)
    return net, params, {"loss": nnx.Quantile((0.25, 0.75)), "about": {"note": "é 😀", "list": [1, None, 0.1]}}


def encoder():
    """An encoder with every kind of column."""
    rng = np.random.default_rng(0)
    rows = {
        "size": [*rng.normal(size=59).round(3).tolist(), None],
        "colour": [["red", "green", "blue", "red", None][i % 5] for i in range(60)],
        "shop": [f"{i * 7 % 40}" + "abcdef"[i % 6] for i in range(60)],
        "day": [f"202{i % 3}-{i % 12 + 1:02}-{i % 28 + 1:02}" for i in range(60)],
        "open": [[True, False, None][i % 3] for i in range(60)],
    }
    kinds = {"shop": "text", "day": "date"}
    return nnx.TableEncoder(max_categories=5, buckets=8, kinds=kinds, seed=7).fit(rows)


def classes():
    """A table and classes."""
    table = encoder()
    net = nnx.mlp((4,), 3)
    target = nnx.tables.Target("who", ("no", "yes", "ja, ß"))
    parts = {"loss": nnx.SoftmaxCrossEntropy(class_weight=(1, 2, 3)), "encoder": table, "target": target}
    return net, nnx.init(net, table.width, seed=3), parts


def values():
    """A table and a quantity."""
    table = encoder()
    net = nnx.mlp((4,), 1, activation="tanh")
    parts = {"loss": nnx.Huber(0.5), "encoder": table, "target": nnx.tables.Target("price", (), 12.5, 3.25)}
    return net, nnx.init(net, table.width, seed=4, dtype="float64"), parts


def optimizer():
    """A population of two, and the arrays of an optimizer beside it."""
    net, rule = nnx.Chain(nnx.Dense(2), nnx.Tanh()), nnx.Adam(0.1)
    params = nnx.init(net, 3, seed=(5, 6))
    grown = {"optim.step": np.array(7, dtype="int64"), "order": np.arange(5)[::-1], "seen": np.array([True, False])}
    grown |= {f"optim.mean.{name}": p * 0.5 for name, p in params.items()}
    return net, params, {"arrays": grown, "about": {"optimizer": type(rule).__name__, "rate": (0.1).hex()}}


def members():
    """Networks of members, and their loss."""
    net = nnx.Chain(
        nnx.EnsembleView(3),
        nnx.ScaleEnsemble(3, nnx.Normal(0.5)),
        nnx.BatchEnsemble(4, 3, nnx.Signs()),
        nnx.ReLU(),
        nnx.DenseEnsemble(2, 3),
    )
    return net, nnx.init(net, 3, seed=7), {"loss": nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 3)}


def networks():
    """Whole networks in one, and a table, as `nnx train` writes them."""
    table, net = encoder(), nnx.Ensemble(nnx.mlp((4,), 3, dropout=0.1), 2)
    loss = nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 2)
    target = nnx.tables.Target("who", ("no", "yes", "maybe"))
    return net, nnx.init(net, table.width, seed=8), {"loss": loss, "encoder": table, "target": target}


GOLDEN = {make.__name__: make for make in (dense, every_layer, classes, values, optimizer, members, networks)}
NEW = {(1, "networks")}  # kinds of file that a format never had


def answers(model):
    """What a model says: numbers, and for a table also names."""
    found = {}
    if model.encoder is None:
        found["predict"] = np.asarray(model.predict(X)).tolist()
    else:
        found["predict"] = np.asarray(model.predict(model.encoder.transform(TABLE))).tolist()
        found["table"] = np.asarray(model.predict_table(TABLE)).tolist()
    found["arrays"] = {name: [str(a.dtype), np.asarray(a).tolist()] for name, a in sorted(model.arrays.items())}
    return found | {"about": model.about}


def main(folder):
    for name, make in GOLDEN.items():
        path = folder / f"{nnx.__version__}-format{VERSION}-{name}.safetensors"
        if not path.exists():
            net, params, parts = make()
            nnx.save(path, net, params, **parts)
            path.with_suffix(".json").write_text(json.dumps(answers(nnx.load(path)), indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
