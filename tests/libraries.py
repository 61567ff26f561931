"""The libraries under test: how each makes arrays, and how it runs a function."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

import nnx


@dataclass
class Library:
    """A backend under test. `run` calls a function with arrays, watching or compiling it where the library can."""

    name: str
    backend: nnx.Backend
    jit: bool = False
    read_only: bool = False
    guarded: bool = False  # reading a value on the host is an error while a function runs

    @property
    def dtype(self):
        return self.backend.dtype

    def array(self, x, dtype=None):
        """x on the backend: floats in its float type, integers in its integer type."""
        x = np.asarray(x)
        if x.dtype.kind in "iub":
            return self.backend.integers(x)
        return self.backend.floats(x)

    def arrays(self, tree):
        return _map(lambda x: self.array(x) if isinstance(x, np.ndarray) else x, tree)

    def host(self, tree):
        return _map(lambda x: self.backend.to_numpy(x) if hasattr(x, "shape") else x, tree)

    def scope(self):
        return self.backend.scope()

    def run(self, function, *args, writes=()):
        """function(*args), with the arrays of all arguments but those numbered in `writes` made read-only."""
        with ExitStack() as stack:
            if self.read_only:
                for i, arg in enumerate(args):
                    if i not in writes:
                        _map(_freeze, arg)
            if self.guarded:
                stack.enter_context(no_host_reads())
            return (self.backend.compile(function) if self.jit else function)(*args)


def _freeze(x):
    if isinstance(x, np.ndarray):
        x.flags.writeable = False
    return x


def _map(function, tree):
    if isinstance(tree, dict):
        return {k: _map(function, v) for k, v in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_map(function, v) for v in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map(function, v) for v in tree)
    return function(tree)


@contextmanager
def no_host_reads():
    """array-api-strict with nothing that a GPU would have to wait for, and no extension or mask indexing."""
    import array_api_strict as strict

    def refuse(self, *args, **kwargs):
        raise AssertionError("a value was read on the host")

    names = ("__bool__", "__float__", "__int__", "__complex__")
    before = {name: getattr(strict._array_object.Array, name) for name in names}
    try:
        for name in names:
            setattr(strict._array_object.Array, name, refuse)
        with strict.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False, enabled_extensions=()):
            yield
    finally:
        for name, method in before.items():
            setattr(strict._array_object.Array, name, method)


def _strict_device1():
    import array_api_strict

    from nnx.backends.other import Other

    library = Other(array_api_strict)
    return nnx.Backend(library, array_api_strict, library.find_device("device1"), "float64")


def _double(name):
    return nnx.backend(name, dtype="float64")


LIBRARIES = {
    "numpy": lambda: Library("numpy", _double("numpy")),
    "numpy_readonly": lambda: Library("numpy_readonly", _double("numpy"), read_only=True),
    "strict": lambda: Library("strict", _double("array_api_strict"), guarded=True),
    "strict_device1": lambda: Library("strict_device1", _strict_device1(), guarded=True),
    "torch": lambda: Library("torch", _double("torch")),
    "jax": lambda: Library("jax", _double("jax")),
    "jax_jit": lambda: Library("jax_jit", _double("jax"), jit=True),
    "cupy": lambda: Library("cupy", _double("cupy")),
    "torch_cuda": lambda: Library("torch_cuda", _double("torch:cuda")),
}
GPU = ("cupy", "torch_cuda")
# What differs from another in `Library.run` alone.
TWINS = {"numpy_readonly": "numpy", "jax_jit": "jax"}
