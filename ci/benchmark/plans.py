"""What a captured step will cost on a GPU, counted from its plan, without a device: launches, bytes, floor.

    python ci/benchmark/plans.py [--only TEXT] [--each] [--out FILE]

bytes: what the kernels beside the products read and write, each array once a kernel. floor: the time of those bytes at
the rate of a copy, plus that of the products at the rate cuBLAS reaches, or of the launches in a row, if that is more.
The rates are assumed for an H100, not measured: COPY, RATES, NODE.
"""

import argparse
import os
from math import prod
from pathlib import Path

os.environ.pop("NNX_BENCH_DEVICE", None)

import gpu
import numpy as np

import nnx
from nnx.backends.cuda.device import OTHER
from nnx.backends.cuda.emit import Blocks, module
from nnx.backends.cuda.kernel import Final, Partial
from nnx.backends.cuda.loop import members_in
from nnx.backends.native.loop import arrays_in, recorded
from nnx.backends.native.passes import Pass
from nnx.random import seed_words
from nnx.training.flat import choose_layout
from nnx.training.objective import MeanLoss
from nnx.training.step import Carry, make_step

COPY = 3.0e12  # bytes a second, read and written together
RATES = {"": 50e12, "tf32": 350e12, "bf16": 650e12}  # operations a second
NEAR = 227 * 1024 - OTHER  # bytes that a block can have for itself
NODE = 1.2e-6  # seconds from the end of a small kernel of a graph to the end of the next


def planned(work, blocks=False):
    """The plan of a workload's step; blocks: as one kernel, where it is small enough."""
    backend = nnx.backend("numpy")
    net, loss, optimizer = nnx.mlp(work.sizes[1:-1], work.sizes[-1]), nnx.SoftmaxCrossEntropy(), nnx.Adam(1e-3)
    rows, members = work.batch, getattr(work, "members", 0)
    x, y = np.zeros((4 * rows, work.sizes[0]), np.float32), np.zeros(4 * rows, np.int64)
    numbers = np.zeros(rows, np.int64)
    pairs = list(zip(work.sizes[:-1], work.sizes[1:], strict=True))
    lead = (members,) if members else ()
    params = {f"{2 * i}.W": np.zeros((*lead, *pair), np.float32) for i, pair in enumerate(pairs)}
    params |= {f"{2 * i}.b": np.zeros((*lead, pair[1]), np.float32) for i, pair in enumerate(pairs)}
    if members:
        from scale import member_step

        carry = {
            "params": params,
            "state": optimizer.init(params, population=lead),
            "total": np.zeros(lead, np.float32),
        }
        carry["seed"] = seed_words(tuple(range(members)), backend)
        step = member_step(net, loss, optimizer)
    else:
        layout = choose_layout(backend, params, tuple(net.names), apart=optimizer.decays)
        vectors = layout.pack(params)
        carry = Carry(
            vectors, {}, optimizer.init(vectors), seed_words(0, backend), *(backend.floats(0.0) for _ in range(2))
        )
        step = make_step(MeanLoss(net, loss), optimizer, layout)
    program = recorded(step, carry, (x, y, None, numbers), compute=False)
    sources = (program.leaves - 1, program.leaves - 3, program.leaves - 2)
    room = Blocks(*members_in(arrays_in(carry)), NEAR) if blocks else None
    return module(program, sources, work.precision, lasting=program.leaves - 3, blocks=room)


def traffic(work, held):
    """Bytes that a launch reads and writes."""
    read, written, passes = {}, {}, work.passes
    parts = prod(work.view.shape) * work.view.dtype.itemsize if isinstance(work, (Partial, Final)) else 0
    if isinstance(work, Final):
        out = passes[-1].op.output
        return parts + out.size * out.dtype.itemsize
    for p in passes:
        for view in p.views():
            if view.buffer in held or (parts and view is passes[-1].op.output):
                continue
            size = view.dtype.itemsize * prod(n for n, s in zip(view.shape, view.strides, strict=True) if s or n == 1)
            if p.op.kind == "take" and view is p.op.inputs[0]:
                size = p.op.output.size * view.dtype.itemsize  # only the rows that are taken
            into = written if view is p.op.output else read
            if into is read and any(w[:2] == (view.buffer, view.offset) for w in written):
                continue  # made in this launch
            into[view.buffer, view.offset, view.shape] = size
    return parts + sum(read.values()) + sum(written.values())


def figures(work):
    """Launches, products, bytes beside them, and the floor in microseconds."""
    plan = planned(work)
    kernels = [w for w in plan.works if w.kind != "matmul"]
    moved = sum(traffic(w, plan.held) for w in kernels)
    pairs = list(zip(work.sizes[:-1], work.sizes[1:], strict=True))
    count = getattr(work, "members", 1)
    operations = 2 * count * work.batch * (3 * sum(a * b for a, b in pairs) - pairs[0][0] * pairs[0][1])
    floor = max(moved / COPY + operations / RATES[work.precision], len(plan.steps) * NODE)
    products = sum(isinstance(step, Pass) for step in plan.steps)
    return plan, {"launches": len(plan.steps), "products": products, "MB": moved / 1e6, "floor": 1e6 * floor}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--each", action="store_true", help="also every launch: its kind, operations and bytes")
    parser.add_argument("--out", help="write FILE.md")
    args = parser.parse_args()
    lines = ["| workload | launches | of them products | MB beside the products | floor, us |", "|---|---|---|---|---|"]
    chosen = {name: work for name, work in (gpu.WORKLOADS | gpu.POPULATIONS).items() if args.only in name}
    for name, work in chosen.items():
        plan, f = figures(work)
        lines.append(f"| {name} | {f['launches']} | {f['products']} | {f['MB']:,.3g} | {f['floor']:,.0f} |")
        for w in plan.works if args.each else ():
            done = [f"{p.op.function.__name__ if p.op.function else p.op.kind}" for p in w.passes]
            print(f"{w.kind:9} {traffic(w, plan.held) / 1e6:9.3f} MB  {w.first.shape}  {' '.join(done)[:90]}")
    lines += ["", "| as one kernel of 16 steps | blocks | KB of its own for each | KB elsewhere |", "|---|---|---|---|"]
    for name, work in chosen.items():
        whole = planned(work, blocks=True).together
        if whole:
            lines.append(f"| {name} | {whole.launch.blocks} | {whole.launch.near / 1e3:.0f} | {whole.size / 1e3:.0f} |")
    print("\n".join(lines))
    if args.out:
        Path(args.out).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
