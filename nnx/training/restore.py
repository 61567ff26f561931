"""Checkpoints read back, as what anybody may have written: each fault is one line that names the file."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..backends import Backend
from ..contract import Array, Params, State
from ..errors import ModelFileError, NNXError, SettingError
from ..files import Model, load
from ..files.write import fault
from .checkpoint import VERSION, Progress, Resumed, ResumeWarning, previous

STOPPED = ("", "interrupted", "early stopping", "callback")
LIMIT = 1 << 53  # epochs, where it is not known how many there are to be
T = TypeVar("T")


def read(path: str | os.PathLike[str]) -> Resumed:
    """The checkpoint of one network, or with a warning the one before it. Raises: ModelFileError."""
    return newest(Path(path), _read)


def newest(path: Path, parse: Callable[[Path], T]) -> T:
    """The checkpoint as `parse` reads it, or with a warning the one before it if it cannot be read."""
    try:
        return parse(path)
    except ModelFileError as error:
        older = previous(path)
        if not older.exists():
            raise
        found = parse(older)
        epoch = getattr(getattr(found, "progress", found), "epoch", 0)
        warnings.warn(f"{error}; going on from {older}, epoch {epoch}", ResumeWarning, stacklevel=6)
        return found


def opened(path: Path, *, population: bool = False) -> tuple[Model, dict[str, Any]]:
    """The model in a checkpoint, and what is written about it. Raises: ModelFileError."""
    model = load(path, backend="numpy")
    about = model.about.get("checkpoint")
    if not isinstance(about, dict) or about.get("version") != VERSION:
        raise ModelFileError(f"{path}: a model, but not a checkpoint that this nnx can go on from")
    if ("parts" in about) != population:
        what, other = ("one network", "a population") if population else ("a population", "one network")
        raise SettingError(f"{path}: a checkpoint of {what}, from which {other} cannot go on")
    with parsing(path):
        for name in ("settings", "environment"):
            typed(about[name], name, dict, str)
        most = about["settings"].get("epochs", "")
        integer(about["epoch"], "epoch", int(most) if most.isdecimal() else LIMIT)
    return model, about


@contextmanager
def parsing(path: Path) -> Iterator[None]:
    """What is wrong with the content of a checkpoint, which anybody may have written, as a ModelFileError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        if isinstance(error, NNXError):
            raise
        what = f"it has no {error}" if isinstance(error, KeyError) else error
        raise fault(path, f"not a whole checkpoint: {what}") from None


def integer(value: Any, name: str, most: int) -> int:
    """A number from 0 to the most. Raises: ValueError."""
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"its {name} is {value!r:.40}, expected a whole number from 0 to {most}")
    return value


def typed(value: Any, name: str, kind: type, of: type) -> Any:
    """A list, or a dictionary by text, of such values. Raises: ValueError."""
    values = value.values() if isinstance(value, dict) else value
    if type(value) is not kind or not all(type(v) is of for v in values):
        raise ValueError(f"its {name} is {value!r:.40}, expected a {kind.__name__} of {of.__name__}")
    return value


def _read(path: Path) -> Resumed:
    model, about = opened(path)
    with parsing(path):
        epoch = about["epoch"]
        best = integer(about["best_epoch"], "best_epoch", epoch)
        names = typed(about["names"], "names", list, str)
        if any((a != a).any() for name, a in (model.params | model.arrays).items() if name != "history"):
            raise ValueError("its weights or the state of its optimizer are not numbers")
        last, kept = part(model.arrays, "last") or model.params, model.params
        params, kept = (_named(p, names, kept) for p in (last, kept))
        history = history_from(model.arrays["history"], typed(about["figures"], "figures", list, str)) if epoch else {}
        if epoch and history.get("epoch") != list(range(1, epoch + 1)):
            raise ValueError(f"its history is not of epochs 1 to {epoch}")
        choices = typed(about["choices"], "choices", dict, bool)
        stopped, execution = typed([about["stopped"], about["execution"]], "stopped and execution", list, str)
        if stopped not in STOPPED:
            raise ValueError(f"it was stopped by {stopped!r:.40}")
        average = part(model.arrays, "average")
        average = _named(average, typed(about.get("average", []), "average", list, str), kept) if average else {}
        progress = Progress(epoch, params, model.arrays, (best, kept), history, choices, stopped, execution, average)
        return Resumed(progress, model, about["settings"], about["environment"], path)


def like(found: Any, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
    """The array, which must be of this shape and hold such numbers, of any size. Raises: ValueError."""
    kind = next(kind for kind in ("bool", "float", "int") if kind in str(dtype))
    if tuple(found.shape) != shape or kind not in str(found.dtype):
        raise ValueError(f"its {name} is {found.dtype} {tuple(found.shape)}, expected {kind} {shape}")
    if name.endswith(".step") and (found < 0).any():
        raise ValueError(f"its {name} is negative")
    return found


def state_like(state: State, arrays: Mapping[str, Any], backend: Backend) -> State:
    """The state in these arrays, which must be those of a state like this one. Raises: LookupError, ValueError."""

    def one(name: str, wanted: Array) -> Array:
        return backend.asarray(like(arrays[name], name, tuple(wanted.shape), wanted.dtype), wanted.dtype)

    return {
        slot: {name: one(f"state.{slot}.{name}", a) for name, a in value.items()}
        if isinstance(value, dict)
        else one(f"state.{slot}", value)
        for slot, value in state.items()
    }


def _named(arrays: Params, names: list[str], like: Params) -> Params:
    """The arrays in the order of these names, which must be of those names and shapes. Raises: ValueError."""
    shapes = {name: tuple(a.shape) for name, a in arrays.items()}
    if sorted(names) != sorted(shapes) or any(shapes[name] != tuple(like[name].shape) for name in names):
        raise ValueError("its parameters are of other names or shapes than those of its network")
    strange = [name for name in names if arrays[name].dtype != like[name].dtype]
    if strange:
        raise ValueError(f"its {strange[0]} is {arrays[strange[0]].dtype}, expected {like[strange[0]].dtype}")
    return {name: arrays[name] for name in names}


def history_from(whole: Any, figures: list[str]) -> dict[str, list[float]]:
    """The rows of an array (figures, epochs) by name. Raises: ValueError."""
    if whole.ndim != 2 or str(whole.dtype) != "float64" or len(set(figures)) != len(figures):
        raise ValueError("its history is no row of numbers for each figure")
    history = dict(zip(figures, whole.tolist(), strict=True))
    if "epoch" in history:
        history["epoch"] = [int(n) for n in history["epoch"]]
    return history


def part(arrays: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The arrays whose names begin so, without it."""
    return {key[len(name) + 1 :]: a for key, a in arrays.items() if key.startswith(f"{name}.")}
