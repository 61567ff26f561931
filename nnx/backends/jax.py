"""JAX: immutable arrays, steps compiled by XLA with their old parameters donated."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

from ..contract import PartKey
from ..errors import BackendError, DataError
from .arrays import in_parts
from .base import Kind, Plain, Traits, compiling, missing

name = "jax"
traits = Traits()
COMPILING = 2.0  # seconds, about, that XLA takes for a step
PRODUCTS = {"": "float32", "tf32": "tensorfloat32", "bf16": "bfloat16"}


@cache
def register() -> None:
    """Tell JAX that the path of a layer's random key is no array: keys can be arguments of compiled functions."""
    from jax import tree_util

    def apart(key: PartKey) -> tuple[tuple[Any, Any], int]:
        return (key.seed, key.step), key.path

    tree_util.register_pytree_node(PartKey, apart, lambda path, parts: PartKey.at(*parts, path=path))


def namespace() -> Any:
    try:
        import jax.numpy
    except ImportError:
        raise missing(name, "jax") from None
    register()
    return jax.numpy


def find_device(text: str) -> Any:
    import jax

    if not text:
        return jax.devices()[0]
    kind, _, number = text.partition(":")
    try:
        return jax.devices({"cuda": "gpu"}.get(kind, kind))[int(number or 0)]
    except (RuntimeError, IndexError, ValueError):
        have = ", ".join(str(d) for d in jax.devices())
        raise BackendError(f"backend 'jax': no device {text!r}; this jax has: {have}") from None


def kind(device: Any) -> Kind:
    if hasattr(device, "device_set"):  # of an array in parts, which `plain` refuses
        device = min(device.device_set, key=lambda one: one.id)
    if device is None or device.platform == "cpu":
        return Kind("" if device is None else f"cpu:{device.id}")
    double = {"tpu": "a TPU has none, and XLA makes it of pairs of float32", "METAL": "Apple's GPU has none"}
    text = f"{device.platform}:{device.id}"  # older releases spell a device TFRT_CPU_0
    return Kind(text, True, tuple(PRODUCTS), double.get(device.platform, ""))


def put(x: Any, dtype: Any, device: Any) -> Any:
    import jax.numpy

    if dtype is not None and jax.dtypes.canonicalize_dtype(dtype) != dtype:
        raise BackendError(f"backend 'jax': {jax.numpy.dtype(dtype)} is off here; compute inside backend.scope()")
    if not isinstance(x, jax.Array):
        from . import numpy as host

        x = host.native(host.get(x))
        x = host.narrowed(x, jax.dtypes.canonicalize_dtype(x.dtype) if dtype is None else dtype)  # JAX lets them wrap
        # jax.numpy.array compiles a copy for each shape; what is put is read later, when x may have been written on.
        return jax.device_put(x.copy(), device)
    return jax.numpy.array(x, dtype=dtype, device=device, copy=True)


def get(x: Any) -> Any:
    from . import numpy as host

    return host.get(x)


def plain(x: Any) -> Any:
    import jax.numpy

    if jax.dtypes.issubdtype(x.dtype, jax.dtypes.extended):
        raise DataError(f"expected real numbers, got random keys ({x.dtype}); give numbers")
    count = 1 if isinstance(x, jax.core.Tracer) else len(x.sharding.device_set)  # a trace is of one program
    if count > 1:
        raise DataError(f"an array on {count} devices is not taken: give jax.device_put(x, jax.devices()[0])")
    if str(x.dtype).startswith("float8"):
        return x.astype(jax.numpy.float32)
    return x.astype(jax.numpy.int8) if str(x.dtype) in ("int2", "int4", "uint2", "uint4") else x


def share(x: Any, device: Any) -> Any:
    return None


def loop(step: Callable[..., Any], mode: bool | str, epochs: int, precision: str) -> Plain:
    return Compiled(step) if mode else Plain(step)


class Compiled(Plain):
    """The steps of an epoch as one compiled loop."""

    how = "compiled by XLA, many steps in one call"

    def __init__(self, step: Callable[..., Any]) -> None:
        one, self.many = _jitted(step)
        super().__init__(one)

    def __call__(self, carry: Any, x: Any, target: Any, weight: Any, rows: Any, start: int, stop: int) -> Any:
        if rows is None:
            return self.step(carry, x, target, weight, None)
        return self.many(carry, x, target, weight, rows, start, stop)


def _jitted(step: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The step, and many of them as one loop. The step keeps both, so that XLA compiles it once; they end with it."""
    import jax

    if hasattr(step, "jitted"):
        return step.jitted  # type: ignore[no-any-return]

    def many(carry: Any, x: Any, target: Any, weight: Any, rows: Any, start: Any, stop: Any) -> Any:
        def body(number: Any, carry: Any) -> Any:
            return step(carry, x, target, weight, rows[number])

        return jax.lax.fori_loop(start, stop, body, carry)

    both = jax.jit(step, donate_argnums=0), jax.jit(many, donate_argnums=0)
    if hasattr(step, "__dict__"):
        step.jitted = both
    return both


def scope(device: Any, dtype: str, precision: str) -> AbstractContextManager[Any]:
    return _scope(device, dtype, precision)


@contextmanager
def _scope(device: Any, dtype: str, precision: str) -> Iterator[None]:
    import jax

    wide = jax.enable_x64(True) if dtype == "float64" else jax.enable_x64(jax.config.jax_enable_x64)
    with wide, jax.default_device(device), jax.default_matmul_precision(PRODUCTS[precision]):
        yield


def compile(function: Callable[..., Any], donate: tuple[int, ...]) -> Callable[..., Any]:
    import jax

    compiling(COMPILING)  # the trial of a training comes first, and is compiled when it is called

    compiled: Callable[..., Any] = jax.jit(function, donate_argnums=donate)
    return compiled


def for_rows(
    function: Callable[[Any, Any], Any], size: int, axes: Callable[[tuple[int, ...]], int]
) -> Callable[[Any, Any], Any]:
    """The function compiled for numbers of rows that are powers of two: fewer rows are filled up with zeros, on the
    host, where nothing is compiled for each number of them.
    """
    import jax

    from .numpy import namespace as host

    compiled: Callable[[Any, Any], Any] = jax.jit(function)

    def filled(params: Any, x: Any) -> Any:
        rows, full = x.shape[0], 1 << (x.shape[0] - 1).bit_length()
        if rows == full:
            return compiled(params, x)
        whole = host().zeros((full, *x.shape[1:]), dtype=x.dtype)
        whole[:rows] = get(x)
        y = compiled(params, jax.device_put(whole, x.sharding))
        return jax.device_put(get(y)[:rows], x.sharding)

    return in_parts(filled, size, axes)


def environment(device: Any) -> dict[str, str]:
    return {"cores": str(os.cpu_count())}


def free_memory(device: Any) -> int:
    import jax

    facts = (device or jax.devices()[0]).memory_stats() or {}
    if "bytes_limit" in facts:
        return int(facts["bytes_limit"] - facts["bytes_in_use"])
    from . import numpy as host

    return host.free_memory(None)


def describe(device: Any) -> dict[str, str]:
    import jax

    return {"version": jax.__version__, "device": str(device), "platform": jax.default_backend()}
