"""Checkpoints: one file with all that a fit needs to go on as if it had never stopped, and the one before it."""

import os
import re
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from ..backends import Backend, numpy as host
from ..contract import Array, Layer, Loss, Params, State
from ..errors import ModelFileError, SettingError, require, shown
from ..files import Model, load, save
from ..names import Spelled
from ..settings import AT_LEAST_1, NOT_NEGATIVE, file_path, settle
from .identity import Facts

VERSION = 1
T = TypeVar("T")


class Epoch(Protocol):
    """A training after a whole epoch, whatever is trained."""

    @property
    def epoch(self) -> int: ...


P = TypeVar("P", bound=Epoch)


class ResumeWarning(UserWarning):
    """A training goes on, but not from where, or not to the bits that were to be expected."""


@dataclass(frozen=True)
class Checkpoint(Spelled):
    """Where, and after how many epochs each time, `nnx.fit` writes what `nnx.fit(..., resume=path)` goes on from.

    The file is also written before the first epoch, and after Ctrl-C, when it holds the last whole epoch. It is whole
    or absent; the one before it is kept beside it as `path` + ".previous". It is a model file, and `nnx.load(path)`
    gives the network with the weights that would be kept if the training ended there.

    seconds: epochs that end earlier than so long after the last writing are passed over.
    encoder, target: of a table, written into each file as `nnx.save` does.
    """

    path: str | os.PathLike[str]
    every: int = 1
    seconds: float = 0.0
    encoder: Any = None
    target: Any = None

    def __post_init__(self) -> None:
        settle(self, every=AT_LEAST_1, seconds=NOT_NEGATIVE)
        file_path("Checkpoint", self.path)
        for name in ("encoder", "target"):
            beside = getattr(self, name)
            fine = beside is None or hasattr(beside, "to_data")
            require(fine, f"Checkpoint: {name} must be the {name} of a table, got {shown(beside)}")


def check(checkpoint: Any, resume: Any) -> None:
    """Raise SettingError unless these are a Checkpoint, and the path of one or what was read there, or None."""
    fine = checkpoint is None or isinstance(checkpoint, Checkpoint)
    require(fine, f"fit: checkpoint must be nnx.Checkpoint(path, every=10), got {shown(checkpoint)}")
    fine = resume is None or isinstance(resume, (str, os.PathLike, Resumed))
    require(fine, f"fit: resume must be the path of a checkpoint, got {shown(resume)}")


@dataclass
class Progress:
    """A fit after a whole epoch."""

    epoch: int
    params: Params  # of this epoch
    state: State  # the optimizer's, by the names of the parameters
    best: tuple[int, Params]  # the epoch whose weights will be kept, and they
    history: dict[str, list[float]]  # of this epoch and those before; more may follow
    choices: dict[str, bool]  # of the loop: which steps are compiled
    stopped: str = ""
    execution: str = ""
    average: Params = field(default_factory=dict)  # of the weights, or the sum of those of some epochs


@dataclass
class Resumed:
    """A checkpoint that was read, its arrays on the host."""

    progress: Progress
    model: Model
    settings: Facts
    environment: Facts
    path: Path  # the file, or the previous one


def previous(path: str | os.PathLike[str]) -> Path:
    """The path of the checkpoint before this one."""
    return Path(f"{os.fspath(path)}.previous")


class Contents(NamedTuple):
    """The content of a checkpoint: a model, and beside it arrays and plain data."""

    net: Layer
    params: Params
    loss: Loss
    arrays: dict[str, Any]
    about: dict[str, Any]
    row: tuple[int, ...]


class Writer(Generic[P]):
    """Writes checkpoints of one training, whose progress has the number of the epoch."""

    def __init__(self, to: Checkpoint, settings: Facts, environment: Facts, contents: Callable[[P], Contents]) -> None:
        """contents: what is written of a progress."""
        self.to, self.contents = to, contents
        self.about = {"version": VERSION, "settings": settings, "environment": environment}
        self.held: P | None = None  # the last whole epoch, if it is not in the file yet
        self.own = False  # whether the file that is there is a good one of this fit
        self.last = monotonic()

    def begin(self, first: P | None, resumed: Path | None) -> None:
        """Before the first epoch: write it, or go on with the file resumed from."""
        path = Path(self.to.path)
        clean(path)
        if resumed is not None and path.exists() and os.path.samefile(path, resumed):
            self.own = True
        elif first is not None:
            self.write(first)
            if resumed is None:
                previous(path).unlink(missing_ok=True)  # of another fit

    def epoch(self, progress: P | None, *, now: bool) -> None:
        """After an epoch: None if it is not a whole one. now: write what there is, however early."""
        self.held = progress or self.held
        if self.held is None:
            return
        due = progress is not None and progress.epoch % self.to.every == 0
        if now or (due and monotonic() - self.last >= self.to.seconds):
            self.write(self.held)

    def write(self, progress: P) -> None:
        """Write the file, and keep the one before it. Raises: ModelFileError."""
        net, params, loss, arrays, about, row = self.contents(progress)
        if self.own:
            keep(Path(self.to.path))
        save(
            self.to.path,
            net,
            params,
            loss=loss,
            arrays=arrays,
            about={"checkpoint": self.about | about},
            row=row,
            encoder=self.to.encoder,
            target=self.to.target,
        )
        self.own, self.held, self.last = True, None, monotonic()


