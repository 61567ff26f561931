"""What only a GPU can answer about captured steps: the questions of docs/gpu.md, one line each.

    python ci/benchmark/probes.py [--out FILE]

A probe that fails says why, and the others go on.
"""

import argparse
import ctypes
import json
import statistics
from pathlib import Path

import cupy
import gpu
import numpy as np

import nnx
from nnx.backends.cuda import loop as captured
from nnx.backends.cuda.device import CuPyDevice
from nnx.backends.cuda.lt import COMPUTE, TYPES, WORKSPACE, _Heuristic
from nnx.backends.cuda.rounded import Rounded

SIDE = 4096 if gpu.DEVICE == "cuda" else 64  # of the matrices


def seconds(call, repeats=50):
    """The median time of a call, by events."""
    call()
    times = []
    for _ in range(7):
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record()
        for _ in range(repeats):
            call()
        end.record()
        end.synchronize()
        times.append(cupy.cuda.get_elapsed_time(begin, end) / 1e3 / repeats)
    return statistics.median(times)


def product(precision, a, b):
    """A matrix product of arrays as they lie, its factors rounded beforehand, as a call."""
    products = Rounded(precision)
    a, b, c = products.factor(a), products.factor(b), cupy.empty((a.shape[0], b.shape[1]), dtype=cupy.float32)
    return lambda: products.product(a, b, c)


def random(*shape):
    return cupy.random.default_rng(0).standard_normal(shape, dtype=cupy.float32)


def step_of(work):
    """The loop of nnx.fit on a workload, with its arrays, ready to be called for an epoch."""
    from nnx.random import seed_words
    from nnx.training.flat import choose_layout
    from nnx.training.objective import MeanLoss
    from nnx.training.step import Carry, make_step

    backend = nnx.backend("cupy", precision=work.precision)
    net, optimizer = nnx.mlp(work.sizes[1:-1], work.sizes[-1]), nnx.Adam(1e-3)
    params = nnx.init(net, work.sizes[0], backend=backend)
    layout = choose_layout(backend, params, tuple(net.names), apart=optimizer.decays)
    vectors = layout.pack(params)
    carry = Carry(
        vectors, {}, optimizer.init(vectors), seed_words(0, backend), *(backend.floats(0.0) for _ in range(2))
    )
    x, y = work.data()
    x, y, rows = backend.floats(x), backend.integers(y), backend.integers(np.stack(work.rows()))
    run = backend.loop(make_step(MeanLoss(net, nnx.SoftmaxCrossEntropy()), optimizer, layout), True)
    state = [run(carry, x, y, None, rows, 0, 1)]

    def epoch():
        state[0] = run(state[0], x, y, None, rows, 0, len(rows))

    return epoch, run


def nodes_of_a_captured_step():
    """1. Do direct calls of cuBLASLt record plain kernel nodes? The kinds of nodes in a graph of one step."""
    import re

    work = gpu.WORKLOADS["784-256-256-10 batch 128"]
    _, run = step_of(work)
    (ready,) = run.ready.values()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        ready._run(1)(stream.ptr)
        graph = stream.end_capture()
    verbose = 1  # cudaGraphDebugDotFlagsVerbose: without it the kinds of the nodes are not written
    text = graph.debug_dot_str(verbose) if hasattr(graph, "debug_dot_str") else "this CuPy draws no graphs"
    kinds = re.findall(r"(KERNEL|MEM_ALLOC|MEM_FREE|MEMCPY|MEMSET|HOST)", text)
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} or text[:200]


def epilogues():
    """2. Which epilogues have an algorithm, for 1024 x 1024 x 1024, by compute type, alone and in a batch of 8."""
    products, found = CuPyDevice().products(), {}
    numbers = {"BIAS": 4, "RELU_BIAS": 6, "RELU_AUX_BIAS": 134, "DRELU_BGRAD": 152, "GELU_AUX_BIAS": 164}
    numbers |= {"DGELU_BGRAD": 208, "BGRADA": 256, "BGRADB": 512}
    room = cupy.zeros(2**22, dtype=cupy.uint8).data.ptr
    for name, epilogue in numbers.items():
        for compute, factors in (("float32", "f"), ("tf32", "f"), ("bf16", "H")):
            for count in (1, 8):
                what = products.create("MatmulDescCreate", COMPUTE.get(compute, COMPUTE["float32"]), TYPES["f"])
                products.set("MatmulDesc", what, 7, ctypes.c_int32(epilogue))
                products.set("MatmulDesc", what, 8, ctypes.c_void_p(room))
                if "AUX" in name or name.startswith("D"):
                    products.set("MatmulDesc", what, 11, ctypes.c_void_p(room))
                    products.set("MatmulDesc", what, 12, ctypes.c_int64(1024))
                layouts = []
                for kind in (factors, factors, "f"):
                    layouts.append(products.create("MatrixLayoutCreate", TYPES[kind], 1024, 1024, 1024))
                    products.set("MatrixLayout", layouts[-1], 5, ctypes.c_int32(count))
                    products.set("MatrixLayout", layouts[-1], 6, ctypes.c_int64(1024 * 1024))
                wanted = products.create("MatmulPreferenceCreate")
                products.set("MatmulPreference", wanted, 1, ctypes.c_uint64(WORKSPACE))
                result, n = _Heuristic(), ctypes.c_int32()
                a, b, c = layouts
                status = products.lib.cublasLtMatmulAlgoGetHeuristic(
                    products.handle, what, a, b, c, c, wanted, 1, ctypes.byref(result), ctypes.byref(n)
                )
                found[f"{name} {compute} x{count}"] = status == 0 and n.value > 0
    return {"without": [name for name, fine in found.items() if not fine], "with": sum(found.values())}


