"""Any other namespace of the array API standard that array-api-compat knows, run plainly."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import BackendError
from .base import Kind, Plain, Traits, plain

ACCELERATORS = ("cuda", "gpu", "hip", "mps", "npu", "tpu", "xpu")  # in the name of a device


@dataclass(frozen=True)
class Other:
    """The library behind a namespace, with what the standard alone allows."""

    xp: Any
    traits: ClassVar[Traits] = Traits()

    @property
    def name(self) -> str:
        return str(self.xp.__name__).partition(".")[0]

    def namespace(self) -> Any:
        return self.xp

    def find_device(self, text: str) -> Any:
        devices = self.xp.__array_namespace_info__().devices()
        for device in devices:
            if text and text in str(device):
                return device
        if text:
            raise BackendError(f"backend {self.name!r}: no device {text!r}; it has: {', '.join(map(str, devices))}")
        return None

    def kind(self, device: Any) -> Kind:
        text = "" if device is None else str(device)
        sycl = getattr(device, "sycl_device", device)  # of dpnp, whose devices are those of SYCL
        double = "" if getattr(sycl, "has_aspect_fp64", True) else "this device has no float64"
        return Kind(text, any(word in text.lower() for word in ACCELERATORS), no_double=double)

    def put(self, x: Any, dtype: Any, device: Any) -> Any:
        if not hasattr(x, "__array_namespace__"):
            from . import numpy as host

            x = host.get(x)
        return self.xp.asarray(x, dtype=dtype, device=device, copy=True)

    def get(self, x: Any) -> Any:
        from . import numpy as host

        return host.put(host.from_dlpack(x) if hasattr(x, "__dlpack__") else x, None, None)

    def plain(self, x: Any) -> Any:
        return x

    def share(self, x: Any, device: Any) -> Any:
        return None

    def loop(self, step: Callable[..., Any], mode: bool | str, epochs: int, precision: str) -> Plain:
        return plain(self.name, step, mode)

    def scope(self, device: Any, dtype: str, precision: str) -> AbstractContextManager[Any]:
        return nullcontext()

    def compile(self, function: Callable[..., Any], donate: tuple[int, ...]) -> Callable[..., Any]:
        return function

    def environment(self, device: Any) -> dict[str, str]:
        return {}

    def free_memory(self, device: Any) -> int:
        return 0

    def describe(self, device: Any) -> dict[str, str]:
        return {"version": str(getattr(self.xp, "__version__", "?")), "device": str(device)}
