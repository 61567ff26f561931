"""Layers on sequences beside PyTorch's: milliseconds of evaluate and backprop on the CPU, all gradients and dx.

python ci/benchmark/sequences.py [--rounds 15] [--out ci/results/sequences]

All take turns in one process, with as many threads as OMP_NUM_THREADS says; medians. What is compiled also adds the
gradients to sums, as a recorded step gives back what it was given.
"""

import argparse
import json
import os
import statistics
import time
from functools import partial

import numpy as np
import torch
from run import head

import nnx
from nnx.backends.native.loop import Native

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))


def block(features, heads, **more):
    theirs = torch.nn.TransformerEncoderLayer(
        features, heads, 4 * features, 0.0, "gelu", batch_first=True, norm_first=True
    )
    return nnx.transformer_block(features, heads, **more), theirs


class Causal(torch.nn.Module):
    """A layer of torch with the mask of a model of language."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        mask = torch.nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.layer(x, src_mask=mask, is_causal=True)


class States(torch.nn.Module):
    """The states of torch's GRU, without the last beside them."""

    def __init__(self, *sizes):
        super().__init__()
        self.gru = torch.nn.GRU(*sizes, batch_first=True)

    def forward(self, x):
        return self.gru(x)[0]


def cases():
    """By name the layer, PyTorch's, and the shape of x."""
    causal, layer = block(64, 4, causal=True)
    return {
        "Transformer block, 16 x 128 x 64, 4 heads": (*block(64, 4), (16, 128, 64)),
        "Transformer block, 32 x 128 x 64, 4 heads": (*block(64, 4), (32, 128, 64)),
        "causal Transformer block, 16 x 128 x 64, 4 heads": (causal, Causal(layer), (16, 128, 64)),
        "attention, 16 x 128 x 64, 4 heads": (nnx.MultiHeadAttention(4), Attention(64, 4), (16, 128, 64)),
        "GRU of 64 units, 32 x 100 x 8": (nnx.GRU(64), States(8, 64), (32, 100, 8)),
    }


class Attention(torch.nn.Module):
    """PyTorch's self-attention, in its fastest form."""

    def __init__(self, features, heads):
        super().__init__()
        self.own = torch.nn.MultiheadAttention(features, heads, batch_first=True)

    def forward(self, x):
        return self.own(x, x, x, need_weights=False)[0]


def compiled(net, params, x, dy):
    """Evaluate and backprop as `nnx.fit` runs them: recorded and compiled."""

    def step(carry, x, dy, weight, rows):
        _, saved = net.evaluate(carry["params"], x, train=True)
        dx, grads = net.backprop(carry["params"], saved, dy)
        for name, total in carry["grads"].items():
            total += grads[name]
        total = carry["dx"]
        total += dx
        return carry

    loop = Native(step, True, 5)
    carry = {"params": params, "grads": {name: np.zeros_like(p) for name, p in params.items()}, "dx": np.zeros_like(x)}
    state = [carry]

    def run():
        state[0] = loop(state[0], x, dy, None, None, 0, 1)

    return run


def rivals(net, theirs, shape):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(np.float32)
    params = nnx.init(net, shape[1:])
    y, _ = net.evaluate(params, x)
    dy = rng.normal(size=y.shape).astype(np.float32)
    own = {name: torch.from_numpy(p.copy()) for name, p in params.items()}
    own_x, own_dy = torch.from_numpy(x), torch.from_numpy(dy)
    given = torch.from_numpy(x.copy()).requires_grad_()

    def on_numpy():
        net.backprop(params, net.evaluate(params, x, train=True)[1], dy)

    def on_torch():
        with torch.no_grad():
            net.backprop(own, net.evaluate(own, own_x, train=True)[1], own_dy)

    def by_torch():
        theirs.zero_grad()
        given.grad = None
        theirs(given).backward(own_dy)

    return {
        "PyTorch": by_torch,
        "nnx, compiled": compiled(net, dict(params), x, dy),
        "nnx, step by step": on_numpy,
        "nnx on PyTorch's tensors": on_torch,
    }


TEXTS = (
    "Layers on sequences beside PyTorch's",
    "Milliseconds of evaluate and backprop, and PyTorch's time over it (above 1: faster than PyTorch).",
    "rows x time x features",
)


def measured(runs, rounds):
    """By case and rival the median of the milliseconds. runs: for each case a function that makes the rivals."""
    found = {}
    for name, make in runs.items():
        run = make()
        times = {rival: [] for rival in run}
        for _ in range(rounds + 2):
            for rival, function in run.items():
                started = time.perf_counter()
                function()
                times[rival].append(1e3 * (time.perf_counter() - started))
        found[name] = {rival: statistics.median(taken[2:]) for rival, taken in times.items()}
        print(name, {rival: round(t, 2) for rival, t in found[name].items()}, flush=True)
    return found


def table(report, texts):
    """The results as Markdown."""
    title, what, first = texts
    names = list(next(iter(report["times"].values())))
    threads = "one thread" if report["threads"] == 1 else f"{report['threads']} threads"
    lines = [
        f"# {title}",
        "",
        f"{report['head']['when']}, {report['head']['machine']['processor']}, {threads}, float32.",
    ]
    lines += [what, "", f"| {first} | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for name, times in report["times"].items():
        cells = [f"{t:.3g}" if r == "PyTorch" else f"{t:.3g} ({times['PyTorch'] / t:.2f})" for r, t in times.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main(description, runs, texts):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", help="write FILE.json and FILE.md")
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    with np.errstate(all="ignore"):
        report = {"head": head(), "threads": THREADS, "rounds": args.rounds, "times": measured(runs(), args.rounds)}
    print(table(report, texts))
    if args.out:
        with open(args.out + ".json", "w") as file:
            json.dump(report, file, indent=1)
        with open(args.out + ".md", "w") as file:
            file.write(table(report, texts))


if __name__ == "__main__":
    main(__doc__, lambda: {name: partial(rivals, *case) for name, case in cases().items()}, TEXTS)
