"""Matrix products by cuBLASLt, planned once and called on fixed memory.

CuPy refuses its own cuBLAS while a graph is captured, so the library that CuPy has loaded is called directly. Numbers
and structures are those of cublasLt.h, CUDA 12 and 13; documented in NVIDIA's cuBLAS Library guide.
"""

import ctypes
from collections.abc import Callable, Sequence
from ctypes import byref, c_double, c_float, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from math import gcd
from typing import Any

import numpy as np

from ...errors import BackendError
from ..native.calls import Refused
from ..native.passes import Pass
from ..native.product import layout, matrices, place
from ..native.program import View

TYPES = {"f": 0, "d": 1, "H": 14}  # cudaDataType_t: CUDA_R_32F, CUDA_R_64F, CUDA_R_16BF (its bits are a uint16)
COMPUTE = {"float32": 68, "tf32": 77, "float64": 70}  # cublasComputeType_t
TRANSA, TRANSB = 3, 4  # cublasLtMatmulDescAttributes_t
BATCH_COUNT, BATCH_OFFSET = 5, 6  # cublasLtMatrixLayoutAttribute_t
MAX_WORKSPACE, MIN_ALIGNMENT = 1, (5, 6, 7, 8)  # cublasLtMatmulPreferenceAttributes_t: of A, B, C and D
WORKSPACE = 32 * 2**20  # bytes: what NVIDIA recommends for Hopper
NOT_SUPPORTED = 15  # cublasStatus_t: no product of these types, layouts and alignments

Run = Callable[[int, int, int, int], None]  # of a stream, and the addresses of the factors and of the product


class _Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algorithm", c_uint64 * 8),
        ("workspace", c_size_t),
        ("state", c_int32),
        ("waves", c_float),
        ("reserved", c_int32 * 4),
    )


def load(path: str) -> Any:
    """The library at this path, with the types of the arguments of what is called."""
    lib = ctypes.CDLL(path)
    pointer = ctypes.POINTER(c_void_p)
    types: dict[str, Sequence[Any]] = {
        "Create": [pointer],
        "MatmulDescCreate": [pointer, c_int32, c_int32],
        "MatmulDescSetAttribute": [c_void_p, c_int32, c_void_p, c_size_t],
        "MatrixLayoutCreate": [pointer, c_int32, c_uint64, c_uint64, c_int64],
        "MatrixLayoutSetAttribute": [c_void_p, c_int32, c_void_p, c_size_t],
        "MatmulPreferenceCreate": [pointer],
        "MatmulPreferenceSetAttribute": [c_void_p, c_int32, c_void_p, c_size_t],
        "MatmulAlgoGetHeuristic": [*[c_void_p] * 7, c_int32, c_void_p, c_void_p],
        "Matmul": [*[c_void_p] * 14, c_size_t, c_void_p],
    }
    for name, kinds in types.items():
        function = getattr(lib, f"cublasLt{name}")
        function.argtypes, function.restype = kinds, c_int32
    return lib


