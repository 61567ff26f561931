"""A run folder belongs to one process: made, locked, taken over from one that was killed, replaced by a better one."""

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from datetime import datetime
from itertools import chain, count
from pathlib import Path

import msgspec

from ..errors import DataError, ModelFileError
from ..files import locked, write_whole, writer
from ..files.lock import Held
from ..files.write import fault, is_left
from .folder import BEST, CHECKPOINT, CONFIG, DATA, LOCK, METRICS, MODELS, REPLACING, SEARCHING, is_own
from .reading import json_of

BEGUN = "begun"  # in the lock of a folder that was empty when its run began: what is of a run in it is of this one
OTHER = ", or give another --out"


@contextmanager
def new_folder(out: str | None, name: str, *, force: bool = False, hold: bool = True) -> Iterator[Path]:
    """A new folder for a run, this process's alone; if the block fails, what cannot be gone on with is removed again.

    force: the files of a run that is there already are replaced when the block has ended well; other files stay. A new
    folder that can be gone on with stays beside it.
    hold: False leaves the new folder to another process, which the block starts.
    Raises: DataError if it is there already, is being written, or cannot be made; ModelFileError.
    """
    if out == "":
        raise DataError("--out: expected the name of a folder, got ''")
    with ExitStack() as owning:
        path, made, held = _claimed(out, name, owning)
        try:
            if _is_free(path, held):
                yield from _begun(path, held, owning, hold)
            else:
                yield from _in_place_of(path, force, hold)
        except BaseException:
            owning.close()
            _unmade(made)
            raise


def _begun(path: Path, held: Held, owning: ExitStack, hold: bool) -> Iterator[Path]:
    """A folder with nothing in it, in which a run begins."""
    held.note(BEGUN)
    try:
        if not hold:
            owning.close()
        yield path
    except BaseException:
        with suppress(DataError, ModelFileError), nullcontext() if hold else owned(path, OTHER):
            tidy(path)
        raise


def owned(path: Path, remedy: str = "") -> AbstractContextManager[Held]:
    """The lock of a run folder. Raises: DataError naming the process that has it, ModelFileError."""
    return locked(path / LOCK, path, remedy)


@contextmanager
def resumed_folder(path: Path) -> Iterator[None]:
    """The folder of a run that is gone on with, this process's alone. Raises: DataError, ModelFileError."""
    if not path.is_dir():
        raise fault(path, "not the folder of a run that can be gone on with: config.toml or data.json is missing")
    with owned(path) as held:
        check_files(path)
        if _is_free(path, held):
            raise fault(path, "not the folder of a run that can be gone on with: there is nothing of one in it")
        held.note("")
        yield


def _claimed(out: str | None, name: str, owning: ExitStack) -> tuple[Path, list[Path], Held]:
    """A folder that is locked, and those of it and its parents that had to be made for it."""
    while True:
        path, made = _made(out, name)
        try:
            return path, made, owning.enter_context(owned(path, OTHER))
        except (DataError, ModelFileError):
            if path.exists():  # else a process that failed has removed it
                _unmade(made)
                raise


