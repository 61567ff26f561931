"""What a wrong name was meant to be: names of other libraries and their names here, and the nearest of those known.

Names are compared folded: without case, underscores and points.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, cast

from .elsewhere import ABSENT, ATTRIBUTES, ELSEWHERE, HISTORY, KEYWORDS, MEASURED, PARTS, SAME, WHAT

TABLES = dict.fromkeys(("loss", "optimizer", "metric", "activation", "schedule", "backend"), SAME)
TABLES |= {"setting": KEYWORDS, "parameter": KEYWORDS, "monitor": HISTORY}  # by the kind of a name
F = TypeVar("F", bound=Callable[..., Any])


def folded(name: str) -> str:
    """A name without case, underscores, hyphens, blanks and what stands before a point."""
    return "".join(c for c in name.rpartition(".")[2].casefold() if c not in "_- ")


@lru_cache(maxsize=8)
def _lines(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The lines of a table: a name here, and those elsewhere, folded."""
    rows = (line.partition(":")[::2] for line in text.strip().splitlines())
    return tuple((here, tuple(map(folded, others.split()))) for here, others in rows)


def _said(table: dict[str, str], name: str) -> str:
    """What a table of sentences says of a name, or ""."""
    for others, text in table.items():
        if folded(name) in map(folded, others.split()):
            return text
    return ""


def same(name: str, known: Iterable[str], table: str = SAME) -> str:
    """The name of those known that is this one folded, or is called so elsewhere, or ""."""
    known, wanted = list(known), folded(name)
    by_fold = {folded(own): own for own in reversed(known)}
    here = [here for here, others in _lines(table) if wanted in others]
    exact = [own for own in here if own in known]  # before one that differs in case, as Fit does from fit
    return (exact + [by_fold[folded(own)] for own in (wanted, *here) if folded(own) in by_fold] + [""])[0]


def nearest(name: str, known: Iterable[str], table: str = SAME) -> str:
    """The name of those known that was meant by another one, or ""."""
    from difflib import get_close_matches

    known = list(known)
    by_fold = {folded(own): own for own in reversed(known)}
    near = get_close_matches(folded(name)[:100], by_fold, n=1)
    return same(name, known, table) or (by_fold[near[0]] if near else "")


def hint(kind: str, name: str, known: Iterable[str]) -> str:
    """The end of the error for a name of this kind, such as "loss", that is not one of those known."""
    known = sorted(known)
    table = TABLES.get(kind.split()[0], "")
    if near := nearest(name, known, table):
        return f"did you mean {near!r}?"
    some = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return _said(ABSENT, name) if table is SAME and _said(ABSENT, name) else f"known: {some}"


def public(name: str, known: Iterable[str]) -> str:
    """The end of the error for a name that nnx has not."""
    if name.startswith("_"):
        return ""
    if text := _said(ABSENT, name):
        return f": {text}"
    near = nearest(name, known)
    return f": did you mean nnx.{near}?" if near else ""


def attribute(name: str, known: Iterable[str]) -> str:
    """The end of the error for an attribute that the result of a training has not."""
    if name.startswith("_"):
        return ""
    if text := _said(ATTRIBUTES, name):
        return f": {text}"
    near = nearest(name, known, "")
    return f": did you mean {near!r}?" if near else ""


@lru_cache(maxsize=256)  # `hasattr` asks too
def part_attribute(name: str) -> str:
    """The end of the error for an attribute that a layer, a loss or an optimizer has not."""
    text = "" if name.startswith("_") and name != "__call__" else _said(PARTS, name)
    return f": {text}" if text else ""


def figure(name: str, known: Iterable[str]) -> str:
    """The end of the error for a figure that a history has not."""
    metric, known = _said(MEASURED, name), list(known)
    if metric and f"validation_{metric}" not in known:
        return f"metrics=[{metric!r}] and validation=0.1 give {f'validation_{metric}'!r}"
    if same(name, ["validation_loss"], HISTORY) and "validation_loss" not in known:
        return "validation=0.1, or (x, y), gives 'validation_loss'"
    return hint("monitor", name, known)


