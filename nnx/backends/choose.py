"""Choosing a backend: by name, by the arrays given, or "auto"; and probing whether one can really compute."""

import importlib
from dataclasses import replace
from functools import cache
from typing import Any, cast

from ..contract import Array
from ..errors import BackendError, unknown
from .arrays import device, library_name, namespace
from .base import Backend, Library, missing
from .other import Other

LIBRARIES = ("numpy", "cupy", "torch", "jax")
GPUS = ("cupy", "torch:cuda", "jax:gpu")  # the order in which "auto" looks


def backend(name: str | Backend = "numpy", dtype: str | None = None, precision: str | None = None) -> Backend:
    """The backend of this name: "numpy", "cupy", "cupy:1", "torch", "torch:cuda", "jax", or "auto".

    "auto" is a working GPU if there is one, else numpy; `why` says what was found. A name that cannot run here is an
    error that says why: there is no silent fallback.

    dtype: "float32" (the default) or "float64"; given with a Backend, that one in this type.
    precision: "tf32" or "bf16" lets a GPU round the factors of float32 matrix products to as many bits, and use its
        tensor cores; weights, sums and losses stay float32. Left out, products are float32 too.

    Raises: BackendError.
    """
    if isinstance(name, Backend):
        name = name if dtype is None else replace(name, dtype=dtype)
        return name if precision is None else replace(name, precision=precision)
    if not isinstance(name, str):
        raise BackendError(f"backend: expected a name such as 'numpy' or 'torch:cuda', got {name!r}")
    found = _backend(name, dtype or "float32")
    return found if not precision else replace(found, precision=precision)


@cache
def _backend(name: str, dtype: str) -> Backend:
    if name == "auto":
        return _auto(dtype)
    library_word, _, device_text = name.partition(":")
    library = _library(library_word)
    xp = library.namespace()
    chosen = Backend(library, xp, library.find_device(device_text), dtype)
    if chosen.name == "cupy" or device_text not in ("", "cpu"):  # an accelerator is believed when it has computed
        probe(chosen)
    return chosen


def _library(name: str) -> Library:
    if name in LIBRARIES:
        return cast(Library, importlib.import_module(f".{name}", __package__))
    if name != "array_api_strict":  # other namespaces are known by their arrays, not by name
        raise BackendError(unknown("backend", name, [*LIBRARIES, "auto"]))
    try:
        return Other(importlib.import_module(name))
    except ImportError:
        raise missing(name, "test") from None


def _auto(dtype: str) -> Backend:
    reasons = []
    for name in GPUS:
        try:
            found = backend(name, dtype)
            probe(found)
        except BackendError as error:
            reasons.append(str(error).partition(": ")[2].partition(";")[0])
            continue
        return Backend(found.library, found.xp, found.device, dtype, why=f"auto: {name} works")
    found = backend("numpy", dtype)
    return Backend(found.library, found.xp, found.device, dtype, why=f"auto: no GPU ({'; '.join(reasons)})")


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
