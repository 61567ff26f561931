"""PyTorch: tensors on the CPU or a CUDA device. Autograd is switched off: nnx has its own backprop."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..errors import BackendError, DataError
from .base import Kind, Plain, Traits, missing
from .native.calls import mapped
from .native.loop import Native

name = "torch"
traits = Traits(records=True)
NO_MPS = "the GPU of an Apple machine has no float64"
PRODUCTS = {"": "highest", "tf32": "high", "bf16": "medium"}  # torch.set_float32_matmul_precision


def namespace() -> Any:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise missing(name, "torch") from None
    import array_api_compat.torch as xp

    return xp


def find_device(text: str) -> Any:
    import torch

    try:
        device = torch.device(text or "cpu")
    except RuntimeError:
        raise BackendError(f"backend 'torch': no such device {text!r}; use 'torch:cpu' or 'torch:cuda'") from None
    if device.type == "cpu":
        return device
    module = _accelerator(device.type)
    if module is None or not _is_available(module, device.type):
        build = torch.version.cuda or "none: this is a CPU build" if device.type == "cuda" else torch.__version__
        what = "CUDA of this build" if device.type == "cuda" else "PyTorch"
        word = {"cuda": "CUDA", "mps": "MPS", "xpu": "XPU"}.get(device.type, device.type)
        raise BackendError(f"backend 'torch:{device.type}': no usable {word} device ({what}: {build}); use 'torch:cpu'")
    if (device.index or 0) >= module.device_count():
        raise BackendError(f"backend 'torch': no device {text!r}; this machine has {module.device_count()}")
    if device.index is None:  # as the arrays on it say it: cuda is not equal to cuda:0
        now = module.current_device() if hasattr(module, "current_device") else 0
        device = torch.device(device.type, now)
    return device


def _accelerator(word: str) -> Any:
    """The module of PyTorch for this type of device; None where it has none."""
    import torch

    return getattr(torch, word, None) if word in ("cuda", "mps", "xpu") else None


def _is_available(module: Any, word: str) -> bool:
    import torch

    return bool(torch.backends.mps.is_available() if word == "mps" else module.is_available())


def kind(device: Any) -> Kind:
    import torch

    if device is None or device.type == "cpu":
        return Kind("" if device is None else "cpu")
    if device.type == "mps":
        return Kind(str(device), True, no_double=NO_MPS)
    double = device.type != "xpu" or torch.xpu.get_device_properties(device).has_fp64
    return Kind(str(device), True, tuple(PRODUCTS), "" if double else "this GPU has no float64")


def put(x: Any, dtype: Any, device: Any) -> Any:
    import torch

    if isinstance(x, torch.Tensor):
        return x.detach().to(device=device, dtype=dtype, copy=True)
    from . import numpy as host

    x = host.put(host.get(x), None, None)  # our own copy: torch would share the memory of a host array
    return torch.from_numpy(x).to(device=device, dtype=dtype)


def get(x: Any) -> Any:
    import torch

    x = x.detach().cpu().resolve_conj().resolve_neg()
    known = not x.is_floating_point() or x.dtype in (torch.float16, torch.float32, torch.float64)
    return (x if known else x.float()).numpy()  # NumPy has no bfloat16


def plain(x: Any) -> Any:
    import torch

    if x.is_nested or x.is_quantized or x.device.type == "meta":
        kind = "nested" if x.is_nested else "quantized" if x.is_quantized else "meta"
        raise DataError(f"a {kind} tensor is not taken: give a plain tensor of numbers")
    x = x.detach().resolve_neg().as_subclass(torch.Tensor)
    if x.dtype in (torch.uint16, torch.uint32):  # which PyTorch can hardly compute with
        return x.to(torch.int64)
    if x.dtype == torch.uint64 and not (x.view(torch.int64) < 0).any():
        return x.view(torch.int64)
    return x.float() if x.is_floating_point() and x.dtype.itemsize < 2 else x


def share(x: Any, device: Any) -> Any:
    import torch

    return torch.from_numpy(x) if device is None or device.type == "cpu" else None


def loop(step: Callable[..., Any], mode: bool | str, epochs: int, precision: str) -> Plain:
    return Tensors(step, mode, epochs) if mode else Plain(step)


class Tensors(Plain):
    """Steps on tensors in the host's memory, compiled on that memory as NumPy's are.

    Tensors on another device, and steps that cannot be compiled or are too few, run plainly.
    """

    def __init__(self, step: Callable[..., Any], mode: bool | str, epochs: int) -> None:
        super().__init__(step)
        self.mode, self.native = mode, Native(step, mode, epochs, replay=False, numbers=False)
        self.native.own_arrays = False
        self.choices = self.native.choices
        self.seen: dict[int, tuple[Any, Any]] = {}  # by identity: tensors, and arrays on their memory
        self.near: Tensors = self  # whose `seen` is the latest

    def join(self, other: Plain) -> None:
        if isinstance(other, Tensors):
            self.native.join(other.native)
            self.near, other.near = other, self

    def __call__(self, carry: Any, x: Any, target: Any, weight: Any, rows: Any, start: int, stop: int) -> Any:
        if (target if x is None else x).device.type != "cpu":
            if self.mode is True:
                raise BackendError("backend 'torch': steps are compiled on the CPU only; leave compile out")
            return super().__call__(carry, x, target, weight, rows, start, stop)
        kept, self.seen = self.seen | self.near.seen, {}
        arrays = mapped(lambda t: self._array(t, kept), (carry, x, target, weight, rows))
        ready = self.native.begin(arrays, start)
        if ready:
            carry = mapped(self._tensor, ready(arrays, start, stop))
        else:
            carry = super().__call__(carry, x, target, weight, rows, start, stop)
        self.how = self.native.how
        return carry

    def _array(self, leaf: Any, kept: dict[int, tuple[Any, Any]]) -> Any:
        if not hasattr(leaf, "detach"):
            return leaf
        pair = self.seen[id(leaf)] = kept.get(id(leaf)) or (leaf, leaf.numpy())
        return pair[1]

    def _tensor(self, leaf: Any) -> Any:
        if not hasattr(leaf, "ctypes"):
            return leaf
        import torch

        for tensor, array in self.seen.values():
            if array is leaf:
                return tensor
        tensor = torch.from_numpy(leaf)
        self.seen[id(tensor)] = tensor, leaf
        return tensor


def scope(device: Any, dtype: str, precision: str) -> AbstractContextManager[Any]:
    return _scope(precision)


@contextmanager
def _scope(precision: str) -> Iterator[None]:
    import torch

    before = torch.get_float32_matmul_precision()
    if before != PRODUCTS[precision]:
        torch.set_float32_matmul_precision(PRODUCTS[precision])
    try:
        with torch.inference_mode(False), torch.no_grad():  # what is made may be written on, and outlive the caller's
            yield
    finally:
        if before != PRODUCTS[precision]:
            torch.set_float32_matmul_precision(before)


def compile(function: Callable[..., Any], donate: tuple[int, ...]) -> Callable[..., Any]:
    return function


def free_memory(device: Any) -> int:
    import torch

    if device is not None and device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    if device is not None and (module := _accelerator(device.type)):
        reusable = module.memory_reserved(device) - module.memory_allocated(device)
        return int(module.mem_get_info(device)[0] + reusable)
    from . import numpy as host

    return host.free_memory(None)


def describe(device: Any) -> dict[str, str]:
    import torch

    facts = {"version": str(torch.__version__), "device": str(device)}
    if device is not None and device.type == "mps":
        return facts | {"memory": f"{free_memory(device) / 2**30:.1f} GiB free"}
    if device is not None and (module := _accelerator(device.type)):
        free, total = module.mem_get_info(device)
        facts["device"] = module.get_device_name(device)
        return facts | {"memory": f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"}
    return facts | {"threads": _threads()}


def environment(device: Any) -> dict[str, str]:
    on_cpu = device is None or device.type == "cpu"
    return {"torch threads": _threads() if on_cpu else ""}


def _threads() -> str:
    import torch

    return f"{torch.get_num_threads()} of {os.cpu_count()} cores"