def keyword(function: str, name: str, known: Iterable[str]) -> TypeError:
    """The error for a keyword that a function has not, as Python words it, and what to give in its place."""
    known, shown = list(known), name if len(name) <= 40 else name[:37] + "..."
    near = same(name, known, KEYWORDS)
    hint = "" if near else _said(ELSEWHERE, name)
    near = near or nearest(name, known, KEYWORDS)
    if not hint:
        meant = WHAT.get(name, near) if function == "fit" else near
        hint = f"did you mean {meant}?" if near else f"it takes {', '.join(known) or 'none'}"
        hint = hint if len(hint) <= 110 else f"it has none like it; see help(nnx.{function})"
    return TypeError(f"{function}() got an unexpected keyword argument {shown!r}: {hint}")


@lru_cache(maxsize=512)
def _keywords(function: Callable[..., Any]) -> frozenset[str] | None:
    """The keywords of a function, or None where it takes any."""
    parameters = list(inspect.signature(function).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return frozenset(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))


def _ordered(function: Callable[..., Any]) -> list[str]:
    """The keywords of a function in their order."""
    known = _keywords(function) or ()
    return [name for name in inspect.signature(function).parameters if name in known and name != "self"]


def spelled(function: F) -> F:
    """The function; a keyword that it has not is an error that says which one was meant."""
    known = _keywords(function)

    @wraps(function)
    def checked(*args: Any, **given: Any) -> Any:
        if known is not None and not given.keys() <= known:
            name = next(name for name in given if name not in known)
            raise keyword(function.__name__, name, _ordered(function)) from None
        return function(*args, **given)

    return cast(F, checked)


def brief(value: Any) -> str:
    """A dataclass as one would write it: what its constructor must be given, and what differs from the defaults."""
    parts, named = [], False
    for f in fields(value):
        if not f.init or not f.repr:
            continue
        given, default = getattr(value, f.name), f.default_factory() if callable(f.default_factory) else f.default
        if default is not MISSING and (given is default or repr(given) == repr(default)):
            named = True
            continue
        named = named or default is not MISSING
        parts.append(f"{f.name}={given!r}" if named else repr(given))
    return f"{type(value).__qualname__}({', '.join(parts)})"


class Spelled(Protocol):
    """A base of classes: a keyword that the constructor has not is an error that says which one was meant.

    The repr of a dataclass is what one would write to make it: `brief`.
    """

    def __init_subclass__(cls, *args: Any, **given: Any) -> None:
        super().__init_subclass__(*args, **given)
        if cls.__repr__ in (object.__repr__, Spelled._brief):
            cls.__repr__ = Spelled._brief  # type: ignore[assignment, method-assign]  # @dataclass then makes none
        if "__init__" in vars(cls):
            _keywords(cls.__init__)  # once, and not where an object is made

    def _brief(self) -> str:
        return brief(self) if is_dataclass(self) else object.__repr__(self)

    def __new__(cls, *args: Any, **given: Any) -> Self:
        check_keywords(cls, args, given)
        return super().__new__(cls)


class Part(Spelled, Protocol):
    """A base of layers, losses and optimizers: an attribute of other libraries is an error that says what to write."""

    if not TYPE_CHECKING:  # a type checker knows them all

        def __getattr__(self, name):
            if hasattr(type(self), name):
                return object.__getattribute__(self, name)  # a property, which failed for a reason of its own
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{part_attribute(name)}")


def _is_made(cls: Any) -> bool:
    """True if the constructor is the one that @dataclass makes, whose keywords are the fields."""
    return bool(cls.__dataclass_params__.init)


def check_keywords(cls: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
    """Raise TypeError for what the constructor of a class has no parameter for."""
    if not args and not given:
        return
    if cls.__init__ is object.__init__ or cls.__init__.__name__ == "_no_init_or_replace_init":
        raise TypeError(f"{cls.__name__}() takes no arguments")
    made = is_dataclass(cls) and _is_made(cls)
    if not given or (made and given.keys() <= {f.name for f in fields(cls) if f.init}):
        return
    known = _keywords(cls.__init__)
    if known is not None and not given.keys() <= known:
        name = next(name for name in given if name not in known)
        raise keyword(cls.__name__, name, _ordered(cls.__init__))
