"""Where NumPy's own loops lie in the process."""

import ctypes
from collections.abc import Sequence
from typing import Any

from .calls import Refused


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


def numpy_loop(function: Any, kinds: Sequence[Any]) -> tuple[int, int]:
    """The addresses of NumPy's own inner loop for these types, and of the data it wants. Raises Refused."""
    fields = _UFunc.from_address(id(function))
    wanted = "".join(k.char for k in kinds[:-1]) + "->" + kinds[-1].char
    if fields.ntypes != len(function.types) or wanted not in function.types:
        raise Refused(f"{function.__name__} of these types")
    number = function.types.index(wanted)
    return int(fields.functions[number]), int(fields.data[number] or 0)
