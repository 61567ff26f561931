"""The operations of a recording, what refuses one, and the trees of arrays that steps are given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Refused(Exception):
    """The function did what a recording cannot repeat; the text says what."""


@contextmanager
def refusing() -> Iterator[None]:
    """Whatever goes wrong inside is a reason to run the step plainly; what is wrong with it will come again there."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        raise Refused(f"{type(error).__name__}: {lines[0]}") from None


class Call(NamedTuple):
    """One operation: kind says how to repeat it, inputs are arrays or Python numbers."""

    kind: str  # "ufunc", "reduce", "take", "concat", "where", "copy", "fill", "other"
    function: Any
    inputs: tuple[Any, ...]
    output: Any
    settings: dict[str, Any]


class Calls(list[Call]):
    """The operations of one recording.

    compute: whether they are computed; else results have their shapes and types, and are zeros. numbers: whether a
    result without axes is a number, as NumPy's are, and not an array that a second name would see change.
    """

    def __init__(self, compute: bool, numbers: bool) -> None:
        super().__init__()
        self.compute, self.numbers = compute, numbers
        self.closed = False  # whether the recording is over


def leaves(tree: Any) -> list[Any]:
    """What lies in nested tuples, lists and dicts, in their order."""
    kind = type(tree)  # quicker than isinstance, which a recorded array answers itself
    if issubclass(kind, dict):
        return [leaf for item in tree.values() for leaf in leaves(item)]
    if issubclass(kind, (tuple, list)):
        return [leaf for item in tree for leaf in leaves(item)]
    return [tree]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same nested tuples, lists and dicts with the function of every leaf."""
    kind = type(tree)
    if issubclass(kind, dict):
        return {name: mapped(function, item) for name, item in tree.items()}
    if not issubclass(kind, (tuple, list)):
        return function(tree)
    parts = [mapped(function, item) for item in tree]
    made: Any = kind
    return made(*parts) if hasattr(kind, "_fields") else made(parts)
