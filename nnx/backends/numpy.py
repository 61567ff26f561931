"""NumPy: arrays on the host. Also the host's random words, from which every backend's weights are drawn."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from importlib.util import find_spec
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from .. import system
from ..errors import BackendError
from .arrays import in_parts
from .base import Kind, Plain, Traits

name = "numpy"
traits = Traits(is_host=True, records=True)


def namespace() -> Any:
    return lean


def _lean() -> ModuleType:
    """NumPy, with the functions that a step calls most spelled without NumPy's Python layers around them.

    On arrays of a few dozen elements those layers cost more than the arithmetic: np.sum 2.6 us, np.add.reduce 1.1 us.
    """
    module = ModuleType("numpy", "NumPy for nnx")
    module.__dict__.update(vars(np))
    add: Any = np.add.reduce
    largest: Any = np.maximum.reduce
    smallest: Any = np.minimum.reduce

    def total(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        return add(x, axis, None, None, keepdims)

    def mean(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        return add(x, axis, None, None, keepdims) / prod(x.shape[a] for a in axes)

    def most(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        return largest(x, axis, None, None, keepdims)

    def least(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        return smallest(x, axis, None, None, keepdims)

    module.__dict__.update(
        sum=total,
        mean=mean,
        max=most,
        min=least,
        isdtype=cache(np.isdtype),
        matrix_transpose=lambda x: x.mT,
        reshape=lambda x, shape: x.reshape(shape),
        take=lambda x, indices, *, axis: x.take(indices, axis),
        astype=lambda x, dtype, *, copy=True: x.astype(dtype, copy=copy),
    )
    return module


lean = _lean()


def find_device(text: str) -> Any:
    if text not in ("", "cpu"):
        raise BackendError(f"backend 'numpy' runs on the CPU only, not on {text!r}")
    return None


def kind(device: Any) -> Kind:
    return Kind()


def put(x: Any, dtype: Any, device: Any) -> Any:
    return native(np.array(x, dtype=dtype, order="C"))


def get(x: Any) -> Any:
    x = np.asarray(x)
    if x.dtype.type.__module__ == "ml_dtypes":  # bfloat16 and the like, which NumPy's own functions do not know
        x = x.astype(np.float32 if np.can_cast(x.dtype, np.float32) else np.int32)
    return x


def from_dlpack(x: Any) -> Any:
    """An array on the memory of another library's, or on a copy of what is on a device."""
    return np.from_dlpack(x, device="cpu")


def native(x: Any) -> Any:
    """x itself if its numbers are as every library has them: in the machine's order of bytes, of 64 bits at most."""
    if x.dtype.kind == "f" and x.dtype.itemsize > 8:
        x = x.astype(np.float64)
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def plain(x: Any) -> Any:
    return x


def is_plain(x: Any) -> bool:
    """True for what needs no look: an array of NumPy's own class, of the numbers that every library has."""
    return type(x) is np.ndarray and x.dtype in PLAIN


PLAIN = frozenset(np.dtype(kind) for kind in "?bBhHiIlLqQefd")


def narrowed(x: Any, dtype: Any) -> Any:
    """x in this type, to which a library would bring it. Raises BackendError for integers that would become others."""
    x = native(get(x))
    if x.dtype.kind in "iu" and np.dtype(dtype).kind in "iu" and x.size and not np.can_cast(x.dtype, dtype):
        low, high, whole = int(x.min()), int(x.max()), np.iinfo(dtype)
        if low < whole.min or high > whole.max:
            bad = high if high > whole.max else low
            raise BackendError(f"integers are of {np.dtype(dtype)} there, which cannot hold {bad}; give floats")
    with np.errstate(over="ignore"):  # what is not finite is found and named by who asks
        return x.astype(dtype, copy=False)


def share(x: Any, device: Any) -> Any:
    return x


def loop(step: Callable[..., Any], mode: bool | str, epochs: int, precision: str) -> Plain:
    from .native.loop import Native

    return Native(step, mode, epochs) if mode else Plain(step)


def for_rows(
    function: Callable[[Any, Any], Any], size: int, axes: Callable[[tuple[int, ...]], int]
) -> Callable[[Any, Any], Any]:
    """Compiled for pieces of many rows, which threads compute side by side."""
    from .native.machine import can_compile

    parts = in_parts(function, size, axes)
    if not can_compile():
        return parts
    from .native.rows import for_rows

    return for_rows(parts, lanes, one_core)


def lanes() -> int:
    """As many as the BLAS has threads, if it can be told to use one in each call."""
    return threads() if find_spec("threadpoolctl") is not None else 1


def one_core() -> AbstractContextManager[Any]:
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits


def scope(device: Any, dtype: str, precision: str) -> AbstractContextManager[Any]:
    return np.errstate(all="ignore")  # what is not finite is found and named by the loop, not by a warning


def compile(function: Callable[..., Any], donate: tuple[int, ...]) -> Callable[..., Any]:
    return function


def describe(device: Any) -> dict[str, str]:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    facts = {"version": np.__version__, "device": "CPU", "memory": f"{system.memory('PHYS') / 2**30:.1f} GiB"}
    return facts | {"BLAS": f"{blas['name']} {blas['version']}", "threads": str(threads())}


def environment(device: Any) -> dict[str, str]:
    return {}


def threads() -> int:
    """How many threads the BLAS may use: what threadpoolctl finds, else the number of cores."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return system.cores()
    np.ones((2, 2)) @ np.ones((2, 2))
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def free_memory(device: Any) -> int:
    return system.memory("AVPHYS")


def row_by_row(x: Any) -> Any:
    """x, or a copy whose rows lie one after another: steps on them are compiled. What is in a file stays there."""
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) and not is_memmap(x) else x


def is_memmap(x: Any) -> bool:
    """True for an array whose rows are read from a file when they are asked for."""
    return isinstance(x, np.memmap)


def shape_of_npy(file: Any) -> tuple[int, ...]:
    """The shape of the array in an open NPY file, which is not read. Raises: ValueError."""
    form = np.lib.format
    read = form.read_array_header_1_0 if form.read_magic(file) == (1, 0) else form.read_array_header_2_0
    return read(file)[0]


def masked(x: Any) -> int:
    """How many values of a masked array are declared missing; 0 for anything else."""
    if "numpy.ma" not in sys.modules:  # then there are none, and importing it takes a while
        return 0
    return np.ma.getmaskarray(x).tobytes().count(1) if isinstance(x, np.ma.MaskedArray) else 0


def philox(key: tuple[int, int], n: int, counter: int = 0) -> Any:
    """n raw uint64 words of Philox4x64-10 with this key, from this block of four words on.

    Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3". NumPy's generator adds
    one to its counter before each block, so it is started one below.
    """
    words = np.array(key, dtype=np.uint64)
    return np.random.Philox(key=words, counter=(counter - 1) % 2**256).random_raw(n)


def uniform(words: Any) -> Any:
    """float64 in [0, 1) from the upper 53 bits of each uint64 word."""
    return (words >> np.uint64(11)) * 2.0**-53


def permutation(words: Any) -> Any:
    """A permutation of len(words) from that many uint64 words: their order, the index in the low bits breaking ties."""
    n = len(words)
    low = np.uint64((1 << max(n - 1, 1).bit_length()) - 1)
    keyed = (words & ~low) | np.arange(n, dtype=np.uint64)
    keyed.sort()
    return (keyed & low).astype(np.int64)
