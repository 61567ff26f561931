"""Resuming: a training that was interrupted, however, goes on to the same bits as one that was not."""

import os

import numpy as np
import pytest

import nnx


class Crash(Exception):
    pass


def data(rows=200, features=5):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, features))
    return x, (x[:, 0] + 0.3 * rng.normal(size=rows) > 0).astype(int)


NETS = {
    "dense": nnx.mlp((8,), 2),
    "dropout and normalisation": nnx.Chain(nnx.Dense(8), nnx.ReLU(), nnx.Dropout(0.2), nnx.BatchNorm(), nnx.Dense(2)),
    "residual": nnx.Chain(nnx.Dense(6), nnx.Residual(nnx.Chain(nnx.Dense(6), nnx.Tanh())), nnx.Dense(2)),
}
OPTIMIZERS = {
    "momentum": nnx.Momentum(0.05),
    "adam": nnx.Adam(0.01),
    "adamw with cosine": nnx.AdamW(0.02, schedule=nnx.Cosine()),
    "clipped": nnx.ClipNorm(nnx.Adam(0.01), norm=0.5),
}
BASE = dict(loss="softmax_cross_entropy", optimizer=nnx.Adam(0.01), epochs=6, batch_size=32, seed=3)


def fit(net=NETS["dense"], xy=None, **settings):
    x, y = xy or data()
    return nnx.fit(net, x, y, **(BASE | settings))


def crash_in(epoch, path, *args, **settings):
    """A fit that writes a checkpoint after each epoch and crashes in this one, before it is written."""

    def callback(report):
        if report.epoch == epoch:
            raise Crash

    with pytest.raises(Crash):
        fit(*args, checkpoint=nnx.Checkpoint(path), callbacks=[callback], **settings)


def bits(tree):
    if isinstance(tree, dict):
        return {name: bits(part) for name, part in tree.items()}
    array = np.asarray(tree)
    return str(array.dtype), array.shape, array.tobytes()


def everything(fit):
    """All that two fits must share."""
    history = {k: v for k, v in fit.history.items() if k not in ("seconds", "samples_per_second")}
    return bits(fit.params), bits(fit.state), history, fit.best_epoch, fit.stopped


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


BACKENDS = ["numpy", "torch", "jax"]


def need(backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    return backend


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_resumed_fit_ends_with_the_same_bits(backend, net, optimizer, path):
    settings = dict(backend=need(backend), optimizer=OPTIMIZERS[optimizer], validation=0.2, metrics=["accuracy"])
    settings |= dict(early_stopping=nnx.EarlyStopping(3), sample_weight=np.linspace(0.5, 2, 200))
    whole = fit(NETS[net], **settings)
    for epoch in (1, 4) if backend == "jax" else (1, 2, 5):
        crash_in(epoch, path, NETS[net], **settings)
        assert nnx.load(path).about["checkpoint"]["epoch"] == epoch - 1
        assert everything(fit(NETS[net], resume=path, **settings)) == everything(whole)
    assert sorted(os.listdir(path.parent)) == [path.name, path.name + ".previous"]
