"""The errors nnx raises on purpose: each is one line saying what was expected, what came and what to do."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

MOST = 200  # characters of a message
QUOTED = r"""(?<!\w)'(?:[^'\\]|\\.)*'(?!\w)|(?<!\w)"(?:[^"\\]|\\.)*"(?!\w)"""
GIVEN, LEAST = re.compile(rf"{QUOTED}|\S+"), 24  # what is in quotes, or one word; no shorter than this
LISTED = re.compile(r"(?:[^,;:()]+, ){4,}[^,;:()]+")


class NNXError(Exception):
    """Base of all errors below."""

    def __init__(self, message: object = "", *more: Any) -> None:
        super().__init__(shortened(str(message)), *more)


class ShapeError(NNXError, ValueError):
    """An array has the wrong shape for where it was given."""


class SettingError(NNXError, ValueError):
    """A setting of a layer, loss, optimizer or fit is outside its range, or its name is unknown."""


class DataError(NNXError, ValueError):
    """The data cannot be trained on: empty, not finite, the wrong length, labels out of range."""


class BackendError(NNXError, RuntimeError):
    """A backend was asked for that cannot run here, or arrays of different libraries were mixed."""


class OutOfMemoryError(NNXError, MemoryError):
    """A device has too little memory; the text says how much was needed, and what would fit."""


class ModelFileError(NNXError, ValueError):
    """A model file is not one, is damaged, or holds names unknown here."""


class TrainingError(NNXError, RuntimeError):
    """The loss stopped being finite. `fit` is the result up to the last good epoch."""

    def __init__(self, message: str, fit: Any = None) -> None:
        super().__init__(message)
        self.fit = fit


def shown(value: Any, most: int = 60) -> str:
    """A value as a person may read it in a line: its repr, cut off, or the shape of an array."""
    if isinstance(value, type):
        return f"the class {value.__name__}"[:most]
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {tuple(shape)}"[:most]
    if isinstance(value, (str, bytes)):
        value = value[: most + 1]
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of a class of the user's, or a number of very many digits
        text = f"an object of {type(value).__name__}"
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def printable(text: str) -> str:
    """The text with control characters spelled out: names in files may hold what a terminal obeys."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shortened(text: str, given: Sequence[str] = ()) -> str:
    """The text in at most 200 characters: what was given is shortened in it, and not what it says to do.

    What was given is in quotes, is a long word such as a path, is a list, or one of the texts `given`.
    """
    while (excess := len(text) - MOST) > 0:
        pieces = [found.span() for found in GIVEN.finditer(text)]
        pieces += [(at, at + len(own)) for own in given if (at := text.find(own)) >= 0]
        start, end = max(pieces, key=lambda span: span[1] - span[0])
        listed = max(LISTED.finditer(text), key=lambda found: len(found[0]), default=None)
        if (size := end - start) > LEAST:
            keep = max(size - excess, LEAST) - 3
            new = f"{text[start : start + keep - keep // 2]}...{text[end - keep // 2 : end]}"
        elif listed:
            (start, end), new = listed.span(), ", ".join([*listed[0].removesuffix(", ...").split(", ")[:-1], "..."])
        else:
            break
        text = f"{text[:start]}{new}{text[end:]}"
    return text


def unknown(kind: str, name: Any, known: Iterable[str]) -> str:
    """The message for an unknown name, with the one that was meant, by its name elsewhere too, or the nearest."""
    from .names import hint

    return f"unknown {kind} {shown(name)}: {hint(kind, str(name), known)}"


def require(holds: bool, message: str, *given: Any) -> None:
    """Raise SettingError unless `holds`: the message, and what was given instead, which costs nothing if it holds."""
    if not holds:
        raise SettingError(", got ".join([message, *map(shown, given)]))


def numbers(setting: Any) -> list[float]:
    """The numbers in a setting: itself, or one for each member of the population."""
    return [float(setting)] if isinstance(setting, (int, float)) else [float(v) for v in setting]
