"""One check of the GPU path in a process of its own: python3 ci/device/smoke.py ITEM; prints OK or what is wrong.

versions, cupy_base, cupy_plain, cupy_captured, cupy_precision, cupy_population, torch_cuda, jax_gpu; tiny is the
smallest training, for compute-sanitizer. NNX_GPU_DRY: PyTorch and JAX on the CPU (`ci/gpu first --dry`).
"""

import faulthandler
import os
import sys
import time
import traceback

import numpy as np

import nnx

faulthandler.enable()
faulthandler.dump_traceback_later(600 if "NNX_GPU_DRY" in os.environ else 55, exit=True)
DRY = "NNX_GPU_DRY" in os.environ
TORCH, JAX = ("torch", "jax") if DRY else ("torch:cuda", "jax:gpu")
rng = np.random.default_rng(0)
X = rng.normal(size=(403, 20))
Y = rng.integers(0, 5, 403)


def fit(backend, compile, dtype="float32", precision=None, net=None, **more):
    net = net or nnx.mlp((33, 64), 5, dropout=0.1)
    settings = dict(loss="softmax_cross_entropy", epochs=3, batch_size=32, validation=0.2, metrics=["accuracy"]) | more
    return nnx.fit(net, X, Y, backend=nnx.backend(backend, dtype, precision), compile=compile, **settings)


def compare(found, expected, tolerance):
    a, b = found.history["loss"][-1], expected.history["loss"][-1]
    own = {name: found.backend.to_numpy(p) for name, p in found.params.items()}
    worst = max(float(np.max(np.abs(own[name] - p))) for name, p in expected.params.items())
    print(
        f"  {found.backend}: {found.execution}: loss {a:.9g}, numpy {b:.9g}, largest difference of a weight {worst:.2e}"
    )
    assert abs(a - b) <= tolerance * max(abs(b), 1), (a, b)


def versions():
    import importlib.metadata as m

    names = "numpy cupy-cuda13x torch jax scikit-learn llvmlite array-api-compat pytest pytest-timeout pytest-xdist"
    for name in (*names.split(), "nvidia-cublas", "nvidia-cuda-nvrtc", "nvidia-cuda-runtime", "triton"):
        try:
            print("  ", name, m.version(name))
        except m.PackageNotFoundError:
            print("  ", name, "not installed")


def cupy_base():
    print(nnx.backend("cupy").describe())
    import cupy

    cupy.cuda.device.get_cublas_handle()
    with open("/proc/self/maps") as maps:
        loaded = {line.split()[-1] for line in maps if any(word in line for word in ("cublas", "nvrtc", "cudart"))}
    print(sorted(loaded))


def cupy_plain():
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-4)):
        compare(fit("cupy", False, dtype), fit("numpy", False, dtype), tolerance)


def cupy_captured():
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-4)):
        compare(fit("cupy", True, dtype), fit("numpy", False, dtype), tolerance)
    norm = nnx.Chain(
        nnx.Dense(300), nnx.BatchNorm(), nnx.ReLU(), nnx.Dense(40), nnx.LayerNorm(), nnx.Tanh(), nnx.Dense(5)
    )
    for optimizer in (nnx.AdamW(1e-3), nnx.ClipNorm(nnx.Momentum(0.05), 0.5)):
        compare(
            fit("cupy", True, "float64", net=norm, optimizer=optimizer),
            fit("numpy", False, "float64", net=norm, optimizer=optimizer),
            1e-8,
        )
    a, b = fit("cupy", True), fit("cupy", True)
    assert a.history["loss"] == b.history["loss"], "the same seed gave other bits"


def cupy_precision():
    """Captured and plain steps round their products alike: near each other, and not as far from exact ones."""
    for precision in ("tf32", "bf16"):
        for compile in (True, False):
            compare(fit("cupy", compile, precision=precision), fit("numpy", False), 0.1)


def cupy_population():
    members = [nnx.Member(nnx.mlp((16,), 5), nnx.SoftmaxCrossEntropy(), nnx.Adam(10.0**-k), seed=k) for k in (2, 3, 4)]
    settings = dict(epochs=3, batch_size=32)
    for compile in (False, True):
        found = nnx.Population(members).fit(X, Y, backend=nnx.backend("cupy", "float64"), compile=compile, **settings)
        expected = nnx.Population(members).fit(X, Y, backend=nnx.backend("numpy", "float64"), **settings)
        for k in range(3):
            compare(found[k], expected[k], 1e-8)


def cupy_blocks():
    """Steps of small networks as one kernel, a block for each member."""
    from nnx.backends.cuda import loop

    loop.TOGETHER = True
    cupy_captured()
    cupy_population()
    for precision in ("tf32", "bf16"):
        found = fit("cupy", True, precision=precision)
        compare(found, fit("numpy", False), 0.1)
        assert found.execution.endswith("of one kernel"), found.execution


def torch_cuda():
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-4)):
        compare(fit(TORCH, "auto", dtype), fit("numpy", False, dtype), tolerance)


def jax_gpu():
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-4)):
        compare(fit(JAX, "auto", dtype), fit("numpy", False, dtype), tolerance)


def tiny():
    """For compute-sanitizer: as few steps as there can be."""
    net = nnx.Chain(
        nnx.Dense(40), nnx.BatchNorm(), nnx.ReLU(), nnx.Dropout(0.2), nnx.Dense(300), nnx.LayerNorm(), nnx.Dense(5)
    )
    f = nnx.fit(
        net, X[:100], Y[:100], loss="softmax_cross_entropy", epochs=1, batch_size=16, backend="cupy", compile=True
    )
    print(f.execution, f.history["loss"])


for item in sys.argv[1:]:
    started = time.perf_counter()
    try:
        globals()[item]()
        print(f"OK {item} {time.perf_counter() - started:.1f} s", flush=True)
    except BaseException:
        traceback.print_exc()
        print(f"WRONG {item} {time.perf_counter() - started:.1f} s", flush=True)
        sys.exit(1)