def _made(out: str | None, name: str) -> tuple[Path, list[Path]]:
    """The folder asked for, or one of a name that no run has had, and those of it and its parents that were made."""
    path = Path(os.path.realpath(out)) if out and Path(out).is_symlink() else Path(out or "")
    names = [path] if out else _numbered(Path("runs") / f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{name}")
    for path in names:
        try:
            made = [p for p in (path, *path.parents) if not p.exists()]
            path.mkdir(parents=True, exist_ok=bool(out))
        except FileExistsError:
            if not out:
                continue
            raise DataError(f"{path} exists and is no folder: give another --out") from None
        except OSError as error:
            raise DataError(f"{path}: the run folder cannot be made ({error.strerror}): give another --out") from None
        return path, made
    raise AssertionError  # the names do not end


def _unmade(made: list[Path]) -> None:
    """Remove folders that were made, but for those in which something is."""
    for folder in made:
        with suppress(OSError):
            folder.rmdir()


def _numbered(path: Path) -> Iterator[Path]:
    """The path, then path-2, path-3, ..."""
    return chain([path], (path.with_name(f"{path.name}-{i}") for i in count(2)))


def _is_free(path: Path, held: Held) -> bool:
    """True for a folder in which there is nothing; what a run has left that nothing can be gone on with by is removed.

    That is what a process left that was killed, or that a disk was full for: files of a run that are all empty.
    """
    _finish_replacing(path)
    _sweep(path)
    files = [file for file in path.iterdir() if file.name != LOCK]
    if all(is_own(file.name) for file in files):
        empty = all(_is_regular(file) and not file.stat().st_size for file in files)
        if empty or (held.left == BEGUN and not _is_run(path)):
            _remove(path)
            return True
    return not files


def _is_run(path: Path) -> bool:
    """True if a model is in the folder, or what one is gone on with by."""
    there = {file.name for file in path.iterdir()}
    return not there.isdisjoint({*MODELS, SEARCHING}) or {CONFIG, DATA} <= there


def can_go_on(path: Path) -> bool:
    """True if there is something to go on from: a checkpoint after an epoch, or what a search has tried."""
    rows = path / METRICS
    trained = (path / CHECKPOINT).exists() and _is_regular(rows) and rows.stat().st_size > 0
    return trained or (path / SEARCHING).exists()


def tidy(path: Path) -> None:
    """After a training that failed, remove its files, unless it can be gone on with or has a model."""
    if not can_go_on(path) and not (path / BEST).exists():
        _remove(path)


def remove_checkpoints(path: Path) -> None:
    """Remove what a run that is finished was to be gone on with by."""
    for file in path.iterdir():
        if file.name.startswith((CHECKPOINT, SEARCHING, "search-")) and is_own(file.name) and _is_regular(file):
            file.unlink()


def _remove(path: Path) -> None:
    """Remove the files of a run, but for the lock."""
    with suppress(FileNotFoundError):
        for file in path.iterdir():
            if is_own(file.name) and file.name != LOCK and _is_regular(file):
                file.unlink()


def _sweep(path: Path) -> None:
    """Remove the temporary files of processes that are no more."""
    for file in path.iterdir():
        if is_left(file.name) and _is_regular(file):
            file.unlink(missing_ok=True)


def check_files(path: Path) -> None:
    """Raise ModelFileError unless what has the name of a run's file is a file: no folder, and no link elsewhere."""
    for file in sorted(path.iterdir()):
        if is_own(file.name) and not _is_regular(file):
            raise fault(file, "not a regular file, as those of a run are: remove it")


def _is_regular(file: Path) -> bool:
    with suppress(FileNotFoundError):
        return stat.S_ISREG(file.lstat().st_mode)
    return False


# --force


def _in_place_of(path: Path, force: bool, hold: bool) -> Iterator[Path]:
    """A new folder beside that of a run, whose files take the place of the run's when the block has ended well."""
    if not force:
        raise DataError(f"{path} exists; a run is never overwritten: give another --out, or --force")
    if not _is_run(path):
        raise DataError(f"{path} exists and is not the folder of a run: --force does not replace it")
    check_files(path)
    new = _beside(path)
    try:
        with owned(new, OTHER) if hold else nullcontext() as held:
            if held is not None:
                held.note(BEGUN)
            yield new
        with owned(new, OTHER):
            names = sorted(file.name for file in new.iterdir() if is_own(file.name) and file.name != LOCK)
            write_whole(path / REPLACING, json.dumps({"by": new.name, "files": names}).encode())
        _finish_replacing(path)
    except BaseException:
        with suppress(DataError, ModelFileError), owned(new, OTHER):
            tidy(new)
        with suppress(OSError):  # it can be gone on with: it stays
            new.rmdir()
        raise


def _beside(path: Path) -> Path:
    """A new folder beside a run; one that a process left that was killed is used again."""
    for new in _numbered(path.with_name(f"{path.name}.new")):
        if (new / LOCK).is_file():
            with suppress(DataError, ModelFileError), owned(new, OTHER) as held:
                if held.left == BEGUN:
                    _remove(new)
            with suppress(OSError):
                new.rmdir()
        try:
            new.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise DataError(f"{new}: the run folder cannot be made ({error.strerror}): give another --out") from None
        return new
    raise AssertionError  # the names do not end


class Replacing(msgspec.Struct, forbid_unknown_fields=True):
    """What is left to do of putting the files of a new run in the place of an old one's."""

    by: str  # the name of the folder beside
    files: list[str]


def _finish_replacing(path: Path) -> None:
    """Put the files of a new run in the place of the old ones', where that was begun. Raises: ModelFileError."""
    note = path / REPLACING
    if not os.path.lexists(note):
        return
    found = json_of(note, Replacing)
    if not re.fullmatch(re.escape(path.name) + r"\.new(-\d+)?", found.by) or not all(map(is_own, found.files)):
        raise fault(note, "cannot be read: it does not name a run beside this one")
    new = path.with_name(found.by)
    if new.is_dir():
        with owned(new, OTHER):
            check_files(new)
            for file in path.iterdir():
                if is_own(file.name) and ".tmp-" not in file.name and file.name not in (LOCK, REPLACING, *found.files):
                    file.unlink()
            for name in found.files:
                with suppress(FileNotFoundError):  # it was moved before
                    os.replace(new / name, path / name)
    note.unlink()
    with suppress(OSError):
        new.rmdir()


# what only reads


def model_in(path: Path) -> Path:
    """The model file of a run folder, or the path itself if it is a file. Raises: ModelFileError, DataError."""
    if path.is_file():
        return path
    if os.path.lexists(path / REPLACING):
        with owned(path):
            _finish_replacing(path)
    file = path / BEST
    if not file.is_file():
        by = writer(path / LOCK) if path.is_dir() else None
        if by is not None:
            raise fault(path, f"being trained by {by}: it has no {BEST} yet")
        raise fault(path, f"not a run folder: it has no {BEST} in it")
    return file
