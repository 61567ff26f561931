"""GPUs of Apple, Intel and AMD, and TPUs, on stand-ins for them: what they can compute in, and what "auto" takes."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

import nnx
from nnx.backends import choose, jax as of_jax, mlx as of_mlx
from nnx.backends.other import Other

GIB = 2**30


@pytest.fixture
def mps(monkeypatch):
    """The device of PyTorch on an Apple machine."""
    import torch

    from nnx.backends import torch as library

    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "device_count", lambda: 1)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 12 * GIB)
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: 2 * GIB)
    return library, library.find_device("mps"), library.namespace()


@pytest.fixture
def xpu(monkeypatch):
    """The second of two of PyTorch on GPUs of Intel, which has no float64."""
    import torch

    from nnx.backends import torch as library

    monkeypatch.setattr(torch.xpu, "is_available", lambda: True)
    monkeypatch.setattr(torch.xpu, "device_count", lambda: 2)
    monkeypatch.setattr(torch.xpu, "current_device", lambda: 1)
    monkeypatch.setattr(torch.xpu, "get_device_properties", lambda device: SimpleNamespace(has_fp64=False))
    monkeypatch.setattr(torch.xpu, "mem_get_info", lambda device: (6 * GIB, 16 * GIB))
    monkeypatch.setattr(torch.xpu, "memory_reserved", lambda device: 5 * GIB)
    monkeypatch.setattr(torch.xpu, "memory_allocated", lambda device: GIB)
    monkeypatch.setattr(torch.xpu, "get_device_name", lambda device: "Arc")
    return library, library.find_device("xpu"), library.namespace()


def jax_device(platform):
    stats = {"bytes_limit": 16 * GIB, "bytes_in_use": 6 * GIB}
    return of_jax, SimpleNamespace(platform=platform, id=1, memory_stats=lambda: stats), of_jax.namespace()


@pytest.fixture
def tpu():
    pytest.importorskip("jax", reason="jax is not installed")
    return jax_device("tpu")


@pytest.fixture
def rocm(monkeypatch):
    """JAX names its platform "gpu", and finds it under "rocm" too."""
    jax = pytest.importorskip("jax", reason="jax is not installed")
    library, device, xp = jax_device("gpu")
    monkeypatch.setattr(jax, "devices", {"rocm": [None, device], "gpu": [None, device]}.__getitem__)
    assert library.find_device("rocm:1") is library.find_device("gpu:1") is device
    return library, device, xp


@pytest.fixture
def mlx(monkeypatch):
    """MLX, whose default device is the GPU of an Apple machine."""
    core = ModuleType("mlx.core")
    core.default_device = lambda: "Device(gpu, 0)"
    core.device_info = lambda: {"max_recommended_working_set_size": 12 * GIB}
    core.get_active_memory = lambda: 2 * GIB
    package = ModuleType("mlx")
    package.core = core
    monkeypatch.setitem(sys.modules, "mlx", package)
    monkeypatch.setitem(sys.modules, "mlx.core", core)
    return of_mlx, None, core


# name: precisions it knows, whether it has float64, the free memory, the text that finds it
KINDS = {
    "mps": ((), False, 10 * GIB, "mps:0"),
    "xpu": (("", "tf32", "bf16"), False, 10 * GIB, "xpu:1"),
    "tpu": (("", "tf32", "bf16"), False, 10 * GIB, "tpu:1"),
    "rocm": (("", "tf32", "bf16"), True, 10 * GIB, "gpu:1"),
    "mlx": ((), False, 10 * GIB, "gpu:0"),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", KINDS)
def test_an_accelerator_is_known_with_what_it_can_compute_in(name, request):
    if name in ("mps", "xpu"):
        pytest.importorskip("torch", reason="torch is not installed")
    library, device, xp = request.getfixturevalue(name)
    precisions, double, free, text = KINDS[name]
    backend = nnx.Backend(library, xp, device)
    assert backend.is_gpu and backend.free_memory() == free and library.kind(device).text == text
    if double:
        nnx.Backend(library, xp, device, "float64")
    else:
        with pytest.raises(nnx.BackendError, match=r"dtype 'float64' is not supported on .*; use 'float32'") as error:
            nnx.Backend(library, xp, device, "float64")
        assert "\n" not in str(error.value)
    for precision in ("tf32", "bf16"):
        if precision in precisions:
            nnx.Backend(library, xp, device, precision=precision)
        else:
            with pytest.raises(nnx.BackendError, match=f"precision='{precision}' changes nothing on .*: leave it out"):
                nnx.Backend(library, xp, device, precision=precision)


@pytest.mark.torch
@pytest.mark.parametrize(("name", "words"), [("torch:mps", "MPS"), ("torch:xpu", "XPU"), ("torch:hpu", "hpu")])
def test_a_device_of_pytorch_that_is_not_there_is_one_line(name, words):
    pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(nnx.BackendError, match=f"no usable {words} device") as error:
        nnx.backend(name)
    assert "\n" not in str(error.value)


def test_a_device_of_dpnp_is_known_by_its_arrays():
    """It names its device after the driver, and says whether that has float64."""

    class Device:
        def __init__(self, text, double):
            self.text, self.sycl_device = text, SimpleNamespace(has_aspect_fp64=double)

        def __str__(self):
            return f"Device({self.text})"

    import array_api_strict as strict

    library = Other(strict)
    assert nnx.Backend(library, strict, Device("level_zero:gpu:0", True), "float64").is_gpu
    assert not nnx.Backend(library, strict, Device("opencl:cpu:0", True), "float64").is_gpu
    with pytest.raises(nnx.BackendError, match="this device has no float64; use 'float32'"):
        nnx.Backend(library, strict, Device("level_zero:gpu:0", False), "float64")


@pytest.mark.torch
@pytest.mark.parametrize("there", choose.ACCELERATORS)
def test_auto_takes_an_accelerator_that_computes_here(there, monkeypatch, request):
    """Every other one is absent; the one that is there computes on the CPU."""
    pytest.importorskip("torch", reason="torch is not installed")

    def stand_in(name, dtype):
        if name not in (there, "numpy"):
            raise nnx.BackendError(f"backend '{name}': none; use 'numpy'")
        return nnx.Backend(choose._library("numpy"), choose._library("numpy").namespace(), None, dtype)

    monkeypatch.setattr(choose, "_backend", stand_in)
    assert choose.first_working("auto")[0] == there
    assert f"auto: {there} works (cupy: none" in choose.first_working("auto")[1]


@pytest.mark.torch
def test_auto_in_float64_passes_over_what_has_none(monkeypatch, mps):
    library, device, xp = mps
    real = choose._backend

    def stand_in(name, dtype):
        return nnx.Backend(library, xp, device, dtype) if name == "torch:mps" else real(name, dtype)

    monkeypatch.setattr(choose, "_backend", stand_in)
    name, why = choose.first_working("torch:mps,numpy", "float64")
    assert name == "numpy" and "torch:mps: dtype 'float64' is not supported on torch on mps:0: the GPU of an A" in why
