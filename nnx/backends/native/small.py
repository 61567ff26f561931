"""Matrix products of a few numbers as plain loops, where these give the bits that NumPy's BLAS gives.

Such a loop takes a tenth of the time of a call of the BLAS. In which order that adds up is its own affair, so it is
tried:
most take a few products one after another, rounding once for each (a fused multiply-add).
"""

import ctypes
from functools import cache

import numpy as np

from ... import system
from .calls import Refused
from .code import type_of
from .kernel import Kernel, unit
from .product import layout, member_strides
from .program import View

FEW = 8  # numbers that are added up, at most
SMALL = 512  # multiplications in a product, at most
TRIED = 4  # products of random numbers


def is_small(a: View, b: View, c: View) -> bool:
    """Whether the product is computed by a loop."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    if k > FEW or m * k * n > SMALL or a.buffer == b.buffer:
        return False
    try:
        letters = layout(a)[0], layout(b)[0], layout(c)[0]
    except Refused:
        return False
    return letters[2] == "N" and _in_turn(m, k, n, letters[0], letters[1], c.dtype.name)


@cache
def _in_turn(m: int, k: int, n: int, first: str, second: str, kind: str) -> bool:
    """Whether NumPy's product of such matrices is the sum in turn, each step rounded once."""
    if not any(line.startswith("flags") and " fma " in line for line in system.processor()):
        return False
    fused = getattr(ctypes.CDLL(None), "fmaf" if kind == "float32" else "fma")
    number = ctypes.c_float if kind == "float32" else ctypes.c_double
    fused.restype, fused.argtypes = number, [number] * 3
    draw = np.random.default_rng(0)
    for _ in range(TRIED):
        a, b = (
            np.asarray(draw.normal(size=shape), dtype=kind, order="C" if letter == "N" else "F")
            for shape, letter in (((m, k), first), ((k, n), second))
        )
        found = a @ b
        for i in range(m):
            for j in range(n):
                total = 0.0
                for x, y in zip(a[i].tolist(), b[:, j].tolist(), strict=True):
                    total = fused(x, y, total)
                if total != found[i, j]:
                    return False
    return True


def small_product(a: View, b: View, c: View) -> Kernel:
    """The loop, once for each member."""
    kernel = Kernel()
    code, lead, dtype = kernel.code, c.shape[:-2], c.dtype
    t = type_of(dtype)
    names = [f"p{axis}" for axis in range(len(lead))]
    members = [code.open(name, kernel.number(n)) for name, n in zip(names, lead, strict=True)]
    bases = []
    for k, x in enumerate((a, b, c)):
        place = kernel.address(("view", x.buffer, x.offset), k)
        for member, stride in zip(members, member_strides(x, len(lead)), strict=True):
            if stride:
                place = code.offset(place, code.value(f"mul nsw i64 {member}, {kernel.number(stride)}"))
        bases.append((place, [kernel.number(s) for s in x.strides[-2:]], kernel.note(x.buffer)))

    def element(which: int, row: str, column: str) -> tuple[str, str]:
        place, strides, note = bases[which]
        for index, stride in zip((row, column), strides, strict=True):
            place = code.offset(place, code.value(f"mul nsw i64 {index}, {stride}"))
        return place, note

    total = code.variable(unit(dtype))
    with code.loop(kernel.number(a.shape[-2])) as i, code.loop(kernel.number(b.shape[-1])) as j:
        code.line(f"store {t} 0.0, ptr {total}")
        with code.loop(kernel.number(a.shape[-1])) as inner:
            factors = code.load(dtype, *element(0, i, inner)), code.load(dtype, *element(1, inner, j))
            given = ", ".join(f"{t} {x}" for x in (*factors, code.value(f"load {t}, ptr {total}")))
            fused = f"call {t} @llvm.fma.f{8 * dtype.itemsize}({given})"
            code.line(f"store {t} {code.value(fused)}, ptr {total}")
        code.store(dtype, code.value(f"load {t}, ptr {total}"), *element(2, i, j))
    for name in names[::-1]:
        code.close(name)
    return kernel
