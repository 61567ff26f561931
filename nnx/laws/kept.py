"""What an object keeps on itself: a layer or a loss holds its settings, and nothing of a call."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any


def own_state(part: Any) -> dict[str, str]:
    """The attributes of an object as texts, without those that it computes once from its settings."""
    kind = type(part)
    names = [name for name in getattr(part, "__dict__", {}) if not isinstance(_of(kind, name), cached_property)]
    return {name: f"{type(getattr(part, name)).__name__} {getattr(part, name)!r}" for name in names}


def _of(kind: type, name: str) -> Any:
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def kept_on(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """A line for each attribute that calls have changed."""
    changed = [name for name in after if after[name] != before.get(name)]
    return [
        f"self.{name} is written: return what backprop needs, an object keeps its settings alone" for name in changed
    ]


def leaves(tree: Any) -> Iterator[Any]:
    """The arrays in what `evaluate` has saved."""
    if isinstance(tree, dict):
        tree = tree.values()
    elif hasattr(tree, "shape"):
        yield tree
        return
    elif not isinstance(tree, (tuple, list)):
        return
    for part in tree:
        yield from leaves(part)
