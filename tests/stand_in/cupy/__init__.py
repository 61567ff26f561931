"""A stand-in for CuPy without a GPU: NumPy arrays behind a class that refuses what CuPy refuses.

No NumPy array is taken or given unasked, no array becomes one, and nothing depends on a mask. Put the folder above
this one on PYTHONPATH and `import cupy` finds it; `cupy.cuda` has one device whose kernels a C++ compiler makes.
"""

import types
from builtins import any as some

import numpy as np

__version__ = "14.2.0"
TYPES = (np.generic, np.dtype)
OWN_NUMBERS = ("ndim", "size", "nbytes", "itemsize", "shape", "dtype", "flags", "strides")


class ndarray:
    """An array of the stand-in."""

    __slots__ = ("__weakref__", "value")
    __array_priority__ = 100

    def __init__(self, value):
        self.value = np.asarray(value)

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.value.ctypes.data)

    @property
    def device(self):
        return cuda.Device(0)

    @property
    def T(self):
        return ndarray(self.value.T)

    @property
    def mT(self):
        return ndarray(self.value.mT)

    def get(self):
        return self.value.copy()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.value, name)
        return found if name in OWN_NUMBERS or not callable(found) else wrapped(found)

    def __array__(self, *args, **settings):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct one")

    def __array_ufunc__(self, ufunc, method, *args, **settings):
        return wrapped(getattr(ufunc, method))(*args, **settings)

    def __array_namespace__(self, api_version=None):
        import cupy

        return cupy

    def __getitem__(self, index):
        index = own(index)
        if some(getattr(i, "dtype", None) == np.bool_ for i in (index if isinstance(index, tuple) else (index,))):
            raise TypeError("a mask needs to be looked at on the host")
        return ndarray(self.value[index])

    def __setitem__(self, index, value):
        self.value[own(index)] = own(value)

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (ndarray(x) for x in self.value)

    def __repr__(self):
        return repr(self.value)


def own(tree):
    """The same with NumPy arrays in the place of the stand-in's; NumPy's own are refused."""
    if isinstance(tree, ndarray):
        return tree.value
    if isinstance(tree, np.ndarray):
        raise TypeError(f"Unsupported type {type(tree)}")
    if isinstance(tree, dict):
        return {name: own(item) for name, item in tree.items()}
    return type(tree)(map(own, tree)) if type(tree) in (tuple, list) else tree


def given(tree):
    """What a function of NumPy gives, as CuPy gives it: numbers too are arrays."""
    if isinstance(tree, tuple) and not hasattr(tree, "_fields"):
        return tuple(map(given, tree))
    if isinstance(tree, list):
        return [given(item) for item in tree]
    return ndarray(tree) if isinstance(tree, (np.ndarray, np.generic)) else tree


def flush(x):
    """What is too small for a float32 of full precision is 0: CuPy compiles with -ftz=true."""
    if isinstance(x, np.ndarray) and x.dtype == np.float32 and x.flags.writeable:
        x[np.abs(x) < np.finfo(np.float32).tiny] = 0


def wrapped(function):
    """A function of NumPy as one of the stand-in."""

    def call(*args, **settings):
        if settings.pop("device", None) is not None:
            raise TypeError("CuPy's functions take no device")
        out = settings.get("out")
        if isinstance(out, tuple):
            settings["out"] = out = out[0]
        result = function(*own(args), **own(settings))
        if isinstance(function, np.ufunc):
            flush(result if out is None else out.value)
        return out if out is not None else given(result)

    call.__name__ = getattr(function, "__name__", "call")
    return call


def _operator(name):
    method = getattr(np.ndarray, name)

    def operator(self, other=None):
        if isinstance(other, np.ndarray):
            raise TypeError(f"Unsupported type {type(other)}")
        result = method(self.value, *(() if other is None else (own(other),)))
        flush(result)
        if name.startswith("__i") and name != "__invert__":
            return self
        return result if result is NotImplemented else given(result)

    return operator


for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():  # noqa: SIM905
    for _kind in ("", "r", "i"):
        setattr(ndarray, f"__{_kind}{_name}__", _operator(f"__{_kind}{_name}__"))
for _name in "lt le gt ge eq ne neg pos abs invert".split():  # noqa: SIM905
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
for _name in ("__bool__", "__int__", "__float__", "__index__", "__complex__"):
    setattr(ndarray, _name, lambda self, _name=_name: getattr(self.value, _name)())
ndarray.__hash__ = None

for _name in dir(np):
    _thing = getattr(np, _name)
    if _name.startswith("_") or isinstance(_thing, types.ModuleType):
        continue
    if isinstance(_thing, type) or not callable(_thing) or _name in ("issubdtype", "isdtype", "result_type", "dtype"):
        globals().setdefault(_name, _thing)
    else:
        globals().setdefault(_name, wrapped(_thing))
isdtype, iinfo, finfo, can_cast, promote_types = np.isdtype, np.iinfo, np.finfo, np.can_cast, np.promote_types


def result_type(*args):
    """NumPy's rule, with arrays of the stand-in."""
    return np.result_type(*own(args))


def array(obj, dtype=None, copy=True, order="K", blocking=False):
    """An array on the device; a NumPy array may be given here, and in `asarray`."""
    value = obj.value if isinstance(obj, ndarray) else obj
    if isinstance(value, (list, tuple)) and some(isinstance(x, ndarray) for x in value):
        value = [x.value if isinstance(x, ndarray) else x for x in value]
    return ndarray(np.array(value, dtype=dtype, copy=copy))


def asarray(a, dtype=None, order=None, blocking=False, copy=None):
    """An array on the device; one that is there already is given back."""
    if isinstance(a, ndarray) and (dtype is None or a.dtype == dtype) and not copy:
        return a
    return array(a, dtype=dtype)


def asnumpy(a):
    """A NumPy array with a copy of the elements."""
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


class RawKernel:
    """A kernel of a text."""

    def __init__(self, code, name):
        self.function = RawModule(code).kernel(name)

    def __call__(self, blocks, threads, arguments):
        self.function(blocks, (threads[0], 1), [x.data.ptr if isinstance(x, ndarray) else x for x in arguments])


def copyto(dst, src):
    """The elements of src in dst."""
    np.copyto(dst.value, own(src))


from . import cuda, fft, linalg, random  # noqa: E402, F401
from .cuda import RawModule, get_default_memory_pool  # noqa: E402, F401

__all__ = [name for name in globals() if not name.startswith("_")]
