"""The rivals: the same network and the same steps, written by hand for one library each.

Every rival is a function of a Workload and a function `tick`. It prepares everything (compiling included), calls
tick(None), and then trains for ever, calling tick(mean loss) after each epoch. All begin at the same weights,
take the same batches in the same order by gathering rows of one array, and use Adam (0.9, 0.999, epsilon 1e-8, with the
bias correction in the rate), ReLU and softmax cross-entropy in float32.
"""

import math
from dataclasses import dataclass

import numpy as np

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Workload:
    """A chain of dense layers with ReLU between them, and so many batches an epoch."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    batches: int

    def data(self):
        rng = np.random.default_rng(0)
        rows = self.batch * self.batches
        x = rng.normal(size=(rows, self.sizes[0])).astype(np.float32)
        teacher = rng.normal(size=(self.sizes[0], self.sizes[-1])).astype(np.float32)
        return x, np.argmax(x @ teacher + rng.normal(size=(rows, self.sizes[-1])), axis=1)

    def weights(self):
        rng = np.random.default_rng(1)
        pairs = list(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        W = [(rng.uniform(-1, 1, size=p) * math.sqrt(6 / sum(p))).astype(np.float32) for p in pairs]
        return W, [np.zeros(p[1], dtype=np.float32) for p in pairs]

    def rows(self):
        return [np.arange(i * self.batch, (i + 1) * self.batch) for i in range(self.batches)]


WORKLOADS = {
    w.name: w
    for w in (
        Workload("2-3-2 batch 4", (2, 3, 2), 4, 4000),
        Workload("64-100-10 batch 128", (64, 100, 10), 128, 1500),
        Workload("16-256-256-2 batch 256", (16, 256, 256, 2), 256, 250),
        Workload("784-512-512-10 batch 128", (784, 512, 512, 10), 128, 100),
        Workload("1024-4096-4096-1000 batch 512", (1024, 4096, 4096, 1000), 512, 3),
    )
}


def nnx_on(backend, compiled="auto"):
    """The library itself, through its public `nnx.fit`."""

    def run(work, tick):
        import nnx

        x, y = work.data()
        W, b = work.weights()
        params = {f"{2 * i}.{n}": p for i in range(len(W)) for n, p in (("W", W[i]), ("b", b[i]))}
        tick(None)
        nnx.fit(
            nnx.mlp(work.sizes[1:-1], work.sizes[-1]), x, y, loss="softmax_cross_entropy",
            optimizer=nnx.Adam(RATE), epochs=10**9, batch_size=work.batch, shuffle=False, params=params,
            backend=backend, compile=compiled, callbacks=[lambda report: tick(report.figures["loss"])],
        )  # fmt: skip

    return run


def numpy_plain(work, tick):
    """NumPy as the tutorials write it: lists of layers, an expression per formula."""
    x, y = work.data()
    W, b = work.weights()
    n, last = work.batch, len(W) - 1
    m = [np.zeros_like(p) for p in W + b]
    v = [np.zeros_like(p) for p in W + b]
    t = 0
    tick(None)
    while True:
        total = 0.0
        for rows in work.rows():
            a, target = [x[rows]], y[rows]
            for i in range(last + 1):
                z = a[-1] @ W[i] + b[i]
                a.append(np.maximum(z, 0) if i < last else z)
            e = np.exp(a[-1] - a[-1].max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            total += -np.log(p[np.arange(n), target]).mean()
            p[np.arange(n), target] -= 1
            dz = p / n
            dW, db = [None] * (last + 1), [None] * (last + 1)
            for i in range(last, -1, -1):
                dW[i], db[i] = a[i].T @ dz, dz.sum(axis=0)
                if i > 0:
                    dz = (dz @ W[i].T) * (a[i] > 0)
            t += 1
            rate = RATE * math.sqrt(1 - BETA2**t) / (1 - BETA1**t)
            for k, (p, g) in enumerate(zip(W + b, dW + db, strict=True)):
                m[k] = BETA1 * m[k] + (1 - BETA1) * g
                v[k] = BETA2 * v[k] + (1 - BETA2) * g * g
                p -= rate * m[k] / (np.sqrt(v[k]) + EPSILON)
        tick(total / work.batches)


def numpy_buffers(work, tick):
    """NumPy by an expert: every array made once, every operation with out=, Adam over one flat vector."""
    x, y = work.data()
    W0, b0 = work.weights()
    shapes = [p.shape for p in W0 + b0]
    ends = np.cumsum([math.prod(s) for s in shapes])
    flat = np.concatenate([p.ravel() for p in W0 + b0])
    grad, m, v, s1 = (np.zeros_like(flat) for _ in range(4))

    def views(vector):
        return [vector[end - math.prod(s) : end].reshape(s) for s, end in zip(shapes, ends, strict=True)]

    layers = len(W0)
    P, G = views(flat), views(grad)
    W, b, dW, db = P[:layers], P[layers:], G[:layers], G[layers:]
    n, last = work.batch, layers - 1
    a = [np.empty((n, s), dtype=np.float32) for s in work.sizes]
    d = [np.empty((n, s), dtype=np.float32) for s in work.sizes]
    mask = [np.empty((n, s), dtype=bool) for s in work.sizes]
    column, index = np.empty((n, 1), dtype=np.float32), np.arange(n)
    t = 0
    tick(None)
    while True:
        total = 0.0
        for rows in work.rows():
            np.take(x, rows, axis=0, out=a[0], mode="clip")
            target = y[rows]
            for i in range(layers):
                np.matmul(a[i], W[i], out=a[i + 1])
                np.add(a[i + 1], b[i], out=a[i + 1])
                if i < last:
                    np.maximum(a[i + 1], 0, out=a[i + 1])
            z, dz = a[-1], d[-1]
            np.max(z, axis=1, keepdims=True, out=column)
            np.subtract(z, column, out=dz)
            np.exp(dz, out=dz)
            np.sum(dz, axis=1, keepdims=True, out=column)
            np.divide(dz, column, out=dz)
            total += -np.log(dz[index, target]).mean()
            dz[index, target] -= 1
            np.multiply(dz, np.float32(1 / n), out=dz)
            for i in range(last, -1, -1):
                np.matmul(a[i].T, d[i + 1], out=dW[i])
                np.sum(d[i + 1], axis=0, out=db[i])
                if i > 0:
                    np.matmul(d[i + 1], W[i].T, out=d[i])
                    np.greater(a[i], 0, out=mask[i])
                    np.multiply(d[i], mask[i], out=d[i])
            t += 1
            rate = RATE * math.sqrt(1 - BETA2**t) / (1 - BETA1**t)
            np.multiply(m, BETA1, out=m)
            np.multiply(grad, 1 - BETA1, out=s1)
            np.add(m, s1, out=m)
            np.multiply(v, BETA2, out=v)
            np.multiply(grad, grad, out=s1)
            np.multiply(s1, 1 - BETA2, out=s1)
            np.add(v, s1, out=v)
            np.sqrt(v, out=s1)
            np.add(s1, EPSILON, out=s1)
            np.divide(m, s1, out=s1)
            np.multiply(s1, rate, out=s1)
            np.subtract(flat, s1, out=flat)
        tick(total / work.batches)


def scikit_learn(work, tick):
    """scikit-learn's MLPClassifier, one partial_fit an epoch."""
    import warnings

    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    x, y = work.data()
    classes = np.arange(work.sizes[-1])
    model = MLPClassifier(
        work.sizes[1:-1], batch_size=work.batch, learning_rate_init=RATE, alpha=0.0, shuffle=False, max_iter=1
    )
    model.partial_fit(x[: work.batch], y[: work.batch], classes=classes)
    W, b = work.weights()
    if work.sizes[-1] == 2:  # one logit there: the difference of the two here
        W[-1], b[-1] = W[-1][:, 1:] - W[-1][:, :1], b[-1][1:] - b[-1][:1]
    for mine, theirs in zip(W + b, model.coefs_ + model.intercepts_, strict=True):
        theirs[...] = mine
    model._optimizer.t = 0
    for slot in (*model._optimizer.ms, *model._optimizer.vs):
        slot[...] = 0
    tick(None)
    while True:
        model.partial_fit(x, y)
        tick(float(model.loss_))


