"""Checkpoints: one file with all that a fit needs to go on as if it had never stopped, and the one before it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from ..backends import Backend, numpy as host
from ..contract import Layer, Loss, Params, State
from ..errors import require
from ..files import Model, locked, save
from ..files.write import clean, fault, temporary_name
from ..names import Spelled
from ..settings import AT_LEAST_1, NOT_NEGATIVE, file_path, settle
from .identity import Facts

VERSION = 1


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

    Parameters
    ----------
    path : str or path
        The file, such as "run.safetensors".
    every : int, default 1
        After how many epochs the file is written, at least 1.
    seconds : float, default 0.0
        Epochs that end earlier than so many seconds after the last writing are passed over; at least 0.
    encoder : TableEncoder, default None
        The encoder of a table, written into each file as `nnx.save` does.
    target : Target, default None
        The target of a table, written into each file as `nnx.save` does.

    Raises
    ------
    SettingError
        If a setting is outside its range or of another kind.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> net, how = nnx.mlp((8,), 1), dict(loss="squared_error", epochs=6)
    >>> fit = nnx.fit(net, x, x, checkpoint=nnx.Checkpoint("run.safetensors", every=2), **how)
    >>> again = nnx.fit(net, x, x, resume="run.safetensors.previous", **how)  # from epoch 4
    >>> again.history["loss"] == fit.history["loss"]
    True
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
            require(fine, f"Checkpoint: {name} must be the {name} of a table", beside)


def check(checkpoint: Any, resume: Any) -> None:
    """Raise SettingError unless these are a Checkpoint, and the path of one or what was read there, or None."""
    fine = checkpoint is None or isinstance(checkpoint, Checkpoint)
    require(fine, "fit: checkpoint must be nnx.Checkpoint(path, every=10)", checkpoint)
    fine = resume is None or isinstance(resume, (str, os.PathLike, Resumed))
    require(fine, "fit: resume must be the path of a checkpoint", resume)


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
    aside = temporary_name(older)
    try:
        try:
            os.link(path, aside)
        except FileNotFoundError:
            return
        except (OSError, AttributeError, NotImplementedError):  # a file system, or a system, without links
            shutil.copyfile(path, aside)
        os.replace(aside, older)
    except OSError as error:
        raise fault(older, f"cannot be written: {error.strerror}") from None
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def claimed(checkpoint: Checkpoint | None) -> Iterator[None]:
    """In the block no other fit writes this checkpoint; of one that was killed while it wrote nothing is left.

    Raises: DataError naming the process that does.
    """
    if checkpoint is None:
        yield
        return
    path = Path(checkpoint.path)
    with locked(path.with_name(f"{path.name}.lock"), path, ", or give another path"):
        clean(path)
        clean(previous(path))
        yield


def flat_state(state: State, backend: Backend) -> dict[str, Any]:
    """An optimizer's state as host arrays: state.step, state.rate, state.m.0.W, ..."""
    found: dict[str, Any] = {}
    for slot, value in state.items():
        parts = {f".{name}": a for name, a in value.items()} if isinstance(value, dict) else {"": value}
        found |= {f"state.{slot}{name}": backend.to_numpy(a) for name, a in parts.items()}
    return found
