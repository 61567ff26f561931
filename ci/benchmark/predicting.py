"""Prediction: the probabilities of one row, and of 100,000, by the rivals' trained 64-100-10 networks.

Every rival is a function of a Case and a function `tick`, as in rivals.py; a tick is a number of calls, and instead of
a loss it is told the mean of the first class.
"""

from dataclasses import dataclass

import numpy as np
from rivals import WORKLOADS

WORK = WORKLOADS["64-100-10 batch 128"]


@dataclass(frozen=True)
class Case:
    """So many rows at once, so many times for each measurement."""

    name: str
    rows: int
    batches: int  # calls a tick

    def data(self):
        return np.random.default_rng(2).normal(size=(self.rows, WORK.sizes[0])).astype(np.float32)


CASES = {c.name: c for c in (Case("predict 1 row", 1, 2000), Case("predict 100,000 rows", 100_000, 5))}


def watched(predict, case, tick):
    """Tick for ever with a function that predicts."""
    predict()
    tick(None)
    while True:
        for _ in range(case.batches):
            p = predict()
        tick(float(np.mean(p[:, 0])))


def nnx_on(backend):
    def run(case, tick):
        import nnx

        W, b = WORK.weights()
        params = {f"{2 * i}.{n}": p for i in range(len(W)) for n, p in (("W", W[i]), ("b", b[i]))}
        x, y = WORK.data()
        fit = nnx.fit(
            nnx.mlp(WORK.sizes[1:-1], WORK.sizes[-1]), x[:4], y[:4], loss="softmax_cross_entropy", params=params,
            optimizer=nnx.SGD(0.0), epochs=1, backend=backend,
        )  # fmt: skip
        rows = case.data()
        watched(lambda: np.asarray(fit.predict(rows)), case, tick)

    return run


def numpy_plain(case, tick):
    W, b = WORK.weights()
    x = case.data()

    def predict():
        a = x
        for w, c in zip(W[:-1], b[:-1], strict=True):
            a = np.maximum(a @ w + c, 0)
        z = a @ W[-1] + b[-1]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    watched(predict, case, tick)


def scikit_learn(case, tick):
    import warnings

    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    x, y = WORK.data()
    model = MLPClassifier(WORK.sizes[1:-1], max_iter=1)
    model.partial_fit(x[:20], y[:20], classes=np.arange(WORK.sizes[-1]))
    model.coefs_, model.intercepts_ = WORK.weights()
    rows = case.data()
    watched(lambda: model.predict_proba(rows), case, tick)


def torch_eager(case, tick):
    import torch
    from rivals import torch_network

    net = torch_network(WORK)[0].eval()
    rows = torch.from_numpy(case.data())

    def predict():
        with torch.inference_mode():
            return torch.softmax(net(rows), dim=1).numpy()

    watched(predict, case, tick)


def jax_jit(case, tick):
    import jax
    import jax.numpy as jnp

    W, b = WORK.weights()
    params = [(jnp.asarray(w), jnp.asarray(c)) for w, c in zip(W, b, strict=True)]

    @jax.jit
    def forward(params, x):
        for w, c in params[:-1]:
            x = jax.nn.relu(x @ w + c)
        return jax.nn.softmax(x @ params[-1][0] + params[-1][1])

    rows = case.data()
    watched(lambda: np.asarray(forward(params, rows)), case, tick)


def keras_predict(case, tick):
    import os

    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    W, b = WORK.weights()
    hidden = [keras.layers.Dense(u, activation="relu") for u in WORK.sizes[1:-1]]
    last = keras.layers.Dense(WORK.sizes[-1], activation="softmax")
    net = keras.Sequential([keras.Input((WORK.sizes[0],)), *hidden, last])
    net.set_weights([p for pair in zip(W, b, strict=True) for p in pair])
    rows = case.data()
    predict = (lambda: net.predict_on_batch(rows)) if case.rows == 1 else lambda: net.predict(rows, 8192, verbose=0)
    watched(predict, case, tick)


RIVALS = {
    "nnx numpy": nnx_on("numpy"),
    "NumPy, plain": numpy_plain,
    "scikit-learn": scikit_learn,
    "PyTorch eager": torch_eager,
    "JAX jit": jax_jit,
    "Keras": keras_predict,
    "nnx torch": nnx_on("torch"),
    "nnx jax": nnx_on("jax"),
}