def torch_network(work):
    import torch

    x, y = work.data()
    W, b = work.weights()
    layers = []
    for i, (w, c) in enumerate(zip(W, b, strict=True)):
        linear = torch.nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(w.T)))
            linear.bias.copy_(torch.from_numpy(c))
        layers += [linear] + ([torch.nn.ReLU()] if i < len(W) - 1 else [])
    net = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(net.parameters(), RATE, (BETA1, BETA2), EPSILON, fused=True)
    rows = [torch.from_numpy(r) for r in work.rows()]
    return net, optimizer, torch.from_numpy(x), torch.from_numpy(y), rows


def torch_eager(work, tick):
    """PyTorch as its tutorial writes it, with the fused Adam."""
    import torch

    net, optimizer, x, y, batches = torch_network(work)
    tick(None)
    while True:
        total = torch.zeros(())
        for rows in batches:
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        tick(float(total) / work.batches)


def torch_compile(work, tick):
    """PyTorch with the forward and backward pass compiled."""
    import torch

    net, optimizer, x, y, batches = torch_network(work)

    @torch.compile
    def forward(rows):
        return torch.nn.functional.cross_entropy(net(x[rows]), y[rows])

    forward(batches[0]).backward()  # compile both directions
    tick(None)
    while True:
        total = torch.zeros(())
        for rows in batches:
            optimizer.zero_grad(set_to_none=True)
            loss = forward(rows)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        tick(float(total) / work.batches)


