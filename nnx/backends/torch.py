"""PyTorch: tensors on the CPU or a CUDA device. Autograd is switched off: nnx has its own backprop."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..errors import BackendError
from .base import Plain, missing

name = "torch"


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
    if device.type == "cuda" and not torch.cuda.is_available():
        build = torch.version.cuda or "none: this is a CPU build"
        raise BackendError(
            f"backend 'torch:cuda': no usable CUDA device (CUDA of this build: {build}); use 'torch:cpu'"
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BackendError(f"backend 'torch': no device {text!r}; this machine has {torch.cuda.device_count()}")
    return device


def put(x: Any, dtype: Any, device: Any) -> Any:
    import torch

    if isinstance(x, torch.Tensor):
        return x.detach().to(device=device, dtype=dtype, copy=True)
    from . import numpy as host

    x = host.put(x, None, None)  # our own copy: torch would share the memory of a host array
    return torch.from_numpy(x).to(device=device, dtype=dtype)


def get(x: Any) -> Any:
    return x.detach().cpu().numpy()


def loop(step: Callable[..., Any], mode: bool | str, epochs: int) -> Plain:
    import torch

    if mode is not True:
        return Plain(step)
    compiled = Plain(torch.compile(step))
    compiled.how = "torch.compile"
    return compiled


def scope(device: Any, dtype: str) -> AbstractContextManager[Any]:
    import torch

    context: AbstractContextManager[Any] = torch.no_grad()
    return context


def compile(function: Callable[..., Any], donate: tuple[int, ...]) -> Callable[..., Any]:
    return function


def describe(device: Any) -> dict[str, str]:
    import torch

    facts = {"version": str(torch.__version__), "device": str(device)}
    if device is not None and device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        facts["device"] = torch.cuda.get_device_name(device)
        return facts | {"memory": f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"}
    return facts | {"threads": f"{torch.get_num_threads()} of {os.cpu_count()} cores"}
