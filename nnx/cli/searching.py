"""What a search that is gone on with need not do again: the trials of populations that have ended, and a checkpoint."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ..errors import SettingError
from ..files import write_whole
from ..files.write import fault
from ..training import Checkpoint
from ..training.checkpoint import previous
from ..training.parallel import ranks
from .folder import SEARCHING as FILE
from .grid import Parameter, parameters
from .ranking import Trial
from .reading import Hash, json_of

Count = Annotated[int, msgspec.Meta(ge=1)]
PAUSE = 10.0  # seconds between two checkpoints, where no number of epochs is given


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a search, beside the settings that all candidates have in common."""

    grid: tuple[str, ...]
    cv: Count
    random: Count | None
    halving: bool
    by: str | None
    given: tuple[str, ...]  # settings that have a value on the command line

    def parameters(self) -> list[Parameter]:
        """What is searched. Raises: SettingError."""
        found = parameters(self.grid, drawn=self.random is not None)
        for parameter in found:
            if parameter.setting in self.given:
                what = f"--grid {parameter.name} beside a value for {parameter.setting}"
                raise SettingError(f"{what}: give one of them")
        return found

    def words(self) -> list[str]:
        """The command that wants this; what all candidates have in common comes beside it. Raises: SettingError."""
        self.parameters()
        words = ["search", *(word for text in self.grid for word in ("--grid", text)), "--cv", str(self.cv)]
        words += [] if self.random is None else ["--random", str(self.random)]
        return words + ["--halving"] * self.halving + ([] if self.by is None else ["--by", self.by])


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """What a search was told."""

    config: dict[str, dict[str, Any]]
    wanted: Wanted
    sha256: Hash | None = None


class Ended(msgspec.Struct, forbid_unknown_fields=True):
    """A population that has ended: its candidates on each fold, and how many networks ran how."""

    trials: list[list[Trial]]
    runs: list[tuple[int, str]]


class Found(msgspec.Struct, forbid_unknown_fields=True):
    """The file of a search."""

    settings: Settings
    ended: list[Ended]


class Searching:
    """A search while it runs: its settings, and the populations that have ended, in a file that is whole at any time.

    every: epochs between two checkpoints; 0: nothing is written, and the search cannot be gone on with.
    """

    def __init__(self, path: Path, about: dict[str, Any], every: int | None) -> None:
        self.path, self.about, self.every = path, about, every
        self.asked = 0  # populations that have been asked for

    @classmethod
    def begin(cls, path: Path, settings: dict[str, Any], every: int | None) -> "Searching":
        """A search that begins. settings: plain data."""
        found = cls(path, {"settings": settings, "ended": []}, every)
        if every != 0:
            found.write()
        return found

    @classmethod
    def read(cls, path: Path) -> "Searching":
        """A search that was interrupted. Raises: ModelFileError."""
        found = json_of(path / FILE, Found)
        every = found.settings.config.get("training", {}).get("checkpoint_every")
        if every is not None and type(every) is not int:
            raise fault(path / FILE, "cannot be read: checkpoint_every must be a whole number")
        return cls(path, msgspec.to_builtins(found), every)

    def write(self) -> None:
        """Write what is known now."""
        if ranks().is_first:
            write_whole(self.path / FILE, json.dumps(self.about).encode())

    @property
    def file(self) -> Path:
        """The checkpoint of the population that is going on: each has a file of its own."""
        return self.path / f"search-{self.asked}.safetensors"

    def next(self, candidates: int, folds: int, epochs: int) -> tuple[list[list[Trial]], list[tuple[int, str]]] | None:
        """The trials of the next population and how it was run, if it has ended already. Raises: ModelFileError."""
        self.asked += 1
        if self.asked > len(self.about["ended"]):
            return None
        known = self.about["ended"][self.asked - 1]
        if len(known["trials"]) != candidates or any(len(own) != folds for own in known["trials"]):
            wanted = f"{candidates} candidates in {folds} folds"
            raise fault(self.path / FILE, f"cannot be read: run {self.asked} is not of {wanted}; search anew")
        if any(not 0 <= t["best_epoch"] <= t["epochs"] <= epochs for own in known["trials"] for t in own):
            raise fault(
                self.path / FILE, f"cannot be read: run {self.asked} is of more than {epochs} epochs; search anew"
            )
        return [[Trial(**t) for t in own] for own in known["trials"]], [(int(n), str(how)) for n, how in known["runs"]]

    def checkpoint(self) -> dict[str, Any]:
        """How the population that is going on is to write checkpoints, and what it goes on from."""
        if self.every == 0:
            return {}
        there = self.file.exists() or previous(self.file).exists()
        pause = PAUSE if self.every is None else 0.0
        return {"checkpoint": Checkpoint(self.file, self.every or 1, pause), "resume": self.file if there else None}

    def ended(self, trials: Sequence[Sequence[Trial]], runs: Sequence[tuple[int, str]]) -> None:
        """The population that was going on has ended."""
        if self.every == 0:
            return
        self.about["ended"].append({"trials": [[asdict(t) for t in own] for own in trials], "runs": list(runs)})
        self.write()
        self.forget()

    def forget(self) -> None:
        """Remove the checkpoints."""
        for file in (self.file, previous(self.file)) if ranks().is_first else ():
            file.unlink(missing_ok=True)

    def end(self) -> None:
        """The search is over: remove what it was to be gone on with by."""
        self.forget()
        if ranks().is_first:
            (self.path / FILE).unlink(missing_ok=True)

    @property
    def can_go_on(self) -> bool:
        """Whether there is something to go on from."""
        return bool(self.about["ended"]) or self.file.exists()
