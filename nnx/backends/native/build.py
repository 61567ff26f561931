"""A program compiled by numba: loops for the passes, the BLAS for the matrix products, NumPy's own loops for exp."""

import ctypes
import math
from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock
from typing import Any

import numba
import numpy as np
from numba.extending import get_cython_function_address

from .calls import Refused, refusing
from .emit import LITERAL, Kernel
from .formulas import TYPES
from .product import layout, matrices, place
from .program import Operation, Program, View, dtype_of
from .schedule import Pass, as_pass, by_rows

SMALL = 512  # multiplications in a matrix product below which plain loops are faster than a call of the BLAS
# A function that only the whole program calls is compiled a quarter faster without its ways in from Python and C.
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
TAKE = """def kernel(x, rows, out):
    for i in range(rows.size):
        r = rows[i] + x.shape[0] if rows[i] < 0 else rows[i]
        if r < 0 or r >= x.shape[0]:
            raise IndexError("row number out of range")
        for j in range(x.shape[1]):
            out[i, j] = x[r, j]
"""


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


_LOOP = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)  # (char **args, intp *dimensions, intp *steps, void *data)


def _numpy_loop(op: Operation) -> tuple[int, int]:
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
def _function(text: str, loops: tuple[Any, ...] = ()) -> Any:
    """The text of a function, compiled when it is called."""
    known: dict[str, Any] = {name: getattr(numba, name) for name in TYPES if name != "bool"}
    known |= {"math": math, "boolean": numba.boolean}
    for number, (loop, data) in enumerate(loops):
        known |= {f"loop{number}": _LOOP(loop), f"data{number}": data}
    exec(text, known)
    return numba.njit(known["kernel"], error_model="numpy", **INNER)


@cache
def _gemm(name: str) -> Any:
    """The matrix product of row-major arrays by the BLAS that SciPy brings; name is "sgemm" or "dgemm"."""
    address = get_cython_function_address("scipy.linalg.cython_blas", name)
    blas = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(address)

    def product(a, b, c, places, sizes, letters, factors):  # type: ignore[no-untyped-def]
        n, t, f = sizes.ctypes.data, letters.ctypes.data, factors.ctypes.data
        for p in range(places.shape[0]):  # for each member of a population
            x, y, z = a.ctypes.data + places[p, 0], b.ctypes.data + places[p, 1], c.ctypes.data + places[p, 2]
            blas(t, t + 1, n, n + 4, n + 8, f, y, n + 12, x, n + 16, f + factors.itemsize, z, n + 20)

    return numba.njit(product, **INNER)


