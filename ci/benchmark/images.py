"""Convolutional networks beside PyTorch's and a plain one of NumPy: milliseconds of a whole training step on the CPU.

python ci/benchmark/images.py [--rounds 15] [--out ci/results/images]

Batches of 128, Adam. All take turns in one process, with as many threads as OMP_NUM_THREADS says; medians. The plain
one copies all windows of a batch into one array (im2col), takes one product of matrices, and adds the gradients of the
windows up again, as textbooks do.
"""

from functools import partial

import numpy as np
import torch
from sequences import main
from torch import nn

import nnx
from nnx.training.flat import choose_layout
from nnx.training.objective import MeanLoss
from nnx.training.step import Carry, make_step

N = 128
SOFTMAX = nnx.SoftmaxCrossEntropy()
TEXTS = (
    "Convolutional networks beside PyTorch's",
    "Milliseconds of a training step on 128 images, and PyTorch's time over it (above 1: faster than PyTorch).",
    "network",
)


def lenet():
    ours = nnx.Chain(
        *(nnx.Conv2D(6, 5, padding=2), nnx.ReLU(), nnx.MaxPool(2)),
        *(nnx.Conv2D(16, 5), nnx.ReLU(), nnx.MaxPool(2), nnx.Flatten()),
        *(nnx.Dense(120), nnx.ReLU(), nnx.Dense(84), nnx.ReLU(), nnx.Dense(10)),
    )
    theirs = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    return ours, theirs, (28, 28, 1)


class Block(nn.Module):
    """x + f(x)."""

    def __init__(self, c):
        super().__init__()
        one, two = (nn.Sequential(nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c)) for _ in range(2))
        self.f = nn.Sequential(one, nn.ReLU(), two)

    def forward(self, x):
        return x + self.f(x)


def residual():
    def conv(c, stride=1):
        return nnx.Conv2D(c, 3, stride, padding=1), nnx.BatchNorm()

    def block(c):
        return nnx.Residual(nnx.Chain(*conv(c), nnx.ReLU(), *conv(c))), nnx.ReLU()

    ours = nnx.Chain(
        *(*conv(16), nnx.ReLU(), *block(16), *conv(32, 2), nnx.ReLU(), *block(32), nnx.GlobalPool(), nnx.Dense(10))
    )
    theirs = nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), Block(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, 2, padding=1), nn.BatchNorm2d(32), nn.ReLU(), Block(32), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
    )
    return ours, theirs, (32, 32, 3)


class Windows(nnx.Conv2D):
    """Conv2D of stride 1 as textbooks have it: all windows of the batch as the rows of one matrix."""

    def evaluate(self, params, x, *, train=False, key=None):
        (h, w), stride, pad = (self.size, self.size), self.stride, self.padding
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        v = np.lib.stride_tricks.sliding_window_view(x, (h, w), axis=(1, 2))[:, ::stride, ::stride]  # n, o, o, c, h, w
        v = v.transpose(0, 1, 2, 4, 5, 3)
        n, a, b = v.shape[:3]
        v = v.reshape(n * a * b, -1)
        y = v @ params["W"].reshape(-1, self.units) + params["b"]
        return y.reshape(n, a, b, self.units), (v, x.shape)

    def backprop(self, params, saved, dy, *, need_dx=True):
        (v, shape), (h, w), stride, pad = saved, (self.size, self.size), self.stride, self.padding
        n, a, b, u = dy.shape
        g = dy.reshape(-1, u)
        grads = {"W": (v.T @ g).reshape(params["W"].shape), "b": g.sum(axis=0)}
        if not need_dx:
            return None, grads
        dv = (g @ params["W"].reshape(-1, u).T).reshape(n, a, b, h, w, -1)
        dx = np.zeros(shape, dy.dtype)
        for i in range(h):
            for j in range(w):
                dx[:, i : i + stride * a : stride, j : j + stride * b : stride] += dv[:, :, :, i, j]
        return dx[:, pad : shape[1] - pad, pad : shape[2] - pad], grads


def plain(layer):
    """The network with textbook convolutions."""
    if isinstance(layer, nnx.Chain):
        return nnx.Chain(*map(plain, layer.layers))
    if isinstance(layer, nnx.Residual):
        return nnx.Residual(plain(layer.layer))
    if isinstance(layer, nnx.Conv2D):
        return Windows(layer.units, layer.size, layer.stride, layer.padding)
    return layer


def stepper(net, x, y, mode):
    """A function that makes one step: "auto" as `nnx.fit` does for a training of 100 epochs, False plainly."""
    host, optimizer = nnx.backend("numpy"), nnx.Adam()
    params = nnx.init(net, x)
    own = {name: params[name] for name in net.names}
    layout = choose_layout(host, own, tuple(own), apart=False)
    vectors = layout.pack(own)
    rest = {name: p for name, p in params.items() if name not in own}
    zero = host.floats(0.0)
    carry = Carry(vectors, rest, optimizer.init(vectors), host.asarray(0, np.int32), zero, host.floats(0.0))
    run = host.loop(make_step(MeanLoss(net, SOFTMAX), optimizer, layout), mode, 1000)
    rows, state = np.arange(N)[None, :], [carry]

    def step():
        with host.scope():
            state[0] = run(state[0], x, y, None, rows, 0, 1)

    return step


def rivals(make):
    ours, theirs, row = make()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(N, *row)).astype(np.float32), rng.integers(0, 10, N)
    given, labels = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(y)
    optimizer = torch.optim.Adam(theirs.parameters())

    def by_torch():
        optimizer.zero_grad()
        nn.functional.cross_entropy(theirs(given), labels).backward()
        optimizer.step()

    textbook = stepper(plain(ours), x, y, False)
    return {
        "PyTorch": by_torch,
        "nnx.fit": stepper(ours, x, y, "auto"),
        "nnx, step by step": stepper(ours, x, y, False),
        "plain NumPy": textbook,
    }


if __name__ == "__main__":
    cases = {"LeNet, 28 x 28 x 1": lenet, "small residual network, 32 x 32 x 3": residual}
    main(__doc__, lambda: {name: partial(rivals, make) for name, make in cases.items()}, TEXTS)
