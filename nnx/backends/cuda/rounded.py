"""Matrix products of CuPy's float32 arrays whose factors are rounded, as those of a captured step are.

CuPy's own matmul knows TF32 for two matrices only, and rounds nothing to bfloat16.
"""

from functools import cache
from math import gcd
from typing import Any

import numpy as np

from ..native.program import View
from .device import CuPyDevice
from .emit import ROUND, ROUNDED
from .lt import Run


@cache
def products(device: int, precision: str) -> "Rounded":
    """Those of a device, which must be the current one."""
    return Rounded(precision)


class Rounded:
    """Products in one precision, "tf32" or "bf16", planned once for matrices that lie alike."""

    def __init__(self, precision: str) -> None:
        self.device = CuPyDevice(precision)
        self.plans: dict[Any, Run] = {}
        self.precision = precision
        self.kernel = self.device.kernels(ROUND + ROUNDED)("rounded") if precision == "bf16" else None

    def __call__(self, a: Any, b: Any) -> Any:
        """a b, float32. Shapes: a (..., n, i), b (..., i, u), broadcast as in matmul. Raises Refused."""
        shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
        return self.product(self.factor(a), self.factor(b), self.device.cupy.empty(shape, dtype="float32"))

    def product(self, a: Any, b: Any, c: Any) -> Any:
        """c, which becomes a b. a, b: as `factor` gives them."""
        first, second, product = (self.device.address(x) for x in (a, b, c))
        aligned = [gcd(256, place) for place in (first, second, product)]
        key = *((x.shape, x.strides) for x in (a, b, c)), *aligned
        if key not in self.plans:
            left, right, out = (View(0, 0, x.shape, x.strides, np.dtype(x.dtype.char)) for x in (a, b, c))
            self.plans[key] = self.device.products().prepare(left, right, out, aligned)
        self.plans[key](self.device.stream(), first, second, product)
        return c

    def factor(self, x: Any) -> Any:
        """x as its products read it: rows, or columns, one after another; of bfloat16 the bits, as uint16."""
        turned = not x.flags.c_contiguous and x.swapaxes(-1, -2).flags.c_contiguous
        x = self.device.cupy.ascontiguousarray(x.swapaxes(-1, -2) if turned else x)
        if self.kernel:
            y = self.device.cupy.empty(x.shape, dtype="uint16")
            self.kernel(min(-(-x.size // 256), 1056), (256, 1), [*map(self.device.address, (x, y)), x.size])
            x = y
        return x.swapaxes(-1, -2) if turned else x
