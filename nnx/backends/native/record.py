"""A function of NumPy arrays, run once while every array operation in it is written down.

What is recorded is what happened to memory: which operation read which arrays and wrote which. A view needs no
operation, because the memory it looks at will be the same when the recording is run again.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ..arrays import _libraries, _namespaces
from ..numpy import lean
from .calls import Calls, Refused as Refused, mapped as mapped, refusing
from .recorded import Number, Recorded, value_of


def record(
    function: Callable[..., Any], args: tuple[Any, ...], *, compute: bool = True, numbers: bool = True
) -> tuple[Any, Calls]:
    """What the function gives, and the operations it did. Raises Refused.

    compute, numbers: as `Calls` has them.
    """
    calls = Calls(compute, numbers)
    first = Recorded(np.zeros(()), calls)
    with refusing():
        try:
            result = function(
                *mapped(lambda leaf: Recorded(leaf, calls) if isinstance(leaf, np.ndarray) else leaf, args)
            )
            return value_of(mapped(first.leaf, result)), calls
        finally:
            calls.closed = True


MOST = 64  # programs that are kept
_known: dict[Any, Any] = {}


def remembered(step: Callable[..., Any], arrays: Any, make: Callable[[], Any]) -> Any:
    """What `make` gives for a step on arrays like these: the same for steps of the same `key`, made once.

    A step has a key where nothing but the key decides what it does: that of nnx's own parts.
    """
    key = getattr(step, "key", None)
    if key is None:
        return make()
    found = _known.get((key, arrays))
    if found is None:
        found = make()
        if len(_known) >= MOST:  # the oldest gives way
            _known.pop(next(iter(_known)), None)
        _known[key, arrays] = found
    return found


def _namespace() -> ModuleType:
    """NumPy for recorded arrays: `asarray` would otherwise look inside them."""
    module = ModuleType("numpy", "NumPy for recorded arrays")
    module.__dict__.update(vars(lean))

    def asarray(x: Any, *, dtype: Any = None, device: Any = None, copy: Any = None) -> Any:
        if not isinstance(x, Recorded):
            return np.asarray(x, dtype=dtype, copy=copy)
        return x.astype(x.dtype if dtype is None else dtype, copy=bool(copy))

    module.__dict__.update(asarray=asarray)
    return module


_namespaces[Recorded] = _namespaces[Number] = _namespace()
_libraries[Recorded] = _libraries[Number] = "numpy"
