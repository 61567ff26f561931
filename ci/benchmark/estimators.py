"""scikit-learn's estimators and nnx's with the same data, seed and epochs: a whole `fit`, and `predict_proba`.

As in rivals.py, every rival is a function of a case and a function `tick`; a tick is a fit, or a number of predictions.
Short fits stand beside what the same fit takes in PyTorch and in JAX, whose step has been compiled before.
"""

import os
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import rivals


@dataclass(frozen=True)
class Case:
    """A network, its data, and so many epochs; rows: how many to predict at once, None to train."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    samples: int
    epochs: int
    rows: int | None = None

    @property
    def batches(self):
        """Training steps of a tick, or calls of predict."""
        return self.epochs * -(-self.samples // self.batch) if self.rows is None else max(2000 // self.rows, 3)

    def data(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(self.samples, self.sizes[0])).astype(np.float32)
        return X, rng.integers(0, self.sizes[-1], self.samples)


SHAPES = {
    "64-100-10, batch 200": ((64, 100, 10), 200, 10_000, 200),
    "16-256-256-2, batch 256": ((16, 256, 256, 2), 256, 5_000, 100),
    "784-512-512-10, batch 128": ((784, 512, 512, 10), 128, 3_000, 30),
}
CASES = {f"fit {name}": Case(f"fit {name}", *shape) for name, shape in SHAPES.items()}
CASES |= {
    f"predict_proba {rows:,} rows, {name}": Case(name, *shape[:2], 1000, 1, rows)
    for rows in (1, 100_000)
    for name, shape in SHAPES.items()
    if rows == 1 or shape[0][0] < 100
}


SHORT = {"small": (64, 100, 10), "table": (20, 200, 200, 3), "image": (700, 450, 450, 10)}
SHORT_CASES = {
    f"{steps} steps, {name}": Case(f"{steps} steps, {name}", sizes, 100, 1000, steps // 10)
    for name, sizes in SHORT.items()
    for steps in (10, 100, 1000)
}


def estimator(module, threads=None, **environment):
    def run(case, tick):
        os.environ.update({"NNX_FUSED": "auto"} | environment)  # nnx as it comes
        import importlib
        import warnings

        import threadpoolctl

        warnings.simplefilter("ignore")
        kind = importlib.import_module(module).MLPClassifier
        threadpoolctl.threadpool_limits(threads)  # of what is loaded by now
        X, y = case.data()
        settings = dict(batch_size=case.batch, max_iter=case.epochs, random_state=0, tol=0, n_iter_no_change=10**6)
        model = kind(case.sizes[1:-1], **settings)
        tick(None)
        if case.rows is None:
            while True:
                tick(model.fit(X, y).loss_)
        rows = np.resize(X, (case.rows, X.shape[1]))
        model.fit(X, y)
        while True:
            for _ in range(case.batches):
                p = model.predict_proba(rows)
            tick(float(p[:, 0].mean()))

    return run


RIVALS = {
    "nnx": estimator("nnx"),
    "scikit-learn": estimator("sklearn.neural_network"),
    "nnx, replayed": estimator("nnx", NNX_PROGRAMS="never"),
    "nnx, 1 thread": estimator("nnx", 1),
    "scikit-learn, 1 thread": estimator("sklearn.neural_network", 1),
}


def weights(sizes):
    """The first parameters of a network, as the estimators draw them."""
    rng = np.random.default_rng(0)
    found = []
    for a, b in pairwise(sizes):
        bound = (6 / (a + b)) ** 0.5
        found.append([rng.uniform(-bound, bound, shape).astype(np.float32) for shape in ((a, b), (b,))])
    return found


def torch_fit(case, tick):
    """PyTorch as its tutorial writes it, with the fused Adam: a whole fit."""
    import torch

    x, y = map(torch.from_numpy, case.data())

    def fit():
        layers = []
        for w, c in weights(case.sizes):
            linear = torch.nn.Linear(*w.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(w.T))
                linear.bias.copy_(torch.from_numpy(c))
            layers += [linear, torch.nn.ReLU()]
        net = torch.nn.Sequential(*layers[:-1])
        optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
        for _ in range(case.epochs):
            total = torch.zeros(())
            for rows in torch.randperm(case.samples).split(case.batch):
                optimizer.zero_grad(set_to_none=True)
                loss = torch.nn.functional.cross_entropy(net(x[rows]), y[rows])
                loss.backward()
                optimizer.step()
                total += loss.detach()
        return float(total) / (case.samples // case.batch)

    tick(None)
    while True:
        tick(fit())


def jax_fit(case, tick):
    """JAX: an epoch as one scan, compiled before; a whole fit."""
    from functools import partial

    import jax
    import jax.numpy as jnp

    x, y = map(jnp.asarray, case.data())

    step = rivals.jax_step(x, y)

    @partial(jax.jit, donate_argnums=0)
    def epoch(carry, batches):
        carry, values = jax.lax.scan(step, carry, batches)
        return carry, jnp.mean(values)

    rng = np.random.default_rng(0)

    def fit():
        params = jax.tree.map(jnp.asarray, weights(case.sizes))
        zeros = jax.tree.map(jnp.zeros_like, params)
        carry = (params, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), jnp.float32))
        for _ in range(case.epochs):
            carry, value = epoch(carry, jnp.asarray(rng.permutation(case.samples).reshape(-1, case.batch)))
        return float(value)

    fit()
    tick(None)
    while True:
        tick(fit())


SHORT_RIVALS = {
    "nnx": estimator("nnx", NNX_COMPILE="always"),  # as where another process has had the step before
    "scikit-learn": RIVALS["scikit-learn"],
    "PyTorch eager": torch_fit,
    "JAX scan, compiled before": jax_fit,
}
