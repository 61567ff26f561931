"""How nnx on NumPy grows with rows, widths and members, and what memory it needs. Each case is a process of its own."""

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

MEGABYTE = 2**20


def fitted(x, y, widths, epochs, batch=128, **settings):
    """Median seconds of an epoch, the first left out."""
    import nnx

    settings = {"backend": "numpy", "compile": True} | settings
    net, loss = nnx.mlp(widths, 10), "softmax_cross_entropy"
    fit = nnx.fit(net, x, y, loss=loss, epochs=epochs, batch_size=batch, **settings)
    return statistics.median(fit.history["seconds"][1:] or fit.history["seconds"])


def table(rows, features):
    rng = np.random.default_rng(0)
    return rng.random((rows, features), dtype=np.float32), rng.integers(0, 10, rows)


def rows():
    """Microseconds a row of 64-100-10 in an epoch, shuffled, as the rows grow."""
    result = {}
    for n in (1_000, 10_000, 100_000, 1_000_000):
        x, y = table(n, 64)
        seconds = fitted(x, y, (100,), 3 if n == 1_000_000 else max(5, 200_000 // n))
        result[f"{n:,} rows"] = 1e6 * seconds / n
    return result


def widths():
    """Microseconds a row of width-width-width-10 as the width grows, and what its matrix products alone take."""
    from floor import floor
    from rivals import Workload

    result = {}
    for width in (64, 256, 1024, 4096):
        batches = max(3, 2_000_000 // width**2)
        x, y = table(128 * batches, width)
        seconds = fitted(x, y, (width, width), 4)
        least = floor(Workload("", (width, width, width, 10), 128, batches)) / 128
        result[f"width {width}"] = 1e6 * seconds / len(x)
        result[f"width {width}, floor"] = 1e6 * least
    return result


def member_step(net, loss, optimizer):
    """A step of a population that adds up the losses of its members."""
    import nnx

    def step(carry, x, y, weight, rows):
        xp, params = nnx.backends.namespace(x), dict(carry["params"])
        z, values = net.evaluate(params, xp.take(x, rows, axis=0), train=True)
        value, saved = loss.evaluate(z, xp.take(y, rows, axis=0))
        _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)
        params, state = optimizer.update(params, grads, dict(carry["state"]))
        total = carry["total"]
        total += value
        return {"params": params, "state": state, "total": total, "seed": carry["seed"]}

    return step


def members():
    """Microseconds a row and member of a population of 16-32-3 networks trained in one compiled step."""
    import nnx
    from nnx.random import seed_words

    result, loss, optimizer, net = {}, nnx.SoftmaxCrossEntropy(), nnx.Adam(1e-3), nnx.mlp((32,), 3)
    rng = np.random.default_rng(0)
    x, y = rng.random((6400, 16), dtype=np.float32), rng.integers(0, 3, 6400)
    batches = np.arange(6400).reshape(-1, 64)
    for count in (1, 4, 16, 64, 256):
        seeds = tuple(range(count))

        step = member_step(net, loss, optimizer)
        params = nnx.init(net, 16, seed=seeds)
        carry = {"params": params, "state": optimizer.init(params, population=(count,))}
        carry |= {"total": np.zeros(count, np.float32), "seed": seed_words(seeds)}
        loop = nnx.backend("numpy").loop(step, True)
        carry = loop(carry, x, y, None, batches, 0, 1)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            carry = loop(carry, x, y, None, batches, 0, len(batches))
            times.append(time.perf_counter() - started)
        result[f"{count} members"] = 1e6 * statistics.median(times) / len(x) / count
    return result


def memory(limit=256 * MEGABYTE):
    """Training from a file of ten times the memory that the process may take (RLIMIT_DATA), and its speed.

    One epoch, plainly: the compiler alone takes more memory than that.
    """
    import resource

    os.environ["NNX_FUSED"] = "never"
    features = 784
    rows = 10 * limit // (4 * features)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        file = np.lib.format.open_memmap(path, "w+", np.float32, (rows, features))
        piece = np.random.default_rng(0).random((10_000, features), dtype=np.float32)
        for start in range(0, rows, len(piece)):
            file[start : start + len(piece)] = piece[: rows - start]
        del file
        y = np.random.default_rng(1).integers(0, 10, rows)
        small = fitted(piece, y[: len(piece)], (512, 512), 3, compile=False)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        try:
            np.empty(limit, dtype=np.uint8)
            raise RuntimeError("the limit does not hold")
        except MemoryError:
            pass
        x = np.load(path, mmap_mode="r")
        seconds = fitted(x, y, (512, 512), 1, compile=False)
    return {
        "limit, MB": limit / MEGABYTE,
        "file, MB": rows * features * 4 / MEGABYTE,
        "largest private memory, MB": _private() / MEGABYTE,
        "us a row from the file": 1e6 * seconds / rows,
        "us a row in memory": 1e6 * small / len(piece),
    }


def _private():
    """Bytes of memory that is the process's own, in Linux's words."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData"):
            return int(line.split()[1]) * 1024
    return 0


PARTS = {"rows": rows, "widths": widths, "members": members, "memory": memory}


def measure(part, pipe):
    """A part in a process of its own."""
    try:
        pipe.send(PARTS[part]())
    except Exception as error:
        pipe.send({"error": f"{type(error).__name__}: {error}"})
    os._exit(0)
