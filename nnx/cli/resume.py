"""`nnx resume`: a run that was interrupted, gone on with to the same bits."""

import json
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from ..errors import ModelFileError, SettingError, require
from ..files.write import fault
from ..tabular.prepare import Prepared
from ..tabular.recipe import check
from ..tabular.settings import Config
from ..tabular.table import same_files
from ..tabular.training import Before
from ..training.checkpoint import previous
from ..training.parallel import ranks
from . import folder as run_folder
from .claim import resumed_folder
from .config import of_run
from .place import backend_of
from .ranking import read as read_search
from .reading import Hash, json_of, of_file
from .record import Schema
from .search import go_on as go_on_with_search
from .train import complete, end, ready, told
from .voice import Voice


class Known(msgspec.Struct):
    """What data.json says of the file."""

    sha256: Hash | None


def resume(folder: str, say: Voice) -> int:
    """Finish the run in this folder and write all its files. Returns the exit code."""
    started, path = monotonic(), Path(folder)
    with ranks().within(resumed_folder(path)):
        if (path / run_folder.SEARCHING).exists() and not (path / run_folder.CONFIG).exists():
            return go_on_with_search(path, say)
        config, hashed = opened(path)
        same_files(config.data, hashed)
        file = path / run_folder.CHECKPOINT
        there = file.exists() or previous(file).exists()
        with of_file(path / run_folder.CONFIG, config):
            before = Before(file, config.training.members or 1) if there else None
        where = f"goes on after epoch {before.epoch}" if before else "no checkpoint: it begins anew"
        say(f"{path}: {where}")
        with of_file(path / run_folder.CONFIG, config):
            _, chosen = backend_of(config)
            prepared, config = ready(config, chosen, say)
        schema = same_table(path, run_folder.schema(prepared, config.data.path, hashed))
        if (path / run_folder.SEARCH).exists():
            read_search(path / run_folder.SEARCH)
        if before is not None:
            same_encoder(path, prepared, before)
        with told(path, say), of_file(path / run_folder.CONFIG, config):
            outcome = complete(path, config, prepared, schema, chosen, say, started, before)
    return end(path, outcome, say)


def opened(path: Path) -> tuple[Config, str | None]:
    """The settings of an unfinished run, and the hash of its data. Raises: ModelFileError, SettingError."""
    file, settings = path / run_folder.CHECKPOINT, path / run_folder.CONFIG
    if not settings.is_file() or not (path / run_folder.DATA).is_file():
        raise ModelFileError(
            f"{path}: not the folder of a run that can be gone on with: config.toml or data.json is missing"
        )
    try:
        config, ended = of_run(settings)
        check(config)
        require(bool(config.data.path), "data.path names no table")
    except SettingError as error:
        raise fault(settings, str(error).removeprefix(f"{settings}: ")) from None
    if ended and not file.exists() and not previous(file).exists():
        if ended == "interrupted":
            raise SettingError(f"{path}: interrupted with --checkpoint-every 0: nothing to go on from; train anew")
        raise SettingError(f"{path}: the run is finished")
    hashed = json_of(path / run_folder.DATA, Known).sha256
    return config, hashed


def same_table(path: Path, schema: Schema) -> Schema:
    """The table as it was read now, which must be as the run says it was. Raises: ModelFileError."""
    file = path / run_folder.DATA
    known = json_of(file, dict[str, Any])
    notes = known.get("notes")
    if isinstance(notes, list) and all(isinstance(note, str) for note in notes):
        known["notes"] = notes[: len(schema["notes"])]  # an interrupted run may have one on its score after them
    for name, value in json.loads(json.dumps(schema)).items():
        if known.get(name, ...) != value:
            raise fault(file, f"not of this run: its {name!r} is not what the table gives; train anew")
    return schema


def same_encoder(path: Path, prepared: Prepared, found: Before) -> None:
    """Raise ModelFileError if the table does not become the columns of the checkpoint, or that tells of none."""
    for now, before in ((prepared.encoder, found.model.encoder), (prepared.target, found.model.target)):
        if before is None:
            raise fault(found.path, "a checkpoint, but not one of `nnx train`: it has no table encoder in it")
        if plain(now) != plain(before):
            raise fault(
                path,
                "the table is encoded otherwise than when the run began, by other versions; train anew",
            )


def plain(part: Any) -> str:
    """An encoder or target as text."""
    return json.dumps(part.to_data(), sort_keys=True)
