"""Choosing a backend: by name, by the arrays given, or "auto"; and probing whether one can really compute."""

import importlib
import os
import re
from dataclasses import replace
from functools import cache
from typing import Any, cast

from ..contract import Array
from ..errors import BackendError, SettingError, shown, unknown
from ..names import spelled
from .arrays import device, library_name, namespace
from .base import PRECISIONS, Backend, Library, missing
from .other import Other

LIBRARIES = ("numpy", "cupy", "torch", "jax", "mlx")
KNOWN = (*LIBRARIES, "array_api_strict")
ACCELERATORS = ("torch:cuda", "torch:xpu", "torch:mps", "jax:gpu", "jax:tpu", "mlx:gpu")
AUTO = ("cupy", *ACCELERATORS, "numpy")


@spelled
def backend(name: str | Backend | None = None, dtype: str | None = None, precision: str | None = None) -> Backend:
    """Backend of this name: an array library, its device, and the float type to compute in.

    A name that cannot run here is an error that says why: there is no silent fallback. The way out is to say it:
    "cupy,torch:cuda,numpy" is the first of these that works, and `why` says in one line which, and why the others do
    not.

    Parameters
    ----------
    name : str or Backend, default None
        One of:

        - "numpy": the CPU.
        - "cupy", "cupy:1": a GPU of CUDA, the current one or that of this number.
        - "torch", "torch:cuda", "torch:mps", "torch:xpu": PyTorch on the CPU, or a GPU of NVIDIA or AMD, Apple, Intel.
        - "jax", "jax:gpu", "jax:tpu": JAX on its default device, on a GPU, or on a TPU.
        - "mlx", "mlx:cpu", "mlx:gpu": MLX on its default device, the CPU or the GPU, in float32.
        - several names with commas between them: the first that works here.
        - "auto": "cupy,torch:cuda,torch:xpu,torch:mps,jax:gpu,jax:tpu,mlx:gpu,numpy".
        - None: what the environment variable NNX_BACKEND names, else "numpy".

        A Backend is given back, in the dtype and precision asked for.
    dtype : str, default None
        The float type to compute in: "float32" or "float64". None is "float32", or a given Backend's own.
    precision : str, default None
        For GPUs and TPUs: "tf32" or "bf16" lets one round the factors of float32 matrix products to as many bits, and
        use its tensor cores; weights, sums and losses stay float32. None: products are float32 too.

    Returns
    -------
    Backend
        The backend, which has been tried where it is a GPU.

    Raises
    ------
    BackendError
        If the name is unknown, the library is not installed, or it cannot compute on this machine.

    Examples
    --------
    >>> print(nnx.backend("numpy"))
    numpy, float32
    >>> print(nnx.backend("numpy", dtype="float64"))
    numpy, float64
    """
    for what, text in (("dtype", dtype), ("precision", precision)):
        if text is not None and not isinstance(text, str):
            raise BackendError(f"backend: {what} must be a name such as 'float32', got {shown(text)}")
    if isinstance(name, Backend):
        name = name if dtype is None else replace(name, dtype=dtype)
        return name if precision is None else replace(name, precision=precision)
    if name is None:
        name = preferred()
    if not isinstance(name, str):
        raise BackendError(f"backend: expected a name such as 'numpy' or 'torch:cuda', got {shown(name)}")
    name, why = first_working(name, dtype or "float32", precision or "")
    found = _backend(name, dtype or "float32")
    return replace(found, precision=precision or "", why=why) if precision or why else found


def preferred(default: str = "numpy") -> str:
    """What NNX_BACKEND names, which decides where no argument and no array of a device does; else the default."""
    return os.environ.get("NNX_BACKEND", "").strip() or default


def first_working(text: str, dtype: str = "float32", precision: str = "") -> tuple[str, str]:
    """Of names parted by commas the first that works here, and in one line why the others do not; a name alone is
    that name. Raises BackendError if none works, or one is unknown."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    names = list(dict.fromkeys(name for part in parts for name in (AUTO if part == "auto" else (part,))))
    if len(names) < 2:
        return (names or [text])[0], ""
    for name in names:
        if name.partition(":")[0] not in KNOWN:
            raise BackendError(unknown("backend", name, [*LIBRARIES, "auto"]))
    known = _backend("numpy", dtype)  # or it would be no backend's fault
    if precision not in PRECISIONS:
        replace(known, precision=precision)
    reasons = []
    for name in names:
        try:
            probe(replace(_backend(name, dtype), precision=precision))
        except BackendError as error:
            reason = re.sub(r"^backend '[^']*': |;.*$", "", str(error).splitlines()[0])
            reasons.append(f"{name}: {reason}")
            continue
        return name, f"{text}: {name} works" + (f" ({'; '.join(reasons)})" if reasons else "")
    raise BackendError(f"none of {text} works here: {'; '.join(reasons)}")


def on_device(name: str, device: str) -> str:
    """The name with a device that is given beside it. Raises SettingError where that says it twice."""
    name = name.strip()
    if device and (":" in name or "," in name or name == "auto"):
        raise SettingError(f"device {device!r} beside backend {name!r}: say the device once")
    return f"{name}:{device}" if device else name


@cache
def _backend(name: str, dtype: str) -> Backend:
    library_word, _, device_text = name.partition(":")
    library = _library(library_word)
    xp = library.namespace()
    chosen = Backend(library, xp, library.find_device(device_text), dtype)
    if chosen.is_gpu or device_text not in ("", "cpu"):  # an accelerator is believed when it has computed
        probe(chosen)
    return chosen


def _library(name: str) -> Library:
    if name in LIBRARIES:
        return cast(Library, importlib.import_module(f".{name}", __package__))
    if name not in KNOWN:  # other namespaces are known by their arrays, not by name
        raise BackendError(unknown("backend", name, [*LIBRARIES, "auto"]))
    try:
        return Other(importlib.import_module(name))
    except ImportError:
        raise missing(name, "test") from None


def probe(chosen: Backend) -> None:
    """Run a compiled kernel and a matrix product on the backend. Raises BackendError saying what fails."""
    xp = chosen.xp
    try:
        with chosen.scope():
            x = chosen.floats([[1.0, 2.0], [3.0, 4.0]])
            total = float(xp.sum(xp.exp(x - x) + x @ x))
    except BackendError:
        raise
    except Exception as error:
        explain = getattr(chosen.library, "explain", None)
        text = explain(error, importlib.import_module("cupy")) if explain else f"backend {chosen.name!r}: {error}"
        raise BackendError(text) from None
    if total != 58.0:
        raise BackendError(f"backend {chosen.name!r} computes wrongly: a probe gave {total}, not 58.0")


def backend_of(x: Array, dtype: str | None = None) -> Backend:
    """The backend of the library and device that x is on; a list is NumPy's. `dtype`: x's own if it is a float."""
    name = library_name(x)
    if name == "" and isinstance(x, (list, tuple)):
        return backend("numpy", dtype or "float32")
    xp = namespace(x)
    library: Library = _library(name) if name in LIBRARIES else Other(xp)
    if dtype is None:
        dtype = str(x.dtype).rpartition(".")[2]
        dtype = dtype if "float" in dtype else "float32"
    return Backend(library, xp, device(x), dtype)


def is_host(x: Any) -> bool:
    """True for data in the host's memory: NumPy arrays, lists, numbers."""
    return library_name(x) in ("numpy", "")
