"""CuPy: arrays on a CUDA device. The device is made current by `scope`; nothing moves to the host unasked."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from types import ModuleType
from typing import Any

from ..errors import BackendError
from .base import PRECISIONS, Kind, Plain, Traits, missing

name = "cupy"
traits = Traits(records=True, has_nccl=True)
NO_DEVICE = 100  # cudaErrorNoDevice
OLD_DRIVER = 35  # cudaErrorInsufficientDriver: also what CuPy gets where there is no driver at all


precision_now: ContextVar[str] = ContextVar("precision", default="")  # of the scope that computes


@cache
def namespace() -> Any:
    """CuPy's namespace of the standard, in which `matmul` rounds its factors as the scope's precision asks."""
    try:
        import cupy  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", None) not in (None, "cupy"):
            raise BackendError(f"backend 'cupy': CuPy cannot be imported ({one_line(error)})") from None
        raise missing(name, "cuda12") from None
    import array_api_compat.cupy as xp

    def matmul(a: Any, b: Any) -> Any:
        precision = precision_now.get()
        plain = not precision or a.dtype != "float32" or b.dtype != "float32" or min(a.ndim, b.ndim) < 2
        if plain or 0 in (*a.shape, *b.shape):
            return xp.matmul(a, b)
        from .cuda.rounded import products

        return products(a.device.id, precision)(a, b)

    module = ModuleType("cupy", "CuPy for nnx")
    module.__dict__.update(vars(xp), matmul=matmul)
    return module


def find_device(text: str) -> Any:
    import cupy

    kind, _, number = text.rpartition(":")
    if kind not in ("", "cuda", "gpu") or not (number or "0").isdigit():
        if text not in ("cuda", "gpu"):
            raise BackendError(f"backend 'cupy': no such device {text!r}; use 'cupy' or 'cupy:1'")
        number = ""
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise BackendError(explain(error, cupy)) from None
    if int(number or 0) >= count:
        raise BackendError(f"backend 'cupy': no device {number}; this machine has {count}")
    return cupy.cuda.Device(int(number)) if number else cupy.cuda.Device()


def kind(device: Any) -> Kind:
    return Kind("" if device is None else str(device.id), True, tuple(PRECISIONS))


def explain(error: BaseException, cupy: Any) -> str:
    """One line for an error CuPy raised before it could compute: what is missing and what to do."""
    version, status = cupy.__version__, getattr(error, "status", None)
    head = f"backend 'cupy': CuPy {version} is installed, but"
    if status == OLD_DRIVER:
        driver, runtime = cupy.cuda.runtime.driverGetVersion(), cupy.cuda.runtime.runtimeGetVersion()
        if driver == 0:
            return f"{head} no CUDA driver was found; use backend 'numpy', or a machine with an NVIDIA driver >= 525"
        have, need = f"{driver // 1000}.{driver % 1000 // 10}", runtime // 1000
        remedy = "pip install 'nnx-array[cuda12]'" if need > 12 else "update the NVIDIA driver"
        return f"{head} the driver knows CUDA {have} and CuPy wants {need}: {remedy}"
    if status == NO_DEVICE:
        return f"{head} the driver shows no GPU; look at nvidia-smi and CUDA_VISIBLE_DEVICES"
    text = one_line(error)
    for library in ("nvrtc", "cublas", "curand", "cusolver", "cusparse", "cudart"):
        if library in text.lower():
            return f"{head} the CUDA library {library} was not found: pip install 'nnx-array[cuda12]' brings it"
    return f"{head} it cannot compute: {text}"


def one_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def put(x: Any, dtype: Any, device: Any) -> Any:
    import cupy

    with _current(device):
        return cupy.array(x, dtype=dtype)


def get(x: Any) -> Any:
    import cupy

    return cupy.asnumpy(x)


def plain(x: Any) -> Any:
    return x


def share(x: Any, device: Any) -> Any:
    return None


def loop(step: Callable[..., Any], mode: bool | str, epochs: int, precision: str) -> Plain:
    if mode not in (
        True,
        "always",
    ):  # "auto" is plain until results of a GPU show the captured step to be right and faster
        return Plain(step)
    from .cuda.device import CuPyDevice
    from .cuda.loop import Captured

    return Captured(step, mode, epochs, lambda: CuPyDevice(precision))


def free_memory(device: Any) -> int:
    import cupy

    with _current(device):
        return int(cupy.cuda.runtime.memGetInfo()[0] + cupy.get_default_memory_pool().free_bytes())


def scope(device: Any, dtype: str, precision: str) -> AbstractContextManager[Any]:
    return _precisely(device, precision) if precision != precision_now.get() else _current(device)


def _current(device: Any) -> AbstractContextManager[Any]:
    import cupy

    context: AbstractContextManager[Any] = cupy.cuda.Device(device.id) if device is not None else cupy.cuda.Device()
    return context


@contextmanager
def _precisely(device: Any, precision: str) -> Iterator[None]:
    """The device, with matrix products of float32 in this precision."""
    token = precision_now.set(precision)
    try:
        with _current(device):
            yield
    finally:
        precision_now.reset(token)


def compile(function: Callable[..., Any], donate: tuple[int, ...]) -> Callable[..., Any]:
    return function


def environment(device: Any) -> dict[str, str]:
    return {}


def describe(device: Any) -> dict[str, str]:
    import cupy

    facts = cupy.cuda.runtime.getDeviceProperties(device.id)
    with device:
        free, total = cupy.cuda.runtime.memGetInfo()
    runtime = cupy.cuda.runtime.runtimeGetVersion()
    return {
        "version": cupy.__version__,
        "device": facts["name"].decode(),
        "memory": f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free",
        "CUDA": f"{runtime // 1000}.{runtime % 1000 // 10}",
    }