def graph_costs():
    """3. Microseconds a node, and a step of 32-64-64-2 with 1, 4, 16 and 64 steps in a graph."""
    result = {"us a node": 1e6 * gpu.node_seconds()}
    work = gpu.WORKLOADS["32-64-64-2 batch 32"]
    before = captured.UNROLLED
    for count in (1, 4, 16, 64) if gpu.DEVICE == "cuda" else (1, 4):
        captured.UNROLLED = count
        epoch, _ = step_of(work)
        result[f"us a step, {count} in a graph"] = 1e6 * seconds(epoch, 3) / work.batches
    captured.UNROLLED = before
    captured.TOGETHER = True
    epoch, _ = step_of(work)
    result["us a step, all of it one kernel"] = 1e6 * seconds(epoch, 3) / work.batches
    captured.TOGETHER = False
    return result


def tf32_layouts():
    """4. TFLOP/s of TF32 products of 4096 x 4096: NN, NT and TN, as they lie."""
    n = SIDE
    a, b = random(n, n), random(n, n)
    cases = {"NN": (a, b), "NT": (a, b.T), "TN": (a.T, b)}
    return {name: 2e-12 * n**3 / seconds(product("tf32", *pair), 10) for name, pair in cases.items()}


def precisions():
    """Relative error and TFLOP/s of products of 4096 in each precision."""
    n, result = SIDE, {}
    a, b = random(n, n), random(n, n)
    exact = a.astype("float64") @ b.astype("float64")
    for precision in ("", "tf32", "bf16"):
        call = product(precision, a, b)
        rate = 2e-12 * n**3 / seconds(call, 10)
        error = float(cupy.linalg.norm(call() - exact) / cupy.linalg.norm(exact))
        result[precision or "float32"] = f"{rate:.0f} TFLOP/s, error {error:.1e}"
    return result


def branches():
    """5. Do gradients of weights as branches of the graph help? Microseconds a step without and with them."""
    result = {}
    for name in ("32-64-64-2 batch 32", "784-256-256-10 batch 128 tf32", "4 x 1024 batch 1024 tf32"):
        for captured.BRANCHING in (False, True):
            epoch, _ = step_of(gpu.WORKLOADS[name])
            result[f"{name}{', branches' * captured.BRANCHING}"] = 1e6 * seconds(epoch, 2) / gpu.WORKLOADS[name].batches
    captured.BRANCHING = False
    return result


def heuristics_in_capture():
    """6. May cuBLASLt be asked for an algorithm while a graph is captured?"""
    call = product("", random(256, 256), random(256, 256))
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            call()
            return "yes"
        finally:
            stream.end_capture()


def adam_bandwidth():
    """7. Adam on 64 million parameters: its bytes a second over those of a copy."""
    n, backend, optimizer = SIDE**2 * 4, nnx.backend("cupy"), nnx.Adam(1e-3)
    with backend.scope():
        params = {"W": random(n)}
        state = optimizer.init(params)

        def step(carry, x, target, weight, rows):
            params, state = optimizer.update(dict(carry["p"]), {"W": carry["p"]["W"] * 0.5}, dict(carry["s"]))
            return {"p": params, "s": state}

        run, one = backend.loop(step, True), cupy.zeros((1, 1), dtype=cupy.float32)
        carry = run({"p": params, "s": state}, one, one, None, None, 0, 1)
        taken = seconds(lambda: run(carry, one, one, None, None, 0, 1), 5)
        a, b = random(n), cupy.empty(n, dtype=cupy.float32)
        copy = 8 * n / seconds(lambda: cupy.copyto(b, a), 20)
    return {"GB/s": 24e-9 * n / taken, "of a copy": 24 * n / taken / copy, "copy GB/s": 1e-9 * copy}


PROBES = (
    nodes_of_a_captured_step,
    epilogues,
    graph_costs,
    tf32_layouts,
    precisions,
    branches,
    heuristics_in_capture,
    adam_bandwidth,
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", help="write FILE.json")
    args = parser.parse_args()
    report = {"device": nnx.backend("cupy").describe()}
    for probe in PROBES:
        try:
            report[probe.__name__] = probe()
        except Exception as error:
            report[probe.__name__] = f"failed: {type(error).__name__}: {error}"
        print(probe.__doc__.strip(), "\n   ", report[probe.__name__], flush=True)
    if args.out:
        Path(args.out).with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
