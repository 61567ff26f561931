"""MLX: arrays in the memory that processor and GPU of an Apple machine share; on others those of the processor.

What is computed waits until it is asked for: a loop asks after each step.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.metadata import version
from types import ModuleType
from typing import Any

from ..errors import BackendError
from .base import Kind, Plain, Traits, missing, plain as plain_loop
from .native.calls import leaves

name = "mlx"
traits = Traits()
NO_DOUBLE = "its GPU has none, and on the CPU exp, sin and erf of MLX are those of float32"
MADE = (  # the functions that make arrays
    *("arange", "asarray", "empty", "empty_like", "eye", "full", "full_like", "linspace"),
    *("ones", "ones_like", "zeros", "zeros_like"),
)


@cache
def namespace() -> Any:
    """MLX's namespace of the standard, with the names it lacks, and creation with a device, of which it knows none."""
    try:
        import mlx.core as mx
    except ImportError:
        raise missing(name, "mlx") from None

    def anywhere(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, device=None, **settings: function(*args, **settings)

    own = {word: anywhere(getattr(mx, word)) for word in MADE}
    module = ModuleType("mlx", "MLX for nnx")

    def astype(x: Any, dtype: Any, *, copy: bool = True) -> Any:
        return mx.asarray(x, dtype=dtype, copy=True if copy else None)

    def cumulative_sum(x: Any, *, axis: int = 0, include_initial: bool = False) -> Any:
        total = mx.cumsum(x, axis=axis)
        return (
            mx.concat([mx.zeros_like(mx.take(total, mx.array([0]), axis=axis)), total], axis=axis)
            if include_initial
            else total
        )

    def unique_values(x: Any) -> Any:
        """The values of x, found on the host, which has to wait for their number wherever it is found."""
        from . import numpy as host

        return put(host.namespace().unique_values(get(x)), x.dtype, None)

    own |= {function.__name__: function for function in (astype, cumulative_sum, unique_values)}
    module.__dict__.update(vars(mx), bool=mx.bool_, __name__=name, __version__=version("mlx"), **own)
    return module


def find_device(text: str) -> Any:
    import mlx.core as mx

    if not text:
        return None
    word, _, number = text.partition(":")
    kinds = {"cpu": mx.cpu, "gpu": mx.gpu}
    if word not in kinds or not (number or "0").isdigit() or int(number or 0) >= mx.device_count(kinds[word]):
        have = ", ".join(f"mlx:{word}" for word, kind in kinds.items() if mx.device_count(kind))
        raise BackendError(f"backend 'mlx': no device {text!r}; this MLX has: {have}")
    return mx.Device(kinds[word], int(number or 0))


def kind(device: Any) -> Kind:
    import mlx.core as mx

    word, number = str(device or mx.default_device())[len("Device(") : -1].split(", ")
    return Kind(f"{word}:{number}", word == "gpu", no_double=NO_DOUBLE)


def put(x: Any, dtype: Any, device: Any) -> Any:
    import mlx.core as mx

    if isinstance(x, mx.array):
        return mx.asarray(x, dtype=dtype, copy=True)
    from . import numpy as host

    x = host.native(host.get(x))
    if dtype is not None:
        x = host.narrowed(x, _word(dtype))  # which MLX lets wrap
    return mx.array(x, dtype=getattr(namespace(), str(x.dtype)))


def _word(dtype: Any) -> str:
    """The name of a type of MLX, which is NumPy's."""
    return str(dtype).rpartition(".")[2]


def get(x: Any) -> Any:
    import mlx.core as mx

    from . import numpy as host

    return host.get(x.astype(mx.float32) if x.dtype == mx.bfloat16 else x)  # NumPy has no bfloat16


def plain(x: Any) -> Any:
    return x


def share(x: Any, device: Any) -> Any:
    return None


def loop(step: Callable[..., Any], mode: bool | str, epochs: int, precision: str) -> Plain:
    import mlx.core as mx

    step = plain_loop(name, step, mode).step

    def computed(*given: Any) -> Any:
        """A step that is computed before the next begins: what waits would grow from step to step."""
        carry = step(*given)
        mx.eval([leaf for leaf in leaves(carry) if isinstance(leaf, mx.array)])
        return carry

    # mx.compile on a CPU asks g++, 12 s for a step with dropout, and brings 1.0 to 3 times: see docs/performance.md.
    return Plain(computed)


def scope(device: Any, dtype: str, precision: str) -> AbstractContextManager[Any]:
    if device is None:
        return nullcontext()
    import mlx.core as mx

    context: AbstractContextManager[Any] = mx.stream(device)
    return context


def compile(function: Callable[..., Any], donate: tuple[int, ...]) -> Callable[..., Any]:
    return function


def environment(device: Any) -> dict[str, str]:
    return {}


def free_memory(device: Any) -> int:
    import mlx.core as mx

    from . import numpy as host

    most = int(mx.device_info().get("max_recommended_working_set_size", 0)) if kind(device).is_gpu else 0
    return most - int(mx.get_active_memory()) if most else host.free_memory(None)


def describe(device: Any) -> dict[str, str]:
    import mlx.core as mx

    facts = mx.device_info()
    return {"version": version("mlx"), "device": f"{kind(device).text}, {facts.get('device_name', '?')}"}
