"""The errors nnx raises on purpose: each is one line saying what was expected, what came and what to do."""

from math import inf
from typing import Any

SMALLEST, LARGEST = 1.2e-38, 3.4e38  # of float32, but for 0: beyond them a setting would become 0 or infinite


class NNXError(Exception):
    """Base of all errors below."""


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


def unknown(kind: str, name: str, known: list[str]) -> str:
    """The message for an unknown name, with the nearest known one."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return f"unknown {kind} {name!r}: {hint}"


def require(holds: bool, message: str) -> None:
    """Raise SettingError(message) unless `holds`."""
    if not holds:
        raise SettingError(message)


def settle(settings: Any) -> None:
    """Turn the NumPy scalars among the settings of a frozen dataclass into plain numbers, and lists into tuples.

    A NumPy scalar would make float32 arrays float64; plain numbers can be compared, hashed and written to files.
    Raises SettingError for a number that float32 does not have, and for an infinite one unless the class names the
    setting in `unbounded`.
    """
    for name, value in vars(settings).items():
        if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
            value = value.item()
            object.__setattr__(settings, name, value)
        elif isinstance(value, list):
            value = tuple(value)
            object.__setattr__(settings, name, value)
        for v in value if isinstance(value, tuple) else (value,):
            if isinstance(v, (int, float)) and not isinstance(v, bool):
                free = v == inf and name in getattr(settings, "unbounded", ())
                fine = v == 0 or SMALLEST <= abs(v) <= LARGEST or free
                shown = v if isinstance(v, float) else f"{str(v)[:20]}..." if abs(v) > LARGEST else v
                wanted = f"0 or of a size from {SMALLEST:g} to {LARGEST:g}"
                require(fine, f"{type(settings).__name__}: {name} must be {wanted}, got {shown}")


def numbers(setting: Any) -> list[float]:
    """The numbers in a setting: itself, or one for each member of the population."""
    return [float(setting)] if isinstance(setting, (int, float)) else [float(v) for v in setting]
