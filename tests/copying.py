"""A namespace of the array API whose slices and reshapes are copies, and whose `+=` writes on the array itself.

MLX is such a library. What NumPy gives is wrapped, so that no other test needs it.
"""

import sys

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Array(NDArrayOperatorsMixin):
    """An array that shares its memory with no other."""

    device = "cpu"
    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    mT = property(lambda self: Array(self.value.mT))

    def __init__(self, value):
        self.value = np.array(value)

    def __array_namespace__(self, *, api_version=None):
        return sys.modules[__name__]

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **settings):
        result = getattr(ufunc, method)(*map(plain, inputs), **settings)
        if out is None:
            return Array(result)
        out[0].value[...] = result
        return out[0]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.value, dtype=dtype)

    def __getitem__(self, index):
        return Array(self.value[plain(index)])

    def __setitem__(self, index, value):
        self.value[plain(index)] = plain(value)

    def __len__(self):
        return len(self.value)

    def __float__(self):
        return float(self.value)

    def __bool__(self):
        return bool(self.value)

    def __int__(self):
        return int(self.value)

    def __dlpack__(self, **settings):
        return self.value.__dlpack__(**settings)

    def __dlpack_device__(self):
        return self.value.__dlpack_device__()


def plain(tree):
    if isinstance(tree, (tuple, list)):
        return type(tree)(map(plain, tree))
    return tree.value if isinstance(tree, Array) else tree


def asarray(x, *, dtype=None, device=None, copy=None):
    return (
        x
        if isinstance(x, Array) and copy is not True and dtype in (None, x.dtype)
        else Array(np.array(plain(x), dtype))
    )


def __getattr__(name):
    """NumPy's function of this name, between arrays of this module."""
    if name.startswith("__") and name != "__array_namespace_info__":
        raise AttributeError(name)
    found = getattr(np, name)
    if isinstance(found, type) or not callable(found) or name in ("isdtype", "result_type", "finfo", "iinfo"):
        return found
    if name == "__array_namespace_info__":
        return found

    def function(*args, **settings):
        settings.pop("device", None)
        result = found(*map(plain, args), **{key: plain(value) for key, value in settings.items()})
        return Array(result) if isinstance(result, (np.ndarray, np.generic)) else result

    return function
