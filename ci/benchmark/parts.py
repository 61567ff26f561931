"""What each part of the compiled step brings, one part taken away at a time: python ci/benchmark/parts.py

Microseconds a step on NumPy, medians of interleaved epochs in one process.
"""

import statistics
import time

import numpy as np
from rivals import WORKLOADS

import nnx
from nnx.backends.native import loop, program, schedule

EPOCHS = 5


def stepper(work, mode):
    """A function that trains one epoch."""
    from nnx.backends import backend
    from nnx.training.flat import choose_layout
    from nnx.training.objective import MeanLoss
    from nnx.training.step import Carry, make_step

    host = backend("numpy")
    x, y = work.data()
    W, b = work.weights()
    params = {f"{2 * i}.{n}": p for i in range(len(W)) for n, p in (("W", W[i]), ("b", b[i]))}
    net, optimizer = nnx.mlp(work.sizes[1:-1], work.sizes[-1]), nnx.Adam()
    layout = choose_layout(host, params, tuple(params), apart=False)
    vectors = layout.pack(params)
    carry = Carry(vectors, {}, optimizer.init(vectors), host.asarray(0, np.int32), host.floats(0.0), host.floats(0.0))
    run = host.loop(make_step(MeanLoss(net, nnx.SoftmaxCrossEntropy()), optimizer, layout), mode)
    rows = np.stack(work.rows()).astype(np.int64)
    state = [run(carry, x, y, None, rows, 0, 1)]

    def epoch():
        state[0] = run(state[0], x, y, None, rows, 0, len(rows))

    return epoch


def without(module, name, value, work, mode):
    """A stepper made while a part of the library is another."""
    kept = getattr(module, name)
    setattr(module, name, value)
    try:
        return stepper(work, mode)
    finally:
        setattr(module, name, kept)


def main():
    copied = lambda operations, sizes, given: _copied(operations)  # noqa: E731
    print(f"{'':<30}{'plain':>10}{'replayed':>10}{'compiled':>10}{'no shared loops':>17}{'gradients copied':>18}")
    for work in list(WORKLOADS.values())[:4]:  # the largest takes as long as its matrix products
        with np.errstate(all="ignore"):
            epochs = [
                stepper(work, False),
                without(loop, "is_worth_it", lambda *_: False, work, "auto") if work.batches >= loop.FEW else None,
                stepper(work, True),
                without(schedule, "placed", _apart, work, True),
                without(program, "_without_concat", copied, work, True),
            ]
            times = [[] for _ in epochs]
            for _ in range(EPOCHS):
                for epoch, taken in zip(epochs, times, strict=True):
                    started = time.perf_counter()
                    if epoch:
                        epoch()
                    taken.append((time.perf_counter() - started) / work.batches * 1e6)
        medians = [statistics.median(taken) for taken in times]
        widths = (10, 10, 10, 17, 18)
        cells = (f"{m:>{w},.1f}" if e else " " * w for m, w, e in zip(medians, widths, epochs, strict=True))
        print(f"{work.name:<30}{''.join(cells)}", flush=True)


def _copied(operations):
    """Joined arrays as copies, none of them made in its place."""
    from dataclasses import replace

    kept = []
    for op in operations:
        if op.kind != "concat":
            kept.append(op)
            continue
        offset, axis = op.output.offset, op.settings["axis"] % len(op.output.shape)
        for x in op.inputs:
            kept.append(program.Operation("copy", None, (x,), replace(op.output, offset=offset, shape=x.shape)))
            offset += x.shape[axis] * op.output.strides[axis]
    return kept


def _apart(passes, space, conflict):
    """Every pass in a loop of its own."""
    return [schedule.Shared(space(item), [item]) for item in passes]


if __name__ == "__main__":
    main()
