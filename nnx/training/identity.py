"""The identity of a fit: its settings, which a checkpoint must share, and the environment that its bits depend on."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from inspect import getsource
from pathlib import Path
from typing import Any
from zlib import crc32

from .. import system
from .._version import __version__
from ..backends import Backend, is_array, is_sparse, numpy as host
from ..errors import SettingError
from .parallel import Ranks

Facts = dict[str, str]


def flat(name: str, value: Any) -> Facts:
    """A setting as texts, one for each number in it: {"optimizer": "Adam", "optimizer.rate": "0.001", ...}."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in fields(value)}
        return {name: type(value).__name__} | _joined(name, parts)
    if isinstance(value, (tuple, list)) and any(map(is_dataclass, value)):
        return {name: str(len(value))} | _joined(name, dict(enumerate(value)))
    if value is None or isinstance(value, (bool, int, float, str, tuple, list)):
        return {name: repr(value)}
    if is_array(value):
        return {name: repr(host.get(value).tolist())}
    return {name: getattr(value, "__qualname__", type(value).__qualname__)}


def _joined(name: str, parts: Mapping[Any, Any]) -> Facts:
    found: Facts = {}
    for key, part in parts.items():
        found |= flat(f"{name}.{key}", part)
    return found


def mark(backend: Backend, *arrays: Any) -> str:
    """A few letters that tell these arrays from others."""
    dense = (a.toarray() if is_sparse(a) else a for a in arrays if a is not None)
    content = (backend.to_numpy(a).astype("float64").tobytes() for a in dense)
    return f"{crc32(b''.join(content)):08x}"


def environment(backend: Backend, compile: bool | str) -> Facts:
    """The environment that bits depend on besides settings and data."""
    from importlib.metadata import PackageNotFoundError, version

    facts = backend.describe()
    found = {"nnx": __version__, "numpy": host.namespace().__version__}
    with suppress(PackageNotFoundError):
        found["llvmlite"] = version("llvmlite")  # with which steps are compiled
    found |= {"backend": backend.place, f"{backend.name} version": facts.get("version", "")}
    found |= {"BLAS": facts.get("BLAS", ""), "threads": str(host.threads())}
    found |= backend.environment() | {"precision": backend.precision, "processor": _processor()}
    wanted = os.environ.get("NNX_COMPILE", "") if compile == "auto" else ""
    return found | {"compile": wanted or str(compile)}


def _processor() -> str:
    import platform

    names = (line.partition(":")[2].strip() for line in system.processor() if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def code(parts: Any) -> Facts:
    """The code that trains: nnx's own, and the classes of a user's in these parts."""
    found = {"code of nnx": _own_code()}
    waiting = [parts]
    while waiting:
        part = waiting.pop()
        kind = type(part)
        if isinstance(part, (tuple, list)):
            waiting += part
        elif is_dataclass(part):
            waiting += [getattr(part, field.name) for field in fields(part)]
        if kind.__module__.partition(".")[0] not in (__package__.partition(".")[0], "builtins"):
            with suppress(OSError, TypeError):
                found[f"code of {kind.__qualname__}"] = f"{crc32(getsource(kind).encode()):08x}"
    return found


@cache
def _own_code() -> str:
    """A few letters that tell this nnx from others."""
    return f"{crc32(b''.join(file.read_bytes() for file in sorted(Path(__file__).parents[1].rglob('*.py')))):08x}"


def same_on(ranks: Ranks, facts: Facts) -> None:
    """Raise SettingError naming the first setting that is not the same on all ranks."""
    every = ranks.gather(facts)
    for number, own in enumerate(every):
        if found := _difference(every[0], own):
            name, old, new = found
            raise SettingError(f"{name} is {new} on rank {number}, and {old} on rank 0: all ranks must train the same")


def same_settings(before: Facts, now: Facts) -> None:
    """Raise SettingError naming the first setting that is not what it was."""
    found = _difference(before, now)
    if found:
        name, old, new = found
        way = (
            "to train longer, give params=nnx.load(path).params" if name == "epochs" else "go on with the same settings"
        )
        raise SettingError(f"resume: {name} is {new}, in the checkpoint it is {old}; {way}")


def other_bits(before: Facts, now: Facts) -> str:
    """ "" where the same bits will be computed, else what is different."""
    found = _difference(before, now)
    return f"resume is not bit-exact: {found[0]} is {found[2]}, in the checkpoint it is {found[1]}" if found else ""


def _difference(before: Facts, now: Facts) -> tuple[str, str, str] | None:
    for name in {**now, **before}:
        old, new = before.get(name, "none"), now.get(name, "none")
        if old != new:
            return name, old[:60], new[:60]
    return None