def contents(net: Layer, loss: Loss, backend: Backend, row: tuple[int, ...], progress: Progress) -> Contents:
    """The content of a checkpoint of one network."""
    best, params = progress.best
    p, n = progress, progress.epoch
    arrays = flat_state(p.state, backend)
    if best != p.epoch or p.average:  # which is kept in place of the weights
        arrays |= {f"last.{name}": backend.to_numpy(a) for name, a in p.params.items()}
    arrays |= {f"average.{name}": backend.to_numpy(a) for name, a in p.average.items()}
    if n:
        arrays["history"] = host.namespace().asarray([v[:n] for v in p.history.values()], dtype="float64")
    about = {"epoch": n, "best_epoch": best, "stopped": p.stopped, "execution": p.execution, "choices": p.choices}
    about |= {"figures": list(p.history) if n else []} | ({"average": list(p.average)} if p.average else {})
    about["names"] = list(params)  # their order in a file is another, and decides in which order they are summed
    return Contents(net, params, loss, arrays, about, row)


def keep(path: Path) -> None:
    """Give the file a second name, that of the checkpoint before: at no moment is there none."""
    older = previous(path)
    aside = older.with_name(f"{older.name}.tmp-{os.getpid()}")
    try:
        try:
            os.link(path, aside)
        except FileNotFoundError:
            return
        except OSError:  # a file system without links
            shutil.copyfile(path, aside)
        os.replace(aside, older)
    except OSError as error:
        raise ModelFileError(f"{older}: cannot be written: {error.strerror}") from None
    finally:
        aside.unlink(missing_ok=True)


def clean(path: Path) -> None:
    """Remove what a process that was killed while writing this checkpoint has left."""
    left = re.compile(re.escape(path.name) + r"(\.previous)?\.tmp-\d+")
    with suppress(OSError):
        for file in path.parent.iterdir():
            if left.fullmatch(file.name):
                file.unlink(missing_ok=True)


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
    return model, about


def _read(path: Path) -> Resumed:
    model, about = opened(path)
    try:
        epoch, best = int(about["epoch"]), int(about["best_epoch"])
        last, kept = part(model.arrays, "last") or model.params, model.params
        params, kept = ({name: p[name] for name in about["names"]} for p in (last, kept))
        rows = model.arrays["history"].tolist() if epoch else []
        history = {name: row for name, row in zip(about["figures"], rows, strict=True) if len(row) == epoch}
        if "epoch" in history:
            history["epoch"] = [int(n) for n in history["epoch"]]
        choices = {str(k): bool(v) for k, v in about["choices"].items()}
        text = str(about["stopped"]), str(about["execution"])
        found = part(model.arrays, "average")
        average = {name: found[name] for name in about.get("average", ())}
        progress = Progress(epoch, params, model.arrays, (best, kept), history, choices, *text, average)
        return Resumed(progress, model, dict(about["settings"]), dict(about["environment"]), path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{path}: not a whole checkpoint: {error}") from None


def part(arrays: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The arrays whose names begin so, without it."""
    return {key[len(name) + 1 :]: a for key, a in arrays.items() if key.startswith(f"{name}.")}


def flat_state(state: State, backend: Backend) -> dict[str, Any]:
    """An optimizer's state as host arrays: state.step, state.rate, state.m.0.W, ..."""
    found: dict[str, Any] = {}
    for slot, value in state.items():
        parts = {f".{name}": a for name, a in value.items()} if isinstance(value, dict) else {"": value}
        found |= {f"state.{slot}{name}": backend.to_numpy(a) for name, a in parts.items()}
    return found


def state_like(state: State, arrays: Mapping[str, Any], backend: Backend) -> State:
    """The state in these arrays, which must be those of a state like this one. Raises: ModelFileError."""

    def one(name: str, like: Array) -> Array:
        found = arrays.get(name)
        if found is None or tuple(found.shape) != tuple(like.shape):
            raise ModelFileError(f"the checkpoint has no {name} of shape {tuple(like.shape)}")
        return backend.asarray(found, like.dtype)

    return {
        slot: {name: one(f"state.{slot}.{name}", a) for name, a in value.items()}
        if isinstance(value, dict)
        else one(f"state.{slot}", value)
        for slot, value in state.items()
    }
