"""`nnx info`: every backend, and what it runs on or why it cannot."""

from typing import Any

from .._version import __version__
from ..backends import ACCELERATORS, LIBRARIES, backend, preferred, probe
from ..backends.native.machine import can_compile
from ..errors import BackendError
from .caches import lines as cache_lines


def facts() -> dict[str, dict[str, Any]]:
    """For each backend its facts, or the reason it cannot run."""
    found: dict[str, dict[str, Any]] = {}
    for name in (*LIBRARIES, *ACCELERATORS):
        try:
            chosen = backend(name)
            probe(chosen)
            found[name] = {"works": True, **chosen.describe()}
        except BackendError as error:
            found[name] = {"works": False, "why": str(error).partition(": ")[2] or str(error)}
    return found


def lines() -> list[str]:
    """The same for a person."""
    compiled = "compiled by LLVM" if can_compile() else "not compiled: pip install 'nnx-array[fast]'"
    out = [f"nnx {__version__}", f"steps on a CPU: {compiled}"]
    out += cache_lines()
    out.append("steps on CuPy: one after another; captured as a CUDA graph with compile=True or NNX_COMPILE=always")
    if preferred(""):
        out.append(f"NNX_BACKEND={preferred('')}: what trains where no option, argument or array of a device decides")
    for name, values in facts().items():
        works = values.pop("works")
        text = "  ".join(f"{k} {v}" for k, v in values.items()) if works else values["why"]
        out.append(f"{name:<11}{'yes' if works else 'no ':<4} {text}")
    return out
