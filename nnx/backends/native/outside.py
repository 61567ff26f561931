"""Where functions lie that are in the process already: NumPy's own loops, and those of the C library."""

import ctypes
from functools import cache

from .calls import Refused
from .program import Operation, dtype_of


class _UFunc(ctypes.Structure):
    """The beginning of PyUFuncObject, which is part of NumPy's binary interface (numpy/ufuncobject.h)."""

    _fields_ = (
        ("head", ctypes.c_byte * object.__basicsize__),
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
    )


def numpy_loop(op: Operation) -> tuple[int, int]:
    """The addresses of NumPy's own inner loop for an operation, and of the data it wants. Raises Refused."""
    fields = _UFunc.from_address(id(op.function))
    own, kinds = [dtype_of(x) for x in op.inputs], op.kinds
    wanted = "".join(k.char for k in kinds[:-1]) + "->" + kinds[-1].char
    if any(d is not None and d != k for d, k in zip(own, kinds, strict=False)) or kinds[-1] != op.output.dtype:
        raise Refused(f"{op.function.__name__} with a conversion")
    if fields.ntypes != len(op.function.types) or wanted not in op.function.types:
        raise Refused(f"{op.function.__name__} of these types")
    number = op.function.types.index(wanted)
    return int(fields.functions[number]), int(fields.data[number] or 0)


@cache
def c_function(name: str, kind: str) -> int:
    """The address of a function of the C library."""
    found = getattr(ctypes.CDLL(None), name + ("f" if kind == "float32" else ""))
    return int(ctypes.cast(found, ctypes.c_void_p).value or 0)
