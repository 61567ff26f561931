"""The floor of a workload: its matrix products at the rate the BLAS reaches alone on those shapes, plus the bytes of
Adam and of the activations at the rate of a copy."""

import statistics
import time

import numpy as np


def floor(work):
    """Seconds a step cannot go below with this BLAS and this memory."""
    products = 0.0
    for i, (k, u) in enumerate(zip(work.sizes[:-1], work.sizes[1:], strict=True)):
        x, W, dz = (
            np.random.default_rng(0).random(s, dtype=np.float32) for s in ((work.batch, k), (k, u), (work.batch, u))
        )
        outs = [np.empty(s, dtype=np.float32) for s in ((work.batch, u), (k, u), (work.batch, k))]
        products += best(lambda: np.matmul(x, W, out=outs[0])) + best(lambda: np.matmul(x.T, dz, out=outs[1]))
        if i > 0:  # the first layer's dx is not needed
            products += best(lambda: np.matmul(dz, W.T, out=outs[2]))
    parameters = sum((k + 1) * u for k, u in zip(work.sizes[:-1], work.sizes[1:], strict=True))
    values = work.batch * sum(work.sizes)
    bytes_moved = 4 * (7 * parameters + 4 * values)  # p, m, v read and written, g read; a and dz written and read
    return products + bytes_moved / copy_rate(bytes_moved)


def best(call):
    """The median time of a call, the threads of the BLAS as they are."""
    call()
    once = max(time_of(call, 1), 1e-7)
    return statistics.median(time_of(call, max(1, int(0.02 / once))) for _ in range(5))


def time_of(call, repeats):
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


def copy_rate(size):
    """Bytes a second, read and written together, of a copy with as large a working set."""
    a = np.ones(max(size // 8, 1024), dtype=np.float32)
    b = np.empty_like(a)
    return 2 * a.nbytes / best(lambda: np.copyto(b, a))
