"""Functions for operations that share no loop: matrix products, and rows taken by their numbers."""

import numpy as np

from .kernel import Kernel, call_numpy, unit
from .passes import Pass
from .product import matrices, member_strides
from .small import is_small, small_product


def taken(p: Pass) -> Kernel:
    """The rows of an array, by numbers that may count from its end; gives 1 where there is no such row."""
    kernel, out = Kernel(), p.op.output
    x, rows = p.op.inputs
    code, item = kernel.code, x.dtype.itemsize
    source, numbers, target = (kernel.address(("view", v.buffer, v.offset)) for v in (x, rows, out))
    height, count = kernel.number(x.shape[0]), kernel.number(rows.shape[0])
    width = kernel.number(x.size // x.shape[0])
    far = code.value(f"mul nsw i64 {width}, {item}")
    apart = kernel.number(rows.strides[0])
    with code.loop(count) as i:
        place = code.offset(numbers, code.value(f"mul nsw i64 {i}, {apart}"))
        row = code.convert(code.load(rows.dtype, place), rows.dtype, np.int64)
        below = code.value(f"icmp slt i64 {row}, 0")
        row = code.value(f"select i1 {below}, i64 {code.value(f'add i64 {row}, {height}')}, i64 {row}")
        code.line(f"br i1 {code.value(f'icmp ult i64 {row}, {height}')}, label %there, label %missing")
        code.lines += ["missing:", "ret i32 1", "there:"]
        start = code.offset(source, code.value(f"mul nsw i64 {row}, {far}"))
        end = code.offset(target, code.value(f"mul nsw i64 {i}, {far}"))
        with code.loop(width) as j:
            value = code.value(f"load {unit(x.dtype)}, ptr {code.offset(start, j, unit(x.dtype))}{kernel.note(0)}")
            place = code.offset(end, j, unit(x.dtype))
            code.line(f"store {unit(x.dtype)} {value}, ptr {place}{kernel.note(1)}")
    return kernel


def product(p: Pass) -> Kernel:
    """A matrix product, or one for each member: by NumPy's own loop, which calls the BLAS that NumPy was built on."""
    a, b, c = matrices(p)
    if is_small(a, b, c):
        return small_product(a, b, c)
    kernel = Kernel()
    code, lead = kernel.code, c.shape[:-2]
    names = [f"p{axis}" for axis in range(len(lead) - 1)]
    members = [code.open(name, kernel.number(n)) for name, n in zip(names, lead[:-1], strict=False)]
    pointers, lengths, strides = (code.variable(kind, n) for kind, n in (("ptr", 3), ("i64", 4), ("i64", 9)))
    last = [member_strides(x, len(lead))[-1:] for x in (a, b, c)]
    sizes = [lead[-1] if lead else 1, a.shape[-2], a.shape[-1], b.shape[-1]]
    for k, x in enumerate((a, b, c)):
        place = kernel.address(("view", x.buffer, x.offset), k)
        for member, stride in zip(members, member_strides(x, len(lead))[:-1], strict=True):
            place = code.offset(place, code.value(f"mul nsw i64 {member}, {kernel.number(stride)}"))
        code.line(f"store ptr {place}, ptr {code.offset(pointers, str(k), 'ptr')}")
    for k, n in enumerate(sizes):
        code.line(f"store i64 {kernel.number(n)}, ptr {code.offset(lengths, str(k), 'i64')}")
    for k, stride in enumerate([*(x[0] if x else 0 for x in last), *(s for x in (a, b, c) for s in x.strides[-2:])]):
        code.line(f"store i64 {kernel.number(stride)}, ptr {code.offset(strides, str(k), 'i64')}")
    call_numpy(kernel, np.matmul, [c.dtype] * 3, (pointers, lengths, strides))
    for name in names[::-1]:
        code.close(name)
    return kernel