class Products:
    """Plans of matrix products, one workspace for all of them."""

    def __init__(self, lib: Any, workspace: int, precision: str = "") -> None:
        self.lib, self.workspace, self.precision = lib, workspace, precision
        self.handle = self.create("Create")

    def create(self, name: str, *arguments: Any) -> c_void_p:
        found = c_void_p()
        self.check(name, getattr(self.lib, f"cublasLt{name}")(byref(found), *arguments))
        return found

    def set(self, kind: str, thing: c_void_p, attribute: int, value: Any) -> None:
        name = f"{kind}SetAttribute"
        self.check(name, getattr(self.lib, f"cublasLt{name}")(thing, attribute, byref(value), ctypes.sizeof(value)))

    def check(self, name: str, status: int) -> None:
        if status == NOT_SUPPORTED:
            raise Refused(f"a matrix product that cublasLt{name} does not support")
        if status:
            raise BackendError(f"backend 'cupy': cublasLt{name} failed with status {status}")

    def plan(self, p: Pass, address: Callable[[View], int]) -> Callable[[int], None]:
        """The product as a function of a stream. address: where a view begins in memory. Raises Refused."""
        places = [address(x) for x in matrices(p)]
        run = self.prepare(*matrices(p), [gcd(256, x) for x in places])
        return lambda stream: run(stream, *places)

    def prepare(self, a: View, b: View, c: View, aligned: Sequence[int]) -> Run:
        """The product c = a b of matrices like these, each aligned to so many bytes. Raises Refused."""
        (m, k), n = a.shape[-2:], b.shape[-1]
        lead = c.shape[:-2]
        places = [[place(x, member) for x in (b, a, c)] for member in np.ndindex(lead)]
        steps = [after - before for before, after in zip(places[0], (places + places)[1], strict=True)]
        if len(places) == 1 or all(q == [i * s for s in steps] for i, q in enumerate(places)):
            starts, count = places[:1], len(places)
        else:
            starts, count, steps = places, 1, [0, 0, 0]
        # A row-major matrix is its own transpose column by column, which is how cuBLAS reads: C' = B' A'.
        letters, layouts = [], []
        for x, (rows, columns), step in zip((b, a, c), ((n, k), (k, m), (n, m)), steps, strict=True):
            letter, distance = layout(x)
            letters.append(letter)
            size = (rows, columns) if letter == "N" else (columns, rows)
            made = self.create("MatrixLayoutCreate", TYPES[x.dtype.char], *size, distance)
            self.set("MatrixLayout", made, BATCH_COUNT, c_int32(count))
            self.set("MatrixLayout", made, BATCH_OFFSET, c_int64(step // x.dtype.itemsize))
            layouts.append(made)
        if letters[2] != "N":
            raise Refused("a matrix product into a transposed array")
        scale = TYPES[c.dtype.char]
        tf32 = self.precision == "tf32" and a.dtype.char == "f"
        what = self.create("MatmulDescCreate", COMPUTE["tf32" if tf32 else c.dtype.name], scale)
        for attribute, letter in zip((TRANSA, TRANSB), letters, strict=False):
            self.set("MatmulDesc", what, attribute, c_int32(letter == "T"))
        order = (aligned[1], aligned[0], aligned[2])
        strides = [s if count > 1 else 0 for s in steps]
        offsets = zip(*starts, strict=True)
        found = self.algorithm(what, layouts, [gcd(o, s, *x) for o, s, x in zip(order, strides, offsets, strict=True)])
        number = c_double if c.dtype.char == "d" else c_float
        one, zero = number(1), number(0)
        lib, handle, workspace = self.lib, self.handle, self.workspace
        left, right, out = layouts

        def run(stream: int, first: int, second: int, product: int) -> None:
            for x, y, z in starts:
                status = lib.cublasLtMatmul(
                    handle, what, byref(one), second + x, left, first + y, right, byref(zero), product + z, out,
                    product + z, out, byref(found.algorithm), workspace, WORKSPACE, stream,
                )  # fmt: skip
                if status:
                    self.check("Matmul", status)

        return run

    def algorithm(self, what: c_void_p, layouts: Sequence[c_void_p], aligned: Sequence[int]) -> _Heuristic:
        """What cuBLASLt thinks fastest on memory that is aligned to so many bytes: always the same, for equal bits."""
        wanted = self.create("MatmulPreferenceCreate")
        self.set("MatmulPreference", wanted, MAX_WORKSPACE, c_uint64(WORKSPACE))
        for attribute, bytes in zip(MIN_ALIGNMENT, (*aligned, aligned[2]), strict=True):
            self.set("MatmulPreference", wanted, attribute, c_uint32(bytes))
        result, count = _Heuristic(), c_int32()
        left, right, out = layouts
        status = self.lib.cublasLtMatmulAlgoGetHeuristic(
            self.handle, what, left, right, out, out, wanted, 1, byref(result), byref(count)
        )
        if status != NOT_SUPPORTED:
            self.check("MatmulAlgoGetHeuristic", status)
        if status or not count.value or result.state:
            raise Refused("a matrix product that cuBLASLt has no algorithm for")
        return result