def jax_step(x, y):
    """A step on the rows of these numbers, for a scan: parameters, two means of Adam, and how many steps."""
    import jax
    import jax.numpy as jnp

    def loss_of(params, x, y):
        for w, c in params[:-1]:
            x = jax.nn.relu(x @ w + c)
        z = x @ params[-1][0] + params[-1][1]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1))

    def step(carry, rows):
        params, m, v, t = carry
        value, grads = jax.value_and_grad(loss_of)(params, x[rows], y[rows])
        t = t + 1
        rate = RATE * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, grads)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, grads)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), params, m, v)
        return (params, m, v, t), value

    return step


def jax_scan(work, tick):
    """JAX: an epoch as one compiled scan, gradients by jax.grad, state donated."""
    from functools import partial

    import jax
    import jax.numpy as jnp

    x, y = map(jnp.asarray, work.data())
    W, b = work.weights()
    params = [(jnp.asarray(w), jnp.asarray(c)) for w, c in zip(W, b, strict=True)]
    zeros = jax.tree.map(jnp.zeros_like, params)
    batches = jnp.asarray(np.stack(work.rows()))

    step = jax_step(x, y)

    @partial(jax.jit, donate_argnums=0)
    def epoch(carry):
        carry, values = jax.lax.scan(step, carry, batches)
        return carry, jnp.mean(values)

    carry = (params, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), jnp.float32))
    compiled = epoch.lower(carry).compile()
    tick(None)
    while True:
        carry, value = compiled(carry)
        tick(float(value))


def keras_fit(work, tick):
    """Keras on JAX: compile and fit, the way of its guides."""
    import os

    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    x, y = work.data()
    W, b = work.weights()
    hidden = [keras.layers.Dense(u, activation="relu") for u in work.sizes[1:-1]]
    net = keras.Sequential([keras.Input((work.sizes[0],)), *hidden, keras.layers.Dense(work.sizes[-1])])
    net.set_weights([p for pair in zip(W, b, strict=True) for p in pair])
    net.compile(
        optimizer=keras.optimizers.Adam(RATE, BETA1, BETA2, EPSILON),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: tick(float(logs["loss"])))
    tick(None)
    net.fit(x, y, batch_size=work.batch, epochs=10**9, shuffle=False, verbose=0, callbacks=[watch])


RIVALS = {
    "nnx numpy": nnx_on("numpy"),
    "NumPy, plain": numpy_plain,
    "NumPy, buffers": numpy_buffers,
    "scikit-learn": scikit_learn,
    "PyTorch eager": torch_eager,
    "PyTorch compiled": torch_compile,
    "JAX scan": jax_scan,
    "Keras": keras_fit,
    "nnx plain": nnx_on("numpy", compiled=False),
    "nnx torch": nnx_on("torch"),
    "nnx torch eager": nnx_on("torch", compiled=False),
    "nnx jax": nnx_on("jax"),
}