class _Text:
    """The text of the whole program, and the arrays it names."""

    def __init__(self, program: Program, memory: Sequence[Any]) -> None:
        self.memory = memory
        self.arrays: list[Any] = []
        self.keys: dict[Any, str] = {}
        self.known: dict[str, Any] = {}
        self.names: dict[int, str] = {}
        self.lines: list[str] = []
        self.sizes: list[int] = []
        groups = by_rows([as_pass(op) for op in program.operations])
        touched: list[set[int]] = [{v.buffer for p in g.passes for v in p.views()} for g in groups]
        for number, group in enumerate(groups):
            others = set(range(program.leaves)).union(*(t for k, t in enumerate(touched) if k != number))
            first = group.passes[0]
            if first.op.kind == "matmul":
                self._product(first)
            elif first.op.kind == "take":
                self._take(first)
            else:
                self._kernel(Kernel(group, program, others))

    def array(self, x: Any, key: Any = None) -> str:
        """The name of an array in the program."""
        key = id(x) if key is None else key
        if key not in self.keys:
            self.keys[key] = f"x{len(self.arrays)}"
            self.arrays.append(x)
        return self.keys[key]

    def view(self, buffer: int, offset: int, shape: Any, strides: Any, dtype: Any) -> str:
        array = np.ndarray(shape, dtype, self.memory[buffer], offset, strides)
        return self.array(array, (buffer, offset, shape, strides, dtype))

    def size(self, n: int) -> str:
        """The text of a length, which is no part of the compiled program: another batch size needs no other."""
        self.sizes.append(n)
        return f"sizes[{len(self.sizes) - 1}]"

    def call(self, function: Any, arguments: Sequence[str]) -> None:
        """A line that calls a compiled function."""
        name = self.names.setdefault(id(function), f"f{len(self.names)}")
        self.known[name] = function
        self.lines.append(f"{name}({', '.join(arguments)})")

    def _kernel(self, kernel: Kernel) -> None:
        names = []
        for key in kernel.arrays:
            if key[0] == "scratch":
                names.append(self.array(np.empty(key[2], key[3]), ("scratch", id(kernel), key[1])))
            elif key[0] == "constant":
                names.append(self.array(key[1]))
            else:
                names.append(self.view(*key))
        inputs = [f"a{i}" for i in range(len(names))] + [f"n{i}" for i in range(len(kernel.sizes))]
        names += [self.size(n) for n in kernel.sizes]
        for number, op in enumerate(kernel.loops):
            inputs += [f"pointers{number}", f"length{number}", f"strides{number}"]
            widths = (len(op.inputs) + 1, 1, len(op.inputs) + 1)
            names += [self.array(np.zeros(width, dtype=np.int64)) for width in widths]
        text = "\n".join([f"def kernel({', '.join(inputs)}):", *kernel.lines])
        loops = tuple(_numpy_loop(op) for op in kernel.loops)
        self.call(_function(text, loops), names)

    def _take(self, p: Pass) -> None:
        x, rows = p.op.inputs
        wide = x.size // x.shape[0]
        shapes = [(x.shape[0], wide), (rows.shape[0], wide)]
        whole, out = (
            self.view(v.buffer, v.offset, shape, (wide * v.dtype.itemsize, v.dtype.itemsize), v.dtype)
            for v, shape in zip((x, p.op.output), shapes, strict=True)
        )
        chosen = self.view(rows.buffer, rows.offset, rows.shape, rows.strides, rows.dtype)
        self.call(_function(TAKE), [whole, chosen, out])

    def _product(self, p: Pass) -> None:
        a, b, c = matrices(p)
        (m, k), n = a.shape[-2:], b.shape[-1]
        lead = c.shape[:-2]
        if m * k * n <= SMALL:
            self._small_product(a, b, c, lead)
            return
        letters, sizes = [], [n, m, k]
        for x in (b, a, c):
            letter, distance = layout(x)
            letters.append(ord(letter))
            sizes.append(distance)
        if letters[2] != ord("N"):
            raise Refused("a matrix product into a transposed array")
        places = [[place(x, member) for x in (a, b, c)] for member in np.ndindex(lead)]
        names = [self.view(x.buffer, x.offset, x.shape[-2:], x.strides[-2:], x.dtype) for x in (a, b, c)]
        names += [
            self.array(np.array(places, dtype=np.int64)),
            self.array(np.array(sizes, dtype=np.int32)),
            self.array(np.array(letters[:2], dtype=np.uint8)),
            self.array(np.array([1, 0], dtype=c.dtype), ("factors", c.dtype)),
        ]
        self.call(_gemm({"f": "sgemm", "d": "dgemm"}[c.dtype.char]), names)

    def _small_product(self, a: View, b: View, c: View, lead: tuple[int, ...]) -> None:
        def size(n: int, text: str) -> str:
            return str(n) if n <= LITERAL else text

        lines, names, texts = ["def kernel(a, b, c):"], [], []
        for x in (a, b, c):
            axes = [i for i, n in enumerate(x.shape[:-2]) if n > 1]
            shape = tuple(x.shape[i] for i in axes) + x.shape[-2:]
            strides = tuple(x.strides[i] for i in axes) + x.strides[-2:]
            names.append(self.view(x.buffer, x.offset, shape, strides, x.dtype))
            missing = len(lead) - (len(x.shape) - 2)
            texts.append("".join(f"p{i + missing}, " for i in axes))
        for level, count in enumerate(lead):
            lines.append("    " * (level + 1) + f"for p{level} in range({count}):")
        tab = "    " * (len(lead) + 1)
        lines += [
            f"{tab}for i in range({size(a.shape[-2], 'a.shape[-2]')}):",
            f"{tab}    for j in range({size(b.shape[-1], 'b.shape[-1]')}):",
            f"{tab}        s = a[{texts[0]}i, 0] * b[{texts[1]}0, j]",
            f"{tab}        for k in range(1, {size(a.shape[-1], 'a.shape[-1]')}):",
            f"{tab}            s += a[{texts[0]}i, k] * b[{texts[1]}k, j]",
            f"{tab}        c[{texts[2]}i, j] = s",
        ]
        self.call(_function("\n".join(lines)), names)


_wholes: dict[Any, Any] = {}
_one_at_a_time = Lock()  # so that lanes that are prepared side by side share what is compiled


def compiled(program: Program, memory: Sequence[Any], rows: Any) -> Callable[[Any, int, int], None]:
    """A function (row numbers of batches, start, stop) that runs the program on the batches from start to stop.

    rows: the array among the program's leaves that takes the row numbers of a batch, or None. Raises Refused.
    """
    with _one_at_a_time, refusing():
        text = _Text(program, memory)
        whole = _whole(text)
    own = np.empty(0, dtype=np.int64) if rows is None else rows
    sizes = np.array([*text.sizes, 0], dtype=np.int64)
    with _one_at_a_time, refusing():  # what numba cannot compile is found out before a step is run
        whole(np.empty((1, own.size), own.dtype), own, 0, 0, sizes, *text.arrays)
    return lambda batches, start, stop: whole(batches, own, start, stop, sizes, *text.arrays)


def _whole(text: _Text) -> Any:
    """The function that runs steps of the program, compiled when it is called."""
    names = [f"x{i}" for i in range(len(text.arrays))]
    lines = [f"def kernel(batches, rows, start, stop, sizes, {', '.join(names)}):", "    for s in range(start, stop):"]
    lines += ["        for i in range(rows.size):", "            rows[i] = batches[s, i]"]
    lines += ["        " + line for line in text.lines]
    source = "\n".join(lines)
    key = (source, *text.known.values())
    if key not in _wholes:
        known = dict(text.known)
        exec(source, known)
        _wholes[key] = numba.njit(known["kernel"], nogil=True, no_cfunc_wrapper=True)
    return _wholes[key]
